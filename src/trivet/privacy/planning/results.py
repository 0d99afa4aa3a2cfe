"""Results of a plan: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from trivet.result import Table
from trivet.verdict import OVER_BUDGET, WITHIN_BUDGET

__all__ = [
    "AskedQuery",
    "CompositionCurve",
    "DeltaCurve",
    "GroupConversion",
    "Plan",
    "PlanCurves",
    "PlannedCharge",
    "PlannedRelease",
    "PlannedRow",
    "QueryNoise",
    "Spending",
    "SpentRow",
    "budget_verdict",
]


def budget_verdict(spent: float, allowed: float) -> str:
    """Say whether what is spent is at most what is allowed, both an epsilon."""
    return WITHIN_BUDGET if spent <= allowed else OVER_BUDGET


@dataclass(frozen=True)
class AskedQuery:
    """One line of the question, with what one record (or one group of them) moves.

    Attributes
    ----------
    name : As the user wrote it, or ``query 1``, ``query 2`` and so on.
    count : Number of times that it is answered, at least 1.
    share : Weight of the budget that each asking receives, above 0.
    cells, touches : Counts of a vector release, and how many one record touches at most; None for a number.
    l1, l2 : Sensitivity of one asking for the whole group, in units of the answer; equal for a single number.
    scale : Noise that each answer has already (Laplace b or sigma), where the question is what it spends.
    note : What a vector release costs in single numbers; empty for a single number.
    """

    name: str
    count: int
    share: float
    cells: int | None
    touches: int | None
    l1: float
    l2: float
    scale: float | None
    note: str


@dataclass(frozen=True)
class QueryNoise:
    """The noise of each number in one line of a plan.

    Attributes
    ----------
    name : As in `AskedQuery`.
    epsilon_per_query : Pure epsilon of one asking, four digits for integer noise; None for Gaussian noise.
    scale : Laplace b or Gaussian sigma, in units of the answer, above 0.
    standard_deviation, mean_absolute_error : Of the noise, in units of the answer.
    error_bound_95 : Half-width that the noise stays within with probability 0.95, in units of the answer.
    exceedance : P(value + noise > threshold), in [0, 1]; None where no threshold was given.
    """

    name: str
    epsilon_per_query: float | None
    scale: float
    standard_deviation: float
    mean_absolute_error: float
    error_bound_95: float
    exceedance: float | None


@dataclass(frozen=True)
class PlannedRow:
    """Noise of one mechanism by one theorem.

    Attributes
    ----------
    mechanism : ``laplace``, ``discrete-laplace`` or ``gaussian``.
    method : ``basic``, ``advanced``, ``zcdp``, ``optimal_bound``, ``rdp``, ``optimal_exact``, ``pld`` or
        ``gaussian``.
    name, source : The theorem and its paper, for people.
    applicable : Whether the theorem can be used; where not, `reason` says why and the rest is None or empty.
    reason : Empty where applicable.
    epsilon_per_query, scale, standard_deviation, mean_absolute_error, error_bound_95, exceedance : As in
        `QueryNoise`, of the only line; None where the plan has several lines.
    typical_deviation : Geometric mean of the standard deviations of all numbers, a vector's cells each
        counted, by which rows are compared: lines may have different units, and no unit changes which of two
        rows has the lower one. With one line it is its standard deviation.
    queries : One entry a line of the plan, in its order.
    """

    mechanism: str
    method: str
    name: str
    source: str
    applicable: bool
    reason: str
    epsilon_per_query: float | None
    scale: float | None
    standard_deviation: float | None
    mean_absolute_error: float | None
    error_bound_95: float | None
    exceedance: float | None
    typical_deviation: float | None
    queries: tuple[QueryNoise, ...]


@dataclass(frozen=True)
class GroupConversion:
    """Guarantee of a plan for a group by the generic conversion, which ignores the distribution of the noise.

    Attributes
    ----------
    size : Records that change together, at least 2.
    epsilon, delta : The group's guarantee where one record has the requested one; a delta of 1 is none.
    """

    size: int
    epsilon: float
    delta: float


@dataclass(frozen=True)
class CompositionCurve:
    """Total epsilon by one theorem as queries are repeated, at the noise of its mechanism's best row.

    `epsilon` is as long as `PlanCurves.repeats`; an entry is None where the theorem cannot be used.
    """

    mechanism: str
    method: str
    name: str
    epsilon: tuple[float | None, ...]


@dataclass(frozen=True)
class DeltaCurve:
    """Delta that is left at each epsilon by one theorem, at the noise of its mechanism's best row.

    `delta` is as long as `PlanCurves.epsilons`, in [0, 1]; an entry is None where the theorem proves
    nothing.
    """

    mechanism: str
    method: str
    name: str
    delta: tuple[float | None, ...]


@dataclass(frozen=True)
class PlanCurves:
    """Curves of the privacy loss by number of queries, and of delta by epsilon.

    Attributes
    ----------
    repeats : Increasing, from 1: how often the only query is answered, or the plan of several carried out.
    repeats_are : ``queries`` or ``rounds``, accordingly.
    planned : The number in `repeats` that the plan is for.
    composition : One curve a theorem that can be used.
    epsilons : Increasing, from 0 to twice the plan's epsilon.
    deltas : One curve a theorem that defines a delta at every epsilon.
    """

    repeats: tuple[int, ...]
    repeats_are: str
    planned: int
    composition: Annotated[tuple[CompositionCurve, ...], MinLen(1)]
    epsilons: tuple[float, ...]
    deltas: tuple[DeltaCurve, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless every curve has an entry for each of at least one repeat or epsilon."""
        lengths = {
            "repeats": {len(self.repeats), *(len(curve.epsilon) for curve in self.composition)},
            "epsilons": {len(self.epsilons), *(len(curve.delta) for curve in self.deltas)},
        }
        for name, found in lengths.items():
            if len(found) > 1 or 0 in found:
                raise ValueError(f"expected curves as long as {name}, one entry at least")


@dataclass(frozen=True)
class PlannedCharge:
    """Charge for one answer of a line.

    Attributes
    ----------
    name, count : As in `AskedQuery`.
    epsilon : Decimal text, as `release` takes it; for a mean the whole, of its sum and its count. None where
        the noise is Gaussian.
    rho : The same for Gaussian noise; None where it is Laplace noise.
    """

    name: str
    count: int
    epsilon: str | None
    rho: str | None


@dataclass(frozen=True)
class PlannedRelease:
    """A ledger that lets the whole plan through, and what each answer is charged.

    Attributes
    ----------
    mechanism : ``discrete-laplace``, or ``discrete-gaussian`` where that needs less noise.
    accounting : ``basic``, or ``pld`` where the plan has a delta.
    epsilon, delta : The ledger's budget, decimal text.
    queries : One entry a line of the plan, in its order.
    """

    mechanism: str
    accounting: str
    epsilon: str
    delta: str
    queries: tuple[PlannedCharge, ...]


@dataclass(frozen=True, repr=False)
class Plan(
    Table,
    head=("best_method", "epsilon", "delta", "why"),
    rows="rows",
    columns=("mechanism", "name", "scale", "standard_deviation"),
):
    """Noise that keeps a set of queries within (epsilon, delta), by every theorem.

    Attributes
    ----------
    epsilon, delta : The whole budget; delta 0 is pure differential privacy.
    adjacency : ``add-remove`` or ``replace-one``.
    group : Records that are protected together, at least 1.
    value, threshold : True answer, and what the noisy one is compared with; None where not given.
    answers : Total number of answers: the sum of the counts.
    queries : The lines of the question.
    rows : One entry a mechanism and theorem, also those that cannot be used.
    best : Index into `rows` of the usable row with the least typical deviation.
    best_mechanism, best_method : Of that row.
    recommended : That row.
    why : One sentence.
    remarks : Remarks in sentences; may be empty.
    group_conversion : None where `group` is 1.
    curves : None unless requested.
    release : How `create_ledger` and `release` carry it out; None for groups and where no figure exists.
    """

    epsilon: float
    delta: float
    adjacency: str
    group: int
    value: float | None
    threshold: float | None
    answers: int
    queries: tuple[AskedQuery, ...]
    rows: tuple[PlannedRow, ...]
    best: int
    best_mechanism: str
    best_method: str
    recommended: PlannedRow
    why: str
    remarks: tuple[str, ...]
    group_conversion: GroupConversion | None
    curves: PlanCurves | None
    release: PlannedRelease | None = None


@dataclass(frozen=True)
class SpentRow:
    """Privacy loss of given noise by one theorem.

    Attributes
    ----------
    method, name, source : As in `PlannedRow`.
    applicable, reason : Whether the theorem can be used; where not, why, and both numbers are None.
    epsilon : Total epsilon at the given delta; also None at a delta of 0 where only a delta is requested.
    delta : Delta at the given epsilon, in [0, 1]; None without one, and where the theorem proves none.
    """

    method: str
    name: str
    source: str
    applicable: bool
    reason: str
    epsilon: float | None
    delta: float | None


@dataclass(frozen=True, repr=False)
class Spending(
    Table, head=("best_method", "epsilon", "delta", "why"), rows="rows", columns=("name", "epsilon", "delta")
):
    """Privacy loss of a set of queries with given noise, by every theorem.

    Attributes
    ----------
    mechanism : ``laplace``, ``discrete-laplace`` or ``gaussian``: what the scales are scales of.
    epsilon : Epsilon of the deltas; None where not given.
    delta : Delta of the epsilons; 0 is pure differential privacy.
    adjacency, group, answers, queries : As in `Plan`; every query has its scale.
    rows : One entry a theorem, also those that cannot be used.
    best : Index into `rows` of the least epsilon; of the least delta at an epsilon with a delta of 0.
    best_method, why, remarks : As in `Plan`.
    """

    mechanism: str
    epsilon: float | None
    delta: float
    adjacency: str
    group: int
    answers: int
    queries: tuple[AskedQuery, ...]
    rows: tuple[SpentRow, ...]
    best: int
    best_method: str
    why: str
    remarks: tuple[str, ...]
