import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom
from selection_tables import BASELINE, selection_table

from trivet.errors import DataError, UsageError
from trivet.fairness.intervals import bootstrap as module
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.fairness.intervals.comparisons import ratio_interval
from trivet.fairness.metrics.comparisons import accuracy, disparate_impact


def first_share(counts):
    """Share of the first of two cells."""
    return counts[..., 0] / counts.sum(axis=-1)


def test_katz_agrees_with_the_bootstrap_on_adult():
    katz, found = ratio_interval(179, 4917, 1986, 9736), bootstrap_bounds(BASELINE, disparate_impact)
    assert found.value == katz.value
    assert (found.low, found.high) == pytest.approx((katz.low, katz.high), abs=0.003)


def test_the_bootstrap_is_the_same_for_the_same_seed():
    one, again = (bootstrap_bounds(BASELINE, disparate_impact, seed=3) for _ in range(2))
    other = bootstrap_bounds(BASELINE, disparate_impact, seed=4)
    assert one == again
    assert one != other


# A share drawn again is binomial; a quantile of R draws lies between two quantiles of the binomial
# whose places are quantiles of a beta distribution, with probability 1 - 2e-6 here.
@given(st.integers(1, 99), st.integers(0, 1000))
def test_a_share_has_the_quantiles_of_a_binomial(successes, seed):
    counts, replicates = np.array([successes, 100 - successes]), 4000
    found = bootstrap_bounds(counts, first_share, replicates=replicates, seed=seed)
    for end, place in ((found.low, 0.025), (found.high, 0.975)):
        rank = round(place * replicates)
        between = beta.ppf([1e-6, 1 - 1e-6], rank, replicates + 1 - rank)
        low, high = binom.ppf(between, 100, successes / 100) / 100
        assert low <= end <= high


def test_any_number_of_groups_and_classes_can_be_drawn():
    counts = np.random.default_rng(0).integers(0, 40, (7, 3, 3))

    def correct(drawn):
        return np.trace(drawn, axis1=-2, axis2=-1).sum(axis=-1) / drawn.sum(axis=(-3, -2, -1))

    found = bootstrap_bounds(counts, correct)
    collapsed = np.array([np.trace(counts, axis1=1, axis2=2).sum(), 0])
    collapsed[1] = counts.sum() - collapsed[0]
    share = bootstrap_bounds(collapsed, first_share)
    assert found.value == share.value
    assert (found.low, found.high) == pytest.approx((share.low, share.high), abs=0.005)


def test_drawing_in_parts_is_the_same_as_drawing_at_once(monkeypatch):
    whole = bootstrap_bounds(BASELINE, accuracy, replicates=1001)
    monkeypatch.setattr(module, "CHUNK", 100 * BASELINE.size)
    assert bootstrap_bounds(BASELINE, accuracy, replicates=1001) == whole


def test_a_figure_that_no_draw_moves_has_itself_for_bounds_and_a_reason():
    counts = selection_table((30, 30), (40, 40))
    found = bootstrap_bounds(counts, disparate_impact)
    assert (found.low, found.value, found.high) == (1, 1, 1)
    # Here it could: it is only these rows of which all are selected.
    assert found.reason == "no draw has another figure, so that these rows say nothing of its error"


def test_infinite_draws_leave_the_upper_end_open():
    found = bootstrap_bounds(selection_table((5, 10), (1, 10)), disparate_impact)
    assert found.low == pytest.approx(1, abs=0.5)
    assert found.high is None
    never = (1 - 1 / 20) ** 20
    share = float(found.reason.split("%")[0]) / 100
    assert share == pytest.approx(never, abs=0.02)
    assert found.reason.endswith("of the draws have no finite figure")


def test_undefined_draws_count_against_both_ends_and_are_stated():
    # A group of six rows among 2,000 is missing from 0.25 % of the draws.
    found = bootstrap_bounds(selection_table((3, 6), (997, 1994)), disparate_impact)
    clean = bootstrap_bounds(selection_table((3, 6), (997, 1994)), disparate_impact, level=0.945)
    assert found.reason.endswith("of the draws are undefined and count against both ends")
    assert float(found.reason.split("%")[0]) == pytest.approx(100 * (1 - 6 / 2000) ** 2000, abs=0.2)
    assert found.low <= clean.low <= clean.high <= found.high


def test_a_figure_that_is_undefined_has_no_bounds():
    found = bootstrap_bounds(selection_table((5, 10), (0, 10)), disparate_impact)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "the figure of the counts themselves is not a finite number"


def test_there_is_something_to_draw():
    with pytest.raises(DataError, match="draws from rows, found none"):
        bootstrap_bounds(np.zeros((2, 2, 2), dtype=np.int64), accuracy)
    with pytest.raises(UsageError, match="replicates is 0; expected 1 or more"):
        bootstrap_bounds(BASELINE, accuracy, replicates=0)
    with pytest.raises(UsageError, match=r"level is 1\.5; expected above 0"):
        bootstrap_bounds(BASELINE, accuracy, level=1.5)
