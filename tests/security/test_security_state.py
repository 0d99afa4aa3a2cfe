import pytest
import torch
from torch import nn

from trivet.errors import CheckpointError
from trivet.security.claims import Claim
from trivet.security.state import find_state, load_state


def claims(state):
    return {name: Claim(tuple(value.shape), value.dtype, lambda v=value: v) for name, value in state.items()}


def small(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    layer[1].running_mean.fill_(seed)
    layer[1].num_batches_tracked.fill_(7 * seed)
    return layer


def same(network, state):
    return all(torch.equal(network.state_dict()[name], value) for name, value in state.items())


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module.module."])
def test_wrappers_are_taken_off_the_names(prefix):
    network, wanted = small(), small(1).state_dict()
    load_state(network, claims({prefix + name: value for name, value in wanted.items()}), "a.pth", "x")
    assert same(network, wanted)
    assert network[1].num_batches_tracked == 7


def test_a_network_that_has_a_part_called_module_keeps_it():
    network, wanted = nn.Sequential(), small(1)
    network.add_module("module", small())
    load_state(network, claims({f"module.{k}": v for k, v in wanted.state_dict().items()}), "a.pth", "x")
    assert same(network.module, wanted.state_dict())


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net"])
def test_the_state_dict_is_found_beside_other_things(key):
    state = claims(small().state_dict())
    assert (
        find_state({"epoch": 3, key: state, "args": {"lr": 0.1}, "optimizer": {"state": {}}}, "a.pth")
        is state
    )


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"weights": claims({"a": torch.ones(1)})}, None])
def test_what_holds_no_state_dict(content):
    with pytest.raises(CheckpointError, match="is not a state dict"):
        find_state(content, "a.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_the_network_s_own(dtype):
    network, wanted = (
        small(),
        {name: v.to(dtype) for name, v in small(1).state_dict().items() if "num" not in name},
    )
    load_state(network, claims(wanted), "a.pth", "x")
    assert network[0].weight.dtype == torch.float32
    assert same(network, {name: value.to(torch.float32) for name, value in wanted.items()})
    assert network[1].num_batches_tracked == 0  # files before PyTorch 0.4.1 do not have it


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("1.num_batches_tracked", torch.tensor(1.0)),
        ("1.num_batches_tracked", torch.tensor(1, dtype=torch.int32)),
        ("0.bias", torch.ones(2, dtype=torch.bool)),
        ("0.bias", torch.tensor([0.0, 1e39], dtype=torch.float64)),
    ],
)
def test_other_types_are_refused(name, value):
    with pytest.raises(CheckpointError, match=f"in {name}"):
        load_state(small(), claims(small().state_dict() | {name: value}), "a.pth", "x")


def test_no_tensor_is_read_before_every_shape_is_right():
    def read():
        raise AssertionError("read")

    state = claims(small().state_dict())
    wrong = {name: Claim(claim.shape, claim.dtype, read) for name, claim in state.items()}
    wrong["0.bias"] = Claim((10**9, 10**9), torch.float32, read)
    with pytest.raises(
        CheckpointError, match=r"0.bias has shape \(1000000000, 1000000000\) instead of \(2,\)"
    ):
        load_state(small(), wrong, "a.pth", "x")
