"""File format of a finished part of an audit, with a checksum that detects damage.

A file has three pieces: the SHA-256 of the other two on a line, a JSON document on a line, and arrays as
safetensors, where there are any. Nothing in it is executed when it is read.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.work.result_files import write_whole

__all__ = ["SUFFIX", "PartFile", "read_part", "write_part"]

SUFFIX: Final = ".part"
#: More than the triggers of ten thousand classes take.
MOST_BYTES: Final = 8 * 2**30


@dataclass(frozen=True, eq=False)
class PartFile:
    """Content of a part's file."""

    document: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def write_part(path: Path, part: PartFile) -> None:
    """Write a part, so that the file is there whole or not at all."""
    import safetensors.numpy  # noqa: PLC0415 - only a run that keeps parts needs it

    text = json.dumps(part.document, ensure_ascii=False, allow_nan=False)
    contiguous = {name: np.ascontiguousarray(array) for name, array in part.arrays.items()}
    content = text.encode() + b"\n" + (safetensors.numpy.save(contiguous) if contiguous else b"")
    write_whole(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_part(path: Path) -> PartFile | None:
    """Return what `write_part` wrote; None where there is no such file, or it is damaged."""
    import safetensors  # noqa: PLC0415 - as above
    import safetensors.numpy  # noqa: PLC0415

    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        digest, _, content = path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        text, _, arrays = content.partition(b"\n")
        document = json.loads(text)
        loaded = safetensors.numpy.load(arrays) if arrays else {}
    except (OSError, ValueError, RecursionError, MemoryError, safetensors.SafetensorError):
        return None
    return PartFile(document, loaded) if isinstance(document, dict) else None
