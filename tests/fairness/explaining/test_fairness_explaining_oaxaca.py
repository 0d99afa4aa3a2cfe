import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.fairness.explain.columns import oaxaca_blinder


def random_rows(seed, rows=200):
    """Two numbers, a column of four categories, groups that differ in all three, and 0 or 1 outcomes."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.arange(rows) % 3 == 0).astype(int)
    category = np.minimum(rng.integers(0, 4, rows) + groups * rng.integers(0, 2, rows), 3)
    numbers = rng.normal(size=(rows, 2)) + groups[:, None] * [0.5, -0.3]
    chance = 1 / (1 + np.exp(-(numbers[:, 0] - 0.5 * numbers[:, 1] + 0.4 * category + 0.3 * groups - 1)))
    return (rng.random(rows) < chance).astype(float), numbers, np.eye(4)[category], groups


def parts_by_name(found):
    return dict(zip(found.columns, found.values.tolist(), strict=True))


def with_errors(found):
    return {
        columns: (value, error)
        for columns, value, error in zip(
            found.columns, found.values.tolist(), found.errors.tolist(), strict=True
        )
    }


def same(found, expected, tolerance=1e-9):
    left, right = with_errors(found), with_errors(expected)
    assert left.keys() == right.keys()
    for columns, values in left.items():
        assert values == pytest.approx(right[columns], abs=tolerance)


@given(st.integers(0, 10_000))
def test_equals_least_squares_on_the_columns_and_the_group(seed):
    outcome, numbers, category, groups = random_rows(seed)
    features = np.hstack([numbers, category[:, 1:]])
    found = oaxaca_blinder(outcome, features, groups, ["a", "b", "c", "c", "c"])
    design = np.column_stack([np.ones(len(outcome)), features, groups])
    _, *own, of_group = np.linalg.lstsq(design, outcome)[0]
    gaps = features[groups == 1].mean(axis=0) - features[groups == 0].mean(axis=0)
    expected = [*(gaps * own)[:2], (gaps * own)[2:].sum(), of_group]
    assert found.values.tolist() == pytest.approx(expected, abs=1e-10)
    assert found.parameters == 7


@given(st.integers(0, 10_000))
def test_parts_sum_to_the_difference_of_means(seed):
    outcome, numbers, category, groups = random_rows(seed, rows=60)
    found = oaxaca_blinder(outcome, np.hstack([numbers, category]), groups, list("abcccc"))
    assert found.whole == pytest.approx(outcome[groups == 1].mean() - outcome[groups == 0].mean(), abs=1e-12)
    assert found.values.sum() == pytest.approx(found.whole, abs=1e-12)


def test_a_difference_that_one_column_makes_is_that_column():
    groups, column = np.repeat([0, 1], 10), np.repeat([0, 1, 0, 1], [8, 2, 3, 7])
    other = np.tile([0, 1], 10)
    found = oaxaca_blinder(column.astype(float), np.stack([column, other], axis=1), groups, ["a", "b"])
    assert found.values.tolist() == pytest.approx([0.5, 0, 0], abs=1e-12)


def test_a_difference_that_only_the_group_makes_is_unexplained():
    groups, column = np.repeat([0, 1], 10), np.repeat([0, 1, 0, 1], [8, 2, 3, 7])
    found = oaxaca_blinder(groups.astype(float), column[:, None], groups, ["a"])
    assert found.values.tolist() == pytest.approx([0, 1], abs=1e-12)
    assert found.columns == (("a",), ())


# A score that is linear in the columns and the group gives its own coefficients back.
def test_a_linear_score_is_taken_apart_exactly():
    _, numbers, category, groups = random_rows(0)
    score = numbers @ [0.2, -0.1] + category @ [0.0, 0.1, 0.4, 0.5] + 0.07 * groups
    found = oaxaca_blinder(score, np.hstack([numbers, category]), groups, list("abcccc"))
    gaps = [part[groups == 1].mean(axis=0) - part[groups == 0].mean(axis=0) for part in (numbers, category)]
    expected = [0.2 * gaps[0][0], -0.1 * gaps[0][1], gaps[1] @ [0.0, 0.1, 0.4, 0.5], 0.07]
    assert found.values.tolist() == pytest.approx(expected, abs=1e-12)
    assert found.errors[-1] == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_units_do_not_matter(seed, scale, shift):
    outcome, numbers, category, groups = random_rows(seed)
    moved = numbers * [scale, -1] + [shift * scale, 0]
    names = list("abcccc")
    same(
        oaxaca_blinder(outcome, np.hstack([moved, category]), groups, names),
        oaxaca_blinder(outcome, np.hstack([numbers, category]), groups, names),
        tolerance=1e-8,
    )


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_the_category_without_a_feature_does_not_matter(seed, dropped):
    outcome, numbers, category, groups = random_rows(seed)
    fewer = np.hstack([np.delete(category, dropped, axis=1), numbers])
    same(
        oaxaca_blinder(outcome, fewer, groups, list("cccab")),
        oaxaca_blinder(outcome, np.hstack([numbers, category]), groups, list("abcccc")),
    )


def test_exchanged_groups_only_change_the_sign():
    outcome, numbers, category, groups = random_rows(1)
    features, names = np.hstack([numbers, category]), list("abcccc")
    found, turned = (oaxaca_blinder(outcome, features, code, names) for code in (groups, 1 - groups))
    assert turned.values.tolist() == pytest.approx((-found.values).tolist(), abs=1e-12)
    assert turned.errors.tolist() == pytest.approx(found.errors.tolist(), abs=1e-12)


def test_columns_that_determine_each_other_are_one_part():
    outcome, numbers, category, groups = random_rows(2)
    number_of = category @ [1, 2, 4, 8]
    features = np.hstack([numbers, category, number_of[:, None]])
    found = oaxaca_blinder(outcome, features, groups, ["a", "b", *["c"] * 4, "d"])
    without = oaxaca_blinder(outcome, features[:, :-1], groups, list("abcccc"))
    assert found.columns == (("a",), ("b",), ("c", "d"), ())
    assert found.values.tolist() == pytest.approx(without.values.tolist(), abs=1e-9)
    assert found.errors.tolist() == pytest.approx(without.errors.tolist(), abs=1e-9)
    assert found.parameters == without.parameters


def test_columns_that_determine_the_group_share_what_is_unexplained():
    outcome, numbers, category, groups = random_rows(3)
    features = np.hstack([numbers, category, 1 - groups[:, None]])
    found = oaxaca_blinder(outcome, features, groups, ["a", "b", *["c"] * 4, "title"])
    without = oaxaca_blinder(outcome, features[:, :-1], groups, list("abcccc"))
    assert found.columns == (("a",), ("b",), ("c",), ("title",))
    assert found.values.tolist() == pytest.approx(without.values.tolist(), abs=1e-9)


def test_a_constant_column_is_worth_nothing():
    outcome, numbers, _, groups = random_rows(4)
    features = np.column_stack([numbers, np.full(len(outcome), 0.1)])
    found = oaxaca_blinder(outcome, features, groups, ["a", "b", "constant"])
    assert parts_by_name(found)[("constant",)] == 0


def test_no_column_at_all_leaves_everything_unexplained():
    outcome, _, _, groups = random_rows(5)
    found = oaxaca_blinder(outcome, np.empty((len(outcome), 0)), groups, [])
    assert found.columns == ((),)
    assert found.values.tolist() == [found.whole]
    assert found.errors.tolist() == pytest.approx([found.whole_error])


def test_error_of_the_whole_is_that_of_two_means():
    outcome, numbers, _, groups = random_rows(6)
    found = oaxaca_blinder(outcome, numbers, groups, ["a", "b"])
    own = [outcome[groups == code] for code in (0, 1)]
    expected = np.sqrt(sum(part.var(ddof=1) / len(part) for part in own))
    assert found.whole_error == pytest.approx(expected, rel=1e-12)


# The jackknife leaves out each row in turn, and needs no formula for the errors.
@pytest.mark.parametrize("seed", range(3))
def test_errors_are_those_of_the_jackknife(seed):
    outcome, numbers, category, groups = random_rows(seed, rows=600)
    features, names = np.hstack([numbers, category]), list("abcccc")
    kept = ~np.eye(600, dtype=bool)
    left = np.array([oaxaca_blinder(outcome[k], features[k], groups[k], names).values for k in kept])
    jackknife = np.sqrt(599 / 600 * np.square(left - left.mean(axis=0)).sum(axis=0))
    found = oaxaca_blinder(outcome, features, groups, names)
    assert found.errors.tolist() == pytest.approx(jackknife.tolist(), rel=0.02)
