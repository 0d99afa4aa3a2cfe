"""Weights as scripts, trainers and exporters save them: read, or refused for a true reason."""

import argparse
import collections
import io
import json
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from layout_nets import Net, Wrapped
from torch import nn
from torch.optim.swa_utils import AveragedModel

from trivet.errors import CheckpointError
from trivet.security import load_checkpoint


def trained():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Net()
        network.features[1].running_mean.uniform_()
    network.features[1].num_batches_tracked.fill_(7)
    return network


NETWORK = trained()
STATE = NETWORK.state_dict()
OPTIMISER = torch.optim.Adam(NETWORK.parameters())
SCHEDULER = torch.optim.lr_scheduler.MultiStepLR(OPTIMISER, [1, 2])


def renamed(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


def counted(convert):
    return {name: convert(value) if "num_b" in name else value for name, value in STATE.items()}


def converted(convert):
    return {name: convert(value) if value.is_floating_point() else value for name, value in STATE.items()}


def in_middle(name):
    return name.replace("features.", "features._orig_mod.")


class OfPyTorch03(pickle.Pickler):
    """Tensors as PyTorch 0.3 wrote them: `_rebuild_tensor` with storage, offset, size and stride."""

    def persistent_id(self, item):
        if not isinstance(item, torch.storage.TypedStorage):
            return None
        kind = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[item.dtype]
        return ("storage", kind, str(item._cdata), "cpu", len(item), None)

    def reducer_override(self, item):
        if isinstance(item, torch.Tensor):
            parts = item.storage_offset(), tuple(item.shape), item.stride()
            return torch._utils._rebuild_tensor, (item._typed_storage(), *parts)
        return NotImplemented


def old_file(state):
    stream, storages = io.BytesIO(), {}
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(part, stream, protocol=2)
    OfPyTorch03(stream, protocol=2).dump(collections.OrderedDict(state))
    for value in state.values():
        typed = value._typed_storage()
        storages[str(typed._cdata)] = value
    pickle.dump(list(storages), stream, protocol=2)
    for value in storages.values():
        numbers = value.contiguous().numpy()
        stream.write(value.numel().to_bytes(8, "little") + numbers.tobytes())
    return stream.getvalue()


CONTENTS = {
    "a state dict": STATE,
    "an ordered one": collections.OrderedDict(STATE),
    "parameters": {
        name: nn.Parameter(each) if each.is_floating_point() else each for name, each in STATE.items()
    },
    "numbers beside the layers": {**STATE, "epoch": 3, "best": 0.5},
    **{f"before each name {p}": renamed(p) for p in ("model.", "net.", "backbone.", "module.", "a.b.c.")},
    **{f"by {p}": renamed(p) for p in ("_orig_mod.", "model._orig_mod.", "module._orig_mod.module.")},
    "a part that was compiled": {in_middle(name): value for name, value in STATE.items()},
    **{
        f"under {k}": {k: STATE, "epoch": 1} for k in ("ema", "params", "weights", "state_dict", "model", "x")
    },
    "deep inside": {"run": {"best": {"network": STATE}}, "history": [1, 2]},
    "of Lightning": {
        "state_dict": {**renamed("model."), "criterion.weight": torch.ones(10)},
        "optimizer_states": [OPTIMISER.state_dict()],
        "hyper_parameters": argparse.Namespace(lr=0.1),
    },
    "with optimiser and schedule": {"net": STATE, "o": OPTIMISER.state_dict(), "s": SCHEDULER.state_dict()},
    "with the schedule itself": {"net": STATE, "schedule": SCHEDULER},
    "with NumPy's numbers": {"net": STATE, "best": np.float64(0.9), "loss": np.arange(4)},
    "with sets and counters": {
        "net": STATE,
        "s": {1},
        "c": collections.Counter("aa"),
        "d": collections.defaultdict(list),
    },
    "averaged counters": counted(lambda value: value.float() / 3),
    "narrow counters": counted(lambda value: value.int()),
    "no counters": {name: value for name, value in STATE.items() if "num_b" not in name},
    "a profiler's counts": {**STATE, "total_ops": torch.zeros(1), "features.total_params": torch.zeros(1)},
    "a loss beside it": {**STATE, "criterion.weight": torch.ones(10)},
    "half precision": {
        name: each.half() if each.is_floating_point() else each for name, each in STATE.items()
    },
    "an averaged model": AveragedModel(NETWORK).state_dict(),
    "a whole module": NETWORK,
    "a module in a dictionary": {"model": NETWORK, "epoch": 2},
    "a module for several devices": nn.DataParallel(NETWORK),
}


def assert_read(path, architecture="layout_nets:Net", **settings):
    checkpoint = load_checkpoint(
        path, architecture=architecture, input_shape=(1, 8, 8), classes=10, **settings
    )
    found = {name.removeprefix("model."): value for name, value in checkpoint.model.weights().items()}
    for name, value in STATE.items():
        if "num_b" not in name:
            assert torch.allclose(found[name], value.float(), atol=1e-3), name
    return checkpoint.info.loading


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_weights_are_found_in_whatever_was_saved(tmp_path, content, old):
    torch.save(content, tmp_path / "a.bin", _use_new_zipfile_serialization=not old)
    assert_read(tmp_path / "a.bin")


def traced(network):
    return torch.jit.trace(network.eval(), torch.ones(1, 1, 8, 8))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [torch.jit.script, traced])
def test_a_torchscript_is_read_for_its_weights(tmp_path, make):
    make(trained()).save(tmp_path / "a.pt")
    (note,) = assert_read(tmp_path / "a.pt") or ("",)
    assert note == "" or "'scratch'" in note


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_a_file_of_pytorch_03_is_read(tmp_path):
    (tmp_path / "a.th").write_bytes(old_file(STATE))
    assert torch.equal(
        torch.load(tmp_path / "a.th", weights_only=True)["classifier.bias"], STATE["classifier.bias"]
    )
    assert assert_read(tmp_path / "a.th") == ()


@pytest.mark.parametrize("prefix", ["", "model."])
def test_safetensors_in_one_file_and_in_several(tmp_path, prefix):
    state = renamed(prefix)
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    assert_read(tmp_path / "a.safetensors")
    first, second = dict(list(state.items())[:4]), dict(list(state.items())[4:])
    places = {}
    for name, part in (("m-1.safetensors", first), ("m-2.safetensors", second)):
        safetensors.torch.save_file(part, tmp_path / name)
        places |= dict.fromkeys(part, name)
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert_read(index)
    index.write_text(json.dumps({"weight_map": {"a": "../m-1.safetensors"}}))
    with pytest.raises(CheckpointError, match="names a part outside of its folder"):
        assert_read(index)


def test_names_are_put_below_the_module_that_the_architecture_has(tmp_path):
    torch.save(STATE, tmp_path / "a.pth")
    (note,) = assert_read(tmp_path / "a.pth", "layout_nets:Wrapped")
    assert note == "'model.' was put before the names of the layers."
    assert Wrapped().state_dict().keys() == renamed("model.").keys()


def test_of_several_networks_that_fit_one_has_to_be_named(tmp_path):
    other = {name: value + 1 for name, value in STATE.items()}
    torch.save({"state_dict": other, "state_dict_ema": STATE}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"under 'state_dict' and 'state_dict_ema'; name .*--state"):
        assert_read(tmp_path / "a.pth")
    assert assert_read(tmp_path / "a.pth", state_key="state_dict_ema") == ()


@pytest.mark.parametrize("first", ["student.", ""])
def test_of_several_prefixes_that_fit_none_is_chosen(tmp_path, first):
    other = {f"teacher.{key}": torch.ones_like(value) for key, value in STATE.items()}
    for name, content in (("a.pth", renamed(first) | other), ("b.pth", other | renamed(first))):
        torch.save(content, tmp_path / name)
        with pytest.raises(CheckpointError, match="with different weights"):
            load_checkpoint(tmp_path / name, architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4)


def test_a_shard_gives_only_what_the_index_says_of_it(tmp_path):
    good = {key: value.contiguous() for key, value in STATE.items()}
    safetensors.torch.save_file(good, tmp_path / "p1.safetensors")
    safetensors.torch.save_file(
        {key: torch.zeros_like(value) for key, value in good.items()} | {"extra": torch.zeros(1)},
        tmp_path / "p2.safetensors",
    )
    index = tmp_path / "m.safetensors.index.json"
    places = dict.fromkeys(good, "p1.safetensors")
    index.write_text(json.dumps({"weight_map": places}))
    assert_read(index)
    index.write_text(json.dumps({"weight_map": places | {"other": "p2.safetensors"}}))
    with pytest.raises(CheckpointError, match="holds 'other', which it does not"):
        load_checkpoint(index, architecture="layout_nets:Net", input_shape=(1, 8, 8), classes=4)


def test_what_was_done_to_read_a_file_stands_in_the_record(tmp_path):
    torch.save({"best": {**renamed("model."), "head.weight": torch.ones(3)}}, tmp_path / "a.pth")
    assert assert_read(tmp_path / "a.pth") == (
        "The weights are those under 'best'.",
        "'model.' was taken off the names of the layers.",
        "1 tensors beside the layers were left out: 'head.weight'.",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**STATE, "head.weight": torch.ones(3)}, "'head.weight' is not a layer of it"),
        ({**STATE, "classifier.bias": torch.ones(10).to_sparse()}, "and not a plain tensor"),
        ({**STATE, "classifier.bias": torch.ones(11)}, r"has shape \(11,\) instead of \(10,\)"),
        ({"epoch": 3, "best": np.float64(1)}, "holds a dict that is not a state dict"),
        (nn.Linear(2, 2), "features.0.weight is missing"),
    ],
)
def test_a_refusal_says_what_is_wrong(tmp_path, content, reason):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=reason):
        assert_read(tmp_path / "a.pth")
