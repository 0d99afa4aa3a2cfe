"""To which group each row belongs: columns, frames or mappings of sensitive features into integer codes."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.counting.arrays import combined_codes
from trivet.wording import one_line

__all__ = ["Group", "SensitiveFeatures", "codes_of", "named", "sensitive_codes", "sensitive_names"]

#: A value of the sensitive feature, or one of each where there are several.
Group = Hashable
#: Shape (rows,) or (rows, columns): array, list, Series or frame, or a mapping of names to columns.
SensitiveFeatures = Any

#: A column with more values is not one of groups but, say, an age in days or a name.
MOST_GROUPS: Final = 1000


def sensitive_codes(
    sensitive_features: SensitiveFeatures, rows: int, *, least: int = 2
) -> tuple[NDArray[np.int64], tuple[Group, ...]]:
    """Give each group a number, and each row that of its group."""
    columns = [_factorised(column) for column in _columns(sensitive_features, rows).values()]
    return _combined(columns, least)


def _combined(
    columns: Sequence[tuple[NDArray[np.int64], list[Any]]], least: int
) -> tuple[NDArray[np.int64], tuple[Group, ...]]:
    """Return codes and groups of the combinations of the columns' values that occur."""
    codes, groups = columns[0]
    if len(columns) > 1:
        codes, kinds = combined_codes([(places, len(values)) for places, values in columns])
        places = kinds[: MOST_GROUPS + 1].tolist()
        groups = [
            tuple(values[place] for (_, values), place in zip(columns, row, strict=True)) for row in places
        ]
    if not least <= len(groups) <= MOST_GROUPS:
        few = f"{len(groups)} ({named(groups)})"
        found = few if len(groups) < least else f"more than {MOST_GROUPS:,}"
        raise DataError(
            f"sensitive_features should name {least} to {MOST_GROUPS:,} groups, found {found}. Check which "
            "column it is, and group values that are measured."
        )
    return codes.astype(np.int64), tuple(groups)


def codes_of(
    sensitive_features: SensitiveFeatures,
    groups: Sequence[Group],
    *,
    rows: int,
    names: Sequence[Hashable] | None = None,
) -> NDArray[np.int64]:
    """Return the place of each row's group among those that were seen in training.

    Columns of a frame or a mapping are found by name, where names are known from training; others go by
    place.
    """
    columns = _columns(sensitive_features, rows)
    if names is not None and sensitive_names(sensitive_features) is not None:
        if set(columns) != set(names):
            raise DataError(
                f"sensitive_features should have the columns that training had, {named(list(names))}, found "
                f"{named(list(columns))}. Pass the same columns, in any order."
            )
        columns = {name: columns[name] for name in names}
    codes, found = _combined([_factorised(column) for column in columns.values()], 1)
    places = {group: place for place, group in enumerate(groups)}
    unseen = [group for group in found if group not in places]
    if unseen:
        raise DataError(
            f"sensitive_features has {named(unseen)}, which training did not have; it had {named(groups)}. "
            "Fit on rows of every group, or leave those rows out."
        )
    return np.array([places[group] for group in found], dtype=np.int64)[codes]


def named(groups: Sequence[Group], *, limit: int = 200) -> str:
    """Return the groups in words, on one line."""
    return one_line(", ".join(map(repr, groups[:20])), limit=limit)


def sensitive_names(sensitive_features: SensitiveFeatures) -> tuple[Hashable, ...] | None:
    """Return the names of the columns of a frame or a mapping, or None for what has none."""
    if isinstance(sensitive_features, Mapping):
        return tuple(sensitive_features)
    try:
        frame = nw.from_native(sensitive_features, eager_only=True, pass_through=True)
        return tuple(frame.columns) if isinstance(frame, nw.DataFrame) else None
    except nw.exceptions.DuplicateError as error:
        raise DataError(
            "the columns of sensitive_features should have different names, found one twice: "
            f"{named(list(sensitive_features.columns))}. Rename them."
        ) from error


def _columns(sensitive_features: SensitiveFeatures, rows: int) -> dict[Hashable, NDArray[Any]]:
    """Return one array of shape (rows,) for each column, by name or else by place."""
    if sensitive_features is None:
        raise UsageError(
            "a mitigation needs to know each row's group, found no sensitive_features. Pass "
            "sensitive_features=..., one value a row; a mitigation inside another gets them with "
            "sklearn.set_config(enable_metadata_routing=True)."
        )
    names = sensitive_names(sensitive_features)
    columns: dict[Hashable, NDArray[Any]]
    if isinstance(sensitive_features, Mapping):
        columns = {name: _array(column) for name, column in sensitive_features.items()}
    elif names is not None:
        frame = nw.from_native(sensitive_features, eager_only=True)
        columns = {
            name: _array(series.to_native()) for name, series in zip(names, frame.iter_columns(), strict=True)
        }
    else:
        array = _array(sensitive_features)
        parts = [array] if array.ndim < 2 else list(np.moveaxis(array, 1, 0))  # noqa: PLR2004 (two axes)
        columns = {place: part for place, part in enumerate(parts)}  # noqa: C416 (of any type of name)
    if not columns or any(column.shape != (rows,) for column in columns.values()):
        shapes = ", ".join(str(column.shape) for column in list(columns.values())[:5]) or "none"
        raise DataError(
            f"sensitive_features should be one column or more of {rows} rows, found {shapes}. Pass one value "
            "a row, in the order of the features."
        )
    return columns


def _array(values: Any) -> NDArray[Any]:
    """Return an array that keeps each value as it is."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    # A plain array would turn the numbers beside a text into texts.
    return np.array(values, dtype=object) if isinstance(values, list | tuple) else np.asarray(values)


def _factorised(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """Return the place of each row's value, and the values in their order; none may be missing."""
    if column.dtype == object:
        found: dict[Any, int] = {}
        try:
            codes = np.array([found.setdefault(value, len(found)) for value in column.tolist()])
        except TypeError as error:
            raise DataError(f"sensitive_features should hold plain values; {one_line(error)}.") from error
        values = [value.item() if isinstance(value, np.generic) else value for value in found]
    else:
        # Faster than the inverse of unique, which sorts all rows.
        unique = np.unique(column)
        codes, values = np.searchsorted(unique, column), unique.tolist()
    missing = [place for place, value in enumerate(values) if _is_missing(value)]
    if missing:
        absent = np.isin(codes, missing)
        raise DataError(
            f"sensitive_features should have a value in each row, found none in row {np.argmax(absent)} "
            f"({absent.sum()} rows in all). Leave such rows out, or make them a group of their own."
        )
    order = sorted(range(len(values)), key=lambda place: _sort_key(values[place]))
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values))
    return rank[codes], [values[place] for place in order]


def _is_missing(value: Any) -> bool:
    """Tell None, NaN, NaT and pandas' NA, which no comparison calls equal to themselves."""
    try:
        return value is None or not bool(value == value)  # noqa: PLR0124 (NaN differs from itself)
    except (TypeError, ValueError):
        return True


def _sort_key(value: Any) -> tuple[bool, float, str]:
    return (False, value, "") if isinstance(value, int | float) else (True, 0.0, str(value))
