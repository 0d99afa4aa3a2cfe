"""Privacy loss along one path: what a record and its replay on a neighbour differ in, and what that costs."""

from typing import Any, Final

import numpy as np

from trivet.privacy.code.costs import Costs
from trivet.privacy.code.families import Families
from trivet.privacy.code.pairs import SAME, Affine, PathLoss, Row, groups, won
from trivet.privacy.code.tape import Event, Floats, Tape

__all__ = ["path_loss"]


#: An event, the change of each number, the factor of its draw, and the column.
_Plain = tuple[Event, Floats, Floats, Any]
#: Functions that say less than the numbers that they are of: an order, a place, one of many.
_LESS: Final = frozenset(
    {
        *("argsort", "argpartition", "max", "amax", "maximum.reduce", "min", "amin", "minimum.reduce"),
        *("median", "percentile", "quantile", "norm", "any", "all", "count_nonzero", "nlargest"),
        *("nsmallest", "idxmin", "sort_values", "mode", "std", "var", "topk", "sort"),
    }
)


def path_loss(record: Tape, replay: Tape) -> PathLoss:
    """Compare the two runs, use by use."""
    return _Comparison(record, replay).loss()


class _Comparison:
    def __init__(self, record: Tape, replay: Tape) -> None:
        self.record, self.replay = record, replay
        self.families = Families(record)
        self.costs = Costs(record, replay, self.families)
        #: Draws whose value is known by now, by column.
        self.fixed: dict[int, float] = {}
        #: Places that test uniform noise, and whether the data decides on the test.
        self.chosen: dict[str, bool] = {}

    def loss(self) -> PathLoss:
        """Go through all uses, then through draws that belong together."""
        plain: list[_Plain] = []
        rows: list[Row] = []
        seen_rows = {"derived": self._derived, "signs": self._signs, "argmax": self._largest}
        stated = {"choice": self._choice, "library": self._library}
        for before, after in zip(self.record.events, self.replay.events, strict=True):
            if before.kind == "value":
                rows += self._value(before, after, plain)
            elif before.kind in seen_rows:
                rows += seen_rows[before.kind](before, after)
            else:
                stated[before.kind](before, after)
        hidden = self.costs.found.hidden
        hidden += [f"{d.site} ({d.call.source})" for d in self.record.draws if d.call.family == "selection"]
        # Randomised response tests uniform noise against the data; a choice of rows never does.
        hidden += [f"{site} (random choice)" for site, moves in self.chosen.items() if not moves]
        self._split(plain, rows)
        return self.costs.found

    def _value(self, before: Event, after: Event, plain: list[_Plain]) -> list[Row]:
        if before.via in _LESS or (before.via != "answer" and self._is_pure(before)):
            self.costs.found.hidden.append(f"{before.site} ({before.via})")
        if self._simple(before, after, plain):
            return []
        return self._rows(before, after, np.asarray(before.outcome, dtype=float), "value")

    def _simple(self, before: Event, after: Event, plain: list[_Plain]) -> bool:
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
        return all(self.families.without_data(int(column)) for column in np.unique(event.rows.indices))

    def _one(self, offset: float, rows: Any, row: int) -> Affine:
        factors: dict[int, float] = {}
        for place in range(rows.indptr[row], rows.indptr[row + 1]):
            column, factor = int(rows.indices[place]), float(rows.data[place])
            if column in self.fixed:
                offset += factor * self.fixed[column]
            elif factor:
                factors[column] = factors.get(column, 0.0) + factor
        return float(offset), factors

    def _rows(self, before: Event, after: Event, seen: Floats, kind: str) -> list[Row]:
        # A test of one number a row has on the neighbour a row less, or one more, which no draw else has.
        shift = self.replay.shift
        order = np.arange(len(before.offset))
        if len(after.offset) != len(before.offset) and shift is not None and shift.removed is not None:
            order = np.delete(order, shift.removed)
        return [
            Row(
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
        return self.record.draws[self.families.number(int(event.rows.indices[first]))].site

    def _derived(self, before: Event, after: Event) -> list[Row]:
        """Let a function of noise be noise where its input is the same, and of an answer where it is not."""
        values = self.record.values(before.offset, before.rows)
        rows = self._rows(before, after, values, "value")
        columns = before.facts["columns"]
        operands = len(rows) // max(1, len(columns))
        grouped = [rows[place :: len(columns)] for place in range(len(columns))] if operands else []
        start = self.record.draws[self.families.number(int(columns[0]))] if len(columns) else None
        found: list[Row] = []
        for place, group in enumerate(grouped):
            if any(row.moves for row in group):
                found += group
                drawn = self.record.drawn[self.families.number(int(columns[place]))]
                assert start is not None
                self.fixed[int(columns[place])] = float(drawn[place])
        return found

    def _signs(self, before: Event, after: Event) -> list[Row]:
        rows = self._rows(before, after, np.asarray(before.outcome, dtype=float), before.facts["test"])
        if self._only_uniform(before):
            moves = any(row.moves for row in rows)
            self.chosen[before.site] = moves or self.chosen.get(before.site, False)
        return rows

    def _only_uniform(self, event: Event) -> bool:
        families = {self.families.call(int(column)).family for column in event.rows.indices}
        return families == {"uniform"}

    def _largest(self, before: Event, after: Event) -> list[Row]:
        rows = self._rows(before, after, np.zeros(len(before.offset)), "value")
        self.costs.searches.append(rows)
        return won(rows, int(before.outcome), len(self.costs.searches) - 1)

    def _choice(self, before: Event, after: Event) -> None:
        logs = [event.facts["log_probabilities"] for event in (before, after)]
        if len(logs[0]) != len(logs[1]):
            words = f"chooses among {len(logs[1])} options, and {len(logs[0])} on the data"
            self.costs.add("unlimited", 0.0, before.site, (), words)
            return
        with np.errstate(invalid="ignore"):
            gaps = np.abs(logs[0] - logs[1])
        gaps = np.where(np.isneginf(logs[0]) & np.isneginf(logs[1]), 0.0, gaps)
        loss = float(gaps.max(initial=0.0)) * len(np.atleast_1d(before.outcome))
        if np.isfinite(loss):
            self.costs.add("pure", loss, before.site, ())
        else:
            only = [float(np.exp(one[np.isneginf(two)]).sum()) for one, two in (logs, logs[::-1])]
            words = "an option is possible on one of the two only"
            self.costs.add("unlimited", 0.0, before.site, (), words, {"mass": max(only)})

    def _library(self, before: Event, after: Event) -> None:
        kind, amount, words = before.facts["loss"](before.facts, after.facts)
        facts = {"stated": 1.0} | ({"delta": amount[1]} if kind == "approximate" else {})
        cost = amount[0] if kind == "approximate" else amount
        self.costs.add(kind, cost, before.site, (before.facts["draw"],), words, facts)
        if (moved := before.facts.get("moved")) is not None:
            distance = moved(before.facts, after.facts)
            number = before.facts["draw"]
            self.costs.note_move(number, distance, distance)

    def _split(self, plain: list[_Plain], rows: list[Row]) -> None:
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
                self.costs.shifts(event.site, changes[apart], scales[apart], columns[apart])
            for place in np.flatnonzero(~apart).tolist():
                factors = {int(columns[place]): float(scales[place])}
                seen, x = float(np.asarray(event.outcome)[place]), float(event.offset[place])
                row = Row("value", event.site, seen, (x, factors), (x + float(changes[place]), factors))
                rows.append(row)
        for group in groups(rows):
            if any(row.moves for row in group):
                self.costs.together(group)
