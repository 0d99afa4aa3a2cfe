"""Which rows, labels and groups does an audit of a model work on?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.wording import one_line, quoted

__all__ = ["Subject", "load_subject"]

#: More rows of a table are drawn from at random; more features are refused.
MOST_ROWS: Final = 1_000_000
MOST_FEATURES: Final = 2_000
#: A column of texts with more values than this gets one feature for all rare ones.
MOST_VALUES: Final = 50


@dataclass(frozen=True, eq=False)
class Subject:
    """Rows to audit a model on.

    Attributes
    ----------
    name
        Of the data.
    features
        Shape (rows, ...).
    labels
        Shape (rows,).
    groups
        For each protected attribute an array of shape (rows,).
    """

    name: str
    features: Any
    labels: NDArray[Any]
    groups: dict[str, NDArray[Any]]


def load_subject(
    table: Path | None,
    images: str | None,
    *,
    label: str | None,
    positive: str | None,
    groups: Sequence[str],
    limit: int | None,
    seed: int,
) -> Subject:
    """Load the embedded Adult data, a table, or images.

    Raises
    ------
    UsageError
        What was asked does not go together, or names a column that there is not.
    DataError
        The data cannot be read, or are too few.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--rows is {limit}; expected 1 or more.")
    if images is not None:
        if table is not None or label is not None or positive is not None or groups:
            raise UsageError(
                "--images have labels of their own; leave out the table, --label, --positive and --group."
            )
        return _images(images, limit=limit, seed=seed)
    if table is not None:
        if label is None:
            raise UsageError("a table needs --label, the column that the model predicts.")
        return _table(table, label, positive, groups, limit=limit, seed=seed)
    if label is not None or positive is not None:
        raise UsageError("--label and --positive belong to a table; give one, or leave them out for Adult.")
    return _adult(groups, limit=limit, seed=seed)


def _adult(groups: Sequence[str], *, limit: int | None, seed: int) -> Subject:
    """Adult with the study's nine features and its label."""
    from trivet.datasets import load_adult  # noqa: PLC0415 - loads DuckDB
    from trivet.fairness.study.adult import adult_sample  # noqa: PLC0415 - loads scikit-learn

    table = load_adult()
    sample = adult_sample(table)
    chosen = list(groups) or ["gender"]
    for name in chosen:
        if name not in table.columns:
            raise UsageError(f"Adult has no column {quoted(name)}; it has {', '.join(table.columns)}.")
    rows = _some(len(sample), limit, seed)
    return Subject(
        "Adult",
        sample.features[rows],
        sample.labels[rows],
        {
            name: np.array(["missing" if value is None else value for value in table[name][rows]])
            for name in chosen
        },
    )


def _images(source: str, *, limit: int | None, seed: int) -> Subject:
    from trivet.datasets import load_images  # noqa: PLC0415 - loads pictures

    loaded = load_images(source, limit=limit, seed=seed)
    return Subject(loaded.name, loaded.pixels, loaded.labels, {})


def _table(
    path: Path, label: str, positive: str | None, groups: Sequence[str], *, limit: int | None, seed: int
) -> Subject:
    from trivet.tables.opening import open_table  # noqa: PLC0415 - loads DuckDB
    from trivet.tables.schema import find_column  # noqa: PLC0415 - as below

    with open_table(path, ordered=True) as opened:
        for name in (label, *groups):
            find_column(opened.columns, name)
        columns = _read(opened, limit=limit, seed=seed)
        name = opened.name
    protected = {group: np.where(columns[group] == "", "missing", columns[group]) for group in groups}
    labels = columns.pop(label)
    known = labels != ""
    if not known.all():
        raise DataError(
            f"{int((~known).sum())} of {len(labels)} rows have no {one_line(label)}; a label is needed in "
            "each. Leave such rows out."
        )
    if positive is not None:
        if positive not in set(labels.tolist()):
            found = ", ".join(map(quoted, sorted(set(labels.tolist()))[:5]))
            raise DataError(f"no row has the label {quoted(positive)}; there are {found}.")
        labels = np.where(labels == positive, positive, f"not {positive}")
    return Subject(name, _encoded(columns), labels, protected)


def _read(opened: Any, *, limit: int | None, seed: int) -> dict[str, NDArray[Any]]:
    """Read all columns as text, missing cells as empty ones, in the order of the file."""
    (count,) = opened.connection.execute(f"SELECT count(*) FROM {opened.source}").fetchone()  # noqa: S608
    if not count:
        raise DataError(f"{quoted(opened.name)} has no rows.")
    rows = _some(count, min(limit or MOST_ROWS, MOST_ROWS), seed)
    texts = ", ".join(
        f"coalesce(trim(CAST({column.sql} AS VARCHAR)), '') AS c{i}"
        for i, column in enumerate(opened.columns)
    )
    import duckdb  # noqa: PLC0415 - as above

    try:
        found = opened.connection.execute(f"SELECT {texts} FROM {opened.source}").fetchnumpy()  # noqa: S608
    except duckdb.Error as error:
        raise DataError(f"the rows of {quoted(opened.name)} cannot be read; the file is damaged.") from error
    return {
        column.name: np.asarray(found[f"c{i}"], dtype=object)[rows].astype(str)
        for i, column in enumerate(opened.columns)
    }


def _some(count: int, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Rows in their order, so many at most, drawn at random."""
    if limit is None or count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))


def _encoded(columns: dict[str, NDArray[Any]]) -> Any:
    """Numbers with the median in place of what is missing and a mark where it was; texts one-hot."""
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415 - heavy
    from sklearn.impute import SimpleImputer  # noqa: PLC0415 - as above
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415 - as above

    numbers: list[NDArray[np.float64]] = []
    texts: list[NDArray[Any]] = []
    for values in columns.values():
        number = _numbers(values)
        if number is None:
            texts.append(values)
        else:
            numbers.append(number)
    if not numbers and not texts:
        raise DataError("the table has no column beside the label; a model needs features.")
    whole = np.column_stack([np.asarray(column, dtype=object) for column in (*numbers, *texts)])
    encoder = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median", add_indicator=True), list(range(len(numbers)))),
            (
                "texts",
                OneHotEncoder(max_categories=MOST_VALUES, handle_unknown="infrequent_if_exist"),
                list(range(len(numbers), whole.shape[1])),
            ),
        ],
        sparse_threshold=0.0,
    )
    encoded = np.asarray(encoder.fit_transform(whole), dtype=np.float32)
    if encoded.shape[1] > MOST_FEATURES:
        raise DataError(f"the table gives {encoded.shape[1]} features; expected {MOST_FEATURES} or fewer.")
    return encoded


def _numbers(values: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the column as numbers, NaN where a cell is empty; None where one is no finite number."""
    empty = values == ""
    if empty.all():
        return None
    try:
        numbers = np.where(empty, "nan", values).astype(np.float64)
    except ValueError:
        return None
    return numbers if bool(np.isfinite(numbers[~empty]).all()) else None
