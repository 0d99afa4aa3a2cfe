"""Differences of a record's rates from those of a baseline on the same rows."""

from collections.abc import Mapping
from typing import Any, Final

from trivet.estimate import Estimate
from trivet.fairness.auditing.same_rows import paired_difference
from trivet.fairness.measures.registry import SELECTION
from trivet.place import find

__all__ = ["paired_at", "same_rows"]

_AUDIT: Final = "fairness.audit.attributes."


def same_rows(record: Mapping[str, Any], digest: str) -> Mapping[str, Any] | None:
    """Return the counts that pair a record with the baseline of a digest; None where there are none."""
    paired = (record["fairness"] or {}).get("paired")
    fits = (
        paired is not None
        and digest == paired["baseline"]
        and len(paired["groups"]) == len(paired["counts"])
        and all(len(values) == len(paired["columns"]) for values in paired["groups"])
    )
    return paired if fits else None


def paired_at(record: Mapping[str, Any], place: str, digest: str, *, level: float) -> Estimate | None:
    """Return the difference of a comparison of groups, after minus before, with its paired interval.

    Parameters
    ----------
    record
        The later one.
    place
        Of the comparison; of any other place nothing is paired.
    digest
        SHA-256 of the record of the baseline.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    Estimate or None
        None where the rows are others, or the metric is not a share of them.
    """
    same = same_rows(record, digest)
    if same is None or not place.startswith(_AUDIT) or not place.endswith(".value"):
        return None
    around, _, rest = place.partition(".groups.")
    number, _, compared = rest.removesuffix(".value").partition(".")
    attribute = find(record, ".".join(place.split(".")[:4]))
    judged = find(record, around)
    metric = judged.get("metric", SELECTION)
    kinds = {"disparate_impact": "ratio", "ratio": "ratio", "difference": "difference"}
    chosen = [same["columns"].index(name) for name in attribute["columns"] if name in same["columns"]]
    if compared not in kinds or len(chosen) < len(attribute["columns"]):
        return None
    return paired_difference(
        same["counts"],
        [", ".join(values[place] for place in chosen) for values in same["groups"]],
        group=judged["groups"][int(number)]["group"],
        reference=attribute["reference"],
        metric=metric,
        compared=kinds[compared],
        level=level,
    )
