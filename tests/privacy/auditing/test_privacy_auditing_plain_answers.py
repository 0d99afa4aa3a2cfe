"""What a mechanism may return."""

from collections import OrderedDict
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction

import numpy as np
import pytest
import torch

from trivet.privacy.mechanism.answers import Answers, leaves, plain, spelled


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(1), True),
        (np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4))),
        (np.array(2.5), 2.5),
        (torch.tensor([1.0, 2.0]), (1.0, 2.0)),
        ([1, "x", None], (1, "x", None)),
        ({2, 1}, (1, 2)),
        (OrderedDict(b=1, a=[2]), {"b": 1, "a": (2,)}),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (Fraction(1, 4), 0.25),
        (Decimal("0.5"), 0.5),
        (Colour.RED, "Colour.RED"),
        (Level.HIGH, "3"),
        (np.str_("x"), "x"),
        (range(2), (0, 1)),
    ],
)
def test_answers_become_plain(answer, expected):
    found = plain(answer)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (object(), "value of type object"),
        (1j, "value of type complex"),
        ([lambda: 0], "value of type function"),
        (np.datetime64("2020-01-01"), "value of type date"),
    ],
)
def test_other_types_are_named(answer, words):
    with pytest.raises(TypeError, match=words):
        plain(answer)


def test_an_answer_that_holds_itself_is_nested_too_deeply():
    endless = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested too deeply"):
        plain(endless)


def test_single_values_have_places():
    assert leaves({"x": (1, "a"), 2: None}) == [(("x", 0), 1), (("x", 1), "a"), ((2,), None)]
    assert spelled(("x", 0)) == "answer['x'][0]"
    assert spelled(()) == "answer"


def test_no_more_than_sixty_four_single_values_are_looked_at():
    assert len(Answers([tuple(range(100))]).paths) == 64
    assert len(Answers([tuple(range(100)), (1,)]).paths) == 64
