"""The content of a `.pth` file in both of torch.save's layouts, read without unpickling.

The layout since PyTorch 1.6 is a zip: ``data.pkl`` describes the content, ``data/KEY`` holds the
numbers of each storage. The older one is a row of pickles with the numbers behind them.
"""

import pickle
import struct
from typing import IO, Any

from trivet.errors import CheckpointError
from trivet.security.claims import BYTES, Storage
from trivet.security.pickled import MAX_PICKLE_BYTES, Pickle, read_pickle
from trivet.security.zipped import ZippedFile
from trivet.wording import quoted

__all__ = ["read_legacy", "read_zipped"]

#: torch/serialization.py, `MAGIC_NUMBER` and `PROTOCOL_VERSION` of the layout before 1.6.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
COUNT = struct.Struct("<q")


def read_zipped(archive: ZippedFile, name: str) -> Any:
    """Return what a zip of torch.save holds, each tensor as a `Claim`.

    The archive has to stay open as long as claims are loaded.
    """
    if "constants.pkl" in archive.sizes:
        raise CheckpointError(
            f"{name} is a TorchScript program, which carries code. If you trust it, load it with "
            "torch.jit.load where it was made and save its state_dict() with torch.save."
        )
    if "data.pkl" not in archive.sizes:
        raise CheckpointError(
            f"{name} cannot be read as a PyTorch checkpoint: it is a zip of something else. Expected a state "
            "dict saved with torch.save, or a .safetensors file."
        )
    if "byteorder" in archive.sizes and bytes(archive.read("byteorder", at_most=8)) != b"little":
        raise CheckpointError(f"{name} was saved on a big-endian machine; save it again on this one.")

    def numbers(storage: Storage) -> bytearray:
        return archive.read(f"data/{storage.key}", at_most=storage.elements * BYTES[storage.dtype])

    return read_pickle(bytes(archive.read("data.pkl", at_most=MAX_PICKLE_BYTES)), name, numbers).value


def read_legacy(stream: IO[bytes], name: str) -> Any:
    """Return what a file in the layout before PyTorch 1.6 holds, each tensor as a `Claim`.

    The stream has to stay open as long as claims are loaded.
    """
    if stream.read(1) != pickle.PROTO:
        raise CheckpointError(
            f"{name} is not a PyTorch checkpoint. Expected a state dict saved with torch.save, or a "
            ".safetensors file."
        )
    places: dict[str, tuple[int, int]] = {}

    def numbers(storage: Storage) -> bytearray:
        start, length = places.get(storage.key, (0, 0))
        stream.seek(start)
        return bytearray(stream.read(length))

    pickles: list[Pickle] = []
    position = 0
    for _ in ("magic number", "protocol", "machine", "content", "keys of the storages"):
        stream.seek(position)
        pickles.append(read_pickle(stream.read(MAX_PICKLE_BYTES), name, numbers))
        position += pickles[-1].length
        if pickles[0].value != MAGIC:
            raise CheckpointError(
                f"{name} was refused: it is a pickle that torch.save did not write. Expected a state dict "
                "saved with torch.save, or a .safetensors file."
            )
    _, protocol, machine, content, keys = pickles
    if protocol.value != PROTOCOL or machine.value.get("little_endian") is not True:
        raise CheckpointError(f"{name} was saved by another PyTorch or machine; save it again on this one.")
    if type(keys.value) is not list or set(map(type, keys.value)) - {str}:
        raise CheckpointError(f"{name} is damaged: the list of its storages is none.")
    places.update(_places(stream, position, keys.value, content, name))
    return content.value


def _places(
    stream: IO[bytes], position: int, keys: list[str], content: Pickle, name: str
) -> dict[str, tuple[int, int]]:
    """Return for each storage at which byte its numbers start, and how many bytes they take."""
    end = stream.seek(0, 2)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        stream.seek(position)
        count = stream.read(COUNT.size)
        storage = content.storages.get(key)
        if storage is None or len(count) < COUNT.size or COUNT.unpack(count)[0] != storage.elements:
            raise CheckpointError(f"{name} is damaged: its storage {quoted(key)} is not as described.")
        length = storage.elements * BYTES[storage.dtype]
        places[key] = (position + COUNT.size, length)
        position += COUNT.size + length
        if position > end:
            raise CheckpointError(f"{name} is damaged: it ends within its storage {quoted(key)}.")
    return places
