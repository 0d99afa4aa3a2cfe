import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from trivet.errors import DataError, UsageError
from trivet.fairness.intervals.shares import holm, simultaneous_level

p_value_lists = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def step_down(p_values, alpha):
    """Whether each is rejected: Holm's procedure as he states it."""
    rejected = [False] * len(p_values)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] > alpha / (len(p_values) - step):
            break
        rejected[place] = True
    return rejected


def test_holm_adjusts_as_worked_out_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(p_value_lists, st.floats(0.001, 0.5))
def test_adjusted_values_reject_what_the_procedure_rejects(p_values, alpha):
    adjusted = holm(p_values)
    near = any(abs(p - alpha) < 1e-9 for p in adjusted)
    assert near or [p <= alpha for p in adjusted] == step_down(p_values, alpha)


@given(p_value_lists)
def test_holm_lies_between_the_false_discovery_rate_and_bonferroni(p_values):
    for adjusted, alone, rate in zip(
        holm(p_values), p_values, false_discovery_control(p_values), strict=True
    ):
        assert rate - 1e-12 <= adjusted <= min(1, len(p_values) * alone) + 1e-12


def test_what_was_not_tested_does_not_count():
    assert holm([None, 0.02, None, 0.03]) == pytest.approx((None, 0.04, None, 0.04))
    assert holm([None]) == (None,)
    assert holm([]) == ()


@given(st.floats(0.5, 0.999), st.integers(1, 1000))
def test_intervals_err_together_at_most_as_often_as_the_level_says(level, comparisons):
    assert comparisons * (1 - simultaneous_level(level, comparisons)) == pytest.approx(1 - level)


def test_values_outside_their_range_are_refused():
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(DataError, match=f"found {wrong}"):
            holm([0.5, wrong])
    with pytest.raises(UsageError, match="comparisons is 0; expected 1 or more"):
        simultaneous_level(0.95, 0)
    with pytest.raises(UsageError, match=r"level is 1\.0; expected above 0 and below 1"):
        simultaneous_level(1.0, 3)
