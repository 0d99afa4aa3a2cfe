"""Networks of the user's own code that cannot be audited, and images that do not belong to one."""

from functools import partial

import torch
from hostile_case import Case
from hostile_pickles import saved, state
from torch import nn


class Linear(nn.Module):
    """One layer; what it makes of the scores is the caller's choice."""

    def __init__(self, answer):
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.answer = answer

    def forward(self, images):
        return self.answer(self.fc(images.flatten(1)))


def _raise(_scores):
    raise RuntimeError("out of \x1b[31morder\nTraceback (most recent call last):")


raises = partial(Linear, _raise)
returns_nan = partial(Linear, lambda scores: scores * torch.nan)
returns_nothing = partial(Linear, lambda _scores: None)
returns_one_number = partial(Linear, lambda scores: scores[:, :1].sigmoid())
returns_one_class = partial(Linear, lambda scores: scores[:, 0])
returns_pairs = partial(Linear, lambda scores: (scores, scores + 1))
returns_turned = partial(Linear, lambda scores: scores.t())
sound = partial(Linear, lambda scores: scores)


def weights(folder):
    path = folder / "a.pth"
    torch.save(sound().state_dict(), path)
    return path


def foreign(name, factory, message, **settings):
    return Case(name, weights, message, architecture=f"hostile_networks:{factory}", **settings)


def own(name, message, **settings):
    return Case(name, saved(lambda _: state()), message, **settings)


CASES = [
    foreign("a forward that raises", "raises", r"it raises RuntimeError: out of \x1b[31morder. Check"),
    foreign("a forward that returns NaN", "returns_nan", "returns scores that are not finite numbers"),
    foreign("a forward that returns nothing", "returns_nothing", "returns a NoneType for a batch of 1"),
    foreign("a network with one sigmoid", "returns_one_number", "as a network with one sigmoid output does"),
    foreign("a network that returns two scores", "returns_pairs", "returns 2 tensors of shape (1, 10)"),
    foreign("a network that turns its scores", "returns_turned", "returns (10, 1) for a batch of 1"),
    foreign("images of fewer classes", "sound", "tells 10 classes apart, the images have 4", classes=4),
    foreign("images too large", "sound", "it raises RuntimeError: mat1 and mat2", input_shape=(3, 32, 32)),
    own("images of another size", "takes images of shape (1, 28, 28)", input_shape=(1, 32, 32)),
    own("colour for a grey network", "takes images of shape (1, 28, 28)", input_shape=(3, 28, 28)),
    own("images of other classes", "tells 10 classes apart, the images have 43", classes=43),
    own("images of one class", "the images are of 1 class; expected two or more", classes=1),
]
