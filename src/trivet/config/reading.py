"""Reader of audit.toml, which reports all errors of a file at once."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from os import PathLike
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from trivet.config.config import OWN_TITLE, AuditConfig, describes, own_paths
from trivet.errors import UsageError
from trivet.verdict import LEGS
from trivet.wording import one_line, quote
from trivet.work.bounded import read_toml

__all__ = ["load_config", "sections_of"]

#: Sections and keys whose values are paths.
_PATHS: Final = (
    ("audit", "out"),
    ("security", "checkpoint"),
    ("security", "archive"),
    ("privacy", "audits"),
    ("fairness", "audits"),
    ("policy", "baseline"),
)

#: Errors that are named, and characters of each.
MOST_SHOWN: Final = 20
MOST_CHARACTERS: Final = 500


def load_config(
    path: str | PathLike[str] | None, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> AuditConfig:
    """Read audit.toml, lay the command line's choices over it, and validate the whole.

    Parameters
    ----------
    path
        The file; None starts from the defaults. Relative paths in it start at its folder.
    overrides
        Section -> key -> value; None values are passed over. Choosing a checkpoint or an archive
        here replaces the file's choice of network altogether.

    Raises
    ------
    UsageError
        If the file is missing, is not TOML, or has errors; all of them are named.
    """
    from pydantic import ConfigDict, ValidationError, create_model  # noqa: PLC0415 - keeps --help fast

    file = None if path is None else Path(path)
    content = {} if file is None else _read(file)
    for section, values in (overrides or {}).items():
        given = {key: value for key, value in values.items() if value is not None}
        table = content.setdefault(section, {})
        if not isinstance(table, dict):
            continue  # the validation names it
        if section == "security" and given.keys() & {"checkpoint", "archive"}:
            for key in ("checkpoint", "archive", "student_id", "model_index", "expected_label"):
                table.pop(key, None)
        table.update(given)
    _share_seed(content)
    _choose_for_own(content)
    try:
        # The enclosing model hands its strictness down to the dataclasses, which have none.
        model = create_model("File", __config__=ConfigDict(extra="forbid"), content=(AuditConfig, ...))
        config: AuditConfig = model(content=content).content  # pyright: ignore[reportAttributeAccessIssue]
    except ValidationError as error:
        lines = [_explain(dict(item)) for item in error.errors(include_url=False)]
        raise _wrong(file, lines) from error
    if lines := list(_coerced(content, config, ())):
        raise _wrong(file, lines)
    return config


def sections_of(path: str | PathLike[str]) -> frozenset[str]:
    """Return the names of the sections that an audit.toml has."""
    return frozenset(_read(Path(path)))


def _wrong(file: Path | None, lines: list[str]) -> UsageError:
    source = "the command line" if file is None else one_line(file.name)
    count = "an error" if len(lines) == 1 else f"{len(lines)} errors"
    more = f"; and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
    return UsageError(f"{source} has {count}: {'; '.join(lines[:MOST_SHOWN])}{more}")


#: What TOML calls what Pydantic's messages name as Python does, by the kind of error.
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("dataclass_type", "dict_type", "mapping_type"), "a table"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date such as 2026-12-31"),
    "string_type": "a text",
    "path_type": "a path in quotation marks",
    "tuple_type": "a list",
}
_OF_TYPE: Final = {bool: "bool_type", int: "int_type", float: "float_type"}


def _coerced(given: Any, got: Any, place: tuple[str | int, ...]) -> Iterator[str]:
    """Name what was taken for a value of another type, such as a text for a number."""
    if isinstance(given, dict) and is_dataclass(got):
        for key, value in given.items():
            yield from _coerced(value, getattr(got, key), (*place, key))
    elif isinstance(given, list) and isinstance(got, tuple):
        for index, (value, taken) in enumerate(zip(given, got, strict=True)):
            yield from _coerced(value, taken, (*place, index))
    elif (
        isinstance(got, int | float)
        and type(given) is not type(got)
        and (type(given), type(got)) != (int, float)
    ):
        yield f"{_shown(place)} should be {_KINDS[_OF_TYPE[type(got)]]} (found {_toml(given)})"


def _toml(value: Any) -> str:
    """Write a value as TOML has it, a text in the quotation marks of every message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return one_line(f"[{', '.join(map(_toml, value))}]")
    if isinstance(value, date | time):
        return str(value)
    return "a table" if isinstance(value, dict) else quote(value)


def _as_meant(place: Sequence[str | int], kind: str, value: Any) -> str:
    """Show how TOML writes what was likely meant; empty where nothing says so."""
    if kind == "string_type":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        alone = value[0] if isinstance(value, list) and len(value) == 1 else value if number else None
        return "" if alone is None else f" in quotation marks, such as {_text(alone)}"
    if kind != "tuple_type":
        return ""
    hint = _hint(place)
    if _dataclass_in(hint) is not None:
        return f" of tables, each below [[{one_line('.'.join(map(str, place)))}]]"
    lengths = [get_args(each) for each in (hint, *get_args(hint)) if get_origin(each) is tuple]
    if any(each[-1] is not Ellipsis for each in lengths):
        return f" of {len(lengths[0])} values"
    return f", such as [{_text(value)}]" if isinstance(value, str | int | float) else ""


def _text(value: Any) -> str:
    """Write a text as TOML does; anything else as a text of it, where one is meant."""
    return json.dumps(one_line(value), ensure_ascii=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_toml(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {one_line(path, limit=MOST_CHARACTERS)}; `trivet init` writes one to start from."
        ) from error
    except OSError as error:
        raise UsageError(
            f"{one_line(path, limit=MOST_CHARACTERS)} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise UsageError(f"{one_line(path.name)} is not valid TOML: {error}.") from error
    for section, key in _PATHS:
        table = content.get(section)
        # A text where a list is expected stays as it is, for the validation to name.
        if isinstance(table, dict) and key in table and isinstance(table[key], list) == (key == "audits"):
            table[key] = _beside(path, table[key])
    own_paths(content, path.parent)
    policy = content.get("policy")
    if isinstance(policy, dict) and isinstance(severity := policy.get("severity"), dict):
        policy["severity"] = dict(_with_dots(severity))
    return content


def _with_dots(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield keys with dots, which TOML takes for tables where they have no quotation marks."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _with_dots(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _beside(path: Path, value: Any) -> Any:
    """Let a path, or each of several, start at the file's folder; the validation names anything else."""
    if isinstance(value, list):
        return [_beside(path, item) for item in value]
    return path.parent / value if isinstance(value, str) else value


def _share_seed(content: dict[str, Any]) -> None:
    """Let the audit's seed be the fairness leg's too, unless that one has its own."""
    audit, fairness = content.get("audit", {}), content.setdefault("fairness", {})
    if isinstance(audit, dict) and isinstance(fairness, dict):
        seed = audit.get("seed")
        if type(seed) is int and 0 <= seed < 2**32:
            fairness.setdefault("seed", seed)


def _choose_for_own(content: dict[str, Any]) -> None:
    """Give an audit of the user's system only the legs that it describes, and a title to match."""
    audit = content.get("audit", {})
    if isinstance(audit, dict) and audit.get("study") is False:
        legs = [leg for leg in LEGS if isinstance(content.get(leg), dict) and describes(leg, content[leg])]
        audit.setdefault("legs", legs or list(LEGS))
        audit.setdefault("title", OWN_TITLE)


def _explain(item: Mapping[str, Any]) -> str:
    """Turn one of Pydantic's errors into a clause for people."""
    place = [str(step) for step in item["loc"][1:]]
    message = one_line(_said(str(item["msg"])), limit=MOST_CHARACTERS)
    if not place:  # about several sections together
        return message
    shown = _shown(item["loc"][1:])
    if item["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        known = _known(place[:-1])
        near = difflib.get_close_matches(place[-1], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        return f"{shown} is not known ({hint})"
    if item["type"] == "missing":
        return f"{shown} is missing"
    if item["type"] == "value_error":
        return f"{shown}: {message.removesuffix('.')}"
    kind = str(item["type"])
    expected = f"be {_KINDS[kind]}{_as_meant(item['loc'][1:], kind, item['input'])}" if kind in _KINDS else ""
    return f"{shown} should {expected or message} (found {_toml(item['input'])})"


def _said(message: str) -> str:
    """Return what Pydantic says without its own words for what was given."""
    return re.sub(r"^(Value error, |\w+ should )|( after validation)?, not \d+$", "", message)


def _shown(place: Sequence[str | int]) -> str:
    """Return a place as ``[section] key.key``; an item of a list by its number, from 1."""
    section, *keys = place
    shown = ""
    for before, key in zip((section, *keys), keys, strict=False):
        if isinstance(key, int):
            shown += f" number {key + 1}"
        else:
            between = " " if not shown else ", " if isinstance(before, int) else "."
            shown += f"{between}{one_line(key)}"
    return f"[{one_line(section)}]{shown}"


def _known(place: list[str]) -> list[str]:
    """Names that may stand in a section."""
    here = _dataclass_in(_hint(place)) if place else AuditConfig
    return [] if here is None else [entry.name for entry in fields(here)]


def _hint(place: Sequence[str | int]) -> Any:
    """Return the type of what stands at a place, an item of a list as the list; None where nothing may."""
    hint: Any = AuditConfig
    for step in map(str, place):
        if not step.isdecimal():
            here = _dataclass_in(hint)
            hint = None if here is None else get_type_hints(here).get(step)
    return hint


def _dataclass_in(hint: Any) -> Any:
    """Find the dataclass that a type such as ``tuple[QuerySettings, ...]`` or ``X | None`` is about."""
    if is_dataclass(hint):
        return hint
    return next(filter(None, map(_dataclass_in, get_args(hint))), None)
