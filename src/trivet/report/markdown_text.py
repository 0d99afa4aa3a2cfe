"""Escaping of untrusted text for Markdown."""

import re
from typing import Final

from trivet.wording import one_line

__all__ = ["code_span", "markdown_row", "markdown_text"]

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
