"""Two audits of the same rows: decisions kept row by row, and differences paired by them."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import SameRows
from trivet.fairness.measures.registry import MEASURES
from trivet.paired import normal_quantile

if TYPE_CHECKING:
    from trivet.fairness.auditing.rows import Predicted

__all__ = ["Decisions", "decisions_of", "joined", "paired_difference"]

#: Rows that are decided otherwise; of fewer the normal approximation says too much.
FEWEST_CHANGED: Final = 10
METHOD: Final = "paired, linearised"
_COLUMN: Final = "column "
_DECIDED, _ROWS, _LABELS, _GROUPS = "decided", "rows", "labels", "groups"


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions in the order of the rows, with digests that tell whether another audit is of the same rows.

    Neither labels, groups nor features are in it: whoever has it and not the table learns how many were
    selected.

    Attributes
    ----------
    decided : Shape (rows,), True where the row is selected.
    labels, groups : SHA-256 of all labels, and of all groups.
    columns : SHA-256 of each other column but the prediction, by its name.
    """

    decided: NDArray[np.bool_]
    labels: str
    groups: str
    columns: Mapping[str, str]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of its file; `from_arrays` reads them back."""
        digests = {_LABELS: self.labels, _GROUPS: self.groups}
        digests |= {f"{_COLUMN}{name}": digest for name, digest in self.columns.items()}
        return {
            _DECIDED: np.packbits(self.decided),
            _ROWS: np.array([len(self.decided)], dtype=np.int64),
            **{
                name: np.frombuffer(bytes.fromhex(digest), dtype=np.uint8) for name, digest in digests.items()
            },
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Decisions | None":
        """Return what `arrays` holds; None where it holds no decisions."""
        try:
            (rows,) = arrays[_ROWS].tolist()
            packed = arrays[_DECIDED]
            if not isinstance(rows, int) or rows < 0:
                return None
            if packed.dtype != np.uint8 or packed.ndim != 1 or len(packed) != (rows + 7) // 8:
                return None
            digests = {
                name: array.tobytes().hex()
                for name, array in arrays.items()
                if name in {_LABELS, _GROUPS} or name.startswith(_COLUMN)
            }
            labels, groups = digests.pop(_LABELS), digests.pop(_GROUPS)
        except (KeyError, ValueError, TypeError):
            return None
        columns = {name.removeprefix(_COLUMN): digest for name, digest in digests.items()}
        return cls(np.unpackbits(packed, count=rows).astype(bool), labels, groups, columns)

    def is_of_the_rows_of(self, other: "Decisions") -> bool:
        """Return True if labels, groups and all other columns that both have are equal in every row.

        Two tables without any other column in common are not shown to have the same rows.
        """
        common = self.columns.keys() & other.columns.keys()
        return (
            len(self.decided) == len(other.decided)
            and (self.labels, self.groups) == (other.labels, other.groups)
            and bool(common)
            and all(self.columns[name] == other.columns[name] for name in common)
        )


def decisions_of(predicted: "Predicted") -> Decisions | None:
    """Return the decisions on all rows of a table; None where only some of them were read, or rows weigh."""
    rows = predicted.rows
    if len(predicted.places) != rows.drawn_from or rows.weights is not None:
        return None
    features = rows.features
    columns = {
        name: _digest(features.values[:, place], features.categories[place])
        for place, name in enumerate(features.names)
        if name not in rows.columns
    }
    return Decisions(
        predicted.predictions.astype(bool),
        _digest(rows.labels, (rows.positive,)),
        _digest(rows.groups, rows.values, rows.columns),
        columns,
    )


def _digest(values: NDArray[Any], *names: Any) -> str:
    plain = np.where(np.isnan(values), np.nan, values) + 0.0 if values.dtype.kind == "f" else values
    return hashlib.sha256(repr(names).encode() + b"\0" + np.ascontiguousarray(plain).tobytes()).hexdigest()


def joined(baseline: str, before: Decisions, after: Decisions, predicted: "Predicted") -> SameRows | None:
    """Count rows by group, label and both decisions; None where the two are not of the same rows.

    Parameters
    ----------
    baseline
        SHA-256 of the earlier audit's record.
    before, after
        Decisions of both audits.
    predicted
        The rows of the later one.
    """
    if not before.is_of_the_rows_of(after):
        return None
    rows = predicted.rows
    cells = 8 * rows.groups + 4 * rows.labels + 2 * before.decided + after.decided
    counts = np.bincount(cells, minlength=8 * len(rows.values)).reshape(-1, 8)
    changed = int((before.decided != after.decided).sum())
    by_group: Any = tuple(map(tuple, counts.tolist()))
    return SameRows(baseline, len(rows), changed, rows.columns, rows.values, by_group)


def paired_difference(
    counts: Any,
    groups: Sequence[str],
    *,
    group: str,
    reference: str,
    metric: str,
    compared: str,
    level: float,
) -> Estimate | None:
    """Return the change of a comparison of two groups between two audits of the same rows.

    Parameters
    ----------
    counts
        Shape (rows of `groups`, 8): rows by label, decision before and decision after, the last fastest.
    groups
        The name of the group of each of them; a name that occurs several times is one group.
    group, reference
        The two that are compared.
    metric
        A key of `trivet.fairness.measures.registry.MEASURES`.
    compared
        ``ratio`` for the group's rate over the reference's, ``difference`` for the reference's minus the
        group's.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    Estimate or None
        After minus before. None where the metric is not one rate, a group is not there or a rate is
        undefined, and where so few rows changed that the interval would say too much.

    Notes
    -----
    Each row adds the change of its linearised value to the difference, so that a row that is decided as
    before adds little; the variance is the sum of their squares (Taylor linearisation, Woodruff 1971).
    """
    measure = MEASURES.get(metric)
    table = np.asarray(counts, dtype=np.float64).reshape(-1, 2, 2, 2)
    chosen = [np.array([each == name for each in groups], dtype=bool) for name in (group, reference)]
    if measure is None or not measure.is_share or not all(map(np.any, chosen)):
        return None
    (rate,) = measure.rates
    own, other = (table[mask].sum(axis=0) for mask in chosen)
    # Of the rows that the rate is among, before or after: of a true positive rate the labelled ones alone.
    among = np.asarray(rate.among, dtype=bool)
    concerned = among.reshape(2, 2, 1) | among.reshape(2, 1, 2)
    otherwise = concerned & ~np.eye(2, dtype=bool)
    changed = float((own + other)[otherwise].sum())
    sides = [_compared(own, other, rate, after=after, compared=compared) for after in (False, True)]
    if sides[0] is None or sides[1] is None:
        return None
    (old, old_own, old_other), (new, new_own, new_other) = sides
    difference = new - old
    if changed < FEWEST_CHANGED and difference:
        return None
    variance = float((own * (new_own - old_own) ** 2).sum() + (other * (new_other - old_other) ** 2).sum())
    half = normal_quantile(level) * math.sqrt(max(variance, 0.0))
    return Estimate(difference, difference - half, difference + half, level, METHOD)


def _compared(own: Any, other: Any, rate: Any, *, after: bool, compared: str) -> Any:
    """Return a comparison of two rates, and what a row of each cell of each group adds to it."""
    first, second = (_rate(each, rate, after=after) for each in (own, other))
    if first is None or second is None or (compared == "ratio" and not second[0]):
        return None
    (p, in_own), (q, in_other) = first, second
    if compared == "ratio":
        return p / q, in_own / q, -p * in_other / q**2
    return q - p, -in_own, in_other


def _rate(cells: Any, rate: Any, *, after: bool) -> Any:
    """Return a rate of one group, and the influence of a row of each cell [label, before, after] on it."""
    selects, among = (np.asarray(each, dtype=np.float64) for each in (rate.selects, rate.among))
    shape = (2, 1, 2) if after else (2, 2, 1)
    numerator, denominator = (np.broadcast_to(each.reshape(shape), (2, 2, 2)) for each in (selects, among))
    whole = float((cells * denominator).sum())
    if not whole:
        return None
    value = float((cells * numerator).sum()) / whole
    return value, (numerator - value * denominator) / whole
