"""The weights of an exported program (`.pt2`), with none of PyTorch's loaders at work.

`torch.export.load` unpickles the example inputs, evaluates symbolic expressions and guards, and
looks operators up by name. Only the raw numbers are read here; the graph, which is code, is not.
"""

import io
import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.torchfile import BYTES, LazyTensor, Storage, counts, read_zipped
from trivet.security.reading.zipped import ZippedFile, open_zip

__all__ = ["is_program", "read_program"]

MAX_TABLE_BYTES: Final = 16 * 2**20
STRIDED: Final = 7
#: Codes of `ScalarType` in torch/_export/serde/schema.py.
SCALAR_TYPES: Final[dict[Any, str]] = {
    1: "U8",
    2: "I8",
    3: "I16",
    4: "I32",
    5: "I64",
    6: "F16",
    7: "F32",
    8: "F64",
    12: "BOOL",
    13: "BF16",
}
OLDEST: Final = "serialized_exported_program.json"


def is_program(archive: ZippedFile) -> bool:
    """Tell whether a zip is what torch.export.save writes."""
    return OLDEST in archive.sizes or any(_is_model(path) for path in archive.sizes)


def read_program(
    archive: ZippedFile, name: str, closing: ExitStack, *, at_most: int
) -> dict[str, LazyTensor]:
    """Return the state dict of an exported program, in the layout of whichever PyTorch wrote it."""
    models = [path for path in archive.sizes if _is_model(path) or path == OLDEST]
    if len(models) != 1:
        raise CheckpointError(
            f"{name} holds {len(models)} exported programs; expected one, as torch.export.save writes."
        )
    model = models[0].removeprefix("models/").removesuffix(".json")
    folder = "data/weights/"
    table = f"{folder}{model}_weights_config.json"
    if table in archive.sizes:
        entries = json.loads(archive.read(table, at_most=MAX_TABLE_BYTES))["config"]
        return {key: _raw(archive, folder, entry, name) for key, entry in entries.items()}
    for pickled in (f"{folder}{model}.pt", "serialized_state_dict.pt"):  # PyTorch 2.8, and before it
        if archive.sizes.get(pickled):
            content = io.BytesIO(archive.read(pickled, at_most=at_most))
            inner = closing.enter_context(open_zip(content, name))
            if sum(inner.sizes.values()) > at_most:
                raise CheckpointError(
                    f"{name} was refused: its weights unpack to more than {at_most / 2**20:.1f} MiB."
                )
            return read_zipped(inner, name)
    raise CheckpointError(f"{name} is an exported program without weights.")


def _is_model(path: str) -> bool:
    return path.startswith("models/") and path.endswith(".json")


def _raw(archive: ZippedFile, folder: str, entry: Mapping[str, Any], name: str) -> LazyTensor:
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
    path = f"{folder}{entry['path_name']}"
    size = archive.sizes.get(path, 0)
    (offset,) = _sizes([meta["storage_offset"]])
    storage = Storage(path, dtype, size // BYTES[dtype], name, lambda _: archive.read(path, at_most=size))
    return LazyTensor(_sizes(meta["sizes"]), dtype, storage, _sizes(meta["strides"]), offset)


def _sizes(written: list[Mapping[str, Any]]) -> tuple[int, ...]:
    return counts([size["as_int"] for size in written])
