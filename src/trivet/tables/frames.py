"""Data frames as files: what is read of a table is read of a frame in the same way."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trivet.errors import DataError, UsageError
from trivet.wording import first_line, one_line, quote

__all__ = ["table_file"]


@contextmanager
def table_file(table: Any) -> Generator[str | Path]:
    """Yield the path of a table's file; a data frame is written to one that goes afterwards.

    Raises
    ------
    UsageError
        If `table` is neither a path nor a data frame that narwhals knows.
    DataError
        If the frame cannot be written as Parquet.
    """
    if isinstance(table, str | Path):
        yield table
        return
    import narwhals as nw  # noqa: PLC0415 - files need none of it

    try:
        frame = nw.from_native(table)
    except TypeError as error:
        raise UsageError(
            f"a table is the path of a file or a data frame; found {quote(type(table).__name__)}."
        ) from error
    with TemporaryDirectory(prefix="trivet-") as folder:
        path = Path(folder) / "frame.parquet"
        try:
            whole = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
            whole.write_parquet(path)
        except ImportError as error:
            raise UsageError(
                f"a frame is handed on as Parquet, and that needs another package: {one_line(error)}."
            ) from error
        except Exception as error:
            raise DataError(f"the frame cannot be written as Parquet: {first_line(error)}.") from error
        yield path
