"""Decomposition of the selection-rate gap by feature, and how well features predict the group."""

from dataclasses import replace
from typing import Final

import numpy as np

from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.explaining.by_column import decompose_columns
from trivet.fairness.explaining.proxies import proxy_strength
from trivet.fairness.explaining.results import Decomposition, ProxyStrength
from trivet.tables.encoding import encode_columns
from trivet.tables.features import choose_rows

__all__ = ["MOST_ROWS", "told_by_columns"]

#: From more rows than this a sample is drawn.
MOST_ROWS: Final = 50_000


def told_by_columns(
    predicted: Predicted,
    counts: GroupCounts,
    group: int,
    reference: int,
    *,
    left_out: frozenset[str] = frozenset(),
    level: float,
    seed: int,
) -> tuple[Decomposition | None, ProxyStrength | None]:
    """Return what columns contribute to a difference of selection rates, and how well they tell the group."""
    rows = predicted.rows
    if not set(rows.features.names) - set(rows.columns) - left_out:
        return None, None
    kept = [place for place, name in enumerate(rows.features.names) if name not in left_out]
    codes = predicted.codes(counts.columns, counts.groups)
    chosen = np.flatnonzero((codes == group) | (codes == reference))
    everyone = len(chosen)
    chosen = chosen[choose_rows(everyone, MOST_ROWS, seed=seed)]
    sensitive = (codes[chosen] == reference).astype(np.int64)
    if len(chosen) == 0 or sensitive.min() == sensitive.max():
        return None, None
    features, names = encode_columns(rows.features.only(kept).take(predicted.places[chosen]))
    divided = decompose_columns(
        predicted.predictions[chosen],
        features,
        sensitive,
        names,
        sensitive_columns=counts.columns,
        level=level,
        group=counts.names[group],
        reference=counts.names[reference],
    )
    if len(chosen) < everyone:
        said = f"{divided.statement} This is of {len(chosen):,} of their rows, drawn at random."
        divided = replace(divided, statement=said)
    return divided, proxy_strength(
        features,
        sensitive,
        names,
        sensitive_columns=counts.columns,
        group=counts.names[group],
        reference=counts.names[reference],
        seed=seed,
    )
