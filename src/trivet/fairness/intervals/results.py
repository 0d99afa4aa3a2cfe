"""Results of a test, and what a sample could have shown."""

from dataclasses import dataclass

__all__ = ["Detectable", "RowsNeeded", "TestResult"]


@dataclass(frozen=True)
class TestResult:
    """The p-value of a test, None with a reason where there is nothing to test."""

    #: Keeps pytest from collecting this class.
    __test__ = False

    p_value: float | None
    method: str
    reason: str | None = None


@dataclass(frozen=True)
class Detectable:
    """The smallest disparity that a sample could have shown.

    Attributes
    ----------
    rate
        The protected group's rate from which on downwards the test finds the disparity.
    ratio
        That rate over the privileged group's: the disparate impact nearest to 1 that is found.
    difference
        The privileged group's rate minus that rate.
    level, power
        Confidence level of the test, and probability that it finds the disparity.
    method
        How the power was computed.
    reason
        Why no disparity can be found, where the three are None.
    """

    rate: float | None
    ratio: float | None
    difference: float | None
    level: float
    power: float
    method: str
    reason: str | None = None


@dataclass(frozen=True)
class RowsNeeded:
    """Number of rows of each group that shows a disparity.

    Attributes
    ----------
    protected, privileged
        Rows of the two groups.
    level, power
        Confidence level of the test, and probability that it finds the disparity.
    method
        How the rows were computed.
    """

    protected: int
    privileged: int
    level: float
    power: float
    method: str
