"""Comparison of two audits in Markdown, such as for a comment on a pull request."""

from collections.abc import Iterator, Sequence
from typing import Final

from trivet.comparison import (
    Change,
    Compared,
    Comparison,
    difference_text,
    differing_first,
    interval_text,
    outcome_text,
    sides_text,
)
from trivet.comparison.results import BETTER
from trivet.report.text.values import code_span, markdown_row, markdown_text
from trivet.verdict import Tone, sign

__all__ = ["comparison_markdown"]

#: Rows of what is not in the headline; ``comparison.json`` has all.
MOST_ROWS: Final = 200
SENTENCE_CHARACTERS: Final = 1_000
HEADINGS: Final = ("measurement", "before", "after", "difference", "outcome")


def comparison_markdown(comparison: Comparison, *, everything: bool = False) -> str:
    """Write a comparison in GitHub's Markdown."""
    return "\n".join(_lines(comparison, everything=everything)) + "\n"


def _lines(comparison: Comparison, *, everything: bool) -> Iterator[str]:
    yield "## What changed between two audits"
    yield ""
    yield f"**{comparison.statement}**"
    yield ""
    yield f"- before: {_told(comparison.before)}"
    yield f"- after: {_told(comparison.after)}"
    yield from (f"- {caution}" for caution in comparison.cautions)
    if comparison.tolerances:
        yield f"- tolerance: {', '.join(map(code_span, comparison.tolerances))}"
    yield ""
    if comparison.regressions:
        yield "### Regressions"
        yield ""
        yield from (
            f"- {sign('bad', 'markdown')} {markdown_text(sentence, limit=SENTENCE_CHARACTERS)}"
            for sentence in comparison.regressions
        )
        yield ""
    quiet: list[Change] = []
    for heading, changes in (("Verdicts", comparison.verdicts), ("Headline", comparison.headline)):
        differ, same = differing_first(changes)
        quiet += same
        if differ:
            yield from _table(heading, differ)
    if comparison.asked:
        yield from _table("Data, settings and versions that differ", comparison.asked)
    if comparison.changed:
        yield from _folded("Everything else that differs", comparison.changed)
    if quiet:
        yield from _folded("Verdicts and headline, the same or within noise", quiet)
    if everything and comparison.rest:
        yield from _folded("The same, or noise", comparison.rest)
    if comparison.limits:
        yield f"<sub>{comparison.limits}</sub>"


def _told(audit: Compared) -> str:
    said = f"{code_span(audit.folder)}, {markdown_text(audit.title)}"
    if audit.started is not None:
        said += f", {code_span(audit.started)}"
    return said if audit.trivet is None else f"{said}, trivet {code_span(audit.trivet)}"


def _folded(heading: str, changes: Sequence[Change]) -> Iterator[str]:
    yield f"<details><summary>{heading} ({len(changes)})</summary>"
    yield ""
    yield from _rows(changes[:MOST_ROWS])
    if len(changes) > MOST_ROWS:
        yield ""
        yield f"{len(changes) - MOST_ROWS} more are in the JSON."
    yield ""
    yield "</details>"
    yield ""


def _table(heading: str, changes: Sequence[Change]) -> Iterator[str]:
    yield f"### {heading}"
    yield ""
    yield from _rows(changes)
    yield ""


def _rows(changes: Sequence[Change]) -> Iterator[str]:
    yield markdown_row(*HEADINGS)
    yield markdown_row(":---", "---:", "---:", "---:", ":---")
    for change in changes:
        before, after = sides_text(change)
        title = code_span(change.place) if change.title == change.place else markdown_text(change.title)
        yield markdown_row(
            title,
            markdown_text(f"{before} {interval_text(change.before_low, change.before_high)}"),
            markdown_text(f"{after} {interval_text(change.after_low, change.after_high)}"),
            markdown_text(change.detail or difference_text(change)),
            _outcome(change),
        )


def _outcome(change: Change) -> str:
    worse: Tone = "bad" if change.measurably_worse else "unsure"
    tone: Tone | None = None if change.judged is None else "good" if change.judged == BETTER else worse
    mark = "" if tone is None else f"{sign(tone, 'markdown')} "
    return f"{mark}{outcome_text(change)}"
