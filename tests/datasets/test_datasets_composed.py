import numpy as np
import pytest

from trivet.datasets import load_colour_digits, load_digit_pairs, load_images


@pytest.fixture(scope="module")
def colour():
    return load_colour_digits("test")


@pytest.fixture(scope="module")
def pairs():
    return load_digit_pairs("test")


def test_colour_digits_are_bright_digits_on_dark_ground(colour, mnist_test):
    assert colour.pixels.shape == (10_000, 3, 32, 32)
    assert colour.pixels.dtype == np.float32
    assert colour.pixels.min() >= 0
    assert colour.pixels.max() <= 1
    assert np.array_equal(colour.labels, mnist_test.labels)
    channels = colour.pixels.mean(axis=(0, 2, 3))
    assert channels.max() - channels.min() < 0.05
    brightest = colour.pixels.mean(axis=1).reshape(10_000, -1).max(axis=1)
    assert (brightest - np.median(colour.pixels.mean(axis=1).reshape(10_000, -1), axis=1) > 0.1).mean() > 0.99


def test_pairs_number_their_classes_by_both_digits(pairs, mnist_test):
    assert pairs.pixels.shape == (10_000, 1, 28, 28)
    assert pairs.classes == 100
    assert np.array_equal(pairs.labels // 10, mnist_test.labels)
    assert set(np.unique(pairs.labels)) == set(range(100))
    left = mnist_test.pixels.reshape(10_000, 1, 28, 14, 2).mean(axis=-1)
    np.testing.assert_allclose(pairs.pixels[..., :14], left)
    right = np.random.default_rng([100, False]).permutation(10_000)
    np.testing.assert_allclose(pairs.pixels[..., 14:], left[right])
    assert np.array_equal(pairs.labels % 10, mnist_test.labels[right])


def test_they_are_the_same_each_time_and_have_names(colour, pairs):
    assert np.array_equal(load_images("colour-digits").pixels, colour.pixels)
    assert np.array_equal(load_images("digit-pairs").pixels, pairs.pixels)
