"""Numbers of a folder's classes: by value, as texts, or as a file says."""

import json

import numpy as np
import pytest

from trivet.datasets import ImageSet
from trivet.datasets.classes import class_numbers
from trivet.errors import UsageError

NAMES = tuple(map(str, range(12)))


def test_as_texts_they_are_numbered_as_imagefolder_does():
    numbers = class_numbers(NAMES, "text")
    assert [name for _, name in sorted(zip(numbers, NAMES, strict=True))] == sorted(NAMES)
    assert numbers[2] == 4  # after 0, 1, 10 and 11
    assert class_numbers(NAMES, "number") == tuple(range(12))
    assert class_numbers(("00", "01", "10"), "text") == (0, 1, 2)


def test_a_file_gives_each_class_its_number(tmp_path):
    path = tmp_path / "class_to_idx.json"
    path.write_text(json.dumps({"cat": 5, "dog": 0, "eel": 2}))
    assert class_numbers(("cat", "dog"), str(path)) == (5, 0)
    images = ImageSet("x", np.zeros((3, 1, 2, 2), np.float32), np.array([0, 1, 1]), 2, ("cat", "dog"))
    found = images.numbered((5, 0), "by file")
    assert found.labels.tolist() == [5, 0, 0]
    assert (found.classes, found.class_names[5], found.class_names[0]) == (6, "cat", "dog")
    assert found.name == "x (by file)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[1]", "cannot be read"),
        ('{"cat": 0}', "no number for the class 'dog'"),
        ('{"cat": 0, "dog": true}', "no number for the class 'dog'"),
        ('{"cat": 0, "dog": -1}', "no number for the class 'dog'"),
        ('{"cat": 0, "dog": 0}', "two classes one number"),
    ],
)
def test_an_order_that_is_none_is_refused(tmp_path, content, message):
    (tmp_path / "order.json").write_text(content)
    with pytest.raises(UsageError, match=message):
        class_numbers(("cat", "dog"), str(tmp_path / "order.json"))


def test_there_has_to_be_a_file(tmp_path):
    with pytest.raises(UsageError, match="expected text, number, or a"):
        class_numbers(("cat", "dog"), str(tmp_path / "missing.json"))
