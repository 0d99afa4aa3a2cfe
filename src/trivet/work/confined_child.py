"""The child's side of `trivet.work.confined`: set limits, then answer requests until there are no more."""

import contextlib
import errno
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

MOST_ANSWER_BYTES: Final = 16 * 2**20
#: How an answer names a failure that is not one of trivet's errors.
MEMORY, TOO_LARGE, DAMAGED, SYSTEM = "memory", "too large", "damaged", "system"
#: What to do where the temporary folder has no room left.
FULL: Final = {errno.ENOSPC: "; free some space, or name another folder in the environment variable TMPDIR"}
MIB: Final = 2**20


def limit(limits: Mapping[str, Any]) -> list[str]:
    """Set the limits for good; return those that the system does not have, in words."""
    wanted = [
        ("core dumps", "RLIMIT_CORE", 0),
        ("the size of files", "RLIMIT_FSIZE", limits["file_mib"] * MIB),
        ("memory", "RLIMIT_AS", limits["memory_mib"] * MIB),
    ]
    if not limits["processes"]:
        wanted.append(("processes", "RLIMIT_NPROC", 0))
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return ["processor time", *(words for words, _, _ in wanted)]
    missing: list[str] = []
    for words, name, most in wanted:
        try:
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (allowed, allowed))
        except (AttributeError, OSError, ValueError):
            missing.append(words)
    return missing


def allow(seconds: float) -> None:
    """Set the processor time from now on, where the system has such a limit."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )


def answer(message: Mapping[str, Any]) -> dict[str, Any]:
    """Run the reader that a request names."""
    from trivet.errors import TrivetError  # noqa: PLC0415 - once it can be found
    from trivet.wording import describe_error  # noqa: PLC0415

    try:
        module, _, function = message["reader"].partition(":")
        reader = getattr(importlib.import_module(module), function)
        allow(message["seconds"])
        return {"value": reader(message["request"], Path(message["folder"]))}
    except TrivetError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except MemoryError:
        return {"error": MEMORY}
    except OSError as error:
        kind = {errno.EFBIG: TOO_LARGE, errno.ENOMEM: MEMORY}.get(error.errno or 0)
        if kind is None:
            kind = SYSTEM if error.strerror else DAMAGED
        said = error.strerror + FULL.get(error.errno or 0, "") if error.strerror else describe_error(error)
        return {"error": kind, "text": said}
    except Exception as error:  # noqa: BLE001 - a hostile file fails in any way
        return {"error": DAMAGED, "text": describe_error(error)}


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer line by line."""
    for line in requests:
        try:
            reply = json.dumps(answer(json.loads(line)), allow_nan=False).encode()
        except MemoryError:
            reply = json.dumps({"error": MEMORY}).encode()
        except (TypeError, ValueError, RecursionError) as error:
            reply = json.dumps({"error": DAMAGED, "text": type(error).__name__}).encode()
        if len(reply) >= MOST_ANSWER_BYTES:
            reply = json.dumps({"error": DAMAGED, "text": "what it describes is too long"}).encode()
        answers.write(reply + b"\n")
        answers.flush()


def main() -> None:
    """Serve on standard input and output, with both out of reach of what a library prints."""
    sys.path.append(str(Path(__file__).parents[2]))  # where the parent has trivet from, if nowhere else
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    answers.write(json.dumps({"unlimited": limit(json.loads(sys.argv[1]))}).encode() + b"\n")
    answers.flush()
    if sys.argv[2]:
        with contextlib.suppress(Exception):  # the request for it will say why
            importlib.import_module(sys.argv[2])
    serve(requests, answers)


if __name__ == "__main__":
    main()
