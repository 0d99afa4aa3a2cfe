"""The halves are fair to each row, each model and each class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.privacy.membership.shadows import random_half, shadow_halves


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    models=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_row_is_in_half_of_the_models_and_each_model_sees_half_of_each_class(counts, models, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    inside = shadow_halves(labels, models, generator=np.random.default_rng(seed))
    assert inside.shape == (models, len(labels))
    even = models // 2 * 2
    assert (inside[:even].sum(axis=0) == even // 2).all()
    assert (np.abs(2 * inside.sum(axis=1) - len(labels)) <= 1).all()
    for label, count in enumerate(counts):
        assert (np.abs(2 * inside[:, labels == label].sum(axis=1) - count) <= 1).all()


def test_the_same_seed_draws_the_same_halves_and_another_seed_others():
    labels = np.arange(200) % 3
    first, again, other = (random_half(labels, generator=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("rows", [7, 8])
def test_each_row_is_inside_with_probability_one_half(rows):
    generator = np.random.default_rng(0)
    draws = 4000
    inside = np.mean([random_half(np.arange(rows) % 2, generator=generator) for _ in range(draws)], axis=0)
    # Five standard deviations of a share of fair coins.
    assert np.abs(inside - 0.5).max() < 5 * 0.5 / np.sqrt(draws)
