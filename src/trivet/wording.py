"""Text that others wrote, shown so that neither a terminal nor a CI system obeys it."""

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

__all__ = [
    "amount",
    "as_entity",
    "as_json_escape",
    "beside",
    "describe_error",
    "escapes",
    "first_line",
    "inert",
    "json_text",
    "listed",
    "noise_name",
    "one_line",
    "quote",
    "rounded",
    "row_count",
    "rows_hold",
]

#: Layer names are shortened to this length.
NAME_CHARACTERS = 80
#: Long enough for PyTorch's complaint about two shapes, short enough for a terminal.
REASON_CHARACTERS = 200
#: Amounts from here on, and below there, are written with a power of ten.
_HUGE: Final = 1e15
_TINY: Final = 1e-4
#: Controls, marks of direction and other invisible ones, halves of characters, separators of lines.
_OBEYED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: What a CI system obeys: GitHub where ``::`` begins a line, Azure, GitHub and TeamCity ``##[``, ``##vso[``
#: and the like wherever they stand in it.
_COMMANDS: Final = re.compile(r"^[^\S\n]*:(?=:)|#(?=#[\w.]*\[)", re.MULTILINE)


def one_line(text: object, *, limit: int = NAME_CHARACTERS) -> str:
    """Return `text` with every character that does not print escaped, and no longer than `limit`."""
    cut = str(text)[: limit + 1]
    if cut.isprintable():
        shown = cut
    else:
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def quote(value: object) -> str:
    """Return a name as `one_line` does, in quotation marks; any other plain value as Python writes it."""
    cut = value[: NAME_CHARACTERS + 1] if isinstance(value, str) else value
    try:
        shown = repr(cut)
    except Exception:  # noqa: BLE001 - a number of too many digits, or what nests too deeply
        return "what is too long to show"
    if not isinstance(value, str):
        return one_line(shown)
    return shown if len(shown) <= NAME_CHARACTERS else f"{shown[: NAME_CHARACTERS - 1]}…{shown[0]}"


def amount(value: float, *, sign: bool = False) -> str:
    """Return an amount of any unit for a reader: whole where it is large, with decimals where it is small."""
    # Four digits, but none before the point is left out.
    size = abs(value)
    if not math.isfinite(size) or size >= _HUGE or 0 < size < _TINY:
        shown = f"{value:.4g}"
    elif size == 0:
        return "0"
    else:
        shown = f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"
    return f"+{shown}" if sign and value > 0 else shown


def rounded(value: float, low: float | None, high: float | None) -> float:
    """Return a number with the digits that its interval supports: two of half its width, four without one."""
    width = 0.0 if low is None or high is None else abs(high - low)
    size = width / 20 if width else abs(value) / 1000
    if isinstance(value, int) or not 0 < size < math.inf:
        return value
    return round(value, -math.floor(math.log10(size)))


#: Digits with which every number is exact.
_EXACT: Final = 17
#: Two numbers that differ by less are a number and its rounding.
_ROUNDING: Final = 1e-12


def beside(value: float, bounds: Iterable[float], write: Callable[[float], str]) -> str:
    """Return a number as `write` writes it, with more digits where it would else stand otherwise to a bound.

    0.7996 stands below a bound of 0.8, which 0.80 does not: what is printed compares as the numbers do.
    """
    known = tuple(bounds)
    text = write(value)
    if not math.isfinite(value) or _stands(text, value, known):
        return text
    sign = "+" if text.startswith("+") else "-"
    longer = (f"{value:{sign}.{digits}g}" for digits in range(3, _EXACT))
    return next((each for each in longer if _stands(each, value, known)), repr(value))


def _stands(text: str, value: float, bounds: Sequence[float]) -> bool:
    """Tell whether a written number is on the side of each bound on which the number is."""
    try:
        written = float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))
    except ValueError:  # such as a power of ten, which is never rounded up to a bound
        return True
    return all(_side(written, bound) == _side(value, bound) for bound in bounds)


def _side(value: float, bound: float) -> int:
    if math.isclose(value, bound, rel_tol=_ROUNDING):
        return 0
    return 1 if value > bound else -1


def listed(names: Sequence[str]) -> str:
    """Return names, one or more, as a sentence has them: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def noise_name(mechanism: str) -> str:
    """Return what a mechanism's noise is called: ``discrete Laplace`` of ``discrete-laplace``."""
    words = mechanism.replace("-", " ")
    return words.replace("laplace", "Laplace").replace("gaussian", "Gaussian")


def row_count(count: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


def rows_hold(count: int) -> str:
    """Return the beginning of a sentence on so many rows."""
    return f"{row_count(count)} hold{'s' if count == 1 else ''}"


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says, or its kind where it says nothing."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - an untrusted exception may fail to say anything
        lines = []
    first = lines[0].rstrip(". ") if lines else ""
    return one_line(first or type(error).__name__, limit=REASON_CHARACTERS)


def describe_error(error: BaseException) -> str:
    """Return the kind of `error` and the first line of what it says."""
    said = first_line(error)
    kind = type(error).__name__
    return said if said == kind else f"{kind}: {said}"


def inert(text: str, escape: Callable[[str], str] | None = None) -> str:
    r"""Return `text` with its lines, and in none of them anything that a terminal or a CI system obeys."""
    found = escapes(text, escape)
    return "".join(found.get(place, character) for place, character in enumerate(text)) if found else text


def escapes(text: str, escape: Callable[[str], str] | None = None) -> dict[int, str]:
    """Return what has to stand in the place of some characters, by their index, for `text` to be inert."""
    places = [match.end() - 1 for match in _COMMANDS.finditer(text)]
    if not text.replace("\n", "").isprintable():
        places += [
            place
            for place, character in enumerate(text)
            if character != "\n" and unicodedata.category(character) in _OBEYED
        ]
    write = escape or _as_python
    return {place: write(text[place]) for place in places}


def as_json_escape(character: str) -> str:
    """Write a character within a text of JSON."""
    shown = json.dumps(character)[1:-1]
    return shown if shown != character else f"\\u{ord(character):04x}"


def as_entity(character: str) -> str:
    """Write a character in XML, HTML or Markdown; what XML cannot hold, as Python does."""
    return (
        _as_python(character) if unicodedata.category(character) in {"Cc", "Cs"} else f"&#{ord(character)};"
    )


def json_text(document: Any) -> str:
    """Return a document as JSON that can be printed: the same values, and nothing that is obeyed."""
    return inert(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), as_json_escape) + "\n"


def _as_python(character: str) -> str:
    shown = character.encode("unicode_escape").decode("ascii")
    return shown if shown != character else f"\\x{ord(character):02x}"
