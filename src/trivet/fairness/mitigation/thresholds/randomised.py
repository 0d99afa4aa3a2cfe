"""Predictions by thresholds, and by randomised thresholds."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from numbers import Integral
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import require_same_length, score_column
from trivet.fairness.mitigation.thresholds.cuts import group_column
from trivet.wording import one_line

__all__ = [
    "MixedThreshold",
    "apply_group_thresholds",
    "lots",
    "lots_of_rows",
    "marks_of_rows",
    "marks_of_scores",
    "require_seed",
    "selection_probability",
]

Marks = NDArray[np.uint64]

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_NOT_A_NUMBER: Final = np.float64(np.nan).view(np.uint64)
#: Bits of a score that are looked at: in double and in single precision.
SCORE_BITS: Final = 30
SCORE_BITS_SINGLE: Final = 16
#: Values that say in words what they are, so that their words can be hashed.
SPOKEN: Final = (str, bytes, date, timedelta, Decimal, np.datetime64, np.timedelta64)


def lots(marks: Marks, seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row, uniform over rows with different marks."""
    return (_scrambled(_scrambled(np.full(len(marks), seed, np.uint64)) ^ marks) >> np.uint64(11)) / 2.0**53


def marks_of_rows(X: Any) -> Marks | None:
    """Return a hash of the features of each row, by splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    # Numbers are hashed as double precision, whatever their type; a zero counts as nothing, so that a sparse
    # matrix has the hashes of the dense one.
    if sparse.issparse(X):
        table: Any = sparse.coo_array(sparse.csr_array(X))  # duplicates are summed
        marks = np.zeros(table.shape[0], dtype=np.uint64)
        places = np.asarray(table.coords[1], dtype=np.uint64)
        np.add.at(marks, table.coords[0], _placed(_number_bits(table.data), places))
        return marks
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        columns = [series.to_numpy() for series in frame.iter_columns()]
    else:
        array = np.asarray(X)
        if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
            array = np.asarray(X, dtype=object)  # a text among the numbers has not made texts of them
        if array.ndim not in (1, 2):
            return None
        columns = [array] if array.ndim == 1 else list(array.T)
    marks = np.zeros(len(columns[0]) if columns else 0, dtype=np.uint64)
    for place, column in enumerate(columns):
        bits = _bits(column)
        if bits is None:
            return None
        marks += _placed(bits, np.uint64(place))
    return marks


def marks_of_scores(scores: NDArray[np.floating[Any]], groups: NDArray[np.int64]) -> Marks:
    """Return a hash of each row's score and group; the last bits of a score are left out."""
    single = scores.dtype.name in ("float32", "float16")
    fraction, power = np.frexp(scores.astype(np.float64))
    bits = SCORE_BITS_SINGLE if single else SCORE_BITS
    rounded = np.ldexp(np.rint(np.ldexp(fraction, bits)), power - bits)
    return _placed(_number_bits(rounded), groups.astype(np.uint64))


def require_seed(seed: object) -> None:
    """Raise a UsageError unless the seed is a whole number from 0 to 2^32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise UsageError(
            f"random_state should be a whole number from 0 to 2^32 - 1, found {one_line(repr(seed))}."
        )


def _placed(bits: Marks, place: Marks | np.uint64) -> Marks:
    """Mix what a feature holds with its place; zero stays zero."""
    mixed = _scrambled(_scrambled(np.atleast_1d(np.asarray(place, np.uint64))) ^ bits)
    return np.where(bits == 0, np.uint64(0), mixed)


def _bits(column: NDArray[Any]) -> Marks | None:
    """Return 64 bits for each value of one feature, or None where it cannot be said what a value is."""
    if column.dtype.kind in "biuf":
        return _number_bits(column)
    known: dict[Hashable, int] = {}
    found = np.empty(len(column), dtype=np.uint64)
    for row, value in enumerate(column.tolist() if column.dtype == object else list(column)):
        try:
            found[row] = known[value] if value in known else known.setdefault(value, _value_bits(value))
        except TypeError:
            return None
    return found


def _value_bits(value: Any) -> int:
    """Return 64 bits for one value, or raise a TypeError."""
    if isinstance(value, SPOKEN):
        words = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(words, digest_size=8).digest(), "big")
    kind = type(value).__name__
    number = np.nan if kind in ("NoneType", "NAType", "NaTType") else float(value)
    return int(_number_bits(np.array([number]))[0])


def _number_bits(numbers: NDArray[Any]) -> Marks:
    """Return the bits of numbers in double precision, with one zero and one NaN."""
    doubles = numbers.astype(np.float64) + 0.0  # minus zero is zero
    return np.where(np.isnan(doubles), _NOT_A_NUMBER, doubles.view(np.uint64))


def _scrambled(bits: Marks) -> Marks:
    """Return the output function of splitmix64 after one step."""
    bits = bits + _STEP
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@dataclass(frozen=True)
class MixedThreshold:
    """A threshold that is drawn by lot for each row.

    Attributes
    ----------
    thresholds : Scores from which a row is selected, decreasing.
    shares : How often each is drawn: positive, with the sum 1.
    """

    thresholds: tuple[float, ...]
    shares: tuple[float, ...]


def selection_probability(
    scores: ArrayLike, groups: ArrayLike, thresholds: Sequence[float | MixedThreshold]
) -> NDArray[np.float64]:
    """Return how likely each row is selected: 0 or 1 unless its group's threshold is mixed."""
    values, codes = score_column(scores, "scores"), group_column(groups)
    require_same_length(scores=values, groups=codes)
    if codes.max() >= len(thresholds):
        raise DataError(f"there are thresholds for {len(thresholds)} groups, found group {codes.max()}.")
    probability = np.zeros(len(values))
    for code, threshold in enumerate(thresholds):
        rows = np.flatnonzero(codes == code)
        mixed = threshold if isinstance(threshold, MixedThreshold) else MixedThreshold((threshold,), (1.0,))
        reached = np.concatenate([[0], np.cumsum(mixed.shares[::-1])])
        reached[-1] = 1  # whatever the sum is rounded to
        probability[rows] = reached[np.searchsorted(mixed.thresholds[::-1], values[rows], side="right")]
    return probability


def apply_group_thresholds(
    scores: ArrayLike,
    groups: ArrayLike,
    thresholds: Sequence[float | MixedThreshold],
    *,
    random_state: int = 0,
    features: Any = None,
) -> NDArray[np.int64]:
    """Predict 1 for every row whose score reaches its group's threshold, drawn by lot if mixed."""
    # A draw depends on the seed and the row's features, and on nothing else of the call; where features hold
    # what is neither number, text nor date, or there are none, on the score and the group.
    require_seed(random_state)
    probability = selection_probability(scores, groups, thresholds)
    open_rows = np.flatnonzero((probability > 0) & (probability < 1))
    drawn = np.zeros(len(probability))
    if len(open_rows):
        drawn[open_rows] = lots(_marks(scores, groups, features, open_rows), random_state)
    return (drawn < probability).astype(np.int64)


def lots_of_rows(
    features: Any, scores: NDArray[np.float64], groups: NDArray[np.int64], *, seed: int
) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each row, by its features, or else by its score and group."""
    return lots(_marks(scores, groups, features, np.arange(len(scores))), seed)


def _marks(
    scores: ArrayLike, groups: ArrayLike, features: Any, rows: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return what tells rows apart: their features, or else their score and group."""
    values, codes = np.asarray(scores), np.asarray(groups).astype(np.int64)
    if features is not None:
        found = features.shape[0] if hasattr(features, "shape") else len(features)
        if found != len(values):
            raise DataError(f"features should have {len(values)} rows, as the scores have, found {found}.")
        # Not all kinds of sparse matrices have rows that can be taken.
        table = sparse.csr_array(features) if sparse.issparse(features) else features
        marks = marks_of_rows(_safe_indexing(table, rows))
        if marks is not None:
            return marks
    return marks_of_scores(values[rows], codes[rows])
