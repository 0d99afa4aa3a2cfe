"""Lines of a CSV file as rows: each is read as if it stood alone, and well-formed ones as csv reads them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.tables import csv_lines

WIDTH = 3
pieces = st.sampled_from(
    [b",", b",", b'"', b'""', b"a", b"1", b"\r", b"\0", b"\xff", b"\xc3\xa4", b" ", b"\\", b";", b"'"]
)
lines = st.lists(pieces, max_size=9).map(b"".join)


def rows(folder, *some, end=b"\n", last=b"\n", width=WIDTH):
    path = folder / "t.csv"
    path.write_bytes(end.join([b",".join(b"abc"[i : i + 1] for i in range(width)), *some]) + last)
    blocks = csv_lines.read_cells(path, width=width, delimiter=",", places=range(width))
    return [row for block in blocks for row in zip(*(column.split("\n") for column in block), strict=True)]


@given(some=st.lists(lines, max_size=6), block=st.sampled_from([5, 2**22]))
def test_no_line_decides_on_another(tmp_path_factory, some, block):
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK", block)
        alone = [row for line in some for row in rows(folder, line)]
        for end in (b"\n", b"\r\n"):
            assert rows(folder, *some, end=end, last=end) == alone
            if some and some[-1]:
                assert rows(folder, *some, end=end, last=b"") == alone


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=5)


@given(
    some=st.lists(st.lists(texts, min_size=WIDTH, max_size=WIDTH), max_size=5),
    quoting=st.sampled_from([0, 1]),
)
def test_well_formed_lines_are_read_as_they_were_written(tmp_path_factory, some, quoting):
    written = io.StringIO()
    csv.writer(written, quoting=quoting, lineterminator="\n").writerows(some)
    found = rows(tmp_path_factory.getbasetemp(), *written.getvalue().encode().split(b"\n")[:-1])
    assert found == [tuple(row) for row in some]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1,2,3", ("1", "2", "3")),
        (b'"1","a, ""b""",3', ("1", 'a, "b"', "3")),
        (b'"Bob,33,1000', ('"Bob', "33", "1000")),
        (b'screen 24",44,1001', ('screen 24"', "44", "1001")),
        (b'"a"b,2,3', ('"a"b', "2", "3")),
        (b"1,2", ("1", "2", "")),
        (b"1,2,3,,", ("1", "2", "3")),
        (b"1,2,3,4", ("", "", "")),
        (b"M\xfcller,2,3", ("M\ufffdller", "2", "3")),
        (b"1\r,2,3", ("1\r", "2", "3")),
        (b"x" * (2**20 + 1), ("", "", "")),
        (b"x" * 2**20, ("x" * 2**20, "", "")),
    ],
)
def test_a_line_is_a_row_whatever_is_in_it(tmp_path, line, row):
    assert rows(tmp_path, b"p,q,r", line, b"s,t,u") == [("p", "q", "r"), row, ("s", "t", "u")]


def test_an_empty_line_is_a_missing_value_of_one_column_and_else_no_row(tmp_path):
    assert rows(tmp_path, b"1,2,3", b"", b"4,5,6") == [("1", "2", "3"), ("4", "5", "6")]
    assert rows(tmp_path, b"1", b"", b"4", width=1) == [("1",), ("",), ("4",)]


def test_a_carriage_return_before_the_line_feed_is_part_of_the_end(tmp_path):
    assert rows(tmp_path, b"1,2,3\r", b"\r", b'"4",5,6\r') == [("1", "2", "3"), ("4", "5", "6")]
