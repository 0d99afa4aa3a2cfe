"""A network whose weights are saved in every layout, and others that hold it or differ in a layer."""

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(2))
        self.classifier = nn.Linear(16, 10)
        self.register_buffer("scratch", torch.zeros(3), persistent=False)

    def forward(self, inputs):
        return self.classifier(self.features(inputs).flatten(1))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Net()

    def forward(self, inputs):
        return self.model(inputs)


class Tied(nn.Module):
    """A network with one kernel in two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        self.second.weight = self.first.weight
        self.classifier = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.classifier(self.second(self.first(inputs)).flatten(1))


class Indexed(nn.Module):
    """A network that reads its pixels in an order that a buffer gives."""

    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.arange(64).flip(0))
        self.classifier = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.classifier(inputs.flatten(1)[:, self.order])


class Saved(NamedTuple):
    """What a training saves, in order."""

    network: Any
    optimiser: Any


@dataclass
class Run:
    """What a training saves, by name."""

    network: Any
    loss: torch.Tensor


class Steps(list):
    """Everything that a training saved, one after the other."""


class Bag(dict):
    """A dictionary of a class that only its author has."""


class Tagged(torch.Tensor):
    """A tensor of a class that only its author has."""

    @classmethod
    def tagged(cls):
        """Return the class."""
        return cls


class Colour(enum.Enum):
    """Names of the author's own."""

    RED = 1


class Lazy(nn.Module):
    """A network whose layers know their shapes once they have seen an image."""

    def __init__(self):
        super().__init__()
        self.features, self.classifier = nn.LazyConv2d(4, 3), nn.LazyLinear(10)

    def forward(self, inputs):
        return self.classifier(self.features(inputs).flatten(1))


def trained():
    """Return a network whose weights and counters are those of no new one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Net()
        network.features[1].running_mean.uniform_()
    network.features[1].num_batches_tracked.fill_(7)
    return network


class ChannelsLast(nn.Module):
    """A network that was made in Keras: its images lie in a row with the channels last."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, eps=1e-3)
        self.deep = nn.Conv2d(4, 4, 3, groups=4)
        self.hidden, self.head = nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, inputs):
        features = self.deep(self.norm(self.stem(inputs)).relu())
        return self.head(self.hidden(features.permute(0, 2, 3, 1).flatten(1)).relu())
