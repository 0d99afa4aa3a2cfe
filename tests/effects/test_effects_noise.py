"""Which counts get noise, and which rows and columns come of it."""

from itertools import product

import numpy as np
import pytest

from trivet.datasets import load_adult
from trivet.datasets.adult import adult_sample
from trivet.effects.noise import impact_measurements, impact_of, noise_changes, noise_interventions
from trivet.effects.study import study_pairs
from trivet.study.fairness import split_sample
from trivet.study.fairness_results import FairnessSettings


@pytest.fixture(scope="module")
def table():
    return load_adult()


@pytest.fixture(scope="module")
def pairs(table):
    return study_pairs(table, FairnessSettings())


@pytest.fixture(scope="module")
def counts(pairs):
    return {pair.protected: pair.counts for pair in pairs}


def changes(counts, epsilons, **settings):
    return noise_changes(
        counts, epsilons, **{"draws": 300, "four_fifths": 0.8, "level": 0.95, "seed": 0, **settings}
    )


def test_the_counts_are_those_of_the_studys_baseline(table, counts):
    _, test = split_sample(adult_sample(table), size=0.3, seed=0)
    assert counts["Female"].sum() == len(test)
    assert counts["Female"].sum(axis=(1, 2)).tolist() == np.bincount(test.sensitive).tolist()
    assert counts["Female"][:, 1].sum() == test.labels.sum()
    # The disparate impact of the published baseline.
    assert impact_of(counts["Female"]) == pytest.approx(0.1785, abs=5e-5)


def test_the_small_group_is_small(table, counts):
    others = (table["race"] == "Other").mean()
    assert counts["Other"][0].sum() == pytest.approx(0.3 * others * table.rows, rel=0.2)
    assert counts["Other"][0].sum() < counts["Other"][1].sum() / 50


def test_every_epsilon_once_from_the_least_noise_to_the_most(pairs):
    rows = noise_interventions((0.1, 2.0, 0.1))
    assert [row.name for row in rows] == ["noise-2", "noise-0.1"]
    found = changes(pairs, (0.1, 2.0, 0.1))
    assert set(found) == set(
        product(("noise-2", "noise-0.1"), (column.name for column in impact_measurements(pairs)))
    )
    assert found["noise-0.1", "width-Female"].after > found["noise-2", "width-Female"].after


@pytest.mark.slow
def test_the_same_seed_gives_the_same_draws(pairs):
    assert changes(pairs, (0.1,)) == changes(pairs, (0.1,))
    assert changes(pairs, (0.1,)) != changes(pairs, (0.1,), seed=1)
