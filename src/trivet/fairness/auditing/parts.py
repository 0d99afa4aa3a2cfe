"""Comparisons of an audit: by each sensitive column and by all combined, as one family."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from trivet.errors import UsageError
from trivet.fairness.auditing.reference_group import find_reference
from trivet.fairness.auditing.results import AttributeAudit
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.multiplicity import holm
from trivet.wording import one_line

__all__ = ["Part", "adjusted", "family_size", "parts_of"]

#: The cells of the whole table that one group has, and those of the reference group.
Comparison = tuple[frozenset[int], frozenset[int]]


@dataclass(frozen=True, eq=False)
class Part:
    """Counts by one sensitive column or by several together."""

    counts: GroupCounts
    reference: int
    why: str
    comparisons: tuple[Comparison | None, ...]


def parts_of(
    counts: GroupCounts, privileged: Mapping[str, str], *, references: GroupCounts | None = None
) -> tuple[Part, ...]:
    """Return the counts by each column that has two groups or more, then by all columns together."""
    columns = counts.columns
    asked = [*((column,) for column in columns if len(columns) > 1), columns]
    divided = [(counts.over(*names), (references or counts).over(*names)) for names in asked]
    return tuple(
        _part(own, known, counts, privileged)
        for own, known in divided
        if len(own.groups) > 1 or own.columns == columns
    )


def family_size(parts: Iterable[Part]) -> int:
    """Return how many different comparisons of groups are made, at least 1."""
    return max(1, len({each for part in parts for each in part.comparisons if each is not None}))


def adjusted(attributes: Sequence[AttributeAudit], parts: Sequence[Part]) -> tuple[AttributeAudit, ...]:
    """Return the attributes with p-values that are adjusted by Holm's method over the whole audit."""
    alone = {
        comparison: group.p_value
        for attribute, part in zip(attributes, parts, strict=True)
        for group, comparison in zip(attribute.groups, part.comparisons, strict=True)
        if comparison is not None
    }
    found = dict(zip(alone, holm(list(alone.values())), strict=True))
    return tuple(
        replace(
            attribute,
            groups=tuple(
                group if comparison is None else replace(group, p_adjusted=found[comparison])
                for group, comparison in zip(attribute.groups, part.comparisons, strict=True)
            ),
        )
        for attribute, part in zip(attributes, parts, strict=True)
    )


def _part(
    counts: GroupCounts, references: GroupCounts, whole: GroupCounts, privileged: Mapping[str, str]
) -> Part:
    # A place is one among groups in a certain order, which these two need not share.
    place, why = find_reference(references, privileged)
    values = references.groups[place]
    if values not in counts.groups:
        raise UsageError(f"no row is of the reference group, {one_line(', '.join(values))}.")
    reference = counts.groups.index(values)
    cells: dict[tuple[str, ...], list[int]] = {group: [] for group in counts.groups}
    chosen = [whole.columns.index(name) for name in counts.columns]
    for cell, own in enumerate(whole.groups):
        cells[tuple(own[column] for column in chosen)].append(cell)
    sets = [frozenset(cells[group]) for group in counts.groups]
    compared = tuple(None if i == reference else (own, sets[reference]) for i, own in enumerate(sets))
    return Part(counts, reference, why, compared)
