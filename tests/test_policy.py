import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from example_fairness import example_audit
from example_privacy import example_mechanism, example_membership, studied_privacy
from trivet.audited import PUBLISHED_MODELS
from trivet.errors import UsageError
from trivet.fairness.auditing.predictions import audit_predictions
from trivet.policy import SHORT_NAMES, judge, parse_requirements, refuse_impossible
from trivet.policy.places import candidate_words, values_at
from trivet.record import SCHEMA_VERSION, AuditInfo, AuditRecord, as_json

RECORD = {
    "security": {
        "word": "no evidence",
        "clean": True,
        "rows": [{"method": "pld", "scale": 292.9}, {"method": "basic", "scale": 920.0}],
    },
    "fairness": {
        "impact": {"value": 0.78, "low": 0.7, "high": 0.86, "level": 0.95, "reason": None},
        "groups": [
            {"rate": {"value": 0.5, "low": 0.4, "high": 0.6, "level": 0.9, "reason": None}},
            {"rate": {"value": None, "low": None, "high": 0.3, "level": 0.9, "reason": "no rows"}},
        ],
    },
    "privacy": None,
}


def one(text, record=RECORD):
    (outcome,) = judge(record, parse_requirements([text]))
    return outcome


@pytest.fixture(scope="module")
def own():
    """A record of privacy alone, with audits of the user's own; and what fairness it would have."""
    privacy = dataclasses.replace(
        studied_privacy(),
        mechanisms=(example_mechanism(), example_mechanism(violates=True)),
        membership=example_membership(),
    )
    record = as_json(AuditRecord(SCHEMA_VERSION, AuditInfo("own", 0), None, privacy, None))
    audit = json.loads(json.dumps(dataclasses.asdict(example_audit())))
    return {**record, "fairness": {"audit": audit, "comparison": None}}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("fairness.impact >= 0.8", False),
        ("fairness.impact < 0.8", True),
        ("fairness.impact == 0.78", True),
        ("fairness.impact.low >= 0.7", True),
        ("fairness.impact.high >= 0.87", False),
        ("fairness.groups.0.rate >= 0.45", True),
        ("fairness.groups.0.rate.value.high <= 0.6", True),
        ("security.word == 'no evidence'", True),
        ('security.word != "backdoored"', True),
        ("security.clean == true", True),
        ("security.clean == false", False),
        ("security.rows[method=pld].scale <= 293", True),
        ("security.rows.*.scale <= 920", True),
        ("security.rows.*.scale <= 300", False),
        ("  security.rows.0.scale<=293  ", True),
        ("fairness.impact >= 1e-3", True),
        ("fairness.impact >= -1", True),
    ],
)
def test_comparisons(text, met):
    outcome = one(text)
    assert outcome.met is met
    assert outcome.text.startswith("met: " if met else "breached: ")


def test_the_line_shows_what_was_found():
    shown = one("fairness.impact >= 0.8").text
    assert shown == "breached: fairness.impact >= 0.8 (found 0.78, 95% interval 0.7 to 0.86, impact)"
    assert one("security.rows.0.scale < 293").text.endswith("(found 292.9, scale of pld)")
    assert one("security.clean == true").text.endswith("(found true, clean)")


@pytest.mark.parametrize(
    ("sign", "found"),
    [("<= 300", 920.0), (">= 300", 292.9), ("<= 1000", 920.0), ("== 292.9", 920.0), ("!= 920", 920.0)],
)
def test_of_several_measurements_the_one_nearest_to_a_breach_is_shown(sign, found):
    outcome = one(f"security.rows.*.scale {sign}")
    assert outcome.found == found
    assert outcome.measured == 2
    assert outcome.place == f"security.rows.{[292.9, 920.0].index(found)}.scale"
    assert outcome.breaching == int(not outcome.met)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("privacy.published.correction.spent_epsilon <= 0.1", "the privacy leg was not audited"),
        ("privacy.spent_epsilon <= 0.1", "the privacy leg was not audited"),
        ("fairness.groups.1.rate >= 0", "no rows"),
        ("fairness.verdict == 'in band'", "no fairness.audit and no fairness.comparison.baseline"),
    ],
)
def test_what_was_not_measured_cannot_hold_and_says_why(text, why):
    outcome = one(text)
    assert not outcome.met
    assert outcome.found is None
    assert "not measured" in outcome.text
    assert why in outcome.text


def test_all_unreadable_requirements_are_named():
    with pytest.raises(UsageError) as caught:
        parse_requirements(["fairness.impact > 0.8", "impact is fine", "a.b >= 'text'", "a.b == [1]"])
    message = str(caught.value)
    assert "'impact is fine'" in message
    assert "a.b >= 'text'" in message
    assert "a.b == [1]" in message
    assert "0.8'" not in message


@pytest.mark.parametrize(
    "value", ["1e999", "nan", "inf", "1" * 400, "1" * 5000, "'a'b'", "None", "__import__('os')", "0x10", "1j"]
)
def test_constants_that_are_none(value):
    with pytest.raises(UsageError, match="cannot read"):
        parse_requirements([f"a == {value}"])


@given(st.text(max_size=200))
@example("a" + "[b]" * 200)
@example("a" * 10_000 + " >= 1")
@example("\x1b[31m >= 1")
@example("'\ud800' == 1")
def test_any_text_is_read_or_refused_in_one_line(text):
    for step in (refuse_impossible, lambda requirements: judge(RECORD, requirements)):
        said = said_of(text, step)
        assert said.isprintable()
        assert len(said) < 1_000


def said_of(text, step):
    try:
        outcomes = step(parse_requirements([text]))
    except UsageError as error:
        return str(error)
    return outcomes[0].text if outcomes else ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fairness.impct >= 0.8", "impact"),
        ("fairness == 1", "is not a single measurement"),
        ("fairness.groups == 1", "is not a single measurement"),
        ("security.word >= 1", "which has no order"),
        ("security.word == 1", "is a text and cannot be compared with a number"),
        ("security.clean == 1", "is true or false and cannot be compared with a number"),
        ("fairness.impact.middle >= 1", "has no “middle”"),
        ("security.rows.0.scale.low >= 1", "has no interval in the record"),
        ("fairness.*.rate >= 1", "is not a list"),
    ],
)
def test_requirements_that_name_no_measurement(text, message):
    with pytest.raises(UsageError, match=message):
        one(text)


def test_a_short_name_means_the_users_own_audit_first(own):
    assert one("privacy.membership_auroc <= 0.7", own).place == "privacy.membership.attacks.0.auroc.value"
    assert one("privacy.verdict == 'exposed'", own).place == "privacy.membership.verdict"
    assert one("fairness.verdict == 'disparate'", own).place == "fairness.audit.verdict"
    without = {**own, "privacy": {**own["privacy"], "membership": None}}
    assert one("privacy.verdict == 'consistent'", without).place == "privacy.mechanisms.1.verdict"
    study = {**without, "privacy": {**without["privacy"], "mechanisms": []}}
    assert one("privacy.verdict == 'within budget'", study).place == "privacy.published.correction.verdict"


def test_each_group_has_to_meet_it_and_none_is_compared_with_itself(own):
    outcome = one("fairness.disparate_impact >= 0.8", own)
    groups = [group for attribute in own["fairness"]["audit"]["attributes"] for group in attribute["groups"]]
    compared = [group["disparate_impact"] for group in groups if group["verdict"] != "reference"]
    assert outcome.measured == len(compared)
    assert outcome.breaching == sum(each["value"] < 0.8 for each in compared)
    assert outcome.found == min(each["value"] for each in compared)
    low = one("fairness.disparate_impact.low >= 0", own)
    assert (low.measured, low.met) == (len(compared), True)
    assert low.found == min(each["low"] for each in compared)


def test_a_word_that_the_record_never_says_there_is_refused_after_the_run(own):
    with pytest.raises(UsageError, match="is one of 'no evidence', 'slight', 'exposed', never 'violates'"):
        one("privacy.verdict != 'violates'", own)


@pytest.mark.parametrize(
    "text",
    [
        "fairness.disparate_impact >= 0.8",
        "fairness.disparate_impact.low >= 0.8",
        "fairness.verdict == 'in band'",
        "privacy.verdict == 'within budget'",
        "privacy.membership_auroc.high <= 0.6",
        "fairness.published.baseline.disparate_impact.low >= 0.1",
        "fairness.audit.attributes.0.groups.1.disparate_impact.high >= 0.1",
        "fairness.audit.attributes.*.groups[group=Female].rows >= 100",
        "security.scan.labels.4.asr >= 0.9",
        "security.scan.verdict == 'suspicious'",
        "privacy.plan.rows[method=pld].scale <= 293",
        "security.scan.verdict == 'no evidence'",
        "security.repair.attempts[method=unlearn].asr.after <= 0.02",
        "effects.effects.*.change >= -0.1",
        "security.asr_after.high <= 0.05",
        "privacy.mechanisms.0.best.p.low >= 0.1",
        "audit.seed == 0",
    ],
)
def test_what_some_record_can_answer_is_not_refused(text):
    refuse_impossible(parse_requirements([text]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fairness.disparate_imapct >= 0.8", "nearest: fairness.disparate_impact, "),
        ("security.asr <= 0.1", "nearest: security.asr_before, security.asr_after"),
        ("fairness.published.baseline.accuracyy >= 1", "nearest: fairness.published.baseline.accuracy,"),
        ("fairness.audit.attributes.3.groups.1.rowz >= 1", r"fairness.audit.attributes.\*.groups.\*.rows"),
        ("kindness >= 1", "`trivet schema` prints all places"),
        ("security.verdict == 'no evidenec'", "one of 'no evidence', 'suspicious', 'backdoored', never"),
        (
            "security.scan.verdict == 'clean'",
            "one of 'no evidence', 'suspicious', 'backdoored', never 'clean'",
        ),
        ("fairness.verdict == 'violates'", "one of 'in band', 'unsettled', 'disparate', never"),
        *(
            (
                f"fairness.published.{model}.verdict == 'fine'",
                "'in band', 'unsettled', 'disparate', never 'fine'",
            )
            for model in PUBLISHED_MODELS
        ),
        ("fairness.published.baseline >= 1", "is not a single measurement"),
        ("security.verdict >= 1", "is a text, which has no order"),
        ("security.verdict.low >= 1", "has no interval, so no .low"),
        ("privacy.epsilon == 'small'", "is a number and cannot be compared with a text"),
    ],
)
def test_what_no_record_can_answer_is_refused_before_the_run(text, message):
    with pytest.raises(UsageError, match=message):
        refuse_impossible(parse_requirements([text]))


@pytest.mark.parametrize(
    "name",
    [
        "fairness.demographic_parity_difference",
        "fairness.f1_difference.high",
        "fairness.audit.attributes.*.groups.1.difference",
        "fairness.audit.attributes.*.groups.1.difference.value",
    ],
)
def test_a_bound_of_a_signed_difference_takes_one_on_the_other_side(name):
    upper, lower = f"{name} <= 0.05", f"{name} >= -0.05"
    for alone, far in ((upper, "above"), (lower, "below")):
        with pytest.raises(
            UsageError, match=rf"a group far {far} .+ require both .+ >= -0\.05 and .+ <= 0\.05"
        ):
            refuse_impossible(parse_requirements([alone, "fairness.disparate_impact >= 0.8"]))
    for texts in ([upper, lower], ["fairness.equalized_odds_difference <= 0.1"]):
        refuse_impossible(parse_requirements(texts))


def test_a_difference_is_positive_for_a_group_below_the_reference():
    sex = ["f"] * 100 + ["m"] * 100
    selected = [1] * 20 + [0] * 80 + [1] * 50 + [0] * 50
    audit = audit_predictions(None, None, selected, {"sex": sex}, privileged="m")
    assert audit.attributes[0].groups[0].difference.value == pytest.approx(0.3)


def test_everything_that_is_impossible_is_named_at_once():
    with pytest.raises(UsageError) as caught:
        refuse_impossible(parse_requirements(["a.b == 1", "privacy.epsilon <= 1", "c.d == 1"]))
    assert "'a.b == 1'" in str(caught.value)
    assert "'c.d == 1'" in str(caught.value)
    assert "privacy.epsilon" not in str(caught.value)


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_every_short_name_is_a_measurement_that_a_record_can_have(name):
    words = [word for each in SHORT_NAMES[name] for word in candidate_words(each)]
    values = [f"'{word}'" for word in words] or ["true" if name.endswith("mismatch") else "0.5"]
    refuse_impossible(parse_requirements([f"{name} == {value}" for value in values]))
    with pytest.raises(UsageError, match="never 'x'" if words else "cannot be compared"):
        refuse_impossible(parse_requirements([f"{name} == 'x'"]))


@pytest.mark.parametrize("candidate", [each for some in SHORT_NAMES.values() for each in some])
def test_every_meaning_of_a_short_name_is_a_place_of_the_record(candidate):
    assert values_at(candidate.anchor)
    (value, *_) = values_at(candidate.place)
    assert not isinstance(value, list)


def test_a_metric_is_measured_where_the_audit_is_about_it(own):
    assert one("fairness.false_positive_rate_ratio >= 0", own).met
    assert one("fairness.equalized_odds_difference.low >= 0", own).place.endswith(".low")
    unmeasured = one("fairness.accuracy_ratio >= 0", own)
    assert (unmeasured.met, unmeasured.found) == (False, None)
    assert "names what an audit is about" in unmeasured.told_first


def test_nothing_is_executed():
    with pytest.raises(UsageError):
        parse_requirements(["a == __import__('os').getcwd()"])
