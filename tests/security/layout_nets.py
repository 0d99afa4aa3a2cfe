"""A network whose weights are saved in every layout, and the same inside another module."""

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
