import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.errors import DataError, UsageError
from trivet.fairness import (
    binary_counts,
    demographic_parity_difference,
)
from trivet.fairness.explain.classes import decompose_counts, kitagawa
from trivet.fairness.explain.results import Decomposition
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.fairness.intervals.comparisons import difference_interval
from trivet.fairness.metrics.comparisons import group_sizes, selected

COUNTS = np.array([[[90, 60], [40, 10]], [[88, 12], [41, 59]]])


@pytest.fixture(scope="module")
def on_the_study(study_model):
    counts = binary_counts(study_model.test.labels, study_model.predictions, study_model.test.sensitive)
    return counts, decompose_counts(counts, group="Female", reference="Male")


def test_parts_sum_to_the_whole_on_the_study(on_the_study):
    counts, found = on_the_study
    assert found.whole.value == pytest.approx(demographic_parity_difference(counts), abs=1e-15)
    assert sum(part.value for part in found.parts) == pytest.approx(found.whole.value, abs=1e-12)
    assert sum(part.share for part in found.parts) == pytest.approx(1, abs=1e-12)
    assert found.rows == counts.sum()


def test_parts_are_those_of_kitagawa_with_the_positive_class_first(on_the_study):
    counts, found = on_the_study
    base, negatives, positives = kitagawa(counts).tolist()
    assert {part.name: part.value for part in found.parts} == {
        "base rates": base,
        "selection among positives": positives,
        "selection among negatives": negatives,
    }
    assert [part.name for part in found.parts][:2] == ["base rates", "selection among positives"]
    assert [part.kind for part in found.parts] == ["base rates", "selection", "selection"]


def test_intervals_are_those_of_the_audit(on_the_study):
    counts, found = on_the_study
    (x0, x1), (n0, n1) = selected(counts).tolist(), group_sizes(counts).tolist()
    whole = difference_interval(x0, n0, x1, n1)
    assert (found.whole.low, found.whole.high) == (whole.low, whole.high)
    for part, place in zip(found.parts, (0, 2, 1), strict=True):
        expected = bootstrap_bounds(counts, lambda drawn, place=place: kitagawa(drawn)[..., place])
        assert (part.low, part.high) == (expected.low, expected.high)


# A thousand tables of 600 rows; 2 % is 2.9 standard deviations of a share of 95 % among them.
@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = np.array([[[0.25, 0.05], [0.06, 0.09]], [[0.15, 0.10], [0.05, 0.25]]])
    rng = np.random.default_rng(0)
    held = np.zeros((1000, 4), dtype=bool)
    expected = [demographic_parity_difference(truth), *kitagawa(truth)[[0, 2, 1]]]
    for i, drawn in enumerate(rng.multinomial(600, truth.ravel(), size=1000)):
        found = decompose_counts(drawn.reshape(2, 2, 2), replicates=1000, seed=i)
        parts = (found.whole, *found.parts)
        held[i] = [part.low <= value <= part.high for part, value in zip(parts, expected, strict=True)]
    assert held.mean(axis=0).tolist() == pytest.approx([0.95] * 4, abs=0.02)


def test_statement_says_the_numbers():
    found = decompose_counts(COUNTS, group="B", reference="A")
    assert found.statement.startswith(
        "Of the 0.5 points by which A is selected more often than B (which these rows cannot tell from 0), "
        "3.4 come from different base rates, 14.6 from different selection among positives and -17.5 from "
        "different selection among negatives."
    )
    assert found.limits.endswith("No part is a judgement.")


def test_statement_turns_with_the_direction():
    counts = np.array([[[400, 100], [50, 450]], [[400, 100], [50, 150]]])
    found = decompose_counts(counts, group="B", reference="A")
    assert found.whole.value < 0 < found.parts[0].share
    assert found.statement.startswith(
        "Of the difference of -19.3 points, the selection rate of A less that of B, -13.4 come from "
        "different base rates, -5.9 from different selection among positives and 0.0 from different "
        "selection among negatives."
    )


def test_shares_say_nothing_where_there_may_be_no_difference():
    found = decompose_counts(COUNTS)
    assert found.whole.low < 0 < found.whole.high
    assert [part.share for part in (found.whole, *found.parts)] == [None] * 4


def test_a_class_that_one_group_lacks_leaves_the_whole_and_a_reason():
    found = decompose_counts(np.array([[[30, 10], [0, 0]], [[20, 20], [5, 5]]]), group="B\n", reference="A")
    assert found.whole.value == pytest.approx(0.25)
    assert [part.value for part in found.parts[:2]] == [None, None]
    assert found.parts[0].reason == "B\\n has no positives, so a selection rate is unknown."
    assert found.parts[2].value is not None
    assert found.statement == (
        "How the difference divides by true class is unknown: B\\n has no positives, so a selection rate is "
        "unknown."
    )


def test_a_group_without_rows_leaves_nothing():
    found = decompose_counts(np.array([[[0, 0], [0, 0]], [[20, 20], [5, 5]]]), group="B")
    assert {part.value for part in (found.whole, *found.parts)} == {None}
    assert found.reason == "B has no row."


def test_a_class_of_few_rows_gets_no_interval():
    found = decompose_counts(np.array([[[30, 10], [1, 1]], [[20, 20], [5, 5]]]))
    assert found.parts[0].value is not None
    assert found.parts[0].low is found.parts[0].high is None
    assert found.parts[0].reason.startswith("too few rows for an interval")


def test_a_rate_that_no_draw_can_change_gets_no_interval():
    found = decompose_counts(np.array([[[30, 0], [5, 15]], [[20, 0], [5, 35]]]))
    assert found.whole.low < found.whole.high
    negatives = found.parts[2]
    assert (negatives.value, negatives.low, negatives.high) == (0, None, None)
    assert "no draw differs" in negatives.reason


@pytest.mark.parametrize("counts", [COUNTS, COUNTS * [[[1]], [[0]]], COUNTS * [[[1], [0]], [[1], [1]]]])
def test_results_survive_json(counts):
    adapter = TypeAdapter(Decomposition)
    found = decompose_counts(counts)
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("counts", "settings", "error", "message"),
    [
        (COUNTS[None], {}, DataError, r"found shape \(1, 2, 2, 2\)"),
        (COUNTS * 0, {}, DataError, "and 0 rows"),
        (np.ones((2, 3, 2), dtype=np.int64), {}, DataError, r"shape \(2, 2, 2\) .*, found shape \(2, 3, 2\)"),
        (COUNTS, {"level": 1.0}, UsageError, "level"),
        (COUNTS, {"replicates": 0}, UsageError, "replicates is 0; expected 1 or more"),
    ],
)
def test_unusable_input_is_refused(counts, settings, error, message):
    with pytest.raises(error, match=message):
        decompose_counts(counts, **settings)
