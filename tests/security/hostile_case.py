"""One row of the table of hostile files, and how it is opened."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trivet.security import load_checkpoint, load_from_archive

#: What code would touch if it ran, in the folder of its file.
SENTINEL = "executed"


@dataclass(frozen=True)
class Case:
    """A file, what its refusal says, and with which images it is asked for."""

    name: str
    build: Callable[[Path], Path]
    message: str
    architecture: str | None = "mnist-cnn"
    input_shape: tuple[int, int, int] = (1, 28, 28)
    classes: int = 10
    in_archive: bool = False

    def load(self, path, *, reader=None):
        if self.in_archive:
            return load_from_archive(path, 4)
        return load_checkpoint(
            path,
            architecture=self.architecture,
            input_shape=self.input_shape,
            classes=self.classes,
            reader=reader,
        )


class Calls:
    """Is pickled as a call of our choice."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def runs(folder):
    """Return what touches the sentinel when it is unpickled."""
    return Calls(os.system, f"touch {folder / SENTINEL}")


def raw(content, name="a.pth"):
    """Return the builder of a file; its content may depend on the folder."""

    def build(folder):
        (folder / name).write_bytes(content(folder) if callable(content) else content)
        return folder / name

    return build
