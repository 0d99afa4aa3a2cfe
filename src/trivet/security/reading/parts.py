"""The files that a checkpoint consists of: an index with its parts, a graph with the weights beside it.

`fields`, `read_index`, `read_locations` and `name_parts` run in the child process of `trivet.work.confined`.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.wording import first_line, one_line, quote
from trivet.work.confined import Confined

__all__ = [
    "INDEX",
    "ONNX",
    "beside",
    "fields",
    "file_sha256",
    "find_parts",
    "name_parts",
    "read_index",
    "under",
]

#: End the names of an index of several files, of safetensors or of torch.save.
INDEX: Final = (".safetensors.index.json", ".bin.index.json")
MAX_INDEX_BYTES: Final = 4 * 2**20
#: Ends the name of a graph, whose weights may lie beside it.
ONNX: Final = ".onnx"
MAX_GRAPH_BYTES: Final = 240 * 2**20
#: Field numbers of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.external_data, and the
#: two of its StringStringEntryProto.
GRAPH, INITIALIZER, EXTERNAL_DATA, KEY, VALUE = 7, 5, 13, 1, 2

#: Wire types of https://protobuf.dev/programming-guides/encoding/: a variable-length integer, eight
#: bytes, a length with as many bytes behind it, four bytes.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
VARINT_BYTES = 10


def find_parts(path: Path, child: Confined | None = None) -> tuple[Path, ...]:
    """Return the files that a checkpoint consists of, the one that names the others first."""
    if not path.name.lower().endswith((*INDEX, ONNX)):
        return (path,)
    name = one_line(path.name)
    with Confined() if child is None else nullcontext(child) as reader:
        try:
            request = {"path": str(path.absolute()), "name": name}
            named = reader.ask(
                "trivet.security.reading.parts:name_parts", request, name=name, error=CheckpointError
            )
        except CheckpointError:  # whatever reads it says what is wrong
            return (path,)
    parts = (path.with_name(part) for part in named if _is_plain(part))
    return (path, *(part for part in parts if _is_file(part)))


def file_sha256(path: Path, child: Confined | None = None) -> str:
    """Return the SHA-256 of a file; of several parts that of their list, as ``sha256sum`` writes it."""
    digests: dict[Path, str] = {}
    for part in find_parts(path, child):
        with part.open("rb") as stream:
            digests[part] = hashlib.file_digest(stream, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]
    if len(digests) == 1:
        return digests[path]
    listed = (f"{digest}  ".encode() + os.fsencode(part.name) + b"\n" for part, digest in digests.items())
    return hashlib.sha256(b"".join(listed)).hexdigest()


def beside(path: Path, part: str, name: str) -> Path:
    """Return a plain file of the same folder that a file names; no link is followed."""
    if not _is_plain(part):
        raise CheckpointError(f"{name} was refused: it names a part outside of its folder, {quote(part)}.")
    file = path.with_name(part)
    if not _is_file(file):
        raise CheckpointError(
            f"{name} lacks its part {quote(part)}: there is no such file beside it, or only a link; put the "
            "file itself there."
        )
    return file


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and Path(part).name == part


def _is_file(path: Path) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)  # noqa: PTH113, PTH114 - no path makes them raise


def name_parts(request: dict[str, Any], _folder: Path) -> list[str]:
    """Return the names of the files that an index or a graph names, each once, in order."""
    path, name = Path(request["path"]), request["name"]
    if path.name.lower().endswith(INDEX):
        return sorted(set(read_index(path, name).values()))
    return sorted(set(_locations(path.read_bytes()))) if path.stat().st_size <= MAX_GRAPH_BYTES else []


def read_index(path: Path, name: str) -> dict[str, str]:
    """Return which file beside an index holds each layer."""
    try:
        with path.open("rb") as stream:
            index = json.loads(stream.read(MAX_INDEX_BYTES))
        return {str(key): str(part) for key, part in index["weight_map"].items()}
    except Exception as error:  # an untrusted index can be wrong anywhere
        raise CheckpointError(
            f"{name} is not the index of weights in several files ({first_line(error)}); expected the "
            "names of its parts under weight_map."
        ) from error


def _locations(graph: bytes) -> Iterator[str]:
    """Yield the name of the file where each weight of an ONNX graph lies that is not in the graph itself."""
    for tensor in under(memoryview(graph), GRAPH, INITIALIZER):
        for entry in under(tensor, EXTERNAL_DATA):
            pair = {number: bytes(content) for number, content in fields(entry)}
            if pair.get(KEY) == b"location":
                yield pair.get(VALUE, b"").decode()


def under(message: memoryview, number: int, *inner: int) -> Iterator[memoryview]:
    """Yield the contents of the fields of a number, and below it of those of the next numbers."""
    for found, content in fields(message):
        if found == number:
            yield from under(content, *inner) if inner else (content,)


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the content of each field of a protobuf message, in order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        start = position
        if kind == VARINT:
            _, position = _varint(message, position)
        elif kind == LENGTH:
            length, start = _varint(message, position)
            position = start + length
        elif kind in {FIXED32, FIXED64}:
            position += 4 if kind == FIXED32 else 8
        else:
            raise ValueError("expected a protobuf message")
        if position > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, message[start:position]


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at `position`, and where it ends."""
    value = 0
    for index, byte in enumerate(message[position : position + VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
            return value, position + index + 1
    raise ValueError("it ends within a number")
