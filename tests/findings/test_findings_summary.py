"""The card's content: outcome, what was audited, and a line a finding."""

import json
from dataclasses import replace

import pytest

from example_audits import changed, write_audit
from example_privacy import example_code, example_plan
from example_records import example_own_record, example_record, own_record, whole_own_record
from example_scan import example_scan
from trivet.findings import findings_of, read_baseline
from trivet.findings.finding import make_finding
from trivet.findings.rules import CAUTION, WAIVER
from trivet.findings.summary import Made, made_of, summary_of
from trivet.policy import Measured, judge, parse_requirements
from trivet.record import PrivacyLeg, as_json
from trivet.verdict import LEGS

HIGH = "fairness.disparate_impact >= 0.8"


def summary(record, *requirements, made=None):
    plain = as_json(record)
    return summary_of(plain, findings_of(plain, parse_requirements(requirements)), made)


def embedded(record):
    """The same record, of the network that comes with trivet."""
    scan = record.security.scan
    checkpoint = replace(scan.checkpoint, source="embedded", name="demo.safetensors")
    return replace(record, security=replace(record.security, scan=replace(scan, checkpoint=checkpoint)))


def test_a_breach_fails_and_the_worst_comes_first():
    found = summary(example_own_record(), HIGH)
    assert (found.word, found.tone, found.against) == (
        "FAILED",
        "bad",
        "against 1 requirement and the default rules",
    )
    levels = [line.finding.level for line in found.lines]
    assert levels == sorted(levels, key=["breach", "warning", "note", "pass"].index)
    first = found.lines[0]
    assert (first.name, first.required) == ("Disparate impact of Eskimo (race) against White", HIGH)
    assert first.measured == "0 (95%: 0 to 0.3396)"


def test_the_kind_of_an_interval_is_named_where_the_other_kind_differs():
    place = "fairness.audit.attributes.1.groups.1"
    record = changed(example_own_record(), f"{place}.simultaneous_high", 0.45)
    lines = [line for line in summary(record, HIGH).lines if "Eskimo (race)" in line.name and line.interval]
    assert {line.interval for line in lines} == {
        "95%, this comparison alone: 0 to 0.3396",
        "95%, all comparisons at once: 0 to 0.45",
    }
    # Also on a card that has intervals of one kind alone.
    (line,) = (each for each in summary(record).lines if "Eskimo (race)" in each.name and each.interval)
    assert line.interval == "95%, all comparisons at once: 0 to 0.45"


def almost(record, value):
    """The same record with a disparate impact of one group."""
    group = record.fairness.audit.attributes[0].groups[0]
    place = "fairness.audit.attributes.0.groups.0"
    record = changed(record, f"{place}.disparate_impact", replace(group.disparate_impact, value=value))
    return changed(record, f"{place}.simultaneous_low", value - 0.01)


@pytest.mark.parametrize(("value", "shown"), [(0.79996, "0.79996"), (0.7996, "0.7996"), (0.81234, "0.8123")])
def test_a_number_is_written_so_that_its_requirement_reads_as_it_was_judged(value, shown):
    record = almost(example_own_record(), value)
    asked = "fairness.audit.attributes.0.groups.0.disparate_impact.value >= 0.8"
    (line,) = (each for each in summary(record, asked).lines if each.required == asked)
    assert line.value == shown
    assert (float(line.value) >= 0.8) == (line.finding.level == "pass")
    assert f"ound {shown}" in line.finding.message or float(shown) > 0.8
    (outcome,) = judge(as_json(record), parse_requirements([asked]))
    assert (float(outcome.told.split(",")[0].removeprefix("found ")) >= 0.8) == outcome.met


def test_a_requirement_has_the_digits_that_it_was_written_with():
    (line,) = (
        each
        for each in summary(example_own_record(), "audit.seed < 12345678.5").lines
        if each.finding.id == "policy.1"
    )
    assert line.finding.required == "< 12345678.5"
    assert line.finding.bounds == (12345678.5,)


def test_every_finding_is_named_and_none_by_its_path():
    for record in (example_record(), example_own_record(), whole_own_record()[0]):
        for line in summary(record, HIGH).lines:
            assert line.name[0].isupper() or not line.name[0].isalpha()
            assert line.finding.place not in line.name
            assert ".0" not in line.name
            assert "_" not in line.name.replace(record.security.scan.checkpoint.name, "").replace(
                "noisy_count", ""
            )


def test_a_caution_says_what_it_is_of_and_measures_nothing():
    cautions = [each for each in summary(example_own_record()).lines if each.finding.rule == CAUTION]
    assert cautions
    for line in cautions:
        kind, _, clause = line.name.partition(": ")
        assert kind.casefold() == str(line.finding.value).casefold()
        assert line.finding.message.startswith(clause.removesuffix("…"))
        assert (line.told, line.measured, line.required) == (line.name, "", "")


def test_a_waiver_that_nothing_needs_says_so_and_measures_nothing():
    plain = as_json(example_own_record())
    waived = make_finding(
        WAIVER,
        level="note",
        title="Waiver of privacy.code",
        message="Nothing is breached that it lets pass; it is not needed: waived.",
        measured=Measured("policy.waivers.0", None),
    )
    (line,) = summary_of(plain, [waived]).lines
    assert line.told == "Waiver of privacy.code: Nothing is breached that it lets pass"


def test_what_nobody_audited_is_said_and_has_no_verdict():
    found = summary(own_record(privacy=PrivacyLeg(example_plan())))
    assert [(leg.leg, leg.tone, leg.word) for leg in found.legs] == [
        ("security", "note", "not audited"),
        ("privacy", "note", "not judged"),
        ("fairness", "note", "not audited"),
    ]
    assert (found.word, found.tone) == ("NOT JUDGED", "note")


def test_what_could_not_be_measured_is_neither_passed_nor_failed():
    unmeasured = summary(own_record(privacy=PrivacyLeg(example_plan())), HIGH)
    assert (unmeasured.word, unmeasured.tone) == ("UNDECIDED", "unsure")
    assert unmeasured.lines[0].measured == "not measured"
    assert unmeasured.lines[0].name == "Disparate impact"
    unknown = example_code()
    assert unknown.verdict == "unknown"
    assert summary(own_record(privacy=PrivacyLeg(code=(unknown,)))).word == "UNDECIDED"


def test_without_a_breach_an_audit_has_passed():
    scanned = example_scan().audit[0]
    clean = replace(
        scanned, scan=replace(scanned.scan, verdict="no evidence", suspected_label=None), strip=None
    )
    found = summary(own_record(clean))
    assert (found.word, found.tone, found.against) == ("PASSED", "good", "against the default rules")


def test_a_pass_says_which_verdict_is_not_settled():
    scanned = example_scan().audit[0]
    suspicious = replace(scanned, scan=replace(scanned.scan, verdict="suspicious"), strip=None)
    found = summary(own_record(suspicious))
    assert found.word == "PASSED"
    assert found.against == "against the default rules, though security is suspicious, label 4"


def test_what_comes_with_trivet_is_a_demonstration_until_a_policy_judges_it():
    demo = embedded(example_record())
    assert (summary(demo).word, summary(demo).tone) == ("DEMONSTRATION", "note")
    assert summary(demo, HIGH).word == "FAILED"
    assert summary(demo, "security.clean_accuracy >= 0.5").word == "PASSED"


def test_the_parts_of_a_leg_have_names_digests_and_verdicts_of_their_own():
    security, privacy, fairness = summary(example_own_record()).legs
    network, repair = security.parts
    assert (network.name, network.short_digest) == ("poisened_model_4.pth", "5d5d5d5d5d5d")
    assert network.facts == "mnist-cnn, 1,199,882 parameters; 10,000 images of mnist/test"
    assert repair.word == "removed by unlearn"
    assert privacy.word == "violates"
    assert privacy.shown[0][0].word == "violates"
    assert privacy.texts[-1] == "and 6 more"
    assert fairness.parts[0].facts.endswith("gender x race: 6 groups")


def test_a_table_has_the_digest_that_the_manifest_knows():
    digest = "0123456789abcdef" * 4
    made = made_of({"inputs": {"adult.csv": digest}})
    table = summary(example_own_record(), made=made).legs[2].parts[0]
    assert (table.name, table.digest, table.short_digest) == ("adult.csv", digest, digest[:12])


def test_the_manifest_says_when_and_by_which_version():
    made = made_of({"trivet": "1.2.3", "started": "2026-11-30T23:59:59+00:00", "inputs": {}})
    assert summary(example_record(), made=made).provenance == "2026-11-30 UTC, trivet 1.2.3, seed 0"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"started": 5},
        {"started": "yesterday"},
        {"inputs": ["a"]},
        {"inputs": {"a": "<b>"}},
        {"trivet": {}},
    ],
)
def test_a_damaged_manifest_says_nothing(wrong):
    made = made_of(json.loads(json.dumps(wrong)))
    assert (made.date, dict(made.inputs)) == ("", {})
    assert isinstance(made, Made)


def test_every_leg_is_on_every_card():
    for record in (example_record(), whole_own_record()[0]):
        assert tuple(leg.leg for leg in summary(record).legs) == LEGS


def test_a_new_breach_of_several_groups_is_named_by_a_group_that_is_new(tmp_path):
    record = example_own_record()
    group = record.fairness.audit.attributes[1].groups[0]
    assert group.group == "Black"
    within = replace(group.disparate_impact, value=0.95)
    old = changed(record, "fairness.audit.attributes.1.groups.0.disparate_impact", within)
    new = changed(old, "fairness.audit.attributes.1.groups.0.disparate_impact", replace(within, value=0.7))
    baseline = read_baseline(write_audit(tmp_path / "accepted", old))
    plain = as_json(new)
    found = findings_of(plain, parse_requirements([HIGH]), baseline=baseline)
    (line,) = (each for each in summary_of(plain, found).lines if each.finding.id == "policy.1")
    assert line.name == "Disparate impact of Black (race) against White (new)"
    assert line.value == "0.7"
    # The farthest of all groups is Eskimo, of which the baseline says the same.
    assert "disparate impact of Eskimo (race) against White" in line.finding.message
    assert "New since the baseline: disparate impact of Black (race)" in line.finding.decision
