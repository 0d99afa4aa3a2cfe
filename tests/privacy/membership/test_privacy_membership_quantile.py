"""The quantile regression attack, and what rows like a row say of it without any shadow model."""

import numpy as np
import pytest
from audited_models import noisy_rows
from sklearn.tree import DecisionTreeClassifier

from trivet.errors import UsageError
from trivet.privacy.membership.attacks import lira_scores
from trivet.privacy.membership.audit import attack_model, audit_model
from trivet.privacy.membership.likeness import Likeness, quantile_scores
from trivet.privacy.membership.rates import attack_result
from trivet.verdict import EXPOSED, NO_EVIDENCE

ALONE = {"shadows": 0, "attacks": ("quantile",), "workers": 1}


def area(scores, members):
    return attack_result("any", scores, members).auroc.value


def test_a_model_that_remembers_is_found_without_shadow_models(tmp_path):
    X, y = noisy_rows(2000)
    found = audit_model("tree", X, y, work=tmp_path, **ALONE)
    assert found.verdict == EXPOSED
    assert (found.shadows, found.shadow_share, found.best_attack) == (0, 0.0, "quantile")
    assert len(list(tmp_path.glob("model-*.npz"))) == 1
    inside = np.random.default_rng(0).random(2000) < 0.5
    target = DecisionTreeClassifier(random_state=0).fit(X[inside], y[inside])
    trained = audit_model("tree", X, y, target=target, members=inside, **ALONE)
    assert trained.verdict == EXPOSED
    assert audit_model("tree", X, y, target=target, members=inside, **ALONE) == trained


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_model_that_does_not_is_not_accused_by_the_regression_s_own_rows(seed):
    """Scored by a regression that had seen them, non-members would stand out, and so would members."""
    X, y = noisy_rows(1500, seed=seed)
    generator = np.random.default_rng(seed)
    logits = X[:, 0] * (2 * y - 1) + generator.normal(size=1500)
    members = generator.random(1500) < 0.5
    likeness = Likeness.of(X, y, np.arange(1500), generator=generator)
    found = attack_result("any", quantile_scores(logits, likeness, ~members), members)
    # DeLong's interval at five standard errors, not at two.
    assert abs(found.auroc.value - 0.5) < 2.5 * (found.auroc.high - found.auroc.value)
    assert audit_model("logistic", X, y, seed=seed, **ALONE).verdict == NO_EVIDENCE


def test_what_rows_like_one_say_takes_its_difficulty_away():
    generator = np.random.default_rng(2)
    X = generator.normal(size=(3000, 4))
    y = generator.integers(0, 3, 3000)
    members = generator.random(3000) < 0.5
    logits = 3 * X[:, 0] * (y - 1) + generator.normal(size=3000) + members
    likeness = Likeness.of(X, y, np.arange(3000), generator=generator)
    # One standard deviation apart: an area of 0.76 is the best that can be.
    assert area(quantile_scores(logits, likeness, ~members), members) > 0.73
    assert area(logits, members) < 0.66


def test_a_row_s_own_value_and_those_of_its_unit_have_no_part():
    generator = np.random.default_rng(3)
    X, y, unit = generator.normal(size=(300, 2)), np.zeros(300, dtype=int), np.repeat(np.arange(100), 3)
    likeness = Likeness.of(X, y, unit, generator=generator)
    values = generator.normal(size=300)
    before = likeness.expected(values)
    values[unit == 7] += 1000
    np.testing.assert_array_equal(likeness.expected(values)[unit == 7], before[unit == 7])
    assert not np.array_equal(likeness.expected(values), before)


def test_wide_and_sparse_rows_are_projected():
    from scipy import sparse  # noqa: PLC0415 - of this test

    generator = np.random.default_rng(4)
    dense = generator.normal(size=(120, 10, 10))
    y, unit = np.arange(120) % 2, np.arange(120)
    wide = Likeness.of(dense, y, unit, generator=np.random.default_rng(0))
    assert wide.rows.shape == (120, 65)
    scarce = Likeness.of(
        sparse.csr_matrix(dense.reshape(120, -1)), y, unit, generator=np.random.default_rng(0)
    )
    np.testing.assert_allclose(scarce.rows, wide.rows, atol=1e-8)


def test_few_shadow_models_tell_more_with_rows_that_are_alike():
    """Difficulty that features explain, which four models of a row's own hardly show."""
    generator = np.random.default_rng(5)
    rows, models = 4000, 8
    X = generator.normal(size=(rows, 3))
    y = generator.integers(0, 2, rows)
    mean = 4 * np.sin(2 * X[:, 0])
    inside = generator.random((models, rows)).argsort(axis=0) < models // 2
    members = generator.random(rows) < 0.5
    shadows = mean + inside + 1.5 * generator.normal(size=inside.shape)
    target = mean + members + 1.5 * generator.normal(size=rows)
    likeness = Likeness.of(X, y, np.arange(rows), generator=generator)
    plain = lira_scores(target, shadows, inside, online=False)
    helped = lira_scores(target, shadows, inside, online=False, expected=likeness.expected)
    assert area(helped, members) > area(plain, members) + 0.005


def test_coins_that_the_regression_knows_are_not_guessed_by_it():
    X, y = noisy_rows(900)
    inside = np.random.default_rng(6).random(900) < 0.5
    tossed = np.arange(900) < 450
    target = DecisionTreeClassifier(random_state=0).fit(X[inside], y[inside])
    asked = {"target": target, "members": inside, "tossed": tossed, "epsilon": 0.3}
    claim = audit_model("tree", X, y, **asked, **ALONE).claim
    assert [(test.by, test.bound.canaries) for test in claim.tests] == [("quantile", 450)]
    assert claim.verdict == "violates"
    with pytest.raises(UsageError, match="a claim is tested by canaries"):
        audit_model("tree", X, y, epsilon=0.3, **ALONE)
    both = attack_model("tree", X, y, epsilon=0.3, shadows=4, workers=1).result.claim
    assert "quantile" not in {test.by for test in both.tests}


def test_an_attack_with_shadow_models_is_refused_without_any():
    X, y = noisy_rows(400)
    with pytest.raises(UsageError, match=r"lira-online compares with shadow models; .* only: quantile"):
        audit_model("tree", X, y, shadows=0, workers=1)
