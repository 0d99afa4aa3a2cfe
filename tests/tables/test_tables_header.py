"""Header of a CSV file: what its first line tells of the file, and what is refused on account of it."""

import pytest

from trivet.errors import DataError
from trivet.tables.header import LONGEST_HEADER, read_header
from trivet.tables.opening import open_table
from trivet.tables.settings import Reading


def header(folder, content, **reading):
    path = folder / "t.csv"
    path.write_bytes(content)
    return read_header(path, Reading(**reading))


@pytest.mark.parametrize(
    ("content", "reading", "encoding", "end"),
    [
        (b"a,b\n1,2\n", {}, "utf-8", 4),
        (b"a,b\r\n1,2\n", {}, "utf-8", 5),
        (b"a,b", {}, "utf-8", 3),
        (b"\xef\xbb\xbfa,b\n1,2\n", {}, "utf-8", 7),
        (b"\xef\xbb\xbfa,b\n1,2\n", {"encoding": "latin-1"}, "utf-8", 7),
        ("a,b\n1,2\n".encode("utf-16"), {}, "utf-16-le", 10),
        (b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"), {}, "utf-16-be", 10),
        ("a,b\n1,2\n".encode("utf-16-le"), {"encoding": "utf-16"}, "utf-16-le", 8),
        (b"a,b\n1,2\n", {"encoding": "latin-1"}, "latin-1", 4),
    ],
)
def test_marks_and_options_decide_on_the_encoding(tmp_path, content, reading, encoding, end):
    found = header(tmp_path, content, **reading)
    assert (found.names, found.delimiter, found.encoding, found.end) == (("a", "b"), ",", encoding, end)


def test_a_line_of_utf_16_ends_at_a_whole_character(tmp_path):
    # U+0A61 and U+610A have the byte of a line feed in them.
    found = header(tmp_path, "\u0a61;\u610a\nrow".encode("utf-16"))
    assert (found.names, found.delimiter) == (("\u0a61", "\u610a"), ";")


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_the_line_of_a_separator_is_not_the_header(tmp_path, separator):
    content = f"sep={separator}\r\nname{separator}a,age\r\nx{separator}1\r\n".replace("a,age", "age")
    found = header(tmp_path, content.encode())
    assert (found.names, found.delimiter, found.lines) == (("name", "age"), separator, 2)
    with open_table(tmp_path / "t.csv") as opened:
        assert opened.rows(f"SELECT * FROM {opened.source}") == [["x", "1"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; expected a line with the names"),
        (b"sep=;\n", "is not a header"),
        (b"sep=x\na\n", "says that the delimiter is 'x'; expected a comma"),
        (
            b'a,"b\n(EUR)",c\n',
            "marks in the first line of 't.csv' do not match.*Put a name of several lines on one",
        ),
        (b"name,age\rp0,20\rp1,21\r", "end in carriage returns alone; convert them to line feeds"),
        (b"name,age\r" + b"p0,20\r" * LONGEST_HEADER, "end in carriage returns alone"),
        (b"a,\xfc\n", "is not valid UTF-8; give --encoding latin-1"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL characters, as UTF-16 does; give --encoding utf-16"),
        (b"a\0,b\n", "NUL characters"),
        (b"\xff\xfea", "is not valid UTF-16; convert the file"),
        (b"region,2019\n", "has a number where the name"),
        (b'region;"1,5"\n', "has a number where the name"),
        (b"a,b,a\n", "more than one column 'a'; rename one"),
        (b"a,,b\n", "each with one character or more"),
        (b"x" * LONGEST_HEADER + b"\n1\n", "is not a header"),
    ],
)
def test_what_the_header_tells_is_refused(tmp_path, content, said):
    with pytest.raises(DataError, match=said) as refused:
        header(tmp_path, content)
    assert "\n" not in str(refused.value)


def test_options_are_not_named_where_there_are_none(tmp_path):
    path = tmp_path / "t.csv"
    for content in (b"a,\xfc\n", b"a\0,b\n", b"a,b\n1,\xfc\n"):
        path.write_bytes(content)
        with pytest.raises(DataError) as refused, open_table(path) as opened:
            opened.rows(f"SELECT * FROM {opened.source}")
        assert "convert the file" in str(refused.value)
        assert "--" not in str(refused.value)
