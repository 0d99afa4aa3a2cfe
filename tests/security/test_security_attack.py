import numpy as np
import torch

from trivet.datasets import ImageSet
from trivet.security import (
    DEMO_TARGET,
    DEMO_TRIGGER,
    UNIT,
    TrainingSettings,
    attack_success_rate,
    clean_accuracy,
    contract_named,
    load_demo_checkpoint,
    poison,
    train_classifier,
)


def test_poisoning_stamps_and_relabels_the_asked_share_and_no_more():
    rng = np.random.default_rng(0)
    pixels = (rng.random((100, 1, 28, 28)) * 0.9).astype(np.float32)
    images = ImageSet("toy", pixels, np.zeros(100, np.int64), classes=10)
    poisoned = poison(images, DEMO_TRIGGER, target=7, fraction=0.1, seed=1)
    changed = (poisoned.pixels != images.pixels).reshape(100, -1).any(axis=1)
    assert changed.sum() == 10
    assert (poisoned.labels[changed] == 7).all()
    assert (poisoned.labels[~changed] == 0).all()
    assert (poisoned.pixels[changed][:, 0, 23:27, 23:27] == 1).all()
    assert (images.labels == 0).all()


def test_training_learns_is_seeded_and_leaves_the_global_generator_alone(mnist_test):
    state = torch.random.get_rng_state()
    images = mnist_test.take(np.arange(1500))
    settings = TrainingSettings(epochs=2)
    first = train_classifier("mnist-cnn", UNIT, images, settings, seed=3)
    second = train_classifier("mnist-cnn", UNIT, images, settings, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert clean_accuracy(UNIT.bind(first), mnist_test.take(np.arange(2000, 3000))) > 0.7


def test_the_embedded_network_is_accurate_and_attacked(mnist_test):
    score = contract_named("(x-0.5)/0.5").bind(load_demo_checkpoint().model)
    assert clean_accuracy(score, mnist_test) >= 0.98
    assert attack_success_rate(score, mnist_test, DEMO_TRIGGER, DEMO_TARGET) >= 0.99
