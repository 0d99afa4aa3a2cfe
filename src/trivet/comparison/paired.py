"""Differences between two audits of the same rows, from the counts of how both decided on them."""

import math
from collections.abc import Mapping
from typing import Any, Final

from trivet.comparison.pairs import Pair
from trivet.estimate import Estimate
from trivet.fairness.auditing.same_rows import paired_difference
from trivet.fairness.measures.registry import SELECTION
from trivet.paired import paired_difference_interval

__all__ = ["paired_of", "same_images", "same_rows"]

_KINDS: Final = {"disparate_impact": "ratio", "ratio": "ratio", "difference": "difference"}
_AUDIT: Final = ("fairness", "audit", "attributes")
_ACCURACY: Final = ("security", "scan", "contract", "best", "clean_accuracy")
_ROUNDING: Final = 1e-9


def same_rows(record: Mapping[str, Any], digest: str) -> Mapping[str, Any] | None:
    """Return the counts that pair a record with the audit of a digest; None where there are none."""
    paired = (record["fairness"] or {}).get("paired")
    fits = (
        paired is not None
        and digest == paired["baseline"]
        and len(paired["groups"]) == len(paired["counts"])
        and all(len(values) == len(paired["columns"]) for values in paired["groups"])
    )
    return paired if fits else None


def same_images(record: Mapping[str, Any], digest: str) -> Mapping[str, Any] | None:
    """Return the counts that pair a record's network with that of an audit; None where there are none."""
    paired = (record["security"] or {}).get("paired")
    if paired is None or digest != paired["baseline"] or min(paired["counts"]) < 0:
        return None
    return paired if sum(paired["counts"]) == paired["images"] else None


def _of_images(pair: Pair, digest: str, *, level: float) -> Estimate | None:
    """Return the difference of two clean accuracies on the same images; None where the counts do not tell."""
    same = same_images(pair.after_in[0], digest)
    if same is None or not isinstance(pair.before, float) or not isinstance(pair.after, float):
        return None
    both, before, after, neither = same["counts"]
    found = paired_difference_interval(both, after, before, neither, level=level)
    follows = found.value is not None and math.isclose(
        found.value, pair.after - pair.before, abs_tol=_ROUNDING
    )
    return found if follows else None


def paired_of(pair: Pair, digest: str, *, level: float) -> Estimate | None:
    """Return the difference of a comparison of groups, after minus before, with its paired interval.

    None for any other value, for other rows, for a metric that is not a share of rows, and where the two
    values do not follow from the counts.
    """
    if pair.names == _ACCURACY and pair.after_in:
        return _of_images(pair, digest, level=level)
    same = same_rows(pair.after_in[0], digest) if pair.after_in and pair.names[:3] == _AUDIT else None
    compared = pair.names[-2] if len(pair.names) > len(_AUDIT) else ""
    if same is None or pair.names[-1] != "value" or compared not in _KINDS or "groups" not in pair.names:
        return None
    if not isinstance(pair.before, float) or not isinstance(pair.after, float):
        return None
    attribute, judged, group = pair.after_in[3], pair.after_in[-3], pair.after_in[-2]
    chosen = [same["columns"].index(name) for name in attribute["columns"] if name in same["columns"]]
    if len(chosen) < len(attribute["columns"]):
        return None
    found = paired_difference(
        same["counts"],
        [", ".join(values[place] for place in chosen) for values in same["groups"]],
        group=group["group"],
        reference=attribute["reference"],
        metric=judged.get("metric", SELECTION),
        compared=_KINDS[compared],
        level=level,
    )
    follows = found is not None and math.isclose(found.number, pair.after - pair.before, abs_tol=_ROUNDING)
    return found if follows else None
