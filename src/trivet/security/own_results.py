"""Security results of the user's network: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Any, ClassVar

from trivet.security.repairs.results import RepairResult
from trivet.security.scan_results import ScanResult

__all__ = ["OwnSecurity", "OwnStrip"]


@dataclass(frozen=True)
class OwnStrip:
    """Predictions for a few held-out images, with and without the suspected label's trigger.

    Attributes
    ----------
    target
        The suspected label; none of the images is of this class.
    labels
        True classes, by image, as all that follows.
    clean_before, stamped_before
        Predicted classes without and with the trigger, by the network as it came.
    clean_after, stamped_after
        By the repaired network; None where there is none.
    images
        How many images there are.
    sent_before, sent_after
        How many of the stamped images go to the target.
    """

    target: int
    labels: tuple[int, ...]
    clean_before: tuple[int, ...]
    stamped_before: tuple[int, ...]
    clean_after: tuple[int, ...] | None
    stamped_after: tuple[int, ...] | None
    images: int
    sent_before: int
    sent_after: int | None


@dataclass(frozen=True)
class OwnSecurity:
    """An audit's security leg where one's own network is described, and not the built-in study.

    Attributes
    ----------
    scan
        The verdict on the network.
    strip
        A few stamped images; None where no label is suspected.
    repair
        What was tried to remove the backdoor; None where it was not requested, or nothing was suspected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    scan: ScanResult | None = None
    strip: OwnStrip | None = None
    repair: RepairResult | None = None
