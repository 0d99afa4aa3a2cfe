"""Names of groups that need a word: one value, several spellings, or how a missing value is written."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from trivet.errors import UsageError
from trivet.fairness.auditing.results import Caution
from trivet.fairness.counting.naming import name_of, shown
from trivet.fairness.shaping import MISSING
from trivet.wording import one_line, quote

__all__ = ["AS_MISSING", "SHOWN", "caution_groups", "constant_columns", "listed"]

#: Groups of one column beyond which hardly any has rows enough.
_MANY: Final = 50
#: Names that a sentence lists.
SHOWN: Final = 5
#: Characters that are often left out or added: blanks, and those that nobody sees.
_BLANK: Final = " _\u00ad\u200b\u200e\u200f\ufeff"
#: How missing values are often written, in lower case.
AS_MISSING: Final = frozenset(
    {"na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "-1", "unknown", "missing"}
)


def constant_columns(
    columns: Sequence[str], groups: Sequence[tuple[str, ...]], privileged: Mapping[str, str]
) -> tuple[str, ...]:
    """Say which columns have one value in every row; a UsageError where another one is privileged."""
    notes: list[str] = []
    for column, own in zip(columns, zip(*groups, strict=True), strict=True):
        if len(set(own)) > 1:
            continue
        if name_of(privileged.get(column)) not in {None, own[0]}:
            raise UsageError(
                f"no row has the privileged value {quote(privileged[column])} in {one_line(column)}; there "
                f"is {one_line(own[0])}."
            )
        notes.append(f"{quote(column)} is {quote(own[0])} in every row, so that there are no groups by it.")
    return tuple(notes)


def caution_groups(columns: Sequence[str], groups: Sequence[tuple[str, ...]]) -> Iterator[Caution]:
    """Name values of a sensitive column that may be one group, and those that may be missing ones."""
    for place, column in enumerate(columns):
        values = sorted({group[place] for group in groups})
        if len(values) > _MANY:
            yield Caution(
                "many groups",
                f"{quote(column)} has {len(values):,} groups, so that each rests on few rows and intervals "
                "are wide. Join values, such as numbers into bins.",
            )
        spelled: dict[str, list[str]] = {}
        for value in values:
            spelled.setdefault(_spelling(value), []).append(value)
        alike = [name for names in spelled.values() if len(names) > 1 for name in names]
        if alike:
            yield Caution(
                "spelling",
                f"{quote(column)} has values that differ in spelling alone and are groups of their own: "
                f"{listed(alike)}. Write alike what is one group.",
            )
        # What shaping calls missing is what the user made a group.
        absent = [value for value in values if value.casefold() in AS_MISSING and value != MISSING]
        if absent:
            yield Caution(
                "missing groups",
                f"{quote(column)} has groups that are named as a missing value is often written: "
                f"{listed(absent)}. Where a value is missing there, leave such rows out with --exclude.",
            )


def _spelling(value: str) -> str:
    """Return a value without what differs in spelling alone: case, blanks, hyphens, forms of a letter."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    # A hyphen or a dot makes another number, or another range of them, and a hyphen at the end another grade.
    passed = _BLANK if any(map(str.isdigit, folded)) or folded.endswith("-") else f"{_BLANK}-."
    return "".join(letter for letter in folded if letter not in passed) or value


def listed(names: Sequence[str]) -> str:
    """Return names in quotation marks, and how many more there are."""
    named = ", ".join(map(shown, names[:SHOWN]))
    return named if len(names) <= SHOWN else f"{named} and {len(names) - SHOWN} more"
