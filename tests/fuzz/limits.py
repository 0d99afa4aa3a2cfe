"""Many inputs in forked processes with limits, and what became of each."""

import json
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from trivet.errors import TrivetError

SECONDS = 20
MEMORY = 2 * 2**30

#: What a process may hold in addresses: more than MEMORY, since libraries reserve what they never touch.
ADDRESSES = 6 * 2**30


class _TooLongError(BaseException):
    """An input took longer than SECONDS; no ``except Exception`` holds it back."""


@dataclass
class Outcome:
    """Counts of inputs by what became of them, and a line for each that is a fault."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def try_inputs(
    make: Callable[[Random], Any], read: Callable[[Any], object], *, inputs: int, seed: int, lot: int = 100
) -> Outcome:
    """Give `inputs` made inputs to `read`, a lot in a forked process, and say what became of them.

    An answer and a TrivetError of one printable line are fine. Any other exception, a signal, more than
    SECONDS or more than MEMORY is a fault; it names the seed that makes the input again.
    """
    outcome = Outcome()
    for first in range(0, inputs, lot):
        numbers = range(first, min(first + lot, inputs))
        while numbers:  # a process that dies is followed by one for the rest
            done = _in_a_fork(make, read, seed, numbers, outcome)
            numbers = numbers[done:]
    return outcome


def _in_a_fork(
    make: Callable[[Random], Any], read: Callable[[Any], object], seed: int, numbers: range, outcome: Outcome
) -> int:
    """Try inputs in a child; add what it reports, and return how many are done with."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        _try_all(make, read, seed, numbers, into)
    os.close(into)
    with os.fdopen(out, encoding="utf-8") as lines:
        reports = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    for number, kind, detail in reports:
        outcome.counts[kind] += 1
        if kind not in {"answer", "refusal"}:
            outcome.faults.append(f"{kind}: input {number} of seed {seed}: {detail}")
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status):
        number = numbers[len(reports)] if len(reports) < len(numbers) else numbers[-1]
        outcome.counts["death"] += 1
        outcome.faults.append(f"death: input {number} of seed {seed}: status {status}")
        return len(reports) + 1
    return len(reports)


def _try_all(
    make: Callable[[Random], Any], read: Callable[[Any], object], seed: int, numbers: range, into: int
) -> None:
    """Try inputs one after the other in this process, report each on a line, and end the process."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, _stop)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in numbers:
        kind, detail = _try_one(make, read, Random(f"{seed}-{number}"))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        beside = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        if max(grown, beside) > MEMORY:
            kind, detail = "memory", f"{max(grown, beside) / 2**30:.1f} GiB"
        os.write(into, (json.dumps([number, kind, detail]) + "\n").encode())
        if kind == "memory":
            break
    os._exit(0)


def _try_one(make: Callable[[Random], Any], read: Callable[[Any], object], random: Random) -> tuple[str, str]:
    """Make one input and read it; return what became of it, and a detail."""
    given = make(random)
    started = time.monotonic()
    signal.alarm(SECONDS)
    try:
        read(given)
    except TrivetError as error:
        text = str(error)
        if not text.strip() or not text.isprintable():
            return "unprintable refusal", ascii(text)[:300]
        return "refusal", ""
    except _TooLongError:
        return "hang", f"{time.monotonic() - started:.0f} s"
    except BaseException as error:  # noqa: BLE001 - every other exception is the fault that is looked for
        return "exception", f"{type(error).__name__}: {ascii(str(error))[:200]}, {_place(error)}"
    finally:
        signal.alarm(0)
    return "answer", ""


def _stop(*_: object) -> None:
    raise _TooLongError


def _place(error: BaseException) -> str:
    """The innermost line of trivet that an exception came through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "trivet" in name and "tests" not in name:
            place = f"{os.path.basename(name)}:{trace.tb_lineno}"  # noqa: PTH119
        trace = trace.tb_next
    return place
