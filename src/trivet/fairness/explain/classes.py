"""Decomposition of a selection-rate difference into base rates and selection, with intervals."""

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.explain.proxies import difference_of_rates, with_shares
from trivet.fairness.explain.results import (
    BASE_RATES,
    CLASS_LIMITS,
    SELECTION,
    SELECTION_RATE,
    Decomposition,
    Part,
    class_statement,
)
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.wording import one_line

__all__ = ["decompose_counts", "kitagawa"]

_GROUPS = 2


def kitagawa(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Split the difference of selection rates, privileged minus protected, by true class."""
    # A selection rate is the sum over classes y of P(y | s) P(selected | y, s). The difference of two such
    # sums is that of the first factors at the mean of the second, plus the reverse (E. M. Kitagawa, JASA 50,
    # 1955): each factor's Shapley value (P. Das Gupta, US Bureau of the Census P23-186, 1993).
    table = np.asarray(counts)
    if table.ndim < 3 or table.shape[-3::2] != (_GROUPS, 2) or not table.shape[-2]:  # noqa: PLR2004 - three axes
        raise DataError(
            "counts should have the shape (2, classes, 2), with further axes before them or none, found "
            f"{table.shape}."
        )
    rows = table.sum(axis=-1)
    sizes = rows.sum(axis=-1, keepdims=True)
    shares = np.divide(rows, sizes, out=np.full(rows.shape, np.nan), where=sizes > 0)
    # The rate in a class that nobody has is multiplied by 0.
    unknown = np.where(rows.sum(axis=-2, keepdims=True) > 0, np.nan, 0.0)
    rates = np.divide(table[..., 1], rows, out=np.broadcast_to(unknown, rows.shape).copy(), where=rows > 0)
    return np.concatenate(
        [
            (_difference(shares) * _mean(rates)).sum(axis=-1, keepdims=True),
            _difference(rates) * _mean(shares),
        ],
        axis=-1,
    )


def _difference(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[..., PRIVILEGED, :] - values[..., PROTECTED, :]


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values[..., PRIVILEGED, :] + values[..., PROTECTED, :]) / 2


#: With fewer rows of a label in a group a bootstrap covers too rarely.
FEWEST_OF_A_CLASS = 20
_LABELS = ("negatives", "positives")


def decompose_counts(
    counts: NDArray[np.int64],
    *,
    group: str = "protected",
    reference: str = "privileged",
    level: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
) -> Decomposition:
    """Split a difference of selection rates by true class, with a bootstrap interval of each part."""
    table = np.asarray(counts)
    observed = kitagawa(table)
    rows = int(table.sum())
    if observed.shape != (1 + len(_LABELS),) or rows == 0:
        raise DataError(
            f"counts should be one table of shape (2, 2, 2) with at least one row, found shape {table.shape} "
            f"and {rows} rows."
        )
    groups = (one_line(group), one_line(reference))
    unknown = _missing_class(table, groups)
    enough = int(table.sum(axis=2).min()) >= FEWEST_OF_A_CLASS
    measured: list[Part] = []
    for place, name in ((0, BASE_RATES), (2, "selection among positives"), (1, "selection among negatives")):

        def part_of(counts: NDArray[np.int64], place: int = place) -> NDArray[np.float64]:
            return kitagawa(counts)[..., place]

        bounds = bootstrap_bounds(table, part_of, replicates=replicates, level=level, seed=seed)
        kind = SELECTION if place else BASE_RATES
        measured.append(_part(name, kind, bounds, unknown, enough=enough))
    sizes = table.sum(axis=(1, 2))
    whole = difference_of_rates(table[:, :, 1].sum(axis=1), sizes, groups=groups, level=level)
    whole, parts = with_shares(whole, measured)
    return Decomposition(
        method="Kitagawa",
        interval_method="multinomial bootstrap",
        outcome=SELECTION_RATE,
        group=group,
        reference=reference,
        rows=rows,
        whole=whole,
        parts=parts,
        statement=class_statement(whole, parts, group=group, reference=reference),
        limits=CLASS_LIMITS,
        reason=whole.reason,
    )


def _missing_class(table: NDArray[np.int64], groups: tuple[str, str]) -> str:
    """Say which class only one of the groups lacks, or which group has no row."""
    rows = table.sum(axis=-1)
    for group, own in zip(groups, rows, strict=True):
        if not own.any():
            return f"{group} has no row"
    lacking = [
        f"{group} has no {label}"
        for group, own in zip(groups, rows, strict=True)
        for label, here, anywhere in zip(_LABELS, own, rows.sum(axis=0), strict=True)
        if anywhere and not here
    ]
    return " and ".join(lacking) + ", so a selection rate is unknown"


def _part(name: str, kind: str, bounds: Estimate, unknown: str, *, enough: bool) -> Part:
    """Return one part with its interval, without its share."""
    if bounds.value is None:
        return Part(name, kind, (), None, None, None, bounds.level, None, f"{unknown}.")
    reason = None
    if not enough:
        reason = f"too few rows for an interval: a class of a group has fewer than {FEWEST_OF_A_CLASS}."
    elif bounds.low is None or bounds.high is None:
        reason = "too few rows for an interval: some draws leave a group without a row of some class."
    elif bounds.low == bounds.high:
        reason = "no interval: in these rows all or none are selected, so that no draw differs."
    if reason is not None:
        return Part(name, kind, (), bounds.value, None, None, bounds.level, None, reason)
    return Part(name, kind, (), bounds.value, bounds.low, bounds.high, bounds.level, None)
