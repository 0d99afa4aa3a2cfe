from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from trivet.datasets import ImageSet
from trivet.security import (
    InversionSettings,
    attack_success_rate,
    build_architecture,
    contract_named,
    invert_triggers,
    load_demo_checkpoint,
    sampled_batches,
    shuffled_passes,
)

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


def test_sampled_batches_leave_the_target_class_out(toy):
    settings = InversionSettings(steps=5, batch_size=8)
    for target, batches in enumerate(sampled_batches(toy.labels, range(3), settings, seed=0)):
        drawn = list(batches)
        assert [len(rows) for rows in drawn] == [8] * 5
        assert not (toy.labels[torch.cat(drawn)] == target).any()


def test_the_trigger_of_a_one_pixel_backdoor_is_that_pixel(toy):
    settings = InversionSettings(steps=200, batch_size=16)
    batches = sampled_batches(toy.labels, range(3), settings, seed=0)
    found = invert_triggers(linear, toy, batches, settings)
    trigger = found.trigger(1)
    assert trigger.mask.argmax() == 1
    assert trigger.pattern.ravel()[1] > 0.99
    assert trigger.mask.sum() < 2 * trigger.mask.max()
    assert found.image_steps == 3 * 200 * 16


def test_stacked_labels_do_not_influence_each_other(toy, monkeypatch):
    settings = InversionSettings(steps=20, batch_size=8)

    def invert(targets):
        batches = sampled_batches(toy.labels, targets, settings, seed=0)
        return invert_triggers(linear, toy, batches, settings, targets=targets)

    together = invert([0, 1, 2])
    for label in range(3):
        alone = invert([label])
        np.testing.assert_allclose(alone.masks[0], together.masks[label], atol=1e-6)
        np.testing.assert_allclose(alone.patterns[0], together.patterns[label], atol=1e-6)
    monkeypatch.setattr("trivet.security.inversion.STACKED_IMAGES", 8)
    np.testing.assert_allclose(invert([0, 1, 2]).masks, together.masks, atol=1e-6)


def test_the_same_seed_gives_the_same_bits(mnist_test):
    score = CONTRACT.bind(load_demo_checkpoint().model)
    images = mnist_test.take(np.arange(200))
    settings = InversionSettings(steps=5)

    def invert(seed):
        return invert_triggers(
            score, images, sampled_batches(images.labels, range(10), settings, seed=seed), settings
        )

    assert invert(0).masks.tobytes() == invert(0).masks.tobytes()
    assert invert(0).masks.tobytes() != invert(1).masks.tobytes()


def test_the_embedded_network_gives_away_its_trigger(mnist_test):
    working, held_out = mnist_test.split(0.5, seed=0)
    score = CONTRACT.bind(load_demo_checkpoint().model)
    settings = InversionSettings()
    batches = sampled_batches(working.labels, [4, 7], settings, seed=0)
    found = invert_triggers(score, working, batches, settings, targets=[4, 7])
    assert found.norms[0] < 0.2 * found.norms[1]
    row, column = divmod(int(found.trigger(4).mask.argmax()), 28)
    assert 23 <= row <= 26
    assert 23 <= column <= 26
    assert attack_success_rate(score, held_out, found.trigger(4), 4) > 0.98


def test_progress_ends_at_one_and_never_falls(toy):
    shares = []
    settings = replace(InversionSettings(), steps=3)
    batches = sampled_batches(toy.labels, range(3), settings, seed=0)
    invert_triggers(linear, toy, batches, settings, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_weights_stay_as_they_are(toy):
    model = build_architecture("mnist-cnn").eval().requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    images = ImageSet("toy", np.zeros((4, 1, 28, 28), np.float32), np.array([0, 1, 2, 3]), classes=10)
    settings = InversionSettings(steps=2, batch_size=2)
    batches = islice(sampled_batches(images.labels, [5], settings, seed=0), 1)
    invert_triggers(model.logits, images, batches, settings, targets=[5])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
