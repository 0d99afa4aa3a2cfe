import numpy as np
import pytest
import torch
from attacked_toy import CONTRACT, ToyResNet, toy_images

from fake_device import FakeDevice
from trivet import security
from trivet.errors import UsageError
from trivet.security.device import CPU, OnDevice, device_of, find_device, on_device
from trivet.security.frozen import freeze
from trivet.security.repairs.training import trainable_copy
from trivet.security.repairs.tuning import FineTuningSettings, fine_tune
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn
from trivet.security.scanning.refine import RefinementSettings, refine_triggers
from trivet.security.scanning.search import MarginSettings, SearchSettings, TriggerSearch, maximum_margins

ACCELERATOR = find_device("auto")


def test_the_processor_is_the_default_and_what_is_not_there_is_refused(monkeypatch):
    assert find_device(CPU).type == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto").type == CPU
    for name in ("cuda", "cuda:3", "mps"):
        with pytest.raises(UsageError, match=f"finds no device '{name}' here, but none but the processor"):
            find_device(name)
    for name in ("gpu", "cuda:x", ""):
        with pytest.raises(UsageError, match="expected cpu, cuda, cuda:1, mps or auto"):
            find_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto").type == "cuda"
    assert find_device("cuda:1").index == 1
    with pytest.raises(UsageError, match="2 of cuda"):
        find_device("cuda:2")


def test_a_network_on_the_processor_stays_what_it_is():
    model = ToyResNet()
    assert on_device(model, torch.device(CPU)) is model
    assert device_of(model) == CPU


@pytest.fixture
def one_thread():
    """Keep to this thread: PyTorch's modes hold for one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def away():
    with FakeDevice():
        yield on_device(ToyResNet(), torch.device("meta"))


@pytest.mark.parametrize("changed", [freeze, trainable_copy], ids=["frozen", "trainable"])
def test_images_go_to_a_device_and_logits_and_gradients_come_back(away, changed):
    model = changed(away)
    assert isinstance(model, OnDevice)
    assert device_of(model) == "meta"
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    pixels = torch.rand(3, 1, 12, 12).requires_grad_()
    logits = model.logits(CONTRACT(pixels))
    assert (logits.device.type, tuple(logits.shape)) == (CPU, (3, 4))
    (gradient,) = torch.autograd.grad(logits.sum(), pixels)
    assert gradient.device.type == CPU
    assert {weight.device.type for weight in model.weights().values()} == {CPU}


def test_search_refinement_and_repairs_leave_tensors_where_they_are(away, one_thread):
    images = toy_images(60, seed=0)
    score = CONTRACT.bind(freeze(away))
    maximum_margins(score, images.pixels.shape[1:], 4, MarginSettings(starts=1, steps=2), seed=0)
    search = TriggerSearch(score, images, SearchSettings(), seed=0)
    search.advance(3, range(4))
    refine_triggers(score, images, [search.stack(0)], RefinementSettings(steps=3), seed=0)
    settings = FineTuningSettings(steps=3, batch_size=8)
    assert device_of(fine_tune(away, CONTRACT, images, settings, seed=0)) == "meta"
    unlearned = unlearn(away, CONTRACT, images, [search.trigger(0)], UnlearningSettings(steps=3), seed=0)
    assert device_of(unlearned) == "meta"


@pytest.mark.skipif(ACCELERATOR.type == CPU, reason="no accelerator here")
def test_a_scan_on_an_accelerator_says_what_one_on_the_processor_says(mnist_test):
    images = mnist_test.take(np.arange(2_000))
    here = security.load_demo_checkpoint()
    there = security.Checkpoint(on_device(security.load_demo_checkpoint().model, ACCELERATOR), here.info)
    first, second = (security.scan(checkpoint, images).result for checkpoint in (here, there))
    assert second.device == str(ACCELERATOR)
    assert (first.verdict, first.suspected_label) == (second.verdict, second.suspected_label)
    for one, other in zip(first.labels, second.labels, strict=True):
        assert one.margin == pytest.approx(other.margin, rel=0.02)
