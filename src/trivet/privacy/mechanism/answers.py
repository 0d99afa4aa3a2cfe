"""Views of a mechanism's many answers: as numbers, as text, by their form.

A mechanism may be right on paper and give itself away in the last bits of a double alone (Mironov 2012). To
test its logic, every floating-point number of an answer is rounded to a multiple of a power of two that is
about a thousandth of the spread of the numbers at its place. The grid is fixed by the answers that propose
events, so rounding the others is post-processing: what is then shown holds for the mechanism as well.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Answers",
    "Event",
    "Path",
    "Plain",
    "Proposer",
    "Sample",
    "View",
    "all_views",
    "coarse_grid",
    "leaves",
    "number_paths",
    "plain",
    "spelled",
]

#: None, bool, int, float, str, bytes, and tuples and dicts of these, nested.
Plain: TypeAlias = Any

#: Where a single value stands in an answer: indices and keys; empty where the answer is the value.
Path: TypeAlias = tuple[int | str, ...]

_PLAIN: Final = (float, int, bool, str, bytes, type(None))
_DEEPEST: Final = 20


def plain(answer: object, *, depth: int = 0) -> Plain:
    """Turn an answer into plain values: arrays by ``tolist``, sets into sorted tuples, and so on."""
    if type(answer) in _PLAIN:
        return answer
    if depth > _DEEPEST:
        raise TypeError("value that is nested too deeply")
    if isinstance(answer, Mapping):
        return {_key(key): plain(value, depth=depth + 1) for key, value in answer.items()}
    if hasattr(answer, "tolist"):
        return plain(answer.tolist(), depth=depth + 1)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(answer, (str, Enum, Real, Decimal)):
        return _scalar(answer)
    if isinstance(answer, (Sequence, AbstractSet)):
        parts = (plain(part, depth=depth + 1) for part in answer)
        return tuple(sorted(parts, key=repr) if isinstance(answer, AbstractSet) else parts)
    raise TypeError(f"value of type {type(answer).__name__}")


def leaves(answer: Plain, path: Path = ()) -> list[tuple[Path, Plain]]:
    """List the single values in an answer with their places, in order."""
    if isinstance(answer, tuple):
        return [leaf for i, part in enumerate(answer) for leaf in leaves(part, (*path, i))]
    if isinstance(answer, dict):
        return [leaf for key in sorted(answer, key=repr) for leaf in leaves(answer[key], (*path, key))]
    return [(path, answer)]


def spelled(path: Path) -> str:
    """Name a place as Python would: ``answer``, ``answer[0]``, ``answer['x'][1]``."""
    return "answer" + "".join(f"[{part!r}]" for part in path)


def _scalar(answer: str | Enum | Real | Decimal) -> Plain:
    if isinstance(answer, (str, Enum)):
        return str(answer)
    return int(answer) if isinstance(answer, Integral) else float(answer)


def _key(key: object) -> str | int:
    return key if isinstance(key, (str, int)) else repr(key)


T = TypeVar("T")

#: Values that may come up in an answer whose places are counted, such as above, below and missing.
MOST_LABELS: Final = 6
#: Fewer answers do not say that there are few values.
FEWEST_OF_LABELS: Final = 50
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
        """Places of single values in the order first seen, `MOST_LEAVES` at most, for proposals."""
        return self.known("paths", self._first_paths)

    def numbers(self, path: Path) -> NDArray[np.float64]:
        """Return the numbers at a place, shape (answers,): NaN where there is none, infinite if huge."""

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

    def labelled(self, wanted: Callable[[str], bool], path: Path | None = None) -> NDArray[np.bool_]:
        """Return whether each label is wanted; `wanted` is called once for each that differs."""
        words, places = self.known(("words", path), lambda: self._words(path))
        return np.fromiter(map(wanted, words), bool, len(words))[places]

    def _words(self, path: Path | None) -> tuple[list[str], NDArray[np.int64]]:
        numbers: dict[str, int] = {}
        places = [numbers.setdefault(label, len(numbers)) for label in self.labels(path)]
        return list(numbers), np.array(places, dtype=np.int64)

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


@dataclass(frozen=True)
class Event:
    """Something that an answer is or is not."""

    words: str
    otherwise: str
    holds: Callable[[Answers], NDArray[np.bool_]]


@dataclass(frozen=True)
class Sample:
    """The answers from which events are proposed; no other answer is looked at for that."""

    on_a: Answers
    on_b: Answers
    input_a: Any
    input_b: Any

    @property
    def paths(self) -> tuple[Path, ...]:
        """Places of single values on either side, in the order first seen."""
        return tuple(dict.fromkeys((*self.on_a.paths, *self.on_b.paths)))


#: A family of events: proposes some from a sample, none where it does not apply.
Proposer: TypeAlias = Callable[[Sample], Iterable[Event]]


@dataclass(frozen=True)
class View:
    """One number of each answer."""

    name: str
    of: Callable[[Answers], NDArray[np.float64]]


def number_paths(sample: Sample) -> tuple[Path, ...]:
    """Return the places at which either side has a number; truth values are none."""
    return tuple(path for path in sample.paths if sample.on_a.measures(path) or sample.on_b.measures(path))


def all_views(sample: Sample) -> list[View]:
    """Return every view of the answers: one for a single number, several for a vector."""
    numbers = number_paths(sample)
    views = [_single(path) for path in numbers]
    views += [_difference(left, right) for left, right in pairwise(numbers)]
    paths = sample.paths
    if len(paths) > 1:
        views += [
            _summary("the sum", paths, _sum),
            _summary("the largest number", paths, lambda rows: _reduced(np.fmax, rows)),
            _summary("the smallest number", paths, lambda rows: _reduced(np.fmin, rows)),
            _summary("the Euclidean norm", paths, lambda rows: np.sqrt(_sum(rows**2))),
        ]
        views += _label_views(sample)
    return views


def _label_views(sample: Sample) -> list[View]:
    """Return how often each value comes up in an answer and where first, where there are few values."""
    paths = sample.paths
    labels = {
        label for side in (sample.on_a, sample.on_b) for path in paths for label in set(side.labels(path))
    }
    if len(labels) > MOST_LABELS or len(sample.on_a) < FEWEST_OF_LABELS:
        return []
    return [
        View(f"{what} {label}", lambda answers, of=of, label=label: of(_places_of(answers, paths, label)))
        for label in sorted(labels)
        for what, of in (("the number of", _count), ("the first place of", _first))
    ]


def _places_of(answers: Answers, paths: tuple[Path, ...], label: str) -> NDArray[np.bool_]:
    """Return where a value stands in each answer, shape (answers, places)."""
    return answers.known(
        ("places of", label, paths),
        lambda: np.stack([answers.labelled(label.__eq__, path) for path in paths], axis=1),
    )


def _count(places: NDArray[np.bool_]) -> NDArray[np.float64]:
    return places.sum(axis=1).astype(np.float64)


def _first(places: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(places.any(axis=1), places.argmax(axis=1), places.shape[1]).astype(np.float64)


def _single(path: Path) -> View:
    return View(spelled(path), lambda answers: answers.numbers(path))


def _difference(left: Path, right: Path) -> View:
    def of(answers: Answers) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", over="ignore"):
            return answers.numbers(right) - answers.numbers(left)

    return View(
        f"{spelled(right)} - {spelled(left)}",
        lambda answers: answers.known(("difference", left, right), lambda: of(answers)),
    )


def _summary(
    name: str, paths: tuple[Path, ...], reduce: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> View:
    def of(answers: Answers) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", over="ignore"):
            return reduce(answers.matrix(paths))

    return View(name, lambda answers: answers.known((name, paths), lambda: of(answers)))


def _sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the numbers of each row that has any."""
    return np.where(np.isnan(rows).all(axis=1), np.nan, np.nansum(rows, axis=1))


def _reduced(take: np.ufunc, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(take.reduce(rows, axis=1), dtype=float)


#: Binary digits of a number's spread that are kept.
DIGITS: Final = 10
#: The spread is that of the numbers between these shares of them, so that a far answer widens no grid.
SHARES: Final = (0.1, 0.9)


def coarse_grid(sample: Iterable[Plain]) -> Callable[[Plain], Plain]:
    """Return what rounds the floating-point numbers of an answer, by the spread of those in a sample."""
    seen: defaultdict[Path, list[float]] = defaultdict(list)
    for answer in sample:
        for path, value in leaves(answer):
            if isinstance(value, float) and math.isfinite(value):
                seen[path].append(value)
    steps = {path: step for path, values in seen.items() if (step := _step(values)) is not None}
    widest = max(steps.values(), default=None)

    def rounded(answer: Plain, path: Path = ()) -> Plain:
        if isinstance(answer, tuple):
            return tuple(rounded(part, (*path, place)) for place, part in enumerate(answer))
        if isinstance(answer, dict):
            return {key: rounded(part, (*path, key)) for key, part in answer.items()}
        if not isinstance(answer, float) or not math.isfinite(answer):
            return answer
        # A place that the sample lacks has the widest step; numbers of no spread keep their first digits.
        step = steps.get(path, widest) or _own_step(answer)
        return round(answer / step) * step + 0.0

    return rounded


def _step(values: list[float]) -> float | None:
    """Return the power of two that is the step of a place; None where its numbers are all the same."""
    numbers = np.array(values)
    low, high = np.quantile(numbers, SHARES)
    spread = float(high - low) or float(np.ptp(numbers))
    return math.ldexp(1.0, math.floor(math.log2(spread)) - DIGITS) if 0 < spread < math.inf else None


def _own_step(value: float) -> float:
    return math.ldexp(1.0, math.frexp(value)[1] - DIGITS) if value else 1.0
