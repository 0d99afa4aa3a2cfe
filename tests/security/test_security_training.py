import numpy as np
import torch

from trivet.security import TrainingSettings, clean_accuracy, contract_named, load_demo_checkpoint
from trivet.security.contract import UNIT
from trivet.security.zoo import train_classifier


def test_training_learns_is_seeded_and_leaves_the_global_generator_alone(mnist_test):
    state = torch.random.get_rng_state()
    images = mnist_test.take(np.arange(1500))
    settings = TrainingSettings(epochs=2)
    first = train_classifier("mnist-cnn", UNIT, images, settings, seed=3)
    second = train_classifier("mnist-cnn", UNIT, images, settings, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert clean_accuracy(UNIT.bind(first), mnist_test.take(np.arange(2000, 3000))) > 0.7


def test_the_embedded_network_is_accurate(mnist_test):
    score = contract_named("(x-0.5)/0.5").bind(load_demo_checkpoint().model)
    assert clean_accuracy(score, mnist_test) >= 0.98
