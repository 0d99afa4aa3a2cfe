"""Values of the prose: their text and their macro names."""

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.errors import ReportError
from trivet.policy.bounds import bounds_at
from trivet.ratios import INFINITE, figure_at, is_infinite
from trivet.wording import amount, beside, noise_name, one_line

__all__ = ["code_span", "markdown_row", "markdown_text"]

#: What stands where a measurement could not be made.
NOT_MEASURED = "not measured"

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: A format that rounds to so many digits; a number with a bound can need more.
_DECIMALS: Final = re.compile(r"[+,]*\.\d+[fg]")
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
        raw = figure_at(record, path)
    except LookupError as error:
        raise ReportError(error.args[0]) from error
    try:
        text = format_value(raw, spec)
        if (
            isinstance(raw, float)
            and _DECIMALS.fullmatch(spec or ".4f")
            and (bounds := bounds_at(record, path))
        ):
            text = beside(raw, bounds, lambda _: text).replace("-", _MINUS)
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
        if spec not in {None, "label", "words", "noise"}:
            raise TypeError(f"expected a number and found the text “{raw}”")
        raw = raw.replace("_", " ") if spec == "words" else noise_name(raw) if spec == "noise" else raw
        return " ".join(raw.split())
    if not isinstance(raw, int | float):
        raise TypeError("expected a number, text, a bool or a list, and found a group of values")
    return INFINITE if is_infinite(raw) else _format_number(raw, spec)


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
    elif spec == "points":
        text = f"{100 * number:+.2f}"
    elif spec in {"amount", "+amount"}:
        text = amount(number, sign=spec[0] == "+")
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


_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\`{}",  # the accent alone: \textasciigrave would need a bitmap font
    "-": "-{}",  # no dashes from two or three hyphens
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{GREEK SMALL LETTER EPSILON}": r"\ensuremath{\epsilon}",
    "\N{GREEK SMALL LETTER DELTA}": r"\ensuremath{\delta}",
    "\N{LESS-THAN OR EQUAL TO}": r"\ensuremath{\leq}",
    "\N{GREATER-THAN OR EQUAL TO}": r"\ensuremath{\geq}",
}
_IN_TIMES = "¡¿§©®°±£«»¶·"
_NOT_IN_T1 = "ĦħĸĿŀŉŦŧ"
_SEEN = {"Cc": " ", "Cs": " ", "Cf": ""}  # controls, halves of characters, invisible formatting
#: A class of a regular expression: what exponents are written with.
SUPERSCRIPTS = "[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]"
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "\N{MINUS SIGN}0123456789")


def escape_tex(text: str) -> str:
    """Write `text` for pdfLaTeX, in text mode."""
    return "".join(_tex_run(run) for run in re.split(f"({SUPERSCRIPTS}+)", text))


def lower(exponent: str) -> str:
    """Write superscript digits as ordinary ones, for a format that raises them itself."""
    return exponent.translate(_LOWERED)


def escape_html(text: str) -> str:
    """Write `text` for HTML, in content or in a quoted attribute."""
    return html.escape(_printable(text))


def escape_typst(text: str) -> str:
    """Write `text` as a Typst string literal, with its quotes."""
    content = _printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{content}"'


def _tex_run(run: str) -> str:
    if re.match(SUPERSCRIPTS, run):
        return rf"\textsuperscript{{{_tex_run(lower(run))}}}"
    return "".join(_tex_letter(letter) for letter in _printable(unicodedata.normalize("NFC", run)))


def _tex_letter(letter: str) -> str:
    if letter in _TEX:
        return _TEX[letter]
    if letter.isascii() or letter in _IN_TIMES or ("À" <= letter <= "ž" and letter not in _NOT_IN_T1):
        return letter
    return f"[U+{ord(letter):04X}]"


def _printable(text: str) -> str:
    """Remove control characters: line breaks become spaces, and direction marks go."""
    if text.isprintable():
        return text
    return "".join(_SEEN.get(unicodedata.category(letter), letter) for letter in text)


#: What begins mark-up, HTML, an entity, mathematics or a cell, and what makes a link of an address.
_MEANING: Final = re.compile(r"[\\`*_{}\[\]<>#|~&$^]|(?i:(?<=www)\.)|:(?=//)")
NAME_CHARACTERS: Final = 200


def markdown_text(text: str, *, limit: int = NAME_CHARACTERS) -> str:
    """Write a text inside a line of Markdown: no mark-up, no HTML, no link, and nobody is called."""
    shown = one_line(" ".join(text.split()), limit=limit)
    # A backslash does not keep GitHub from reading a name behind an @; a comment between them does.
    return _MEANING.sub(lambda found: rf"\{found[0]}", shown).replace("@", "@<!-- -->")


def code_span(text: str) -> str:
    """Write a text as code, in which nothing means anything; with a bar, which ends a cell, as text."""
    shown = one_line(" ".join(text.split()), limit=NAME_CHARACTERS)
    if not shown or "|" in shown:
        return markdown_text(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    gap = " " if "`" in {shown[0], shown[-1]} else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def markdown_row(*cells: str) -> str:
    """Join what the functions above wrote to a row of a table."""
    return f"| {' | '.join(cells)} |"
