"""Settings of a watch over a disparity."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import Ge, Interval, MinLen

from trivet.fairness.auditing.settings import LOWEST_BAND, Missing, MissingOutcome
from trivet.fairness.counting.design import Favourable
from trivet.settings import SettingError, Share
from trivet.tables.settings import Reading

__all__ = ["Period", "WatchOptions"]

Period = Literal["value", "day", "month", "quarter", "year"]
_Name = Annotated[str, MinLen(1)]
_SELECTION: Final = "selection_rate"


@dataclass(frozen=True, kw_only=True)
class WatchOptions(Reading):
    """Options of ``trivet fairness watch``, beside the tables.

    Attributes
    ----------
    sensitive : Columns of the groups, COL or COL,COL; several are taken together.
    prediction : Watch the predictions in this column.
    score : Watch the scores in this column.
    cut : Score from which a row is predicted positive, 0.5 by default.
    score_range : Where the scores lie, LOWEST,HIGHEST, such as 300,850; from 0 to 1 by default.
    favourable : Which scores are selected, high or low.
    selected : Of tables of counts, column with how many are selected; with --total.
    total : Of tables of counts, column with how many there are.
    label : Column of the true labels, for a metric that compares with them.
    positive : The label that counts as positive; not needed for 0 and 1, or true and false.
    metric : Rate that is watched, a share of rows such as selection_rate, true_positive_rate or accuracy, by
        a name as of trivet fairness.
    time : Of one table, column of dates, months or numbers that divides its rows into looks, in its order.
    period : What of that column is a look: value (each value), day, month, quarter or year (of dates).
    every : Of one table, as many rows as stand one after the other are a look.
    missing : What a missing sensitive value is: refuse, group (one of its own), or drop (row left out).
    missing_outcome : What a missing label, prediction or score is: refuse, or drop (row left out; a caution
        says how many of each group).
    exclude : Values whose rows are left out: Unknown, or race=Unknown,Other; sex=X.
    privileged : Group that the others are compared with, V or V,V; by default the largest of the first look.
    difference : Alarm where the difference of rates is beyond this, in place of the ratio.
    four_fifths : Lower end of the band of the ratio; the upper end is its inverse.
    level : Probability that all intervals, of all groups and at all looks, hold.
    """

    sensitive: tuple[_Name, ...] = ()
    prediction: _Name | None = None
    score: _Name | None = None
    cut: Annotated[float, Ge(-1e300)] | None = None
    score_range: str | None = None
    favourable: Favourable = "high"
    selected: _Name | None = None
    total: _Name | None = None
    label: _Name | None = None
    positive: str | None = None
    metric: _Name = _SELECTION
    time: _Name | None = None
    period: Period = "value"
    every: Annotated[int, Ge(1)] | None = None
    missing: Missing = "refuse"
    missing_outcome: MissingOutcome = "refuse"
    exclude: str | None = None
    privileged: str | None = None
    difference: Share | None = None
    four_fifths: Annotated[float, Interval(ge=LOWEST_BAND, le=1)] = 0.8
    level: Share = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "metric", _watched(self.metric))
        if not self.sensitive:
            raise SettingError("{sensitive} is missing; name the columns of the groups.")
        given = [self.prediction is not None, self.score is not None, self.selected is not None]
        if sum(given) != 1 or (self.selected is None) != (self.total is None):
            raise SettingError("expected one of {prediction}, {score}, and {selected} with {total}.")
        if self.score is None and (self.cut is not None or self.score_range or self.favourable != "high"):
            raise SettingError("{cut}, {score_range} and {favourable} are of a {score}; leave them out.")
        if self.score_range is not None and self.cut is None:
            raise SettingError("{score_range} has scores of its own; give {cut}.")
        self._require_labels()
        if self.difference is not None and self.four_fifths != WatchOptions.four_fifths:
            raise SettingError("{difference} takes the place of the ratio; leave {four_fifths} out.")
        if self.every is not None and self.time is not None:
            raise SettingError("{every} and {time} both divide a table into looks; leave one out.")
        if self.period != "value" and self.time is None:
            raise SettingError("{period} is of the dates in a column; name it with {time}.")

    def _require_labels(self) -> None:
        """Refuse labels that nothing is done with, and a metric without them."""
        if self.metric != _SELECTION and self.label is None:
            raise SettingError("{metric} {found} compares with labels; give {label}.", found=self.metric)
        if self.metric == _SELECTION and self.label is not None:
            raise SettingError("{metric} {found} needs no labels; leave {label} out.", found=self.metric)
        if self.score is not None and self.label is None and self.positive is not None:
            raise SettingError(
                "{positive} is of labels or predictions, and {score} has neither; leave it out."
            )
        if self.selected is not None and (self.label or self.positive):
            raise SettingError("{selected} has no labels; leave {label} and {positive} out.")


def _watched(name: str) -> str:
    """Return the usual name of a metric, one share of rows."""
    if name == _SELECTION:
        return name
    from trivet.fairness.measures.registry import MEASURES, measures_named  # noqa: PLC0415 - NumPy

    (found,) = measures_named((name,))
    if not found.is_share:
        known = ", ".join(each.name for each in MEASURES.values() if each.is_share)
        raise SettingError(
            "{metric} {found} is not a share of rows, and only these are watched: {known}.",
            found=found.name,
            known=known,
        )
    return found.name
