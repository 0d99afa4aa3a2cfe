"""Images scaled, cut and coloured as the loaders of networks do it."""

import numpy as np
import pytest
from PIL import Image

from trivet.datasets import load_images
from trivet.datasets.fitting import Fit
from trivet.errors import DataError, UsageError


@pytest.fixture
def pictures(tmp_path):
    """Two classes with pictures of several sizes, grey and in colour."""
    random = np.random.default_rng(0)
    for name, sizes in (("cat", ((40, 30), (64, 64))), ("dog", ((33, 80), (50, 31)))):
        (tmp_path / "p" / name).mkdir(parents=True)
        for number, (width, height) in enumerate(sizes):
            levels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(levels).save(tmp_path / "p" / name / f"{number}.png")
    return tmp_path / "p"


def as_torchvision(path, resize, crop):
    """What Resize(resize) and CenterCrop(crop) make of a picture, by Pillow on whole levels."""
    with Image.open(path) as picture:
        short = min(picture.size)
        size = (resize * picture.size[0] // short, resize * picture.size[1] // short)
        scaled = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    top, left = (round((scaled.shape[axis] - crop) / 2) for axis in (0, 1))
    return scaled[top : top + crop, left : left + crop].transpose(2, 0, 1)


def test_pictures_of_several_sizes_are_scaled_and_cut_as_torchvision_does(pictures):
    with pytest.raises(DataError, match="Give --resize 32x32"):
        load_images(pictures)
    images = load_images(pictures, fit=Fit(resize="32", crop=28))
    assert images.pixels.shape == (4, 3, 28, 28)
    for image, path in zip(images.pixels, sorted(pictures.glob("*/*.png")), strict=True):
        assert np.array_equal(image, as_torchvision(path, 32, 28))


def test_both_sides_can_be_given(pictures):
    assert load_images(pictures, fit=Fit(resize="20x12")).pixels.shape == (4, 3, 12, 20)


def test_grey_images_become_colour_ones_and_embedded_sets_are_scaled_too():
    plain, images = (
        load_images("mnist", limit=20),
        load_images("mnist", limit=20, fit=Fit("32", 30, rgb=True)),
    )
    assert images.pixels.shape == (20, 3, 30, 30)
    assert (images.pixels[:, 0] == images.pixels[:, 2]).all()
    assert (images.labels == plain.labels).all()
    assert images.pixels.min() >= 0
    assert images.pixels.max() <= 1


@pytest.mark.parametrize(
    "settings", [{"resize": "x"}, {"resize": "0"}, {"resize": "32x"}, {"resize": "9999"}, {"crop": 0}]
)
def test_a_size_that_is_none_is_refused(settings):
    with pytest.raises(UsageError, match="pixels"):
        Fit(**settings)


def test_a_square_has_to_lie_within(pictures):
    with pytest.raises(DataError, match="a square of 60 pixels cannot be cut"):
        load_images(pictures, fit=Fit(resize="32", crop=60))
