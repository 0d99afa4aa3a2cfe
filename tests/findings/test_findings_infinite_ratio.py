"""A ratio to a reference of which nobody is selected: outside of every band, and not unmeasured."""

import copy
import json

import pytest

from example_records import own_record
from trivet.audited import complaint_about
from trivet.comparison import ReadAudit, compare_audits
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.auditing.table import audit_table
from trivet.findings import findings_json, findings_of, read_baseline
from trivet.findings.summary import made_of, summary_of
from trivet.policy import judge, parse_requirements
from trivet.record import FairnessLeg, as_json
from trivet.report.card import fairness_section
from trivet.report.figures.groups import alt_impact, draw_impact
from trivet.report.text.values import make_value
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED

IMPACT = "fairness.audit.attributes.0.groups.{}.disparate_impact"


def audited(tmp_path, *, selected):
    """Audit three groups of a hundred, of which so many of B are selected and nobody of A and of C."""
    path = tmp_path / "people.csv"
    path.write_text(
        "group,label,chosen\n"
        + "".join(
            f"{group},{int(row < positive)},{int(row < chosen)}\n"
            for group, positive, chosen in (("A", 60, 0), ("B", 20, selected), ("C", 20, 0))
            for row in range(100)
        )
    )
    return audit_table(
        TableSettings(table=str(path), label="label", prediction="chosen", sensitive=("group",)), seed=0
    )


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("infinite"), selected=30)


@pytest.fixture(scope="module")
def record(audit):
    return as_json(own_record(fairness=FairnessLeg(audit=audit)))


def levels(record, *requirements):
    found = findings_of(record, parse_requirements(requirements))
    return {
        each.rule: each for each in found if each.rule in {"policy.requirement", "fairness.disparate-impact"}
    }


@pytest.mark.parametrize("asked", [">= 0.8", "<= 1.25", "> 0", "== 1", "!= 1"])
def test_no_requirement_holds_of_it_and_it_is_measured(record, asked):
    (outcome,) = judge(record, parse_requirements([f"{IMPACT.format(1)} {asked}"]))
    assert not outcome.met
    assert "found infinite, which lies outside of every band, 95% interval from 7.9" in outcome.text
    (unknown,) = judge(record, parse_requirements([f"{IMPACT.format(2)} {asked}"]))
    assert not unknown.met
    assert "not measured" in unknown.text
    assert "0/0 is unknown" in unknown.text


def test_an_end_beyond_every_number_is_infinite_too(record):
    (outcome,) = judge(record, parse_requirements(["fairness.disparate_impact.high <= 1.25"]))
    assert (outcome.place, outcome.met) == (f"{IMPACT.format(1)}.high", False)
    assert "found infinite" in outcome.text


def test_the_finding_is_on_the_ratio_and_the_audit_has_failed(record, audit):
    assert audit.verdict == DISPARATE
    assert audit.attributes[0].most_disparate == "B"
    found = levels(record, "fairness.disparate_impact <= 1.25")
    impact = levels(record)["fairness.disparate-impact"]
    assert (impact.value, impact.level, impact.place) == ("infinite", "breach", f"{IMPACT.format(1)}.value")
    assert impact.low > 6
    assert impact.high is None
    assert found["policy.requirement"].value == "infinite"
    assert summary_of(record, [*found.values()], made_of({})).word == "FAILED"
    assert json.loads(findings_json([impact]))["findings"][0]["value"] == "infinite"


def of_two(record):
    """The record without the group of which nothing is known."""
    two = copy.deepcopy(record)
    attribute = two["fairness"]["audit"]["attributes"][0]
    for judged in (attribute, *attribute["measures"]):
        judged["groups"] = [group for group in judged["groups"] if group["group"] != "C"]
    return two


def test_a_bound_on_the_other_side_does_not_stand_in_the_place_of_the_default(tmp_path, record):
    found = levels(of_two(record), "fairness.disparate_impact.low >= 0.8")
    assert found["policy.requirement"].level == "pass"
    assert found["fairness.disparate-impact"].level == "breach"


def test_page_card_and_figure_say_so(record, audit):
    assert make_value(record, f"{IMPACT.format(1)}.value", ".3f").text == "infinite"
    assert make_value(record, f"{IMPACT.format(2)}.value", ".3f").text == "not measured"
    card = "\n".join(fairness_section(record))
    assert "infinite (6.6096 to …)" in card
    assert "group B: infinite (from 7.9225), disparate" in alt_impact(audit)
    assert "group C: undefined" in alt_impact(audit)
    assert "infinite" in [text.get_text() for text in draw_impact(audit).axes[0].texts]


def test_a_verdict_on_it_goes_by_its_interval(tmp_path, record):
    few = audited(tmp_path, selected=1)
    assert few.attributes[0].groups[1].verdict == UNSETTLED
    assert "more often than A" in few.reason
    assert "the estimate alone lies outside it" in few.reason
    milder = copy.deepcopy(record)
    attribute = milder["fairness"]["audit"]["attributes"][0]
    for judged in (attribute, *attribute["measures"]):
        judged["groups"][1]["verdict"] = judged["verdict"] = IN_BAND
    milder["fairness"]["audit"]["verdict"] = IN_BAND
    assert complaint_about(record) is None
    assert complaint_about(milder) == (
        "fairness.audit.attributes.0.groups.1.verdict is 'in band', and its interval is disparate"
    )


def test_an_audit_by_differences_contradicts_no_ratio(tmp_path):
    path = tmp_path / "people.csv"
    rows = [(group, int(row < chosen)) for group, chosen in (("A", 4), ("B", 7)) for row in range(900)]
    path.write_text("group,chosen\n" + "".join(f"{group},{chosen}\n" for group, chosen in rows))
    by = TableSettings(table=str(path), prediction="chosen", sensitive=("group",), difference_band=0.05)
    found = audit_table(by, seed=0)
    assert found.verdict == IN_BAND
    assert [(each.name, each.value) for each in found.settings] == [("difference_band", "0.05")]
    assert complaint_about(as_json(own_record(fairness=FairnessLeg(audit=found)))) is None


def held_against(folder, there, here, *requirements):
    """State since a baseline of each breach, by its rule, and the note on the baseline."""
    (folder / "accepted").mkdir()
    (folder / "accepted" / "metrics.json").write_text(json.dumps(there), encoding="utf-8")
    baseline = read_baseline(folder / "accepted")
    found = findings_of(here, parse_requirements(requirements), baseline=baseline)
    note = next(each.message for each in found if each.rule == "policy.baseline")
    return {each.rule: (each.level, each.baseline) for each in found if each.baseline}, note


@pytest.mark.parametrize(
    ("finite_there", "finite_here", "state"),
    [(False, False, "known"), (False, True, "known"), (True, False, "worse")],
)
def test_a_breach_by_it_is_known_from_a_baseline_that_was_no_better(
    tmp_path, record, finite_there, finite_here, state
):
    sides = [of_two(record), of_two(record)]
    for side, finite in zip(sides, (finite_there, finite_here), strict=True):
        if finite:
            side["fairness"]["audit"]["attributes"][0]["groups"][1]["disparate_impact"].update(
                value=9.5, low=7.9, high=12.0
            )
    found, _ = held_against(tmp_path, *sides, "fairness.disparate_impact <= 1.25")
    level = "warning" if state == "known" else "breach"
    assert found["policy.requirement"] == (level, state)


def test_a_setting_of_one_audit_alone_is_told_and_makes_it_another_question(tmp_path, record):
    record, other = of_two(record), of_two(record)
    other["fairness"]["audit"]["settings"] = [
        {"name": "exclude", "value": "D"},
        {"name": "ignore", "value": "id"},
    ]
    compared = compare_audits(ReadAudit("a", record, {}), ReadAudit("b", other, {}))
    assert {(each.title, each.before, each.after) for each in compared.asked} == {
        ("setting exclude of people.csv", None, "D"),
        ("setting ignore of people.csv", None, "id"),
    }
    found, note = held_against(tmp_path, record, other)
    assert found["fairness.disparate-impact"] == ("breach", "new")
    assert "Data or settings differ from it: exclude, ignore." in note
    other["fairness"]["audit"]["settings"] = [{"name": "ignore", "value": "id"}]
    (tmp_path / "again").mkdir()
    found, _ = held_against(tmp_path / "again", record, other)
    assert found["fairness.disparate-impact"] == ("warning", "known")
