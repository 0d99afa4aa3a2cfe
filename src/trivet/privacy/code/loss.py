"""Privacy loss along one path: what a record and its replay on a neighbour differ in, and what that costs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from trivet.privacy.code.densities import distribution, grid_of_quantiles, recognised, shift_loss
from trivet.privacy.code.tape import Draw, Event, Floats, Tape, Whole
from trivet.privacy.code.tested import Test, log_probability

__all__ = ["NOT_FINITE", "SAME", "Part", "PathLoss", "path_loss"]

NOT_FINITE: Final = "noise is added to a number that is not finite"
#: Relative difference that the rounding of sums explains.
SAME: Final = 1e-9
#: Draws that are joined are treated together only where there are at most so many.
_TOGETHER: Final = 2_000
#: Outcomes of a search for the largest that are compared.
_MOST_OUTCOMES: Final = 100
#: `laplace` and `pure`: a loss at most `amount` (of Laplace noise, exactly that distribution); `gaussian`: shift
#: in standard deviations, squared; `tested`: log ratio of what was seen; `scales`: see `facts`; `unlimited`
#: and `unknown`: see `words`; `approximate`: an (epsilon, delta) of a library.
PartKind = Literal["laplace", "pure", "gaussian", "tested", "scales", "unlimited", "unknown", "approximate"]


@dataclass(frozen=True)
class Part:
    """One contribution to the loss of a path."""

    kind: PartKind
    amount: float
    site: str
    draws: tuple[int, ...]
    words: str = ""
    facts: Mapping[str, float | str] = field(default_factory=dict)


@dataclass
class PathLoss:
    """Loss of a path by its parts, and how far the inputs of each draw moved.

    `moved` maps a draw's number to the L1 and L2 norm of the change in its units. `hidden` are places where
    randomness is used up unseen, so that the path does not say what the code reveals.
    """

    parts: list[Part] = field(default_factory=list)
    moved: dict[int, tuple[float, float]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)


@dataclass
class _Row:
    """One number seen on both runs: ``offset + factors @ draws``, on the data and on the neighbour."""

    kind: str
    site: str
    seen: float
    before: tuple[float, dict[int, float]]
    after: tuple[float, dict[int, float]]
    #: Of the comparisons of one search for the largest, the number of that search.
    search: int | None = None

    @property
    def moves(self) -> bool:
        """Tell whether the two differ by more than rounding."""
        (x, mine), (other, theirs) = self.before, self.after
        same = abs(x - other) <= 1e-12 * max(abs(x), abs(other)) or x == other or (x != x and other != other)
        return not same or mine.keys() != theirs.keys() or any(
            abs(mine[c] - theirs[c]) > SAME * abs(mine[c]) for c in mine
        )


def path_loss(record: Tape, replay: Tape) -> PathLoss:
    """Compare the two runs, use by use."""
    return _Comparison(record, replay).loss()


class _Comparison:
    def __init__(self, record: Tape, replay: Tape) -> None:
        self.record, self.replay = record, replay
        self.starts = np.array([draw.start for draw in record.draws], dtype=np.int64)
        #: Draws whose value is known by now, by column.
        self.fixed: dict[int, float] = {}
        self.found = PathLoss()
        self.made: dict[int, tuple[str, float] | None] = {}
        #: Places that test uniform noise, and whether the data decides on the test.
        self.chosen: dict[str, bool] = {}
        #: What each search for the largest looked at.
        self.searches: list[list[_Row]] = []

    def loss(self) -> PathLoss:
        """Go through all uses, then through draws that belong together."""
        plain: list[tuple[Event, Floats, Floats, Any]] = []
        rows: list[_Row] = []
        for before, after in zip(self.record.events, self.replay.events, strict=True):
            match before.kind:
                case "value":
                    if not self._simple(before, after, plain):
                        rows += self._rows(before, after, np.asarray(before.outcome, dtype=float), "value")
                    if before.via != "answer" and self._is_pure(before):
                        self.found.hidden.append(f"{before.site} ({before.via})")
                case "derived":
                    rows += self._derived(before, after)
                case "signs":
                    rows += self._signs(before, after)
                case "argmax":
                    rows += self._largest(before, after)
                case "choice":
                    self._choice(before, after)
                case "library":
                    self._library(before, after)
        for draw in self.record.draws:
            if draw.call.family == "selection":
                self.found.hidden.append(f"{draw.site} ({draw.call.source})")
        # Randomised response tests uniform noise against the data; a choice of rows never does.
        self.found.hidden += [f"{site} (random choice)" for site, moves in self.chosen.items() if not moves]
        self._split(plain, rows)
        return self.found

    # Rows.

    def _simple(
        self, before: Event, after: Event, plain: list[tuple[Event, Floats, Floats, Any]]
    ) -> bool:
        """Keep apart the plain case, in which each number has a draw of its own and the same scale."""
        one, two = before.rows, after.rows
        single = (np.diff(one.indptr) == 1).all() and (np.diff(two.indptr) == 1).all()
        if not (single and len(one.indices) == len(two.indices) and (one.indices == two.indices).all()):
            return False
        if any(column in self.fixed for column in one.indices.tolist()) if self.fixed else False:
            return False
        if not np.isfinite([before.offset, after.offset]).all():
            return False
        if (np.abs(one.data - two.data) > SAME * np.abs(one.data)).any() or not one.data.all():
            return False
        plain.append((before, after.offset - before.offset, one.data, one.indices))
        return True

    def _is_pure(self, event: Event) -> bool:
        """Tell whether what is seen is noise that nothing was added to, or a function of such noise."""
        if not event.rows.nnz or event.offset.any():
            return False
        return all(self._without_data(int(column)) for column in np.unique(event.rows.indices))

    def _without_data(self, column: int) -> bool:
        draw = self.record.draws[self._draw_of(column)]
        if draw.call.family == "derived":
            return all(map(self._without_data, self._bases(draw, column - draw.start)))
        return draw.call.family == "uniform" or column not in self.record.units

    def _one(self, offset: float, rows: Any, row: int) -> tuple[float, dict[int, float]]:
        factors: dict[int, float] = {}
        for place in range(rows.indptr[row], rows.indptr[row + 1]):
            column, factor = int(rows.indices[place]), float(rows.data[place])
            if column in self.fixed:
                offset += factor * self.fixed[column]
            elif factor:
                factors[column] = factors.get(column, 0.0) + factor
        return float(offset), factors

    def _rows(self, before: Event, after: Event, seen: Floats, kind: str) -> list[_Row]:
        # A test of one number a row has on the neighbour a row less, or one more, which no draw else has.
        shift = self.replay.shift
        order = np.arange(len(before.offset))
        if len(after.offset) != len(before.offset) and shift is not None and shift.removed is not None:
            order = np.delete(order, shift.removed)
        return [
            _Row(
                kind,
                self._site_of(before, row),
                float(seen[row]),
                self._one(before.offset[row], before.rows, row),
                self._one(after.offset[place], after.rows, place),
            )
            for place, row in enumerate(order.tolist()[: len(after.offset)])
        ]

    def _site_of(self, event: Event, row: int) -> str:
        first, end = event.rows.indptr[row : row + 2]
        if first == end or int(event.rows.indices[first]) >= self.record.columns:
            return event.site
        return self.record.draws[self._draw_of(int(event.rows.indices[first]))].site

    def _derived(self, before: Event, after: Event) -> list[_Row]:
        """Let a function of noise be noise where its input is the same, and of an answer where it is not."""
        values = self.record.values(before.offset, before.rows)
        rows = self._rows(before, after, values, "value")
        columns = before.facts["columns"]
        operands = len(rows) // max(1, len(columns))
        grouped = [rows[place :: len(columns)] for place in range(len(columns))] if operands else []
        start = self.record.draws[self._draw_of(int(columns[0]))] if len(columns) else None
        found: list[_Row] = []
        for place, group in enumerate(grouped):
            if any(row.moves for row in group):
                found += group
                drawn = self.record.drawn[self._draw_of(int(columns[place]))]
                assert start is not None
                self.fixed[int(columns[place])] = float(drawn[place])
        return found

    def _signs(self, before: Event, after: Event) -> list[_Row]:
        rows = self._rows(before, after, np.asarray(before.outcome, dtype=float), before.facts["test"])
        if self._only_uniform(before):
            moves = any(row.moves for row in rows)
            self.chosen[before.site] = moves or self.chosen.get(before.site, False)
        return rows

    def _only_uniform(self, event: Event) -> bool:
        families = {self._call(int(column)).family for column in event.rows.indices}
        return families == {"uniform"}

    def _largest(self, before: Event, after: Event) -> list[_Row]:
        rows = self._rows(before, after, np.zeros(len(before.offset)), "value")
        self.searches.append(rows)
        return _won(rows, int(before.outcome), len(self.searches) - 1)

    # Uses that state their loss.

    def _choice(self, before: Event, after: Event) -> None:
        logs = [event.facts["log_probabilities"] for event in (before, after)]
        if len(logs[0]) != len(logs[1]):
            words = f"chooses among {len(logs[1])} options, and {len(logs[0])} on the data"
            self._add("unlimited", 0.0, before.site, (), words)
            return
        with np.errstate(invalid="ignore"):
            gaps = np.abs(logs[0] - logs[1])
        gaps = np.where(np.isneginf(logs[0]) & np.isneginf(logs[1]), 0.0, gaps)
        loss = float(gaps.max(initial=0.0)) * len(np.atleast_1d(before.outcome))
        if np.isfinite(loss):
            self._add("pure", loss, before.site, ())
        else:
            only = [float(np.exp(one[np.isneginf(two)]).sum()) for one, two in (logs, logs[::-1])]
            words = "an option is possible on one of the two only"
            self._add("unlimited", 0.0, before.site, (), words, {"mass": max(only)})

    def _library(self, before: Event, after: Event) -> None:
        kind, amount, words = before.facts["loss"](before.facts, after.facts)
        facts = {"stated": 1.0} | ({"delta": amount[1]} if kind == "approximate" else {})
        cost = amount[0] if kind == "approximate" else amount
        self._add(kind, cost, before.site, (before.facts["draw"],), words, facts)
        if (moved := before.facts.get("moved")) is not None:
            distance = moved(before.facts, after.facts)
            number = before.facts["draw"]
            self._move(number, distance, distance)

    # Draws.

    def _draw_of(self, column: int) -> int:
        return int(np.searchsorted(self.starts, column, side="right")) - 1

    def _call(self, column: int) -> Any:
        return self.record.draws[self._draw_of(column)].call

    def _family(self, column: int) -> tuple[str, float]:
        """Family of a column and its scale: of a function of uniform noise, those it is recognised to have."""
        number = self._draw_of(column)
        draw = self.record.draws[number]
        if draw.call.family != "derived":
            return draw.call.family, 1.0
        if number not in self.made:
            self.made[number] = self._recognise(draw)
        made = self.made[number]
        return ("derived", 1.0) if made is None else (made[0], float(made[1][column - draw.start]))

    def _recognise(self, draw: Draw) -> Any:
        """Compare a function of uniform noise with the quantiles of known families."""
        if draw.count > _TOGETHER:
            return None
        points = []
        for point in grid_of_quantiles().tolist():
            values = self._at(draw, point, {})
            if values is None:
                return None
            points.append(values)
        return recognised(np.array(points))

    def _at(self, draw: Draw, point: float, known: dict[int, Floats | None]) -> Floats | None:
        """Values of a function of noise where each uniform draw in it is `point`."""
        event = next(
            event
            for event in self.record.events
            if event.kind == "derived" and len(event.facts["columns"]) and event.facts["columns"][0] == draw.start
        )
        inputs: list[float] = []
        bases: list[set[int]] = [set() for _ in range(draw.count)]
        for row in range(len(event.offset)):
            total, factors = self._one(event.offset[row], event.rows, row)
            for column, factor in factors.items():
                number = self._draw_of(column)
                inner = self.record.draws[number]
                if inner.call.family == "uniform":
                    total += factor * point
                    bases[row % draw.count].add(column)
                elif inner.call.family == "derived":
                    if number not in known:
                        known[number] = self._at(inner, point, known)
                    values = known[number]
                    if values is None:
                        return None
                    total += factor * float(values[column - inner.start])
                    bases[row % draw.count] |= self._bases(inner, column - inner.start)
                else:
                    return None
            inputs.append(total)
        if any(len(base) > 1 for base in bases):
            return None
        return event.facts["apply"](np.array(inputs))

    def _bases(self, draw: Draw, place: int) -> set[int]:
        event = next(
            event
            for event in self.record.events
            if event.kind == "derived" and len(event.facts["columns"]) and event.facts["columns"][0] == draw.start
        )
        found: set[int] = set()
        for row in range(place, len(event.offset), draw.count):
            for column in event.rows.indices[event.rows.indptr[row] : event.rows.indptr[row + 1]].tolist():
                inner = self.record.draws[self._draw_of(column)]
                if inner.call.family == "derived":
                    found |= self._bases(inner, column - inner.start)
                else:
                    found.add(column)
        return found

    # Parts.

    def _add(
        self,
        kind: PartKind,
        amount: float,
        site: str,
        draws: Any,
        words: str = "",
        facts: Mapping[str, float | str] | None = None,
    ) -> None:
        numbers = tuple(sorted(set(draws)))
        where = self.record.draws[numbers[0]].site if numbers else site
        self.found.parts.append(Part(kind, float(amount), where, numbers, words, facts or {}))

    def _move(self, number: int, l1: float, l2: float) -> None:
        before = self.found.moved.get(number, (0.0, 0.0))
        self.found.moved[number] = before[0] + l1, float(np.hypot(before[1], l2))

    def _moved(self, columns: Whole, changes: Floats, scales: Floats) -> None:
        """Note how far the inputs of each draw moved, in the units in which noise was added."""
        units = np.array([self.record.units.get(int(column), 1.0) for column in columns])
        sizes = np.abs(changes / scales) * units
        by_draw: defaultdict[int, list[float]] = defaultdict(list)
        for column, size in zip(columns.tolist(), sizes.tolist(), strict=True):
            if size:
                by_draw[self._draw_of(column)].append(size)
        for number, found in by_draw.items():
            self._move(number, float(np.sum(found)), float(np.linalg.norm(found)))

    def _split(self, plain: list[tuple[Event, Floats, Floats, Any]], rows: list[_Row]) -> None:
        """Treat numbers that share draws together, and all others by themselves."""
        joined: set[int] = {column for row in rows for column in (*row.before[1], *row.after[1])}
        counts = np.unique(
            np.concatenate([indices for *_, indices in plain] or [np.zeros(0, dtype=np.int64)]),
            return_counts=True,
        )
        joined |= set(counts[0][counts[1] > 1].tolist())
        for event, changes, scales, columns in plain:
            apart = np.array([column not in joined for column in columns.tolist()], dtype=bool)
            if apart.any():
                self._shifts(event.site, changes[apart], scales[apart], columns[apart])
            for place in np.flatnonzero(~apart).tolist():
                factors = {int(columns[place]): float(scales[place])}
                seen, x = float(np.asarray(event.outcome)[place]), float(event.offset[place])
                row = _Row("value", event.site, seen, (x, factors), (x + float(changes[place]), factors))
                rows.append(row)
        for group in _groups(rows):
            if any(row.moves for row in group):
                self._together(group)

    def _shifts(self, site: str, changes: Floats, scales: Floats, columns: Whole) -> None:
        """Add the loss of numbers that have a draw of their own each."""
        moved = np.flatnonzero(changes)
        if not len(moved):
            return
        changes, scales, columns = changes[moved], scales[moved], columns[moved]
        self._moved(columns, changes, scales)
        numbers = np.searchsorted(self.starts, columns, side="right") - 1
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            call = self.record.draws[number].call
            own = np.abs(changes[mine] / scales[mine])
            if call.family == "derived":
                families = [self._family(int(column)) for column in columns[mine]]
                if families[0][0] == "derived":
                    self._unknown_noise(site, number)
                    continue
                own = own / np.array([scale for _, scale in families])
                self._of_family(families[0][0], call, own, site, number)
            else:
                self._of_family(call.family, call, own, site, number)

    def _of_family(self, family: str, call: Any, shifts: Floats, site: str, number: int) -> None:
        if family == "normal":
            self._add("gaussian", float(np.sum(shifts**2)), site, (number,))
        elif family == "laplace":
            for shift in shifts.tolist():
                self._add("laplace", shift, site, (number,))
        elif family in {"logistic", "cauchy", "discrete_laplace"}:
            named = call if call.family == family else type(call)(family, call.source)
            losses = shift_loss(named, shifts)
            if np.isfinite(losses).all():
                self._add("pure", float(losses.sum()), site, (number,))
            else:
                words = "integer noise is added to numbers that are not whole"
                self._add("unlimited", 0.0, site, (number,), words)
        elif family in {"uniform", "exponential", "gumbel"}:
            for shift in shifts.tolist():
                self._add(
                    "scales", shift, site, (number,), f"{family} noise", {"family": family, "ratio": 1.0}
                )
        else:
            self._unknown_noise(site, number)

    def _unknown_noise(self, site: str, number: int) -> None:
        call = self.record.draws[number].call
        name = f"a function ({call.source}) of noise" if call.family == "derived" else f"{call.family} noise"
        self._add("unknown", 0.0, site, (number,), f"the density of {name} is not known")

    # Numbers that share draws.

    def _together(self, group: list[_Row]) -> None:
        columns = sorted({column for row in group for column in (*row.before[1], *row.after[1])})
        draws = [self._draw_of(column) for column in columns]
        site = next(row.site for row in group if row.moves)
        tests = [row for row in group if row.kind != "value"]
        values = [row for row in group if row.kind == "value"]
        if any(not np.isfinite(x) for row in values for x in (row.before[0], row.after[0])):
            if any(np.isfinite(row.before[0]) != np.isfinite(row.after[0]) for row in values):
                self._add("unlimited", 0.0, site, draws, NOT_FINITE)
            return
        if not columns:
            self._without_noise(group)
            return
        if len(columns) > _TOGETHER:
            self._add("unknown", 0.0, site, draws, f"{len(columns)} draws are mixed with each other")
            return
        if len(values) == 1 and not tests and values[0].before[1].keys() == values[0].after[1].keys():
            (row,) = values
            if len(columns) == 1:
                self._rescaled(row, columns[0])
                return
            if (made := self._difference(row)) is not None:
                family, call, scale = made
                shift = np.array([abs(row.after[0] - row.before[0]) / scale])
                self._of_family(family, call, shift, site, draws[0])
                self._moved(np.array(columns[:1]), np.array([row.after[0] - row.before[0]]), np.array([scale]))
                return
        if not tests and {self._family(column)[0] for column in columns} == {"normal"}:
            self._gaussians(values, columns, site, draws)
            return
        self._pinned(values, tests, columns, site, draws)

    def _without_noise(self, group: list[_Row]) -> None:
        for row in group:
            if row.kind != "value":
                (one, _), (two, _) = row.before, row.after
                if _passes(row.kind, one) != _passes(row.kind, two):
                    self._add("unlimited", 0.0, row.site, (), "a test has no noise in it, and another answer")
            elif row.moves and not _close(row.before[0], row.after[0]):
                self._add("unlimited", 0.0, row.site, (), "noise of scale 0 is added")

    def _rescaled(self, row: _Row, column: int) -> None:
        """Add the loss of one number whose noise has another scale on the neighbour."""
        one, two = row.before[1][column], row.after[1][column]
        family, unit = self._family(column)
        change = row.after[0] - row.before[0]
        number = self._draw_of(column)
        self._moved(np.array([column]), np.array([change]), np.array([one]))
        if abs(one - two) <= SAME * abs(one):
            self._of_family(family, self._call(column), np.array([abs(change / one) / unit]), row.site, number)
            return
        if distribution(family) is None:
            self._unknown_noise(row.site, number)
            return
        facts = {"family": family, "ratio": abs(two / one)}
        words = f"{family} noise has scale {abs(one) * unit:.4g}, and {abs(two) * unit:.4g} on the neighbour"
        self._add("scales", abs(change / one) / unit, row.site, (number,), words, facts)

    def _difference(self, row: _Row) -> tuple[str, Any, float] | None:
        """Name the noise that a difference of two exponential or geometric draws is."""
        if len(row.before[1]) != 2 or row.before[1] != row.after[1]:  # noqa: PLR2004 - a difference
            return None
        (one, two), (first, second) = row.before[1].keys(), row.before[1].values()
        calls = [self._call(column) for column in (one, two)]
        same = self._family(one) == self._family(two) and calls[0].parameter == calls[1].parameter
        if not same or abs(first + second) > SAME * abs(first):
            return None
        if self._family(one)[0] in {"exponential", "gumbel"}:
            family = {"exponential": "laplace", "gumbel": "logistic"}[self._family(one)[0]]
            return family, calls[0], abs(first) * self._family(one)[1]
        if calls[0].family == "geometric":
            call = type(calls[0])("discrete_laplace", calls[0].source, -np.log1p(-calls[0].parameter))
            return "discrete_laplace", call, abs(first)
        return None

    def _gaussians(self, values: list[_Row], columns: list[int], site: str, draws: list[int]) -> None:
        """Add the loss of sums of Gaussians: the shift that the draws would need, in L2 norm."""
        place = {column: number for number, column in enumerate(columns)}
        matrices = [np.zeros((len(values), len(columns))) for _ in range(2)]
        for number, row in enumerate(values):
            for matrix, (_, factors) in zip(matrices, (row.before, row.after), strict=True):
                for column, factor in factors.items():
                    matrix[number, place[column]] = factor
        change = np.array([row.after[0] - row.before[0] for row in values])
        if not np.allclose(*matrices, rtol=SAME, atol=0):
            self._add("unknown", 0.0, site, draws, "sums of noise have other scales on the neighbour")
            return
        shift = np.linalg.lstsq(matrices[0], change, rcond=None)[0]
        left = np.abs(matrices[0] @ shift - change).max()
        if left > 1e-6 * np.abs(change).max():
            self._add("unlimited", 0.0, site, draws, "noise is used twice, and cancels out")
            return
        self._add("gaussian", float(shift @ shift), site, draws)
        self._moved(np.array(columns), shift, np.ones(len(columns)))

    def _pinned(
        self, values: list[_Row], tests: list[_Row], columns: list[int], site: str, draws: list[int]
    ) -> None:
        """Solve for the draws that values determine, and integrate over those that only tests know of."""
        sides: list[dict[int, float]] = [{}, {}]
        left = list(values)
        progress = True
        while progress:
            progress = False
            for row in list(left):
                open_ = [
                    [column for column in part[1] if column not in side]
                    for part, side in zip((row.before, row.after), sides, strict=True)
                ]
                if open_[0] != open_[1] or len(open_[0]) > 1:
                    continue
                totals = [
                    part[0] + sum(f * side[c] for c, f in part[1].items() if c in side)
                    for part, side in zip((row.before, row.after), sides, strict=True)
                ]
                if open_[0]:
                    (column,) = open_[0]
                    for part, side, total in zip((row.before, row.after), sides, totals, strict=True):
                        side[column] = (row.seen - total) / part[1][column]
                elif not _close(totals[1], row.seen) and row.before[1]:
                    self._add("unlimited", 0.0, row.site, draws, "noise is used twice, and cancels out")
                    return
                left.remove(row)
                progress = True
        if any(row.moves for row in left):
            self._add("unknown", 0.0, site, draws, "sums of several draws are added")
            return
        pinned = [column for column in columns if column in sides[0]]
        changes = np.array([sides[1][column] - sides[0][column] for column in pinned])
        if pinned:
            self._moved(np.array(pinned), changes, np.ones(len(pinned)))
        if not tests:
            self._shifts_only(pinned, changes, site)
            return
        self._with_tests(tests, columns, sides, site, draws)

    def _shifts_only(self, pinned: list[int], changes: Floats, site: str) -> None:
        for column, change in zip(pinned, changes.tolist(), strict=True):
            if change:
                family, unit = self._family(column)
                shift = np.array([abs(change) / unit])
                self._of_family(family, self._call(column), shift, site, self._draw_of(column))

    def _with_tests(
        self, tests: list[_Row], columns: list[int], sides: list[dict[int, float]], site: str, draws: list[int]
    ) -> None:
        """Add the loss of what tests said; of a test by itself, of what it can say that costs most."""
        could = [tests]
        if not sides[0] and tests[0].search is not None and {row.search for row in tests} == {tests[0].search}:
            rows = self.searches[tests[0].search]
            could += [_won(rows, place, 0) for place in range(min(len(rows), _MOST_OUTCOMES))]
        elif not sides[0] and len(tests) == 1:
            could.append([replace(tests[0], seen=1.0 - tests[0].seen)])
        outcomes = [self._outcome(each, columns, sides) for each in could]
        if isinstance(outcomes[0], str):
            self._add("unknown", 0.0, site, draws, outcomes[0])
            return
        pairs = [each for each in outcomes if not isinstance(each, str) and np.isfinite(each[0])]
        impossible = [one for one, two in pairs if np.isneginf(two)]
        if impossible:
            words = "what a test of noise said is impossible on the neighbour"
            self._add("unlimited", 0.0, site, draws, words, {"mass": float(np.exp(max(impossible)))})
        elif not pairs:
            words = "what was seen is too rare for its probability to be computed"
            self._add("unknown", 0.0, site, draws, words)
        else:
            one, two = max(pairs, key=lambda pair: abs(pair[0] - pair[1]))
            self._add("tested", abs(one - two), site, draws, "", {"log_p": max(one, two)})

    def _outcome(
        self, tests: list[_Row], columns: list[int], sides: list[dict[int, float]]
    ) -> tuple[float, float] | str:
        """Log density of what tests said, on the data and on the neighbour; in words why it is not known."""
        free = [column for column in columns if column not in sides[0]]
        place = {column: number for number, column in enumerate(free)}
        families = [self._family(column) for column in free]
        logs: list[float] = []
        for number, side in enumerate(sides):
            total = 0.0
            for column, value in side.items():
                family, unit = self._family(column)
                known = distribution(family)
                if known is None:
                    return f"the density of {family} noise is not known"
                total += float(known.logpdf(value / unit))
            found = log_probability(
                [_test(row, number, side, place, families) for row in tests], [each[0] for each in families]
            )
            if found is None:
                return "tests of noise depend on each other in a way that is not followed"
            logs.append(total + found)
        return logs[0], logs[1]


def _test(
    row: _Row, number: int, side: dict[int, float], place: dict[int, int], families: list[tuple[str, float]]
) -> Test:
    offset, factors = (row.before, row.after)[number]
    offset += sum(factor * side[column] for column, factor in factors.items() if column in side)
    free = {place[c]: f * families[place[c]][1] for c, f in factors.items() if c in place}
    over = (row.kind in {"gt", "ge"}) == bool(row.seen)
    sign = 1.0 if over else -1.0
    return Test(sign * offset, tuple((draw, sign * factor) for draw, factor in free.items()))


def _won(rows: list[_Row], winner: int, search: int) -> list[_Row]:
    """Return the comparisons that say that one row is the largest."""
    first = rows[winner]
    return [
        _Row("ge", row.site, 1.0, _minus(first.before, row.before), _minus(first.after, row.after), search)
        for place, row in enumerate(rows)
        if place != winner
    ]


def _passes(test: str, value: float) -> bool:
    return bool({"gt": value > 0, "ge": value >= 0, "lt": value < 0, "le": value <= 0}[test])


def _close(one: float, two: float) -> bool:
    return abs(one - two) <= SAME * max(abs(one), abs(two), 1e-300)


def _minus(
    one: tuple[float, dict[int, float]], two: tuple[float, dict[int, float]]
) -> tuple[float, dict[int, float]]:
    factors = dict(one[1])
    for column, factor in two[1].items():
        factors[column] = factors.get(column, 0.0) - factor
    return one[0] - two[0], {column: factor for column, factor in factors.items() if factor}


def _groups(rows: list[_Row]) -> Iterator[list[_Row]]:
    """Divide rows into those that share draws."""
    columns = sorted({column for row in rows for column in (*row.before[1], *row.after[1])})
    place = {column: number for number, column in enumerate(columns)}
    edges = [
        (number, len(rows) + place[column])
        for number, row in enumerate(rows)
        for column in {*row.before[1], *row.after[1]}
    ]
    size = len(rows) + len(columns)
    if not size:
        return
    ends = np.array(edges or np.zeros((0, 2)), dtype=np.int64).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][: len(rows)]
    grouped: defaultdict[int, list[_Row]] = defaultdict(list)
    for row, label in zip(rows, labels.tolist(), strict=True):
        grouped[label].append(row)
    yield from grouped.values()
