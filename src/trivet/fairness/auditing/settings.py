"""Settings of an audit of predictions and of a comparison of models."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Final, Literal

from annotated_types import Ge, Interval, MinLen

from trivet.fairness.auditing.results import GivenSetting
from trivet.place import spelling
from trivet.settings import A_VALUE, Count, SettingError, Share
from trivet.tables.settings import CellReading
from trivet.wording import quote
from trivet.work.own_code import OWN_CODE

__all__ = [
    "ADULT",
    "ESTIMATOR_NAMES",
    "USUAL_CUT",
    "Favourable",
    "Missing",
    "MissingOutcome",
    "ReferenceName",
    "TableOptions",
    "TableSettings",
    "given_settings",
    "require_estimator",
]

#: Classifiers that have a name; others are named as ``package.module:factory``.
ESTIMATOR_NAMES: Final = ("logistic", "boosting")
Missing = Literal["refuse", "group", "drop"]
MissingOutcome = Literal["refuse", "drop"]
Favourable = Literal["high", "low"]
ReferenceName = Literal["favoured", "most-selected", "largest", "population"]
Name = Annotated[str, MinLen(1)]

#: Settings that belong to a table that a user names.
_OF_A_TABLE: Final = (
    *("label", "positive", "ignore", "rows", "weight", "bins", "one_hot", "missing", "missing_outcome"),
    *("exclude", "selected", "total"),
)

#: Stands for the embedded Adult data with the features of the study.
ADULT: Final = "adult"
#: The cut of scores from 0 to 1, where none is given.
USUAL_CUT: Final = 0.5
#: How the names of files of fitted models end.
_MODEL_FILES: Final = (
    "joblib",
    "pkl",
    "pickle",
    "sav",
    "skops",
    "onnx",
    "pt",
    "pth",
    "h5",
    "json",
    "bin",
    "npz",
)
#: A band that begins lower holds everything.
LOWEST_BAND: Final = 0.01
_OF_TWO_CLASSES: Final = (
    *("positive", "metric", "reference", "difference_band", "ignore", "missing_outcome"),
    *("rows", "counts_only", "search", "search_split", "search_rows", "search_columns"),
)
_OF_A_SEARCH: Final = ("search", "search_split", "search_rows", "search_columns")
_OF_A_RANKING: Final = ("query", "top")
_OF_NUMBERS: Final = (
    *("label", "positive", "cut", "score_range", "favourable", "total", "mitigate", "repeats"),
    *("ignore", "rows", "counts_only", "multiclass", "metric", "reference", "difference_band"),
    "missing_outcome",
    *_OF_A_SEARCH,
)
#: What is audited, one of these, and the settings that nothing is done with then.
_IDLE: Final = {
    "prediction": ("cut", "score_range", "favourable", "mitigate", "repeats", *_OF_A_RANKING),
    "score": ("mitigate", "repeats", "multiclass", *_OF_A_RANKING),
    "estimator": (
        *("cut", "score_range", "favourable", "strata", "cluster", "count", "counts_only", "multiclass"),
        *("metric", "reference", "difference_band", "suppress", *_OF_A_SEARCH, *_OF_A_RANKING),
    ),
    "selected": (
        *("label", "positive", "cut", "score_range", "favourable", "mitigate", "repeats", "multiclass"),
        "missing_outcome",
        *_OF_A_RANKING,
    ),
    "outcome": (*_OF_NUMBERS, *_OF_A_RANKING),
    "rank": (*_OF_NUMBERS, "weight", "strata", "cluster", "count"),
}


@dataclass(frozen=True, kw_only=True)
class TableOptions(CellReading):
    """Options of ``trivet fairness``, beside the table.

    Exactly one of `prediction`, `score`, `selected` (with `total`), `outcome`, `rank` and `estimator` is
    given: audit what columns say, or fit.

    Attributes
    ----------
    label : Column of the true labels, for all that compares with them; Adult has its own.
    positive : The label that counts as positive, or V,V where several do, as yes,1 of labels yes and
        predictions 1; not needed for 0 and 1, or true and false.
    sensitive : Columns of the groups, COL or COL,COL ('"Sex, at birth",race' where a name has a comma);
        several are looked at one by one and together. For Adult gender where there are none.
    privileged : Value that the others are compared with, V or V,V; by default the group with the largest
        share of positive labels.
    prediction : Audit the predictions in this column.
    score : Audit the scores in this column.
    cut : Score from which a row is predicted positive, 0.5 by default; median or a quantile such as q0.8, and
        the rows beyond it are.
    score_range : Where the scores lie, LOWEST,HIGHEST, such as 300,850; from 0 to 1 by default.
    favourable : Which scores are selected, high or low.
    selected : Of a table of counts: the column with how many are selected, beside the total. No labels then.
    total : Of a table of counts: the column with how many there are.
    count : Column with how many equal rows each row is.
    weight : Column of survey weights. Rates are weighted, and intervals are those of the design.
    strata : Column of the stratum of a row, for intervals of a survey.
    cluster : Column of the primary sampling unit of a row, within its stratum, for the same.
    outcome : Compare the amounts in this column, such as limits, prices or wages, by group. No labels then.
    rank : Compare the places in this column of ranks, 1 being the first, by group. No labels then.
    query : Column of the query that a rank belongs to; without it there is one ranking.
    top : How many places are the top of a ranking.
    multiclass : Audit each class of the labels and predictions against all others.
    estimator : Fit this classifier on a part of the rows instead, with and without mitigations: logistic,
        boosting, or package.module:factory of your own, which returns an unfitted scikit-learn classifier.
    mitigate : all, or names: drop-sensitive, reweighing, massaging, exponentiated-gradient, group-thresholds,
        equalized-odds.
    repeats : Trainings anew on other rows, for the spread of training.
    bins : Groups of a sensitive column of numbers: age=25,45,65; a semicolon stands before another column.
    one_hot : Sensitive columns made of columns with 1 or a blank: race=Black,White,Asian.
    missing : What a missing sensitive value is: refuse, group (one of its own), or drop (row left out).
    missing_outcome : What a missing label, prediction or score is: refuse, or drop (row left out; a caution
        says how many of each group).
    exclude : Values whose rows are left out: Unknown, or race=Unknown,Other; sex=X.
    four_fifths : Lower end of the band; the upper end is its inverse.
    level : Confidence level of every interval.
    ignore : Columns that are not features, COL or COL,COL, such as a row number or another prediction.
    rows : Read at most that many rows, drawn at random, for what is not computed from counts.
    counts_only : Audit counts alone: no columns, no scores within groups. As fast as the file can be read.
    metric : Metrics that the verdict is about, such as selection_rate,false_positive_rate; by default
        selection_rate.
    reference : What groups are compared with: favoured, the one with the largest share of positive labels
        (the default), most-selected, largest, or population, all rows together.
    difference_band : Judge by differences, of which so much still counts as parity; by default by the band of
        ratios.
    search : Search all subgroups of up to three conditions for rates that differ from those of the rest.
    search_split : Search one half of the rows and test what it proposes on the other, by exact tests.
    search_rows : Rows of a subgroup at least; by default 30, or a thousandth of the rows.
    search_columns : Columns that subgroups are made of, COL or COL,COL; by default all but ignored ones.
    suppress : Withhold counts of groups below this number, and all figures that would let one be computed.
    """

    label: Name | None = None
    positive: str | None = field(default=None, metadata=A_VALUE)
    sensitive: tuple[Name, ...] = ()
    privileged: str | None = field(default=None, metadata=A_VALUE)
    prediction: Name | None = None
    score: Name | None = None
    cut: float | str | None = None
    score_range: str | None = field(default=None, metadata=A_VALUE)
    favourable: Favourable = "high"
    selected: Name | None = None
    total: Name | None = None
    count: Name | None = None
    weight: Name | None = None
    strata: Name | None = None
    cluster: Name | None = None
    bins: str | None = None
    one_hot: str | None = None
    missing: Missing = "refuse"
    missing_outcome: MissingOutcome = "refuse"
    exclude: str | None = field(default=None, metadata=A_VALUE)
    outcome: Name | None = None
    rank: Name | None = None
    query: Name | None = None
    top: Count = 10
    multiclass: bool = False
    estimator: Name | None = None
    mitigate: tuple[Name, ...] | Name = "all"
    repeats: Annotated[int, Ge(0)] = 10
    four_fifths: Annotated[float, Interval(ge=LOWEST_BAND, le=1)] = 0.8
    level: Share = 0.95
    ignore: tuple[Name, ...] = ()
    rows: Count | None = None
    counts_only: bool = False
    metric: tuple[Name, ...] = ()
    reference: ReferenceName | None = None
    difference_band: Annotated[float, Interval(gt=0, le=1)] | None = None
    search: bool = False
    search_split: bool = False
    search_rows: Count | None = None
    search_columns: tuple[Name, ...] = ()
    suppress: Count | None = None


@dataclass(frozen=True, kw_only=True)
class TableSettings(TableOptions):
    """``[fairness.table]``: a table, and the options of ``trivet fairness``.

    Attributes
    ----------
    table : A .csv, .tsv or .txt file, also as .gz, .bz2, .xz or .zip; a .parquet, .feather, .xlsx or .ods
        file (FILE.xlsx:SHEET), or FILE.duckdb:TABLE; ``adult`` is the embedded data, for an estimator.
    """

    table: Name

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in _IDLE if getattr(self, name) is not None]
        if self.estimator is not None:
            require_estimator(self.estimator)
        if len(given) != 1:
            found = " and ".join(f"{{{name}}}" for name in given) or "none"
            raise SettingError(
                f"expected one of {{prediction}}, {{score}}, {{selected}}, {{outcome}}, {{rank}} and "
                f"{{estimator}}, found {found}: name the column that is to be audited, or an "
                "estimator that is to be fitted."
            )
        if idle := [name for name in _IDLE[given[0]] if getattr(self, name) != _DEFAULTS[name]]:
            named = ", ".join(f"{{{name}}}" for name in idle)
            raise SettingError(f"{named}: nothing is done with it beside {{{given[0]}}}; leave it out.")
        self._require_classes()
        self._require_pairs()
        if self.table == ADULT:
            if self.estimator is None:
                raise SettingError(
                    "a table is missing: adult has no predictions to audit; give {estimator} to fit on it."
                )
            if self.reading.options:
                raise SettingError("{decimal}, {thousands} and {encoding} belong to a table of your own.")
            if used := [name for name in _OF_A_TABLE if getattr(self, name) != _DEFAULTS[name]]:
                named = ", ".join(f"{{{name}}}" for name in used)
                raise SettingError(f"{named}: for a table of your own; adult has its own columns.")
        elif not self.sensitive:
            raise SettingError("a table needs {sensitive}, the columns of the groups.")
        elif self.label is None and self.estimator is not None:
            raise SettingError("an {estimator} needs {label}, the column of the true labels.")

    def _require_classes(self) -> None:
        """Refuse settings that nothing is done with where every class is looked at."""
        if not self.multiclass:
            return
        if self.label is None:
            raise SettingError("{multiclass} needs {label}, the column of the true labels.")
        if self.suppress is not None:
            raise SettingError(
                "{suppress} protects counts of two classes; those of several follow from each other in ways "
                "that it does not look for. Give {positive}, one class against the rest, in place of "
                "{multiclass}, or leave {suppress} out."
            )
        if idle := [name for name in _OF_TWO_CLASSES if getattr(self, name) != _DEFAULTS[name]]:
            named = ", ".join(f"{{{name}}}" for name in idle)
            raise SettingError(f"{named}: nothing is done with it beside {{multiclass}}; leave it out.")

    @property
    def of_outcomes(self) -> bool:
        """True where amounts, ranks or several classes are compared."""
        return self.outcome is not None or self.rank is not None or self.multiclass

    def _require_pairs(self) -> None:
        """Refuse settings that say two things about one."""
        if self.score_range is not None and self.cut is None:
            raise SettingError("{score_range} has scores of its own; give {cut}, a score or median.")
        if self.suppress is not None and self.rank is not None:
            raise SettingError(
                "{rank}: the exposure of a group, to all its digits, tells which places its rows hold, and "
                "so how few are at the top; leave {suppress} out."
            )
        for name in ("search", "search_split"):
            if self.suppress is not None and getattr(self, name):
                raise SettingError(
                    f"{{{name}}} counts groups in many more ways, from which small ones follow; leave "
                    f"{{suppress}} or {{{name}}} out."
                )
        if self.counts_only and (self.rows is not None or self.ignore):
            raise SettingError(
                "{counts_only} looks at no rows and no other columns; leave {rows} and {ignore} out."
            )
        self._require_search()
        self._require_labels()
        if self.reference is not None and self.privileged is not None:
            raise SettingError(
                "{privileged} names the group that the others are compared with; leave {reference} out."
            )

    def _require_labels(self) -> None:
        """Refuse settings of labels, and of other columns, where there are no labels."""
        if self.score is not None and self.label is None and self.positive is not None:
            raise SettingError("{positive} is a label, and there is no {label}; leave it out.")
        if self.estimator is not None or self.search or self.search_split:
            return
        alone = self.label is None or self.count is not None
        if alone and (
            idle := [name for name in ("ignore", "rows") if getattr(self, name) != _DEFAULTS[name]]
        ):
            named = ", ".join(f"{{{name}}}" for name in idle)
            why = "without {label}" if self.label is None else "where rows are counted by {count}"
            raise SettingError(f"{named}: other columns are not looked at {why}; leave it out.")

    def _require_search(self) -> None:
        """Refuse a search where rows are not looked at one by one and alike."""
        if not self.search and not self.search_split:
            for name in ("search_rows", "search_columns"):
                if getattr(self, name) != _DEFAULTS[name]:
                    raise SettingError(f"{{{name}}} belongs to {{search}}, or to {{search_split}}.")
            return
        asked = "search" if self.search else "search_split"
        for name in ("counts_only", "weight", "strata", "cluster", "count", "selected"):
            if getattr(self, name) != _DEFAULTS[name]:
                raise SettingError(
                    f"{{{asked}}} looks for subgroups among single rows that all count alike; leave "
                    f"{{{name}}} out, or search without it."
                )
        if self.label is None and self.score is not None:
            raise SettingError(f"{{{asked}}} of scores needs {{label}}; without labels give {{prediction}}.")


def require_estimator(name: str) -> None:
    """Raise a SettingError unless a classifier has this name, or its text is one of own code."""
    if name in ESTIMATOR_NAMES or OWN_CODE.fullmatch(name):
        return
    if name.rpartition(".")[2].lower() in _MODEL_FILES or "/" in name:
        raise SettingError(
            "{estimator} is {found}, which looks like a file: reading a fitted model can run what is in it, "
            "and here models are trained anew. Give package.module:factory, a function of yours that returns "
            "an unfitted scikit-learn classifier; predictions of a fitted one are audited with {prediction}.",
            found=quote(name),
        )
    raise SettingError(
        "{estimator} is {found}; expected {expected}, or package.module:factory, a function that returns an "
        "unfitted scikit-learn classifier.",
        found=quote(name),
        expected=", ".join(ESTIMATOR_NAMES),
    )


#: Settings that an audit holds as they were given.
_HELD: Final = frozenset(
    {
        *("label", "sensitive", "prediction", "score", "selected", "total", "count", "estimator", "metric"),
        *("weight", "strata", "cluster", "favourable", "four_fifths", "level", "suppress"),
    }
)


def given_settings(options: TableOptions) -> tuple[GivenSetting, ...]:
    """Return the settings other than the defaults that an audit does not hold otherwise."""
    return tuple(
        GivenSetting(name, ", ".join(value) if isinstance(value, tuple) else spelling(value))
        for name, default in _DEFAULTS.items()
        if name not in _HELD and (value := getattr(options, name)) != default
    )


_DEFAULTS: Final = {each.name: each.default for each in fields(TableOptions)}
