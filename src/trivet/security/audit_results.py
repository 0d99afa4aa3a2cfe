"""An audit's security leg: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Any, ClassVar

from trivet.security.repairs.results import RepairResult
from trivet.security.results import PublishedSecurity
from trivet.security.scan_results import ScanResult, Strip

__all__ = ["SecurityAudit"]


@dataclass(frozen=True)
class SecurityAudit:
    """An audit's security leg.

    Attributes
    ----------
    scan
        The verdict on the network; None in a record that has no network.
    strip
        A few stamped images; None where no label is suspected.
    repair
        What was tried to remove the backdoor; None where no repair was requested, or nothing was suspected.
    published
        The same network by the published procedure; None without the built-in study.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    scan: ScanResult | None = None
    strip: Strip | None = None
    repair: RepairResult | None = None
    published: PublishedSecurity | None = None
