"""Results of a search for subgroups: frozen values, no heavy import."""

from collections.abc import Sequence
from dataclasses import dataclass

from trivet.estimate import Estimate
from trivet.result import Table

__all__ = [
    "CalibrationSearch",
    "Condition",
    "Detectable",
    "ExplainedSubgroup",
    "LeftOutColumn",
    "MiscalibratedSubgroup",
    "SearchedColumn",
    "SearchedMetric",
    "Subgroup",
    "SubgroupSearch",
    "description_of",
]


@dataclass(frozen=True)
class Condition:
    """A condition on one column: its name, and the condition in words, such as ``age 25 to 45``.

    A range ``25 to 45`` holds its lower end and not its upper one.
    """

    column: str
    text: str


def description_of(conditions: Sequence[Condition]) -> str:
    """Join conditions as a sentence has them."""
    return " and ".join(each.text for each in conditions)


@dataclass(frozen=True)
class LeftOutColumn:
    """A column that defines no subgroup, and why."""

    column: str
    reason: str


@dataclass(frozen=True)
class SearchedColumn:
    """A column whose values define subgroups, and these conditions."""

    column: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class SearchedMetric:
    """A rate whose differences were searched for.

    Attributes
    ----------
    metric : Its name, such as ``false_positive_rate``.
    rows : Rows that it is a share of.
    rate : Of all rows.
    subgroups : Subgroups that were compared with the rest.
    """

    metric: str
    rows: int
    rate: Estimate
    subgroups: int


@dataclass(frozen=True)
class Subgroup:
    """A subgroup whose rate differs from that of the rest.

    Attributes
    ----------
    description : Its conditions, joined by "and".
    conditions : One to three, each of another column.
    metric : The rate that differs.
    rows : Rows of the subgroup that it is a share of.
    share : Those as a share of all such rows, in (0, 1).
    rate, rest : The rate in the subgroup and in all other rows, each with an interval of its own.
    gap : Rate minus rest, with an interval that holds for all subgroups at once.
    z : Normal quantile of the exact one-sided p-value, with the sign of the gap.
    p_adjusted : For all subgroups at once.
    stands_for : How many more subgroups beyond the critical value this one explains.
    """

    description: str
    conditions: tuple[Condition, ...]
    metric: str
    rows: int
    share: float
    rate: Estimate
    rest: Estimate
    gap: Estimate
    z: float
    p_adjusted: float
    stands_for: int = 0


@dataclass(frozen=True)
class ExplainedSubgroup:
    """A subgroup beyond the critical value whose gap does not stand once `by`, which is listed, is fixed."""

    description: str
    metric: str
    rows: int
    gap: float
    by: str


@dataclass(frozen=True)
class Detectable:
    """Gaps that would have been found four times in five.

    Attributes
    ----------
    metric : The rate.
    share : The subgroups are those of at least this share of the rows, and of no more than the rest of it.
    subgroups : How many there are.
    median, worst : Smallest gap that is found with a power of 80 %, of the median and of the worst of them;
        None where no gap would be.
    """

    metric: str
    share: float
    subgroups: int
    median: float | None
    worst: float | None


@dataclass(frozen=True)
class MiscalibratedSubgroup:
    """A subgroup whose scores are not the shares of positives that they stand for.

    Attributes
    ----------
    description, conditions : As of `Subgroup`.
    rows : Rows of the subgroup.
    mean_score, base_rate : Mean score, and share of positive labels, in [0, 1].
    kuiper : Range of the cumulative sum of label minus score, rows sorted by score, over the rows.
    z : That range in standard deviations of the whole sum if the scores are right, corrected for skewness.
    p_value, p_adjusted : From the range of Brownian motion; and by Holm over the subgroups.
    """

    description: str
    conditions: tuple[Condition, ...]
    rows: int
    mean_score: float
    base_rate: float
    kuiper: float
    z: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True)
class CalibrationSearch:
    """Calibration of the scores in each subgroup.

    Attributes
    ----------
    subgroups : How many were tested: those with a variance that suffices.
    fewest : The least variance, the sum of p (1 - p) over the rows, that suffices.
    beyond : How many are beyond the level after Holm's adjustment.
    found : The strongest of these, without those that one above them explains.
    statement : What it comes to, in one sentence.
    """

    subgroups: int
    fewest: float
    beyond: int
    found: tuple[MiscalibratedSubgroup, ...]
    statement: str


@dataclass(frozen=True, repr=False)
class SubgroupSearch(
    Table,
    head=("statement", "subgroups", "rows", "critical"),
    rows="found",
    columns=("description", "metric", "rows", "rate", "rest", "gap", "p_adjusted"),
):
    """Subgroups of the rows whose rates differ from those of the rest.

    Attributes
    ----------
    rows : Rows that were searched.
    mode : ``simultaneous``: all subgroups are found and tested on the same rows; ``split``: found on one half
        and tested on the other.
    metrics : The rates.
    columns : Columns whose values define subgroups.
    left_out : Columns that define none, each with its reason.
    depth, fewest : Conditions at most, and rows at least, of a subgroup and of the rest.
    subgroups : Subgroups that were compared, by their number of conditions.
    not_searched : What a limit left out; None where nothing.
    level : Confidence level of all intervals and p-values together.
    critical : Value of z from which on a subgroup is found.
    bonferroni : What it would be by Bonferroni over the same comparisons.
    draws, blocks : Of the multiplier bootstrap: how often multipliers were drawn, and for how many blocks of
        rows. 0 where rows are split.
    seed : Of the draws, the blocks and the split.
    beyond : Subgroups beyond the critical value.
    found : The strongest of them, without those that a stronger one explains.
    explained : Those, up to a number.
    detectable : The smallest gaps that would have been found.
    calibration : Of the scores; None where only predictions were given.
    statement, limits : The result in words, and what it does not show.
    """

    rows: int
    mode: str
    metrics: tuple[SearchedMetric, ...]
    columns: tuple[SearchedColumn, ...]
    left_out: tuple[LeftOutColumn, ...]
    depth: int
    fewest: int
    subgroups: tuple[int, ...]
    not_searched: str | None
    level: float
    critical: float
    bonferroni: float
    draws: int
    blocks: int
    seed: int
    beyond: int
    found: tuple[Subgroup, ...]
    explained: tuple[ExplainedSubgroup, ...]
    detectable: tuple[Detectable, ...]
    calibration: CalibrationSearch | None
    statement: str
    limits: str
