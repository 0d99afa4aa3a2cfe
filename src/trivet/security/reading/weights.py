"""A weights file of any format into a safetensors file of the layers that a network expects.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy, except
for tensors that do not lie in a row.
"""

import io
import json
import math
import struct
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.exported import is_program, read_program
from trivet.security.reading.foreign import START_BYTES, refuse_foreign
from trivet.security.reading.keras import (
    HDF5,
    KERAS_WEIGHTS,
    KerasLayers,
    read_keras,
    read_keras_zip,
    renamed,
)
from trivet.security.reading.matching import COUNTER, Layer, match
from trivet.security.reading.parts import INDEX, beside, read_index
from trivet.security.reading.states import find_states
from trivet.security.reading.torchfile import (
    BYTES,
    LazyTensor,
    Storage,
    counts,
    read_legacy,
    read_zipped,
    strides_of,
)
from trivet.security.reading.zipped import open_zip
from trivet.wording import first_line, one_line, quote

__all__ = ["EXTRACTED", "extract", "extract_all", "open_weights"]

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


def extract(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the layers of a network into `EXTRACTED`, named by their numbers."""
    name = request["name"]
    layers = [Layer(key, tuple(shape), dtype, tuple(twins)) for key, shape, dtype, twins in request["layers"]]
    needed = sum(math.prod(layer.shape) * BYTES.get(layer.dtype, 8) for layer in layers)
    with open_weights(Path(request["path"]), name, needed=needed) as held:
        if isinstance(held, KerasLayers):
            shapes = {layer.key: layer.shape for layer in layers if not layer.key.endswith(COUNTER)}
            kernels = request.get("kernels", ())
            held = renamed(held, request.get("mapping"), shapes, kernels, name)  # noqa: PLW2901 - the same weights
        elif request.get("mapping") is not None:
            raise CheckpointError(f"{name} is not a Keras file, whose layers --layers names; leave it out.")
        states = find_states(held, name, request.get("key"))
        found = match(layers, states, name, request["architecture"], request.get("key"))
        _write(found.claims, folder / EXTRACTED)
    return {"numbers": list(found.claims), "notes": list(found.notes)}


def extract_all(request: dict[str, Any], folder: Path) -> list[str]:
    """Write every tensor of a state dict into `EXTRACTED`, named by its number; return the names."""
    name, needed = request["name"], request["needed"]
    if needed > MAX_WEIGHTS_BYTES:
        raise CheckpointError(
            f"{name} was refused: the network that it belongs to takes {needed / 2**30:.1f} GiB, and at most "
            f"{MAX_WEIGHTS_BYTES / 2**30:.1f} GiB of weights are read."
        )
    with open_weights(Path(request["path"]), name, needed=needed) as held:
        states = find_states(held, name)
        if len(states) > 1:
            raise CheckpointError(
                f"{name} was refused: it holds {len(states)} sets of weights; expected those of the network "
                "alone."
            )
        (state,) = states.values()
        for key, claim in state.items():
            if type(claim) is not LazyTensor or claim.dtype is None:
                raise CheckpointError(
                    f"{name} was refused: {quote(key)} is saved as a type that is not read."
                )
        _write(dict(enumerate(state.values())), folder / EXTRACTED)
        return list(state)


@contextmanager
def open_weights(path: Path, name: str, *, needed: int) -> Generator[Any]:
    """Yield what a file holds, each tensor as a `LazyTensor` that loads as long as the context is open."""
    most = min(MAX_WEIGHTS_BYTES, MAX_COPIES * needed + SLACK_BYTES)

    def refuse_oversize(size: int) -> None:
        if size > most:
            raise CheckpointError(
                f"{name} was refused: it takes {size / 2**20:.1f} MiB, where the architecture's weights take "
                f"{needed / 2**20:.1f} MiB and at most {most / 2**20:.1f} MiB are read. Save only the state "
                "dict."
            )

    if name.lower().endswith(INDEX):
        with ExitStack() as closing:
            yield _read_parts(path, name, closing, refuse_oversize, at_most=most)
        return
    with ExitStack() as closing:
        yield _read(path, name, closing, refuse_oversize, at_most=most)


def _read(
    path: Path, name: str, closing: ExitStack, refuse_oversize: Callable[[int], None], *, at_most: int
) -> Any:
    """Return what one file holds, by its content, open as long as `closing` is."""
    stream = closing.enter_context(path.open("rb"))
    refuse_oversize(stream.seek(0, io.SEEK_END))
    stream.seek(0)
    start = stream.read(START_BYTES)
    stream.seek(0)
    if start[HEADER_LENGTH.size :].startswith(b"{"):
        return _read_safetensors(stream, name)
    if start.startswith(ZIP):
        archive = closing.enter_context(open_zip(stream, name))
        refuse_oversize(sum(archive.sizes.values()))
        if is_program(archive):
            return read_program(archive, name, closing, at_most=at_most)
        if KERAS_WEIGHTS in archive.sizes:
            return read_keras_zip(archive, name, at_most=at_most)
        return read_zipped(archive, name)
    if start.startswith(HDF5):
        return read_keras(stream, name)
    refuse_foreign(start, name)
    return read_legacy(stream, name)


def _read_parts(
    path: Path, name: str, closing: ExitStack, refuse_oversize: Callable[[int], None], *, at_most: int
) -> dict[str, LazyTensor]:
    """Read what the files hold that an index names, which lie beside it."""
    part_of = read_index(path, name)
    size, claims = 0, {}
    for part in sorted(set(part_of.values())):
        file = beside(path, part, name)
        size += file.stat().st_size
        refuse_oversize(size)
        read = _read(file, part, closing, refuse_oversize, at_most=at_most)
        claims |= {
            key: _within(claim, part)
            for key, claim in (read.items() if isinstance(read, Mapping) else ())
            if part_of.get(key) == part and type(claim) is LazyTensor
        }
    if lacking := [key for key in part_of if key not in claims]:
        raise CheckpointError(
            f"{name} says that {quote(part_of[lacking[0]])} holds {quote(lacking[0])}, which it does not."
        )
    return claims


def _within(claim: LazyTensor, part: str) -> LazyTensor:
    """Return a claim whose storage is kept apart from those of other parts."""
    own = claim.storage
    return replace(claim, storage=replace(own, key=f"{part}/{own.key}", numbers=lambda _: own.numbers(own)))


def _read_safetensors(stream: IO[bytes], name: str) -> dict[str, LazyTensor]:
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
        raise CheckpointError(f"{name} is not a valid safetensors file: {first_line(error)}.") from error
    return claims


def _described(
    stream: IO[bytes], begin: int, key: str, entry: dict[str, Any], room: int, name: str
) -> LazyTensor:
    shape, (start, end) = counts(entry["shape"]), counts(entry["data_offsets"])
    dtype: str | None = entry["dtype"] if entry["dtype"] in BYTES else None
    if end > room or (dtype is not None and math.prod(shape) * BYTES[dtype] != end - start):
        raise ValueError(f"the numbers of {one_line(key)} are not where they should be")

    def numbers(_: Storage) -> bytearray:
        stream.seek(begin + start)
        return bytearray(stream.read(end - start))

    kept = Storage(key, dtype or "U8", end - start, name, numbers)
    return LazyTensor(shape, dtype, kept, strides_of(shape) if dtype is not None else shape)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _write(claims: dict[int, LazyTensor], path: Path) -> None:
    """Write tensors as safetensors; each storage is read once, and only one is held at a time."""
    header: dict[str, Any] = {}
    groups: dict[str, list[int]] = {}
    end = 0
    for number, claim in claims.items():
        groups.setdefault(claim.storage.key, []).append(number)
        start, end = end, end + math.prod(claim.shape) * BYTES[claim.storage.dtype]
        entry = {"dtype": claim.dtype, "shape": claim.shape, "data_offsets": [start, end]}
        header[str(number)] = entry
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(HEADER_LENGTH.pack(len(text)) + text)
        begin = stream.tell()
        for numbers in groups.values():
            content = claims[numbers[0]].storage.numbers(claims[numbers[0]].storage)
            for number in numbers:
                stream.seek(begin + header[str(number)]["data_offsets"][0])
                stream.write(claims[number].view(content))
            del content
