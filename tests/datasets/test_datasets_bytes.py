"""Pixels that are kept as bytes."""

import numpy as np
import pytest
from PIL import Image

from trivet import security
from trivet.datasets import ImageSet, load_images
from trivet.datasets.images import in_kind

LEVELS = np.random.default_rng(0).integers(0, 256, (12, 1, 5, 4), dtype=np.uint8)
LABELS = np.arange(12) % 3


def test_bytes_become_the_numbers_that_a_division_gives():
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(in_kind(every, np.float32), every / np.float32(255))
    floats = every / np.float32(255)
    assert in_kind(floats, np.float32) is floats


@pytest.mark.parametrize("rows", [slice(2, 5), np.array([3, 3, 0]), LABELS == 1, np.array([[1, 2], [3, 4]])])
def test_some_of_the_images_are_the_same_from_bytes_and_from_numbers(rows):
    stored = ImageSet("bytes", LEVELS, LABELS, 3)
    plain = ImageSet("numbers", LEVELS / np.float32(255), LABELS, 3)
    assert np.array_equal(stored.unit(rows), plain.unit(rows))
    assert stored.unit(rows).dtype == np.float32
    assert stored.split(0.5, seed=1)[0].pixels.dtype == np.uint8


def test_pictures_stay_bytes_and_one_of_sixteen_bits_among_them_makes_all_numbers(tmp_path):
    for name, number, level in (("a", 0, 10), ("a", 1, 20), ("b", 0, 30), ("b", 1, 40)):
        (tmp_path / "p" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((3, 2), level, np.uint8)).save(tmp_path / "p" / name / f"{number}.png")
    assert load_images(tmp_path / "p").pixels.dtype == np.uint8
    Image.fromarray(np.full((3, 2), 12_345, np.uint16)).save(tmp_path / "p" / "b" / "0.png")
    images = load_images(tmp_path / "p")
    assert images.pixels.dtype == np.float32
    expected = np.array([10 / 255, 20 / 255, 12_345 / 65_535, 40 / 255], np.float32)
    assert np.array_equal(images.pixels[:, 0, 0, 0], expected)


@pytest.mark.slow
def test_a_scan_of_bytes_is_that_of_the_numbers_they_stand_for(mnist_test):
    few = mnist_test.take(np.arange(400))
    stored = ImageSet(few.name, np.round(few.pixels * 255).astype(np.uint8), few.labels, few.classes)
    checkpoint = security.load_demo_checkpoint()
    of_bytes, of_numbers = (security.scan(checkpoint, each, profile="quick") for each in (stored, few))
    assert of_bytes.result == of_numbers.result


def test_images_are_found_among_others_whether_bytes_or_numbers():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    held = ImageSet("bytes", pixels, np.zeros(6, dtype=np.int64), 2)
    others = ImageSet("numbers", held.unit([4, 1]), np.ones(2, dtype=np.int64), 2)
    assert held.among(others).tolist() == [False, True, False, False, True, False]
    assert others.among(held).all()
