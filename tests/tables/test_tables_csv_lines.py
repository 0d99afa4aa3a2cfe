"""Lines of a CSV file as rows: each is read as if it stood alone, and well-formed ones as csv reads them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.tables import csv_lines
from trivet.tables.csv_lines import LineNote
from trivet.tables.header import read_header
from trivet.tables.settings import Reading

WIDTH = 3
pieces = st.sampled_from(
    [b",", b",", b'"', b'""', b"a", b"1", b"\r", b"\0", b"\xff", b"\xc3\xa4", b" ", b"\\", b";", b"'"]
)
lines = st.lists(pieces, max_size=9).map(b"".join)


def rows(folder, *some, end=b"\n", last=b"\n", width=WIDTH):
    path = folder / "t.csv"
    path.write_bytes(end.join([b",".join(b"abc"[i : i + 1] for i in range(width)), *some]) + last)
    blocks = csv_lines.read_cells(path, read_header(path), places=range(width))
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


wide = st.lists(
    st.sampled_from(
        [",", ",", '"', "a", "\r", "\0", "ä", "\ud800", "\udc00", "\U0001f600", "\u0a0a", "\u0d0a"]
    ),
    max_size=6,
).map("".join)


def other_rows(folder, encoding, content):
    path = folder / "o.csv"
    path.write_bytes(content)
    found = read_header(path, Reading(encoding=encoding))
    blocks = csv_lines.read_cells(path, found, places=range(len(found.names)))
    return [row for block in blocks for row in zip(*(column.split("\n") for column in block), strict=True)]


@given(
    some=st.lists(wide, max_size=6), block=st.sampled_from([3, 8, 2**22]), last=st.sampled_from(["", "\n"])
)
def test_no_line_of_utf_16_decides_on_another(tmp_path_factory, some, block, last):
    folder = tmp_path_factory.getbasetemp()

    def read(lines, end="\n"):
        text = "\n".join(["a,b,c", *lines]) + end
        return other_rows(folder, "utf-16", text.encode("utf-16-le", "surrogatepass"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK", block)
        assert read(some, last if some and some[-1] else "\n") == [
            row for line in some for row in read([line])
        ]


@given(some=st.lists(st.lists(texts, min_size=WIDTH, max_size=WIDTH), max_size=5))
def test_lines_of_utf_16_are_read_as_they_were_written(tmp_path_factory, some):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(some)
    content = f"a,b,c\n{written.getvalue()}".encode("utf-16")
    assert other_rows(tmp_path_factory.getbasetemp(), "utf-16", content) == [tuple(row) for row in some]


def test_latin_1_is_windows_1252_and_has_no_wrong_byte(tmp_path):
    every = bytes(byte for byte in range(256) if byte not in b'\n\r",')
    ((first, euro),) = other_rows(tmp_path, "latin-1", b"a,b\n" + every + b",\x80 M\xfcller\n")
    assert euro == "\u20ac Müller"
    assert len(first) == len(every)
    assert first.endswith(bytes(range(0xA0, 256)).decode("latin-1"))
    assert other_rows(tmp_path, "latin-1", b"a,b\n\x81,\x9f\n") == [("\x81", "\u0178")]


def notes(folder, content, **reading):
    """Numbers of the lines by what is noted of them."""
    path = folder / "n.csv"
    path.write_bytes(content)
    found = {}
    for _ in csv_lines.read_cells(
        path,
        read_header(path, Reading(**reading)),
        places=[0],
        note=lambda what, number: found.setdefault(what, []).append(number),
    ):
        pass
    return found


def test_what_is_lost_of_a_line_is_noted_with_its_number(tmp_path):
    lines = [
        b"1,2,3",
        b"1,2",
        b"1,2,3,4",
        b"1,2,3,",
        b"",
        b"\r",
        b"M\xfcller,2,3",
        b"1\r,2,3",
        b"a,b,c",
        b'"Bob,33,1000',
        b'screen 24",44,1',
        b'1,"two',
        b'lines",3',
        b'"a ""b""",2,3',
        b"x" * (2**20 + 1),
    ]
    assert notes(tmp_path, b"a,b,c\n" + b"\n".join(lines) + b"\n") == {
        LineNote.SHORT: [3, 13, 14],
        LineNote.LONG: [4],
        LineNote.TRAILING: [5],
        LineNote.EMPTY: [6, 7],
        LineNote.NOT_TEXT: [8],
        LineNote.STRAY_RETURN: [9],
        LineNote.HEADER_AGAIN: [10],
        LineNote.UNMATCHED: [11],
        LineNote.CONTINUED: [13],
        LineNote.TOO_LONG: [16],
    }
    assert notes(tmp_path, b"sep=;\na;b\n1;2\n1\n") == {LineNote.SHORT: [4]}


@given(some=st.lists(lines, max_size=6))
def test_a_note_changes_no_row_and_a_well_formed_line_has_none(tmp_path_factory, some):
    folder = tmp_path_factory.getbasetemp()
    noted = notes(folder, b"a,b,c\n" + b"".join(line + b"\n" for line in some))
    found = rows(folder, *some)
    assert len(found) == len(some) - len(noted.get(LineNote.EMPTY, []))
    for number, line in enumerate(some, start=2):
        if not any(number in places for places in noted.values()):
            assert next(csv.reader([line.decode().rstrip("\r")], strict=True)) in map(list, found)
