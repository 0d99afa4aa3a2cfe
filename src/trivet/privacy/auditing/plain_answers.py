"""Answers that a mechanism may return, and their conversion to plain values that can be counted."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any, Final, TypeAlias

__all__ = ["Path", "Plain", "leaves", "plain", "spelled"]

#: None, bool, int, float, str, bytes, and tuples and dicts of these, nested.
Plain: TypeAlias = Any

#: Where a single value stands in an answer: indices and keys; empty where the answer is the value.
Path: TypeAlias = tuple[int | str, ...]

_PLAIN: Final = (float, int, bool, str, bytes, type(None))
_DEEPEST: Final = 20


def plain(answer: object, *, depth: int = 0) -> Plain:
    """Turn an answer into plain values.

    Arrays and scalars of NumPy and PyTorch are plain by their ``tolist``; fractions and decimals become
    floats, members of an enumeration text; lists become tuples, sets sorted ones. Dicts keep their order.
    """
    if type(answer) in _PLAIN:
        return answer
    if depth > _DEEPEST:
        raise TypeError("value that is nested too deeply")
    if isinstance(answer, Mapping):
        return {_key(key): plain(value, depth=depth + 1) for key, value in answer.items()}
    if hasattr(answer, "tolist"):
        return plain(answer.tolist(), depth=depth + 1)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(answer, (str, Enum, Real, Decimal)):
        return _scalar(answer)
    if isinstance(answer, (Sequence, AbstractSet)):
        parts = (plain(part, depth=depth + 1) for part in answer)
        return tuple(sorted(parts, key=repr) if isinstance(answer, AbstractSet) else parts)
    raise TypeError(f"value of type {type(answer).__name__}")


def leaves(answer: Plain, path: Path = ()) -> list[tuple[Path, Plain]]:
    """List the single values in an answer with their places, in order."""
    if isinstance(answer, tuple):
        return [leaf for i, part in enumerate(answer) for leaf in leaves(part, (*path, i))]
    if isinstance(answer, dict):
        return [leaf for key in sorted(answer, key=repr) for leaf in leaves(answer[key], (*path, key))]
    return [(path, answer)]


def spelled(path: Path) -> str:
    """Name a place as Python would: ``answer``, ``answer[0]``, ``answer['x'][1]``."""
    return "answer" + "".join(f"[{part!r}]" for part in path)


def _scalar(answer: str | Enum | Real | Decimal) -> Plain:
    if isinstance(answer, (str, Enum)):
        return str(answer)
    return int(answer) if isinstance(answer, Integral) else float(answer)


def _key(key: object) -> str | int:
    return key if isinstance(key, (str, int)) else repr(key)
