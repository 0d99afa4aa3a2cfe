"""Noise in counts against closed forms: its size, what it does to a ratio, and to a verdict."""

import math

import numpy as np
import pytest

from trivet.effects.noise import CountedPair, impact_changes, impact_of, noisy_impacts

LARGE = np.array([[[60_000, 5_000], [10_000, 5_000]], [[40_000, 10_000], [20_000, 30_000]]])
SMALL = np.array([[[90, 4], [20, 6]], [[4_000, 500], [1_500, 2_000]]])


def changes(counts, *, epsilon, draws=2_000, seed=0, four_fifths=0.8, **weights):
    return impact_changes(
        CountedPair("a", "b", counts, **weights),
        epsilon=epsilon,
        draws=draws,
        four_fifths=four_fifths,
        level=0.95,
        samples=np.random.default_rng([seed, 0]),
        noise=np.random.default_rng([seed, 1]),
    )


def test_the_ratio_is_that_of_selection_rates():
    assert impact_of(LARGE) == pytest.approx((10_000 / 80_000) / (40_000 / 100_000))
    assert np.isnan(impact_of(np.array([[[1, 1], [1, 1]], [[5, 0], [5, -3]]])))
    assert np.isnan(impact_of(np.array([[[-1, 0], [0, -2]], [[5, 1], [5, 3]]])))


def test_noise_moves_the_logarithm_of_the_ratio_as_the_delta_method_says():
    epsilon = 0.05
    decay = math.exp(-epsilon)
    variance = 2 * decay / (1 - decay) ** 2  # of one count's discrete Laplace noise
    held = LARGE.sum(axis=1)
    expected = 0.0
    for unselected, selected in held:
        size = unselected + selected
        # d ln(x / n): two counts move x and n, two others n alone.
        expected += 2 * variance * (1 / selected - 1 / size) ** 2 + 2 * variance / size**2
    drawn = noisy_impacts(LARGE, epsilon=epsilon, draws=20_000, generator=np.random.default_rng(0))
    assert np.std(np.log(drawn)) == pytest.approx(math.sqrt(expected), rel=0.03)
    assert np.mean(np.log(drawn)) == pytest.approx(
        math.log(impact_of(LARGE)), abs=4 * math.sqrt(expected / 20_000)
    )


def test_the_chance_of_another_verdict_is_that_of_a_tail():
    """All privileged rows are selected and vastly many, so the ratio is the protected group's rate."""
    vast = 10**12
    counts = np.array([[[500, 503], [500, 500]], [[0, vast], [0, vast]]])
    epsilon = 0.5
    # In the band from a rate of one half: as long as the four noises take away no more than 3.
    found = changes(counts, epsilon=epsilon, draws=4_000, four_fifths=0.49988)
    decay = math.exp(-epsilon)
    steps = np.arange(-100, 101)
    one = (1 - decay) / (1 + decay) * decay ** np.abs(steps)
    four = np.convolve(np.convolve(one, one), np.convolve(one, one))
    expected = four[np.arange(-400, 401) <= -4].sum()
    assert found.verdict.low <= expected <= found.verdict.high
    assert 0.2 < expected < 0.3
    assert found.verdict.note == "The exact ratio lies inside the band."


def test_without_noise_to_speak_of_nothing_changes():
    found = changes(SMALL, epsilon=60.0)
    assert (found.impact.change, found.impact.low, found.impact.high) == (0.0, 0.0, 0.0)
    assert found.width.change == pytest.approx(0.0, abs=1e-12)
    assert (found.verdict.after, found.verdict.low) == (0.0, 0.0)
    assert 0 < found.verdict.high < 0.005


def test_more_noise_widens_the_interval_and_the_sampling_width_stays():
    found = [changes(SMALL, epsilon=epsilon) for epsilon in (1.0, 0.3, 0.1)]
    widths = [each.width for each in found]
    assert len({each.before for each in widths}) == 1
    assert widths[0].after < widths[1].after < widths[2].after
    assert widths[2].low > 0
    for each in widths:
        assert each.low <= each.change <= each.high


def test_sampling_alone_is_as_wide_as_katz_says():
    found = changes(LARGE // 100, epsilon=1.0, draws=8_000)
    (_, x0), (_, x1) = (LARGE // 100).sum(axis=1)
    n0, n1 = (LARGE // 100).sum(axis=(1, 2))
    reach = 1.96 * math.sqrt(1 / x0 - 1 / n0 + 1 / x1 - 1 / n1)
    exact = float(impact_of(LARGE))
    assert found.width.before == pytest.approx(exact * (math.exp(reach) - math.exp(-reach)), rel=0.05)


@pytest.mark.slow
def test_the_median_interval_covers_no_shift_as_often_as_it_says():
    held = sum(
        found.low <= 0 <= found.high
        for seed in range(80)
        for found in [changes(LARGE, epsilon=0.05, draws=201, seed=seed).impact]
    )
    assert held / 80 >= 0.9


def test_releases_without_a_ratio_are_counted_and_too_few_with_one_measure_nothing():
    tiny = np.array([[[3, 1], [1, 1]], [[3, 1], [1, 1]]])
    found = changes(tiny, epsilon=0.05, draws=1_000)
    assert "there is no ratio; they are left out" in found.impact.note
    assert found.verdict.after > 0
    none = changes(np.array([[[3, 1], [1, 1]], [[3, 0], [1, 0]]]), epsilon=1.0)
    assert none.impact.reason == none.verdict.reason == "the exact counts give no ratio"
    few = changes(tiny, epsilon=0.05, draws=60)
    assert "of 60 releases give a ratio" in few.impact.reason
    assert few.verdict.reason is None


def test_sums_of_weights_get_noise_of_the_scale_of_the_largest_weight():
    """Every row five times as heavy: the ratio and the noise in it are those of rows that count once."""
    plain = noisy_impacts(LARGE, epsilon=0.05, draws=20_000, generator=np.random.default_rng(0))
    heavy = noisy_impacts(
        5.0 * LARGE, epsilon=0.05, draws=20_000, generator=np.random.default_rng(0), heaviest=5.0
    )
    assert np.std(np.log(heavy)) == pytest.approx(np.std(np.log(plain)), rel=0.03)
    exact = changes(5.0 * LARGE, epsilon=0.05, heaviest=5.0, squares=25.0 * LARGE)
    assert exact.impact.before == pytest.approx(impact_of(LARGE))


def test_samples_of_weighted_rows_are_as_wide_as_linearisation_says():
    """Half of the rows weigh 1 and half 3, as Kish 1965: variances grow by the mean square of the weights."""
    rows = LARGE // 100
    sums, squares = 2.0 * rows, 5.0 * rows
    found = changes(sums, epsilon=1e6, draws=8_000, heaviest=3.0, squares=squares)
    (_, x0), (_, x1) = rows.sum(axis=1)
    n0, n1 = rows.sum(axis=(1, 2))
    reach = 1.96 * math.sqrt(5 / 4 * (1 / x0 - 1 / n0 + 1 / x1 - 1 / n1))
    exact = float(impact_of(LARGE))
    assert found.width.before == pytest.approx(exact * (math.exp(reach) - math.exp(-reach)), rel=0.05)
    clustered = changes(sums, epsilon=1.0, heaviest=3.0)
    assert "clusters" in clustered.width.reason
    assert clustered.impact.reason is None
