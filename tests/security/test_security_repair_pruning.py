"""Which channels run, which of them are pruned, and whether they stay so."""

import copy

import numpy as np
import pytest
import torch
from attacked_toy import CONTRACT, SHAPE, TARGET, TRIGGER, ToyResNet, attacked_network, toy_images
from torch import nn
from torch.nn import functional

from trivet.security import Classifier, attack_success_rate, clean_accuracy
from trivet.security.repairs import FineTuningSettings, fine_prune, prune_by_lipschitz
from trivet.security.repairs.pruning import channel_bounds, observe, silence, silenced_by


class Functional(Classifier):
    """A network without layers: its convolution is a plain function of its weights."""

    input_shape = SHAPE
    classes = 4

    def __init__(self):
        super().__init__()
        self.filters = nn.Parameter(torch.rand(6, 1, 3, 3) - 0.5)
        self.register_buffer("offsets", torch.zeros(6))

    def logits(self, inputs):
        upscaled = functional.conv_transpose2d(inputs, torch.ones(1, 1, 2, 2))
        return functional.conv2d(upscaled, self.filters, self.offsets).amax(dim=(2, 3))[:, :4]


@pytest.fixture
def inputs():
    return CONTRACT(torch.from_numpy(toy_images(20, seed=5).pixels))


def test_convolutions_are_found_in_their_order_with_their_batch_norms(inputs):
    found = observe(ToyResNet().eval(), inputs)
    assert [(c.weight, c.bias, c.norm and c.norm.weight, c.kernel) for c in found] == [
        ("stem.0.weight", None, "stem.1.weight", (3, 3)),
        ("conv1.weight", None, "bn1.weight", (3, 3)),
        ("conv2.weight", "conv2.bias", "bn2.weight", (3, 3)),
        ("shortcut.weight", "shortcut.bias", None, (1, 1)),
    ]
    assert found[1].norm.bias == "bn1.bias"
    assert found[1].norm.variance == "bn1.running_var"
    assert found[1].norm.eps == 1e-5


def test_convolutions_are_found_in_networks_without_layers(inputs):
    (found,) = observe(Functional(), inputs)
    assert (found.weight, found.bias, found.norm) == ("filters", "offsets", None)


def test_activity_is_what_a_rectifier_would_let_through(inputs):
    model = attacked_network()
    found = {c.weight: c.activity for c in observe(model, inputs)}
    with torch.no_grad():
        stem = torch.relu(model.stem(inputs))
        shortcut = torch.relu(model.shortcut(stem))
    torch.testing.assert_close(found["stem.0.weight"], stem.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(found["shortcut.weight"], shortcut.mean(dim=(0, 2, 3)))


def test_silent_channels_give_zero_and_the_others_what_they_gave(inputs):
    model = copy.deepcopy(attacked_network())
    layer = observe(model, inputs)[2]
    channels = torch.arange(16) < 5
    assert bool((layer.activity[:5] > 0).any())
    silence(model, silenced_by(layer, channels))
    activity = observe(model, inputs)[2].activity
    assert not activity[:5].any()
    assert torch.equal(activity[5:], layer.activity[5:])


def test_bounds_are_singular_values_with_batch_norm_folded_in(inputs):
    model = attacked_network()
    layer = observe(model, inputs)[1]
    state = {name: tensor.numpy().astype(float) for name, tensor in model.state_dict().items()}
    scale = np.abs(state["bn1.weight"]) / np.sqrt(state["bn1.running_var"] + 1e-5)
    expected = [
        np.linalg.norm(filters.reshape(8, 9), ord=2) * factor
        for filters, factor in zip(state["conv1.weight"], scale, strict=True)
    ]
    np.testing.assert_allclose(channel_bounds(model, layer).numpy(), expected, rtol=1e-5)


def test_the_bound_of_a_channel_is_the_largest_amplification_of_its_taps():
    model = Functional()
    (layer,) = observe(model, torch.zeros(1, *SHAPE))
    patch = model.filters[2].detach().flatten()
    reached = float(patch @ patch / patch.norm())
    assert float(channel_bounds(model, layer)[2]) == pytest.approx(reached, rel=1e-5)


def test_a_channel_that_stands_out_is_pruned_with_its_batch_norm():
    model = ToyResNet(width=16).eval().requires_grad_(False)
    for layer, seed in zip((model.stem[0], model.conv1, model.conv2, model.shortcut), range(4), strict=True):
        nn.init.uniform_(layer.weight, 0.1, 0.2, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        model.bn1.weight[3] = 40
        model.bn1.bias[3] = 1
    pruned = prune_by_lipschitz(model)
    assert (pruned.channels, pruned.examined) == (1, 16 + 32 + 32 + 32)
    assert not pruned.model.conv1.weight[3].any()
    assert not pruned.model.bn1.weight[3]
    assert not pruned.model.bn1.bias[3]
    assert bool(pruned.model.bn1.weight[4])
    assert float(model.bn1.weight[3]) == 40
    assert prune_by_lipschitz(model, deviations=1.0).channels > 1


class Wired(Classifier):
    """A channel for the blobs of each class, fifteen that do little, and a loud one for the trigger."""

    input_shape = SHAPE
    classes = 4

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 20, kernel_size=12)
        self.fc = nn.Linear(20, 4)
        for tensor in (*self.parameters(),):
            nn.init.zeros_(tensor)
        with torch.no_grad():
            for label in range(4):
                row, column = 2 + 5 * (label // 2), 1 + 6 * (label % 2)
                self.conv.weight[label, 0, row : row + 4, column : column + 4] = 0.05
                self.fc.weight[label, label] = 10
            self.conv.weight[4:19] = 0.01 * torch.rand(
                15, 1, 12, 12, generator=torch.Generator().manual_seed(0)
            )
            self.conv.weight[19, 0, :2, 5:7] = 10
            self.conv.bias[19] = -39
            self.fc.weight[TARGET, 19] = 100

    def logits(self, inputs):
        return self.fc(torch.relu(self.conv(inputs)).flatten(1))


def test_a_backdoor_in_one_loud_channel_is_removed_without_data():
    model, held_out = Wired().eval(), toy_images(300, seed=3)
    pruned = prune_by_lipschitz(model)
    assert pruned.channels == 1
    rates = [attack_success_rate(net.logits, held_out, TRIGGER, TARGET) for net in (model, pruned.model)]
    assert rates[0] == 1
    assert rates[1] < 0.01
    assert clean_accuracy(pruned.model.logits, held_out) == clean_accuracy(model.logits, held_out) > 0.95


def test_idle_channels_are_pruned_and_stay_silent_through_fine_tuning():
    images = toy_images(400, seed=2)
    pruned = fine_prune(
        attacked_network(), CONTRACT, images, FineTuningSettings(steps=30, batch_size=50), seed=0
    )
    assert pruned.examined == 16
    assert 0 < pruned.channels < 16
    state = pruned.model.state_dict()
    silent = ~state["conv2.weight"].flatten(1).any(dim=1)
    assert int(silent.sum()) == pruned.channels
    assert not state["bn2.weight"][silent].any()
    assert not state["bn2.bias"][silent].any()
    assert not state["conv2.bias"][silent].any()
    assert bool(state["shortcut.weight"].flatten(1).any(dim=1).all())


def test_the_most_idle_channels_go_first_and_accuracy_says_how_many():
    images, model = toy_images(400, seed=2), attacked_network()
    settings = FineTuningSettings(steps=1, batch_size=50)
    counts = []
    for tolerance in (-1.0, 0.0, 0.05, 1.0):
        pruned = fine_prune(model, CONTRACT, images, settings, tolerance=tolerance, seed=0)
        silent = ~pruned.model.conv2.weight.flatten(1).any(dim=1)
        counts.append(pruned.channels)
        activity = observe(model, CONTRACT(torch.from_numpy(images.split(0.5, seed=0)[0].pixels)))[2].activity
        if 0 < pruned.channels < 16:
            assert activity[silent].max() <= activity[~silent].min()
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 15


def test_a_network_without_convolutions_is_only_fine_tuned():
    class Flat(Classifier):
        input_shape = SHAPE
        classes = 4

        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(144, 4)

        def logits(self, inputs):
            return self.fc(inputs.flatten(1))

    model, images = Flat().eval(), toy_images(100, seed=2)
    pruned = fine_prune(model, CONTRACT, images, FineTuningSettings(steps=3, batch_size=50), seed=0)
    assert (pruned.channels, pruned.examined) == (0, 0)
    assert not torch.equal(pruned.model.fc.weight, model.fc.weight)
    lipschitz = prune_by_lipschitz(model)
    assert (lipschitz.channels, lipschitz.examined) == (0, 0)


def test_fine_pruning_takes_the_true_trigger_away_from_the_toy():
    images, held_out = toy_images(600, seed=2), toy_images(600, seed=3)
    pruned = fine_prune(
        attacked_network(), CONTRACT, images, FineTuningSettings(steps=200, batch_size=64), seed=0
    )
    score = CONTRACT.bind(pruned.model)
    assert attack_success_rate(score, held_out, TRIGGER, TARGET) < 0.3
    assert clean_accuracy(score, held_out) > 0.95
