"""Results of a watch over a disparity: frozen values, no heavy import."""

from dataclasses import dataclass

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import Caution
from trivet.result import Table

__all__ = ["FairnessWatch", "WatchedGroup", "WatchedLook"]


@dataclass(frozen=True)
class WatchedLook:
    """One group at one look, compared with the reference group: all rows up to then.

    Attributes
    ----------
    look : Its name.
    rows, successes : Rows of the group in this look alone that the rate is of, and those that count.
    rate, reference_rate : Averages of both groups over all looks so far, in [0, 1]; None of no row.
    ratio, difference : Rate over that of the reference, and reference minus group; their intervals hold for
        all groups and at all looks at once.
    alone : The usual interval of the same ratio, which holds for one group at one look that was planned.
    log_e_equal, log_e_band : Logarithm of the evidence against equal rates, and against rates within the band
        (an e-value each: above log 20 has at most a chance of 5 % ever).
    alarm : Whether the interval lies outside the band.
    """

    look: str
    rows: int
    successes: int
    rate: float | None
    reference_rate: float | None
    ratio: Estimate
    difference: Estimate
    alone: Estimate
    log_e_equal: float
    log_e_band: float
    alarm: bool


@dataclass(frozen=True)
class WatchedGroup:
    """One group over time.

    Attributes
    ----------
    group : Its name.
    error : Its part of the probability that any interval misses.
    looks : From the group's first look on, in order.
    first_alarm : Look of the first alarm; None without.
    p_value : Of equal rates at all looks, whenever one stops: 1 over the largest e-value so far, at most 1,
        and adjusted for all groups by their parts of the error.
    verdict : ``disparate`` after an alarm, ``in band`` where the last interval lies within, or ``unsettled``.
    """

    group: str
    error: float
    looks: tuple[WatchedLook, ...]
    first_alarm: str | None
    p_value: float
    verdict: str


@dataclass(frozen=True, repr=False)
class FairnessWatch(
    Table,
    head=("verdict", "data", "metric", "reason"),
    rows="groups",
    columns=("group", "first_alarm", "p_value", "verdict"),
):
    """A disparity watched over time.

    Attributes
    ----------
    data : Names of the tables.
    columns : Sensitive columns.
    metric : Rate that is watched.
    prediction, label : Columns; None where not named.
    looks, rows : Names of the looks in order, and the rows of each.
    reference, reference_why : The group that the others are compared with, and why it.
    four_fifths : Lower end t of the band [t, 1/t] of the ratio.
    difference : Largest difference of rates without an alarm; None where the ratio decides.
    level : Probability that all intervals hold at all looks.
    groups : All but the reference, in the order in which they appear.
    first_alarm : Look of the first alarm of any group; None without.
    verdict, reason : The worst verdict, and what it rests on.
    cautions : What has to be known before the figures.
    limits : What the watch does not show.
    """

    data: tuple[str, ...]
    columns: tuple[str, ...]
    metric: str
    prediction: str | None
    label: str | None
    looks: tuple[str, ...]
    rows: tuple[int, ...]
    reference: str
    reference_why: str
    four_fifths: float
    difference: float | None
    level: float
    groups: tuple[WatchedGroup, ...]
    first_alarm: str | None
    verdict: str
    reason: str
    limits: str
    cautions: tuple[Caution, ...] = ()
