"""A verdict is decided once: terminal, page, card, findings, requirements and comparisons agree."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from example_audits import audit_of, changed, example_record
from trivet.audited import complaint_about, verdicts_of
from trivet.comparison import compare_audits
from trivet.findings import findings_of
from trivet.policy import judge, parse_requirements
from trivet.privacy.planning.results import budget_verdict
from trivet.record import as_json
from trivet.report.card import model_card
from trivet.report.verdicts import verdicts

BASELINE = "fairness.published.baseline"
RATIO = st.floats(0.02, 5)


def studied(impact, low, high, band):
    record = example_record()
    interval = dataclasses.replace(
        record.fairness.published.baseline.disparate_impact_interval, estimate=impact, low=low, high=high
    )
    for path, value in (
        (f"{BASELINE}.disparate_impact", impact),
        (f"{BASELINE}.disparate_impact_interval", interval),
        ("fairness.settings.four_fifths", band),
    ):
        record = changed(record, path, value)
    return record


def words(record, leg):
    """The word that each place has for the study's verdict on a leg."""
    plain = as_json(record)
    parts = ("study", "published")
    places = (f"{leg}.study.verdict", f"{leg}.published.correction.verdict")
    shown = [each.word for each in verdicts(plain) if each.leg == leg and each.judged.part in parts]
    compared = compare_audits(audit_of(record), audit_of(record)).verdicts
    return {
        *shown,
        *(change.after for change in compared if change.place in places),
        *(outcome.found for outcome in judge(plain, parse_requirements([f"{leg}.verdict != '{shown[0]}'"]))),
    }


@given(st.lists(RATIO, min_size=3, max_size=3).map(sorted), st.floats(0.02, 1))
@settings(max_examples=15, deadline=None)
def test_the_verdict_on_fairness_is_one(ratios, band):
    low, impact, high = ratios
    record = studied(impact, low, high, band)
    word = "disparate" if high < band or low > 1 / band else None
    word = word or ("in band" if low >= band and high <= 1 / band else "unsettled")
    assert words(record, "fairness") == {word}
    (found,) = [each for each in findings_of(as_json(record)) if each.rule == "fairness.study"]
    assert found.title.endswith(f": {word}")
    assert (found.level == "pass") == (word == "in band")


@given(st.floats(0.001, 1), st.floats(0.001, 1))
@settings(max_examples=15, deadline=None)
def test_the_verdict_on_the_budget_is_one(spent, allowed):
    word = budget_verdict(spent, allowed)
    assert word == ("within budget" if spent <= allowed else "over budget")
    record = changed(example_record(), "privacy.published.correction.verdict", word)
    assert words(record, "privacy") == {word}
    (found,) = [each for each in findings_of(as_json(record)) if each.rule == "privacy.budget"]
    assert (found.level == "breach") == (word == "over budget")
    assert f" {word} |" in model_card(audit_of(record))


def test_a_band_that_was_set_wide_is_the_one_that_decides():
    assert words(studied(0.1785, 0.155, 0.205, 0.15), "fairness") == {"in band"}
    assert words(studied(0.85, 0.83, 0.87, 0.9), "fairness") == {"disparate"}


def test_a_ratio_that_does_not_exist_is_unsettled():
    record = as_json(example_record())
    baseline = record["fairness"]["published"]["baseline"]
    baseline["disparate_impact"] = None
    baseline["disparate_impact_interval"].update(estimate=None, low=None, high=None)
    (word,) = [each.word for each in verdicts_of(record) if each.leg == "fairness"]
    assert word == "unsettled"
    (found,) = [each for each in findings_of(record) if each.rule == "fairness.study"]
    assert "an unknown multiple" in found.message


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("security.scan.verdict", "fine", "security.scan.verdict is 'fine'; expected one of no"),
        ("privacy.plan.best_method", "x", "privacy.plan.best_method is 'x'"),
        ("privacy.published.correction.verdict", "x", "privacy.published.correction.verdict is 'x'"),
        ("privacy.plan", None, "privacy.published has no privacy.plan"),
        ("fairness.corrected.four_fifths", ("Male",), "fairness.corrected.four_fifths is 'Male'"),
        ("fairness.corrected.four_fifths_interval", ("a.b",), "fairness.corrected.four_fifths_interval is"),
    ],
)
def test_a_record_that_contradicts_itself_is_named(path, value, complaint):
    assert complaint_about(as_json(example_record())) is None
    assert complaint in complaint_about(as_json(changed(example_record(), path, value)))
