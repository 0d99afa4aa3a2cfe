"""Settings of releases: a question, and several that share a budget."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Gt, Interval, Lt

from trivet.privacy.releases.results import Query
from trivet.settings import SettingError, Settings
from trivet.tables.settings import Reading

__all__ = ["AskedQuestion", "BoundsOf", "Question", "ReleaseSettings"]

BoundsOf = Literal["row", "unit"]
#: Rows or groups of one unit that count.
Most = Annotated[int, Interval(ge=1, le=1_000_000)]


@dataclass(frozen=True, kw_only=True)
class Question(Settings):
    """A query as the user gave it.

    Attributes
    ----------
    query : A count of rows or of units, the sum, mean, variance, median or quantiles of a column, a
        proportion of rows, or a histogram of a column's categories.
    column : Of a sum, mean, variance, median, quantile or histogram; day(C), month(C), year(C) of dates. Of
        numbers with bounds_of unit it may be left out: they are then of how many rows a unit has.
    bounds : Lower and upper one, to which values are clamped. They must not come from the data.
    bounds_of : Whether the bounds are those of each row, or of what the rows of a unit add up to.
    categories : Of a histogram: its cells. They must not come from the data.
    missing : What a missing value counts as: drop, or a value, or a category.
    where : Condition on rows. A comparison with a missing value is false.
    of : Of a proportion: the condition whose share of the rows is wanted.
    at : Of a quantile: which ones, between 0 and 1.
    by : Answer for each group of rows that have the same value of a column.
    keys : The groups of --by. They must not come from the data.
    private_keys : Take the groups of --by from the data, those with enough units, at the cost of a delta.
    max_rows : Rows of one unit that count at most.
    max_groups : Groups of one unit that count at most, where the rows of a unit in a group are one record.
    unit : Column that says whose row each is, where the ledger's unit has another name in this table.
    within : Part of the table that the query is of, where the ledger composes disjoint parts in parallel.
    non_negative : Afterwards make noisy counts whole and at least 0, those of groups with their sum kept.
    """

    query: Query
    column: str | None = None
    bounds: tuple[float, float] | None = None
    bounds_of: BoundsOf = "row"
    categories: tuple[str, ...] = ()
    missing: str | None = None
    where: str | None = None
    of: str | None = None
    at: tuple[float, ...] = ()
    by: str | None = None
    keys: tuple[str, ...] = ()
    private_keys: bool = False
    max_rows: Most | None = None
    max_groups: Most | None = None
    unit: str | None = None
    within: str | None = None
    non_negative: bool = False


NoiseName = Literal["best", "laplace", "gaussian"]


@dataclass(frozen=True, kw_only=True)
class AskedQuestion(Question):
    """One question of several that are answered together.

    Attributes
    ----------
    name : For the table; the question in words where empty.
    share : Weight of the budget that it receives, above 0; only the ratios between questions matter.
    delta : Of groups with private keys: what they may spend of the budget's delta.
    """

    name: str = ""
    share: Annotated[float, Gt(0), Lt(1e100)] = 1.0
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings(Settings):
    """``[privacy.release]``: questions that are planned, charged and answered as one.

    Attributes
    ----------
    epsilon, delta : All of them together; without an epsilon and a rho, what the ledger has left.
    rho : In place of an epsilon, where the ledger has a budget of rho.
    noise : best, laplace or gaussian; best is the one with the smaller typical standard deviation.
    reading : Reading of the cells of a CSV file.
    queries : At least one.
    """

    epsilon: Annotated[float, Interval(gt=0, le=1000)] | None = None
    delta: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    rho: Annotated[float, Interval(gt=0, le=1000)] | None = None
    noise: NoiseName = "best"
    reading: Reading = field(default_factory=Reading)
    queries: tuple[AskedQuestion, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.queries:
            raise SettingError("a release needs at least one query; add a [[privacy.release.queries]] table.")
        if self.epsilon is not None and self.rho is not None:
            raise SettingError("a release has an epsilon or a rho, not both.")
