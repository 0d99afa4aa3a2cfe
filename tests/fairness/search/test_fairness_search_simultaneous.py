"""Critical values are those of known families, and errors of all subgroups together are controlled."""

import numpy as np
import pytest
from scipy.stats import norm
from subgroup_tables import coded, correlated

from trivet.fairness.search.bitsets import Blocks
from trivet.fairness.search.rates import outcome_masks, searched_rates
from trivet.fairness.search.search import search_rows
from trivet.fairness.search.simultaneous import compare_groups
from trivet.fairness.search.tree import find_groups


def compared(sets, selected, *, draws=4_000, seed=0):
    rows = sets.shape[1]
    blocks = Blocks.of(rows)
    words = blocks.pack(sets)
    rates = searched_rates((), labelled=False)
    masks = blocks.pack(outcome_masks(rates, selected, None))
    groups = find_groups(words, np.arange(len(sets)), rows, fewest=30, depth=1, most=1000, workers=1)
    return compare_groups(words, groups, masks, rates, blocks, fewest=30, seed=seed, draws=draws)


def test_one_subgroup_and_copies_of_it_have_the_usual_critical_value():
    generator = np.random.default_rng(0)
    member, selected = generator.random((2, 3_000)) < 0.3
    for sets in (member[None], np.stack([member] * 20), np.stack([member, ~member])):
        assert compared(sets, selected).critical(0.95) == pytest.approx(1.96, abs=0.06)


@pytest.mark.parametrize("rows", [3_000, 20_000, 50_000])
def test_independent_subgroups_have_that_of_sidak(rows):
    generator = np.random.default_rng(rows)
    sets = generator.random((40, rows)) < 0.4
    found = compared(sets, generator.random(rows) < 0.3)
    assert found.critical(0.95) == pytest.approx(norm.isf((1 - 0.95 ** (1 / 40)) / 2), abs=0.08)
    assert found.critical(0.95) <= found.bonferroni(0.95)


def test_p_values_go_on_below_what_the_draws_resolve():
    generator = np.random.default_rng(0)
    found = compared(generator.random((10, 2_000)) < 0.4, generator.random(2_000) < 0.3, draws=200)
    assert found.adjusted(0.0) == 1.0
    assert found.adjusted(9.0) == pytest.approx(10 * 2 * norm.sf(9.0))
    assert found.adjusted(found.critical(0.95) + 1e-9) <= 0.05


def test_a_difference_is_seldom_found_where_there_is_none():
    wrong = 0
    table = coded(*correlated(1_500, 5, 0).T)
    for seed in range(30):
        selected = (np.random.default_rng(1000 + seed).random(1_500) < 0.3).astype(int)
        wrong += search_rows(table, selected, None, seed=seed, draws=300, workers=1).beyond > 0
    # 1.5 are expected; more than 5 come once in two hundred times.
    assert wrong <= 5


def test_rare_outcomes_are_not_found_by_chance():
    # The normal tail would find one in most of these tables.
    table = coded(*correlated(3_000, 4, 1).T)
    wrong = 0
    for seed in range(15):
        selected = (np.random.default_rng(seed).random(3_000) < 0.003).astype(int)
        wrong += search_rows(table, selected, None, seed=seed, draws=300, workers=1).beyond > 0
    assert wrong <= 2
