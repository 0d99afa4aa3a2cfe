import math
import re
from fractions import Fraction

import numpy as np
import pytest
from pydantic import TypeAdapter
from rows_of_counts import random_tables, rows_of

from trivet.errors import UsageError
from trivet.fairness import GroupCounts
from trivet.fairness.metrics.comparisons import DISPARITIES, SPREADS, Disparity, Spread
from trivet.fairness.metrics.group_rates import GROUP_METRICS, GroupMean, GroupRate
from trivet.fairness.metrics.inequality import INEQUALITIES
from trivet.fairness.metrics.measure import METRICS, measure_groups, metrics_markdown
from trivet.fairness.metrics.results import MetricValue

NAMES = ("A", "B", "C", "D", "E", "F")

#: Rows counted and rows among which, as textbooks name the outcomes.
SHARES = {
    "selection_rate": ("TP FP", "TP FP FN TN"),
    "base_rate": ("TP FN", "TP FP FN TN"),
    "true_positive_rate": ("TP", "TP FN"),
    "false_positive_rate": ("FP", "FP TN"),
    "true_negative_rate": ("TN", "FP TN"),
    "false_negative_rate": ("FN", "TP FN"),
    "positive_predictive_value": ("TP", "TP FP"),
    "negative_predictive_value": ("TN", "TN FN"),
    "false_discovery_rate": ("FP", "TP FP"),
    "false_omission_rate": ("FN", "TN FN"),
    "accuracy": ("TP TN", "TP FP FN TN"),
    "error_rate": ("FP FN", "TP FP FN TN"),
}


def outcome(label, prediction):
    return ("T" if label == prediction else "F") + ("P" if prediction else "N")


def rate_of_rows(name, rows):
    """One rate of (label, prediction) pairs as a fraction; None for a share of no rows."""
    if name == "balanced_accuracy":
        rates = [rate_of_rows(part, rows) for part in ("true_positive_rate", "true_negative_rate")]
        return None if None in rates else sum(rates) / 2
    if name == "f1":
        precision, recall = (
            rate_of_rows(n, rows) for n in ("positive_predictive_value", "true_positive_rate")
        )
        if precision is None and recall is None:
            return None
        return 2 * precision * recall / (precision + recall) if precision and recall else Fraction(0)
    counted, among = SHARES[name]
    outcomes = [outcome(*row) for row in rows]
    pool = [found for found in outcomes if found in among.split()]
    return Fraction(sum(found in counted.split() for found in pool), len(pool)) if pool else None


#: Which rates a comparison takes, and what of them.
DIFFERENCES = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "predictive_equality": ("false_positive_rate",),
    "predictive_parity": ("positive_predictive_value",),
    "accuracy": ("accuracy",),
    "error_rate": ("error_rate",),
    "balanced_accuracy": ("balanced_accuracy",),
    "f1": ("f1",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "average_odds": ("true_positive_rate", "false_positive_rate"),
    "average_absolute_odds": ("true_positive_rate", "false_positive_rate"),
    "average_predictive_value": ("positive_predictive_value", "false_omission_rate"),
}


def disparity_of_rows(name, protected, privileged):
    """One disparity of two lists of rows; None where a rate is missing or would be divided by 0."""
    if name == "disparate_impact":
        name = "demographic_parity_ratio"
    stem, kind = name.rsplit("_", 1)
    pairs = [(rate_of_rows(r, protected), rate_of_rows(r, privileged)) for r in DIFFERENCES[stem]]
    if any(None in pair for pair in pairs):
        return None
    if kind == "difference":
        signed = [b - a for a, b in pairs]
        if stem == "equalized_odds":
            return max(map(abs, signed))
        absolute = stem == "average_absolute_odds"
        return sum(map(abs, signed) if absolute else signed) / len(signed)
    if stem in {"equalized_odds", "average_odds"}:
        pairs = [(min(pair), max(pair)) for pair in pairs]
    if any(b == 0 for _, b in pairs):
        return None
    ratios = [a / b for a, b in pairs]
    return min(ratios) if stem == "equalized_odds" else sum(ratios) / len(ratios)


def spread_of_rows(name, groups):
    """One spread over lists of rows, without the groups that lack the rate."""
    stem, kind = re.fullmatch(r"(.*)_spread(_ratio|_to_overall|)", name).groups()
    pieces = []
    for rate in DIFFERENCES[stem]:
        rates = [found for rows in groups if (found := rate_of_rows(rate, rows)) is not None]
        if len(rates) < 2 or (kind == "_ratio" and max(rates) == 0):
            return None
        overall = rate_of_rows(rate, [row for rows in groups for row in rows])
        pieces.append(
            min(rates) / max(rates)
            if kind == "_ratio"
            else max(abs(r - overall) for r in rates)
            if kind == "_to_overall"
            else max(rates) - min(rates)
        )
    if stem == "average_odds":
        return sum(pieces) / 2
    return min(pieces) if kind == "_ratio" else max(pieces)


def inequality_of_rows(name, groups):
    """One entropy of the benefits of lists of rows."""
    benefits = [[p - y + 1 for y, p in rows] for rows in groups]
    if name.startswith("between_group"):
        benefits = [[sum(own) / len(own)] * len(own) for own in benefits]
    every = np.array([benefit for own in benefits for benefit in own], dtype=float)
    if not every.any():
        return None
    relative = every / every.mean()
    if name.endswith("theil_index"):
        return np.mean([x * math.log(x) if x else 0 for x in relative])
    return np.mean(relative**2 - 1) / 2


def of_table(metric, table):
    """The metric by brute force over rows, and what the specification gives and says."""
    groups, labels, predictions = rows_of(table)
    rows = [
        list(zip(labels[groups == g].tolist(), predictions[groups == g].tolist(), strict=True))
        for g in range(len(table))
    ]
    if isinstance(metric, GroupRate | GroupMean):
        expected = [rate_of_rows(metric.name, own) for own in rows]
        reasons = [metric.reason(table, group, NAMES) for group in range(len(table))]
        return expected, metric(table).tolist(), reasons
    if isinstance(metric, Disparity):
        expected = disparity_of_rows(metric.name, *rows)
    elif isinstance(metric, Spread):
        expected = spread_of_rows(metric.name, rows)
    else:
        expected = inequality_of_rows(metric.name, rows)
    return [expected], [float(metric(table))], [metric.reason(table, NAMES[: len(table)])]


def groups_for(metric):
    return 2 if isinstance(metric, Disparity) else None


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_is_what_its_name_says_of_rows(metric):
    for table in random_tables(60, seed=1, groups=groups_for(metric)):
        for expected, found, reason in zip(*of_table(metric, table), strict=True):
            if expected is not None:
                assert reason is None
                assert found == pytest.approx(float(expected), abs=1e-12)
            else:
                # Rates that are 0 alike are no evidence of parity: 0/0 is no number.
                assert reason
                assert not math.isfinite(found)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_leading_axes_are_one_call(metric):
    tables = np.reshape(random_tables(6, seed=2, groups=2), (2, 3, 2, 2, 2))
    together = metric(tables)
    one_by_one = np.array([[metric(table) for table in row] for row in tables])
    np.testing.assert_array_equal(together, one_by_one)
    assert together.shape == ((2, 3, 2) if isinstance(metric, GroupRate | GroupMean) else (2, 3))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_no_rows_at_all_are_undefined_and_said_so(metric):
    table = np.zeros((2, 2, 2), dtype=np.int64)
    if isinstance(metric, GroupRate | GroupMean):
        assert np.isnan(metric(table)).all()
        assert metric.reason(table, 1, NAMES) == "there is no row of B"
    else:
        assert np.isnan(metric(table))
        assert "there is no row" in metric.reason(table, NAMES[:2])


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_specification_is_complete(metric):
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert metric.title.lower().replace(" ", "_").replace("-", "_").startswith(metric.name[:5])
    assert metric.formula.count("{") == metric.formula.count("}")
    assert "|" not in metric.formula
    assert metric.undefined
    assert re.search(r"\d{4}|AI Fairness 360", metric.source)


def test_names_are_unique():
    assert len(METRICS) == len((*GROUP_METRICS, *DISPARITIES, *SPREADS, *INEQUALITIES))


def test_equal_weights_in_numerator_and_denominator_are_a_share():
    shares = {m.name for m in METRICS.values() if isinstance(m, GroupRate) and m.is_share}
    assert shares == set(SHARES)


def test_fractions_are_the_rows_counted():
    for table in random_tables(20, seed=3):
        for metric in METRICS.values():
            if isinstance(metric, GroupRate):
                numerator, denominator = metric.fractions(table)
                found = metric(table)
                defined = denominator > 0
                np.testing.assert_array_equal(found[defined], numerator[defined] / denominator[defined])
                assert np.isnan(found[~defined]).all()


def test_overall_is_the_rate_of_all_rows():
    for table in random_tables(20, seed=4):
        for metric in METRICS.values():
            if isinstance(metric, GroupRate | GroupMean):
                np.testing.assert_array_equal(
                    metric.overall(table), metric(table.sum(axis=0, keepdims=True))[0]
                )


def test_the_reference_table_has_every_metric_in_order():
    text = metrics_markdown()
    rows = re.findall(r"^\| `(\w+)` \|.*$", text, flags=re.MULTILINE)
    assert rows == list(METRICS)
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert "{group}" not in text


def counts_of(table, *, classes=("no", "yes")):
    return GroupCounts(("group",), tuple((f"g{i}",) for i in range(len(table))), classes, np.array(table))


TABLE = [[[5, 1], [1, 3]], [[8, 4], [2, 6]], [[3, 0], [0, 0]]]


def test_every_metric_of_a_table():
    values = measure_groups(counts_of(TABLE), reference=1)
    per_metric = [
        3 if isinstance(m, GroupRate | GroupMean) else 2 if isinstance(m, Disparity) else 1
        for m in METRICS.values()
    ]
    names = [name for name, number in zip(METRICS, per_metric, strict=True) for _ in range(number)]
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
