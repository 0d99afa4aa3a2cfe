"""Counting of arrays, and codes of the values of their rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.columns import binary_column, require_same_length, require_same_order, require_two_groups
from trivet.fairness.counting.design import UNIT, Design, Scale
from trivet.fairness.counting.naming import name_of
from trivet.fairness.counting.tabulate import MISSING, OUTSIDE, Part, Question, Row, rows_of
from trivet.wording import one_line, quote

__all__ = ["ArraySource", "binary_counts", "combined_codes", "factorised", "sensitive_arrays"]

Codes = NDArray[np.int64]

#: Codes of whole numbers are their distance from the least, where that takes no more places than this.
_WIDEST: Final = 2**16
#: Combinations are counted by their place where there are no more places than this.
_MOST_PLACES: Final = 2**20


class ArraySource:
    """Rows of arrays."""

    def __init__(self, **columns: ArrayLike | Mapping[str, ArrayLike] | None) -> None:
        """Take labels, predictions, groups by name, and columns of a design, by the names of a question."""
        groups: Any = columns.pop("sensitive", None) or {}
        given = {name: values for name, values in columns.items() if values is not None} | groups
        first = next(iter(given), "")
        require_same_order(**{one_line(name): values for name, values in given.items()})
        #: By the names of a question.
        self._columns = {name: _column(values, name) for name, values in given.items()}
        sides = {name: self._columns[name] for name in ("y_true", "y_pred") if name in self._columns}
        for name, values in self._columns.items():
            if name not in sides:
                require_same_length(**{first: self._columns[first], **sides, one_line(name): values})

    def tally(self, question: Question, *, limit: int) -> Sequence[Row] | None:
        """Return each combination of values and how many rows have it; nothing beyond `limit` of them."""
        coded = [factorised(self._columns[name], name) for name in question.keys]
        if question.cut is not None:
            scores = _cut(
                self._columns[question.y_pred or ""], question.y_pred or "", question.cut, question.scale
            )
            coded.append((scores, range(OUTSIDE + 1)))
        kinds, numbers, codes = _combinations(coded)
        if len(kinds) > limit:
            return None
        sums = self._summed(question.design, numbers, codes)
        rows: list[Row] = []
        for kind, amounts in zip(kinds.tolist(), zip(*sums, strict=True), strict=True):
            values = [known[code] for code, (_, known) in zip(kind, coded, strict=True)]
            scored = values.pop() if question.cut is not None else None
            rows += rows_of(question, values, scored, amounts)
        return rows

    def distinct(self, question: Question, part: Part) -> int:
        """Return how many groups, labels or predictions there are, missing ones included."""
        names = question.columns(part)
        return len(_combinations([factorised(self._columns[name], name) for name in names])[0])

    def upper_cut(self, name: str, share: float, *, scale: Scale, design: Design) -> float:
        """Return what `trivet.fairness.counting.files.upper_cut` does."""
        scores = scale.shares(_floats(self._columns[name], name, scale))
        amount = design.weight or design.count
        weights = np.ones(len(scores)) if amount is None else _floats(self._columns[amount], amount)
        known = np.isfinite(scores)
        if not known.any():
            raise DataError(f"there is no score in {quote(name)}.")
        order = np.argsort(scores[known])
        sorted_scores, below = scores[known][order], np.cumsum(weights[known][order])
        middle = sorted_scores[np.searchsorted(below, design.up_to(share) * below[-1])]
        above = sorted_scores[sorted_scores > middle]
        return float(above[0]) if len(above) else math.nextafter(float(middle), math.inf)

    def _summed(self, design: Design, numbers: Codes, codes: Codes) -> list[list[Any]]:
        """Return what `rows_of` takes of each combination of values."""

        def added(values: NDArray[Any] | None = None) -> list[Any]:
            return np.bincount(codes, weights=values)[numbers].tolist()

        def number(name: str) -> NDArray[np.float64]:
            return _floats(self._columns[name], name)

        def wrong(name: str, *, whole: bool = True) -> list[Any]:
            own = number(name)
            right = (own >= 0) & np.isfinite(own)
            right &= (own == np.floor(own)) if whole else True
            return added((~right).astype(np.float64))

        if design.total is not None and design.selected is not None:
            selected, total = design.selected, design.total
            above = (number(selected) > number(total)).astype(np.float64)
            return [
                added(number(selected)),
                added(number(total)),
                wrong(selected),
                wrong(total),
                [int(each) for each in added(above)],
            ]
        if design.count is not None:
            return [added(number(design.count)), wrong(design.count)]
        if design.weight is not None:
            own = number(design.weight)
            with np.errstate(over="ignore"):
                squares = own * own
            return [added(), added(own), added(squares), wrong(design.weight, whole=False)]
        return [added()]


def sensitive_arrays(sensitive: Any) -> dict[str, ArrayLike]:
    """Return the sensitive columns by name."""
    if isinstance(sensitive, Mapping) or hasattr(sensitive, "columns"):
        # The columns of an Arrow table are not their names.
        frame = getattr(sensitive, "column_names", getattr(sensitive, "columns", ()))
        names = sensitive if isinstance(sensitive, Mapping) else frame
        return {str(name): sensitive[name] for name in names}
    if isinstance(sensitive, list | tuple) and sensitive and all(hasattr(each, "name") for each in sensitive):
        # Columns of a frame, each with its name.
        return {str(each.name): each for each in cast("Sequence[Any]", sensitive)}
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


def _floats(values: NDArray[Any], name: str, scale: Scale = UNIT) -> NDArray[np.float64]:
    """Return numbers as floats, NaN where one is missing."""
    wrong = UsageError(
        f"the scores in {quote(name)} hold {one_line(values.dtype)}; expected numbers from {scale.low:g} to "
        f"{scale.high:g}."
        if name == "y_pred"
        else f"{quote(name)} holds {one_line(values.dtype)}; expected numbers."
    )
    if values.dtype.kind == "O":
        values = np.array([math.nan if name_of(each) is None else each for each in values])
    if values.dtype.kind not in "iufO":
        raise wrong
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise wrong from error


def _cut(scores: NDArray[Any], name: str, cut: float, scale: Scale) -> Codes:
    """Return 1 from the cut on and 0 below, or what a score is that is none."""
    floats = _floats(scores, name, scale)
    # The place of a score; infinite ones are beyond any scale.
    floats = scale.shares(floats)
    beyond = (floats < 0) | (floats > 1)
    return np.select([np.isnan(floats), beyond], [MISSING, OUTSIDE], (floats >= cut).astype(np.int64))


def _combinations(coded: Sequence[tuple[Codes, Sequence[Any]]]) -> tuple[Codes, Codes, Codes]:
    """Return each combination of codes, shape (combinations, columns), its number, and each row's number."""
    sizes = [max(len(known), 1) for _, known in coded]
    if math.prod(sizes) > _MOST_PLACES:
        codes, kinds = combined_codes([(codes, size) for (codes, _), size in zip(coded, sizes, strict=True)])
        return kinds, np.arange(len(kinds)), codes
    places = np.ravel_multi_index([codes for codes, _ in coded], sizes)
    present = np.flatnonzero(np.bincount(places))
    return np.stack(np.unravel_index(present, sizes), axis=1), present, places


def _column(values: ArrayLike, name: str) -> NDArray[Any]:
    if isinstance(values, str):
        raise UsageError(
            f"{quote(name)} is a column of values where there is no table, found the text {quote(values)}; "
            "give the table, or the values."
        )
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
