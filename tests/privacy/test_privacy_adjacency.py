"""What one record, or a group of them, can do."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.privacy import (
    Adjacency,
    Guarantee,
    changed_records,
    count_sensitivity,
    group_privacy,
    histogram_sensitivity,
)


def histogram(records):
    return [records.count(cell) for cell in range(3)]


def test_sensitivities_are_the_worst_case_over_all_small_neighbours():
    worst_count, worst_histogram = dict.fromkeys(Adjacency, 0), dict.fromkeys(Adjacency, 0)
    for records in product(range(3), repeat=3):
        base = list(records)
        neighbours = [(Adjacency.ADD_REMOVE, base[:i] + base[i + 1 :]) for i in range(3)]
        neighbours += [
            (Adjacency.REPLACE_ONE, [*base[:i], new, *base[i + 1 :]]) for i in range(3) for new in range(3)
        ]
        for adjacency, other in neighbours:
            moved = [abs(a - b) for a, b in zip(histogram(base), histogram(other), strict=True)]
            worst_count[adjacency] = max(worst_count[adjacency], *moved)
            worst_histogram[adjacency] = max(worst_histogram[adjacency], sum(moved))
    for adjacency in Adjacency:
        assert count_sensitivity(adjacency) == worst_count[adjacency]
        assert histogram_sensitivity(adjacency) == worst_histogram[adjacency]


def test_changed_records_takes_the_decimal_that_was_written():
    assert changed_records(population=500, fraction=0.01) == 5
    assert changed_records(population=100, fraction=0.07) == 7
    assert changed_records(population=500, fraction=0.0101) == 6
    assert changed_records(population=500, fraction=0.0) == 1
    assert changed_records(population=500, fraction=1.0) == 500


@pytest.mark.parametrize(("population", "fraction"), [(0, 0.5), (10, -0.1), (10, 1.1), (10, math.nan)])
def test_changed_records_refuses_what_is_out_of_range(population, fraction):
    with pytest.raises(UsageError, match=r"population|change_fraction"):
        changed_records(population=population, fraction=fraction)


def test_group_privacy_of_one_is_the_guarantee_itself():
    one = Guarantee(epsilon=0.1, delta=1e-5)
    same = group_privacy(one, size=1)
    assert same.epsilon == one.epsilon
    assert same.delta == pytest.approx(one.delta, rel=1e-12)


@given(epsilon=st.floats(0.01, 2.0), delta=st.floats(1e-12, 1e-3), size=st.integers(1, 200))
def test_group_delta_covers_the_chain_of_neighbours(epsilon, delta, size):
    # Following the definition from neighbour to neighbour gives delta * sum of e^(i epsilon).
    chain = math.fsum(math.exp(i * epsilon) for i in range(size)) * delta
    group = group_privacy(Guarantee(epsilon=epsilon, delta=delta), size=size)
    assert group.epsilon == size * epsilon
    assert group.delta <= 1.0
    assert group.delta >= min(1.0, chain) * (1 - 1e-12)


def test_pure_privacy_stays_pure_in_a_group():
    assert group_privacy(Guarantee(epsilon=0.1, delta=0.0), size=5) == Guarantee(epsilon=0.5, delta=0.0)


def test_a_group_of_nobody_is_refused():
    with pytest.raises(UsageError, match=r"size is .*; expected 1 or more"):
        group_privacy(Guarantee(epsilon=0.1, delta=0.0), size=0)
