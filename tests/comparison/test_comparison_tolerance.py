"""Tolerances: which measure they are of, and what of an interval has to lie beyond them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_audits import audit_of, changed
from example_records import example_own_record, example_record
from example_scan import rate_of
from trivet.comparison import compare_audits, parse_tolerances
from trivet.comparison.judge import is_noise, is_within
from trivet.comparison.tolerance import NO_TOLERANCE, Tolerance
from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.place import parse
from trivet.policy import measured_places

GROUP = "fairness.audit.attributes[name=sex].groups[group=f].disparate_impact.value"
ODDS = "fairness.audit.attributes[name=sex].measures[metric=equalized_odds].groups[group=f].ratio.value"
RATE = "fairness.audit.attributes[name=sex].measures[metric=selection_rate].groups[group=f].ratio.value"


def at(place, *texts):
    return parse_tolerances(texts, measured_places).at(parse(place))


@pytest.mark.parametrize(
    ("texts", "place", "expected"),
    [
        ([], GROUP, Tolerance()),
        (["0.01"], GROUP, Tolerance(0.01)),
        (["5%"], GROUP, Tolerance(0.0, 0.05)),
        (["0.01", "5%"], GROUP, Tolerance(0.01, 0.05)),
        (["fairness.disparate_impact=0.02"], GROUP, Tolerance(0.02)),
        (["fairness.disparate_impact = 0.02", "0.5"], GROUP, Tolerance(0.02)),
        (["fairness=0.1", "fairness.audit=0.2"], GROUP, Tolerance(0.2)),
        (["privacy=0.1"], GROUP, Tolerance()),
        (["fairness.equalized_odds_ratio=0.3"], ODDS, Tolerance(0.3)),
        (["fairness.equalized_odds_ratio=0.3"], RATE, Tolerance()),
        (["fairness.audit.attributes[name=sex].groups=0.3"], GROUP, Tolerance(0.3)),
        (["fairness.audit.attributes[name=age].groups=0.3"], GROUP, Tolerance()),
        (["1e-3", "2e-3"], GROUP, Tolerance(2e-3)),
        (["fairness.audit.attributes[name=sex]=0.3"], GROUP.replace("sex", "sex, age"), Tolerance()),
        (["fairness.audit.attributes[name=sex]=0.3"], GROUP.replace("sex", "sex,kind=x"), Tolerance(0.3)),
    ],
)
def test_the_longest_name_of_a_place_has_its_tolerance(texts, place, expected):
    assert at(place, *texts) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read ''"),
        ("much", "cannot read 'much'"),
        ("-0.1", "cannot read '-0.1'"),
        ("1e999", "cannot read '1e999'"),
        ("5 percent", "cannot read '5 percent'"),
        ("fairness.nothing=0.1", "no record has 'fairness.nothing'"),
        ("fairness.audit.attributes.0=0.1", "picks an item by its number"),
    ],
)
def test_what_is_no_tolerance_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        parse_tolerances([text], measured_places)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_an_interval_lies_within_beyond_or_across(low, width, margin):
    difference = Estimate(low + width / 2, low, low + width, 0.95, "")
    inside = -margin <= low and low + width <= margin
    outside = low > margin or low + width < -margin
    assert is_within(difference, margin) == (inside and margin > 0)
    assert is_noise(difference, margin) != outside


@given(st.floats(0, 10), st.floats(0, 1), st.floats(-100, 100))
def test_the_larger_of_both_kinds_counts(absolute, relative, before):
    margin = Tolerance(absolute, relative).margin(before)
    assert margin == pytest.approx(max(absolute, relative * abs(before)))


def outcomes(before, after, *texts):
    found = compare_audits(
        audit_of(before), audit_of(after, folder="later"), tolerances=parse_tolerances(texts, measured_places)
    )
    rows = (*found.verdicts, *found.headline, *found.changed, *found.rest, *found.asked)
    return found, {change.place: (change.outcome, change.judged) for change in rows}


ASR = "security.repair.attempts[method=unlearn].asr.after.value"
EPSILON = "privacy.published.correction.spent_epsilon"


def with_asr(after):
    return changed(example_record(), "security.repair.attempts.0.asr.after", rate_of(after))


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        ([], ("change", "worse")),
        (["0.001"], ("change", "worse")),
        (["0.037"], ("noise", None)),
        (["0.1"], ("within tolerance", None)),
        (["2000%"], ("within tolerance", None)),
        (["security.asr_after=0.1"], ("within tolerance", None)),
        (["fairness=0.1"], ("change", "worse")),
    ],
)
def test_measurably_worse_is_worse_by_more_than_the_tolerance(tolerance, expected):
    found, rows = outcomes(with_asr(0.0031), with_asr(0.0400), *tolerance)
    assert rows[ASR] == expected
    assert bool(found.regressions) == (expected == ("change", "worse"))
    assert found.tolerances == tuple(tolerance)
    assert ("lie within the tolerance" in found.statement) == (expected[0] == "within tolerance")


def test_what_is_computed_has_a_tolerance_too_and_a_setting_has_none():
    before = example_record()
    spent = before.privacy.published.correction.spent_epsilon
    after = changed(before, EPSILON, spent * 1.04)
    after = changed(after, "privacy.plan.epsilon", before.privacy.plan.epsilon * 1.001)
    for tolerance, expected in (([], ("exact change", "worse")), (["5%"], ("within tolerance", None))):
        found, rows = outcomes(before, after, *tolerance)
        assert rows[EPSILON] == expected
        assert len(found.regressions) == (expected[1] == "worse")
        assert rows["privacy.plan.epsilon"][0] == "exact change"


def test_a_difference_as_large_as_its_tolerance_is_within():
    before = changed(example_record(), EPSILON, 0.71)
    _, rows = outcomes(before, changed(before, EPSILON, 0.72), "0.01")
    assert rows[EPSILON] == ("within tolerance", None)


def test_a_verdict_has_no_tolerance():
    before = changed(example_own_record(), "fairness.audit.verdict", "in band")
    found, _ = outcomes(before, example_own_record(), "1000000")
    assert any("own predictions" in text for text in found.regressions)


def test_worse_values_that_are_no_regressions_are_counted_where_it_says_that_there_is_none():
    worse = changed(example_record(), "security.scan.p_value", 0.00005)
    worse = changed(worse, "security.published.norm_ratio", 0.0001)
    found, rows = outcomes(example_record(), worse)
    assert rows["security.scan.p_value"] == ("differs", "worse")
    assert found.regressions == ()
    assert "No verdict and no headline measurement got measurably worse" in found.statement
    assert "2 values are worse and no regressions" in found.statement


def test_without_a_tolerance_nothing_is_within_it():
    assert NO_TOLERANCE.at(parse(GROUP)) == Tolerance()
    found, rows = outcomes(example_own_record(), changed(example_own_record(), "audit.seed", 1))
    assert "within tolerance" not in {outcome for outcome, _ in rows.values()}
    assert found.tolerances == ()
