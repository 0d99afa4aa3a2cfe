"""Meaning of a row of a table, and the scale of its score."""

import math
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NamedTuple

from trivet.errors import UsageError
from trivet.settings import SettingError
from trivet.wording import quote

__all__ = [
    "EVERY_ROW",
    "UNIT",
    "Cut",
    "Design",
    "Favourable",
    "Placed",
    "Scale",
    "quantile_of",
    "score_range",
]

Favourable = Literal["high", "low"]


class Placed(NamedTuple):
    """A cut: its place on the scale of the scores, from 0 to 1, and the score there."""

    place: float
    score: float


#: A score, a quantile of the scores (``median``, ``q0.8``), or a place.
Cut = float | str | Placed


@dataclass(frozen=True, kw_only=True)
class Design:
    """Columns that say what a row stands for; without any each row is one of as many.

    Attributes
    ----------
    weight : Its survey weight, a number from 0 up.
    strata, cluster : Its stratum, and its primary sampling unit within that.
    count : How many equal rows it is, a whole number from 0 up.
    selected, total : Of how many rows with its groups, and how many of them are selected.
    """

    weight: str | None = None
    strata: str | None = None
    cluster: str | None = None
    count: str | None = None
    selected: str | None = None
    total: str | None = None

    def __post_init__(self) -> None:
        if (self.selected is None) != (self.total is None):
            raise UsageError("selected and total go together: how many of how many rows; give both.")
        if self.count and (self.weighted or self.total):
            raise UsageError(
                "a count of rows goes with neither weights, strata, clusters nor totals; give one of these."
            )
        if self.total and self.weighted:
            raise UsageError("totals of rows have no weights, strata or clusters; leave these out.")

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are named."""
        named = (getattr(self, each.name) for each in fields(self))
        return tuple(name for name in named if name is not None)

    @property
    def amount(self) -> str | None:
        """Column with the number of rows that a line stands for; None where it is one of as many."""
        return self.count or self.total

    @property
    def parts(self) -> tuple[str, ...]:
        """Columns that divide the rows into parts."""
        return tuple(name for name in (self.strata, self.cluster) if name is not None)

    @property
    def weighted(self) -> bool:
        """True where estimates and intervals are those of a survey."""
        return bool(self.weight or self.parts)

    def up_to(self, share: float) -> float:
        """Return a share of the rows as that from which on it is reached, whatever sums are rounded to."""
        return share * (1 - (1e-9 if self.weight else 1e-12))

    @property
    def of_rows(self) -> bool:
        """True where a row of the table is counted once."""
        return not (self.count or self.total)


EVERY_ROW: Final = Design()


@dataclass(frozen=True)
class Scale:
    """Range of scores, and which end of it is selected."""

    low: float = 0.0
    high: float = 1.0
    favourable: Favourable = "high"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"the score range is {self.low:g} to {self.high:g}; expected two numbers, the lower first."
            )

    def placed(self, cut: float) -> Placed:
        """Return a cut with its place; a UsageError for one that no score has."""
        if not self.low <= cut <= self.high:
            raise SettingError(
                "{cut} is {found}; expected {low} to {high}, where the scores lie. Scores of another scale "
                "need {score_range}.",
                found=f"{cut:g}",
                low=f"{self.low:g}",
                high=f"{self.high:g}",
            )
        return Placed(self.share(cut), cut)

    def share(self, score: float) -> float:
        """Return the place of a score from 0 to 1, where 1 is the favourable end."""
        return (score - self._from) / self._reach

    def shares(self, scores: Any) -> Any:
        """Return the places of many: of an array, or of a column of a data frame."""
        return scores if self == UNIT else (scores - self._from) / self._reach

    def score(self, share: float) -> float:
        """Return the score at a place, the one with the fewest digits of those that lie there."""
        score = self._from + share * self._reach
        rounded = (round(score, digits) for digits in _DIGITS)
        return next((each for each in rounded if self.share(each) == share), score)

    def sql(self, number: str) -> str:
        """Return SQL for the place of a score, the same double as `share` gives."""
        if self == UNIT:
            return number
        return f"(({number} - CAST({self._from!r} AS DOUBLE)) / CAST({self._reach!r} AS DOUBLE))"

    @property
    def _from(self) -> float:
        return float(self.low if self.favourable == "high" else self.high)

    @property
    def _reach(self) -> float:
        reach = float(self.high - self.low)
        return reach if self.favourable == "high" else -reach


#: Digits behind the point that scores have, if not all.
_DIGITS: Final = range(13)
UNIT: Final = Scale()


def score_range(text: str | None, favourable: Favourable) -> Scale:
    """Return a scale as it is typed: LOWEST,HIGHEST."""
    if text is None:
        return Scale(favourable=favourable)
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"the score range is {quote(text)}; expected LOWEST,HIGHEST, such as 0,100."
        ) from error
    return Scale(low, high, favourable)


def quantile_of(cut: str) -> float:
    """Return the share of rows that a quantile, ``median`` or ``q0.8``, is not below."""
    if cut == "median":
        return 0.5
    try:
        share = float(cut.removeprefix("q")) if cut.startswith("q") else math.nan
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise SettingError(
            "{cut} is {found}; expected a score, median, or a quantile such as q0.8.", found=quote(cut)
        )
    return share
