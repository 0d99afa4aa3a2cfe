"""A network out of an exported program (`.pt2`), with none of PyTorch's loaders at work.

`torch.export.load` unpickles the example inputs, evaluates symbolic expressions and guards, and
looks operators up by name. A `.pt2` file is a zip of raw numbers and a graph in JSON, so it is read
here: numbers as numbers, the graph by way of a list of allowed operators.
"""

import io
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import torch
from torch import Tensor

from trivet.errors import CheckpointError
from trivet.security.claims import Claim, strided
from trivet.security.graph import GraphNetwork
from trivet.security.notation import SCALAR_TYPES, read_argument, read_step
from trivet.security.program import Program, Sizes
from trivet.security.torchfile import read_zipped
from trivet.security.weights import MAX_WEIGHTS_BYTES
from trivet.security.zipped import ZippedFile, open_zip
from trivet.wording import one_line, reason

__all__ = ["read_program"]

SCHEMA = 8
MAX_GRAPH_BYTES = 16 * 2**20
MAX_NODES = 20_000
STRIDED = 7
AXES = 4
REMEDY = "Export it again with this PyTorch: torch.export.save(torch.export.export(model, images), ...)."


def read_program(stream: IO[bytes], name: str) -> Program:
    """Read an exported program of PyTorch 2.5 or newer.

    Parameters
    ----------
    stream
        The file.
    name
        What messages call it.

    Raises
    ------
    CheckpointError
        If it is damaged, too large, written for another version, or holds more than raw weights and
        calls of allowed operators.
    """
    with open_zip(stream, name) as archive, ExitStack() as closing:
        total = sum(archive.sizes.values())
        if total > MAX_WEIGHTS_BYTES:
            raise CheckpointError(
                f"{name} was refused: it unpacks to {total / 2**20:.0f} MiB; at most "
                f"{MAX_WEIGHTS_BYTES / 2**20:.0f} MiB are read."
            )
        if any(member.startswith("data/aotinductor/") for member in archive.sizes):
            raise CheckpointError(
                f"{name} was refused: it holds a compiled library, which is code. Export the network with "
                "torch.export.save."
            )
        try:
            return _program(archive, name, closing)
        except CheckpointError:
            raise
        except Exception as error:  # a stranger's JSON can be wrong anywhere
            raise CheckpointError(
                f"{name} cannot be read as an exported program ({type(error).__name__}: {reason(error)}). "
                f"{REMEDY}"
            ) from error


def _program(archive: ZippedFile, name: str, closing: ExitStack) -> Program:
    model, document = _model(archive, name)
    version = document["schema_version"]["major"]
    if version != SCHEMA:
        raise CheckpointError(
            f"{name} was written in version {one_line(version)} of the format; expected {SCHEMA}. {REMEDY}"
        )
    graph, signature = document["graph_module"]["graph"], document["graph_module"]["signature"]
    if len(graph["nodes"]) > MAX_NODES:
        raise CheckpointError(f"{name} was refused: its graph has more than {MAX_NODES} nodes.")
    inputs = _Inputs.read(signature["input_specs"], name)
    claims = _claims(archive, model, name, closing)
    used = {key: claims[key] for key in inputs.places.values()}
    needed = sum(prod(claim.shape) for claim in used.values()) * torch.float32.itemsize
    if needed > MAX_WEIGHTS_BYTES:
        raise CheckpointError(f"{name} was refused: its weights would take {needed / 2**20:.0f} MiB.")
    network = GraphNetwork(
        [read_step(node, name) for node in graph["nodes"]],
        weights=[
            (key, key in inputs.parameters, _numbers(claim, key, name, finite=key in inputs.parameters))
            for key, claim in used.items()
        ],
        places=inputs.places,
        constants=inputs.constants,
        image=inputs.image,
        outputs=[
            read_argument(spec["user_output"]["arg"]).name
            for spec in signature["output_specs"]
            if "user_output" in spec
        ],
    )
    return Program(network, _sizes(graph["tensor_values"][inputs.image], name))


@dataclass(frozen=True)
class _Inputs:
    """What the graph is given: slots for the state dict, plain constants, and the images."""

    places: Mapping[str, str]
    parameters: frozenset[str]
    constants: Mapping[str, Any]
    image: str

    @classmethod
    def read(cls, specs: list[Mapping[str, Any]], name: str) -> "_Inputs":
        places: dict[str, str] = {}
        parameters: set[str] = set()
        constants: dict[str, Any] = {}
        images: list[str] = []
        for spec in specs:
            ((kind, value),) = spec.items()
            if kind in _STATE:
                key = value[_STATE[kind]]
                places[value["arg"]["name"]] = key
                parameters |= {key} if kind == "parameter" else set()
            elif kind == "constant_input":
                constants[value["name"]] = read_argument(value["value"])
            elif kind == "user_input":
                images.append(read_argument(value["arg"]).name)
            else:
                raise CheckpointError(f"{name} was refused: it takes a {one_line(kind)}, not only images.")
        if len(images) != 1:
            raise CheckpointError(f"{name} takes {len(images)} inputs; expected one, the images.")
        return cls(places, frozenset(parameters), constants, images[0])


#: The inputs that come with the file, and where each has its name.
_STATE = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}


def _model(archive: ZippedFile, name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the name and the JSON of the only model."""
    members = [m for m in archive.sizes if m.startswith("models/") and m.endswith(".json")]
    members += [m for m in archive.sizes if m == "serialized_exported_program.json"]
    if len(members) != 1:
        raise CheckpointError(
            f"{name} holds {len(members)} exported programs; expected one, as torch.export.save writes."
        )
    document = json.loads(archive.read(members[0], at_most=MAX_GRAPH_BYTES))
    return members[0].removeprefix("models/").removesuffix(".json"), document


def _claims(archive: ZippedFile, model: str, name: str, closing: ExitStack) -> dict[str, Claim]:
    """Return every tensor that comes with the graph, in the layout of whichever PyTorch wrote it."""
    claims: dict[str, Claim] = {}
    for folder, kind, oldest in (
        ("data/weights/", "weights", "serialized_state_dict.pt"),
        ("data/constants/", "constants", "serialized_constants.pt"),
    ):
        table = f"{folder}{model}_{kind}_config.json"
        if table in archive.sizes:
            entries = json.loads(archive.read(table, at_most=MAX_GRAPH_BYTES))["config"]
            claims |= {key: _raw(archive, folder, entry, name) for key, entry in entries.items()}
        for pickled in (f"{folder}{model}.pt", oldest):  # PyTorch 2.8, and before it
            if archive.sizes.get(pickled):
                content = io.BytesIO(archive.read(pickled, at_most=MAX_WEIGHTS_BYTES))
                claims |= read_zipped(closing.enter_context(open_zip(content, name)), name)
    return claims


def _raw(archive: ZippedFile, folder: str, entry: Mapping[str, Any], name: str) -> Claim:
    """Return the claim of a tensor whose numbers are a member of the zip."""
    if entry["use_pickle"]:
        raise CheckpointError(
            f"{name} was refused: it holds a pickled object, which could run code. Export the network from "
            "plain tensors."
        )
    meta = entry["tensor_meta"]
    dtype = SCALAR_TYPES.get(meta["dtype"])
    if meta["layout"] != STRIDED or dtype is None:
        raise CheckpointError(f"{name} was refused: it holds a sparse tensor, or one of an unusual type.")
    shape, stride = _counts(meta["sizes"]), _counts(meta["strides"])
    (offset,) = _counts([meta["storage_offset"]])
    member = f"{folder}{entry['path_name']}"

    def load() -> Tensor:
        content = archive.read(member, at_most=MAX_WEIGHTS_BYTES)
        return strided(content, dtype, shape=shape, stride=stride, offset=offset, name=name)

    return Claim(shape, dtype, load)


def _counts(sizes: list[Mapping[str, Any]]) -> tuple[int, ...]:
    counts = tuple(size["as_int"] for size in sizes)
    if any(type(count) is not int or count < 0 for count in counts):
        raise ValueError("a tensor's shape holds more than counts")
    return counts


def _numbers(claim: Claim, key: str, name: str, *, finite: bool) -> Tensor:
    """Return the numbers of a tensor, in single precision where they are real."""
    tensor = claim.load()
    if not tensor.is_floating_point():
        return tensor.contiguous()
    tensor = tensor.to(torch.float32).contiguous()
    if finite and not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {one_line(key)}; such a "
            "network computes nothing. Train it or export it again."
        )
    return tensor


def _sizes(meta: Mapping[str, Any], name: str) -> Sizes:
    sizes = [size.get("as_int") for size in meta["sizes"]]
    dtype = SCALAR_TYPES.get(meta["dtype"])
    if len(sizes) != AXES or dtype is None or not dtype.is_floating_point:
        raise CheckpointError(
            f"{name} takes {one_line(dtype)} of shape {one_line(tuple(sizes))}; expected floating-point "
            "images of shape (n, channels, height, width)."
        )
    n, channels, height, width = sizes
    return n, channels, height, width
