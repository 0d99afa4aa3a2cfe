"""Values of the prose: their text and their macro names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trivet.errors import ReportError
from trivet.places import find

#: What stands where a measurement could not be made.
NOT_MEASURED = "not measured"

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_EXPONENT = re.compile(r"(?P<mantissa>[^e]+)e(?P<sign>[+-])0*(?P<power>\d+)")
_SPELT = {
    "0": "Zero",
    "1": "One",
    "2": "Two",
    "3": "Three",
    "4": "Four",
    "5": "Five",
    "6": "Six",
    "7": "Seven",
    "8": "Eight",
    "9": "Nine",
    "%": "Percent",
    "+": "Plus",
    "-": "Minus",
    ",": "Comma",
    ".": "Point",
    ":": "Colon",
    "_": "",
}


@dataclass(frozen=True)
class Value:
    """One place of the record as the prose shows it."""

    path: str
    format: str | None
    raw: Any
    text: str
    macro: str


def make_value(record: Mapping[str, Any], path: str, spec: str | None = None) -> Value:
    """Read `path` from the record and write it as `spec` asks."""
    try:
        raw = find(record, path)
    except LookupError as error:
        raise ReportError(error.args[0]) from error
    try:
        text = format_value(raw, spec)
    except (TypeError, ValueError) as error:
        raise ReportError(f"“{path}” cannot be written as “{spec or 'default'}”: {error}.") from error
    return Value(path=path, format=spec, raw=raw, text=text, macro=macro_name(path, spec))


def format_value(raw: Any, spec: str | None = None) -> str:
    """Write one plain value for a reader."""
    if raw is None:
        return NOT_MEASURED
    if isinstance(raw, list | tuple):
        return _format_list(raw, spec)
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, str):
        if spec not in {None, "label"}:
            raise TypeError(f"expected a number and found the text “{raw}”")
        return " ".join(raw.split())
    if not isinstance(raw, int | float):
        raise TypeError("expected a number, text, a bool or a list, and found a group of values")
    return _format_number(raw, spec)


def macro_name(path: str, spec: str | None = None) -> str:
    """Name the LaTeX macro of a value: the prefix ``trivet``, then letters only."""
    words = re.split(r"[._\[\]=]+", path)
    name = "".join(_spell(word[:1].upper() + word[1:]) for word in words if word)
    return f"trivet{name}" if spec is None else f"trivet{name}As{_spell(spec[:1].upper() + spec[1:])}"


def refuse_collisions(values: Mapping[str, Value], value: Value) -> None:
    """Refuse a value whose macro already names another one."""
    other = values.get(value.macro, value)
    if (other.path, other.format) != (value.path, value.format):
        raise ReportError(
            f"“{value.path}” ({value.format or 'default'}) and “{other.path}” ({other.format or 'default'}) "
            f"would both be the macro \\{value.macro}; rename one of the two."
        )


def _format_list(items: list[Any] | tuple[Any, ...], spec: str | None) -> str:
    if spec == "count":
        return str(len(items))
    if spec is not None and re.match(r"list(:|$)", spec):
        return ", ".join(format_value(item, spec[5:] or None) for item in items)
    raise TypeError("it is a list: use f=list, f=list:SPEC or f=count")


def _format_number(number: float, spec: str | None) -> str:
    if spec in {"list", "count"} or (spec or "").startswith("list:"):
        raise TypeError("expected a list and found a number")
    if spec == "p":
        text = "< 0.001" if number < 0.001 else f"{number:.3f}"  # noqa: PLR2004 (the bound that is printed)
    elif spec == "label" or (spec is None and isinstance(number, int)):
        text = str(number)
    elif spec is None:
        text = f"{number:.4f}"
        if number and not text.strip("-0."):
            text = f"{number:.1e}"
    else:
        text = format(number, ".0%" if spec == "%" else spec)
    if text.endswith("%"):
        text = f"{text[:-1]}{_NO_BREAK_SPACE}%"
    if exponent := _EXPONENT.fullmatch(text):
        text = _power_of_ten(exponent)
    return text.replace("-", _MINUS)


def _power_of_ten(exponent: re.Match[str]) -> str:
    sign = "-" if exponent["sign"] == "-" else ""
    power = "10" + (sign + exponent["power"]).translate(_SUPERSCRIPTS)
    if exponent["mantissa"] == "1":
        return power
    return f"{exponent['mantissa']}{_TIMES}{power}"


def _spell(word: str) -> str:
    letters = [_SPELT.get(character, character) for character in word]
    name = "".join(letters)
    if not (name.isascii() and (name.isalpha() or not name)):
        raise ReportError(
            f"“{word}” cannot be part of a macro's name: expected ASCII letters, digits or %+-,.:="
        )
    return name
