"""Data frames of pandas with the names that other tables have: texts, each once, and no index beside them."""

from collections.abc import Mapping
from typing import Any

from trivet.tables.names import numbered

__all__ = ["tidy_frame"]


def tidy_frame(table: Any) -> tuple[Any, Mapping[Any, str]]:
    """Return a frame whose names are texts that differ, and what each name became; others as they are.

    Columns of one name are one where they hold the same, and are numbered (``age.0``, ``age.1``) otherwise.
    """
    # Only a frame of pandas has both, and reading the columns of a lazy frame costs a query.
    if not hasattr(table, "set_axis") or not hasattr(table, "iloc"):
        return table, {}
    written = list(table.columns)
    called = ["" if name is None else str(name) for name in written]
    if all(isinstance(name, str) and name for name in written) and len(set(called)) == len(called):
        return table, {}
    named = numbered(called)
    different = [
        places
        for places in named.repeated
        if not all(table.iloc[:, places[0]].equals(table.iloc[:, place]) for place in places[1:])
    ]
    once = {place for places in named.repeated if places not in different for place in places[1:]}
    names = named.apart(different).names
    kept = [place for place in range(len(names)) if place not in once]
    tidy = table.iloc[:, kept].set_axis([names[place] for place in kept], axis=1)
    ambiguous = {place for places in different for place in places}
    return tidy, {written[place]: names[place] for place in kept if place not in ambiguous}
