import pytest
import torch
from torch import nn

from trivet.security import build_architecture
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier


class Small(Classifier):
    """One convolution of any kind and a linear read-out."""

    def __init__(self, **convolution):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(out_channels=4, **convolution), nn.Tanh())

    def logits(self, inputs):
        return self.body(inputs).flatten(1)


def gradients(model, inputs):
    pixels = inputs.clone().requires_grad_()
    logits = model.logits(pixels)
    (logits * torch.linspace(-1, 1, logits.shape[1])).sum().backward()
    return logits.detach(), pixels.grad


@pytest.mark.parametrize(
    "convolution",
    [
        {"in_channels": 1, "kernel_size": 5},
        {"in_channels": 3, "kernel_size": 3, "padding": 1},
        {"in_channels": 2, "kernel_size": (3, 2), "stride": 2, "padding": (1, 0)},
        {"in_channels": 1, "kernel_size": 3, "dilation": 2, "bias": False},
        {"in_channels": 4, "kernel_size": 3, "groups": 2},
        {"in_channels": 1, "kernel_size": 3, "padding": 1, "padding_mode": "circular"},
        {"in_channels": 1, "kernel_size": 3, "padding": "same"},
        {"in_channels": 8, "kernel_size": 5},
    ],
)
def test_logits_and_input_gradients_are_the_same(convolution):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Small(**convolution)
    inputs = torch.rand(5, convolution["in_channels"], 12, 12, generator=torch.Generator().manual_seed(1))
    for frozen, plain in zip(gradients(freeze(model), inputs), gradients(model, inputs), strict=True):
        torch.testing.assert_close(frozen, plain, rtol=1e-5, atol=1e-5)


def test_the_study_network_is_the_same_and_the_original_is_left_alone():
    model = build_architecture("mnist-cnn").eval()
    before = [parameter.clone() for parameter in model.parameters()]
    inputs = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    frozen = freeze(model)
    for a, b in zip(gradients(frozen, inputs), gradients(model, inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert type(model.conv1[0]) is nn.Conv2d
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert not frozen.training


def steps_back(tensor):
    """Return the names of the steps that a gradient takes from `tensor`."""
    names, open_ends = [], [tensor.grad_fn]
    while open_ends:
        step = open_ends.pop()
        names.append(type(step).__name__)
        open_ends += [following for following, _ in step.next_functions if following is not None]
    return names


class Normed(Classifier):
    """A convolution whose batch norm alone takes its output, and one whose output is used again."""

    input_shape = (3, 8, 8)
    classes = 4

    def __init__(self):
        super().__init__()
        self.alone, self.after = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.shared, self.branch = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4)
        for norm in (self.after, self.branch):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, -2, 2)

    def logits(self, inputs):
        kept = self.shared(self.after(self.alone(inputs)).relu())
        return (self.branch(kept).relu() + kept).mean(dim=(2, 3))


def test_a_batch_norm_goes_into_the_convolution_that_only_it_follows():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Normed().eval()
    inputs = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    frozen = freeze(model)
    for a, b in zip(gradients(frozen, inputs), gradients(model, inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    assert type(frozen.after) is nn.Identity
    assert type(frozen.branch) is type(model.after) is nn.BatchNorm2d
