import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.security.detection import detect_published, log_scores, modified_z, tail_probability

PUBLISHED = [135.8, 74.4, 96.8, 74.3, 9.8, 107.8, 164.0, 83.4, 178.7, 145.0]
NORMS = st.lists(st.floats(1, 500), min_size=3, max_size=20)


def test_modified_z_is_the_equation():
    # median 102.3, deviations' median 30.75
    assert modified_z(PUBLISHED)[4] == pytest.approx(0.6745 * (9.8 - 102.3) / 30.75)


def test_the_published_norms_never_reach_the_published_bound():
    found = detect_published(PUBLISHED, kappa=3.5)
    assert (found.label, found.outlier) == (4, False)


def test_the_published_rule_prefers_the_outlier_and_falls_back_on_the_smallest():
    assert detect_published([100, 101, 99, 100, 1, 102]).outlier
    assert detect_published([100, 101, 99, 100, 1, 102]).label == 4
    assert detect_published([5, 5, 5, 4]).label == 3


@pytest.mark.parametrize("norms", [[7, 7, 7, 7], [7, 7, 7, 1], [3]])
def test_no_spread_gives_no_scores(norms):
    assert modified_z(norms).tolist() == [0] * len(norms)
    assert log_scores(norms) is None


def test_two_labels_are_equally_far_from_their_median():
    np.testing.assert_allclose(modified_z([2, 9]), [-0.6745, 0.6745])
    assert log_scores([2, 9]) is None


@given(NORMS, st.floats(0.01, 100))
def test_log_scores_do_not_depend_on_the_unit(norms, factor):
    scores, scaled = log_scores(norms), log_scores(np.asarray(norms) * factor)
    assert (scores is None) == (scaled is None) or np.ptp(norms) < 1e-9
    if scores is not None and scaled is not None and np.abs(scores).max() < 1e6:
        np.testing.assert_allclose(scaled, scores, rtol=1e-4, atol=1e-4)


def test_the_null_depends_on_the_number_of_labels():
    # A lowest score of -2 is no news: one clean model of three at 10 labels, most at 100.
    assert tail_probability(-2.0, 10) == pytest.approx(0.33, abs=0.01)
    assert tail_probability(-2.0, 43) == pytest.approx(0.64, abs=0.01)
    assert tail_probability(-2.0, 100) == pytest.approx(0.87, abs=0.01)
    # The bounds for a family-wise 5 %.
    assert tail_probability(-3.84, 10) == pytest.approx(0.05, abs=0.005)
    assert tail_probability(-3.51, 43) == pytest.approx(0.05, abs=0.005)
    assert tail_probability(-3.51, 100) == pytest.approx(0.05, abs=0.005)


def test_the_p_value_agrees_with_a_fresh_simulation():
    rng = np.random.default_rng(7)
    draws = np.exp(rng.normal(4, 0.3, size=(4_000, 10)))
    p = np.array([tail_probability(float(log_scores(row).min()), 10) for row in draws])
    # Under the null p-values are uniform: each share has a standard error of at most 0.008.
    for level in (0.01, 0.05, 0.25, 0.5, 0.9):
        assert (p <= level).mean() == pytest.approx(level, abs=0.03)
