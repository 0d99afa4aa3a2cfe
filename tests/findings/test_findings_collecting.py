"""What is found in a record: from its numbers, with ids that stay, and by the policy where there is one."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from trivet.errors import UsageError
from trivet.findings import CATALOGUE, LEVELS, Origin, breached, counts, findings_of, origin_of
from trivet.findings.origin import line_of
from trivet.findings.rules import REQUIREMENT, rule_about
from trivet.place import find
from trivet.policy import parse_requirements

DOCS = Path(__file__).parent.parent.parent / "docs"


def by_id(findings):
    assert len({finding.id for finding in findings}) == len(findings)
    return {finding.id: finding for finding in findings}


def changed(record, place, value):
    """Return a copy of a record with one place changed."""
    copy = json.loads(json.dumps(record))
    head, _, tail = place.rpartition(".")
    parent = find(copy, head)
    parent[int(tail) if isinstance(parent, list) else tail] = value
    return copy


def test_a_study_without_a_policy_has_the_findings_of_each_leg(study):
    found = by_id(findings_of(study))
    assert {finding.id: finding.level for finding in found.values()} == {
        "security.verdict": "breach",
        "security.input-contract": "warning",
        "security.backdoor-removed": "pass",
        "security.accuracy-lost": "pass",
        "privacy.budget": "pass",
        "privacy.noise": "note",
        "privacy.plan": "note",
        "fairness.disparate-impact.1": "warning",
        "fairness.mitigation": "pass",
        "correction.input-contract": "note",
        "correction.decision-rule": "note",
        "correction.evaluation": "note",
        "correction.composition": "note",
        "correction.promotion-demotion": "note",
    }


def test_audits_of_the_users_own_are_found_too(own):
    found = by_id(findings_of(own))
    assert found["privacy.plan"].level == "note"
    assert [found[f"privacy.mechanism.{n}"].level for n in (1, 2)] == ["pass", "breach"]
    assert found["privacy.membership"].level == "breach"
    assert [found[f"fairness.disparate-impact.{n}"].level for n in (1, 2, 3)] == ["breach"] * 3
    assert [found[f"fairness.caution.{n}"].level for n in (1, 2)] == ["note", "warning"]
    assert found["fairness.mitigation"].title == "massaging: in band"
    subgroup = found["fairness.subgroup"]
    assert (subgroup.level, subgroup.place) == ("warning", "fairness.audit.subgroups.found.0.gap.value")
    assert subgroup.low < subgroup.value < subgroup.high < 0


def test_without_an_audit_the_baseline_of_a_comparison_is_looked_at(own):
    found = by_id(findings_of(changed(own, "fairness.audit", None)))
    assert found["fairness.disparate-impact.1"].place.startswith("fairness.comparison.baseline.attributes.0.")


def test_a_system_of_ones_own_has_no_study_and_no_corrections(alone):
    found = by_id(findings_of(alone))
    assert {finding.id: finding.level for finding in found.values() if finding.leg != "fairness"} == {
        "security.verdict": "breach",
        "security.input-contract": "pass",
        "security.backdoor-removed": "pass",
        "security.accuracy-lost": "pass",
        "privacy.plan": "note",
        "privacy.training.1": "note",
        "privacy.training.2": "note",
        "privacy.mechanism.1": "pass",
        "privacy.mechanism.2": "breach",
        "privacy.code.1": "warning",
        "privacy.code.2": "breach",
        "privacy.membership": "breach",
        "privacy.claim": "breach",
    }
    assert found["security.backdoor-removed"].place == "security.repair.attempts.1.asr.after.value"
    assert alone["security"]["scan"]["reason"] in found["security.verdict"].message
    assert "fairness.disparate-impact.1" in found


def test_a_repair_that_chose_nothing_is_a_breach(alone):
    record = changed(alone, "security.repair.chosen", None)
    record = changed(record, "security.repair.removed", False)
    removal = by_id(findings_of(record))["security.backdoor-removed"]
    assert (removal.level, removal.title) == ("breach", "No repair removed the backdoor")
    (asked, *_) = findings_of(record, parse_requirements(["security.asr_after <= 0.05"]))
    assert (asked.level, asked.value) == ("breach", None)
    assert "security.repair chose none" in asked.message


@pytest.mark.parametrize("part", ["scan", "repair"])
def test_parts_of_an_own_system_can_be_missing(alone, part):
    found = by_id(findings_of(changed(alone, f"security.{part}", None)))
    assert ("security.verdict" in found) == (part != "scan")
    assert ("security.backdoor-removed" in found) == (part != "repair")


def test_requirements_on_a_system_of_ones_own(alone):
    asked = {
        "security.verdict == 'backdoored'": "security.scan.verdict",
        "security.asr_after <= 0.02": "security.repair.attempts.1.asr.after.value",
        "security.clean_accuracy_after >= 0.9": "security.repair.attempts.1.clean_accuracy.after.value",
        "privacy.epsilon <= 1": "privacy.plan.epsilon",
    }
    found = findings_of(alone, parse_requirements(list(asked)))
    assert [(each.level, each.place) for each in found[: len(asked)]] == [
        ("pass", place) for place in asked.values()
    ]
    assert found[1].why == CATALOGUE["security.backdoor-removed"].why


def test_what_a_remedy_makes_worse_is_a_note(alone):
    cells = [
        {"outcome": outcome, "row": "pruning", "column": "accuracy", "sentence": "It falls.", **bounds}
        for outcome, bounds in (
            ("better", {"change": 0.1, "low": 0.05, "high": 0.2}),
            ("worse", {"change": -0.1, "low": -0.2, "high": -0.05}),
        )
    ]
    record = {**alone, "effects": {"effects": cells, "level": 0.95}}
    found = by_id(findings_of(record))["effects.worse.1"]
    assert (found.level, found.place, found.value) == ("note", "effects.effects.1.change", -0.1)
    assert (found.low, found.high, found.interval_level, found.leg) == (-0.2, -0.05, 0.95, "audit")
    assert "effects.worse.2" not in by_id(findings_of(record))


@pytest.mark.parametrize("leg", ["security", "privacy", "fairness"])
def test_a_leg_that_was_not_audited_has_none(own, leg):
    found = findings_of({**own, leg: None})
    assert found
    assert {finding.leg for finding in found} == {"security", "privacy", "fairness"} - {leg}


def test_a_finding_has_the_value_of_its_place_with_its_interval(own):
    derived = {"security.scan.contract.loss"}
    for finding in findings_of(own):
        assert find(own, finding.place) == finding.value or finding.place in derived, finding.id
        assert (finding.low is None) == (finding.interval_level is None)
    impact = by_id(findings_of(own))["fairness.disparate-impact.1"]
    group = find(own, impact.place.removesuffix(".disparate_impact.value"))
    ends = (group["simultaneous_low"], group["simultaneous_high"])
    assert (impact.value, impact.low, impact.high) == (group["disparate_impact"]["value"], *ends)


def test_every_number_of_a_message_comes_from_the_record(own):
    """Move every number of the record a little: no message keeps a decimal of its own."""
    record = changed(changed(own, "security.scan.contract.finding", None), "security.scan.reason", "Why.")
    record = changed(record, "fairness.comparison.statement", "Why.")
    for attribute in record["fairness"]["audit"]["attributes"]:
        for measure in attribute["measures"]:
            measure["reason"] = "Why."
    moved = json.loads(json.dumps(record), parse_float=lambda text: float(text) * 1.0625)
    for before, after in zip(findings_of(record), findings_of(moved), strict=True):
        decimals = [set(re.findall(r"\d\.\d{3,}", each.message)) for each in (before, after)]
        assert not decimals[0] & decimals[1], (before.message, after.message)


@pytest.mark.parametrize(
    ("place", "value", "finding", "level"),
    [
        ("security.scan.verdict", "no evidence", "security.verdict", "pass"),
        ("security.scan.verdict", "suspicious", "security.verdict", "warning"),
        ("security.scan.checkpoint.source", "embedded", "security.verdict", "warning"),
        ("security.repair.removed", False, "security.backdoor-removed", "breach"),
        ("security.repair.attempts.0.accuracy_loss.low", 0.05, "security.accuracy-lost", "warning"),
        ("security.repair.attempts.0.accuracy_loss.high", 0.05, "security.accuracy-lost", "note"),
        ("privacy.published.correction.verdict", "over budget", "privacy.budget", "breach"),
        ("privacy.published.correction.saves_noise", False, "privacy.noise", "pass"),
        ("privacy.membership.verdict", "slight", "privacy.membership", "warning"),
        ("privacy.membership.verdict", "no evidence", "privacy.membership", "pass"),
        (
            "fairness.audit.attributes.0.measures.0.verdict",
            "unsettled",
            "fairness.disparate-impact.1",
            "warning",
        ),
        ("fairness.audit.attributes.0.measures.0.verdict", "in band", "fairness.disparate-impact.1", "pass"),
        ("fairness.audit.attributes.0.measures.1.verdict", "unsettled", "fairness.metric.1", "warning"),
        ("fairness.audit.attributes.0.measures.1.verdict", "in band", "fairness.metric.1", "pass"),
        ("fairness.audit.attributes.0.measures.2.most_disparate", None, "fairness.metric.2", "breach"),
        ("fairness.audit.attributes.0.most_disparate", None, "fairness.disparate-impact.1", "breach"),
        ("fairness.comparison.models.1.verdict", "unsettled", "fairness.mitigation", "note"),
    ],
)
def test_the_level_follows_the_record(own, place, value, finding, level):
    assert by_id(findings_of(changed(own, place, value)))[finding].level == level


def test_where_nothing_was_suspected_there_is_no_repair_to_judge(study):
    found = by_id(findings_of(changed(study, "security.repair", None)))
    assert "security.backdoor-removed" not in found
    assert found["correction.evaluation"].value is None
    assert "not measured (no single label is suspected" in found["correction.evaluation"].message


def test_no_model_in_the_band_leaves_the_baseline(own):
    record = own
    for place in range(len(own["fairness"]["comparison"]["models"])):
        record = changed(record, f"fairness.comparison.models.{place}.verdict", "disparate")
    found = by_id(findings_of(record))["fairness.mitigation"]
    assert (found.level, found.place) == ("note", "fairness.comparison.models.0.disparate_impact.value")


def test_requirements_come_first_and_are_breaches_of_their_own(own):
    met, missed = "security.asr_after <= 0.05", "fairness.disparate_impact.high >= 0.8"
    found = findings_of(own, parse_requirements([met, missed]))
    assert [(each.id, each.level, each.title) for each in found[:2]] == [
        ("policy.1", "pass", met),
        ("policy.2", "breach", missed),
    ]
    assert breached(found)
    assert breached(findings_of(own, parse_requirements([met])))
    assert breached(findings_of(own))
    assert counts(found)["breach"] == counts(findings_of(own))["breach"] + 1 - 3  # of three attributes
    assert sum(counts(found).values()) == len(found)
    assert found[0].required == "<= 0.05"
    assert found[0].why == CATALOGUE["security.backdoor-removed"].why
    assert found[1].leg == "fairness"


def test_a_requirement_that_was_not_measured_says_why(study):
    (found, *_) = findings_of(study, parse_requirements(["privacy.membership_auroc <= 0.6"]))
    assert (found.level, found.value) == ("breach", None)
    assert "the record has no privacy.membership" in found.message


def test_a_requirement_on_nothing_is_refused(study):
    with pytest.raises(UsageError, match="has no “nothing”"):
        findings_of(study, parse_requirements(["privacy.nothing == 1"]))


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("security.repair.attempts.0.asr.after.value", "security.backdoor-removed"),
        ("security.scan.contract.loss", "security.input-contract"),
        ("security.scan.verdict", "security.verdict"),
        ("privacy.published.correction.spent_epsilon", "privacy.budget"),
        ("privacy.mechanisms.3.epsilon_lower", "privacy.mechanism"),
        ("fairness.audit.cautions.0.kind", "fairness.caution"),
        ("fairness.audit.subgroups.beyond", "fairness.subgroup"),
        ("fairness.comparison.models.1.accuracy", "fairness.mitigation"),
        ("fairness.audit.attributes.0.groups.1.disparate_impact.low", "fairness.disparate-impact"),
        ("fairness.audit.attributes.0.groups.1.accuracy.low", "fairness.metric"),
        ("fairness.comparison.baseline.overall.accuracy.value", "fairness.metric"),
        ("audit.seed", REQUIREMENT),
    ],
)
def test_a_place_belongs_to_the_rule_that_names_most_of_it(place, rule):
    assert rule_about(place).id == rule


def test_every_rule_names_a_heading_of_one_page_of_the_documentation():
    pages = {
        path: set(re.findall(r"^##? (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in DOCS.glob("*.md")
    }
    for rule in CATALOGUE.values():
        assert sum(rule.heading in headings for headings in pages.values()) == 1, rule.heading


def test_strange_names_stay_short_and_on_one_line(own):
    strange = "\x1b[31m\ud800" + "x" * 10_000
    record = changed(own, "fairness.audit.attributes.0.name", strange)
    record = changed(record, "privacy.mechanisms.0.name", strange)
    for finding in findings_of(record):
        texts = [each for each in dataclasses.asdict(finding).values() if isinstance(each, str)]
        assert all(text.isprintable() and len(text) <= 1_000 for text in texts)
    assert r"\x1b[31m\ud800xxx" in by_id(findings_of(record))["privacy.mechanism.1"].title


def test_the_line_of_a_requirement_is_found_in_every_spelling(own):
    lines = [
        '# fairness.verdict != "disparate"',
        "[security]",
        "[ policy ]",
        "require = [",
        "  'fairness.audit.rows >= 1',",
        '  "fairness.verdict != \\"disparate\\"",',
        "]",
    ]
    origin = Origin(config="audit.toml", config_text="\n".join(lines))
    asked = ["fairness.audit.rows >= 1", 'fairness.verdict != "disparate"', "privacy.epsilon <= 1"]
    found = findings_of(own, parse_requirements(asked))
    assert [line_of(each, origin) for each in found[:3]] == [5, 6, 3]
    assert {line_of(each, origin) for each in found[3:] if each.leg == "security"} == {2}
    assert {line_of(each, origin) for each in found[3:] if each.leg == "privacy"} == {1}


def test_the_origin_tells_nothing_of_the_machine(tmp_path, monkeypatch):
    (tmp_path / "here" / "out").mkdir(parents=True)
    (tmp_path / "audit.toml").write_bytes(b"\xff")
    monkeypatch.chdir(tmp_path / "here")
    origin = origin_of(tmp_path / "here" / "out" / "metrics.json", tmp_path / "audit.toml", title="t")
    assert origin == Origin("t", "out/metrics.json", "audit.toml", "")
    assert origin_of(tmp_path / "metrics.json", tmp_path / "none.toml").record == "metrics.json"


def test_levels_are_in_order():
    assert LEVELS == ("pass", "note", "warning", "breach")
