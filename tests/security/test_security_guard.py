from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from trivet.datasets import ImageSet
from trivet.errors import CheckpointError, TrivetError
from trivet.security import check_contract, repair_network, scan
from trivet.security.adapting import adapt
from trivet.security.checkpoint import Checkpoint, load_demo_checkpoint
from trivet.security.contract import UNIT
from trivet.security.evaluation import predict
from trivet.security.frozen import freeze
from trivet.security.repairs.training import copied_network
from trivet.security.scanning.search import MarginSettings, maximum_margins
from trivet.security.trigger import Trigger

SHAPE, CLASSES = (1, 4, 4), 3


class Failing(nn.Module):
    """Three linear scores; from the call after `sound` on, `fail` makes what comes out."""

    def __init__(self, fail, sound=10):
        super().__init__()
        self.layer = nn.Linear(16, CLASSES)
        nn.init.eye_(self.layer.weight)
        self.fail, self.calls, self.sound = fail, 0, sound

    def forward(self, images):
        self.calls += 1
        scores = self.layer(images.flatten(1))
        return self.fail(scores) if self.calls > self.sound else scores

    def __deepcopy__(self, _memo):
        return self


def raising(error):
    def fail(_scores):
        raise error

    return fail


class MuteError(RuntimeError):
    def __str__(self):
        raise ValueError("nothing to say")


FAILURES = {
    "mute error": (raising(MuteError()), "raises MuteError"),
    "error": (raising(KeyError("x")), "raises KeyError"),
    "exit": (raising(SystemExit(0)), "raises SystemExit"),
    "generator": (raising(GeneratorExit()), "raises GeneratorExit"),
    "shape": (lambda scores: scores[:, :2], "tells 2 classes apart"),
    "rows": (lambda scores: scores[:0], "for a batch of"),
    "nothing": (lambda _scores: None, "NoneType"),
    "nan": (lambda scores: scores * torch.nan, "not finite"),
    "infinity": (lambda scores: scores + torch.inf, "not finite"),
    "no gradient": (lambda scores: scores.detach(), "cannot differentiate its scores"),
}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % CLASSES
    pixels = rng.uniform(0, 0.2, (120, *SHAPE)).astype(np.float32)
    pixels.reshape(120, 16)[np.arange(120), labels] = 1
    return ImageSet("bars", pixels, labels, classes=CLASSES)


def adapted(fail, sound=10):
    return adapt(Failing(fail, sound), input_shape=SHAPE, classes=CLASSES)


@pytest.mark.parametrize("sound", [4, 11, 40])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_network_that_fails_at_any_time_ends_the_scan_with_one_error(images, failure, sound):
    fail, message = FAILURES[failure]
    info = replace(load_demo_checkpoint().info, name="n")
    with pytest.raises(CheckpointError, match=message):
        scan(Checkpoint(adapted(fail, sound), info), images)


@pytest.mark.parametrize("failure", ["error", "exit", "nan", "shape"])
def test_every_measurement_is_guarded(images, failure):
    fail, message = FAILURES[failure]
    for use in (
        lambda model: predict(UNIT.bind(model), images),
        lambda model: check_contract(model, images),
        lambda model: maximum_margins(UNIT.bind(model), SHAPE, CLASSES, MarginSettings(), seed=0),
    ):
        model = adapted(fail)
        model.network.calls = 10
        with pytest.raises(CheckpointError, match=message):
            use(model)


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(0)])
def test_a_network_that_fails_in_training_ends_the_repair_with_one_error(images, error):
    class Untrainable(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, CLASSES)
            nn.init.eye_(self.layer.weight)
            nn.init.zeros_(self.layer.bias)

        def forward(self, pixels):
            if self.layer.weight.requires_grad:
                raise error
            return self.layer(pixels.flatten(1))

    model = adapt(Untrainable(), input_shape=SHAPE, classes=CLASSES)
    trigger = Trigger.square(row=0, column=0, size=4, value=1.0, shape=SHAPE)
    working, held_out = images.split(0.5, seed=0)
    with pytest.raises(CheckpointError, match=rf"it raises {type(error).__name__}"):
        repair_network(model, UNIT, working, held_out, trigger=trigger, target=0, method="fine-tune", seed=0)


def test_a_contract_under_which_the_network_fails_is_no_candidate(images):
    class Picky(Failing):
        def forward(self, pixels):
            if pixels.max() > 1:
                raise ValueError("pixels above one")
            return self.layer(pixels.flatten(1))

    model = adapt(Picky(None), input_shape=SHAPE, classes=CLASSES)
    check = check_contract(model, images, None)
    assert check.best.name == "[0,1]"
    assert {"[0,1]", "(x-0.5)/0.5"} == {candidate.name for candidate in check.candidates}


def test_lack_of_memory_is_one_line_that_says_what_to_lower(images):
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")):
        model = adapted(raising(error))
        model.network.calls = 10
        with pytest.raises(TrivetError, match=r"for lack of memory: .*--limit") as caught:
            predict(UNIT.bind(model), images)
        assert not isinstance(caught.value, CheckpointError)  # the file is not to blame: tried again


def test_an_interrupt_passes(images):
    model = adapted(raising(KeyboardInterrupt()))
    model.network.calls = 10
    with pytest.raises(KeyboardInterrupt):
        predict(UNIT.bind(model), images)


def test_a_network_that_cannot_be_copied_is_refused():
    class Fixed(Failing):
        def __deepcopy__(self, _memo):
            raise TypeError("cannot pickle '_thread.lock' object")

    model = adapt(Fixed(None), input_shape=SHAPE, classes=CLASSES)
    for use in (freeze, copied_network):
        with pytest.raises(CheckpointError, match="cannot be copied"):
            use(model)


def test_batches_are_as_large_as_memory_allows(images):
    largest = 0

    class Hungry(Failing):
        def forward(self, pixels):
            nonlocal largest
            largest = max(largest, len(pixels))
            wide = pixels.flatten(1)[:, :, None].expand(-1, -1, 400_000).clone()  # 25 MB an image
            return self.layer(wide.mean(dim=2))

    model = adapt(Hungry(None), input_shape=SHAPE, classes=CLASSES)
    few = images.take(np.arange(45))
    assert (predict(UNIT.bind(model), few) == few.labels).all()
    assert 3 < largest <= 20
