import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.fairness.auditing.band import frontier, parity
from trivet.fairness.auditing.fitting import KEPT, subsample, training_spread
from trivet.fairness.auditing.predictions import LAW


def test_the_first_training_has_all_rows_and_others_a_share_drawn_anew():
    assert subsample(1000, seed=0, repeat=0).tolist() == list(range(1000))
    one, other = subsample(1000, seed=0, repeat=1), subsample(1000, seed=0, repeat=2)
    assert len(set(one.tolist())) == len(one) == 1000 * KEPT
    assert set(one) != set(other)
    np.testing.assert_array_equal(one, subsample(1000, seed=0, repeat=1))


def test_the_jackknife_finds_the_variance_of_a_mean():
    # The variance of a mean of n rows is s^2 / n, and the delete-d jackknife has to find it.
    rows = np.random.default_rng(0).normal(size=400)
    values = [float(rows[subsample(400, seed=1, repeat=i)].mean()) for i in range(1, 4001)]
    found = training_spread(float(rows.mean()), values, level=0.95, lowest=-9, highest=9)
    assert found.deviation == pytest.approx(rows.std(ddof=1) / 20, rel=0.03)


@pytest.mark.parametrize(("estimate", "values"), [(0.5, [0.4]), (0.5, [None, 0.4]), (None, [0.4, 0.5])])
def test_one_value_has_no_spread(estimate, values):
    found = training_spread(estimate, values, level=0.95, lowest=0, highest=1)
    assert (found.deviation, found.low, found.high) == (None, None, None)


def test_equal_repeats_are_no_certainty():
    found = training_spread(0.5, [0.5, 0.5], level=0.95, lowest=0, highest=1)
    assert (found.deviation, found.low, found.high) == (None, None, None)
    assert found.values == (0.5, 0.5)
    assert found.reason.startswith("all 2 repeats gave the same")


def test_the_interval_ends_where_the_figure_does():
    found = training_spread(0.9, [0.2, 0.9], level=0.95, lowest=0, highest=1)
    assert (found.low, found.high) == (0, 1)


models = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2), st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1
)


@given(models)
def test_the_frontier_is_what_nothing_dominates(placed):
    best = frontier(placed)
    for name, own in placed.items():
        beaten = any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in placed.values())
        assert (name in best) is not beaten
    assert best


@pytest.mark.parametrize(("impact", "expected"), [(0.8, 0.8), (1.25, 0.8), (1, 1), (0, 0)])
def test_parity_has_no_direction(impact, expected):
    assert parity(impact) == pytest.approx(expected)


def test_each_law_is_one_line_with_its_source_and_no_advice():
    for line in LAW:
        assert "\n" not in line
        assert "). " in f"{line} "
        assert not any(word in line.lower() for word in ("should", "must", "recommend", "advise"))
