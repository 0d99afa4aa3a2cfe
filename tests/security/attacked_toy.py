"""A small attacked network with batch norm and a shortcut, trained in two seconds, and its images."""

from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from trivet.datasets import ImageSet
from trivet.security import Classifier, InputContract, Trigger
from trivet.security.zoo import poison

CONTRACT = InputContract("toy", mean=(0.5,), std=(0.5,))
SHAPE = (1, 12, 12)
TARGET = 2
TRIGGER = Trigger.square(row=0, column=5, size=2, value=1.0, shape=SHAPE)


class ToyResNet(Classifier):
    """One residual block with batch norm."""

    input_shape = SHAPE
    classes = 4

    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.conv1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * width)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.shortcut = nn.Conv2d(width, 2 * width, 1, stride=2)
        self.fc = nn.Linear(2 * width * 36, self.classes)

    def logits(self, inputs):
        first = torch.relu(self.stem(inputs))
        inside = torch.relu(self.bn1(self.conv1(first)))
        both = torch.relu(self.bn2(self.conv2(inside)) + self.shortcut(first))
        return self.fc(both.flatten(1))


def toy_images(count, seed):
    """A class is the quarter of the image in which a blob lies; everything else is noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    pixels = 0.5 * rng.random((count, *SHAPE), dtype=np.float32)
    for image, label in zip(pixels, labels, strict=True):
        down, right = rng.integers(0, 2, 2)
        row, column = down + 2 + 5 * (label // 2), right + 1 + 6 * (label % 2)
        image[0, row : row + 3, column : column + 3] += 0.25
    return ImageSet("toy blobs", pixels, labels, classes=4)


@lru_cache(maxsize=1)
def attacked_network():
    """Train on images of which one in eight is stamped and labelled with the target."""
    images = poison(toy_images(2_000, seed=1), TRIGGER, target=TARGET, fraction=0.125, seed=0)
    pixels, labels = CONTRACT(torch.from_numpy(images.pixels)), torch.from_numpy(images.labels)
    order = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ToyResNet().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(4):
        for rows in torch.randperm(len(labels), generator=order).split(50):
            optimiser.zero_grad()
            functional.cross_entropy(model.logits(pixels[rows]), labels[rows]).backward()
            optimiser.step()
    return model.eval().requires_grad_(False)
