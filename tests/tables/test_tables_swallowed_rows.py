import csv

import pytest

from trivet.errors import DataError
from trivet.tables.opening import open_table, require_no_swallowed_rows

ROWS = ["f,0,some text,1", "m,1,other text,0", "f,1,text,1", "m,0,more,0"]


def check(path, rows, *, delimiter=",", end="\n"):
    text = end.join(["sex,y,text,p", *rows, ""])
    path.write_bytes(text.replace(",", delimiter).encode())
    with open_table(path) as table:
        require_no_swallowed_rows(table, "y", lambda value: value.strip() in ("0", "1"))
        return table.rows(f"SELECT count(*) FROM {table.source}")[0][0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("last", [1, 2, 3])
def test_rows_between_two_stray_quotation_marks_are_found(tmp_path, delimiter, end, place, last):
    rows = [row.split(",") for row in ROWS]
    rows[0][place] = '"' + rows[0][place]
    rows[last][place] += '"'
    stray = [",".join(row) for row in rows]
    # The file is well formed, so that any reader swallows rows.
    assert len(list(csv.reader(stray))) == len(ROWS) - last
    column = ("sex", "y", "text", "p")[place]
    with pytest.raises(DataError, match=f"a cell of '{column}' in 'table.csv' holds {last + 1} lines"):
        check(tmp_path / "table.csv", stray, delimiter=delimiter, end=end)


@pytest.mark.parametrize(
    "text",
    [
        '"two\nlines"',
        '"one, with a comma\nanother"',
        '"as many\nwell, yes, no, delimiters, but"',
        '"as many,\nwell, yes, delimiters as a row"',
        '"\n"',
        '"a ""quoted"" word\nand, more, of, it"',
        'stray " within',
    ],
)
def test_text_of_several_lines_is_text(tmp_path, text):
    assert check(tmp_path / "table.csv", [*ROWS, f"f,0,{text},1"]) == len(ROWS) + 1


def test_other_tables_have_no_quotation_marks(tmp_path):
    path = tmp_path / "table.parquet"
    with open_table(_csv(tmp_path)) as table:
        assert table.delimiter == ","
    import duckdb  # noqa: PLC0415 - for this table alone

    duckdb.sql("SELECT 'f,0,\nm,1,' AS text, '0' AS y").write_parquet(str(path))
    with open_table(path) as table:
        assert table.delimiter is None
        require_no_swallowed_rows(table, "y", lambda _: True)


def _csv(folder):
    path = folder / "plain.csv"
    path.write_text("a,b\n1,2\n")
    return path
