"""Audits about several metrics: one family of comparisons, verdicts, sentences, old records."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.errors import UsageError
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.results import FairnessAudit
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.weights import WeightSums
from trivet.fairness.intervals.comparisons import ratio_interval
from trivet.fairness.intervals.shares import holm, simultaneous_level
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED

METRICS = ("selection_rate", "false_positive_rate", "true_positive_rate")


def counts_of(*tables, columns=("letter",), groups=None):
    groups = groups or tuple((name,) for name in "abcdefgh"[: len(tables)])
    return GroupCounts(columns, groups, ("0", "1"), np.array(tables).reshape(-1, 2, 2))


THREE = counts_of((400, 100, 100, 400), (450, 50, 120, 380), (480, 20, 90, 410))


def measure(audit, metric, attribute=0):
    return next(each for each in audit.attributes[attribute].measures if each.metric == metric)


def test_all_metrics_and_comparisons_are_one_family():
    audit = audit_counts(THREE, privileged="c", metric=METRICS)
    level = simultaneous_level(0.95, 2 * len(METRICS))
    for one in audit.attributes[0].measures:
        assert one.comparisons == 2 * len(METRICS)
    own = measure(audit, "false_positive_rate").groups[0]
    wide = ratio_interval(100, 500, 20, 500, level=level)
    assert (own.simultaneous_low, own.simultaneous_high) == (wide.low, wide.high)
    alone = [group.p_value for one in audit.attributes[0].measures for group in one.groups[:2]]
    together = [group.p_adjusted for one in audit.attributes[0].measures for group in one.groups[:2]]
    assert together == list(holm(alone))


def test_the_selection_rates_of_groups_are_those_of_their_metric():
    attribute = audit_counts(THREE, privileged="c", metric=METRICS).attributes[0]
    for group, own in zip(attribute.groups, attribute.measures[0].groups, strict=True):
        assert (group.disparate_impact, group.difference) == (own.ratio, own.difference)
        assert (group.p_adjusted, group.verdict) == (own.p_adjusted, own.verdict)
        assert (group.simultaneous_low, group.simultaneous_high) == (
            own.simultaneous_low,
            own.simultaneous_high,
        )
        assert group.below_four_fifths == own.below_four_fifths


def test_one_metric_is_the_audit_of_selection_rates():
    plain, named = (
        audit_counts(THREE, privileged="c"),
        audit_counts(THREE, privileged="c", metric=["selection_rate"]),
    )
    assert plain == named
    assert [one.metric for one in plain.attributes[0].measures] == ["selection_rate"]
    assert plain.reason == plain.attributes[0].measures[0].reason
    assert plain.other_metrics == ()


def test_the_verdict_is_about_the_metrics_that_are_named():
    alike = counts_of((1200, 800, 400, 1600), (1360, 640, 240, 1760))
    assert audit_counts(alike, privileged="b").verdict == IN_BAND
    audit = audit_counts(alike, privileged="b", metric=["false_negative_rate"])
    assert audit.verdict == DISPARATE
    assert audit.reason.startswith("The false negative rate of a is 1.667 times that of b (")
    assert audit.attributes[0].groups[0].verdict == IN_BAND
    both = audit_counts(alike, privileged="b", metric=["selection_rate", "false_negative_rate"])
    assert (both.verdict, both.other_metrics) == (DISPARATE, ("false negative rate",))


def test_several_disparate_metrics_are_named_in_the_reason():
    audit = audit_counts(THREE, privileged="c", metric=["fpr", "fdr"])
    assert audit.reason.endswith("Also disparate: false discovery rate.")


def test_equalized_odds_say_which_rates_differ():
    audit = audit_counts(THREE, privileged="c", metric=["equalized_odds"])
    told = "Of true positive rates and false positive rates of a and c the false positive rates differ most"
    assert audit.reason.startswith(f"{told}, the smaller being 0.200 times the larger (")
    audit = audit_counts(THREE, privileged="c", metric=["equalized_odds"], difference_band=0.05)
    assert "the false positive rates differ most, by 0.160 (" in audit.reason


def test_a_figure_without_an_interval_settles_nothing_and_says_so():
    # One cluster alone tells nothing of its error.
    table = np.array([(4, 1, 2, 5), (200, 50, 40, 110)]).reshape(1, 2, 2, 2)
    alone, others = (table * np.array(kept).reshape(1, 2, 1, 1) for kept in ((1, 0), (0, 1)))
    parts = np.concatenate([alone, others, others, others])
    weights = WeightSums("w", np.zeros(4, dtype=np.int64), parts, parts * 1.5, None)
    counts = GroupCounts(("letter",), (("a",), ("b",)), ("0", "1"), parts.sum(axis=0), weights=weights)
    for band in (None, 0.1):
        audit = audit_counts(counts, privileged="b", metric=["f1"], difference_band=band)
        group = audit.attributes[0].measures[0].groups[0]
        assert "None" not in audit.reason
        assert group.ratio.low is group.simultaneous_high is group.difference_low is None
        assert group.rate.reason == group.ratio.reason == group.difference.reason
        assert "too few sampling units" in group.rate.reason
        assert "(without an interval), so these rows do not settle it" in audit.reason
        assert audit.verdict == UNSETTLED


def test_small_groups_are_left_aside_unless_they_are_disparate():
    audit = audit_counts(
        counts_of((400, 100, 100, 400), (400, 100, 100, 400), (4, 1, 2, 3)), privileged="b", metric=["fpr"]
    )
    assert audit.verdict != DISPARATE
    assert "Left aside, with less than two percent of the rows: c (10 rows)." in audit.reason


def test_against_all_rows_no_group_is_the_reference():
    audit = audit_counts(THREE, reference="population", metric=METRICS)
    attribute = audit.attributes[0]
    assert attribute.reference == "all rows"
    assert all(group.disparate_impact is not None for group in attribute.groups)
    assert all(one.comparisons == 9 for one in attribute.measures)
    assert attribute.by_class.reference == "the rest"
    assert not any(each.reference for each in attribute.metrics)
    assert audit.reason.count("all rows") == 1


def test_a_group_that_is_called_as_the_population_is_no_trouble():
    counts = counts_of((40, 10, 10, 40), (45, 5, 12, 38), groups=(("all rows",), ("all other rows",)))
    audit = audit_counts(counts, reference="population", metric=METRICS)
    assert len(audit.attributes[0].groups) == 2


def test_several_columns_are_compared_with_the_population_too():
    groups = (("f", "x"), ("f", "y"), ("m", "x"), ("m", "y"))
    counts = counts_of(
        (40, 10, 10, 40),
        (45, 5, 12, 38),
        (30, 20, 5, 45),
        (44, 6, 9, 41),
        columns=("sex", "town"),
        groups=groups,
    )
    audit = audit_counts(counts, reference="population")
    assert [each.reference for each in audit.attributes] == ["all rows"] * 3
    # Two groups of a column against all rows, and each of the four: eight comparisons.
    assert audit.attributes[0].measures[0].comparisons == 8


def test_a_named_group_and_a_kind_of_reference_do_not_go_together():
    with pytest.raises(UsageError, match="leave reference out"):
        audit_counts(THREE, privileged="a", reference="largest")


def test_without_labels_the_group_selected_most_is_the_reference_and_unknown_metrics_are_no_comparison():
    counts = GroupCounts(
        ("letter",),
        (("a",), ("b",)),
        ("0", "1"),
        np.array([[[60, 40], [0, 0]], [[30, 70], [0, 0]]]),
        labelled=False,
    )
    audit = audit_counts(counts, metric=["selection_rate", "false_positive_rate"])
    attribute = audit.attributes[0]
    assert attribute.reference == "b"
    assert "selected rows" in attribute.reference_why
    assert [one.comparisons for one in attribute.measures] == [1, 1]
    assert "is not known: the table has no labels." in attribute.measures[1].reason
    assert (attribute.measures[0].verdict, attribute.measures[1].verdict) == (DISPARATE, UNSETTLED)


def test_an_audit_comes_back_from_json_and_one_of_an_earlier_version_too():
    audit = audit_counts(THREE, privileged="c", metric=METRICS, difference_band=0.1)
    document = json.loads(json.dumps(asdict(audit)))
    assert TypeAdapter(FairnessAudit).validate_python(document) == audit
    del document["other_metrics"]
    for attribute in document["attributes"]:
        del attribute["measures"]
        for group in attribute["groups"]:
            del group["false_negative_rate"], group["below_four_fifths"]
    old = TypeAdapter(FairnessAudit).validate_python(document)
    assert old.attributes[0].measures == ()
    assert old.attributes[0].groups[0].false_negative_rate is None
