"""Cost of what differs between two runs, of numbers with a draw of their own and of those that share."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from trivet.privacy.code.densities import distribution, shift_loss
from trivet.privacy.code.families import Families
from trivet.privacy.code.pairs import NOT_FINITE, SAME, Part, PartKind, PathLoss, Row, close, passes, won
from trivet.privacy.code.tape import Floats, Tape, Whole
from trivet.privacy.code.tested import Test, log_probability

__all__ = ["Costs"]

#: Draws that are joined are treated together only where there are at most so many.
_TOGETHER: Final = 2_000
#: Outcomes of a search for the largest that are compared.
_MOST_OUTCOMES: Final = 100


class Costs:
    """Adds up the parts of a loss."""

    def __init__(self, record: Tape, replay: Tape, families: Families) -> None:
        self.record, self.replay, self.families = record, replay, families
        self.found = PathLoss()
        #: What each search for the largest looked at.
        self.searches: list[list[Row]] = []
        #: Whether something was chosen with probabilities that the data decides on.
        self.chooses = any(event.kind in {"choice", "library"} for event in record.events)

    def add(
        self,
        kind: PartKind,
        amount: float,
        site: str,
        draws: Any,
        words: str = "",
        facts: Mapping[str, float | str] | None = None,
    ) -> None:
        """Add a part; its place is where its first draw was drawn."""
        numbers = tuple(sorted(set(draws)))
        where = self.record.draws[numbers[0]].site if numbers else site
        self.found.parts.append(Part(kind, float(amount), where, numbers, words, facts or {}))

    def note_move(self, number: int, l1: float, l2: float) -> None:
        """Note how far the input of a draw moved, in L1 and L2 norm."""
        before = self.found.moved.get(number, (0.0, 0.0))
        self.found.moved[number] = before[0] + l1, float(np.hypot(before[1], l2))

    def _moved(self, columns: Whole, changes: Floats, scales: Floats) -> None:
        """Note how far the inputs of each draw moved, in the units in which noise was added."""
        units = np.array([self.record.units.get(int(column), 1.0) for column in columns])
        sizes = np.abs(changes / scales) * units
        by_draw: defaultdict[int, list[float]] = defaultdict(list)
        for column, size in zip(columns.tolist(), sizes.tolist(), strict=True):
            if size:
                by_draw[self.families.number(column)].append(size)
        for number, found in by_draw.items():
            self.note_move(number, float(np.sum(found)), float(np.linalg.norm(found)))

    def shifts(self, site: str, changes: Floats, scales: Floats, columns: Whole) -> None:
        """Add the loss of numbers that have a draw of their own each."""
        moved = np.flatnonzero(changes)
        if not len(moved):
            return
        changes, scales, columns = changes[moved], scales[moved], columns[moved]
        self._moved(columns, changes, scales)
        numbers = np.searchsorted(self.families.starts, columns, side="right") - 1
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            call = self.record.draws[number].call
            own = np.abs(changes[mine] / scales[mine])
            if call.family == "derived":
                families = [self.families.of(int(column)) for column in columns[mine]]
                if families[0][0] == "derived":
                    self._unknown_noise(site, number)
                    continue
                own = own / np.array([scale for _, scale in families])
                self._of_family(families[0][0], call, own, site, number)
            else:
                self._of_family(call.family, call, own, site, number)

    def _of_family(self, family: str, call: Any, shifts: Floats, site: str, number: int) -> None:
        if family == "normal":
            self.add("gaussian", float(np.sum(shifts**2)), site, (number,))
        elif family == "laplace":
            for shift in shifts.tolist():
                self.add("laplace", shift, site, (number,))
        elif family in {"logistic", "cauchy", "discrete_laplace"}:
            named = call if call.family == family else type(call)(family, call.source)
            losses = shift_loss(named, shifts)
            if np.isfinite(losses).all():
                self.add("pure", float(losses.sum()), site, (number,))
            else:
                words = "integer noise is added to numbers that are not whole"
                self.add("unlimited", 0.0, site, (number,), words)
        elif family == "uniform" and self.chooses:
            self._add_within_chosen(site, number)
        elif family in {"uniform", "exponential", "gumbel"}:
            for shift in shifts.tolist():
                self.add(
                    "scales", shift, site, (number,), f"{family} noise", {"family": family, "ratio": 1.0}
                )
        else:
            self._unknown_noise(site, number)

    def _add_within_chosen(self, site: str, number: int) -> None:
        # A quantile by the exponential mechanism ends so, and the choice is not in its answer.
        words = "uniform noise lies in an interval that was chosen at random"
        self.add("unknown", 0.0, site, (number,), words)

    def _unknown_noise(self, site: str, number: int) -> None:
        call = self.record.draws[number].call
        name = f"a function ({call.source}) of noise" if call.family == "derived" else f"{call.family} noise"
        self.add("unknown", 0.0, site, (number,), f"the density of {name} is not known")

    def together(self, group: list[Row]) -> None:
        """Add the loss of numbers that share draws."""
        columns = sorted({column for row in group for column in (*row.before[1], *row.after[1])})
        draws = [self.families.number(column) for column in columns]
        site = next(row.site for row in group if row.moves)
        tests = [row for row in group if row.kind != "value"]
        values = [row for row in group if row.kind == "value"]
        if any(not np.isfinite(x) for row in values for x in (row.before[0], row.after[0])):
            if any(np.isfinite(row.before[0]) != np.isfinite(row.after[0]) for row in values):
                self.add("unlimited", 0.0, site, draws, NOT_FINITE)
            return
        if not columns:
            self._without_noise(group)
            return
        if len(columns) > _TOGETHER:
            self.add("unknown", 0.0, site, draws, f"{len(columns)} draws are mixed with each other")
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
                self._moved(
                    np.array(columns[:1]), np.array([row.after[0] - row.before[0]]), np.array([scale])
                )
                return
        if not tests and {self.families.of(column)[0] for column in columns} == {"normal"}:
            self._gaussians(values, columns, site, draws)
            return
        self._pinned(values, tests, columns, site, draws)

    def _without_noise(self, group: list[Row]) -> None:
        for row in group:
            if row.kind != "value":
                (one, _), (two, _) = row.before, row.after
                if passes(row.kind, one) != passes(row.kind, two):
                    self.add("unlimited", 0.0, row.site, (), "a test has no noise in it, and another answer")
            elif row.moves and not close(row.before[0], row.after[0]):
                self.add("unlimited", 0.0, row.site, (), "noise of scale 0 is added")

    def _rescaled(self, row: Row, column: int) -> None:
        """Add the loss of one number whose noise has another scale on the neighbour."""
        one, two = row.before[1][column], row.after[1][column]
        family, unit = self.families.of(column)
        change = row.after[0] - row.before[0]
        number = self.families.number(column)
        # A sum that was scaled later on does not say what the noise was added to.
        units = (self.record.units.get(column, abs(one)), self.replay.units.get(column, abs(two)))
        if change and np.allclose(units, (abs(one), abs(two)), rtol=SAME, atol=0):
            self.note_move(number, abs(change), abs(change))
        if abs(one - two) <= SAME * abs(one):
            self._of_family(
                family, self.families.call(column), np.array([abs(change / one) / unit]), row.site, number
            )
            return
        if family == "uniform" and self.chooses:
            self._add_within_chosen(row.site, number)
            return
        if distribution(family) is None:
            self._unknown_noise(row.site, number)
            return
        facts = {"family": family, "ratio": abs(two / one)}
        words = f"{family} noise has scale {abs(one) * unit:.4g}, and {abs(two) * unit:.4g} on the neighbour"
        self.add("scales", abs(change / one) / unit, row.site, (number,), words, facts)

    def _difference(self, row: Row) -> tuple[str, Any, float] | None:
        """Name the noise that a difference of two exponential or geometric draws is."""
        if len(row.before[1]) != 2 or row.before[1] != row.after[1]:  # noqa: PLR2004 - a difference
            return None
        (one, two), (first, second) = row.before[1].keys(), row.before[1].values()
        calls = [self.families.call(column) for column in (one, two)]
        same = self.families.of(one) == self.families.of(two) and calls[0].parameter == calls[1].parameter
        if not same or abs(first + second) > SAME * abs(first):
            return None
        if self.families.of(one)[0] in {"exponential", "gumbel"}:
            family = {"exponential": "laplace", "gumbel": "logistic"}[self.families.of(one)[0]]
            return family, calls[0], abs(first) * self.families.of(one)[1]
        if calls[0].family == "geometric":
            call = type(calls[0])("discrete_laplace", calls[0].source, -np.log1p(-calls[0].parameter))
            return "discrete_laplace", call, abs(first)
        return None

    def _gaussians(self, values: list[Row], columns: list[int], site: str, draws: list[int]) -> None:
        """Add the loss of sums of Gaussians: the shift that the draws would need, in L2 norm."""
        place = {column: number for number, column in enumerate(columns)}
        matrices = [np.zeros((len(values), len(columns))) for _ in range(2)]
        for number, row in enumerate(values):
            for matrix, (_, factors) in zip(matrices, (row.before, row.after), strict=True):
                for column, factor in factors.items():
                    matrix[number, place[column]] = factor
        change = np.array([row.after[0] - row.before[0] for row in values])
        if not np.allclose(*matrices, rtol=SAME, atol=0):
            self.add("unknown", 0.0, site, draws, "sums of noise have other scales on the neighbour")
            return
        shift: Floats = np.linalg.lstsq(matrices[0], change, rcond=None)[0].astype(np.float64)
        left = np.abs(matrices[0] @ shift - change).max()
        if left > 1e-6 * np.abs(change).max():
            self.add("unlimited", 0.0, site, draws, "noise is used twice, and cancels out")
            return
        self.add("gaussian", float(shift @ shift), site, draws)
        self._moved(np.array(columns), shift, np.ones(len(columns)))

    def _pinned(
        self, values: list[Row], tests: list[Row], columns: list[int], site: str, draws: list[int]
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
                elif not close(totals[1], row.seen) and row.before[1]:
                    self.add("unlimited", 0.0, row.site, draws, "noise is used twice, and cancels out")
                    return
                left.remove(row)
                progress = True
        if any(row.moves for row in left):
            self.add("unknown", 0.0, site, draws, "sums of several draws are added")
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
                family, unit = self.families.of(column)
                shift = np.array([abs(change) / unit])
                self._of_family(family, self.families.call(column), shift, site, self.families.number(column))

    def _with_tests(
        self, tests: list[Row], columns: list[int], sides: list[dict[int, float]], site: str, draws: list[int]
    ) -> None:
        """Add the loss of what tests said; of a test by itself, of what it can say that costs most."""
        could = [tests]
        if (
            not sides[0]
            and tests[0].search is not None
            and {row.search for row in tests} == {tests[0].search}
        ):
            rows = self.searches[tests[0].search]
            could += [won(rows, place, 0) for place in range(min(len(rows), _MOST_OUTCOMES))]
        elif not sides[0] and len(tests) == 1:
            could.append([replace(tests[0], seen=1.0 - tests[0].seen)])
        outcomes = [self._outcome(each, columns, sides) for each in could]
        if isinstance(outcomes[0], str):
            self.add("unknown", 0.0, site, draws, outcomes[0])
            return
        pairs = [each for each in outcomes if not isinstance(each, str) and np.isfinite(each[0])]
        impossible = [one for one, two in pairs if np.isneginf(two)]
        if impossible:
            words = "what a test of noise said is impossible on the neighbour"
            self.add("unlimited", 0.0, site, draws, words, {"mass": float(np.exp(max(impossible)))})
        elif not pairs:
            words = "what was seen is too rare for its probability to be computed"
            self.add("unknown", 0.0, site, draws, words)
        else:
            one, two = max(pairs, key=lambda pair: abs(pair[0] - pair[1]))
            self.add("tested", abs(one - two), site, draws, "", {"log_p": max(one, two)})

    def _outcome(
        self, tests: list[Row], columns: list[int], sides: list[dict[int, float]]
    ) -> tuple[float, float] | str:
        """Log density of what tests said, on the data and on the neighbour; in words why it is not known."""
        free = [column for column in columns if column not in sides[0]]
        place = {column: number for number, column in enumerate(free)}
        families = [self.families.of(column) for column in free]
        logs: list[float] = []
        for number, side in enumerate(sides):
            total = 0.0
            for column, value in side.items():
                family, unit = self.families.of(column)
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
    row: Row, number: int, side: dict[int, float], place: dict[int, int], families: list[tuple[str, float]]
) -> Test:
    offset, factors = (row.before, row.after)[number]
    offset += sum(factor * side[column] for column, factor in factors.items() if column in side)
    free = {place[c]: f * families[place[c]][1] for c, f in factors.items() if c in place}
    over = (row.kind in {"gt", "ge"}) == bool(row.seen)
    sign = 1.0 if over else -1.0
    return Test(sign * offset, tuple((draw, sign * factor) for draw, factor in free.items()))
