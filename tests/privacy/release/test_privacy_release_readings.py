"""Any two CSV files that differ in one line, under every reading: no count moves by more than 1."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbouring_tables import largest_share

from trivet.privacy import Adjacency
from trivet.privacy.releases.question import prepare, read_exact
from trivet.privacy.releases.settings import Question
from trivet.tables.opening import open_table
from trivet.tables.settings import Reading

READINGS = [
    Reading(decimal=decimal, thousands=thousands, encoding=encoding, date_format=dates)
    for decimal, thousands, encoding, dates in product(
        ("point", "comma"), (None, "space"), ("utf-8", "latin-1", "utf-16"), ("iso", "dmy", "mdy")
    )
]
QUESTIONS = [
    {"query": "count"},
    {"query": "count", "where": "a > 1"},
    {"query": "count", "where": "not year(a) = 2024 or b = 'x'"},
    {"query": "count", "where": "day(b) >= '2024-06-01' and month(b) != '2024-07'"},
    {"query": "histogram", "column": "a", "categories": ("x", "1.007,5", "")},
    {"query": "histogram", "column": "year(a)", "categories": ("2023..2025",), "missing": "2023"},
    {"query": "histogram", "column": "month(b)", "categories": ("2024-01", "2024-06..2024-12")},
    {"query": "histogram", "column": "day(b)", "categories": ("2024-05-30..2024-06-02",)},
]
pieces = st.sampled_from(
    [
        *(b",", b",", b",", b'"', b'""', b"x", b"1.007,5", b"1 007", b"\r", b"\0", b"\xff", b"\xc3", b" "),
        *(
            b"2024-06-01",
            b"01.06.2024",
            b"6/1/2024",
            b"2024-06-01T00:30+02:00",
            b"9999-12-31T23:59-12",
            b"nan",
        ),
    ]
)
lines = st.lists(pieces, max_size=6).map(b"".join)


def encoded(rows, encoding):
    content = b"".join(row + b"\n" for row in (b"a,b", *rows))
    if encoding != "utf-16":
        return content
    halves = "".join(chr(each) if each < 128 else chr(0xD800 + each) for each in content)
    return halves.encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@settings(max_examples=8)
@given(
    some=st.lists(lines, max_size=8),
    place=st.integers(0, 8),
    line=lines,
    chosen=st.integers(0, len(READINGS) // 3 - 1),
)
def test_one_line_moves_no_count_by_more_than_one(tmp_path_factory, encoding, some, place, line, chosen):
    reading = [each for each in READINGS if each.encoding == encoding][chosen]
    folder = tmp_path_factory.getbasetemp()
    answers = []
    for name, rows in (("one", some), ("other", [*some[:place], line, *some[place:]])):
        path = folder / f"{name}.csv"
        path.write_bytes(encoded(rows, encoding))
        with open_table(path, by_line=True, reading=reading) as opened:
            prepared = [
                prepare(Question(**question), opened.columns, adjacency=Adjacency.ADD_REMOVE)
                for question in QUESTIONS
            ]
            answers.append([read_exact(opened, each) for each in prepared])
    for one, other, question in zip(*answers, prepared, strict=True):
        assert question.parts[0].moves.l1 == 1
        assert largest_share(question, one, other) <= 1
