"""A measurement with its confidence interval."""

from dataclasses import dataclass
from typing import Final

__all__ = ["UNDEFINED", "Columns", "Estimate", "Known", "known"]

#: Stands where a figure has no value.
UNDEFINED: Final = "undefined"


@dataclass(frozen=True)
class Estimate:
    """A number that was measured on a sample, with its confidence interval.

    Attributes
    ----------
    value
        The figure of the sample; None where it is undefined or not finite.
    low, high
        Ends of the interval; None where nothing bounds the figure on that side.
    level
        Confidence level, in (0, 1).
    method
        How the interval was made.
    reason
        Why something is missing, or what the interval leaves out; None where there is nothing to say.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    reason: str | None = None

    def __format__(self, spec: str) -> str:
        """Write the figure, or that it is undefined."""
        return UNDEFINED if self.value is None else format(self.value, spec)

    @property
    def number(self) -> float:
        """The figure, where it cannot be missing."""
        assert self.value is not None
        return self.value


@dataclass(frozen=True)
class Known(Estimate):
    """An estimate that has its value wherever it stands."""

    value: float


def known(estimate: Estimate) -> Known:
    """Return an estimate whose value cannot be missing where it stands."""
    assert estimate.value is not None
    return Known(**vars(estimate))


class Columns:
    """A dataclass whose tuples are the columns of a table: equally long, with one entry at least."""

    def __post_init__(self) -> None:
        """Raise ValueError where they are not."""
        lengths = {name: len(each) for name, each in vars(self).items() if isinstance(each, tuple)}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"expected as many entries in each, one at least, and found {found}")
