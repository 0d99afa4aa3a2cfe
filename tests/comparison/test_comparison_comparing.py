"""Audits of example records with known changes: what is a change, noise, a regression, a setting."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from example_audits import MANIFEST, audit_of, changed
from example_records import example_own_record, example_record
from example_scan import rate_of
from trivet.comparison import Comparison, change_text, compare_audits, headline_of
from trivet.comparison.results import CHANGED, OUTCOMES
from trivet.record import as_json

BASELINE = "fairness.published.baseline"
ASR = "security.repair.attempts[method=unlearn].asr.after.value"


def compare(before, after, **options):
    return compare_audits(audit_of(before), audit_of(after, folder="later", **options))


def find(comparison, place):
    rows = (
        *comparison.asked,
        *comparison.verdicts,
        *comparison.headline,
        *comparison.changed,
        *comparison.rest,
    )
    (found,) = [change for change in rows if change.place == place]
    return found


def with_asr(after):
    return changed(example_record(), "security.repair.attempts.0.asr.after", rate_of(after))


def test_a_record_compared_with_itself_has_not_changed():
    found = compare(example_own_record(), example_own_record())
    assert (found.asked, found.changed, found.regressions, found.cautions) == ((), (), (), ())
    assert {change.outcome for change in (*found.verdicts, *found.headline, *found.rest)} == {"same"}
    assert found.statement == "The two records are the same."


def test_the_headline_of_one_record_is_that_of_its_comparison_with_itself():
    record = as_json(example_own_record())
    itself = compare_audits(audit_of(example_own_record()), audit_of(example_own_record()))
    found = headline_of(record)
    told = [(each.place, each.title, each.value, each.low, each.high) for each in found]
    numbers = [each for each in itself.headline if isinstance(each.before, int | float)]
    assert told == [
        (each.place, each.title, each.before, each.before_low, each.before_high) for each in numbers
    ]
    assert len({each.place for each in found}) == len(found) > 20
    assert "disparate impact: Female, Eskimo (gender x race)" in {each.title for each in found}


def test_every_value_of_the_record_stands_in_one_place_only():
    found = compare(example_own_record(), changed(example_own_record(), "audit.seed", 1))
    rows = (*found.asked, *found.verdicts, *found.headline, *found.changed, *found.rest)
    places = [change.place for change in rows]
    assert len(places) == len(set(places))
    assert len(places) > 500


def test_a_difference_within_the_intervals_is_noise_and_no_regression():
    found = compare(with_asr(0.0031), with_asr(0.0040))
    asr = find(found, ASR)
    assert (asr.outcome, asr.judged, asr.title) == ("noise", None, "ASR after unlearn")
    assert asr.difference_low < 0 < asr.difference_high
    assert found.regressions == ()


def test_a_difference_beyond_the_intervals_is_a_change_and_a_regression_where_it_is_worse():
    found = compare(with_asr(0.0031), with_asr(0.0400))
    asr = find(found, ASR)
    assert (asr.outcome, asr.judged) == ("change", "worse")
    assert asr.difference == pytest.approx(0.0369)
    assert 0 < asr.difference_low < asr.difference < asr.difference_high
    assert found.regressions == (f"{change_text(asr)}.",)
    back = compare(with_asr(0.0400), with_asr(0.0031))
    assert (find(back, ASR).judged, back.regressions) == ("better", ())


def test_the_headline_is_judged_together_and_the_rest_each_on_its_own():
    found = compare(example_record(), example_record())
    sure = [change for change in found.headline if change.level is not None]
    assert {change.level for change in sure} == {1 - 0.05 / len(sure)}
    assert len(sure) >= 8
    alone = find(found, "security.published.asr.before")
    assert alone.level == 0.95


@pytest.mark.parametrize(
    ("path", "before", "after", "judged"),
    [
        ("security.scan.verdict", "no evidence", "suspicious", "worse"),
        ("security.scan.verdict", "suspicious", "backdoored", "worse"),
        ("security.scan.verdict", "backdoored", "no evidence", "better"),
        ("privacy.membership.verdict", "slight", "exposed", "worse"),
        ("privacy.mechanisms.0.verdict", "consistent", "violates", "worse"),
        ("fairness.audit.verdict", "in band", "unsettled", "worse"),
        ("fairness.audit.attributes.0.verdict", "disparate", "unsettled", "better"),
        ("fairness.audit.attributes.0.groups.0.verdict", "in band", "disparate", "worse"),
    ],
)
def test_verdicts_have_an_order(path, before, after, judged):
    records = [changed(example_own_record(), path, word) for word in (before, after)]
    found = compare(*records)
    (verdict,) = [change for change in found.verdicts if change.outcome != "same"]
    assert (verdict.before, verdict.after, verdict.judged) == (before, after, judged)
    assert len(found.regressions) == (judged == "worse")


def test_verdicts_of_the_study_are_judged_too():
    over = changed(example_record(), "privacy.published.correction.verdict", "over budget")
    inside = changed(over, "fairness.comparison.baseline.verdict", "in band")
    found = compare(inside, example_record())
    told = {change.title: (change.before, change.after, change.judged) for change in found.verdicts}
    assert told["privacy, published plan"] == ("over budget", "within budget", "better")
    assert told["own model without mitigation"] == ("in band", "disparate", "worse")


def test_what_is_computed_without_error_is_an_exact_change():
    worse = changed(example_record(), "privacy.published.correction.spent_epsilon", 0.05)
    found = compare(example_record(), worse)
    epsilon = find(found, "privacy.published.correction.spent_epsilon")
    assert (epsilon.outcome, epsilon.judged, epsilon.difference_low) == ("exact change", "worse", None)
    assert len(found.regressions) == 1


def test_what_has_an_unknown_error_differs_and_is_no_regression():
    worse = changed(example_record(), "security.scan.p_value", 0.00005)
    chance = find(found := compare(example_record(), worse), "security.scan.p_value")
    assert (chance.outcome, chance.judged) == ("differs", "worse")
    assert found.regressions == ()


def impact(estimate, low, high):
    record = example_record()
    interval = dataclasses.replace(
        record.fairness.published.baseline.disparate_impact, value=estimate, low=low, high=high
    )
    return changed(record, f"{BASELINE}.disparate_impact", interval)


@pytest.mark.parametrize(
    ("before", "after", "judged"),
    [
        ((0.5, 0.45, 0.55), (0.9, 0.85, 0.95), "better"),
        ((2.0, 1.9, 2.1), (1.2, 1.1, 1.3), "better"),
        ((1.1, 1.05, 1.15), (1.6, 1.5, 1.7), "worse"),
        ((0.9, 0.88, 0.92), (2.0, 1.9, 2.1), "worse"),
        ((0.8, 0.76, 0.84), (1.26, 1.2, 1.32), None),
    ],
)
def test_disparate_impact_is_better_nearer_to_one_from_either_side(before, after, judged):
    found = find(compare(impact(*before), impact(*after)), f"{BASELINE}.disparate_impact.value")
    assert (found.outcome, found.judged) == ("change", judged)


def test_a_difference_of_rates_is_better_nearer_to_zero():
    def gap(estimate):
        record = example_record()
        interval = dataclasses.replace(
            record.fairness.published.baseline.demographic_parity_difference,
            value=estimate,
            low=estimate - 0.01,
            high=estimate + 0.01,
        )
        return changed(record, f"{BASELINE}.demographic_parity_difference", interval)

    place = f"{BASELINE}.demographic_parity_difference.value"
    assert find(compare(gap(-0.2), gap(-0.1)), place).judged == "better"
    assert find(compare(gap(0.1), gap(-0.3)), place).judged == "worse"
    assert find(compare(gap(0.1), gap(-0.1)), place).judged is None


def test_data_settings_checkpoint_and_versions_come_first():
    after = changed(example_record(), "fairness.published.settings.seed", 5)
    after = changed(after, "security.scan.checkpoint.sha256", "ab" * 32)
    manifest = {
        **MANIFEST,
        "trivet": "0.2.0",
        "libraries": {"numpy": "2.5.0"},
        "inputs": {"audit.json": "12" * 32},
    }
    found = compare(example_record(), after, manifest=manifest)
    told = {change.place: (change.before, change.after) for change in found.asked}
    assert told == {
        "security.scan.checkpoint.sha256": ("5d" * 32, "ab" * 32),
        "fairness.published.settings.seed": (0, 5),
        "manifest.trivet": ("0.1.0", "0.2.0"),
        "manifest.libraries.numpy": ("2.4.6", "2.5.0"),
        "manifest.libraries.torch": ("2.13.0", None),
        "manifest.inputs.audit.json": (None, "12" * 32),
    }
    assert found.cautions == (
        "One setting or size differs between the two: what changed may come from there.",
    )
    assert found.changed == ()


def test_legs_and_manifests_that_one_audit_lacks_are_said():
    found = compare(example_record(), changed(example_record(), "privacy", None), manifest={})
    assert [text.partition(" is in")[0] for text in found.cautions] == [
        "The privacy leg",
        "The second audit has no manifest.json, so that versions and inputs are not compared.",
    ]
    (gone,) = [change for change in found.changed if change.place == "privacy"]
    assert (gone.before, gone.after, gone.outcome) == ("there", None, "removed")
    assert found.regressions == ()


def test_audits_of_the_users_own_that_one_audit_lacks_are_said_first():
    record = example_own_record()
    less = changed(
        changed(record, "fairness.audit", None), "privacy.mechanisms", record.privacy.mechanisms[:1]
    )
    found = compare(record, less)
    assert found.cautions == (
        "The part fairness.audit is in the first audit only.",
        "The part privacy.mechanisms[name=shop.noise:noisy_count #1] is in the first audit only.",
    )


def test_a_repair_that_is_no_longer_needed_is_no_regression():
    clean = changed(example_record(), "security.scan.verdict", "no evidence")
    for part in ("repair", "strip"):
        clean = changed(clean, f"security.{part}", None)
    found = compare(example_record(), clean)
    assert find(found, "security.repair").outcome == "removed"
    assert found.regressions == ()
    assert "1 verdict got better" in found.statement


def test_lists_are_one_row_with_what_differs_in_them():
    after = changed(example_record(), "security.published.norms.4", 12.8)
    norms = find(compare(example_record(), after), "security.published.norms")
    assert (norms.outcome, norms.detail) == ("differs", "1 of 10 differ, by at most 3")
    fewer = changed(example_record(), "fairness.comparison.features", ("age", "new"))
    names = find(compare(example_record(), fewer), "fairness.comparison.features")
    assert names.detail.startswith("added: new; removed: fnlwgt, ")


@pytest.mark.parametrize(
    "path",
    [
        "security.scan.labels.0.asr",
        "security.scan.contract.candidates.0.clean_accuracy",
        f"{BASELINE}.change.accuracy",
        "fairness.published.thresholds.protected",
    ],
)
def test_what_has_no_better_of_its_own_is_not_judged(path):
    higher = changed(example_record(), path, 0.9999)
    (row,) = compare(example_record(), higher).changed
    assert row.outcome in {"change", "differs"}
    assert row.judged is None


def test_names_of_classes_have_no_difference():
    after = changed(example_record(), "security.published.detected_label", 7)
    label = find(compare(example_record(), after), "security.published.detected_label")
    assert (label.before, label.after, label.outcome, label.difference) == (4, 7, "differs", None)


def test_worded_texts_are_no_change():
    after = changed(example_own_record(), "fairness.audit.reason", "Other words.")
    found = compare(example_own_record(), after)
    assert found.changed == ()
    assert find(found, "fairness.audit.reason").outcome == "differs"


def test_the_most_disparate_groups_are_in_the_headline():
    found = compare(example_own_record(), example_own_record())
    titles = {change.title for change in found.headline}
    assert {"disparate impact: Female (gender)", "disparate impact: Eskimo (race)"} <= titles
    assert "disparate impact: Black (race)" not in titles
    assert {"false positive rate ratio: Female (gender)", "membership AUROC: rmia"} <= titles


def test_the_metric_of_selection_rates_is_not_compared_beside_the_groups_that_it_is_of():
    place = "fairness.audit.attributes.0.measures.{}.groups.0.verdict"
    for number, changes in ((0, 0), (1, 1)):
        after = changed(example_own_record(), place.format(number), "in band")
        found = compare(example_own_record(), after)
        assert len(found.regressions) == 0
        assert len(differing(found)) == changes


def differing(found):
    return [change for change in found.verdicts if change.before != change.after]


def test_one_more_group_shifts_no_other():
    record = example_own_record()
    groups = record.fairness.audit.attributes[1].groups
    added = dataclasses.replace(groups[0], group="A new group")
    after = changed(record, "fairness.audit.attributes.1.groups", (added, *groups))
    found = compare(record, after)
    (new,) = found.changed
    assert (new.place, new.outcome) == (
        "fairness.audit.attributes[name=race].groups[group=A new group]",
        "added",
    )


def test_changes_come_in_the_order_of_their_kinds():
    after = changed(example_own_record(), "security.published.clean_accuracy.after", 0.5)
    after = changed(after, "privacy.published.counting.threshold", 7.0)
    after = changed(after, "security.published.norm_ratio", 0.9)
    after = changed(after, "security.published.z_floor", None)
    found = compare(example_own_record(), after)
    kinds = [change.outcome for change in found.changed]
    assert kinds == sorted(kinds, key=OUTCOMES.index)
    assert set(kinds) == set(CHANGED) - {"added"}


def test_a_comparison_survives_json():
    after = changed(example_own_record(), "security.published.clean_accuracy.after", 0.5)
    found = compare(example_own_record(), after)
    adapter = TypeAdapter(Comparison)
    text = adapter.dump_json(found)
    again = adapter.validate_json(text)
    assert again == found
    assert [type(c.before) for c in again.rest] == [type(c.before) for c in found.rest]
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@settings(max_examples=4)
@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["security.published.clean_accuracy.after", f"{BASELINE}.gap"]),
)
def test_swapping_the_audits_swaps_better_and_worse(first, second, path):
    records = [changed(example_record(), path, value) for value in (first, second)]
    there, back = find(compare(*records), path), find(compare(*reversed(records)), path)
    assert there.outcome == back.outcome
    assert {"better": "worse", "worse": "better", None: None}[there.judged] == back.judged
