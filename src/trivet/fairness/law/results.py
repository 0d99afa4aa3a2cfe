"""Results of a summary after New York City's Local Law 144: frozen values, no heavy import."""

from dataclasses import dataclass

from trivet.estimate import Estimate
from trivet.result import Table

__all__ = ["BiasAudit", "CategoryFigures", "CategoryTable", "FourFifths"]


@dataclass(frozen=True)
class FourFifths:
    """The four-fifths rule on an impact ratio, and how sure it is: the law asks for neither.

    Attributes
    ----------
    impact_ratio : With its interval of sampling alone; the most selected category has none.
    low, high : Ends at which the comparisons of all pairs of categories of the table hold at once; None
        where there is none.
    below : Whether the ratio is below four fifths; None where it is unknown.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    """

    impact_ratio: Estimate | None
    low: float | None
    high: float | None
    below: bool | None
    verdict: str


@dataclass(frozen=True)
class CategoryFigures:
    """One category of a table, with the figures that 6 RCNY 5-301 asks for.

    Attributes
    ----------
    sex, race : Its values; None where the table is not by that column.
    applicants : Number of individuals; None where it is suppressed.
    share : Of the individuals of the table, in [0, 1]; None as above.
    selected : Those selected, or whose score is above the median; None as above.
    rate : Selection or scoring rate, in [0, 1]; None as above.
    impact_ratio : That rate over the rate of the most selected (highest scoring) category; None where the
        category is left out of the calculation, the ratio is 0/0, or it is suppressed.
    excluded : Why it is left out of the calculation of impact ratios; None where it is not.
    reason : Why a figure is missing; None where none is, or where `excluded` says it.
    statistics : Beside the law's figures, and no part of them; None where there is no impact ratio.
    """

    sex: str | None
    race: str | None
    applicants: int | None
    share: float | None
    selected: int | None
    rate: float | None
    impact_ratio: float | None
    excluded: str | None = None
    reason: str | None = None
    statistics: FourFifths | None = None

    @property
    def name(self) -> str:
        """The values with a comma between."""
        return ", ".join(value for value in (self.sex, self.race) if value is not None)


@dataclass(frozen=True)
class CategoryTable:
    """Categories by sex, by race or ethnicity, or by both.

    Attributes
    ----------
    name : ``sex``, ``race/ethnicity`` or ``sex x race/ethnicity``.
    applicants : Individuals in the calculations of this table; None where it is suppressed.
    unknown : Individuals who are not, since one of the values is unknown; None as above.
    most_selected : Category with the highest rate, that the others are divided by; None where nobody is
        selected, or where it is suppressed.
    categories : In the order of their names.
    """

    name: str
    applicants: int | None
    unknown: int | None
    most_selected: str | None
    categories: tuple[CategoryFigures, ...]


@dataclass(frozen=True, repr=False)
class BiasAudit(
    Table,
    head=("kind", "data", "applicants", "unknown"),
    rows="tables.categories",
    columns=("sex", "race", "applicants", "rate", "impact_ratio"),
):
    """A summary of results after Local Law 144 of 2021 (6 RCNY 5-300 to 5-304).

    Attributes
    ----------
    template : ``ll144``.
    kind : ``selection`` or ``scoring``.
    data : Name of the table.
    sex, race : The columns.
    measured : Column of the decisions, of the scores, or of the numbers selected.
    median : Median score of all individuals, above which a score counts; None for selections.
    applicants : Individuals that the tool assessed.
    unknown : Those with an unknown sex or race, who are in no calculation that needs it.
    unknown_values : Values that count as unknown, as they are found in the table.
    audit_date, distribution_date : ISO dates; None where not stated.
    data_source : Source and explanation of the data; None where not stated.
    smallest_share : Categories below this share are left out of impact ratios; 0 where none is.
    four_fifths, level : Of what stands beside the law's figures.
    tables : By sex, by race or ethnicity, by both.
    missing : What the law requires and the table does not state, a sentence each.
    limits : What the figures do not show.
    suppressed_below : Counts below this number are suppressed; None where none are.
    notes : What was changed or left out of the table before it was counted, a sentence each.
    """

    template: str
    kind: str
    data: str
    sex: str
    race: str
    measured: str
    median: float | None
    applicants: int
    unknown: int | None
    unknown_values: tuple[str, ...]
    audit_date: str | None
    distribution_date: str | None
    data_source: str | None
    smallest_share: float
    four_fifths: float
    level: float
    tables: tuple[CategoryTable, ...]
    missing: tuple[str, ...]
    limits: str
    suppressed_below: int | None = None
    notes: tuple[str, ...] = ()
