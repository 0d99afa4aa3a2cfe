"""Formats that hold no weights that can be read, by how a file begins or what a zip holds."""

from collections.abc import Iterable
from typing import Final

from trivet.errors import CheckpointError

__all__ = ["START_BYTES", "refuse_foreign", "zip_of"]

#: How many bytes of a file tell its format.
START_BYTES: Final = 512
#: Where a mark stands, the mark, what has it there, and what to do then.
MARKS: Final = (
    (0, b"\x1f\x8b", "packed by gzip", "unpack it first"),
    (0, b"BZh", "packed by bzip2", "unpack it first"),
    (0, b"\xfd7zXZ", "packed by xz", "unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it first"),
    (257, b"ustar", "a tar archive", "unpack it, and name the checkpoint in it"),
    (0, b"Rar!", "a rar archive", "unpack it, and name the checkpoint in it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the checkpoint in it"),
    (0, b"GGUF", "GGUF, quantised weights of a language model", "no image classifier comes so"),
    (4, b"TFL3", "TensorFlow Lite", "export the network as ONNX"),
    (0, b"<!", "a page of the web", "download the file itself"),
    (0, b"<html", "a page of the web", "download the file itself"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "git lfs pull brings the file itself"),
    (0, b"\x93NUMPY", "one array of NumPy's", "save a state dict of tensors"),
    (0, b"{", "a text in JSON", "name the file that holds the weights"),
    *((0, bytes((8, version, 18)), "ONNX", "give it a name that ends in .onnx") for version in range(3, 32)),
)
#: Ends of names in a zip, and what such a zip holds.
MEMBERS: Final = (
    (".npy", "NumPy arrays; torch.from_numpy makes tensors of them"),
    ("saved_model.pb", "TensorFlow; export the network as ONNX"),
    (".pth", "a checkpoint; unpack it first"),
    (".pt", "a checkpoint; unpack it first"),
    (".safetensors", "a checkpoint; unpack it first"),
)


def refuse_foreign(start: bytes, name: str) -> None:
    """Refuse a file whose first bytes show that it is of another format."""
    if not start:
        raise CheckpointError(f"{name} is an empty file; copy or download it again.")
    for place, mark, what, then in MARKS:
        if start[place : place + len(mark)] == mark:
            raise CheckpointError(f"{name} is not a PyTorch checkpoint but {what}; {then}.")


def zip_of(members: Iterable[str]) -> str:
    """Return what a zip holds other than weights."""
    paths = tuple(members)
    return next(
        (what for end, what in MEMBERS if any(path.endswith(end) for path in paths)), "something else"
    )
