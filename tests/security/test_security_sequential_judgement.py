import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trivet.security.scanning.results import DetectorResult
from trivet.security.scanning.sequential import Evidence, judge_scan

ALONE = {"norm_gap": 3.0, "margin_gap": 2.0}


def judged(p_value, *, inversion=4, margin=4, **evidence):
    opinions = (
        DetectorResult("trigger inversion", inversion, -8.0, 0.004),
        DetectorResult("maximum margin", margin, 7.0, 0.005),
    )
    found = {"asr": 0.99, **ALONE, **evidence}
    agreed = inversion == margin
    by_label = {label: Evidence(label=label, agreed=agreed, **found) for label in {inversion, margin}}
    return judge_scan(opinions, by_label, p_value)


@pytest.mark.parametrize(
    ("p_value", "arguments", "verdict", "label", "words"),
    [
        (0.0001, {}, "backdoored", 4, "Both methods name label 4 (p below 0.001)"),
        (0.0099, {}, "backdoored", 4, "sends 99.0% of held-out images"),
        (0.01, {}, "suspicious", 4, "p 0.01"),
        (0.0999, {}, "suspicious", 4, ""),
        (0.1, {}, "no evidence", None, "with a chance of 0.1"),
        (None, {}, "no evidence", None, "no label can stand out"),
        (0.0001, {"margin": 7}, "suspicious", 4, "trigger inversion 4, maximum margin 7"),
        (0.0001, {"asr": 0.89}, "no evidence", None, "reaches only 89% of held-out images"),
        (0.0001, {"norm_gap": 1.34, "margin_gap": 1.8}, "no evidence", None, "easy to reach, not alone"),
        (0.0001, {"norm_gap": 1.34, "margin_gap": None}, "no evidence", None, "not alone"),
        (0.0001, {"norm_gap": 1.25, "margin_gap": 2.0}, "backdoored", 4, ""),
        (0.0001, {"margin": 7, "norm_gap": 1.25, "margin_gap": 2.9}, "no evidence", None, "not alone"),
        (0.0001, {"norm_gap": None, "margin_gap": 3.0}, "backdoored", 4, ""),
        (0.0001, {"norm_gap": 1.35, "margin_gap": 1.0}, "backdoored", 4, ""),
        (0.0001, {"margin": 7, "norm_gap": 1.64, "margin_gap": 1.0}, "no evidence", None, "not alone"),
        (0.0001, {"margin": 7, "norm_gap": 1.65, "margin_gap": 1.0}, "suspicious", 4, ""),
    ],
)
def test_verdicts(p_value, arguments, verdict, label, words):
    found = judged(p_value, **arguments)
    assert (found.verdict, found.label) == (verdict, label)
    assert words in found.reason


def test_where_the_methods_differ_the_label_that_stands_alone_is_named():
    opinions = (
        DetectorResult("trigger inversion", 4, -8.0, 0.001),
        DetectorResult("maximum margin", 7, 7.0, 0.02),
    )
    evidence = {
        4: Evidence(label=4, asr=0.99, agreed=False, norm_gap=1.1, margin_gap=0.5),
        7: Evidence(label=7, asr=0.99, agreed=False, norm_gap=0.9, margin_gap=3.5),
    }
    assert judge_scan(opinions, evidence, 0.002).label == 7


def test_a_method_without_a_score_names_none():
    opinions = (
        DetectorResult("trigger inversion", None, None, None),
        DetectorResult("maximum margin", 7, 9.0, 0.001),
    )
    evidence = {7: Evidence(label=7, asr=0.99, agreed=False, norm_gap=None, margin_gap=4.0)}
    found = judge_scan(opinions, evidence, 0.001)
    assert (found.verdict, found.label) == ("suspicious", 7)
    assert "trigger inversion none, maximum margin 7" in found.reason


GAPS = st.one_of(st.none(), st.floats(0.1, 10))


@given(
    p_value=st.floats(1e-8, 1),
    asr=st.floats(0, 1),
    norm_gap=GAPS,
    margin_gap=GAPS,
    margin=st.sampled_from([4, 7]),
    led=st.booleans(),
)
def test_strength_is_at_least_one_exactly_where_a_label_is_accused(
    p_value, asr, norm_gap, margin_gap, margin, led
):
    assume(abs(p_value - 0.1) > 1e-9)
    found = judged(p_value, margin=margin, asr=asr, norm_gap=norm_gap, margin_gap=margin_gap, led=led)
    evidence = Evidence(
        label=4, asr=asr, agreed=margin == 4, norm_gap=norm_gap, margin_gap=margin_gap, led=led
    )
    assert (found.label is not None) == (evidence.strength(p_value) >= 1)
    assert evidence.strength(p_value) >= evidence.strength(min(1.0, 2 * p_value)) >= 0
    assert evidence.strength(None) == 0
