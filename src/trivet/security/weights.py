"""A weights file of any format into a safetensors file of the layers that a network expects.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy, except
for tensors that do not lie in a row.
"""

import io
import json
import math
import struct
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import CheckpointError
from trivet.security.claims import BYTES, Claim, Storage, counts, strides_of
from trivet.security.exported import is_program, read_program
from trivet.security.state import Layer, find_state, match
from trivet.security.torchfile import read_legacy, read_zipped
from trivet.security.zipped import open_zip
from trivet.wording import one_line, reason

__all__ = ["EXTRACTED", "MAX_WEIGHTS_BYTES", "extract", "open_weights"]

EXTRACTED: Final = "weights.safetensors"
MAX_WEIGHTS_BYTES: Final = 3 * 2**29
#: Room for an optimiser's two moments and an averaged copy beside the weights ...
MAX_COPIES: Final = 4
#: ... and for what does not grow with the network.
SLACK_BYTES: Final = 16 * 2**20
#: The header of a safetensors file is parsed whole; ten thousand layers need a quarter of this.
MAX_HEADER_BYTES: Final = 4 * 2**20
ZIP: Final = b"PK"
HEADER_LENGTH: Final = struct.Struct("<Q")
METADATA: Final = "__metadata__"


def extract(request: dict[str, Any], folder: Path) -> list[int]:
    """Write the layers of a network into `EXTRACTED`, named by their numbers."""
    name = request["name"]
    layers = [Layer(key, tuple(shape), dtype) for key, shape, dtype in request["layers"]]
    needed = sum(math.prod(layer.shape) * BYTES.get(layer.dtype, 8) for layer in layers)
    with open_weights(Path(request["path"]), name, needed=needed) as held:
        claims = match(layers, find_state(held, name), name, request["architecture"])
        _write(claims, folder / EXTRACTED)
    return list(claims)


@contextmanager
def open_weights(path: Path, name: str, *, needed: int) -> Generator[Any]:
    """Yield what a file holds, each tensor as a `Claim` that loads as long as the context is open."""
    most = min(MAX_WEIGHTS_BYTES, MAX_COPIES * needed + SLACK_BYTES)

    def refuse_oversize(size: int) -> None:
        if size > most:
            raise CheckpointError(
                f"{name} was refused: it takes {size / 2**20:.1f} MiB, where the architecture's weights take "
                f"{needed / 2**20:.1f} MiB and at most {most / 2**20:.1f} MiB are read. Save only the state "
                "dict."
            )

    with path.open("rb") as stream, ExitStack() as closing:
        refuse_oversize(stream.seek(0, io.SEEK_END))
        stream.seek(0)
        if name.lower().endswith(".safetensors"):
            yield _read_safetensors(stream, name)
        elif stream.read(len(ZIP)) == ZIP:
            archive = closing.enter_context(open_zip(stream, name))
            refuse_oversize(sum(archive.sizes.values()))
            if is_program(archive):
                yield read_program(archive, name, closing, at_most=most)
            else:
                yield read_zipped(archive, name)
        else:
            stream.seek(0)
            yield read_legacy(stream, name)


def _read_safetensors(stream: IO[bytes], name: str) -> dict[str, Claim]:
    """Read the header of https://github.com/huggingface/safetensors, section "Format"."""
    start = stream.read(HEADER_LENGTH.size).ljust(HEADER_LENGTH.size, b"\0")
    (length,) = HEADER_LENGTH.unpack(start)
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{name} is not a valid safetensors file: its header takes more than "
            f"{MAX_HEADER_BYTES // 2**20} MiB."
        )
    begin = HEADER_LENGTH.size + length
    try:
        header = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=_without_doubles)
        room = stream.seek(0, io.SEEK_END) - begin
        claims = {
            key: _described(stream, begin, key, entry, room, name)
            for key, entry in header.items()
            if key != METADATA
        }
    except (MemoryError, CheckpointError):
        raise
    except Exception as error:  # an untrusted header can be wrong anywhere
        raise CheckpointError(f"{name} is not a valid safetensors file: {reason(error)}.") from error
    return claims


def _described(stream: IO[bytes], begin: int, key: str, entry: dict[str, Any], room: int, name: str) -> Claim:
    shape, (start, end) = counts(entry["shape"]), counts(entry["data_offsets"])
    dtype: str | None = entry["dtype"] if entry["dtype"] in BYTES else None
    if end > room or (dtype is not None and math.prod(shape) * BYTES[dtype] != end - start):
        raise ValueError(f"the numbers of {one_line(key)} are not where they should be")

    def numbers(_: Storage) -> bytearray:
        stream.seek(begin + start)
        return bytearray(stream.read(end - start))

    kept = Storage(key, dtype or "U8", end - start, name, numbers)
    return Claim(shape, dtype, kept, strides_of(shape) if dtype is not None else shape)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _write(claims: dict[int, Claim], path: Path) -> None:
    """Write tensors as safetensors; each storage is read once, and only one is held at a time."""
    header: dict[str, Any] = {}
    end = 0
    for number, claim in claims.items():
        start, end = end, end + math.prod(claim.shape) * BYTES[claim.storage.dtype]
        entry = {"dtype": claim.dtype, "shape": claim.shape, "data_offsets": [start, end]}
        header[str(number)] = entry
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(HEADER_LENGTH.pack(len(text)) + text)
        begin = stream.tell()
        for numbers in _by_storage(claims):
            content = claims[numbers[0]].storage.numbers(claims[numbers[0]].storage)
            for number in numbers:
                stream.seek(begin + header[str(number)]["data_offsets"][0])
                stream.write(claims[number].view(content))
            del content


def _by_storage(claims: dict[int, Claim]) -> Sequence[list[int]]:
    groups: dict[str, list[int]] = {}
    for number, claim in claims.items():
        groups.setdefault(claim.storage.key, []).append(number)
    return list(groups.values())
