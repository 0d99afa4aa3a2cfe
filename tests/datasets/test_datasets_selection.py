import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.datasets.classes import choose_rows
from trivet.errors import DataError

COUNTS = st.lists(st.integers(2, 20), min_size=2, max_size=6)


@given(counts=COUNTS, share=st.floats(0, 1), seed=st.integers(0, 9))
def test_the_choice_is_even_ascending_and_of_the_wanted_size(counts, share, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    limit = max(2 * len(counts), round(share * len(labels)))
    rows = choose_rows(labels, limit=limit, seed=seed, source="toy")
    assert len(rows) == min(limit, len(labels))
    assert (np.diff(rows) > 0).all()
    taken = np.bincount(labels[rows], minlength=len(counts))
    # Water poured into vessels of these sizes: who is not full stands at most one below the highest.
    assert (taken[taken < counts] >= taken.max() - 1).all()
    assert np.array_equal(rows, choose_rows(labels, limit=limit, seed=seed, source="toy"))


def test_every_image_of_a_class_can_be_chosen():
    labels = np.array([0] * 5 + [1] * 2)
    chosen = {int(row) for seed in range(40) for row in choose_rows(labels, limit=4, seed=seed, source="toy")}
    assert chosen == set(range(7))


def test_an_absent_class_is_a_mistake_in_a_folder_only():
    labels = np.array([0, 0, 2, 2])
    assert choose_rows(labels, limit=None, seed=0, source="toy").tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"'toy' has too few images of some classes: 'b' \(0\)"):
        choose_rows(
            labels, limit=None, seed=0, source="toy", class_names=("a", "b", "c"), may_be_absent=False
        )


def test_only_the_first_of_many_small_classes_are_named():
    with pytest.raises(DataError, match=r"0 \(1\), 1 \(1\), 2 \(1\) and 6 more; at least 2"):
        choose_rows(np.arange(9), limit=None, seed=0, source="toy")
