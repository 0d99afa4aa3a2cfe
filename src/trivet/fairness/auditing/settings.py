"""Settings of an audit of predictions and of a comparison of models."""

from dataclasses import dataclass, fields
from typing import Annotated, Final, Literal

from annotated_types import Ge, Interval, MinLen

from trivet.settings import Count, Rate, SettingError, Share
from trivet.tables.settings import CellReading

__all__ = ["ADULT", "EstimatorName", "TableOptions", "TableSettings"]

EstimatorName = Literal["logistic", "boosting"]
Name = Annotated[str, MinLen(1)]

#: Stands for the embedded Adult data with the features of the study.
ADULT: Final = "adult"
#: A band that begins lower holds everything.
LOWEST_BAND: Final = 0.01
#: Settings that nothing is done with, by what is audited.
_IDLE: Final = {
    "prediction": ("cut", "mitigate", "repeats"),
    "score": ("mitigate", "repeats"),
    "estimator": ("cut", "counts_only"),
}


@dataclass(frozen=True, kw_only=True)
class TableOptions(CellReading):
    """Options of ``trivet fairness``, beside the table.

    Exactly one of `prediction`, `score` and `estimator` is given: audit what a column says, or fit.

    Attributes
    ----------
    label : Column of the true labels; Adult has its own.
    positive : The label that counts as positive; not needed for 0 and 1, or true and false.
    sensitive : Columns of the groups, COL or COL,COL; several are looked at one by one and together. For
        Adult gender where there are none.
    privileged : Value that the others are compared with, V or V,V; by default the group with the largest
        share of positive labels.
    prediction : Audit the predictions in this column.
    score : Audit the scores in this column, from 0 to 1.
    cut : Score from which a row is predicted positive.
    estimator : Fit this classifier on a part of the rows instead, with and without mitigations.
    mitigate : all, or names: drop-sensitive, reweighing, massaging, exponentiated-gradient, group-thresholds,
        equalized-odds.
    repeats : Trainings anew on other rows, for the spread of training.
    four_fifths : Lower end of the band; the upper end is its inverse.
    level : Confidence level of every interval.
    ignore : Columns that are not features, COL or COL,COL, such as a row number or another prediction.
    rows : Look at that many rows at most, drawn at random, for all that counts do not tell.
    counts_only : Audit counts alone: no columns, no scores within groups. As fast as the file can be read.
    """

    label: Name | None = None
    positive: str | None = None
    sensitive: tuple[Name, ...] = ()
    privileged: str | None = None
    prediction: Name | None = None
    score: Name | None = None
    cut: Rate = 0.5
    estimator: EstimatorName | None = None
    mitigate: tuple[Name, ...] | Name = "all"
    repeats: Annotated[int, Ge(0)] = 10
    four_fifths: Annotated[float, Interval(ge=LOWEST_BAND, le=1)] = 0.8
    level: Share = 0.95
    ignore: tuple[Name, ...] = ()
    rows: Count | None = None
    counts_only: bool = False


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
        if len(given) != 1:
            found = " and ".join(f"{{{name}}}" for name in given) or "none"
            raise SettingError(
                f"expected one of {{prediction}}, {{score}} and {{estimator}}, found {found}: what is to be "
                "audited, or should models be fitted?"
            )
        if idle := [name for name in _IDLE[given[0]] if getattr(self, name) != _DEFAULTS[name]]:
            named = ", ".join(f"{{{name}}}" for name in idle)
            raise SettingError(f"{named}: nothing is done with it beside {{{given[0]}}}; leave it out.")
        if self.counts_only and (self.rows is not None or self.ignore):
            raise SettingError(
                "{counts_only} looks at no rows and no other columns; leave {rows} and {ignore} out."
            )
        if self.table == ADULT:
            if self.estimator is None:
                raise SettingError(
                    "a table is missing: adult has no predictions to audit; give {estimator} to fit on it."
                )
            if self.reading.options:
                raise SettingError("{decimal}, {thousands} and {encoding} belong to a table of your own.")
            if self.label or self.positive or self.ignore or self.rows:
                raise SettingError(
                    "{label}, {positive}, {ignore} and {rows} belong to a table of your own; adult has its "
                    "own."
                )
        elif self.label is None or not self.sensitive:
            raise SettingError(
                "a table needs {label}, the column of the true labels, and {sensitive}, those of the groups."
            )


_DEFAULTS: Final = {each.name: each.default for each in fields(TableOptions)}
