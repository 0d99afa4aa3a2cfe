import math

import numpy as np
import pytest
from pydantic import TypeAdapter
from rows_of_counts import random_tables

from trivet.errors import UsageError
from trivet.fairness import GroupCounts
from trivet.fairness.metrics.disparity import Disparity
from trivet.fairness.metrics.group_rate import GroupMean, GroupRate
from trivet.fairness.metrics.measuring import measure_groups
from trivet.fairness.metrics.registry import METRICS
from trivet.fairness.metrics.results import MetricValue
from trivet.fairness.metrics.spreads import SPREADS


def counts_of(table, *, classes=("no", "yes")):
    return GroupCounts(("group",), tuple((f"g{i}",) for i in range(len(table))), classes, np.array(table))


TABLE = [[[5, 1], [1, 3]], [[8, 4], [2, 6]], [[3, 0], [0, 0]]]


def test_every_metric_of_a_table():
    values = measure_groups(counts_of(TABLE), reference=1)
    per_metric = [
        3 if isinstance(m, GroupRate | GroupMean) else 2 if isinstance(m, Disparity) else 1 for m in METRICS
    ]
    names = [m.name for m, number in zip(METRICS, per_metric, strict=True) for _ in range(number)]
    assert [value.metric for value in values] == names
    assert values[0] == MetricValue("selection_rate", "g0", None, 0.4, None, numerator=4, denominator=10)
    found = {(value.metric, value.group): value for value in values}
    assert found["disparate_impact", "g0"] == MetricValue("disparate_impact", "g0", "g1", 0.8, None)
    assert ("disparate_impact", "g1") not in found
    missing = found["true_positive_rate", "g2"]
    assert (missing.value, missing.numerator, missing.denominator) == (None, 0, 0)
    assert missing.reason == "no row of g2 has a positive label"
    assert found["equal_opportunity_difference", "g2"].reason == "no row of g2 has a positive label"
    spread = found["equal_opportunity_spread", None]
    assert (spread.value, spread.reason, spread.left_out) == (0.0, None, ("g2",))


def test_values_are_finite_or_have_a_reason_and_survive_json():
    adapter = TypeAdapter(tuple[MetricValue, ...])
    for table in random_tables(40, seed=5):
        values = measure_groups(counts_of(table), reference=len(table) - 1)
        for value in values:
            assert (value.value is None) == (value.reason is not None)
            assert value.value is None or math.isfinite(value.value)
        assert adapter.validate_json(adapter.dump_json(values)) == values


@pytest.mark.parametrize(
    ("protected", "privileged", "reason"),
    [
        (0, 0, "the selection rate of g0 and of g1 is 0, and nothing can be divided by it"),
        (3, 0, "the selection rate of g1 is 0, and nothing can be divided by it"),
        (0, 3, None),
    ],
)
def test_a_ratio_over_nothing_has_a_reason(protected, privileged, reason):
    counts = counts_of([[[5, protected], [2, 0]], [[5, privileged], [2, 0]]])
    (impact,) = (v for v in measure_groups(counts, reference=1) if v.metric == "disparate_impact")
    assert impact.reason == reason
    assert impact.value == (None if reason else 0)


def test_one_group_has_no_disparity_and_no_spread():
    values = measure_groups(counts_of(TABLE[:1]), reference=0)
    spreads = [v for v in values if "_spread" in v.metric]
    assert len(spreads) == len(SPREADS)
    assert {v.value for v in spreads} == {None}
    assert spreads[0].reason == "fewer than two groups have a selection rate: there is no other group"
    assert not any(v.reference for v in values)


def test_one_class_against_the_rest():
    table = np.random.default_rng(0).integers(1, 9, (2, 3, 3))
    counts = counts_of(table, classes=("a", "b", "c"))
    binary = counts.one_versus_rest("b")
    found = {(v.metric, v.group): v.value for v in measure_groups(binary, reference=0)}
    assert found["selection_rate", "g1"] == table[1, :, 1].sum() / table[1].sum()
    assert found["true_positive_rate", "g1"] == table[1, 1, 1] / table[1, 1].sum()
    with pytest.raises(UsageError, match=r"found 3 classes \(a, b, c\)"):
        measure_groups(counts, reference=0)


def test_the_reference_has_to_be_a_group():
    with pytest.raises(UsageError, match="a place from 0 to 2, found 3"):
        measure_groups(counts_of(TABLE), reference=3)


def test_names_of_strangers_stand_on_one_line():
    counts = GroupCounts(("g",), (("a\n\x1b[31m",), ("b",)), ("0", "1"), np.array([[[1, 0], [0, 0]]] * 2))
    reasons = [value.reason for value in measure_groups(counts, reference=1) if value.reason]
    assert any(r"a\n\x1b[31m" in reason for reason in reasons)
    assert all(reason.isprintable() for reason in reasons)


def test_a_group_called_like_a_placeholder_is_not_filled_in():
    counts = GroupCounts(("g",), (("{group}",), ("{0}",)), ("0", "1"), np.array([[[1, 0], [0, 0]]] * 2))
    values = measure_groups(counts, reference=1)
    assert "no row of {0} has a positive label" in {value.reason for value in values}
