"""Verdicts of audits with the same title over time: one line of marks a leg."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from trivet.report.escape import escape_html
from trivet.report.found_audits import LEGS, FoundAudit, Word

__all__ = ["history_rows"]

#: Marks of a line, the latest; earlier ones are in the table.
MOST_MARKS: Final = 24
STEP: Final = 16
SIDE: Final = 11
_ORDER: Final = ("good", "unsure", "bad")
#: A circle, a hollow square and a diamond, around the origin: no meaning rests on colour alone.
_SHAPES: Final = {
    "good": '<circle r="5"/>',
    "unsure": '<rect x="-4" y="-4" width="8" height="8"/>',
    "bad": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>',
}


def history_rows(audits: Sequence[FoundAudit]) -> Iterator[str]:
    """Yield a row of HTML for each title, by name."""
    by_title = sorted(audits, key=lambda audit: audit.title)  # stable: the latest first within a title
    for title, group in groupby(by_title, key=lambda audit: audit.title):
        line = list(reversed(list(group)))
        marks = "".join(f"<td>{_line(line, leg)}</td>" for leg in LEGS)
        yield f'<tr><th scope="row">{escape_html(title)}</th><td class="right">{len(line)}</td>{marks}</tr>'


def _line(audits: Sequence[FoundAudit], leg: str) -> str:
    judged = [(audit, word) for audit in audits if (word := _worst(audit, leg)) is not None]
    if not judged:
        why = (
            "no verdict"
            if any(word.leg == leg for audit in audits for word in audit.words)
            else "not audited"
        )
        return f'<span class="faint">{why}</span>'
    shown = judged[-MOST_MARKS:]
    width = STEP * len(shown)
    told = escape_html("; ".join(_told(audit, word) for audit, word in shown))
    marks = "".join(
        f'<g class="{word.tone}" transform="translate({STEP * number + STEP // 2} {SIDE})">'
        f"<title>{escape_html(_told(audit, word))}</title>{_SHAPES[word.tone]}</g>"
        for number, (audit, word) in enumerate(shown)
    )
    size = f'width="{width}" height="{2 * SIDE}" viewBox="0 0 {width} {2 * SIDE}"'
    more = len(judged) - len(shown)
    before = f'<span class="faint">{more} earlier </span>' if more else ""
    return f'{before}<svg class="marks" role="img" aria-label="{told}" {size}>{marks}</svg>'


def _worst(audit: FoundAudit, leg: str) -> Word | None:
    words = [word for word in audit.words if word.leg == leg and word.tone in _ORDER]
    return max(words, key=lambda word: _ORDER.index(word.tone), default=None)


def _told(audit: FoundAudit, word: Word) -> str:
    return f"{audit.started or audit.folder.as_posix()}: {word.word}"
