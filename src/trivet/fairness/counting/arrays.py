"""Counting of arrays, and codes of the values of their rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column, require_same_length, require_same_order, require_two_groups
from trivet.fairness.counting.naming import name_of
from trivet.fairness.counting.tabulate import MISSING, OUTSIDE, Part, Question, Row
from trivet.wording import one_line, quote

__all__ = ["ArraySource", "binary_counts", "combined_codes", "factorised", "sensitive_arrays"]

Codes = NDArray[np.int64]

#: Codes of whole numbers are their distance from the least, where that takes no more places than this.
_WIDEST: Final = 2**16
#: Combinations are counted by their place where there are no more places than this.
_MOST_PLACES: Final = 2**20


class ArraySource:
    """Rows of arrays."""

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike, sensitive: Mapping[str, ArrayLike]) -> None:
        require_same_order(y_true=y_true, y_pred=y_pred)
        for name, values in sensitive.items():
            require_same_order(y_true=y_true, **{one_line(name): values})
        self._label = _column(y_true, "y_true")
        self._prediction = _column(y_pred, "y_pred")
        self._groups = {name: _column(values, name) for name, values in sensitive.items()}
        for name, values in self._groups.items():
            require_same_length(y_true=self._label, y_pred=self._prediction, **{one_line(name): values})

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        coded = [*self._coded("groups"), *self._coded("label")]
        if question.cut is None:
            coded += self._coded("prediction")
        else:
            coded.append((_cut(self._prediction, question.y_pred, question.cut), range(OUTSIDE + 1)))
        kinds, counts = _combinations(coded)
        if len(kinds) > limit:
            return None
        rows: list[Row] = []
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            *values, label, predicted = (known[code] for code, (_, known) in zip(kind, coded, strict=True))
            rows.append((tuple(values), label, predicted, count))
        return rows

    def distinct(self, question: Question, part: Part) -> int:  # noqa: ARG002 - as other sources need it
        """Return how many groups, labels or predictions there are, missing ones included."""
        return len(_combinations(self._coded(part))[0])

    def _coded(self, part: Part) -> list[tuple[Codes, Sequence[Any]]]:
        if part == "groups":
            return [factorised(values, name) for name, values in self._groups.items()]
        return [
            factorised(self._label, "y_true") if part == "label" else factorised(self._prediction, "y_pred")
        ]


def sensitive_arrays(sensitive: Any) -> dict[str, ArrayLike]:
    """Return the sensitive columns by name."""
    if isinstance(sensitive, Mapping) or hasattr(sensitive, "columns"):
        # The columns of an Arrow table are not their names.
        frame = getattr(sensitive, "column_names", getattr(sensitive, "columns", ()))
        names = sensitive if isinstance(sensitive, Mapping) else frame
        return {str(name): sensitive[name] for name in names}
    if getattr(sensitive, "ndim", 1) == 1 and not _is_nested(sensitive):
        name = getattr(sensitive, "name", None)
        return {name if isinstance(name, str) and name else "sensitive": sensitive}
    array = _array(sensitive, "sensitive")
    if array.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise DataError(f"sensitive should have shape (rows,) or (rows, columns), found {array.shape}.")
    return {f"sensitive {i + 1}": array[:, i] for i in range(array.shape[1])}


def factorised(values: NDArray[Any], name: str) -> tuple[Codes, Sequence[Any]]:
    """Return the code of each row, and the value of each code; codes without a row may have any."""
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.int64), (False, True)
    if kind in "iu" and len(values):
        least, most = int(values.min()), int(values.max())
        if most - least < _WIDEST and most < 2**63:
            return values.astype(np.int64) - least, range(least, most + 1)
    if kind == "M":
        # Python has no nanoseconds.
        values = values.astype("datetime64[us]")
    if kind in "iufUM":
        known, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), known  # pyright: ignore[reportReturnType] -- is indexed as one
    if kind in "OT":
        return _objects(values, name)
    raise UsageError(
        f"{quote(name)} holds {one_line(values.dtype)}; expected numbers, text, truth values or dates."
    )


def _objects(values: NDArray[Any], name: str) -> tuple[Codes, Sequence[Any]]:
    # 1, 1.0 and True are the same key, and not the same name.
    known: dict[tuple[type, object], int] = {}
    try:
        codes = [known.setdefault((type(value), value), len(known)) for value in values.tolist()]
    except TypeError as error:
        raise UsageError(
            f"{quote(name)} holds values such as lists; expected numbers, text, truth values or dates."
        ) from error
    if any(issubclass(kind, bytes) for kind, _ in known):
        raise UsageError(f"{quote(name)} holds bytes; expected numbers, text, truth values or dates.")
    return np.array(codes, dtype=np.int64), [value for _, value in known]


def _cut(scores: NDArray[Any], name: str, cut: float) -> Codes:
    """Return 1 from the cut on and 0 below, or what a score is that is none."""
    wrong = UsageError(
        f"the scores in {quote(name)} hold {one_line(scores.dtype)}; expected numbers from 0 to 1."
    )
    if scores.dtype.kind == "O":
        scores = np.array([math.nan if name_of(each) is None else each for each in scores])
    if scores.dtype.kind not in "iufO":
        raise wrong
    try:
        floats = scores.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise wrong from error
    beyond = (floats < 0) | (floats > 1)
    return np.select([np.isnan(floats), beyond], [MISSING, OUTSIDE], (floats >= cut).astype(np.int64))


def _combinations(coded: Sequence[tuple[Codes, Sequence[Any]]]) -> tuple[Codes, Codes]:
    """Return each combination of codes, shape (combinations, columns), and how many rows have it."""
    sizes = [max(len(known), 1) for _, known in coded]
    if math.prod(sizes) > _MOST_PLACES:
        codes, kinds = combined_codes([(codes, size) for (codes, _), size in zip(coded, sizes, strict=True)])
        return kinds, np.bincount(codes, minlength=len(kinds))
    places = np.ravel_multi_index([codes for codes, _ in coded], sizes)
    every = np.bincount(places)
    present = np.flatnonzero(every)
    return np.stack(np.unravel_index(present, sizes), axis=1), every[present]


def _column(values: ArrayLike, name: str) -> NDArray[Any]:
    array = _array(values, name)
    if array.ndim == 2 and array.shape[1] == 1:  # noqa: PLR2004 - a frame of one column
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{quote(name)} should be one column, found shape {array.shape}.")
    return array


def _array(values: Any, name: str) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        objects = np.array(values.data, dtype=object)
        objects[np.ma.getmaskarray(values)] = None
        return objects
    try:
        array = np.asarray(values)
        # Beside a text, a missing value of a list would become the text "nan".
        mixed = isinstance(values, list | tuple) and array.dtype.kind in "US"
        return np.array(values, dtype=object) if mixed else array
    except ValueError as error:
        raise DataError(f"{quote(name)} should be one column; its entries differ in length.") from error


def _is_nested(values: Any) -> bool:
    """Return True if a list contains rows; text is not a row."""
    first = values[0] if isinstance(values, list | tuple) and values else None
    return isinstance(first, list | tuple | np.ndarray)


def binary_counts(y_true: ArrayLike, y_pred: ArrayLike, sensitive: ArrayLike) -> NDArray[np.int64]:
    """Count the rows of each group, label and prediction.

    Parameters
    ----------
    y_true, y_pred
        Labels and predictions, shape (rows,), 0 or 1.
    sensitive
        Group of each row, shape (rows,): 0 is protected, 1 is privileged.

    Returns
    -------
    numpy.ndarray
        Shape (2, 2, 2), indexed [group, label, prediction].

    Raises
    ------
    DataError
        If the columns differ in length, hold anything but 0 and 1, or name only one group.
    """
    labels = binary_column(y_true, "y_true")
    predictions = binary_column(y_pred, "y_pred")
    groups = binary_column(sensitive, "sensitive")
    require_same_length(y_true=labels, y_pred=predictions, sensitive=groups)
    require_two_groups(groups)
    return np.bincount(4 * groups + 2 * labels + predictions, minlength=8).reshape(2, 2, 2)


Codes = NDArray[np.int64]


def combined_codes(columns: Sequence[tuple[NDArray[np.integer], int]]) -> tuple[Codes, Codes]:
    """Give each combination of codes that occurs a number, in the order of the columns."""
    # One column after the other: no number is larger than the combinations so far times one column's values.
    first, _ = columns[0]
    known, codes = np.unique(first, return_inverse=True)
    kinds = known.astype(np.int64).reshape(-1, 1)
    codes = codes.astype(np.int64).ravel()
    for own, size in columns[1:]:
        mixed, codes = np.unique(codes * max(size, 1) + own, return_inverse=True)
        before, last = np.divmod(mixed, max(size, 1))
        kinds = np.column_stack([kinds[before], last])
        codes = codes.astype(np.int64).ravel()
    return codes, kinds
