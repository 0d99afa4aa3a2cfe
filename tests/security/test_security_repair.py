import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.security import (
    Trigger,
    attack_success_rate,
    build_architecture,
    clean_accuracy,
    contract_named,
    load_demo_checkpoint,
)
from trivet.security.checkpoint import DEMO_TRIGGER
from trivet.security.contract import UNIT
from trivet.security.repairs import UnlearningSettings, unlearn

CONTRACT = contract_named("(x-0.5)/0.5")
WHITE = Trigger.square(row=0, column=0, size=28, value=1.0, shape=(1, 28, 28))


class Spy:
    """A contract that remembers how many images of each batch are stamped all white."""

    def __init__(self):
        self.stamped = []

    def __call__(self, pixels):
        self.stamped.append(int((pixels == 1).flatten(1).all(dim=1).sum()))
        return pixels


@pytest.fixture
def images():
    return ImageSet("toy", np.zeros((50, 1, 28, 28), np.float32), np.arange(50) % 10, classes=10)


@pytest.fixture
def model():
    return build_architecture("mnist-cnn").eval().requires_grad_(False)


def test_published_unlearning_stamps_whole_leading_batches(images, model):
    spy = Spy()
    settings = UnlearningSettings(fraction=0.5, epochs=2, batch_size=10, leading=True)
    unlearn(model, spy, images, [WHITE], settings, seed=0)
    assert spy.stamped == [10, 10, 10, 0, 0] * 2


def test_sound_unlearning_stamps_a_share_of_every_batch(images, model):
    spy = Spy()
    settings = UnlearningSettings(fraction=0.2, epochs=1, batch_size=10)
    unlearn(model, spy, images, [WHITE], settings, seed=0)
    assert spy.stamped == [2] * 5


def test_nothing_is_stamped_with_fraction_zero(images, model):
    spy = Spy()
    unlearn(model, spy, images, [WHITE], UnlearningSettings(fraction=0, epochs=1, leading=True), seed=0)
    assert spy.stamped == [0]


@pytest.mark.parametrize("dropout", [False, True])
def test_the_network_and_the_global_generator_are_left_alone(images, model, dropout):
    state, before = torch.random.get_rng_state(), [p.clone() for p in model.parameters()]
    settings = UnlearningSettings(epochs=1, dropout=dropout)
    first = unlearn(model, UNIT, images, [WHITE], settings, seed=0)
    second = unlearn(model, UNIT, images, [WHITE], settings, seed=0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first.parameters(), model.parameters(), strict=True))
    assert not first.training


@pytest.mark.slow
def test_unlearning_the_true_trigger_removes_the_backdoor(mnist_test):
    working, held_out = mnist_test.split(0.5, seed=0)
    attacked = load_demo_checkpoint().model
    repaired = unlearn(attacked, CONTRACT, working, [DEMO_TRIGGER], UnlearningSettings(), seed=0)
    before, after = CONTRACT.bind(attacked), CONTRACT.bind(repaired)
    assert attack_success_rate(before, held_out, DEMO_TRIGGER, 4) > 0.99
    assert attack_success_rate(after, held_out, DEMO_TRIGGER, 4) < 0.01
    assert clean_accuracy(after, held_out) > clean_accuracy(before, held_out) - 0.015
