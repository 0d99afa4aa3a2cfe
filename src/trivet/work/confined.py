"""Reading of untrusted files in a child process with limits of memory, time and file size.

The child is a fresh interpreter that runs one of trivet's own reader functions,
``reader(request, folder) -> answer``. Requests and answers are JSON; arrays and tables are files that
the reader writes into a private temporary folder (safetensors, Parquet). Nothing is pickled. Whatever
a file does to its reader, the parent sees an answer or one line.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from trivet import errors
from trivet.errors import DataError, TrivetError
from trivet.wording import one_line
from trivet.work import confined_child
from trivet.work.confined_child import DAMAGED, MEMORY, MOST_ANSWER_BYTES, SYSTEM, TOO_LARGE

__all__ = ["Confined", "Limits", "seconds_for"]

#: One thread each: a pool of threads reserves address space, and none of the readers needs one.
SINGLE_THREADED: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
#: Wall clock for each second of processor time, so that a busy machine refuses no file.
PATIENCE: Final = 4
MESSAGE_CHARACTERS: Final = 4_000

ERRORS: Final[dict[str, type[TrivetError]]] = {
    name: kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, TrivetError)
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Resource limits of the child process."""

    memory_mib: int = 1_536
    seconds: float = 15.0
    file_mib: int = 2_048
    processes: bool = False


#: What large files may take beyond the seconds that any may.
BYTES_A_SECOND: Final = 20 * 2**20


def seconds_for(*files: Path) -> float:
    """Return the processor time that reading files may take, all of them together."""
    return Limits.seconds + sum(file.stat().st_size for file in files) / BYTES_A_SECOND


class Confined:
    """A child process that reads, replaced when it dies; a context manager, which removes its files."""

    def __init__(self, limits: Limits | None = None, *, ready: str = "") -> None:
        self._limits, self._ready = limits or Limits(), ready
        try:
            self._temporary = tempfile.TemporaryDirectory(prefix="trivet-", ignore_cleanup_errors=True)
        except OSError as error:
            raise TrivetError(
                f"no temporary folder can be made: {error.strerror}. Free some space, or name another "
                "folder in the environment variable TMPDIR."
            ) from error
        self.folder = Path(self._temporary.name)
        self._child: subprocess.Popen[bytes] | None = self._start()
        self._greeted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child and remove its files."""
        if self._child is not None:
            _kill(self._child)
        self._end()
        self._temporary.cleanup()

    def ask(
        self,
        reader: str,
        request: Mapping[str, Any],
        *,
        name: str,
        error: type[TrivetError] = DataError,
        seconds: float | None = None,
    ) -> Any:
        """Have a request answered by a reader in the child."""
        seconds = self._limits.seconds if seconds is None else seconds
        message = {"reader": reader, "request": request, "folder": str(self.folder), "seconds": seconds}
        child = self._child = self._child or self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child)

        timer = threading.Timer(PATIENCE * seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            answer = self._exchange(child, json.dumps(message).encode() + b"\n")
        finally:
            timer.cancel()
        if answer is None:
            code = self._end()
            raise error(self._death(name, code, seconds, late=late.is_set()))
        if "value" in answer:
            return answer["value"]
        kind, text = str(answer.get("error")), one_line(answer.get("text"), limit=MESSAGE_CHARACTERS)
        if kind in ERRORS:
            raise ERRORS[kind](text)
        raise error(f"{name} {self._failure(kind, text)}")

    def file(self, name: str) -> Path:
        """Return the path of a file that a reader left."""
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            raise DataError(f"the reader left no {name}.")
        return path

    def _start(self) -> "subprocess.Popen[bytes]":
        self._greeted = False
        command = [
            sys.executable,
            "-P",
            confined_child.__file__,
            json.dumps(asdict(self._limits)),
            self._ready,
        ]
        try:
            return subprocess.Popen(  # noqa: S603 - this interpreter, on a file of this package
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | SINGLE_THREADED,
                start_new_session=True,
            )
        except OSError as error:
            raise TrivetError(f"no process can be started to read files in: {error.strerror}.") from error

    def _exchange(self, child: "subprocess.Popen[bytes]", message: bytes) -> dict[str, Any] | None:
        """Return the child's answer, None where there is none that can be understood."""
        requests, answers = _pipe(child.stdin), _pipe(child.stdout)
        try:
            if not self._greeted:
                _warn_once(_document(answers).get("unlimited", []))
                self._greeted = True
            requests.write(message)
            requests.flush()
            return _document(answers)
        except (OSError, ValueError, RecursionError):
            return None

    def _end(self) -> int:
        """End the child; return its exit status, negative for a signal."""
        child, self._child = self._child, None
        if child is None:
            return 0
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        try:
            code = child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            code = None
        _kill(child)  # and what it started
        return child.wait() if code is None else code

    def _failure(self, kind: str, text: str) -> str:
        if kind == MEMORY:
            return f"was refused: reading it takes more than {self._limits.memory_mib} MiB of memory."
        if kind == TOO_LARGE:
            return f"was refused: reading it writes more than {self._limits.file_mib} MiB."
        if kind == SYSTEM:
            return f"cannot be read: {text}."
        if kind == DAMAGED:
            return f"cannot be read; it may be damaged ({text})."
        return "cannot be read: its reader gave no answer that can be understood."

    def _death(self, name: str, code: int, seconds: float, *, late: bool) -> str:
        if late:
            return f"{name} was refused: reading it took more than {PATIENCE * seconds:g} s."
        sort = _signal_name(-code) if code < 0 else ""
        if sort == "SIGXCPU":
            return f"{name} was refused: reading it took more than {math.ceil(seconds)} s of processor time."
        if sort == "SIGKILL":
            return (
                f"{name} cannot be read: the system ended its reader (SIGKILL), as it does where memory runs "
                "out."
            )
        if sort:
            return f"{name} cannot be read: its reader crashed ({sort}), as on a damaged or hostile file."
        return f"{name} cannot be read: its reader ended without an answer (exit status {code})."


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # never: both were requested
        raise OSError("there is no pipe to the reader")
    return stream


def _document(stream: IO[bytes]) -> dict[str, Any]:
    line = stream.readline(MOST_ANSWER_BYTES + 1)
    if not line.endswith(b"\n"):
        raise ValueError("the answer is cut off or too long")
    document = json.loads(line)
    if type(document) is not dict:
        raise ValueError("the answer is of another form")
    return document


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """End the child and the processes that it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)  # its own group: it leads a session
        else:
            child.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_warned: set[str] = set()


def _warn_once(unlimited: list[str]) -> None:
    new = [one_line(limit) for limit in unlimited if limit not in _warned]
    _warned.update(new)
    if new:
        warnings.warn(
            f"this system does not limit {', '.join(new)}; untrusted files are read in a process of their "
            "own, without that limit.",
            RuntimeWarning,
            stacklevel=4,
        )
