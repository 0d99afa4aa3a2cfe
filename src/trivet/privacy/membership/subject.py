"""The rows, labels, groups and units that an audit of a model works on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.settings import ModelRows
from trivet.tables.opening import Table, table_file
from trivet.wording import one_line, quote

__all__ = ["MembershipData", "load_subject"]

if TYPE_CHECKING:
    from trivet.tables.features import Features

#: More rows of a table are drawn from at random; more features are refused.
MOST_ROWS: Final = 1_000_000
MOST_FEATURES: Final = 2_000


@dataclass(frozen=True, eq=False)
class MembershipData:
    """Rows to audit a model on; `owner` names a column that may say whose row each is, if none was named."""

    name: str
    features: Any
    labels: NDArray[Any]
    groups: dict[str, NDArray[Any]]
    units: NDArray[Any] | None = None
    numbers: NDArray[np.int64] | None = None
    owner: str | None = None


def load_subject(table: Any, asked: ModelRows, *, seed: int) -> MembershipData:
    """Load the embedded Adult data where `table` is None, a file or data frame, or images."""
    of_table = asked.label is not None or asked.positive is not None or asked.unit or asked.ignore
    if asked.images is not None:
        if table is not None or of_table or asked.group:
            raise UsageError(
                "--images have labels of their own; leave out the table, --label, --positive, --group, "
                "--unit and --ignore."
            )
        return _images(asked.images, limit=asked.rows, seed=seed)
    if table is not None:
        with table_file(table) as file:
            return _table(file, asked, seed=seed)
    if of_table:
        raise UsageError(
            "--label, --positive, --unit and --ignore belong to a table; give one, or leave them out for "
            "Adult."
        )
    return _adult(asked.group, limit=asked.rows, seed=seed)


def _adult(groups: Sequence[str], *, limit: int | None, seed: int) -> MembershipData:
    """Adult with the study's nine features and its label."""
    from trivet.datasets import adult_sample, load_adult  # noqa: PLC0415 - loads DuckDB
    from trivet.tables.features import choose_rows  # noqa: PLC0415 - loads DuckDB

    table = load_adult()
    sample = adult_sample(table)
    chosen = list(groups) or ["gender"]
    for name in chosen:
        if name not in table.columns:
            raise UsageError(f"Adult has no column {quote(name)}; it has {', '.join(table.columns)}.")
    rows = choose_rows(len(sample), limit, seed=seed)
    return MembershipData(
        "Adult",
        sample.features[rows],
        sample.labels[rows],
        {
            name: np.array(["missing" if value is None else value for value in table[name][rows]])
            for name in chosen
        },
        numbers=rows,
    )


def _images(source: str, *, limit: int | None, seed: int) -> MembershipData:
    from trivet.datasets import load_images  # noqa: PLC0415 - loads pictures

    loaded = load_images(source, limit=limit, seed=seed)
    return MembershipData(loaded.name, loaded.unit(), loaded.labels, {})


def _table(path: str | Path | Table, asked: ModelRows, *, seed: int) -> MembershipData:
    # These load DuckDB.
    from trivet.tables.features import choose_rows, count_rows, read_features, read_texts  # noqa: PLC0415
    from trivet.tables.opening import (  # noqa: PLC0415
        find_column,
        open_table,
        require_no_swallowed_rows,
    )

    label = asked.label
    if label is None:
        raise UsageError("a table needs --label, the column that the model predicts.")
    with open_table(path) as opened:
        named = [find_column(opened.columns, name) for name in (label, *asked.group)]
        owner = None if asked.unit is None else find_column(opened.columns, asked.unit)
        if owner is not None and owner.name == named[0].name:
            raise UsageError(f"--unit and --label are both {quote(owner.name)}; a unit is whose row it is.")
        hidden = {named[0].name, *(find_column(opened.columns, name).name for name in asked.ignore)}
        hidden |= set() if owner is None else {owner.name}
        count, most = count_rows(opened), min(asked.rows or MOST_ROWS, MOST_ROWS)
        owners = None if owner is None else _known(read_texts(opened, [owner])[0].astype(str), owner.name)
        if count <= most:
            rows = None
        elif owners is None:
            rows = choose_rows(count, most, seed=seed)
        else:
            rows = _rows_of_units(owners, most, seed=seed)
        texts = read_texts(opened, named, rows=rows)
        found = set(texts[0].tolist())
        require_no_swallowed_rows(opened, label, lambda text: text.strip() in found)
        likely = None if owner is not None else _likely_owner(opened, hidden, rows)
        features = read_features(opened, [one for one in opened.columns if one.name not in hidden], rows=rows)
    labels, *values = (column.astype(str) for column in texts)
    protected = {
        name: np.where(column == "", "missing", column)
        for name, column in zip(asked.group, values, strict=True)
    }
    _known(labels, label)
    if (positive := asked.positive) is not None:
        if positive not in set(labels.tolist()):
            found = ", ".join(map(quote, sorted(set(labels.tolist()))[:5]))
            raise DataError(f"no row has the label {quote(positive)}; there are {found}.")
        labels = np.where(labels == positive, positive, f"not {positive}")
    units = owners if owners is None or rows is None else owners[rows]
    return MembershipData(opened.name, _encoded(features), labels, protected, units, rows, likely)


def _likely_owner(opened: Table, hidden: set[str], rows: NDArray[np.int64] | None) -> str | None:
    """Return the first feature that is named like an identifier and has several rows a value."""
    from trivet.tables.cell_kinds import ROWS_A_VALUE, is_identifier  # noqa: PLC0415 - as above
    from trivet.tables.features import read_texts  # noqa: PLC0415

    for column in opened.columns:
        if column.name not in hidden and is_identifier(column.name):
            (values,) = read_texts(opened, [column], rows=rows)
            if len(values) >= ROWS_A_VALUE * len(set(values.tolist())):
                return column.name
    return None


def _known(values: NDArray[np.str_], column: str) -> NDArray[np.str_]:
    """Return a column's values; raise DataError where a row has none."""
    missing = int((values == "").sum())
    if missing:
        raise DataError(
            f"{missing} of {len(values)} rows have no {one_line(column)}; it is needed in each. Leave such "
            "rows out."
        )
    return values


def _rows_of_units(owners: NDArray[np.str_], most: int, *, seed: int) -> NDArray[np.int64]:
    """Draw units as long as their rows are not more than `most`, and return these rows in order."""
    units = np.unique(owners, return_inverse=True)[1]
    sizes = np.bincount(units)
    order = np.random.default_rng(seed).permutation(len(sizes))
    chosen = order[np.cumsum(sizes[order]) <= most]
    return np.flatnonzero(np.isin(units, chosen))


def _encoded(features: "Features") -> NDArray[np.float32]:
    """Return the features as a matrix of numbers."""
    from trivet.tables.features import column_encoder  # noqa: PLC0415 - loads scikit-learn

    if not features.names:
        raise DataError(
            "the table has no column beside the label and those left out; a model needs features."
        )
    encoded = np.asarray(column_encoder(features).fit_transform(features.values), dtype=np.float32)
    if encoded.shape[1] > MOST_FEATURES:
        raise DataError(f"the table gives {encoded.shape[1]} features; expected {MOST_FEATURES} or fewer.")
    return encoded
