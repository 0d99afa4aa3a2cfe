"""The child's side of packed tables: compressed, in another encoding, of a spreadsheet, or of Arrow.

Each becomes a plain file in the child's folder, UTF-8 text or Parquet, no larger than a bound that its
own size sets; what is read from then on is that file.
"""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import DataError, UsageError, import_extra
from trivet.tables.csv_lines import recoder
from trivet.tables.header import refuse_utf_32
from trivet.wording import one_line, quote

__all__ = ["unpack"]

#: A file may unpack to so many times its size, any to the first number of bytes, none to more than the last.
_TIMES: Final = 200
_ALWAYS, _NEVER = 256 * 2**20, 16 * 2**30
_DAMAGES: Final = (
    *(EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile),
    *(RuntimeError, NotImplementedError, ValueError),
)
_BLOCK: Final = 2**22
_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_STREAMS: Final[Mapping[str, Callable[[Path], Any]]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
_TEXTS: Final = (".csv", ".tsv", ".tab", ".txt")
#: Whole numbers of a spreadsheet up to here have no other digits.
_EXACT: Final = 2**53


def unpack(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write a packed table to a plain file in a folder; return its name."""
    path, packing, called = Path(request["path"]), request["packing"], request["called"]
    if packing == "arrow":
        target = folder / f"{request['number']}.parquet"
        _write_parquet(path, target, called)
        return {"made": target.name}
    target = folder / f"{request['number']}.csv"
    size = path.stat().st_size
    try:
        if packing == "spreadsheet":
            blocks = _spreadsheet(path, request["inner"], called, size, decimal=request["decimal"])
        else:
            blocks = _recoded(_decompressed(path, packing, called), request["encoding"], called)
        _write(blocks, target, size, called)
    except _DAMAGES as error:
        raise DataError(
            f"{quote(called)} cannot be unpacked: it is damaged, cut off, protected by a password or "
            "something else."
        ) from error
    return {"made": target.name}


def _most(size: int) -> int:
    return min(max(_ALWAYS, _TIMES * size), _NEVER)


def _too_large(called: str, size: int) -> DataError:
    return DataError(
        f"{quote(called)} was refused: it unpacks to more than {_most(size) // 2**20:,} MiB, which is more "
        "than a table of its size has. If you trust it, write it as a .csv file."
    )


def _write(blocks: Iterable[bytes], target: Path, size: int, called: str) -> None:
    most, written = _most(size), 0
    with target.open("wb") as stream:
        for block in blocks:
            written += len(block)
            if written > most:
                raise _too_large(called, size)
            stream.write(block)


def _decompressed(path: Path, packing: str, called: str) -> Generator[bytes]:
    """Yield what a file holds, or what its compression hides."""
    if packing == "zip":
        with zipfile.ZipFile(path) as archive, _only_member(archive, called) as stream:
            yield from _blocks(stream)
        return
    with _STREAMS[packing](path) if packing else path.open("rb") as stream:
        yield from _blocks(stream)


def _blocks(stream: Any) -> Generator[bytes]:
    while block := stream.read(_BLOCK):
        yield block


def _only_member(archive: zipfile.ZipFile, called: str) -> IO[bytes]:
    members = [
        each
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith(("__MACOSX/", "."))
    ]
    if len(members) != 1 or not members[0].filename.lower().endswith(_TEXTS):
        found = ", ".join(quote(each.filename) for each in members[:5]) or "nothing"
        raise DataError(
            f"{quote(called)} should hold one table, a {' or '.join(_TEXTS)} file; found "
            f"{one_line(found, limit=200)}. Unpack it and name the table."
        )
    return archive.open(members[0])


def _recoded(blocks: Iterable[bytes], encoding: str, called: str) -> Generator[bytes]:
    """Yield blocks in UTF-8; a mark of UTF-16 at the beginning decides."""
    recode: Callable[[bytes], bytes] | None = None
    said = {"utf-16": "UTF-16", "latin-1": "Windows-1252"}.get(encoding, "UTF-8")
    try:
        for block in blocks:
            rest = block
            if recode is None:
                refuse_utf_32(block, quote(called))
                mark = block[:2]
                asked = "utf-16-le" if encoding == "utf-16" else encoding
                if block.startswith(codecs.BOM_UTF8):
                    asked = "utf-8"
                elif mark in _MARKS:
                    asked, rest, said = _MARKS[mark], block[2:], "UTF-16"
                recode = recoder(asked, errors="strict")
            if rest:
                yield recode(rest)
        if recode is not None:
            yield recode(b"")
    except UnicodeError as error:
        raise DataError(f"{quote(called)} is not valid {said}; convert the file.") from error


def _spreadsheet(path: Path, sheet: str, called: str, size: int, *, decimal: str) -> Generator[bytes]:
    """Yield a sheet of an Excel or OpenDocument file as lines of a CSV file."""
    calamine = import_extra("python_calamine", "a spreadsheet")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            # What a member says of its own size is checked again by the limits of this process.
            if sum(each.file_size for each in archive.infolist()) > _most(size):
                raise _too_large(called, size)
    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as book:
            rows = book.get_sheet_by_name(_chosen(calamine, book, sheet, called)).iter_rows()
            yield from _csv_lines(rows, called, decimal=decimal)
    except (calamine.CalamineError, calamine.PasswordError, calamine.XmlError, calamine.ZipError) as error:
        raise DataError(
            f"{quote(called)} cannot be read as a spreadsheet: it is damaged, protected by a password, or "
            "something else."
        ) from error


def _chosen(calamine: Any, book: Any, sheet: str, called: str) -> str:
    """Return the name of the sheet that is meant."""
    sheets = [
        each.name
        for each in book.sheets_metadata
        if each.typ == calamine.SheetTypeEnum.WorkSheet
        and (each.visible == calamine.SheetVisibleEnum.Visible or each.name == sheet)
    ]
    if sheet in sheets:
        return sheet
    if len(sheets) == 1 and not sheet:
        return sheets[0]
    listed = one_line(", ".join(map(quote, sheets)) or "no sheet", limit=200)
    if sheet:
        file = called.removesuffix(f":{sheet}")
        raise UsageError(f"{quote(file)} has no sheet {quote(sheet)}; it has {listed}.")
    raise UsageError(
        f"{quote(called)} has several sheets; name one as {one_line(called)}:SHEET. It has {listed}."
    )


def _csv_lines(rows: Iterable[Sequence[Any]], called: str, *, decimal: str) -> Generator[bytes]:
    """Yield the rows from the first to the last that holds something; the first are the names."""
    written, blank, width = io.StringIO(), 0, 0
    lines = csv.writer(written, lineterminator="\n")
    for row in rows:
        cells = [_cell(value, decimal) for value in row]
        if not any(cells):
            blank += bool(width)
            continue
        if width:
            lines.writerows([""] * width for _ in range(blank))
            lines.writerow(cells)
        else:
            # On one line, and no mark in a name can be taken for a delimiter.
            names = [" ".join(cell.split()) for cell in cells]
            csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(names)
            width = len(cells)
        blank = 0
        if written.tell() > _BLOCK:
            yield written.getvalue().encode(errors="replace")
            written.seek(0)
            written.truncate()
    if not width:
        raise DataError(f"the sheet of {quote(called)} is empty; expected the names of the columns and rows.")
    yield written.getvalue().encode(errors="replace")


def _cell(value: Any, decimal: str) -> str:
    """Return the text of a cell, a number with the decimal mark that is read."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
        return text.replace(".", ",") if decimal == "comma" else text
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _write_parquet(path: Path, target: Path, called: str) -> None:
    """Write an Arrow file, as pandas and R call it Feather, as Parquet."""
    ipc = import_extra("pyarrow.ipc", "an Arrow file")
    parquet = import_extra("pyarrow.parquet", "an Arrow file")
    size, most = path.stat().st_size, _most(path.stat().st_size)
    try:
        with ipc.open_file(str(path)) as source, parquet.ParquetWriter(str(target), source.schema) as written:
            for place in range(source.num_record_batches):
                batch = source.get_batch(place)
                most -= batch.nbytes
                if most < 0:
                    break
                written.write_batch(batch)
    except Exception as error:
        raise DataError(
            f"{quote(called)} cannot be read as an Arrow file: it is damaged or something else."
        ) from error
    if most < 0:
        raise _too_large(called, size)
