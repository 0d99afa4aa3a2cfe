"""Places in a record: paths to a value.

A path is names joined by dots. In a list, a number picks by index (``labels.4.l1``) and a selection
picks by a field (``privacy.plan.rows[method=gaussian].scale``).
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["find", "is_index", "spelling"]

#: Of an index; Python refuses to read thousands.
MOST_DIGITS = 9
_STEP = re.compile(r"(?P<name>\w+)(?:\[(?P<field>\w+)=(?P<wanted>[^\]]*)\])?")


def find(record: Mapping[str, Any], path: str) -> Any:
    """Return what stands at `path`; a path that goes on below a null gives None."""
    here: Any = record
    passed = ""
    for step in path.split("."):
        match = _STEP.fullmatch(step)
        if match is None:
            raise LookupError(
                f"“{path}” is not a path: expected names joined by dots, each with at most one "
                f"[field=value], and found “{step}”."
            )
        if here is None:
            return None
        here = _child(here, match["name"], path, passed)
        passed = f"{passed}.{match['name']}" if passed else match["name"]
        if match["field"] is not None and here is not None:
            here = _select(here, match["field"], match["wanted"], path, passed)
    return here


def is_index(name: str) -> bool:
    """Return whether a step of a place is the index of a list's item: digits 0 to 9, a few."""
    return name.isascii() and name.isdecimal() and len(name) <= MOST_DIGITS


def spelling(value: Any) -> str:
    """Spell a plain value as JSON does, text without its quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _child(here: Any, name: str, path: str, passed: str) -> Any:
    if isinstance(here, Mapping):
        if name in here:
            return here[name]
        known = [str(key) for key in here]
    elif isinstance(here, list | tuple):
        if is_index(name) and int(name) < len(here):
            return here[int(name)]
        known = [f"indices below {len(here)}"]
    else:
        known = []
    place = f"“{passed}”" if passed else "the record"
    raise LookupError(
        f"“{path}” is not a place in the record: {place} has no “{name}”. {_nearest(name, known)}"
    )


def _select(here: Any, field: str, wanted: str, path: str, passed: str) -> Any:
    if not isinstance(here, list | tuple):
        raise LookupError(f"“{path}” selects in “{passed}”, which is not a list.")  # noqa: TRY004
    found = [item for item in here if isinstance(item, Mapping) and spelling(item.get(field)) == wanted]
    if len(found) == 1:
        return found[0]
    known = [spelling(item.get(field)) for item in here if isinstance(item, Mapping)]
    raise LookupError(
        f"“{path}” selects {len(found)} items of “{passed}” where one was expected. {_nearest(wanted, known)}"
    )


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return f"There are: {', '.join(known)}." if known else "Nothing stands below it."
