"""Settings of an audit of predictions and of a comparison of models."""

from dataclasses import dataclass, fields
from typing import Annotated, Final, Literal

from annotated_types import Ge, Interval, MinLen

__all__ = ["ADULT", "EstimatorName", "TableSettings"]

EstimatorName = Literal["logistic", "boosting"]
Share = Annotated[float, Interval(gt=0, lt=1)]
Name = Annotated[str, MinLen(1)]

#: Stands for the embedded Adult data with the features of the study.
ADULT: Final = "adult"


#: Settings that nothing is done with, by what is audited.
_IDLE: Final = {
    "prediction": ("cut", "mitigate", "repeats"),
    "score": ("mitigate", "repeats"),
    "estimator": ("cut", "counts_only"),
}


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """``[fairness.table]``: what ``trivet fairness`` takes on the command line.

    Exactly one of `prediction`, `score` and `estimator` is given: audit what a column says, or fit.

    Attributes
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE; ``adult`` is the embedded data, for an estimator.
    label
        Column of the true labels; Adult has its own.
    positive
        The label that counts as positive; not needed for 0 and 1, or true and false.
    sensitive
        Columns of the groups; for Adult ``gender`` where there are none.
    privileged
        Value that the others are compared with, one a sensitive column with commas between.
    prediction, score
        Column of the predictions, or of scores from 0 to 1.
    cut
        Score from which a row is predicted positive.
    estimator
        Classifier to fit, without mitigation and with each of `mitigate`.
    mitigate
        ``all``, or names of mitigations.
    repeats
        Trainings anew on other rows.
    four_fifths, level
        Lower end of the band, and level of every interval.
    ignore
        Columns that are not features.
    rows
        Rows at most, for all that counts do not tell.
    counts_only
        Audit counts alone.
    """

    table: Name
    label: Name | None = None
    positive: str | None = None
    sensitive: tuple[Name, ...] = ()
    privileged: str | None = None
    prediction: Name | None = None
    score: Name | None = None
    cut: float = 0.5
    estimator: EstimatorName | None = None
    mitigate: tuple[Name, ...] | Name = "all"
    repeats: Annotated[int, Ge(0)] = 10
    four_fifths: Annotated[float, Interval(gt=0, le=1)] = 0.8
    level: Share = 0.95
    ignore: tuple[Name, ...] = ()
    rows: Annotated[int, Ge(1)] | None = None
    counts_only: bool = False

    def __post_init__(self) -> None:
        asked = ("prediction", "score", "estimator")
        given = [name for name in asked if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"give one of prediction, score and estimator (found {found})")
        if idle := [name for name in _IDLE[given[0]] if getattr(self, name) != _default(name)]:
            raise ValueError(f"{', '.join(idle)}: nothing is done with it beside {given[0]}; leave it out")
        if self.counts_only and (self.rows is not None or self.ignore):
            raise ValueError("counts_only looks at no rows and no other columns; leave rows and ignore out")
        if self.table == ADULT:
            if self.estimator is None:
                raise ValueError("adult has no predictions to audit; give an estimator to fit")
            if self.label or self.positive or self.ignore or self.rows:
                raise ValueError(
                    "label, positive, ignore and rows belong to a table of your own; adult has its own"
                )
        elif self.label is None or not self.sensitive:
            raise ValueError(
                "a table needs label, the column of the true labels, and sensitive, those of the groups"
            )


def _default(name: str) -> object:
    return next(each.default for each in fields(TableSettings) if each.name == name)
