from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from trivet.datasets import ImageSet
from trivet.security import build_architecture, contract_named, load_demo_checkpoint
from trivet.security.scanning.search import InversionSettings, invert_triggers, shuffled_passes

CONTRACT = contract_named("(x-0.5)/0.5")


@pytest.fixture
def toy():
    rng = np.random.default_rng(0)
    pixels = rng.random((60, 1, 4, 4), dtype=np.float32)
    return ImageSet("toy", pixels, rng.integers(0, 3, size=60), classes=3)


def linear(pixels):
    """Give class 1 what the second pixel holds, and the others nothing."""
    return torch.tensor([0.0, 20.0, 0.0]) * pixels[:, 0, 0, 1, None]


def test_passes_follow_the_loader_that_the_study_used():
    generator = torch.Generator().manual_seed(5)
    loader = DataLoader(range(10), batch_size=4, shuffle=True, generator=generator)
    expected = []
    for _ in range(2):
        rows = iter(loader)
        next(rows)
        label = []
        for _ in range(7):
            try:
                batch = next(rows)
            except StopIteration:
                rows = iter(loader)
                batch = next(rows)
            label.append(batch.tolist())
        expected.append(label)
    found = [
        [batch.tolist() for batch in batches]
        for batches in shuffled_passes(10, batch_size=4, steps=7, labels=2, seed=5)
    ]
    assert found == expected


def passes(images, settings, *, seed=0):
    return shuffled_passes(
        len(images),
        batch_size=settings.batch_size,
        steps=settings.steps,
        labels=images.classes,
        seed=seed,
    )


def test_the_trigger_of_a_one_pixel_backdoor_is_that_pixel(toy):
    settings = InversionSettings(steps=200, batch_size=15)
    batches = passes(toy, settings)
    found = invert_triggers(linear, toy, batches, settings)
    trigger = found.trigger(1)
    assert trigger.mask.argmax() == 1
    assert trigger.pattern.ravel()[1] > 0.99
    assert trigger.mask.sum() < 2 * trigger.mask.max()
    assert found.image_steps == 3 * 200 * 15


def test_stacked_labels_do_not_influence_each_other(toy, monkeypatch):
    settings = InversionSettings(steps=20, batch_size=10)

    def invert():
        return invert_triggers(linear, toy, passes(toy, settings), settings)

    together = invert()
    monkeypatch.setattr("trivet.security.scanning.search.STACKED_IMAGES", 10)
    alone = invert()
    np.testing.assert_allclose(alone.masks, together.masks, atol=1e-6)
    np.testing.assert_allclose(alone.patterns, together.patterns, atol=1e-6)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(mnist_test):
    score = CONTRACT.bind(load_demo_checkpoint().model)
    images = mnist_test.take(np.arange(200))
    settings = InversionSettings(steps=5, batch_size=16)

    def invert(seed):
        return invert_triggers(score, images, passes(images, settings, seed=seed), settings)

    assert invert(0).masks.tobytes() == invert(0).masks.tobytes()
    assert invert(0).masks.tobytes() != invert(1).masks.tobytes()


def test_progress_ends_at_one_and_never_falls(toy):
    shares = []
    settings = replace(InversionSettings(), steps=3)
    batches = passes(toy, settings)
    invert_triggers(linear, toy, batches, settings, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_weights_stay_as_they_are(toy):
    model = build_architecture("mnist-cnn").eval().requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    images = ImageSet("toy", np.zeros((4, 1, 28, 28), np.float32), np.array([0, 1, 2, 3]), classes=10)
    settings = InversionSettings(steps=2, batch_size=2)
    invert_triggers(model.logits, images, passes(images, settings), settings)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
