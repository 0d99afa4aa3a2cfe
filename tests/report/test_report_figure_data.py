"""The data of a figure: every place is in the record, every value is the record's, and none is a formula."""

import csv
import dataclasses
import io
import math

import pytest

from example_effects import example_effects
from example_fairness import hostile_audit, many_groups_audit
from example_records import example_own_record
from example_scan import HOSTILE_NAMES, example_scan
from trivet.place import find, leaves
from trivet.record import as_json
from trivet.report.figures import FIGURES
from trivet.report.figures.registry import MOST_VALUES, available, figure_csv

#: Figures of an audit: others are of two, of looks over time, or of outcomes, which have pages of their own.
OF_AUDITS = [row for row in FIGURES if not row.name.startswith(("compared", "watch", "outcome"))]


def rows(table):
    header, *body = csv.reader(io.StringIO(table))
    assert header == ["place", "value"]
    return dict(body)


def assert_equals(written, value):
    if value is None:
        assert written == ""
    elif isinstance(value, bool):
        assert written == str(value).lower()
    elif isinstance(value, int | float):
        assert float(written) == value
        assert math.isfinite(float(written))
    else:
        assert written.removeprefix("'") == value


def assert_data_are_the_record_s(record, row):
    for place, written in rows(figure_csv(record, row.name)).items():
        assert_equals(written, find(record, place))
    assert row.places
    for place in row.places:
        assert list(leaves(record, f"{row.of}.{place}" if place else row.of)), place


def test_every_figure_but_that_of_a_comparison_is_of_a_record():
    names = [row.name for row in FIGURES if not row.name.startswith("outcome_")]
    assert names == [
        *(row.name for row in available(example_own_record())),
        "compared_differences",
        "watch_ratio",
    ]


@pytest.mark.parametrize("row", OF_AUDITS, ids=lambda row: row.name)
def test_the_data_of_a_figure_are_those_of_the_record(own_record, row):
    assert_data_are_the_record_s(own_record, row)


def test_the_data_of_a_scan_are_those_of_the_record():
    record = {"security": dataclasses.asdict(example_scan(names=HOSTILE_NAMES).audit[0])}
    for row in FIGURES:
        if row.of == "security":
            assert_data_are_the_record_s(record, row)


def test_the_effects_are_those_of_the_record():
    record = {"effects": dataclasses.asdict(example_effects())}
    rows = [row for row in FIGURES if row.of == "effects"]
    assert len(rows) == 3
    for row in rows:
        assert_data_are_the_record_s(record, row)


def test_a_figure_without_values_has_no_data(study_record):
    assert figure_csv(study_record, "privacy_mechanisms") is None
    assert figure_csv(study_record, "unknown") is None
    assert figure_csv({}, "privacy_scenarios") is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-2.5e-3", "-2.5e-3"),
        ('a,"b"\nc', 'a,"b"\nc'),
        ("", ""),
        (-0.25, "-0.25"),
        (True, "true"),
        (None, ""),
    ],
)
def test_no_cell_is_a_formula(text, written):
    assert rows(figure_csv({"headline": [{"title": text}]}, "compared_differences")) == {
        "headline.0.title": written
    }


def test_names_of_strangers_are_cells_of_their_own():
    record = as_json(example_own_record())
    audit = dataclasses.asdict(hostile_audit())
    record["fairness"]["audit"] = audit
    table = rows(figure_csv(record, "fairness_audit_impact"))
    first = audit["attributes"][0]["groups"][0]["group"]
    assert table["fairness.audit.attributes.0.groups.0.group"] == first


def test_what_is_too_long_for_a_page_has_no_data():
    record = as_json(example_own_record())
    audit = dataclasses.asdict(many_groups_audit(60))
    record["fairness"]["audit"] = audit
    assert 60 < len(rows(figure_csv(record, "fairness_audit_rates"))) <= MOST_VALUES
    audit["attributes"][0]["groups"] *= 10
    assert figure_csv(record, "fairness_audit_rates") is None
