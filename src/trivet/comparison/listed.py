"""Differences of two lists of plain values, in words."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from trivet.comparison.differences import is_same
from trivet.comparison.estimates import is_number
from trivet.places import spelling
from trivet.wording import one_line

__all__ = ["how_lists_differ", "list_text"]

#: Characters of a list that are shown.
LIST_CHARACTERS: Final = 60


def list_text(values: Sequence[Any]) -> str:
    """Write a list on one line, cut where it is long."""
    written = (f"{value:.4g}" if isinstance(value, float) else spelling(value) for value in _flat(values))
    return one_line(", ".join(written), limit=LIST_CHARACTERS)


def how_lists_differ(before: Sequence[Any], after: Sequence[Any]) -> str:
    """Say how many entries differ and by how much, or which were added and removed; empty for the same.

    Numbers are compared in order, anything else as a set of texts.
    """
    old, new = list(_flat(before)), list(_flat(after))
    if len(old) == len(new) and all(map(is_number, chain(old, new))):
        apart = [
            abs(first - second) for first, second in zip(old, new, strict=True) if not is_same(first, second)
        ]
        return f"{len(apart)} of {len(old)} differ, by at most {max(apart):.4g}" if apart else ""
    if old == new:
        return ""
    first, second = (list(dict.fromkeys(map(spelling, values))) for values in (old, new))
    added = [text for text in second if text not in set(first)]
    removed = [text for text in first if text not in set(second)]
    said = [
        f"{what}: {list_text(texts)}" for what, texts in (("added", added), ("removed", removed)) if texts
    ]
    return "; ".join(said) or f"{len(old)} entries, and then {len(new)}, in another order or number"


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
