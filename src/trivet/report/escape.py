"""Escaping of user text for each output format."""

import html
import re
import unicodedata

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
    """Write `text` for pdfLaTeX, in text mode.

    A character that its fonts do not have is written as its code point, ``[U+4E2D]``, so that a
    name in any script still compiles.
    """
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
    return "".join(_SEEN.get(unicodedata.category(letter), letter) for letter in text)
