import numpy as np
import pytest
import torch

from trivet import security
from trivet.security.checkpoint import DEMO_TARGET
from trivet.security.frozen import freeze
from trivet.security.scanning.search import SearchSettings, TriggerSearch


@pytest.fixture(scope="module")
def score():
    model = freeze(security.load_demo_checkpoint().model)
    return security.contract_named("(x-0.5)/0.5").bind(model)


@pytest.fixture(scope="module")
def images(mnist_test):
    return mnist_test.take(np.arange(1_000))


def test_the_attacked_label_needs_the_smallest_trigger(score, images):
    search = TriggerSearch(score, images, SearchSettings(), seed=0)
    search.advance(40, range(10))
    others = np.delete(search.norms, DEMO_TARGET)
    assert search.norms[DEMO_TARGET] < 0.7 * others.min()
    assert search.image_steps == 40 * 10 * 16
    assert (search.steps == 40).all()


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(score, images):
    first, again, other = (TriggerSearch(score, images, SearchSettings(), seed=seed) for seed in (1, 1, 2))
    for search in (first, again, other):
        search.advance(6, range(10))
    assert all(np.array_equal(a, b) for a, b in zip(first.triggers(), again.triggers(), strict=True))
    assert not np.array_equal(first.norms, other.norms)


def test_instalments_give_what_one_stretch_gives_apart_from_the_batches_drawn(score, images):
    whole, parts = (TriggerSearch(score, images, SearchSettings(), seed=1) for _ in range(2))
    whole.advance(1, range(10))
    for label in range(10):
        parts.advance(1, [label])
    np.testing.assert_allclose(parts.norms, whole.norms, rtol=1e-4)


def test_labels_left_behind_stay_as_they_are(score, images):
    search = TriggerSearch(score, images, SearchSettings(), seed=0)
    search.advance(3, range(10))
    left = search.norms[5]
    search.advance(3, [1, 2])
    assert search.norms[5] == left
    assert search.steps.tolist() == [3, 6, 6, 3, 3, 3, 3, 3, 3, 3]
    with pytest.raises(ValueError, match="different numbers of steps"):
        search.advance(1, [1, 5])


def test_the_penalty_means_the_same_on_larger_images():
    """A network that sees only the mean: twice the side, the same share of the image is masked."""
    shares = []
    for side in (8, 16):
        pixels = np.zeros((40, 1, side, side), np.float32)
        images = security_images(pixels)

        def score(x):
            bright = x.mean(dim=(1, 2, 3))
            return torch.stack([torch.zeros_like(bright), 20 * bright - 4, torch.zeros_like(bright)], dim=1)

        search = TriggerSearch(score, images, SearchSettings(), seed=0)
        search.advance(60, range(3))
        shares.append(search.norms[1] / side**2)
    assert shares[0] == pytest.approx(shares[1], rel=0.02)


def security_images(pixels):
    from trivet.datasets import ImageSet  # noqa: PLC0415 - one test only

    return ImageSet("toy", pixels, np.arange(len(pixels)) % 3, classes=3)
