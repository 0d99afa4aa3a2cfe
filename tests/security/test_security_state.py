import hashlib
import re
from dataclasses import replace
from random import Random

import pytest
import safetensors.torch
import torch
from layout_nets import Tied
from torch import nn

from trivet.errors import CheckpointError, UsageError
from trivet.security import load_checkpoint
from trivet.security.checkpoint import _fill
from trivet.security.reading.matching import Layer, match
from trivet.security.reading.states import find_states
from trivet.security.reading.torchfile import LazyTensor, Storage, strides_of
from trivet.work.confined import Confined


def load_state(network, state, folder):
    safetensors.torch.save_file(state, folder / "a.safetensors")
    with Confined() as child:
        _fill(network, child, folder / "a.safetensors", "a.safetensors", "x")


def claims(state):
    def claim(value):
        shape = tuple(value.shape)
        return LazyTensor(
            shape, "F32", Storage("0", "F32", value.numel(), "a.pth", numbers), strides_of(shape)
        )

    return {name: claim(value) for name, value in state.items()}


def numbers(storage):
    """Return numbers that differ by a storage's name."""
    return bytearray(hashlib.sha256(storage.key.encode()).digest() * 8)


def small(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    layer[1].running_mean.fill_(seed)
    layer[1].num_batches_tracked.fill_(7 * seed)
    return layer


def same(network, state):
    return all(torch.equal(network.state_dict()[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module.module.", "net_", "model/"]
)
def test_wrappers_are_taken_off_the_names(tmp_path, prefix):
    network, wanted = small(), small(1).state_dict()
    load_state(network, {prefix + name: value for name, value in wanted.items()}, tmp_path)
    assert same(network, wanted)
    assert network[1].num_batches_tracked == 7


def test_a_network_that_has_a_part_called_module_keeps_it(tmp_path):
    network, wanted = nn.Sequential(), small(1)
    network.add_module("module", small())
    load_state(network, {f"module.{k}": v for k, v in wanted.state_dict().items()}, tmp_path)
    assert same(network.module, wanted.state_dict())


@pytest.mark.parametrize("key", ["state_dict", "ema", "a.b.params"])
def test_the_state_dict_is_found_beside_other_things(key):
    state = content = claims(small().state_dict())
    for step in reversed(key.split(".")):
        content = {"epoch": 3, step: content, "args": {"lr": 0.1}, "optimizer": {"state": {}}}
    assert find_states(content, "a.pth") == {key: state}
    assert find_states(content, "a.pth", key) == {"": state}


def test_a_key_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(CheckpointError, match=r"a\.pth has no 'ema'; its weights are under 'model'"):
        find_states({"epoch": 3, "model": claims(small().state_dict())}, "a.pth", "ema")


def nested(rng, depth):
    """Return weights under wrappers of every kind, with keys that print alike, or hardly."""
    if depth == 0 or rng.random() < 0.3:
        return claims(small().state_dict()) | {"0.bias": bias_of(rng.random())}
    inner = [nested(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.3:
        return inner
    keys = [
        "a",
        "b",
        "a.b",
        "b.a",
        0,
        1,
        "0",
        "1",
        "the top",
        "",
        "a\tb",
        "a\\tb",
        "it's",
        "é" * 300,
        "é" * 301,
    ]
    held = dict(zip(rng.sample(keys, len(inner)), inner, strict=True))
    return held | claims(small().state_dict()) if rng.random() < 0.3 else held


def bias_of(number):
    return replace(
        claims({"x": torch.zeros(2)})["x"], storage=Storage(str(number), "F32", 2, "a.pth", numbers)
    )


def taken(content, key):
    """Return the storage that a layer is filled from, or the places that a message offers."""
    layers = [Layer(name, tuple(value.shape), "F32") for name, value in small().state_dict().items()]
    try:
        claim = match(layers, find_states(content, "a.pth", key), "a.pth", "x", key).claims[1]
    except CheckpointError as error:
        offered = re.search("fit under '(.*)'; name the ones that you mean with --state-key", str(error))
        return offered[1].split("' and '")
    return claim.storage.key


def test_a_place_that_a_message_offers_is_accepted_when_typed():
    offers = 0
    for seed in range(60):
        content = nested(Random(seed), 4)
        offered = taken(content, None)
        if isinstance(offered, list):
            found = [taken(content, place) for place in offered]
            assert len(set(map(str, found))) == len(offered) > 1
            assert all(isinstance(each, str) for each in found)
            offers += len(found)
    assert offers > 60


@pytest.mark.parametrize(
    ("key", "found"),
    [("models.0", "1"), ("models.1", "2"), ("7", "3"), ("a.b", "4"), ("the top", "0"), ("again.1", "2")],
)
def test_lists_integers_dots_and_the_top_can_be_named(key, found):
    one, two, three, four = (
        claims(small().state_dict()) | {"0.bias": bias_of(each)} for each in (1, 2, 3, 4)
    )
    top = claims(small().state_dict()) | {"0.bias": bias_of(0)}
    content = top | {"models": [one, two], 7: three, "a.b": four}
    content["again"] = content["models"]
    assert taken(content, key) == found


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, None, [3]])
def test_what_holds_no_state_dict(content):
    with pytest.raises(CheckpointError, match="is not a state dict"):
        find_states(content, "a.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_the_network_s_own(tmp_path, dtype):
    network, wanted = (
        small(),
        {name: v.to(dtype) for name, v in small(1).state_dict().items() if "num" not in name},
    )
    load_state(network, wanted, tmp_path)
    assert network[0].weight.dtype == torch.float32
    assert same(network, {name: value.to(torch.float32) for name, value in wanted.items()})
    assert network[1].num_batches_tracked == 0  # files before PyTorch 0.4.1 do not have it


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("0.bias is saved as whole numbers", torch.ones(2, dtype=torch.bool)),
        ("in 0.bias", torch.tensor([0.0, 1e39], dtype=torch.float64)),
    ],
)
def test_other_types_are_refused(tmp_path, name, value):
    with pytest.raises(CheckpointError, match=name):
        load_state(small(), small().state_dict() | {name: value}, tmp_path)


def test_no_tensor_is_read_before_every_shape_is_right():
    state = small().state_dict()
    layers = [Layer(name, tuple(value.shape), "F32") for name, value in state.items()]
    assert len(match(layers, {"": claims(state)}, "a.pth", "x").claims) == len(layers)
    wrong = claims(state) | {"0.bias": claims({"a": torch.empty(10**9, 10**9, device="meta")})["a"]}
    with pytest.raises(
        CheckpointError, match=r"0.bias has shape \(1000000000, 1000000000\) instead of \(2,\)"
    ):
        match(layers, {"": wrong}, "a.pth", "x")


ONCE = ("st.weight", "nd.weight")
TIED = {key: value for key, value in Tied().state_dict().items() if not key.endswith(ONCE)}


def test_tied_weights_that_a_file_has_once_are_read_and_differing_ones_refused(tmp_path):
    torch.save({"first.weight": torch.ones(1, 1, 3, 3), **TIED}, tmp_path / "a.pth")
    loaded = load_checkpoint(tmp_path / "a.pth", architecture="layout_nets:Tied", input_shape=(1, 8, 8))
    assert bool((loaded.model.weights()["second.weight"] == 1).all())
    two = {"first.weight": torch.ones(1, 1, 3, 3), "second.weight": torch.zeros(1, 1, 3, 3)}
    torch.save(TIED | two, tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match=r"other numbers in 'first\.weight' than in 'second\.weight'"):
        load_checkpoint(tmp_path / "b.pth", architecture="layout_nets:Tied", input_shape=(1, 8, 8))


class Doubling(nn.Linear):
    """A layer that changes weights as it loads them."""

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        super()._load_from_state_dict({key: 2 * each for key, each in state_dict.items()}, prefix, *rest)


def test_what_a_network_makes_of_its_weights_is_its_own(tmp_path):
    network, wanted = Doubling(2, 2), nn.Linear(2, 2).state_dict()
    load_state(network, wanted, tmp_path)
    assert same(network, {key: 2 * each for key, each in wanted.items()})


def test_layers_that_share_memory_in_other_shapes_have_the_same_numbers(tmp_path):
    network = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False))
    network[1].weight = nn.Parameter(network[0].weight.data.T)
    state = {"0.weight": torch.ones(3, 2), "1.weight": torch.ones(2, 3)}
    load_state(network, state, tmp_path)
    with pytest.raises(CheckpointError, match=r"other numbers in '0\.weight' than in '1\.weight'"):
        load_state(network, state | {"1.weight": torch.zeros(2, 3)}, tmp_path)


def test_lazy_layers_need_images(tmp_path):
    torch.save({}, tmp_path / "a.pth")
    with pytest.raises(UsageError, match="does not say which images it takes"):
        load_checkpoint(tmp_path / "a.pth", architecture="layout_nets:Lazy")


def test_a_prefix_that_is_named_need_not_end_in_a_full_stop(tmp_path):
    both = {f"teacher_{key}": each for key, each in small(1).state_dict().items()}
    both |= {f"student_{key}": each for key, each in small(2).state_dict().items()}
    with pytest.raises(CheckpointError, match="fit under 'student_' and 'teacher_'"):
        load_state(small(), both, tmp_path)
    (held,) = find_states(claims(both), "a.pth", "student_").values()
    assert held.keys() == small().state_dict().keys()


def test_a_number_before_the_number_of_a_layer_is_no_prefix(tmp_path):
    """model.10 to model.18 are not the layers 0 to 8 below model.1."""
    whole = nn.Sequential(*(nn.Linear(2, 2) for _ in range(19)))
    state = {f"model.{key}": each for key, each in whole.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"'10\.bias' is not a layer of it"):
        load_state(nn.Sequential(*(nn.Linear(2, 2) for _ in range(9))), state, tmp_path)
    load_state(whole, state, tmp_path)
