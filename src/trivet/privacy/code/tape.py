"""Tape of one run: every draw of noise and every use of it; a second run is held against it."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from sysconfig import get_paths
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.code.claims import Claims, claims_here

__all__ = ["NO_NOISE", "Call", "Diverged", "Draw", "Event", "Kind", "Shift", "Tape", "site_here"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
#: What happens to noise: its value becomes known, its sign is tested, the place of the largest is taken, a
#: function is applied; or something is drawn with probabilities, or by a library that states its own loss.
Kind = Literal["value", "signs", "argmax", "derived", "choice", "library"]
#: Draws that are added to nothing: choices of rows, and first weights of a network.
NO_NOISE: Final = frozenset({"derived", "selection", "start"})
#: A run that draws more is not an audit of one answer.
MOST_DRAWN: Final = 50_000_000


class Diverged(BaseException):
    """The replay does not follow the record, as `difference` says."""

    def __init__(self, difference: str, site: str, *, chosen: bool) -> None:
        super().__init__(difference)
        self.difference, self.site, self.chosen = difference, site, chosen


@dataclass(frozen=True)
class Call:
    """One kind of noise as the code asks for it."""

    family: str
    source: str
    #: What shapes the standard distribution: the p of a geometric one.
    parameter: Any = None
    #: What a library states of it.
    sensitivity: float | None = None


@dataclass
class Draw:
    """One call of noise: `count` independent draws of a standard distribution from column `start` on."""

    call: Call
    site: str
    shape: tuple[int, ...]
    start: int
    count: int
    claims: tuple[Claims, ...]


@dataclass
class Event:
    """One use of noise: rows of `offset` + `rows` @ draws, and what was seen of them.

    `rows` is a sparse matrix of shape (n, columns), `offset` has shape (n,). What is seen is `outcome`: the
    n values, the n truth values, or an index.
    """

    kind: Kind
    site: str
    via: str
    offset: Floats
    rows: Any
    outcome: Any
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shift:
    """The row that a neighbour lacks (`removed`), or has at its end (`added`), of so many rows."""

    rows: int
    removed: int | None = None
    added: bool = False


@dataclass
class Tape:
    """Record of one run; a replay where it is given another tape, whose outcomes it repeats."""

    recorded: "Tape | None" = None
    shift: Shift | None = None
    draws: list[Draw] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: Each at the scale of the standard distribution, one array a draw.
    drawn: list[Floats] = field(default_factory=list)
    #: Scale of each draw where data was first added to it, by column.
    units: dict[int, float] = field(default_factory=dict)
    diverged: Diverged | None = None
    columns: int = 0
    #: Set while a library's own code runs, whose draws are not the user's.
    inside: int = 0

    @property
    def replays(self) -> bool:
        """Tell whether outcomes come from another tape."""
        return self.recorded is not None

    def stop(self, difference: str, site: str, *, chosen: bool = False) -> Diverged:
        """Note where the replay leaves the record, and return what ends it."""
        self.diverged = Diverged(difference, site, chosen=chosen)
        return self.diverged

    def draw(self, call: Call, shape: tuple[int, ...], sample: Callable[[], Any]) -> Whole:
        """Draw, or repeat a draw; return the column of each."""
        site, count = site_here(), int(np.prod(shape, dtype=np.int64))
        if self.columns + count > MOST_DRAWN:
            raise self.stop(f"draws more than {MOST_DRAWN:,} numbers", site)
        if self.recorded is None:
            values = np.asarray(sample(), dtype=np.float64).reshape(-1)
            return self._add(call, site, shape, values)
        place = len(self.draws)
        if place == len(self.recorded.draws):
            said = f"draws {call.family} noise once more than on the data"
            raise self.stop(said, site, chosen=call.family in _CHOOSING)
        before = self.recorded.draws[place]
        values = self.recorded.drawn[place]
        if (site, call.family) != (before.site, before.call.family):
            said = f"draws {call.family} noise where the data has {before.call.family} noise at {before.site}"
            chosen = {call.family, before.call.family} <= _CHOOSING
            raise self.stop(said, site, chosen=chosen)
        columns = np.arange(before.start, before.start + before.count)
        if shape != before.shape:
            aligned = None
            if call.family == "uniform":
                aligned = self.align(columns.reshape(before.shape), self.recorded.columns + self.columns)
            if aligned is None or aligned.shape != shape:
                said = (
                    f"draws {call.family} noise of shape {list(shape)}, and {list(before.shape)} on the data"
                )
                raise self.stop(said, site, chosen=call.family in _CHOOSING)
            columns = aligned.reshape(-1)
            values = np.resize(values, count)
        self._add(call, site, shape, values)
        return columns

    def _add(self, call: Call, site: str, shape: tuple[int, ...], values: Floats) -> Whole:
        start, count = self.columns, len(values)
        self.draws.append(Draw(call, site, shape, start, count, claims_here()))
        self.drawn.append(values)
        self.columns += count
        return np.arange(start, start + count)

    def align(self, array: NDArray[Any], fresh: Any) -> NDArray[Any] | None:
        """Give an array of one entry a row the rows of the neighbour; None where it has none a row."""
        shift = self.shift
        if shift is None or array.ndim == 0 or len(array) != shift.rows:
            return None
        if shift.removed is not None:
            return np.delete(array, shift.removed, axis=0)
        if not shift.added:
            return None
        return np.concatenate([array, np.full_like(array[:1], fresh)])

    def event(
        self,
        kind: Kind,
        via: str,
        offset: Floats,
        rows: Any,
        outcome: Callable[[Floats], Any],
        facts: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note a use of noise and return what is seen: of the values on the data, or as on the record."""
        site = "the answer" if via == "answer" else site_here()
        if self.recorded is None:
            seen = outcome(self.values(offset, rows))
        else:
            place = len(self.events)
            if place == len(self.recorded.events):
                raise self.stop(f"uses noise ({via}) once more than on the data", site)
            before = self.recorded.events[place]
            seen = before.outcome
            if (kind, site, via) != (before.kind, before.site, before.via):
                said = f"uses noise ({via}) where the data has another use ({before.via}) at {before.site}"
                raise self.stop(said, site)
            if len(offset) != len(before.offset):
                aligned = None if np.ndim(seen) == 0 else self.align(np.asarray(seen), fresh=True)
                if kind != "signs" or aligned is None or len(aligned) != len(offset):
                    said = (
                        f"uses noise ({via}) on {len(offset)} numbers, and {len(before.offset)} on the data"
                    )
                    raise self.stop(said, site)
                seen = aligned
        self.events.append(Event(kind, site, via, offset, rows, seen, facts or {}))
        return seen

    def columns_of_function(
        self, via: str, shape: tuple[int, ...], offset: Floats, rows: Any, apply: Callable[[Floats], Floats]
    ) -> Whole:
        """Note a function of noise, which is noise of its own; return its columns."""
        facts: dict[str, Any] = {"apply": apply}
        values = self.event("derived", via, offset, rows, apply, facts)
        columns = self.draw(Call("derived", via), shape, lambda: values)
        facts["columns"] = columns
        return columns

    def values(self, offset: Floats, rows: Any) -> Floats:
        """Return the numbers that rows stand for, on the data."""
        if not rows.nnz:
            return offset.copy()
        drawn = self._column_values(rows.indices)
        counts = np.diff(rows.indptr)
        sums = np.bincount(np.repeat(np.arange(len(offset)), counts), rows.data * drawn, len(offset))
        return offset + sums

    def _column_values(self, columns: Whole) -> Floats:
        starts = np.array([draw.start for draw in self.draws])
        which = np.searchsorted(starts, columns, side="right") - 1
        if len(set(which.tolist())) == 1:
            place = int(which[0])
            return self.drawn[place][columns - starts[place]]
        return np.array([self.drawn[i][c - starts[i]] for i, c in zip(which, columns, strict=True)])

    def finish(self) -> None:
        """Stop a replay that has drawn or used less noise than the record."""
        if self.recorded is None:
            return
        if len(self.draws) < len(self.recorded.draws):
            missing = self.recorded.draws[len(self.draws)]
            chosen = missing.call.family in _CHOOSING
            raise self.stop(f"does not draw the {missing.call.family} noise", missing.site, chosen=chosen)
        if len(self.events) < len(self.recorded.events):
            left = self.recorded.events[len(self.events)]
            raise self.stop(f"does not use noise ({left.via}) as on the data", left.site)


#: Draws that serve to choose rows as well as to make noise.
_CHOOSING: Final = frozenset({"uniform", "selection"})


@cache
def _makes_noise(file: str) -> bool:
    """Tell whether a file is the interpreter's, a library's that draws, or this package's own."""
    if file.startswith(("<", _OWN)) or "site-packages" not in file:
        return file.startswith(("<", _OWN, _STANDARD))
    inside = file.rpartition("site-packages")[2].replace("\\", "/").lstrip("/")
    return inside.startswith(_DRAWING)


_OWN: Final = str(Path(__file__).parent)
_STANDARD: Final = get_paths()["stdlib"]
_DRAWING: Final = ("numpy/", "scipy/", "torch/", "pandas/", "sklearn/", "opendp/", "diffprivlib/mechanisms/")


def site_here() -> str:
    """Return ``file:line, function`` of the code that asks for noise or uses it."""
    frame = sys._getframe(1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and _makes_noise(frame.f_code.co_filename):
        frame = frame.f_back
    code = frame.f_code
    return f"{Path(code.co_filename).name}:{frame.f_lineno}, {code.co_name}"
