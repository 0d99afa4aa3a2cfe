"""Adult (Census Income), embedded: 48,842 people and whether each earned more than 50,000 dollars."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError

__all__ = ["COLUMNS", "ROWS", "SHA256", "AdultTable", "load_adult"]

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
