"""Tables as they come: each form is read to the same figures, or refused with the way in."""

import gzip
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables_of_every_kind import CLOSED, COLUMNS, OPEN, PLAIN, archive, put, sheet

from trivet.errors import DataError, TrivetError, UsageError
from trivet.fairness import audit, group_counts
from trivet.tables import opening
from trivet.tables.features import read_features
from trivet.tables.opening import open_table
from trivet.tables.settings import Reading


def figures(path, reading=None, names=None):
    """Counts by predictions and by scores, features by name, and what is said of columns."""
    called = dict(zip(COLUMNS, COLUMNS, strict=True)) | (names or {})
    back = {other: name for name, other in called.items()}
    with open_table(path, reading=Reading(**(reading or {}))) as opened:
        sex, label = called["sex"], called["label"]
        counts = group_counts(opened, label, called["pred"], sex)
        scored = group_counts(opened, label, called["score"], sex, cut=0.5)
        features = read_features(opened, opened.columns)
        notes = " ".join((*opened.notes, *features.notes))
    columns = {
        back.get(name, name): (features.values[:, i], features.categories[i])
        for i, name in enumerate(features.names)
    }
    return counts, scored, columns, notes


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return figures(put(PLAIN)(tmp_path_factory.mktemp("plain")))


@pytest.mark.parametrize("kind", OPEN)
def test_a_table_is_read_to_the_same_figures(tmp_path, plain, kind):
    if "Excel" in kind or "sheet" in kind:
        pytest.importorskip("python_calamine")
    door = OPEN[kind]
    counts, scored, columns, notes = figures(door.write(tmp_path), door.reading, door.names)
    for found, expected in ((counts, plain[0]), (scored, plain[1])):
        assert found.groups == expected.groups
        assert found.classes == expected.classes
        np.testing.assert_array_equal(found.table, expected.table)
    assert set(columns) == {*plain[2], *door.more}
    for name, (values, categories) in plain[2].items():
        assert columns[name][1] == categories
        np.testing.assert_array_equal(columns[name][0], values)
    for said in door.notes:
        assert said in notes
    assert bool(notes) == bool(door.notes)


@pytest.mark.parametrize("kind", CLOSED)
def test_what_is_not_read_says_the_way_in(tmp_path, kind):
    if "Excel" in kind or "sheet" in kind:
        pytest.importorskip("python_calamine")
    closed = CLOSED[kind]
    with pytest.raises((DataError, UsageError), match=closed.said) as refused:
        figures(closed.write(tmp_path), closed.reading)
    assert "\n" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value)
    assert "fault" not in str(refused.value)


def test_a_name_with_a_comma_is_shown_with_its_quotation_marks(tmp_path):
    door = OPEN["a comma in a name"]
    with pytest.raises(UsageError, match=r"did you mean 'Sex, at birth'.* in quotation marks, as in"):
        figures(door.write(tmp_path))


def test_an_audit_is_that_of_the_plain_table_and_says_what_columns_are_called(tmp_path):
    plain, other = put(PLAIN)(tmp_path), OPEN["an index of pandas"].write(tmp_path / "..")
    found = [
        audit(path, label="label", prediction="pred", sensitive="sex", ignore=["score"])
        for path in (put(PLAIN, "plain.csv")(tmp_path), other)
    ]
    assert plain.name == other.name
    assert found[0].attributes == found[1].attributes
    said = [each.message for each in found[1].cautions if each.kind == "columns"]
    assert len(said) == 2
    assert [each for each in found[1].cautions if each.kind != "columns"] == list(found[0].cautions)


def test_cells_that_may_be_numbers_are_not_silently_texts(tmp_path):
    rows = "".join(
        f'{i},"{i},5",{i}%,{i if i % 9 else "NA"},{i if i % 2 else str(i) + "%"}\n' for i in range(50)
    )
    path = put(f"id,a,b,c,d\n{rows}")(tmp_path)
    with open_table(path) as opened:
        found = read_features(opened, opened.columns)
    assert [known is None for known in found.categories] == [True, False, True, False, False]
    assert found.values[:, 2].tolist() == [float(f"{i}e-2") for i in range(50)]
    said = " ".join(found.notes)
    assert "Cells of 'a' have a comma within numbers" in said
    assert "Most cells of 'c' are numbers" in said
    assert "Only some cells of 'd' have a percent sign" in said
    assert found.take(np.arange(3)).notes == found.notes


@pytest.mark.parametrize(
    ("cells", "design", "said"),
    [
        ("1,5", {"weight": "n"}, "'n' should hold numbers; 2 rows hold a number with a decimal comma"),
        ("1,500", {"count": "n"}, "commas between its thousands; give --thousands comma"),
        ("1 500", {"count": "n"}, "'n' should be a whole number"),
        ("50%", {"weight": "n"}, "a number with a percent sign"),
    ],
)
def test_weights_and_counts_that_are_written_otherwise_say_the_way_in(tmp_path, cells, design, said):
    path = put(f'y,p,s,n\n1,1,a,"{cells}"\n0,1,b,"{cells}"\n')(tmp_path)
    with pytest.raises(DataError, match=said), open_table(path, reading=Reading()) as opened:
        group_counts(opened, "y", "p", "s", **design)


def test_percent_signs_are_of_no_other_scale(tmp_path):
    path = OPEN["percent signs"].write(tmp_path)
    with pytest.raises(UsageError, match=r"50% is 0\.5; leave out the range"):
        audit(path, label="label", score="score", sensitive="sex", cut=50, score_range="0,100")


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (",a\n1,2\n", "t.csv", "each with one character or more"),
        ("a,b,\n1,2,\n", "t.csv", "each with one character or more"),
        ("a,a\n1,2\n", "t.csv", "more than one column 'a'; rename one"),
        ("a,2019\n1,2\n", "t.csv", "has a number where the name of a column is expected"),
        ("a\tb\n1\t2\n", "t.tsv", r"expected a \.csv or \.parquet file"),
        (gzip.compress(b"a,b\n1,2\n"), "t.csv.gz", r"expected a \.csv or \.parquet file"),
        (sheet(), "t.xlsx", r"expected a \.csv or \.parquet file"),
        (archive(a__csv="a,b\n1,2\n"), "t.zip", r"expected a \.csv or \.parquet file"),
    ],
    ids=("unnamed first", "unnamed last", "twice", "year", "tabs", "gzip", "workbook", "archive"),
)
def test_a_table_whose_lines_are_rows_is_as_strict_as_ever(tmp_path, content, name, said):
    path = put(content, name)(tmp_path)
    with pytest.raises((DataError, UsageError), match=said), open_table(path, by_line=True):
        pass


def test_where_lines_are_rows_names_are_as_they_are_written(tmp_path):
    with open_table(put(" a, b\n1,2\n")(tmp_path), by_line=True) as opened:
        assert [column.name for column in opened.columns] == [" a", " b"]
        assert opened.notes == ()


def test_nothing_that_was_unpacked_is_left(tmp_path):
    from trivet.tables.child import usual_child  # noqa: PLC0415 - this one's folder

    folder = usual_child()._confined.folder
    before = set(folder.iterdir())
    for kind in ("gzip", "UTF-16"):
        figures(OPEN[kind].write(tmp_path))
    for kind in ("gzip that is cut off", "half a character of UTF-16"):
        with pytest.raises(DataError):
            figures(CLOSED[kind].write(tmp_path))
    assert set(folder.iterdir()) == before


def test_a_large_unpacked_table_is_read_in_a_process_of_its_own(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(opening, "LARGEST_USUAL", -1)
    _, _, columns, _ = figures(OPEN["gzip"].write(tmp_path))
    np.testing.assert_array_equal(columns["x"][0], plain[2]["x"][0])


parts = st.sampled_from(
    [
        "",
        " ",
        "a",
        "age",
        '"',
        ",",
        ";",
        "\t",
        "\n",
        "\r\n",
        "2019",
        "0",
        "1",
        "0.5",
        "1,5",
        "%",
        "\ufeff",
        "é",
        "\0",
        "sep=;",
    ]
)


def opened_or_refused(path, **reading):
    with suppress(TrivetError), open_table(path, reading=Reading(**reading)) as opened:
        names = [column.name for column in opened.columns]
        assert len(set(names)) == len(names)
        assert all(names)
        read_features(opened, opened.columns)


@given(
    st.lists(parts, max_size=24).map("".join),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    st.sampled_from(["t.csv", "t.tsv"]),
    st.sampled_from(["utf-8", "latin-1"]),
)
def test_any_text_is_a_table_or_is_refused(tmp_path_factory, text, written, name, encoding):
    content = text.encode(written, errors="replace")
    opened_or_refused(put(content, name)(tmp_path_factory.getbasetemp()), encoding=encoding)


SOUND = {
    "t.csv.gz": gzip.compress(PLAIN.encode()),
    "t.zip": archive(a__csv=PLAIN),
    "t.xlsx": sheet(),
    "t.csv": PLAIN.encode(),
}


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_a_damaged_file_is_a_table_or_is_refused(tmp_path_factory, name, data):
    content = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    opened_or_refused(put(bytes(content), name)(tmp_path_factory.getbasetemp()))
