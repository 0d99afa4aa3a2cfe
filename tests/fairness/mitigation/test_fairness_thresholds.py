import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import DataError, UsageError
from trivet.fairness import (
    Thresholds,
    accuracy,
    apply_thresholds,
    binary_counts,
    disparate_impact,
    exact_thresholds,
    within_band,
)


def random_case(rng, levels):
    """Labels, scores with many ties, and groups, of 2 to 40 rows of both groups."""
    rows = int(rng.integers(2, 41))
    groups = rng.permutation(np.concatenate([[0, 1], rng.integers(0, 2, rows - 2)]))
    scores = rng.integers(0, levels, rows) / levels
    labels = (rng.random(rows) < 0.15 + 0.5 * scores + 0.2 * groups).astype(int)
    return labels, scores, groups


def brute_force(labels, scores, groups, band):
    """Most correct rows over all pairs of cuts whose exact ratio of rates lies in [band, 1/band]."""
    cuts = []
    for group in (0, 1):
        own, truth = scores[groups == group], labels[groups == group]
        chosen = [own >= cut for cut in [*np.unique(own), np.inf]]
        cuts.append([(int(c.sum()), int((c == truth).sum())) for c in chosen])
    rows = [int((groups == group).sum()) for group in (0, 1)]
    best = -1
    for protected, right0 in cuts[0]:
        for privileged, right1 in cuts[1]:
            rates = Fraction(protected, rows[0]), Fraction(privileged, rows[1])
            if band * rates[1] <= rates[0] <= rates[1] / band:
                best = max(best, right0 + right1)
    return best


@pytest.mark.parametrize("band", [Fraction(4, 5), Fraction(1), Fraction(1, 2), Fraction(19, 20)])
@pytest.mark.parametrize("levels", [3, 10, 1000])
def test_equals_brute_force(band, levels):
    rng = np.random.default_rng(levels)
    for _ in range(60):
        labels, scores, groups = random_case(rng, levels)
        thresholds = exact_thresholds(labels, scores, groups, four_fifths=float(band))
        table = binary_counts(labels, apply_thresholds(scores, groups, thresholds), groups)
        assert table[:, [0, 1], [0, 1]].sum() == brute_force(labels, scores, groups, band)
        nobody = table[:, :, 1].sum() == 0  # within every band, while there is no ratio
        assert nobody or within_band(disparate_impact(table), four_fifths=float(band))


@given(st.integers(0, 10_000), st.floats(0.1, 1.0))
def test_a_narrower_band_never_helps_accuracy(seed, band):
    labels, scores, groups = random_case(np.random.default_rng(seed), 6)
    accuracies = [
        accuracy(binary_counts(labels, apply_thresholds(scores, groups, found), groups))
        for found in (
            exact_thresholds(labels, scores, groups, four_fifths=band / 2),
            exact_thresholds(labels, scores, groups, four_fifths=band),
        )
    ]
    assert accuracies[0] >= accuracies[1]


def test_perfect_scores_of_alike_groups_are_cut_between_the_labels():
    columns = [0, 0, 1, 1] * 2, [0.1, 0.25, 0.75, 0.9] * 2, [0] * 4 + [1] * 4
    assert exact_thresholds(*columns) == Thresholds(protected=0.5, privileged=0.5)
    assert exact_thresholds(*columns, cut_at="scores") == Thresholds(protected=0.75, privileged=0.75)


@pytest.mark.parametrize("band", [0.5, 0.8, 1])
def test_cuts_on_scores_select_the_same_rows(band):
    rng = np.random.default_rng(3)
    for _ in range(60):
        labels, scores, groups = random_case(rng, 10)
        selected = [
            apply_thresholds(
                scores, groups, exact_thresholds(labels, scores, groups, four_fifths=band, cut_at=place)
            ).tolist()
            for place in ("between", "scores")
        ]
        assert selected[0] == selected[1]


@pytest.mark.parametrize(("kind", "bits"), [(np.float64, 2.0**-40), (np.float32, 2.0**-19)])
@pytest.mark.parametrize("centre", [0, 0.3, 40])
def test_last_bits_of_a_score_neither_part_people_nor_move_them_over_a_cut(kind, bits, centre):
    rng = np.random.default_rng(0)
    rows = 600
    groups = rng.integers(0, 2, rows)
    clean = centre + rng.integers(-4, 5, rows) / 8
    labels = (rng.random(rows) < 0.5 + 0.6 * (clean - centre)).astype(int)
    expected = exact_thresholds(labels, clean, groups)
    again, other = (
        (clean * (1 + bits * rng.uniform(-1, 1, rows)) + 1e-16 * rng.uniform(-1, 1, rows)).astype(kind)
        for _ in range(2)
    )
    found = exact_thresholds(labels, again, groups)
    wanted = apply_thresholds(clean, groups, expected)
    assert 0 < wanted.sum() < rows
    assert len(np.unique(again)) > len(np.unique(clean))
    for scores in (again, other, clean):
        np.testing.assert_array_equal(apply_thresholds(scores, groups, found), wanted)


def ranked(positives, rows):
    """Labels and scores of one group whose positives have the highest scores."""
    return [1] * positives + [0] * (rows - positives), list(np.linspace(1, 0.5, rows))


# Ratios of exactly 4/5 and 5/4 whose products in floating point fall on the wrong side of the bound.
@pytest.mark.parametrize(
    ("protected", "privileged"),
    [((12, 15), (29, 29)), ((11, 22), (25, 40)), ((1, 2), (14, 35)), ((3, 3), (4, 5))],
)
def test_rounding_does_not_decide_the_ends_of_the_band(protected, privileged):
    (labels0, scores0), (labels1, scores1) = ranked(*protected), ranked(*privileged)
    labels, groups = labels0 + labels1, [0] * len(labels0) + [1] * len(labels1)
    found = exact_thresholds(labels, scores0 + scores1, groups)
    assert apply_thresholds(scores0 + scores1, groups, found).tolist() == labels


# Four or six of the protected rows leave one wrong, and both are in the band around five in ten; where
# the fifth and the sixth score are equal no cut lies between them.
@pytest.mark.parametrize("sixth", [0.5, 0.6])
def test_the_fewest_are_selected_among_equally_accurate_cuts(sixth):
    protected, privileged = [1, 1, 1, 1, 0, 1, 0, 0, 0, 0], [1] * 5 + [0] * 5
    scores, groups = np.tile(np.linspace(1, 0.1, 10), 2), np.repeat([0, 1], 10)
    scores[4], scores[5] = 0.6, sixth
    found = exact_thresholds(protected + privileged, scores, groups)
    assert apply_thresholds(scores, groups, found).reshape(2, 10).sum(axis=1).tolist() == [4, 5]


def test_nobody_is_selected_where_everybody_is_negative():
    scores, groups = np.array([0.2, 0.4, 0.3, 1.0]), [0, 0, 1, 1]
    found = exact_thresholds([0, 0, 0, 0], scores, groups)
    assert found == Thresholds(protected=np.inf, privileged=np.inf)
    assert apply_thresholds(scores, groups, found).sum() == 0
    # What is printed and kept has to be finite.
    on_scores = exact_thresholds([0, 0, 0, 0], scores, groups, cut_at="scores")
    assert on_scores.protected == np.nextafter(0.4, 1)
    assert apply_thresholds(scores, groups, on_scores).sum() == 0


def test_everybody_is_selected_where_everybody_is_positive():
    found = exact_thresholds([1, 1, 1, 1], [0.2, 0.4, 0.3, 1.0], [0, 0, 1, 1])
    assert found == Thresholds(protected=-np.inf, privileged=-np.inf)


def test_a_place_for_cuts_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match='"between" or "scores", found \'below\''):
        exact_thresholds([0, 1], [0.2, 0.4], [0, 1], cut_at="below")


def test_a_score_at_the_threshold_is_selected():
    assert apply_thresholds([0.5, 0.5, 0.4], [0, 1, 1], Thresholds(0.5, 0.6)).tolist() == [1, 0, 0]


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(5)
    labels, scores, groups = random_case(rng, 7)
    order = rng.permutation(len(labels))
    assert exact_thresholds(labels, scores, groups) == exact_thresholds(
        labels[order], scores[order], groups[order]
    )


def test_three_hundred_thousand_rows_take_well_under_a_second():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 300_000)
    scores = np.clip(rng.normal(0.3 + 0.1 * groups, 0.2), 0, 1)
    labels = (rng.random(300_000) < scores).astype(int)
    start = time.process_time()
    thresholds = exact_thresholds(labels, scores, groups)
    assert time.process_time() - start < 1
    table = binary_counts(labels, apply_thresholds(scores, groups, thresholds), groups)
    assert within_band(disparate_impact(table))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [0.1, 0.2], [1, 1]), "no row of the protected"),
        (([0, 1], [0.1, np.nan], [0, 1]), "scores should hold finite numbers"),
        (([0, 1], [0.1], [0, 1]), "lengths y_true 2, scores 1, sensitive 2"),
        (([0, 3], [0.1, 0.2], [0, 1]), "y_true should hold 0 and 1 only"),
    ],
)
def test_unusable_input_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        exact_thresholds(*columns)
