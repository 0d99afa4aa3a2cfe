"""Conjunctions are those that brute force finds, each set of rows once."""

from itertools import combinations

import numpy as np
import pytest
from subgroup_tables import correlated

from trivet.fairness.search.bitsets import Blocks
from trivet.fairness.search.rates import outcome_masks, searched_rates
from trivet.fairness.search.simultaneous import compare_groups
from trivet.fairness.search.tree import NONE, find_groups, words_of


def conditions_of(table):
    """Sets of rows, and the column of each."""
    sets, columns = [], []
    for place, column in enumerate(table.T):
        for value in np.unique(column):
            sets.append(column == value)
            columns.append(place)
    return np.array(sets), np.array(columns)


def by_brute_force(sets, columns, fewest):
    rows = sets.shape[1]
    found = {}
    for depth in (1, 2, 3):
        for chosen in combinations(range(len(sets)), depth):
            if len(set(columns[list(chosen)])) < depth:
                continue
            members = sets[list(chosen)].all(axis=0)
            shorter = [
                sets[list(part)].all(axis=0).sum()
                for length in range(1, depth)
                for part in combinations(chosen, length)
            ]
            if fewest <= members.sum() <= rows - fewest and members.sum() not in shorter:
                found[chosen] = int(members.sum())
    return found


@pytest.mark.parametrize(("rows", "fewest", "seed"), [(400, 10, 0), (5_000, 60, 1), (40_000, 500, 2)])
def test_every_conjunction_with_enough_rows_is_found(rows, fewest, seed):
    table = correlated(rows, 4, seed)
    # The last column says the same as the first.
    sets, columns = conditions_of(np.column_stack([table, table[:, 0]]))
    words = Blocks.of(rows).pack(sets)
    groups = find_groups(words, columns, rows, fewest=fewest, depth=3, most=10_000, workers=1)
    found = {
        tuple(place for place in members if place != NONE): size
        for members, size in zip(groups.members.tolist(), groups.rows.tolist(), strict=True)
    }
    assert found == by_brute_force(sets, columns, fewest)
    assert groups.unsearched == 0
    place = len(groups) - 1
    chosen = [each for each in groups.members[place].tolist() if each != NONE]
    members = Blocks.of(rows).unpack(words_of(words, groups.members[place]))
    assert (members == sets[chosen].all(axis=0)).all()


def test_no_more_subgroups_than_the_limit_and_the_largest_are_extended():
    table = correlated(2_000, 5, 0)
    sets, columns = conditions_of(table)
    words = Blocks.of(2_000).pack(sets)
    whole = find_groups(words, columns, 2_000, fewest=20, depth=3, most=10_000, workers=1)
    some = find_groups(words, columns, 2_000, fewest=20, depth=3, most=150, workers=1)
    assert len(some) == 150 < len(whole)
    assert some.unsearched > 0
    pairs = find_groups(words, columns, 2_000, fewest=20, depth=2, most=10_000, workers=1)
    assert len(pairs) == (whole.lengths <= 2).sum()


@pytest.mark.parametrize("rows", [700, 9_000, 50_000])
def test_counts_of_every_rate_are_those_of_boolean_arrays(rows):
    generator = np.random.default_rng(rows)
    table = correlated(rows, 3, rows)
    selected, labels = generator.random((2, rows)) < 0.4
    sets, columns = conditions_of(table)
    blocks = Blocks.of(rows)
    words = blocks.pack(sets)
    names = ("selection_rate", "false_positive_rate", "true_positive_rate", "accuracy", "false_omission_rate")
    rates = searched_rates(names, labelled=True)
    masks = blocks.pack(outcome_masks(rates, selected, labels))
    groups = find_groups(words, columns, rows, fewest=30, depth=3, most=10_000, workers=1)
    compared = compare_groups(words, groups, masks, rates, blocks, fewest=30, seed=0, draws=20)
    events = (selected, selected, selected, selected == labels, labels)
    among = (labels | ~labels, ~labels, labels, labels | ~labels, ~selected)
    for place, (event, given) in enumerate(zip(events, among, strict=True)):
        assert compared.all_x[place] == (event & given).sum()
        assert compared.all_n[place] == given.sum()
        for group in range(0, len(groups), 7):
            members = sets[[each for each in groups.members[group] if each != NONE]].all(axis=0)
            assert compared.x[place, group] == (members & event & given).sum()
            assert compared.n[place, group] == (members & given).sum()


def test_the_result_does_not_depend_on_the_workers():
    table = correlated(9_000, 6, 0)
    sets, columns = conditions_of(table)
    blocks = Blocks.of(9_000)
    words = blocks.pack(sets)
    rates = searched_rates((), labelled=False)
    masks = blocks.pack(outcome_masks(rates, np.arange(9_000) % 3 == 0, None))
    found = []
    for workers in (1, 3):
        groups = find_groups(words, columns, 9_000, fewest=30, depth=3, most=10_000, workers=workers)
        compared = compare_groups(
            words, groups, masks, rates, blocks, fewest=30, seed=0, draws=50, workers=workers
        )
        found.append((groups.members.tolist(), compared.maxima.tolist()))
    assert len(found[0][0]) > 256
    assert found[0] == found[1]
