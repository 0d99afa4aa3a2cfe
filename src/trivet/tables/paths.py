"""Names of tables on the command line: a file, and a table or a sheet in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trivet.errors import DataError, UsageError
from trivet.tables.child import usual_child
from trivet.wording import first_line, one_line, quote
from trivet.work.bounded import FILE, kind_of_mode

__all__ = ["TableFile", "state_of", "table_file_of", "unreadable"]

DATABASES: Final = (".duckdb", ".ddb")
SPREADSHEETS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_TEXTS: Final = (".csv", ".tsv", ".tab", ".txt")
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zip")
#: Kind of a file, and how it is packed, by its suffix.
_SUFFIXES: Final[dict[str, tuple[str, str | None]]] = {
    ".parquet": ("parquet", None),
    **dict.fromkeys(_TEXTS, ("csv", None)),
    **dict.fromkeys(SPREADSHEETS, ("csv", "spreadsheet")),
    **dict.fromkeys((".feather", ".arrow", ".ipc"), ("parquet", "arrow")),
}
#: Suffixes of files that are not read, and what to do with one.
_WAYS: Final = {
    ".zst": "unpack it with zstd -d, or give it as .gz",
    ".7z": "unpack it",
    ".rar": "unpack it",
    ".tar": "unpack it",
    ".tgz": "unpack it",
    ".json": "write it as .csv or .parquet, with DuckDB or pandas",
    ".jsonl": "write it as .csv or .parquet, with DuckDB or pandas",
    ".sav": "export it as .csv from SPSS",
    ".dta": "export it as .csv from Stata",
    ".sas7bdat": "export it as .csv from SAS",
    ".rds": "write it with write.csv in R",
    ".rdata": "write it with write.csv in R",
    ".pkl": "write it with to_parquet; a pickle runs what its maker wrote",
    ".pickle": "write it with to_parquet; a pickle runs what its maker wrote",
    ".h5": "write it with to_parquet",
    ".orc": "write it as .parquet",
    ".avro": "write it as .parquet",
    ".sqlite": "write the table as .csv or .parquet",
    ".db": "write the table as .csv or .parquet",
    ".numbers": "export it as .xlsx or .csv",
    ".html": "export it as .csv",
    ".pdf": "get the table as .csv",
}


@dataclass(frozen=True)
class TableFile:
    """File of a table: its kind (csv, parquet or database), a table or sheet in it, and how it is packed."""

    path: Path
    kind: str
    inner: str = ""
    packing: str | None = None

    @property
    def called(self) -> str:
        """Name in messages."""
        return f"{self.path.name}:{self.inner}" if self.inner else self.path.name


def table_file_of(table: str | Path, *, strict: bool) -> TableFile:
    """Return the file that a name means; only .csv and .parquet files and databases where it is `strict`."""
    before, colon, inner = str(table).rpartition(":")
    if colon and before.lower().endswith(DATABASES):
        return TableFile(Path(before), "database", inner)
    if colon and not strict and before.lower().endswith(SPREADSHEETS):
        return TableFile(Path(before), "csv", inner, "spreadsheet")
    path = Path(table)
    suffix = path.suffix.lower()
    if suffix in DATABASES:
        raise _without_table(path)
    if strict and suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{quote(path.name)} is not a table; expected a .csv or .parquet file, or FILE.duckdb:TABLE."
        )
    inside = Path(path.stem).suffix.lower()
    if suffix in _COMPRESSED and (inside in _TEXTS or (suffix == ".zip" and not inside)):
        return TableFile(path, "csv", packing=suffix[1:])
    if suffix not in _SUFFIXES:
        raise UsageError(_refusal(path, suffix))
    kind, packing = _SUFFIXES[suffix]
    return TableFile(path, kind, packing=packing)


def _refusal(path: Path, suffix: str) -> str:
    name = quote(path.name or str(path))
    if suffix in _WAYS:
        return f"{name} is not read; {_WAYS[suffix]}."
    way = ""
    if suffix in _COMPRESSED:
        way = f" What is in it must be a text file, as in NAME.csv{suffix}; unpack it, or rename it."
    return (
        f"{name} is not a table; expected a .csv, .tsv or .txt file, one of these as .gz, .bz2, .xz or .zip, "
        f"a .parquet, .feather, .xlsx or .ods file, or FILE.duckdb:TABLE.{way}"
    )


def _without_table(path: Path) -> UsageError:
    size, *_ = state_of(path)
    listed = usual_child().ask({"ask": "list", "path": str(path.resolve()), "size": size})
    return UsageError(
        f"{quote(path.name)} is a database; name a table as FILE.duckdb:TABLE. It has {listed}."
    )


def state_of(path: Path) -> tuple[int, ...]:
    """Return the bytes of a file, and what else changes with it, or say what else it is."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"the table {one_line(path)} is not there; check the path.") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise DataError(f"the table {one_line(path)} is not there: no path holds this.") from error
    if (kind := kind_of_mode(found.st_mode)) != FILE:
        raise DataError(f"the table {one_line(path)} is not a file but {kind}; check the path.")
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


def unreadable(path: Path, error: OSError) -> DataError:
    """Return what is said of a file that cannot be read."""
    return DataError(f"{quote(path.name)} cannot be read: {error.strerror or first_line(error)}.")
