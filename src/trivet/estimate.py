"""A measurement with its confidence interval."""

from dataclasses import dataclass

__all__ = ["Estimate"]


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

    @property
    def number(self) -> float:
        """The figure, where it cannot be missing."""
        assert self.value is not None
        return self.value
