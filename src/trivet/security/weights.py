"""What does a weights file hold? One answer for each format, bounded before a tensor is read."""

import io
import struct
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import safetensors
import safetensors.torch

from trivet.errors import CheckpointError
from trivet.security.claims import DTYPES, Claim
from trivet.security.torchfile import read_legacy, read_zipped
from trivet.security.zipped import open_zip
from trivet.wording import reason

__all__ = ["MAX_WEIGHTS_BYTES", "open_stream", "open_weights"]

MAX_WEIGHTS_BYTES = 3 * 2**29
#: Room for an optimiser's two moments and an averaged copy beside the weights ...
MAX_COPIES = 4
#: ... and for what does not grow with the network.
SLACK_BYTES = 16 * 2**20
#: The header of a safetensors file is parsed whole; ten thousand layers need a quarter of this.
MAX_HEADER_BYTES = 4 * 2**20
ZIP = b"PK"
HEADER_LENGTH = struct.Struct("<Q")


def open_stream(source: Path | bytes) -> IO[bytes]:
    """Return a stream over a file, or over the content of an archive's member."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


@contextmanager
def open_weights(source: Path | bytes, name: str, *, needed: int) -> Generator[Any]:
    """Yield what a ``.safetensors`` file, or else a file of torch.save, holds.

    Tensors are `Claim` objects, which load as long as the context is open.

    Parameters
    ----------
    source
        The file, or the content of an archive's member.
    name
        What messages call it; its extension says which format it claims to be.
    needed
        How many bytes the network's own weights take.

    Raises
    ------
    CheckpointError
        If it is damaged, holds more than weights, or is far larger than `needed`.
    """
    with open_stream(source) as stream:
        _refuse_oversize(stream.seek(0, io.SEEK_END), needed, name)
        stream.seek(0)
        if name.lower().endswith(".safetensors"):
            _refuse_long_header(stream, name)
            yield _safetensors(source, name)
        elif stream.read(len(ZIP)) == ZIP:
            with open_zip(stream, name) as archive:
                _refuse_oversize(sum(archive.sizes.values()), needed, name)
                yield read_zipped(archive, name)
        else:
            stream.seek(0)
            yield read_legacy(stream, name)


def _safetensors(source: Path | bytes, name: str) -> dict[str, Claim]:
    try:
        if isinstance(source, bytes):
            tensors = safetensors.torch.load(source)
            return {
                key: Claim(tuple(tensor.shape), tensor.dtype, partial(tensors.__getitem__, key))
                for key, tensor in tensors.items()
            }
        file: Any = safetensors.safe_open(source, framework="pt")
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
        return {
            key: Claim(tuple(part.get_shape()), DTYPES.get(part.get_dtype()), partial(file.get_tensor, key))
            for key, part in slices.items()
        }
    except (safetensors.SafetensorError, ValueError, KeyError, OSError) as error:
        raise CheckpointError(f"{name} is not a valid safetensors file: {reason(error)}.") from error


def _refuse_long_header(stream: IO[bytes], name: str) -> None:
    start = stream.read(HEADER_LENGTH.size)
    if len(start) == HEADER_LENGTH.size and HEADER_LENGTH.unpack(start)[0] > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{name} is not a valid safetensors file: its header takes more than "
            f"{MAX_HEADER_BYTES // 2**20} MiB."
        )


def _refuse_oversize(size: int, needed: int, name: str) -> None:
    most = min(MAX_WEIGHTS_BYTES, MAX_COPIES * needed + SLACK_BYTES)
    if size > most:
        raise CheckpointError(
            f"{name} was refused: it takes {size / 2**20:.1f} MiB, where the architecture's weights take "
            f"{needed / 2**20:.1f} MiB and at most {most / 2**20:.1f} MiB are read. Save only the state dict."
        )
