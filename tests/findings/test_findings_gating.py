"""What decides the exit code: defaults, requirements, waivers and their expiry, as one table of truth."""

import itertools
import json
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from trivet.config import Waiver, load_config
from trivet.errors import UsageError
from trivet.findings import (
    GATES,
    Origin,
    breached,
    findings_json,
    findings_junit,
    findings_markdown,
    findings_of,
    findings_sarif,
    refuse_waivers,
)
from trivet.findings.summary import summary_of
from trivet.policy import parse_requirements
from trivet.report.write.opening import findings_section

DAY = date(2026, 11, 28)
ATTRIBUTES = tuple(f"fairness.disparate-impact.{number}" for number in (1, 2, 3))
#: By false positive rates and by equalized odds, attribute by attribute; that of the third is unsettled.
METRICS = tuple(f"fairness.metric.{number}" for number in (1, 2, 4, 5, 6))
#: A requirement that holds, and the defaults that it stands in the place of.
REPLACES = {
    "privacy.plan.epsilon <= 1": set(),
    "privacy.delta <= 1": set(),
    "security.clean_accuracy >= 0": set(),
    "security.p_value >= 0": set(),
    "security.asr_after >= 0": set(),
    "fairness.accuracy >= 0": set(),
    "fairness.audit.rows >= 1": set(),
    "fairness.audit.attributes.0.groups.0.disparate_impact >= 0.01": {"fairness.disparate-impact.1"},
    "fairness.audit.attributes.2.groups.0.disparate_impact >= 0.01": set(),  # one group of several
    "privacy.mechanisms.0.epsilon_lower >= 0": set(),
    "privacy.mechanisms.1.epsilon_lower <= 100": {"privacy.mechanism.2"},
    "privacy.membership_auroc <= 0.999": {"privacy.membership"},
    "fairness.audit.attributes.0.measures[metric=equalized_odds].groups.0.ratio >= 0.01": {
        "fairness.metric.2"
    },
    "fairness.audit.attributes.2.measures.1.groups.0.ratio >= 0.01": set(),  # one group of several
    "fairness.audit.attributes.0.measures.1.groups.0.difference >= -1": set(),  # judged by the ratio
    # a bound that nothing can break
    "fairness.disparate_impact >= 0": set(),
    "fairness.disparate_impact.low >= -3": set(),
    "fairness.false_positive_rate_ratio >= 0": set(),
    "privacy.membership_auroc <= 1": set(),
    "security.asr_after <= 1": set(),
    # what is as bad as required
    "security.verdict == 'backdoored'": set(),
    "fairness.verdict == 'disparate'": set(),
    "fairness.audit.attributes.0.verdict == 'disparate'": set(),
    "fairness.audit.attributes.0.measures.1.verdict == 'disparate'": set(),
}


def breaches(record, *requirements, waivers=(), day=DAY):
    found = findings_of(record, parse_requirements(requirements), waivers, day=day)
    return {each.id for each in found if each.level == "breach"}


@pytest.fixture
def defaults(alone):
    return breaches(alone)


def test_every_gate_that_the_record_can_breach_is_breached(defaults):
    assert {name.rstrip(".0123456789") for name in defaults} >= {
        "security.verdict",
        "privacy.mechanism",
        "privacy.membership",
        "fairness.disparate-impact",
    }


@pytest.mark.parametrize("requirement", REPLACES)
def test_a_requirement_replaces_the_default_of_what_it_measures_alone(alone, defaults, requirement):
    assert breaches(alone, requirement) == defaults - REPLACES[requirement]


@pytest.mark.parametrize(
    ("requirement", "replaced"),
    [
        ("fairness.disparate_impact >= 0.01", set(ATTRIBUTES)),
        ("fairness.false_positive_rate_ratio >= 0.01", {"fairness.metric.1", "fairness.metric.5"}),
        ("security.verdict == 'no evidence'", {"security.verdict"}),
        ("fairness.verdict == 'in band'", {*ATTRIBUTES, *METRICS}),
    ],
)
def test_a_requirement_that_is_broken_is_the_breach_in_the_default_s_place(
    alone, defaults, requirement, replaced
):
    assert breaches(alone, requirement) == (defaults - replaced) | {"policy.1"}


def test_no_requirement_loosens_what_another_gates(alone, defaults):
    for first, second in itertools.combinations(REPLACES, 2):
        assert breaches(alone, first, second) >= defaults - REPLACES[first] - REPLACES[second]


def test_a_default_that_is_replaced_stays_a_warning_that_says_so(alone):
    found = findings_of(alone, parse_requirements(["privacy.membership_auroc <= 0.999"]), day=DAY)
    (verdict,) = [each for each in found if each.id == "privacy.membership"]
    assert verdict.level == "warning"
    said = "The requirement privacy.membership_auroc <= 0.999 stands in the place of this default."
    assert said in verdict.decision
    assert verdict.decision in verdict.sentence


@pytest.mark.parametrize(
    ("subject", "days", "level"),
    [
        (None, 0, "warning"),
        (None, 400, "warning"),
        (None, -1, "breach"),
        ("shop.noise:noisy_count", 1, "warning"),
        ("another", 1, "breach"),
        ("shop.noise:noisy_count", -1, "breach"),
    ],
)
def test_a_waiver_holds_for_its_rule_and_subject_through_its_last_day(alone, defaults, subject, days, level):
    waiver = Waiver(
        rule="privacy.mechanism", subject=subject, reason="replaced in May", expires=DAY + timedelta(days)
    )
    found = {each.id: each for each in findings_of(alone, (), [waiver], day=DAY)}
    mechanism = found["privacy.mechanism.2"]
    assert mechanism.level == level
    assert breaches(alone, waivers=[waiver]) == defaults - (
        {"privacy.mechanism.2"} if level == "warning" else set()
    )
    if level == "warning":
        assert "replaced in May" in mechanism.waiver
        assert waiver.expires.isoformat() in mechanism.waiver
    elif subject != "another":
        assert f"expired on {waiver.expires.isoformat()}: replaced in May" in mechanism.decision
    else:
        assert found["policy.waiver.1"].level == "note"


def test_a_waiver_never_lets_a_requirement_pass(alone):
    waivers = [Waiver(rule=rule, reason="all of it", expires=DAY) for rule in GATES]
    assert breaches(alone, waivers=waivers) == set()
    assert breaches(alone, "security.verdict == 'no evidence'", waivers=waivers) == {"policy.1"}


def test_a_waiver_that_nothing_needs_is_named_and_an_expired_one_is_a_warning(study):
    waivers = [
        Waiver(rule="privacy.budget", reason="a test", expires=DAY),
        Waiver(rule="privacy.mechanism", reason="old", expires=DAY - timedelta(1)),
    ]
    found = {each.id: each.level for each in findings_of(study, (), waivers, day=DAY)}
    assert found["policy.waiver.1"] == "note"
    assert found["policy.waiver.2"] == "warning"


@pytest.mark.parametrize("rule", ["security.verdct", "policy.1", "correction.evaluation", "*", ""])
def test_what_no_default_gates_cannot_be_waived(rule):
    with pytest.raises(UsageError, match=r"expected one of policy\.requirement, security\.verdict"):
        refuse_waivers([Waiver(rule=rule, reason="no", expires=DAY)])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('rule = "security.verdict"\nexpires = 2027-01-31', "reason is missing"),
        ('rule = "security.verdict"\nreason = "x"', "expires is missing"),
        ('rule = "security.verdict"\nreason = "  "\nexpires = 2027-01-31', "a waiver needs a reason"),
        ('rule = "security.verdict"\nreason = "x"\nexpires = "soon"', "date"),
        ('rule = "security.verdict"\nreason = "x"\nexpires = 2027-01-31\nwho = "me"', "who is not known"),
    ],
)
def test_a_waiver_has_a_reason_and_a_date(tmp_path, text, complaint):
    (tmp_path / "audit.toml").write_text(f"[[policy.waivers]]\n{text}\n")
    with pytest.raises(UsageError, match=complaint):
        load_config(tmp_path / "audit.toml")


def test_a_waiver_is_read_from_the_configuration(tmp_path):
    (tmp_path / "audit.toml").write_text(
        '[[policy.waivers]]\nrule = "security.verdict"\nsubject = "net.pth"\nreason = "for teaching"\n'
        'expires = 2027-01-31\ndecided_by = "A. Lovelace"\n'
    )
    (waiver,) = load_config(tmp_path / "audit.toml").policy.waivers
    assert waiver == Waiver(
        rule="security.verdict",
        subject="net.pth",
        reason="for teaching",
        expires=date(2027, 1, 31),
        decided_by="A. Lovelace",
    )


def test_every_format_shows_a_waiver(alone):
    waivers = [
        Waiver(rule=rule, reason="for <b>teaching</b>", expires=DAY, decided_by="A. Lovelace")
        for rule in GATES
    ]
    found = findings_of(alone, (), waivers, day=DAY)
    (verdict,) = [each for each in found if each.id == "security.verdict"]
    told = f"waived through {DAY}: for <b>teaching</b> (decided by A. Lovelace)"
    assert verdict.waiver == told
    assert told in verdict.sentence  # the terminal's line
    assert not breached(found)
    stored = json.loads(findings_json(found))["findings"]
    assert [each["waiver"] for each in stored if each["id"] == "security.verdict"] == [told]
    results = json.loads(findings_sarif(found, Origin()))["runs"][0]["results"]
    (result,) = [each for each in results if each["ruleId"] == "security.verdict"]
    assert result["suppressions"] == [{"kind": "external", "status": "accepted", "justification": told}]
    assert sum("suppressions" in each for each in results) == sum(bool(each.waiver) for each in found)
    junit = ET.fromstring(findings_junit(found))
    assert junit.get("failures") == "0"
    assert told in junit.find(".//testcase[@classname='trivet.security.verdict']/system-out").text
    assert "for &#60;b&#62;teaching&#60;/b&#62; (decided by A. Lovelace)" in findings_markdown(found)
    assert "for &lt;b&gt;teaching&lt;/b&gt;" in findings_section(summary_of(alone, found), lambda _: [])


def test_a_breach_names_the_group_and_the_measure(alone):
    (found, *_) = findings_of(alone, parse_requirements(["fairness.disparate_impact.low >= 0.8"]), day=DAY)
    assert "lower end of disparate impact of Eskimo (race)" in found.message
    assert "attributes.0" not in found.message
    (found, *_) = findings_of(alone, parse_requirements(["privacy.mechanism_epsilon <= 1"]), day=DAY)
    assert "least epsilon shown of shop.noise:noisy_count" in found.message


def test_commands_stand_as_code_and_passes_ask_for_nothing(alone):
    found = findings_of(alone, (), day=DAY)
    text = findings_markdown(found)
    assert "`trivet fairness`" in text
    assert "&#96;" not in text
    page = findings_section(summary_of(alone, [each for each in found if each.level == "pass"]), lambda _: [])
    assert "What to do" not in page
    junit = ET.fromstring(findings_junit([each for each in found if each.level == "pass"]))
    assert "What to do" not in "".join(junit.itertext())
