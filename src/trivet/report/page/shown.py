"""Value on a page, with its place, exact figure and origin.

The source is the element's ``title``: one fact a line, the place first. Without a script the browser shows
it to a resting pointer; ``page.js`` shows it to focus and touch as well.
"""

from collections.abc import Callable
from typing import Any, Final

from trivet.places import spelling
from trivet.report.escape import escape_html
from trivet.report.values import Value
from trivet.wording import one_line

__all__ = ["Tell", "shown_value"]

#: Says where the value at a place comes from.
Tell = Callable[[str], list[str]]
#: Characters of an exact value: a name, or a list of numbers.
EXACT_CHARACTERS: Final = 200


def shown_value(value: Value, tell: Tell, *, code: bool = False) -> str:
    """Write a value so that a pointer resting on it tells its source."""
    if not escape_html(value.text).strip():
        return ""  # nothing to point at
    content = f"<code>{escape_html(value.text)}</code>" if code else escape_html(value.text)
    lines = [value.path, *_exact(value), *tell(value.path)]
    title = "&#10;".join(map(escape_html, lines))
    if isinstance(value.raw, int | float) and not isinstance(value.raw, bool):
        return f'<data class="value" value="{spelling(value.raw)}" title="{title}">{content}</data>'
    return f'<span class="value" title="{title}">{content}</span>'


def _exact(value: Value) -> list[str]:
    """Spell the value as the record has it, unless that is what is shown."""
    raw: Any = value.raw
    exact = ", ".join(map(spelling, raw)) if isinstance(raw, list | tuple) else spelling(raw)
    return [] if exact == value.text else [f"= {one_line(exact, limit=EXACT_CHARACTERS)}"]
