"""What could not be measured is unknown, and a model is in the band with every group or not at all."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet.estimate import Estimate
from trivet.fairness.auditing.mitigations import compare_mitigations, comparison_statement, model_outcome
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.results import ModelOutcome
from trivet.fairness.auditing.rows import read_rows
from trivet.fairness.counting.counts import GroupCounts
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED


def selected_of(*shares, columns=("group",), groups=None):
    """Counts of groups by (rows, selected); every selected row is positive."""
    table = np.zeros((len(shares), 2, 2), dtype=np.int64)
    for place, (rows, chosen) in enumerate(shares):
        table[place, 0, 0], table[place, 1, 1] = rows - chosen, chosen
    groups = groups or tuple((chr(ord("a") + place),) for place in range(len(shares)))
    return GroupCounts(columns, groups, ("0", "1"), table)


def model(name, counts, *, reference=-1):
    described = ModelOutcome(name, name, "baseline" if name == "baseline" else "before", "", False, "", True)
    place = reference % len(counts.groups)
    return model_outcome(described, counts, [], place, change=None, four_fifths=0.8, level=0.95)


def numbers_of_ratios(value, path=""):
    """Every (place, Estimate) of a disparate impact in a result."""
    if isinstance(value, Estimate):
        if path.endswith("disparate_impact"):
            yield path, value
    elif is_dataclass(value):
        for each in fields(value):
            yield from numbers_of_ratios(getattr(value, each.name), f"{path}.{each.name}")
    elif isinstance(value, tuple):
        for place, each in enumerate(value):
            yield from numbers_of_ratios(each, f"{path}.{place}")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=2, max_size=4), st.data())
def test_no_ratio_over_zero_is_a_number_anywhere(tables, data):
    table = np.array(tables, dtype=np.int64).reshape(-1, 2, 2)
    table[:, 0, 0] += 1
    silent = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    table[np.array(silent), :, 1] = 0
    counts = GroupCounts(("group",), tuple((f"g{i}",) for i in range(len(table))), ("0", "1"), table)
    audit = audit_counts(counts)
    attribute = audit.attributes[0]
    over = next(group for group in attribute.groups if group.group == attribute.reference)
    for group in attribute.groups:
        if group.disparate_impact is not None and over.selected == 0:
            assert group.disparate_impact.value is None
            assert group.disparate_impact.reason
            assert group.simultaneous_high is None
            assert group.verdict != IN_BAND
            if group.selected == 0:
                assert group.disparate_impact.low is None
    for value in attribute.metrics:
        if value.metric.endswith(("_impact", "_ratio")):
            assert (value.value is None) == (value.reason is not None)
            assert value.value is None or np.isfinite(value.value)
    outcome = model("baseline", counts, reference=[g.group for g in attribute.groups].index(over.group))
    if over.selected == 0:
        assert outcome.parity in (None, 0.0)
        assert outcome.verdict != IN_BAND
        assert all(bounds.value is None for _, bounds in numbers_of_ratios(outcome))


def test_a_model_that_selects_nobody_is_said_to():
    audit = audit_counts(selected_of((300, 0), (200, 0)), cut=0.5)
    assert audit.verdict == UNSETTLED
    assert audit.reason == "Nobody is selected, so that no ratio of selection rates is known."
    caution, unlabelled = audit.cautions
    assert (caution.kind, unlabelled.kind) == ("nobody selected", "labels alike")
    assert unlabelled.message.startswith("None of 500 labels is '1', so that nothing is known of errors")
    assert caution.message.startswith(
        "No score reaches the cut of 0.5, while 0 of 500 rows (0.0%) have a positive label."
    )
    assert audit.overall.selection_rate.value == 0
    everybody = audit_counts(selected_of((300, 300), (200, 200)))
    assert [each.kind for each in everybody.cautions] == ["everybody selected", "labels alike"]


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    lines = [f"{'fm'[i % 2]},{rng.normal():.3f},{int(rng.random() < 0.03)}" for i in range(1500)]
    path.write_text("sex,skill,ill\n" + "\n".join(lines) + "\n")
    return read_rows(path, label="ill", sensitive=("sex",))


def test_where_every_model_selects_nobody_none_is_fair_and_none_on_the_frontier(rare):
    found = compare_mitigations(rare, mitigations=("drop-sensitive", "reweighing"), repeats=0)
    for each in found.models:
        assert each.selection_rate.value == 0
        assert (each.parity, each.on_frontier, each.verdict) == (None, False, UNSETTLED)
    assert "nobody is selected" in found.statement
    assert "1.000 times" not in found.statement
    assert "is within the band" not in found.statement


def test_every_group_that_counts_has_to_be_in_the_band():
    before = model("baseline", selected_of((2000, 600), (120, 30), (2000, 1000)))
    after = model("reweighing", selected_of((2000, 850), (120, 44), (2000, 1000)))
    assert (after.group, after.verdict) == ("b", UNSETTLED)
    assert after.parity == pytest.approx((44 / 120) / 0.5)
    said = comparison_statement([before, after], four_fifths=0.8)
    assert "reweighing does not bring every group into the band" in said.lower()
    larger = model("reweighing", selected_of((2000, 970), (1200, 590), (2000, 1000)))
    assert larger.verdict == IN_BAND
    said = comparison_statement([before, larger], four_fifths=0.8)
    assert (
        "Only reweighing brings every group into the band from 0.8 to 1.25, with the whole interval" in said
    )


def test_estimates_in_the_band_are_not_called_brought_into_it():
    before = model("baseline", selected_of((60, 12), (60, 30)))
    near = model("reweighing", selected_of((60, 28), (60, 30)))
    assert near.verdict == UNSETTLED
    said = comparison_statement([before, near], four_fifths=0.8)
    assert "does not bring every group into the band" in said
    assert (
        "By reweighing the estimates of all groups come to lie in it, which these rows do not settle" in said
    )


def test_a_handful_of_rows_is_named_and_does_not_decide():
    audit = audit_counts(selected_of((15_000, 7400), (4, 1), (15_000, 7500)), privileged="c")
    assert audit.verdict == IN_BAND
    assert "Left aside, with less than two percent of the rows: b (4 rows)." in audit.reason
    # A small group of which enough is known does decide.
    shown = audit_counts(selected_of((15_000, 7400), (200, 10), (15_000, 7500)), privileged="c")
    assert shown.verdict == DISPARATE
    assert shown.reason.startswith("b is selected 0.100 times as often as c")


def test_where_no_group_is_large_all_of_them_count():
    groups = tuple((f"g{i:02}",) for i in range(60))
    audit = audit_counts(selected_of(*[(100, 50)] * 60, groups=groups))
    assert "Left aside" not in audit.reason
    assert audit.verdict == UNSETTLED


def test_a_column_of_one_value_makes_no_comparison_more():
    alone = audit_counts(selected_of((900, 300), (800, 350), (900, 450)))
    doubled = audit_counts(
        selected_of(
            (900, 300),
            (800, 350),
            (900, 450),
            columns=("group", "year"),
            groups=(("a", "2020"), ("b", "2020"), ("c", "2020")),
        )
    )
    for attribute in doubled.attributes:
        for one, other in zip(alone.attributes[0].groups, attribute.groups, strict=True):
            assert (one.simultaneous_low, one.simultaneous_high) == (
                other.simultaneous_low,
                other.simultaneous_high,
            )
            assert one.p_adjusted == other.p_adjusted


def test_holm_and_the_intervals_speak_of_the_same_family():
    groups = (("f", "x"), ("f", "y"), ("m", "x"), ("m", "y"))
    audit = audit_counts(
        selected_of((500, 100), (400, 180), (500, 230), (600, 300), columns=("sex", "town"), groups=groups)
    )
    pairs = [
        (group.p_value, group.p_adjusted)
        for attribute in audit.attributes
        for group in attribute.groups
        if group.p_value is not None
    ]
    assert len(pairs) == 5
    least = min(pairs)
    assert least[1] == pytest.approx(5 * least[0])
    assert "for all 5 comparisons at once" in audit.reason


def test_the_figures_of_all_rows_stand_in_the_result():
    table = np.array([[[50, 10], [20, 40]], [[30, 30], [5, 65]]])
    audit = audit_counts(GroupCounts(("sex",), (("f",), ("m",)), ("0", "1"), table))
    overall = audit.overall
    assert (overall.rows, overall.positives, overall.selected) == (250, 130, 145)
    assert overall.accuracy.value == 185 / 250
    assert overall.base_rate.value == 130 / 250
    assert overall.selection_rate.value == 145 / 250
    assert overall.true_positive_rate.value == 105 / 130
    assert overall.false_positive_rate.value == 40 / 120
    for each in fields(overall)[3:]:
        bounds = getattr(overall, each.name)
        assert bounds.low < bounds.value < bounds.high
