"""What the repairs that train have in common, and plain and sharpness-aware fine-tuning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attacked_toy import CONTRACT, TARGET, TRIGGER, ToyResNet, attacked_network, toy_images
from torch import nn

from trivet.errors import CheckpointError
from trivet.security import Classifier, attack_success_rate, clean_accuracy
from trivet.security.repairs import (
    FineTuningSettings,
    UnlearningSettings,
    fine_tune,
    fine_tune_sharpness_aware,
    unlearn,
)
from trivet.security.repairs.training import affordable_batch, shifted, shuffled_batches, trainable_copy
from trivet.security.repairs.tuning import sharp_gradients

QUICK = FineTuningSettings(steps=12, batch_size=50)


class Spy:
    """A contract that keeps what it is given."""

    def __init__(self):
        self.batches = []

    def __call__(self, pixels):
        self.batches.append(pixels.clone())
        return CONTRACT(pixels)


@pytest.fixture
def images():
    return toy_images(300, seed=2)


def train(kind, model, images, seed=0):
    if kind == "unlearn":
        settings = UnlearningSettings(steps=12, batch_size=50, shift=1, dropout=True)
        return unlearn(model, CONTRACT, images, [TRIGGER], settings, seed=seed)
    method = fine_tune if kind == "fine-tune" else fine_tune_sharpness_aware
    return method(model, CONTRACT, images, QUICK, seed=seed)


@pytest.mark.parametrize("kind", ["unlearn", "fine-tune", "sharpness-aware"])
def test_training_changes_a_copy_and_follows_the_seed(images, kind):
    model, state = attacked_network(), torch.random.get_rng_state()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first, again, other = (train(kind, model, images, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])
    assert not torch.equal(first["fc.weight"], before["fc.weight"])


@pytest.mark.parametrize("kind", ["unlearn", "fine-tune", "sharpness-aware"])
def test_batch_norm_keeps_its_statistics_and_learns_scale_and_offset(images, kind):
    model = attacked_network()
    before, after = model.state_dict(), train(kind, model, images).state_dict()
    kept = [name for name in before if "running" in name or "num_batches" in name]
    assert len(kept) == 9
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["bn1.weight"], after["bn1.weight"])
    assert not torch.equal(before["bn1.bias"], after["bn1.bias"])


@pytest.mark.parametrize("kind", ["unlearn", "fine-tune", "sharpness-aware"])
def test_a_trained_network_is_as_frozen_as_a_loaded_one(images, kind):
    repaired = train(kind, attacked_network(), images)
    assert not any(module.training for module in repaired.modules())
    assert all(p.grad is None and not p.requires_grad for p in repaired.parameters())


def test_steps_stand_in_for_epochs_and_do_not_depend_on_the_number_of_images(images):
    for count, sizes in ((300, [120, 120, 60, 120, 120]), (50, [50] * 5)):
        spy = Spy()
        settings = UnlearningSettings(steps=5, batch_size=120)
        unlearn(attacked_network(), spy, images.take(np.arange(count)), [TRIGGER], settings, seed=0)
        assert [len(batch) for batch in spy.batches] == sizes


@pytest.mark.parametrize("spare", [False, True])
def test_images_of_the_target_class_are_spared_the_trigger(images, spare):
    spy, told = Spy(), replace(images, labels=np.repeat([TARGET, 0], 150), pixels=images.pixels * 0)
    told.pixels[150:] += 0.5  # so that a batch shows which class an image is of
    settings = UnlearningSettings(steps=6, batch_size=50, spare_target=spare)
    unlearn(attacked_network(), spy, told, [TRIGGER], settings, seed=0, target=TARGET)
    batches = torch.stack(spy.batches)
    stamped = batches[:, :, 0, 0, 5] == 1
    assert stamped.sum(dim=1).tolist() == [10] * 6
    of_target = batches[:, :, 0, -1, -1] == 0
    assert bool((stamped & of_target).any()) is not spare


def test_shifts_move_whole_images_and_repeat_the_edge():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = {
        tuple(moved.flatten().tolist())
        for moved in shifted(image.expand(200, -1, -1, -1), at_most=1, generator=torch.Generator())
    }
    assert len(found) == 9
    assert tuple(range(9)) in found
    assert (0, 0, 1, 0, 0, 1, 3, 3, 4) in found
    colour = torch.rand(4, 3, 5, 7)
    assert shifted(colour, at_most=2, generator=torch.Generator()).shape == colour.shape
    assert shifted(colour, at_most=0, generator=torch.Generator()) is colour


def test_batches_go_through_all_images_before_any_comes_again():
    batches = list(shuffled_batches(10, batch_size=4, steps=5, seed=0))
    assert [len(rows) for rows in batches] == [4, 4, 2, 4, 4]
    assert sorted(torch.cat(batches[:3]).tolist()) == list(range(10))
    again = shuffled_batches(10, batch_size=4, steps=5, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


def test_a_batch_is_as_large_as_its_activations_allow(images, monkeypatch):
    model = attacked_network()
    assert affordable_batch(model, CONTRACT, images, at_most=128) == 128
    # The stem alone keeps eight maps of 12x12 numbers for each image.
    monkeypatch.setattr("trivet.security.repairs.training.RESULTS_BUDGET", 20 * 8 * 144 * 4)
    small = affordable_batch(model, CONTRACT, images, at_most=128)
    assert 1 < small < 20
    monkeypatch.setattr("trivet.security.repairs.training.RESULTS_BUDGET", 1)
    assert affordable_batch(model, CONTRACT, images, at_most=128) == 1


def test_a_network_without_weights_is_refused():
    class Fixed(Classifier):
        def logits(self, inputs):
            return inputs.flatten(1)[:, :4]

    with pytest.raises(CheckpointError, match="no weights that could be trained"):
        trainable_copy(Fixed())


def test_sharp_gradients_are_those_at_the_worst_point_nearby():
    start = torch.tensor([3.0, -0.5, 0.0])
    scale = torch.tensor([1.0, 4.0, 2.0])
    weight = nn.Parameter(start.clone())
    idle = nn.Parameter(torch.ones(2))
    sharp_gradients([weight, idle], lambda: 0.5 * (scale * weight**2).sum(), radius=0.2)
    gradient = scale * start
    move = 0.2 * start**2 * gradient / (start * gradient).norm()
    torch.testing.assert_close(weight.grad, scale * (start + move))
    assert torch.equal(weight.detach(), start)
    assert idle.grad is None
    assert float((move / start)[:2].norm()) == pytest.approx(0.2)  # the radius, in units of the weights


def test_fine_tuning_learns_what_the_network_did_not_know(images):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        fresh = ToyResNet().eval()
    tuned = fine_tune(fresh, CONTRACT, images, FineTuningSettings(steps=150, batch_size=50), seed=0)
    held_out = toy_images(300, seed=4)
    assert clean_accuracy(CONTRACT.bind(fresh), held_out) < 0.5
    assert clean_accuracy(CONTRACT.bind(tuned), held_out) > 0.95


def test_the_rate_rises_and_falls_and_weights_may_be_held(images):
    rates = []

    def hold(model):
        rates.append(float(model.fc.weight.detach().norm()))
        with torch.no_grad():
            model.fc.bias.zero_()

    shares = []
    tuned = fine_tune(
        attacked_network(), CONTRACT, images, QUICK, seed=0, after_step=hold, progress=shares.append
    )
    assert len(rates) == QUICK.steps
    assert not tuned.fc.bias.any()
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_sharpness_aware_tuning_forgets_more_than_plain_tuning():
    images, held_out = toy_images(600, seed=2), toy_images(600, seed=3)
    settings = FineTuningSettings(steps=60, batch_size=64)
    model = attacked_network()
    plain = fine_tune(model, CONTRACT, images, settings, seed=0)
    flat = fine_tune_sharpness_aware(model, CONTRACT, images, settings, seed=0)
    rates = [attack_success_rate(CONTRACT.bind(net), held_out, TRIGGER, TARGET) for net in (plain, flat)]
    assert rates[1] < rates[0]
    assert clean_accuracy(CONTRACT.bind(flat), held_out) > 0.9
