"""Query of a release, and what has to be read and covered by noise to answer it."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from trivet.tables.schema import Column

__all__ = ["QUERIES", "Part", "Prepared", "Query", "Question"]

Query = Literal["count", "sum", "mean", "histogram"]
QUERIES: Final[tuple[str, ...]] = get_args(Query)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query as the user gave it."""

    query: str
    column: str | None = None
    bounds: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    missing: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Part:
    """One exact answer: its name, and the largest L1 change, in steps, between neighbouring tables."""

    name: str
    sensitivity: int


@dataclass(frozen=True)
class Prepared:
    """Query with everything needed to answer it."""

    question: Question
    sql: str
    values: tuple[object, ...]
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    grid: float = 1.0
    lower: int = 0
    upper: int = 0
    centre: int = 0

    @property
    def words(self) -> str:
        """The whole question in words."""
        asked = self.question
        said = asked.query if asked.column is None else f"{asked.query} of {asked.column}"
        if asked.bounds is not None:
            said += f" in [{_short(self.lower * self.grid)}, {_short(self.upper * self.grid)}]"
        if asked.categories:
            said += f" over {', '.join(asked.categories)}"
        if asked.missing is not None:
            said += f", missing: {asked.missing}"
        return said if asked.where is None else f"{said}, where {asked.where}"


def _short(number: float) -> str:
    return repr(number).removesuffix(".0")
