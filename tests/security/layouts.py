"""Files of weights in every layout that people save, and what trivet and PyTorch do with each.

python tests/security/layouts.py writes the table of docs/layouts.md; the tests hold the table to it.
"""

import argparse
import collections
import datetime as dt
import gzip
import importlib
import io
import json
import operator
import os
import pathlib
import pickle
import re
import sys
import tarfile
import tempfile
import types
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from keras_files import SAME, of_keras_2, of_keras_3, written
from layout_nets import Bag, Colour, Indexed, Lazy, Run, Saved, Steps, Tagged, Tied, trained
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from trivet.errors import TrivetError
from trivet.security import load_checkpoint
from trivet.work.confined import Confined

PAGE = Path(__file__).parents[2] / "docs" / "layouts.md"
MARKED = re.compile(r"(<!-- layouts -->\n).*?(<!-- end of layouts -->)", re.DOTALL)

NETWORK = trained()
STATE = NETWORK.state_dict()
OTHER = {name: value + 1 for name, value in STATE.items()}
OPTIMISER = torch.optim.Adam(NETWORK.parameters())
SCHEDULER = torch.optim.lr_scheduler.MultiStepLR(OPTIMISER, [1, 2])


@dataclass(frozen=True)
class Layout:
    """A way to write weights into a folder: a call that returns the file."""

    name: str
    write: Callable[[Path], Path]
    architecture: str | None = "layout_nets:Net"
    key: str | None = None
    layers: dict[str, str] | None = None
    needs: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a file: what trivet said, or None where it read the file and has nothing to say."""

    read: bool
    said: str
    by_pytorch: bool
    checkpoint: Any = None


def outcome_of(layout: Layout, folder: Path, reader: Confined) -> Outcome:
    """Write a file and read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = layout.write(folder)
        by_pytorch = reads_in_pytorch(path)
    try:
        settings: dict[str, Any] = {
            "input_shape": (1, 8, 8),
            "classes": 10,
            "state_key": layout.key,
            "layers": layout.layers,
        }
        found = load_checkpoint(path, architecture=layout.architecture, reader=reader, **settings)
    except TrivetError as error:
        said = str(error).replace(f"{folder}/", "")
        return Outcome(read=False, said=said, by_pytorch=by_pytorch)
    return Outcome(read=True, said=" ".join(found.info.loading), by_pytorch=by_pytorch, checkpoint=found)


def reads_in_pytorch(path: Path) -> bool:
    """Tell whether PyTorch reads the file without running anything of it."""
    try:
        return torch.load(path, weights_only=True, map_location="cpu") is not None
    except Exception:  # noqa: BLE001 - it fails in many ways
        return False


def renamed(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


def copied(state):
    return {name: value.clone() for name, value in state.items()}


def with_head(trunk, head):
    """Return the classifier beside the rest of a network, each under another prefix."""
    return {**renamed(trunk, below("", but="classifier.")), **renamed(head, below("classifier."))}


def below(prefix, but=None):
    return {
        name.removeprefix(prefix): value
        for name, value in STATE.items()
        if name.startswith(prefix) and not (but and name.startswith(but))
    }


def counted(convert):
    return {name: convert(value) if "num_b" in name else value for name, value in STATE.items()}


def converted(convert):
    return {name: convert(value) if value.is_floating_point() else value for name, value in STATE.items()}


def with_bias(value):
    return {**STATE, "classifier.bias": value}


def wrapped_inside(wrapper):
    return {name.replace("features.", f"features.{wrapper}."): value for name, value in STATE.items()}


def saved(content, name="a.pth", **settings):
    """Return a writer by torch.save."""

    def write(folder):
        made = content() if isinstance(content, types.FunctionType) else content
        torch.save(made, folder / name, **settings)
        return folder / name

    return write


def raw(name, make):
    """Return a writer of bytes."""

    def write(folder):
        (folder / name).write_bytes(make())
        return folder / name

    return write


def in_memory(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


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


class ByWay:
    """A tensor that is pickled as a call of one of PyTorch's own functions."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class OfPyTorch01(OfPyTorch03):
    """Tensors whose storages are each the whole of another one."""

    def persistent_id(self, item):
        pointer = super().persistent_id(item)
        return pointer and (*pointer[:-1], (f"{pointer[2]}-view", 0, pointer[4]))


def old_file(pickler=OfPyTorch03):
    stream, storages = io.BytesIO(), {}
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
        pickle.dump(part, stream, protocol=2)
    pickler(stream, protocol=2).dump(collections.OrderedDict(STATE))
    for value in STATE.values():
        storages[str(value._typed_storage()._cdata)] = value
    pickle.dump(list(storages), stream, protocol=2)
    for value in storages.values():
        stream.write(value.numel().to_bytes(8, "little") + value.contiguous().numpy().tobytes())
    return stream.getvalue()


def flat():
    """Return all weights as views of one storage, as flattened parameters are."""
    whole = torch.cat([value.float().flatten() for value in STATE.values()])
    parts = whole.split([value.numel() for value in STATE.values()])
    return {name: part.view(STATE[name].shape) for name, part in zip(STATE, parts, strict=True)}


def strided():
    """Return weights whose numbers lie in another order than row by row, or with gaps."""
    return converted(lambda value: value.t().contiguous().t() if value.dim() == 2 else spread(value))


def spread(value):
    return torch.stack([value, value], dim=-1)[..., 0]


def fused():
    """Return the state dict of a network whose layers are held by parametrisations."""
    network = trained()
    parametrizations.weight_norm(network.classifier)
    return network.state_dict()


def pruned():
    network = trained()
    prune.l1_unstructured(network.classifier, "weight", amount=0.5)
    return network.state_dict()


def quantised():
    linear = torch.ao.nn.quantized.dynamic.Linear(16, 10)
    return {
        **{name: value for name, value in STATE.items() if "classifier" not in name},
        **{f"classifier.{name}": value for name, value in linear.state_dict().items()},
    }


def of_bytes():
    return with_bias(torch.quantize_per_tensor(torch.ones(10), 0.1, 0, torch.qint8))


def lazy():
    network = Lazy()
    network(torch.ones(1, 1, 8, 8))
    return network.state_dict()


def tied():
    return Tied().state_dict()


def indexed():
    state = Indexed().state_dict()
    return {name: value if value.is_floating_point() else value.int() for name, value in state.items()}


def adapter():
    low = {"lora_A.weight": torch.ones(2, 16), "lora_B.weight": torch.ones(10, 2)}
    return renamed("base_model.model.classifier.", low)


def scripted(make):
    def write(folder):
        network = trained().eval()
        script = (
            torch.jit.script(network)
            if make == "script"
            else torch.jit.trace(network, torch.ones(1, 1, 8, 8))
        )
        script.save(folder / "a.pt")
        return folder / "a.pt"

    return write


def exported(folder):
    program = torch.export.export(trained().eval(), (torch.ones(2, 1, 8, 8),))
    torch.export.save(program, folder / "a.pt2")
    return folder / "a.pt2"


def plain(state):
    return {name: value.contiguous() for name, value in state.items()}


def tensors(state, name="a.safetensors", **settings):
    def write(folder):
        safetensors.torch.save_file(plain(state), folder / name, **settings)
        return folder / name

    return write


def in_parts(save, ending, *, lost=()):
    """Return a writer of two parts and the index that names them."""

    def write(folder):
        names = [f"model-{number}-of-2{ending}" for number in (1, 2)]
        states = dict(list(STATE.items())[:4]), dict(list(STATE.items())[4:])
        for name, state in zip(names, states, strict=True):
            if name not in lost:
                save(plain(state), folder / name)
        places = {key: name for name, state in zip(names, states, strict=True) for key in state}
        index = folder / f"model{ending}.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": places}))
        return index

    return write


def tarred():
    stream, content = io.BytesIO(), in_memory(STATE)
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.pth", in_memory(STATE))
    return stream.getvalue()


def big_endian():
    """Return what torch.save writes on a big-endian machine."""
    stream = io.BytesIO()
    turned = {name: value.numpy().byteswap() for name, value in STATE.items()}
    content = in_memory({name: torch.from_numpy(value) for name, value in turned.items()})
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for member in old.namelist():
            new.writestr(member, b"big" if member.endswith("byteorder") else old.read(member))
    return stream.getvalue()


def of_folder(path):
    """Return an object of a class in a module of somebody's own."""
    kind = type("Config", (), {"__module__": path})
    sys.modules[path] = types.ModuleType(path)
    sys.modules[path].Config = kind
    return kind()


def shared(folder):
    """Write a network with one kernel in two layers as safetensors does, which keeps it once."""
    safetensors.torch.save_model(Tied(), str(folder / "a.safetensors"))
    return folder / "a.safetensors"


def frozen(folder):
    torch.jit.freeze(torch.jit.script(trained().eval())).save(folder / "a.pt")
    return folder / "a.pt"


def numpy_file():
    stream = io.BytesIO()
    np.savez(stream, **{name: value.numpy() for name, value in STATE.items()})
    return stream.getvalue()


def harmful():
    return {"state_dict": STATE, "hook": ByWay(os.system, "true")}


def tagged(value):
    value = value.clone()
    value.tag = "a"
    return value


SAVED = [
    ("a state dict", STATE),
    ("a plain dictionary of tensors", dict(STATE)),
    (
        "parameters in place of tensors",
        {k: nn.Parameter(v) if v.is_floating_point() else v for k, v in STATE.items()},
    ),
    ("numbers and text beside the layers", {**STATE, "epoch": 3, "best": 0.5, "name": "x"}),
    ("a prefix of one part, `model.`", renamed("model.")),
    ("a prefix of several parts, `a.b.c.`", renamed("a.b.c.")),
    ("a prefix, and tensors of other parts", {**renamed("model."), "head.weight": torch.ones(3)}),
    ("a trunk and a head, under prefixes of their own", with_head("backbone.", "head.1.")),
    (
        "a trunk and a head, with a second head",
        {**with_head("backbone.", "head."), "aux.weight": torch.ones(3)},
    ),
    ("`module.`, of DataParallel", renamed("module.")),
    ("`_orig_mod.`, of torch.compile", renamed("_orig_mod.")),
    ("both, one within the other", renamed("module._orig_mod.module.")),
    ("a part of the network that was compiled", wrapped_inside("_orig_mod")),
    ("`_fsdp_wrapped_module.`, of FSDP's full state dict", wrapped_inside("_fsdp_wrapped_module")),
    (
        "`_checkpoint_wrapped_module.`, of activation checkpointing",
        wrapped_inside("_checkpoint_wrapped_module"),
    ),
    ("one flat parameter, of FSDP's sharded state", {"_flat_param": torch.ones(260)}),
    ("under `state_dict`, with an epoch", {"state_dict": STATE, "epoch": 1}),
    ("under a name of the author's own", {"my best weights": STATE}),
    ("deep inside dictionaries", {"run": {"best": {"network": STATE}}, "history": [1, 2]}),
    ("a list with one state dict", [STATE]),
    ("a tuple of a state dict and an epoch", (STATE, 3)),
    ("a named tuple of a state dict and an optimiser", Saved(STATE, OPTIMISER.state_dict())),
    ("a dataclass of a state dict and a loss", Run(STATE, torch.ones(1))),
    ("a list of the author's own class", Steps([STATE, OPTIMISER.state_dict()])),
    ("a queue of a module and an epoch", collections.deque([NETWORK, 3])),
    ("a generator and a discriminator", {"G": {"net.0.weight": torch.ones(4, 4)}, "D": STATE}),
    (
        "of Lightning",
        {
            "state_dict": {**renamed("model."), "criterion.weight": torch.ones(10)},
            "optimizer_states": [OPTIMISER.state_dict()],
            "hyper_parameters": argparse.Namespace(lr=0.1),
        },
    ),
    ("of DeepSpeed, under `module`", {"module": STATE, "dp_world_size": 1, "lr_scheduler": None}),
    ("with optimiser and schedule", {"net": STATE, "o": OPTIMISER.state_dict(), "s": SCHEDULER.state_dict()}),
    ("with the schedule itself", {"net": STATE, "schedule": SCHEDULER}),
    (
        "with `argparse.Namespace`, of timm and torchvision",
        {"model": STATE, "args": argparse.Namespace(lr=0.1)},
    ),
    (
        "with paths, dates and sets",
        {"net": STATE, "p": pathlib.PurePosixPath("a"), "d": dt.date(2020, 1, 1), "s": {1}},
    ),
    ("with NumPy's numbers and arrays", {"net": STATE, "best": np.float64(0.9), "loss": np.arange(4)}),
    (
        "with Python's counters and defaults",
        {"net": STATE, "c": collections.Counter("aa"), "d": collections.defaultdict(list)},
    ),
    (
        "with enumerations, attributes and functions",
        {"net": STATE, "e": Colour.RED, "f": Tagged.tagged, "o": operator.itemgetter(1)},
    ),
    ("with bytes that may change", {"net": STATE, "b": bytearray(b"1")}),
    ("with a class of a folder called `code`", {"net": STATE, "c": of_folder("code.models")}),
    ("with a generator's state and the random state", {"net": STATE, "rng": torch.get_rng_state()}),
    ("a dictionary of the author's own class", {"net": Bag(STATE)}),
    ("extra state of a layer", {**STATE, "classifier._extra_state": io.BytesIO(b"1")}),
    ("batch norm's counters as fractions", counted(lambda value: value.float() / 3)),
    ("batch norm's counters as int32", counted(lambda value: value.int())),
    (
        "no counters, of PyTorch before 0.4.1",
        {name: value for name, value in STATE.items() if "num_b" not in name},
    ),
    (
        "a profiler's counts beside",
        {**STATE, "total_ops": torch.zeros(1), "features.total_params": torch.zeros(1)},
    ),
    ("a loss beside", {**STATE, "criterion.weight": torch.ones(10)}),
    (
        "each module's state dict under its name",
        {"features": below("features."), "classifier": below("classifier.")},
    ),
    (
        "weights of several parts beside each other",
        {"a": dict(list(STATE.items())[:4]), "b": dict(list(STATE.items())[4:])},
    ),
    ("float16", converted(torch.Tensor.half)),
    ("bfloat16", converted(torch.Tensor.bfloat16)),
    ("float64", converted(torch.Tensor.double)),
    (
        "channels last in memory",
        converted(lambda v: v.to(memory_format=torch.channels_last) if v.dim() == 4 else v),
    ),
    ("transposed, and with gaps in memory", strided()),
    ("all weights in one storage", flat()),
    ("an averaged model (SWA)", AveragedModel(NETWORK).state_dict()),
    ("a whole module", NETWORK),
    ("a module in a dictionary, in half precision", {"model": trained().half(), "ema": None, "epoch": 2}),
    ("a module for several devices", nn.DataParallel(NETWORK)),
    ("tensors with attributes of their own", converted(tagged)),
    ("a subclass of Tensor", converted(lambda value: value.as_subclass(Tagged))),
    (
        "tensors that came from another kind of device",
        converted(
            lambda value: ByWay(
                torch._utils._rebuild_device_tensor_from_cpu_tensor, value, value.dtype, "cpu", False
            )
        ),
    ),
    (
        "tensors of another device as NumPy arrays",
        with_bias(
            ByWay(
                torch._utils._rebuild_device_tensor_from_numpy,
                STATE["classifier.bias"].numpy(),
                torch.float32,
                "cpu",
                False,
            )
        ),
    ),
    ("NumPy arrays in place of tensors", {name: value.numpy() for name, value in STATE.items()}),
    ("a list of tensors without names", list(STATE.values())),
    ("pairs of names and tensors", list(STATE.items())),
    ("all weights as one vector", torch.ones(260)),
    ("no tensors", {"epoch": 3, "best": np.float64(1)}),
    ("a layer too many", {**STATE, "head.weight": torch.ones(3)}),
    ("a layer of another size", with_bias(torch.ones(11))),
    ("another network", nn.Linear(2, 2)),
    ("numbers that are not finite", with_bias(torch.full((10,), torch.nan))),
    ("a sparse tensor", with_bias(torch.ones(10).to_sparse())),
    ("a tensor without numbers, of the device `meta`", with_bias(torch.ones(10, device="meta"))),
    ("a lazy layer that never saw an image", with_bias(nn.parameter.UninitializedParameter())),
    ("a complex tensor", with_bias(torch.ones(10, dtype=torch.complex64))),
    ("float8", with_bias(STATE["classifier.bias"].to(torch.float8_e4m3fn))),
    ("whole numbers in place of weights", with_bias(torch.ones(10, dtype=torch.int8))),
    ("a quantised tensor", of_bytes),
    ("a layer that was quantised for inference", quantised),
    ("a LoRA adapter without its network", adapter()),
    ("a layer under weight normalisation", fused),
    ("a layer under pruning", pruned),
    ("two networks that fit", {"state_dict": OTHER, "state_dict_ema": STATE}),
    ("two equal copies of a network", {"model": STATE, "ema": copied(STATE)}),
    ("two equal copies under two prefixes", renamed("net.") | renamed("ema.", copied(STATE))),
    ("teacher and student", renamed("teacher.", OTHER) | renamed("student.")),
    ("a call of os.system", harmful),
]


def onnx_file(change=None, *, opset=13, external=False, **settings):
    """Return a writer of an ONNX graph: a convolution, a mean, a dense layer."""

    def write(folder):
        onnx = importlib.import_module("onnx")

        model = onnx_model(onnx, opset, **settings)
        if change is not None:
            change(onnx, model)
        onnx.save(
            model, folder / "a.onnx", save_as_external_data=external, location="a.data", size_threshold=0
        )
        return folder / "a.onnx"

    return write


def onnx_model(onnx, opset, *, shape=("n", 1, 8, 8), first=(), dtype=np.float32, constants=False):
    make, from_array, value = (
        onnx.helper.make_node,
        onnx.numpy_helper.from_array,
        onnx.helper.make_tensor_value_info,
    )
    weights = {"W": STATE["features.0.weight"].numpy(), "F": np.ones((10, 4))}
    held = [from_array(each.astype(dtype), name) for name, each in weights.items()]
    nodes, entry = list(first), "x" if not first else "images"
    if constants:
        nodes += [make("Constant", [], [each.name], value=each) for each in held]
        held = []
    nodes.append(make("Conv", [entry, "W"], ["c"], kernel_shape=[3, 3]))
    if opset >= 18:
        held.append(from_array(np.array([2, 3], dtype=np.int64), "axes"))
        nodes.append(make("ReduceMean", ["c", "axes"], ["m"], keepdims=0))
    else:
        nodes.append(make("ReduceMean", ["c"], ["m"], axes=[2, 3], keepdims=0))
    dense = ["m", "F"]
    if opset < 11:  # where a bias has to be there
        held.append(from_array(np.zeros(10, dtype=dtype), "b"))
        dense.append("b")
    nodes.append(make("Gemm", dense, ["y"], transB=1))
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = onnx.helper.make_graph(nodes, "g", [value("x", kind, shape)], [value("y", kind, ["n", 10])], held)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def of_keras(name, write):
    return lambda folder: written(importlib.import_module("h5py"), folder / name, write)


def arranging(operator, *shape, **attributes):
    def write(folder):
        onnx = importlib.import_module("onnx")

        node = onnx.helper.make_node(operator, ["x", *attributes.pop("more", [])], ["images"], **attributes)
        return onnx_file(shape=("n", *shape), first=[node])(folder)

    return write


def with_dropout(onnx, model):
    """Put a dropout, with an input that switches it, before the images."""
    make, graph = onnx.helper.make_node, model.graph
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(0.5, dtype=np.float32), "ratio"))
    graph.input.append(onnx.helper.make_tensor_value_info("training", onnx.TensorProto.BOOL, []))
    graph.node[0].input[0] = "dropped"
    graph.node.insert(0, make("Dropout", ["x", "ratio", "training"], ["dropped"]))


def quantising(onnx, model):
    from_array = onnx.numpy_helper.from_array
    model.graph.initializer.append(from_array(np.array(0.1, dtype=np.float32), "scale"))
    model.graph.initializer.append(from_array(np.array(0, dtype=np.uint8), "zero"))
    model.graph.node[0].input[0] = "d"
    model.graph.node.insert(0, onnx.helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]))
    model.graph.node.insert(1, onnx.helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]))


def with_old_dropout(onnx, model):
    """Put a dropout of before version 10 before the images, with the mask that it returns."""
    model.graph.node[0].input[0] = "dropped"
    model.graph.node.insert(0, onnx.helper.make_node("Dropout", ["x"], ["dropped", "mask"], ratio=0.3))


def with_blocks(onnx, model):
    """Put blocks of pixels into channels and back."""
    make = onnx.helper.make_node
    model.graph.node[0].input[0] = "back"
    model.graph.node.insert(0, make("SpaceToDepth", ["x"], ["deep"], blocksize=2))
    model.graph.node.insert(1, make("DepthToSpace", ["deep"], ["back"], blocksize=2))


def scaled(onnx, model):
    """Write the weights of the convolution as whole numbers with a scale for each channel."""
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    scales = np.abs(weights).max((1, 2, 3)) / 127
    whole = np.round(weights / scales[:, None, None, None]).astype(np.int8)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(whole, "whole"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(scales.astype(np.float32), "scales"))
    model.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", ["whole", "scales"], ["W"], axis=0))


def in_half(onnx, model):
    """Let a network of half precision take and return single precision."""
    make, float32 = onnx.helper.make_node, onnx.TensorProto.FLOAT
    model.graph.node[0].input[0], model.graph.node[-1].output[0] = "h", "z"
    model.graph.node.insert(0, make("Cast", ["x"], ["h"], to=onnx.TensorProto.FLOAT16))
    model.graph.node.append(make("Cast", ["z"], ["y"], to=float32))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.elem_type = float32


def reshaped(onnx, model):
    """Give the means the shape that they have, as exporters compute it."""
    make, from_array = onnx.helper.make_node, onnx.numpy_helper.from_array
    for key, number in (("first", np.int64(0)), ("axis", np.array([0])), ("rest", np.array([-1]))):
        model.graph.initializer.append(from_array(np.asarray(number), key))
    model.graph.node[-1].input[0] = "flat"
    for node in (
        make("Shape", ["m"], ["shape"]),
        make("Gather", ["shape", "first"], ["images"]),
        make("Unsqueeze", ["images", "axis"], ["row"]),
        make("Concat", ["row", "rest"], ["sizes"], axis=0),
        make("Reshape", ["m", "sizes"], ["flat"]),
    ):
        model.graph.node.insert(len(model.graph.node) - 1, node)


def in_training(onnx, model):
    """Put a normalisation by the images of the batch before them."""
    for key in ("scale", "bias", "mean", "variance"):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(1, dtype=np.float32), key))
    given = ["x", "scale", "bias", "mean", "variance"]
    model.graph.node[0].input[0] = "normal"
    model.graph.node.insert(
        0, onnx.helper.make_node("BatchNormalization", given, ["normal"], training_mode=1)
    )


def two_inputs(onnx, model):
    model.graph.input.append(onnx.helper.make_tensor_value_info("q", onnx.TensorProto.FLOAT, [1]))


def branched(onnx, model):
    node = model.graph.node.add(op_type="If")
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.name = "x"


def foreign(_onnx, model):
    model.graph.node[0].domain = "com.microsoft"


def row(name, write, *settings, **named):
    return Layout(name, write, *settings, **named)


OF_ONNX = [
    *((f"opset {opset}", onnx_file(opset=opset)) for opset in (7, 9, 11, 13, 17, 18, 20)),
    ("weights in a file beside it", onnx_file(opset=18, external=True)),
    ("weights as constants", onnx_file(constants=True)),
    ("float16", onnx_file(dtype=np.float16)),
    ("float64", onnx_file(dtype=np.float64)),
    ("one image at a time", onnx_file(shape=(1, 1, 8, 8))),
    ("channels last, of Keras", arranging("Transpose", 8, 8, 1, perm=[0, 3, 1, 2])),
    ("a dropout with an input that switches it", onnx_file(with_dropout)),
    ("a dropout with its mask, of opset 7", onnx_file(with_old_dropout, opset=7)),
    ("blocks of pixels as channels and back", onnx_file(with_blocks)),
    ("a shape that is computed, as exporters flatten", onnx_file(reshaped)),
    ("half precision between casts", onnx_file(in_half, dtype=np.float16)),
    ("weights of int8 with scales", onnx_file(scaled)),
    ("quantised", onnx_file(quantising)),
    ("exported in training", onnx_file(in_training, opset=17)),
    ("two inputs", onnx_file(two_inputs)),
    ("a branch", onnx_file(branched)),
    ("operators of a runtime", onnx_file(foreign)),
]
OF_KERAS = [
    ("`.h5` of Keras 2, with `--layers`", "a.h5", of_keras_2, SAME),
    ("`.weights.h5` of Keras 3, with `--layers`", "a.weights.h5", of_keras_3, SAME),
    ("`.keras`, with `--layers`", "a.keras", of_keras_3, SAME),
    ("`.h5` alone", "a.h5", of_keras_2, None),
]
LAYOUTS = [
    *(row(name, saved(content)) for name, content in SAVED),
    row("one of two networks that fit, by `--state-key`", saved({"ema": STATE, "raw": OTHER}), key="ema"),
    row(
        "one of two prefixes that fit, by `--state-key`",
        saved({"state_dict": renamed("model.") | renamed("ema_model.", OTHER)}),
        key="model.",
    ),
    row("one network of a list, by `--state-key`", saved([OTHER, STATE]), key="1"),
    row("a network that holds the saved one as a part", saved(STATE), architecture="layout_nets:Wrapped"),
    row("weights that two layers share", saved(tied), architecture="layout_nets:Tied"),
    row("weights that two layers share, as safetensors keeps them", shared, architecture="layout_nets:Tied"),
    row("layers that take their shapes from the images", saved(lazy), architecture="layout_nets:Lazy"),
    row("a buffer of whole numbers as int32", saved(indexed), architecture="layout_nets:Indexed"),
    row("pickle protocol 5", saved(STATE, pickle_protocol=5)),
    row("before PyTorch 1.6", saved(STATE, "a.pth.tar", _use_new_zipfile_serialization=False)),
    row("of PyTorch 0.3", raw("a.th", old_file)),
    row(
        "a storage that is a part of another, before PyTorch 0.4", raw("a.th", lambda: old_file(OfPyTorch01))
    ),
    row("a TorchScript, scripted", scripted("script")),
    row("a TorchScript, traced", scripted("trace")),
    row("a TorchScript, frozen", frozen),
    row("an exported program", exported),
    row("safetensors", tensors(STATE)),
    row("safetensors under another name", tensors(STATE, "a.bin")),
    row("a state dict called `.safetensors`", saved(STATE, "b.safetensors")),
    row("safetensors with a prefix and metadata", tensors(renamed("model."), metadata={"format": "pt"})),
    row("safetensors, bfloat16", tensors(converted(torch.Tensor.bfloat16))),
    row("safetensors, float8", tensors(with_bias(STATE["classifier.bias"].to(torch.float8_e4m3fn)))),
    row("safetensors in several files", in_parts(safetensors.torch.save_file, ".safetensors")),
    row("one of several files", tensors(dict(list(STATE.items())[:4]), "model-00001-of-00002.safetensors")),
    row(
        "safetensors in several files, one of them missing",
        in_parts(safetensors.torch.save_file, ".safetensors", lost=["model-2-of-2.safetensors"]),
    ),
    row("Hugging Face's `.bin` in several files", in_parts(torch.save, ".bin")),
    *(row(f"ONNX, {name}", write, architecture=None, needs="onnx2torch") for name, write in OF_ONNX),
    *(
        row(f"Keras, {name}", of_keras(file, write), "layout_nets:ChannelsLast", layers=layers, needs="h5py")
        for name, file, write, layers in OF_KERAS
    ),
    row("a pickle that torch.save did not write", raw("a.pkl", lambda: pickle.dumps(STATE))),
    row("of a big-endian machine", raw("a.pth", big_endian)),
    row("a download that broke off", raw("a.pth", lambda: in_memory(STATE)[:-2000])),
    row("an empty file", raw("a.pth", bytes)),
    row("compressed by gzip", raw("a.pth.gz", lambda: gzip.compress(in_memory(STATE)))),
    row("within a tar", raw("a.pth.tar", tarred)),
    row("within a zip", raw("a.zip", zipped)),
    row("NumPy's `.npz`", raw("a.npz", numpy_file)),
    row("a page of the web in its place", raw("a.pth", lambda: b"<!DOCTYPE html><html>Sign in</html>")),
    row(
        "a Git LFS pointer",
        raw("a.pth", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    ),
    row("GGUF", raw("a.gguf", lambda: b"GGUF\3\0\0\0" + bytes(64))),
    row("TensorFlow Lite", raw("a.tflite", lambda: b"\x1c\0\0\0TFL3" + bytes(64))),
    row("a folder of a distributed checkpoint", lambda folder: (folder / "a").mkdir() or folder / "a"),
]

#: Of what PyTorch reads, trivet refuses only these, by the reason.
EXCEPTIONS = {
    "no network is named, or not one alone": (
        "two networks that fit",
        "teacher and student",
        "a list of tensors without names",
        "all weights as one vector",
        "one flat parameter, of FSDP's sharded state",
    ),
    "the tensors are other than the layers of the architecture": (
        "a trunk and a head, with a second head",
        "a layer too many",
        "a layer of another size",
        "a LoRA adapter without its network",
        "a layer under weight normalisation",
        "a layer under pruning",
        "a layer that was quantised for inference",
        "one of several files",
    ),
    "the numbers are none that a network computes with": (
        "numbers that are not finite",
        "a tensor without numbers, of the device `meta`",
    ),
    "the numbers are of a kind that needs more than themselves to become weights, such as a scale": (
        "whole numbers in place of weights",
        "a quantised tensor",
        "a complex tensor",
        "a sparse tensor",
    ),
    "the file was made by a PyTorch that nobody has": (
        "a storage that is a part of another, before PyTorch 0.4",
    ),
}


def table(found: dict[str, Outcome]) -> str:
    """Return the table of the page, and the list of exceptions below it."""
    read = sum(outcome.read for outcome in found.values())
    lines = [f"{len(found)} layouts: {read} are read, {len(found) - read} refused.", ""]
    lines += ["| Layout | trivet | PyTorch | What trivet says |", "|---|---|---|---|"]
    lines += [row_of(name, outcome) for name, outcome in found.items()]
    lines += ["", "What PyTorch reads without running anything (`weights_only=True`) and trivet refuses:", ""]
    lines += [f"- {reason}: {'; '.join(names)}." for reason, names in EXCEPTIONS.items()]
    return "\n".join([*lines, ""])


def row_of(name: str, outcome: Outcome) -> str:
    """Return a layout's row."""
    said = outcome.said.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
    pytorch = "reads" if outcome.by_pytorch else ""
    return f"| {name} | {'reads' if outcome.read else 'refuses'} | {pytorch} | {said} |"


def rows_of_page() -> set[str]:
    """Return the rows of the page's table."""
    marked = MARKED.search(PAGE.read_text(encoding="utf-8"))
    return set() if marked is None else {line for line in marked[0].splitlines() if line.startswith("| ")}


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    with Confined(ready="trivet.security.reading.weights") as child:
        found = {}
        for layout in LAYOUTS:
            with tempfile.TemporaryDirectory() as place:
                found[layout.name] = outcome_of(layout, Path(place), child)
    PAGE.write_text(MARKED.sub(lambda match: match[1] + table(found) + match[2], text), encoding="utf-8")
