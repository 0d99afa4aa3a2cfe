"""Views of a mechanism's many answers: as numbers, as text, by their form."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.plain_answers import Path, Plain, leaves

__all__ = ["MOST_LEAVES", "Answers"]

T = TypeVar("T")

#: Single values of one answer that are looked at; an audit is for short vectors.
MOST_LEAVES: Final = 64


class Answers:
    """Answers of a mechanism on one input, in plain values, with what was computed from them."""

    def __init__(self, plain: Sequence[Plain]) -> None:
        self.plain = plain
        self._known: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.plain)

    def known(self, key: object, compute: Callable[[], T]) -> T:
        """Return what `compute` returns, computed once a key: many events look at the same numbers."""
        if key not in self._known:
            self._known[key] = compute()
        return cast("T", self._known[key])

    @property
    def paths(self) -> tuple[Path, ...]:
        """Places of single values, in the order in which they were first seen, `MOST_LEAVES` at most.

        They are for proposals: what an answer has at a place does not depend on the other answers.
        """
        return self.known("paths", self._first_paths)

    def numbers(self, path: Path) -> NDArray[np.float64]:
        """Return the numbers at a place, shape (answers,); NaN where there is none.

        True counts as 1, and an integer too large for a double as infinite.
        """

        def convert() -> NDArray[np.float64]:
            values = self.at(path)
            if set(map(type, values)) == {float}:
                return np.array(values, dtype=float)
            return np.array([_number(value) for value in values], dtype=float)

        return self.known(("numbers", path), convert)

    def measures(self, path: Path) -> bool:
        """Return whether any answer has a number at a place that is neither NaN nor a truth value."""
        return self.known(
            ("measures", path),
            lambda: any(
                isinstance(value, (int, float)) and type(value) is not bool and value == value  # noqa: PLR0124 - not NaN
                for value in self.at(path)
            ),
        )

    def matrix(self, paths: tuple[Path, ...]) -> NDArray[np.float64]:
        """Return the numbers at several places, shape (answers, places)."""
        return self.known(("matrix", paths), lambda: np.stack([self.numbers(p) for p in paths], axis=1))

    def at(self, path: Path) -> Sequence[Plain]:
        """Return the single values at a place; `MISSING` where an answer has none there."""
        return self.known(("at", path), lambda: [row.get(path, MISSING) for row in self._rows])

    def labels(self, path: Path | None = None) -> list[str]:
        """Return each answer, or the single value at a place, as text that tells 1, 1.0 and True apart."""
        return self.known(
            ("labels", path),
            lambda: [repr(value) for value in (self.plain if path is None else self.at(path))],
        )

    @property
    def _rows(self) -> list[dict[Path, Plain]]:
        """Single values of each answer by their place, the first `MOST_LEAVES` of each."""
        return self.known("rows", lambda: [dict(leaves(answer)[:MOST_LEAVES]) for answer in self.plain])

    def _first_paths(self) -> tuple[Path, ...]:
        found: dict[Path, None] = {}
        for row in self._rows:
            found.update(dict.fromkeys(row))
            if len(found) >= MOST_LEAVES:
                break
        return tuple(found)[:MOST_LEAVES]


class _Missing:
    def __repr__(self) -> str:
        return "missing"


#: Stands where an answer has no value at a place.
MISSING: Final = _Missing()


def _number(value: Plain) -> float:
    if not isinstance(value, (int, float)):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
