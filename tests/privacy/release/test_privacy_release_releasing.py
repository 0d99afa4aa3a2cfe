"""Whole releases: answers, receipts, and that neither errors nor code betray a row."""

import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from scipy import stats
from tables_to_ask import write_table

import trivet
from trivet.errors import DataError, TrivetError, UsageError
from trivet.privacy import laplace
from trivet.privacy.releases import noise
from trivet.privacy.releases.ledger import create_ledger, open_ledger
from trivet.privacy.releases.releasing import release
from trivet.privacy.releases.results import Release
from trivet.tables import csv_lines

TYPES = {"age": "INTEGER", "pay": "DOUBLE", "town": "VARCHAR", "born": "DATE"}
ROWS = [(str(20 + i % 50), str(i * 0.25), "abc"[i % 3], "2000-01-01") for i in range(400)]
#: Noise this small never moves a count: P(|X| >= 1) is below e^-1000.
HARDLY_NOISY = "1000"


@pytest.fixture
def ledger(tmp_path):
    return create_ledger(tmp_path / "ledger", epsilon="1000000")


@pytest.fixture
def people(tmp_path):
    return write_table(tmp_path / "people.parquet", TYPES, ROWS)


def test_answers_with_hardly_any_noise_are_the_exact_ones(people, ledger):
    asked = {"ledger": ledger, "epsilon": HARDLY_NOISY}
    assert release(people, query="count", where="age >= 30", **asked).value == 320
    answer = release(people, query="sum", column="age", bounds=(0, 100), missing="drop", **asked)
    assert answer.value == pytest.approx(sum(int(row[0]) for row in ROWS), abs=5)
    answer = release(people, query="mean", column="pay", bounds=(0, 100), missing=0, **asked)
    assert answer.value == pytest.approx(sum(float(row[1]) for row in ROWS) / 400, abs=0.05)
    assert answer.half_width < 0.05
    answer = release(people, query="histogram", column="town", categories="abz", **asked)
    assert [(cell.key, cell.value) for cell in answer.cells] == [("a", 134), ("b", 133), ("z", 0)]


def test_a_receipt_says_it_all_and_survives_json(people, ledger):
    answer = release(
        people,
        query="mean",
        column="age",
        bounds=(18, 90),
        missing="drop",
        where="town in ('a','b')",
        ledger=ledger,
        epsilon=" 0.7 ",
    )
    receipt = answer.receipt
    assert (receipt.table, receipt.query, receipt.column) == ("people.parquet", "mean", "age")
    assert (receipt.where, receipt.missing) == ("\"town\" in ('a', 'b')", "drop")
    assert (receipt.lower, receipt.upper, receipt.grid) == (18, 90, 1)
    assert (receipt.epsilon, receipt.delta) == ("0.7", "0")
    assert (receipt.adjacency, receipt.unit, receipt.library) == ("add-remove", "one row", "opendp")
    assert receipt.library_version
    total, count = receipt.noise
    assert (total.part, total.sensitivity, total.epsilon) == ("centred sum", 36, "0.35")
    assert (count.part, count.sensitivity, count.epsilon) == ("count", 1, "0.35")
    assert total.scale == pytest.approx(36 / 0.35, rel=1e-12)
    assert Fraction(total.proven) + Fraction(count.proven) <= Fraction("0.7")
    (entry,) = ledger.state().entries
    assert (entry.id, entry.epsilon, entry.state, entry.scales) == (
        receipt.entry,
        "0.7",
        "answered",
        (total.scale, count.scale),
    )
    assert entry.asked == "mean of age in [18, 90], missing: drop, where \"town\" in ('a', 'b')"
    adapter = TypeAdapter(Release)
    assert adapter.validate_json(adapter.dump_json(answer)) == answer


def test_replace_one_pays_for_both_rows(tmp_path, people):
    ledger = create_ledger(tmp_path / "replace", epsilon="1000", adjacency="replace-one")
    asked = {"ledger": ledger, "epsilon": "1"}
    cells = release(people, query="histogram", column="town", categories=("a", "b"), **asked)
    assert cells.receipt.noise[0].sensitivity == 2
    assert cells.receipt.adjacency == "replace-one"
    assert release(people, query="count", **asked).receipt.noise[0].sensitivity == 1
    bounds = {"column": "age", "bounds": (18, 90)}
    assert release(people, query="sum", missing=18, **bounds, **asked).receipt.noise[0].sensitivity == 72
    # A row that may be left out can go from 90 to nothing.
    assert release(people, query="sum", missing="drop", **bounds, **asked).receipt.noise[0].sensitivity == 90


def test_whole_releases_have_the_noise_of_their_receipt(tmp_path, ledger):
    people = write_table(tmp_path / "people.csv", TYPES, ROWS)
    answers = [release(people, query="count", ledger=ledger, epsilon="0.5").value - 400 for _ in range(120)]
    ends = [-2, -1, 0, 1]
    cumulative = [0, *(laplace.discrete_cdf(end, scale=2) for end in ends), 1]
    expected = [120 * (high - low) for low, high in pairwise(cumulative)]
    observed = [0] * len(expected)
    for answer in answers:
        observed[sum(answer > end for end in ends)] += 1
    # Once in 10^9 runs of a correct build; no noise, or ten times as much, never passes.
    assert stats.chisquare(observed, expected).pvalue > 1e-9
    assert stats.chisquare([0, 0, 120, 0, 0], expected).pvalue < 1e-9


def test_an_empty_selection_is_answered_with_noise_like_any_other(people, ledger):
    asked = {"ledger": ledger, "epsilon": "1", "where": "age > 1000"}
    counts = {release(people, query="count", **asked).value for _ in range(30)}
    assert len(counts) > 1  # all equal with a probability below 10^-10
    assert all(abs(count) < 50 for count in counts)
    total = release(people, query="sum", column="pay", bounds=(0, 1), missing="drop", **asked)
    assert abs(total.value) < 50
    assert [
        cell.key for cell in release(people, query="histogram", column="town", categories="ab", **asked).cells
    ] == ["a", "b"]


def answer_always(monkeypatch, number):
    def adder(measurement, *, vector):
        return lambda exact: (number,) * len(exact)

    monkeypatch.setattr(noise, "_adder", adder)


def test_too_few_rows_for_a_mean_is_said_by_the_noisy_count(people, ledger, monkeypatch):
    asked = {"ledger": ledger, "query": "mean", "column": "age", "bounds": (0, 100), "missing": "drop"}
    few = release(people, where="age > 1000", epsilon="0.001", **asked)
    while few.message is None:  # the noise alone passes its own error once in forty times
        few = release(people, where="age > 1000", epsilon="0.001", **asked)
    assert (few.value, few.half_width) == (None, None)
    assert "too few rows for a mean" in few.message
    # The true count does not decide: with noise that turns 400 into -5, the message is the same.
    answer_always(monkeypatch, -5)
    assert "the noisy count is -5" in release(people, epsilon="1", **asked).message
    share = release(people, query="proportion", of="age > 30", ledger=ledger, epsilon="1")
    assert "too few rows for a proportion" in share.message


def test_a_mean_stays_within_its_bounds(people, ledger):
    for _ in range(30):
        answer = release(
            people, query="mean", column="age", bounds=(40, 41), missing="drop", ledger=ledger, epsilon="0.1"
        )
        assert answer.value is None or 40 <= answer.value <= 41


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"query": "sum", "column": "wage", "bounds": (0, 1), "missing": "drop"}, "no column 'wage'"),
        ({"query": "sum", "column": "age", "missing": "drop"}, "needs bounds"),
        ({"query": "sum", "column": "age", "bounds": (5, 1), "missing": "drop"}, "is not below"),
        ({"query": "sum", "column": "age", "bounds": (1, 1), "missing": "drop"}, "is not below"),
        ({"query": "sum", "column": "age", "bounds": (float("nan"), 1), "missing": "drop"}, "finite numbers"),
        ({"query": "sum", "column": "age", "bounds": (0, float("inf")), "missing": "drop"}, "finite numbers"),
        ({"query": "sum", "column": "age", "bounds": (0, 0.5), "missing": "drop"}, "must be whole"),
        ({"query": "sum", "column": "pay", "bounds": (1, 1 + 2e-16), "missing": "drop"}, "too close"),
        ({"query": "mean", "column": "pay", "bounds": (0, 1)}, "its type can hold NaN and NULL, whether"),
        ({"query": "mean", "column": "age", "bounds": (0, 1)}, "its type can hold NULL, whether"),
        ({"query": "mean", "column": "pay", "bounds": (0, 1), "missing": "nan"}, "within the bounds"),
        ({"query": "mean", "column": "pay", "bounds": (0, 1), "missing": "2"}, "within the bounds"),
        ({"query": "mean", "column": "age", "bounds": (0, 1), "missing": "0.5"}, "must be whole"),
        ({"query": "mean", "column": "town", "bounds": (0, 1), "missing": "drop"}, "needs numbers"),
        ({"query": "mean", "bounds": (0, 1), "missing": "drop"}, "give --column"),
        ({"query": "histogram", "column": "town"}, "needs its categories"),
        ({"query": "histogram", "column": "town", "categories": ("a", "a")}, "given twice"),
        ({"query": "histogram", "column": "town", "categories": ("\udcff",)}, "Unicode"),
        ({"query": "histogram", "column": "age", "categories": ("old",)}, "holds whole numbers"),
        ({"query": "histogram", "column": "pay", "categories": ("1.5",)}, "has whole numbers below"),
        (
            {"query": "histogram", "column": "town", "categories": ("a",), "missing": "b"},
            "one of the categories",
        ),
        (
            {"query": "histogram", "column": "town", "categories": ("a",), "bounds": (0, 1)},
            "takes no --bounds",
        ),
        ({"query": "count", "column": "age"}, "takes no --column"),
        ({"query": "modus", "column": "age"}, "query is 'modus'; expected one of: count, units, sum, mean"),
        ({"query": "count", "where": "born = 1"}, "a date cannot be compared with a number"),
        ({"query": "count", "epsilon": "0"}, "positive decimal"),
        ({"query": "count", "epsilon": "1e-25"}, "too small"),
    ],
)
def test_what_cannot_be_answered_is_said_before_anything_is_charged(people, ledger, question, said):
    with pytest.raises(UsageError) as refused:
        release(people, **{"ledger": ledger, "epsilon": "1"} | question)
    assert said in str(refused.value)
    assert ledger.state().entries == ()


#: What one row can be in the place of another, in a CSV file.
STRANGE = ["", "nan", "many", "1e999", "-inf", "0", "'; --", "9" * 500, "true", "3"]
QUESTIONS = [
    {"query": "count"},
    {"query": "count", "where": "age > 30"},
    {"query": "count", "where": "age = 'many' or not town < 'b'"},
    {"query": "count", "where": "age"},
    {"query": "sum", "column": "age", "bounds": (0, 100), "missing": "drop"},
    {"query": "mean", "column": "age", "bounds": (0, 100), "missing": "50", "where": "town in ('a', 'b')"},
    {"query": "histogram", "column": "age", "categories": ("20", "many", "")},
    {"query": "sum", "column": "age", "bounds": (0, 100)},
    {"query": "mean", "column": "ages", "bounds": (0, 100), "missing": "drop"},
    {"query": "histogram", "column": "age"},
    {"query": "count", "where": "age = town"},
]


def outcome(table, ledger, question, monkeypatch):
    """What a release says when its noise is fixed, and every line of trivet that it runs."""
    lines = set()

    def trace(frame, event, _):
        file = frame.f_code.co_filename
        # How a line is split does depend on it, which changes the time alone.
        if not file.startswith(str(Path(trivet.__file__).parent)) or file == csv_lines.__file__:
            return None
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    answer_always(monkeypatch, 5000)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        answer = release(table, ledger=ledger, epsilon="1", **question)
        said = (answer.value, answer.cells, answer.half_width, answer.message)
    except TrivetError as error:
        said = str(error)
    finally:
        sys.settrace(before)
    return said, frozenset(lines)


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_row_changes_no_error_and_no_code_path(tmp_path, ledger, question, monkeypatch):
    rows = [(row[0], row[2]) for row in ROWS[:20]]
    types = {"age": "VARCHAR", "town": "VARCHAR"}
    table = tmp_path / "people.csv"
    found = {}
    outcome(write_table(table, types, rows), ledger, question, monkeypatch)  # what is imported once
    for strange in STRANGE:
        write_table(table, types, [*rows, (strange, "b")])
        found[strange] = outcome(table, ledger, question, monkeypatch)
    found["no row"] = outcome(write_table(table, types, rows), ledger, question, monkeypatch)
    assert len({said for said, _ in found.values()}) == 1
    assert len({lines for _, lines in found.values()}) == 1


def test_rows_that_cannot_be_read_are_not_quoted_and_the_charge_stays(tmp_path, ledger):
    table = write_table(tmp_path / "people.parquet", TYPES, ROWS)
    whole = table.read_bytes()
    table.write_bytes(whole[:4] + bytes(2_000) + whole[2_004:])  # the rows; the schema stands at the end
    with pytest.raises(DataError) as failed:
        release(table, query="count", where="pay = 1", ledger=ledger, epsilon="1")
    (entry,) = ledger.state().entries
    assert str(failed.value) == (
        "not all rows of the table could be read; which, and why, stays private. The owner can see it "
        "with `trivet privacy check`. "
        f"The charge {entry.id} stays."
    )
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert entry.state == "charged"


def test_a_refused_release_reads_no_row(people, tmp_path, monkeypatch):
    ledger = create_ledger(tmp_path / "small", epsilon="0.25")
    release(people, query="count", ledger=ledger, epsilon="0.2")
    monkeypatch.setattr("trivet.privacy.releases.releasing.read_exact", None)
    with pytest.raises(UsageError, match=r"refuses epsilon 0\.06: 0\.2 of 0\.25 is spent"):
        release(people, query="count", ledger=ledger, epsilon="0.06")
    assert len(open_ledger(tmp_path / "small").state().entries) == 1


def test_a_missing_ledger_says_how_to_make_one(people, tmp_path):
    with pytest.raises(DataError, match="trivet privacy ledger FILE --create"):
        release(people, query="count", ledger=tmp_path / "none", epsilon="1")
