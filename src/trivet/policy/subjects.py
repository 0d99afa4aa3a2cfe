"""A place of a record in words: the measure, and the names of the items that it is in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trivet.places import is_index
from trivet.wording import quoted

__all__ = ["named_place"]

#: One item of each list, and the field that names it.
_ITEMS: Final[Mapping[str, tuple[str, str]]] = {
    "mechanisms": ("mechanism", "name"),
    "attacks": ("attack", "attack"),
    "attributes": ("attribute", "name"),
    "groups": ("group", "group"),
    "models": ("model", "title"),
    "attempts": ("repair", "method"),
}
#: Names that say how sure a measure is, or which part of its interval is meant.
_PARTS: Final[Mapping[str, str]] = {"estimate": "", "low": "lower end of ", "high": "upper end of "}


def named_place(record: Mapping[str, Any], place: str) -> str:
    """Return ``disparate impact of group 'Female' of attribute 'sex'``; empty where no item has a name."""
    steps = place.split(".")
    here: Any = record
    items: list[str] = []
    measure: list[str] = []
    for before, step in zip(["", *steps], steps, strict=False):
        if isinstance(here, Sequence) and not isinstance(here, str):
            if not is_index(step):  # every item
                return ""
            here = here[int(step)]
            kind, field = _ITEMS.get(before, ("", ""))
            if isinstance(here, Mapping) and isinstance(name := here.get(field), str):
                items.insert(0, f"{kind} {quoted(name)}")
                measure = []
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
            measure.append(step)
    if not items:
        return ""
    end = _PARTS.get(measure[-1]) if len(measure) > 1 else None
    words = " ".join(measure if end is None else measure[:-1]).replace("_", " ")
    return f"{end or ''}{words} of {' of '.join(items)}"
