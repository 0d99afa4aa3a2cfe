"""The process in which DuckDB reads untrusted files, one for all tables that a program opens."""

import atexit
import itertools
import json
import math
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from trivet.errors import DataError
from trivet.tables.reading import TooManyError
from trivet.tables.values import plain, restored
from trivet.wording import quote
from trivet.work.confined import Confined, Limits

__all__ = ["LARGEST_USUAL", "Child", "usual_child"]

READER: Final = "trivet.tables.session:answer"
#: Address space: DuckDB keeps its own memory within 1.5 GB of it, and reserves more than it uses.
MEMORY_MIB: Final = 5_120
#: Arrays that take more MiB than this are read in a process of their own, with room for them.
LARGEST_USUAL: Final = 1_024
#: Processor time of a request, and what each MiB of the file adds to it.
SECONDS: Final = 15.0
SECONDS_A_MIB: Final = 0.5
#: Size that a packed file is given time for, in its own.
UNPACKED: Final = 8
_numbers = itertools.count()


class Child:
    """A process that keeps tables open; it may be shared by threads, which then take turns."""

    def __init__(self, extra_mib: int = 0) -> None:
        self._confined = Confined(
            Limits(memory_mib=MEMORY_MIB + extra_mib, file_mib=16_384, seconds=SECONDS, processes=True)
        )
        self._turn = threading.RLock()

    def close(self) -> None:
        """End the process."""
        self._confined.close()

    def open(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        """Open a table; return its number and what the child says of it."""
        number = next(_numbers)
        return number, self.ask({"ask": "open", "number": number, **request})

    def unpack(self, request: Mapping[str, Any]) -> Path:
        """Return a plain file that the child makes of a packed one, for the caller to remove."""
        size = UNPACKED * request["size"]
        number = next(_numbers)
        try:
            made = self.ask({"ask": "unpack", "number": number, **request, "size": size})
            return self._confined.file(Path(made["made"]).name)
        except BaseException:
            for part in self._confined.folder.glob(f"{number}.*"):
                part.unlink()
            raise

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Return the answer to a request of `trivet.tables.session`."""
        seconds = math.ceil(SECONDS + SECONDS_A_MIB * request["size"] / 2**20)
        name = quote(request.get("called") or Path(request["path"]).name)
        sent = dict(request) | {"values": plain(request.get("values", ()))}
        with self._turn:
            answer = self._confined.ask(READER, sent, name=name, seconds=seconds)
            if isinstance(answer, dict) and "file" in answer:
                file = self._confined.file("rows")
                answer = json.loads(file.read_bytes())
                file.unlink()
        if isinstance(answer, dict) and "too many" in answer:
            raise TooManyError(answer["too many"])
        if request["ask"] not in ("rows", "added up"):
            return answer
        try:
            return restored(answer)
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise self._odd() from error

    def arrays(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of an answer, which the child leaves in files."""
        with self._turn:
            described = self.ask(request)
            arrays = {name: self._array(place, each) for place, (name, each) in enumerate(described.items())}
            for file in self._confined.folder.glob("*.values"):
                file.unlink()
            return arrays

    def _array(self, place: int, described: Mapping[str, Any]) -> Any:
        file, length = self._confined.file(f"{place}.values"), int(described["length"])
        if described["type"] == "text":
            texts: list[Any] = json.loads(file.read_bytes())
            values = np.empty(len(texts), dtype=object)
            values[:] = texts
        elif re.fullmatch("[<>|=][biufM][0-9]+.*", described["type"]):
            values = np.fromfile(file, dtype=np.dtype(described["type"]))
        else:
            raise self._odd()
        mask = np.zeros(length, dtype=np.bool_)
        if described["masked"]:
            mask = np.fromfile(self._confined.file(f"{place}.mask"), dtype=np.bool_)
        if len(values) != length or len(mask) != length:
            raise self._odd()
        return np.ma.masked_array(values, mask) if described["masked"] else values

    def _odd(self) -> DataError:
        return DataError(
            "the process that reads tables answers something else than was expected; start again."
        )


_usual: dict[int, Child] = {}
_first = threading.Lock()


def usual_child() -> Child:
    """Return this process's child that serves all tables, and start it where there is none."""
    with _first:
        if os.getpid() not in _usual:
            _usual[os.getpid()] = Child()
            atexit.register(_close, os.getpid())
        return _usual[os.getpid()]


def _close(process: int) -> None:
    if process == os.getpid():
        _usual.pop(process).close()
