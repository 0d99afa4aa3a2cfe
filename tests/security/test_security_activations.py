import pytest
import torch
from torch import nn
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security import adapting as activations
from trivet.security import build_architecture
from trivet.security.adapting import MAX_BYTES, measured


def test_results_are_counted_and_views_are_not():
    convolutions = 2 * 16 * 24 * 24 + 16 * 12 * 12 + 2 * 32 * 8 * 8 + 32 * 4 * 4
    network = build_architecture("mnist-cnn").eval()
    pixels = torch.zeros(1, 1, 28, 28)
    with torch.no_grad(), measured("x") as tally:
        network.logits(pixels)
    assert tally.bytes == 4 * (convolutions + 512 + 512 + 10)
    with measured("x") as tally:
        torch.zeros(3, 4).relu().reshape(4, 3).t()[1:].sum()
    assert tally.bytes == 4 * (12 + 12 + 1)


@pytest.mark.parametrize(
    "operation",
    [
        lambda _: torch.full((10**6, 10**6), 1.0),
        lambda _: torch.empty(10**12),
        lambda _: torch.arange(10**12),
        lambda x: x.new_zeros(10**12),
        lambda x: x.repeat(10**6, 10**6, 1, 1),
        lambda x: x.expand(10**6, 10**6, -1, -1).contiguous(),
        lambda x: x.reshape(-1, 1) * torch.zeros(1).expand(10**9),
        lambda x: functional.pad(x, (10**6, 10**6, 10**6, 10**6)),
        lambda x: functional.interpolate(x, scale_factor=1e5),
        lambda x: functional.conv2d(x, torch.zeros(1, 1, 1, 1), padding=10**6),
        lambda x: functional.conv2d(x, torch.zeros(4, 1, 2000, 2000), padding=2000),
        lambda _: torch.repeat_interleave(torch.tensor([1]), torch.tensor([10**12])),
        lambda _: torch.bincount(torch.tensor([10**12])),
        lambda _: torch.zeros(1).expand(10**9)[torch.ones(1, dtype=torch.bool).expand(10**9)],
        lambda _: torch.ones(1).expand(10**9).nonzero(),
    ],
)
def test_what_is_too_large_is_stopped_before_it_is_allocated(operation):
    with torch.no_grad(), pytest.raises(CheckpointError, match=r"x was refused: .* 1\.6 GiB"), measured("x"):
        operation(torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize("operation", [torch.sum, torch.max, torch.argmax, torch.all])
def test_a_view_without_end_is_not_worked_through(operation):
    endless = torch.zeros(1).expand(2**41)
    with torch.no_grad(), pytest.raises(CheckpointError, match="works through more than 2e"), measured("x"):
        operation(endless)


def test_many_small_results_add_up(monkeypatch):
    monkeypatch.setattr(activations, "MAX_BYTES", 2**20)
    with pytest.raises(CheckpointError, match="x was refused"), measured("x"):
        list(map(torch.zeros, [256] * (2**20 // 1024 + 1)))


def test_weights_count_too():
    with measured("x", held=MAX_BYTES - 39), pytest.raises(CheckpointError):
        torch.zeros(10)
    with measured("x", held=MAX_BYTES - 40):
        torch.zeros(10)


def test_results_are_those_of_the_network():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten()).eval()
    pixels = torch.rand(2, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), measured("x"):
        found = network(pixels)
    assert torch.equal(found, network(pixels))
    with measured("x"):
        assert torch.tensor([0.0, 2.0]).nonzero().tolist() == [[1]]


def test_an_operator_s_own_complaint_is_the_one_that_is_heard():
    with pytest.raises(RuntimeError, match="mat1 and mat2"), measured("x"):
        torch.zeros(2, 3) @ torch.zeros(2, 3)
