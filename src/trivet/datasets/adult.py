"""Adult (Census Income), embedded: 48,842 people and whether each earned more than 50,000 dollars.

`adult_sample` has nine numeric features of it, income as the label and gender as the group.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError

__all__ = [
    "COLUMNS",
    "FEATURES",
    "POSITIVE_CLASS",
    "PRIVILEGED_GROUP",
    "PROTECTED_GROUP",
    "ROWS",
    "SENSITIVE_COLUMN",
    "SHA256",
    "AdultTable",
    "Sample",
    "adult_sample",
    "load_adult",
]

#: Rows of adult.test and of adult.data.
ROWS = 16_281 + 32_561
#: The columns and their types in the file; ``file`` is "test" or "data", the original a row is from.
COLUMNS: Mapping[str, str] = {
    "age": "INTEGER",
    "workclass": "VARCHAR",
    "fnlwgt": "INTEGER",
    "education": "VARCHAR",
    "educational-num": "INTEGER",
    "marital-status": "VARCHAR",
    "occupation": "VARCHAR",
    "relationship": "VARCHAR",
    "race": "VARCHAR",
    "gender": "VARCHAR",
    "capital-gain": "INTEGER",
    "capital-loss": "INTEGER",
    "hours-per-week": "INTEGER",
    "native-country": "VARCHAR",
    "income": "VARCHAR",
    "file": "VARCHAR",
}
#: Digest of the embedded file as tools/build_adult.py writes it.
SHA256 = "3f040ababbdfe5e5691ef9b64478b8aa5d087c00cdc8202b67e6c79e97f17f5c"
_REMEDY = "Reinstall trivet, or build the file again with tools/build_adult.py."


@dataclass(frozen=True)
class AdultTable:
    """The rows of adult.test, then those of adult.data, in the order of the originals.

    Attributes
    ----------
    columns
        For each name in `COLUMNS` an array of shape (rows,): int32 for the six numbers, else objects
        that are `str`, or None where the original has a question mark.
    """

    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns["income"])


def load_adult(path: str | Path | None = None) -> AdultTable:
    """Load all 48,842 rows and 16 columns of Adult.

    Parameters
    ----------
    path
        The Parquet file as tools/build_adult.py writes it; by default the package's own copy.

    Returns
    -------
    AdultTable
        Labels are ``<=50K`` and ``>50K`` in both parts.

    Raises
    ------
    DataError
        If the file is missing, or is not the one that the package was released with.

    Notes
    -----
    Source: B. Becker, R. Kohavi, UCI Machine Learning Repository, CC BY 4.0; see ``datasets/README.md``.
    """
    if path is None:
        with as_file(files("trivet.datasets") / "data" / "adult.parquet") as embedded:
            return load_adult(embedded)
    path = Path(path)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            f"the Adult table {path.name} cannot be read ({error.strerror}). {_REMEDY}"
        ) from error
    if digest != SHA256:
        raise DataError(
            f"the Adult table {path.name} is damaged: expected SHA-256 {SHA256}, found {digest}. {_REMEDY}"
        )
    with duckdb.connect(config={"threads": 1}) as connection:
        arrays: dict[str, Any] = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    return AdultTable({name: _with_none(arrays[name]) for name in COLUMNS})


def _with_none(column: NDArray[Any]) -> NDArray[Any]:
    """Return the column with None in place of each missing value."""
    if not isinstance(column, np.ma.MaskedArray):
        return column
    values = column.data.copy()
    values[np.ma.getmaskarray(column)] = None
    return values


@dataclass(frozen=True)
class Sample:
    """Some rows of a table."""

    features: NDArray[np.float64]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    sensitive: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """Return the rows with these indices, in this order."""
        return replace(
            self, features=self.features[rows], labels=self.labels[rows], sensitive=self.sensitive[rows]
        )

    def drop(self, name: str) -> "Sample":
        """Return all rows without one feature."""
        place = self.names.index(name)
        return replace(
            self,
            features=np.delete(self.features, place, axis=1),
            names=self.names[:place] + self.names[place + 1 :],
        )


SENSITIVE_COLUMN, PROTECTED_GROUP, PRIVILEGED_GROUP = "gender", "Female", "Male"
POSITIVE_CLASS = ">50K"

#: Each feature's column, and the value that counts as 1 where the column is not a number.
_FEATURES = (
    ("age", None),
    ("fnlwgt", None),
    ("educational-num", None),
    ("race", "White"),
    (SENSITIVE_COLUMN, PRIVILEGED_GROUP),
    ("capital-gain", None),
    ("capital-loss", None),
    ("hours-per-week", None),
    ("native-country", "United-States"),
)

#: Names of the features, in the order of a sample's columns.
FEATURES = tuple(column for column, _ in _FEATURES)


def adult_sample(table: AdultTable) -> Sample:
    """Return features, labels and groups of all rows of Adult, in their order.

    A missing native country counts as another than the United States, as published.
    """
    columns = [table[column] if value is None else (table[column] == value) for column, value in _FEATURES]
    return Sample(
        features=np.column_stack([column.astype(np.float64) for column in columns]),
        names=FEATURES,
        labels=(table["income"] == POSITIVE_CLASS).astype(np.int64),
        sensitive=(table[SENSITIVE_COLUMN] == PRIVILEGED_GROUP).astype(np.int64),
    )
