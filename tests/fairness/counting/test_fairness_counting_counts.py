import numpy as np
import pytest

from trivet.errors import UsageError
from trivet.fairness.counting.counts import GroupCounts

COUNTS = GroupCounts(
    ("age", "sex"),
    (("9", "f"), ("9", "m"), ("10", "f")),
    ("a", "b", "c"),
    np.arange(27).reshape(3, 3, 3),
)


def test_marginals_add_the_groups_that_are_alike():
    by_age = COUNTS.over("age")
    assert by_age.groups == (("9",), ("10",))
    assert (by_age.table == [COUNTS.table[0] + COUNTS.table[1], COUNTS.table[2]]).all()
    by_sex = COUNTS.over("sex", "age")
    assert by_sex.groups == (("f", "9"), ("f", "10"), ("m", "9"))
    assert (by_sex.table == COUNTS.table[[0, 2, 1]]).all()
    assert COUNTS.over().table.sum() == COUNTS.rows == 351
    with pytest.raises(UsageError, match="no sensitive column 'race'; they have age, sex"):
        COUNTS.over("race")


def test_one_class_stands_against_all_others():
    rest = COUNTS.one_versus_rest("b")
    assert rest.classes == ("not b", "b")
    first = COUNTS.table[0]
    assert rest.table[0].tolist() == [
        [first[[0, 0, 2, 2], [0, 2, 0, 2]].sum(), first[[0, 2], 1].sum()],
        [first[1, [0, 2]].sum(), first[1, 1]],
    ]
    with pytest.raises(UsageError, match="no label or prediction is 'd'; there are a, b, c"):
        COUNTS.one_versus_rest("d")


def test_each_other_group_stands_beside_the_reference():
    pairs = COUNTS.against(1)
    assert pairs.shape == (2, 2, 3, 3)
    assert (pairs[:, 1] == COUNTS.table[1]).all()
    assert (pairs[:, 0] == COUNTS.table[[0, 2]]).all()


def test_no_two_groups_are_called_the_same():
    groups = (("a", "b, c"), ("a, b", "c"), ('"a', "b"))
    counts = GroupCounts(("x", "y"), groups, ("0", "1"), np.ones((3, 2, 2), dtype=np.int64))
    assert counts.names == ('a, "b, c"', '"a, b", c', '""a", b')
    assert counts.over("x").names == ('"a', "a", "a, b")
