"""A verdict is decided once: terminal, page, card, findings, requirements and comparisons agree."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from example_audits import audit_of, changed
from example_records import example_own_record, example_record
from trivet.audited import PUBLISHED_MODELS, complaint_about
from trivet.comparison import compare_audits
from trivet.fairness.auditing.predictions import audit_predictions
from trivet.findings import findings_of
from trivet.policy import judge, parse_requirements
from trivet.privacy.planning.results import budget_verdict
from trivet.record import FairnessLeg, as_json
from trivet.report.card import model_card
from trivet.report.verdicts import verdicts

BASELINE = "fairness.published.baseline"


def studied(word):
    """The study's record with another verdict on the model without mitigation."""
    record = example_record()
    for place in ("fairness.audit", "fairness.comparison.baseline"):
        record = changed(record, f"{place}.verdict", word)
        record = changed(record, f"{place}.attributes.0.verdict", word)
    return record


def words(record, leg):
    """The word that each place has for the study's verdict on a leg."""
    plain = as_json(record)
    parts = ("comparison", "published")
    places = (f"{leg}.comparison.baseline.verdict", f"{leg}.published.correction.verdict")
    shown = [each.word for each in verdicts(plain) if each.leg == leg and each.judged.part in parts]
    compared = compare_audits(audit_of(record), audit_of(record)).verdicts
    return {
        *shown,
        *(change.after for change in compared if change.place in places),
        *(outcome.found for outcome in judge(plain, parse_requirements([f"{leg}.verdict != '{shown[0]}'"]))),
    }


@pytest.mark.parametrize("word", ["in band", "unsettled", "disparate"])
def test_the_verdict_on_fairness_is_one(word):
    record = studied(word)
    assert words(record, "fairness") == {word}
    found = [each for each in findings_of(as_json(record)) if each.rule == "fairness.disparate-impact"]
    assert [each.title for each in found] == [f"gender: {word}"]
    assert [each.level for each in found] == ["pass" if word == "in band" else "warning"]


@given(st.floats(0.001, 1), st.floats(0.001, 1))
@settings(max_examples=6, deadline=None)
def test_the_verdict_on_the_budget_is_one(spent, allowed):
    word = budget_verdict(spent, allowed)
    assert word == ("within budget" if spent <= allowed else "over budget")
    record = changed(example_record(), "privacy.published.correction.verdict", word)
    assert words(record, "privacy") == {word}
    (found,) = [each for each in findings_of(as_json(record)) if each.rule == "privacy.budget"]
    assert (found.level == "breach") == (word == "over budget")
    assert f" {word} |" in model_card(audit_of(record))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("security.scan.verdict", "fine", "security.scan.verdict is 'fine'; expected one of no"),
        ("privacy.plan.best_method", "x", "privacy.plan.best_method is 'x'"),
        ("privacy.published.correction.verdict", "x", "privacy.published.correction.verdict is 'x'"),
        ("privacy.plan", None, "privacy.published has no privacy.plan"),
        ("security.scan", None, "security.published has no security.scan beside it"),
        ("fairness.comparison.models.1.verdict", None, "models.1.verdict is None; expected one of in band"),
        ("fairness.comparison.models.1.accuracy", None, "models.1.accuracy is missing, of a model that was"),
        ("fairness.comparison", None, "fairness.published has no fairness.comparison with baseline"),
        ("fairness.comparison.models.1.name", "x", "has no fairness.comparison with massaging beside it"),
    ],
)
def test_a_record_that_contradicts_itself_is_named(path, value, complaint):
    assert complaint_about(as_json(example_record())) is None
    assert complaint in complaint_about(as_json(changed(example_record(), path, value)))


@pytest.mark.parametrize("model", PUBLISHED_MODELS)
def test_a_published_model_has_one_of_the_verdicts_on_fairness(model):
    place = f"fairness.published.{model}.verdict"
    assert complaint_about(as_json(changed(example_record(), place, "unsettled"))) is None
    complaint = complaint_about(as_json(changed(example_record(), place, "fine")))
    assert complaint == f"{place} is 'fine'; expected one of in band, unsettled, disparate"


def test_groups_that_differ_in_selection_contradict_no_verdict_on_another_metric():
    rows = np.repeat(np.arange(8), [2700, 300, 100, 900, 900, 100, 300, 2700])
    audit = audit_predictions(
        None,
        rows % 4 // 2,
        rows % 2,
        {"sex": np.where(rows < 4, "f", "m")},
        metric=["false_positive_rate"],
    )
    assert audit.verdict == "in band"
    assert "disparate" in {group.verdict for group in audit.attributes[0].groups}
    record = replace(example_own_record(), fairness=FairnessLeg(audit=audit))
    assert complaint_about(as_json(record)) is None
    place = "fairness.audit.attributes.0.measures.0.groups.0.verdict"
    complaint = complaint_about(as_json(changed(record, place, "disparate")))
    assert "measures.0.verdict is 'in band', and something in it is disparate" in complaint
