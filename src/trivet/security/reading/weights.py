"""A weights file of any format into a safetensors file of the layers that a network expects.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy, except
for tensors that do not lie in a row.
"""

import io
import json
import math
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.exported import is_program, read_program
from trivet.security.reading.torchfile import (
    BYTES,
    FLOATING,
    Claim,
    Storage,
    counts,
    read_legacy,
    read_zipped,
    strides_of,
)
from trivet.security.reading.zipped import open_zip
from trivet.wording import one_line, quoted, reason

__all__ = ["EXTRACTED", "Layer", "extract", "find_state", "match", "open_weights", "refuse_broken"]

#: Under which names training scripts keep the state dict beside epochs and optimisers.
STATE_KEYS = ("state_dict", "model_state_dict", "model", "net")
#: What DataParallel and torch.compile put before the name of every layer.
WRAPPERS = ("module.", "_orig_mod.")
#: Batch normalisation's counter: absent before PyTorch 0.4.1, and without effect in evaluation.
COUNTER = "num_batches_tracked"

SHOWN_PROBLEMS = 4


def find_state(content: Any, name: str) -> dict[str, Claim]:
    """Return the state dict in `content`: itself, or what it keeps under one of `STATE_KEYS`."""
    if _is_state(content):
        return content
    held = [key for key in STATE_KEYS if isinstance(content, Mapping) and _is_state(content.get(key))]
    if len(held) > 1:
        raise CheckpointError(
            f"{name} holds state dicts under {' and '.join(map(repr, held))}; save the one that you mean."
        )
    if not held:
        raise CheckpointError(
            f"{name} holds a {type(content).__name__} that is not a state dict; expected names of layers "
            "with their tensors, as torch.save(model.state_dict(), ...) writes, or such a dict under one of "
            f"{', '.join(map(repr, STATE_KEYS))}."
        )
    return content[held[0]]


@dataclass(frozen=True)
class Layer:
    """An entry of a network's own state dict; `dtype` as safetensors calls it."""

    key: str
    shape: tuple[int, ...]
    dtype: str


def match(
    layers: Sequence[Layer], state: Mapping[str, Claim], name: str, architecture: str
) -> dict[int, Claim]:
    """Return the claim for each layer, by the layer's number, strictly.

    Names, shapes and types are compared before a tensor is read. Floating-point weights may be of
    any precision; counts and masks have to be of the layer's own type.
    """
    state = _without_wrappers(state, [layer.key for layer in layers])
    problems = list(_problems(state, layers))
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise CheckpointError(
            f"{name} does not fit the architecture {one_line(architecture)}: {shown}{more}."
        )
    refuse_broken(
        [layer.key for layer in layers if layer.key in state and not _is_of_type(state[layer.key], layer)],
        name,
    )
    return {number: state[layer.key] for number, layer in enumerate(layers) if layer.key in state}


def refuse_broken(keys: Sequence[str], name: str) -> None:
    """Refuse layers with weights that are not finite."""
    if keys:
        shown = ", ".join(one_line(key) for key in keys[:SHOWN_PROBLEMS])
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {shown}; "
            "such a network computes nothing. Train it or save it again."
        )


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(type(key) is str and type(value) is Claim for key, value in content.items())
    )


def _without_wrappers(state: Mapping[str, Claim], expected: Sequence[str]) -> Mapping[str, Claim]:
    while True:
        for wrapper in WRAPPERS:
            if all(key.startswith(wrapper) for key in state) and not all(
                key.startswith(wrapper) for key in expected
            ):
                state = {key.removeprefix(wrapper): claim for key, claim in state.items()}
                break
        else:
            return state


def _problems(state: Mapping[str, Claim], layers: Sequence[Layer]) -> Iterator[str]:
    expected = {layer.key for layer in layers}
    for layer in layers:
        if layer.key not in state and not layer.key.endswith(COUNTER):
            yield f"{one_line(layer.key)} is missing"
    for key in state:
        if key not in expected:
            yield f"{quoted(key)} is not a layer of it"
    for layer in layers:
        if layer.key in state and state[layer.key].shape != layer.shape:
            found = one_line(state[layer.key].shape)
            yield f"{one_line(layer.key)} has shape {found} instead of {layer.shape}"


def _is_of_type(claim: Claim, layer: Layer) -> bool:
    return claim.dtype in FLOATING if layer.dtype in FLOATING else claim.dtype == layer.dtype


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
