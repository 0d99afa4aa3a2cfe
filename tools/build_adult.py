"""Build the embedded Adult table from the two original files.

Usage: python tools/build_adult.py FOLDER

FOLDER holds adult.data.gz and adult.test.gz, gzipped as published. Each is checked before anything is
written. The table has the rows of adult.test, then those of adult.data, in their order.
"""

import gzip
import hashlib
import sys
import tempfile
from pathlib import Path

import duckdb

from trivet.datasets.adult import COLUMNS, ROWS, SHA256

TARGET = Path(__file__).parent.parent / "src" / "trivet" / "datasets" / "data" / "adult.parquet"
SHA256_OF_UNPACKED = {
    "adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    "adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
}


def read_original(folder: Path, name: str) -> str:
    """Return the text of one original file after checking its digest."""
    raw = gzip.decompress((folder / f"{name}.gz").read_bytes())
    digest = hashlib.sha256(raw).hexdigest()
    if digest != SHA256_OF_UNPACKED[name]:
        expected = SHA256_OF_UNPACKED[name]
        raise SystemExit(f"{name}: expected SHA-256 {expected}, found {digest}; nothing was written.")
    return raw.decode("ascii")


def to_csv(text: str, name: str) -> str:
    """Return the records of one file without spaces, header line, empty lines and final full stops."""
    file = name.removeprefix("adult.")
    records = [line.removesuffix(".").replace(" ", "") for line in text.splitlines() if line.count(",")]
    return "".join(f"{record},{file}\n" for record in records)


def write_parquet(rows: str, target: Path) -> None:
    """Write the records as one Parquet file, on one thread so that the bytes are always the same."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        source = Path(folder) / "adult.csv"
        source.write_text(rows, encoding="ascii")
        connection.execute(
            f"COPY (SELECT * FROM read_csv(?, header = false, nullstr = '?', columns = {{{columns}}})) "  # noqa: S608
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS})",
            [str(source)],
        )


def main(folder: Path) -> None:
    rows = "".join(to_csv(read_original(folder, name), name) for name in SHA256_OF_UNPACKED)
    write_parquet(rows, TARGET)
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, SHA-256 {digest}")
    if digest != SHA256:
        print("This is not the SHA256 of trivet/datasets/adult.py: if the file is right, put it there.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
