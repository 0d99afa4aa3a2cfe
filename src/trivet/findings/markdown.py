"""Findings as Markdown, for a pull request and the summary of a job."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from trivet.findings.finding import LEVEL_TONES, LEVELS, Finding, Level, counts
from trivet.findings.origin import Origin
from trivet.findings.summary import LEVEL_WORDS, Line, Summary
from trivet.verdict import sign
from trivet.wording import one_line

__all__ = ["findings_markdown", "plain"]

#: Findings that the card lists.
MOST_LINES: Final = 12
#: Characters that mean something in Markdown, in HTML or to GitHub and GitLab, or begin what does.
#: A colon before a space begins nothing.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&|~^$#@!\"']|:(?! )|(?<=[wW]{3})\.|(?<=[gG][hH])-")
#: A command, or the one setting that an action names, between backticks.
_CODE: Final = re.compile(r"`(trivet [a-z -]+|contract)`")
_MOST_TABLE_CHARACTERS: Final = 300


def findings_markdown(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.md``.

    It opens with the card of the audit where its origin has one: the outcome, what was audited, and a line a
    finding. Then comes what breaches and warnings mean and what to do; notes and passes are folded. Names of
    strangers cannot format, link, mention anyone or leave their cell.
    """
    origin = origin or Origin()
    title = plain(one_line(origin.title, limit=200)) if origin.title else "Findings"
    by_level = {level: [each for each in findings if each.level == level] for level in LEVELS}
    serious = [*by_level["breach"], *by_level["warning"]]
    parts = [f"## trivet: {title}"]
    if origin.summary is None:
        parts += [_counted(findings), *([_table(serious), *map(_advice, serious)] if serious else [])]
        told = {level: _table(by_level[level]) for level in ("note", "pass")}
    else:
        wanted = {each.id for each in findings}
        lines = [line for line in origin.summary.lines if line.finding.id in wanted]
        parts += [*_card(origin.summary, lines), *_told(lines, ("breach", "warning"))]
        told = {level: "\n\n".join(_told(lines, (level,))) for level in ("note", "pass")}
    for level, heading in (("note", "Notes"), ("pass", "What passed")):
        if by_level[level]:
            parts.append(_folded(f"{heading} ({len(by_level[level])})", told[level]))
    return "\n\n".join(parts) + "\n"


def _card(summary: Summary, lines: Sequence[Line]) -> Iterator[str]:
    """Yield the outcome, what was audited in a table, and the findings in another, a line each."""
    yield f"### {sign(summary.tone, 'markdown')} {summary.word}"
    told = f"{summary.against}: {summary.counted}. {summary.provenance}."
    yield plain(f"{told[:1].upper()}{told[1:]}")
    rows = ["| Leg | Verdict | What was audited |", "|---|---|---|"]
    for leg in summary.legs:
        word = f"{sign(leg.tone, 'markdown')} {_cell(leg.word)}"
        rows.append(f"| {leg.heading} | {word} | {'<br>'.join(map(_cell, leg.texts))} |")
    yield "\n".join(rows)
    rows = ["| | What | Measured | Required |", "|---|---|---|---|"]
    for line in lines[:MOST_LINES]:
        cells = (_cell(line.name), _cell(line.measured), _cell(line.required))
        rows.append(f"| {_icon(line.finding.level)} {line.finding.level} | {' | '.join(cells)} |")
    yield "\n".join(rows)
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more below"


def _told(lines: Sequence[Line], levels: Sequence[Level]) -> Iterator[str]:
    """Yield what findings of some levels mean; measured too, where the card leaves that out."""
    for number, line in enumerate(lines):
        finding = line.finding
        if finding.level not in levels:
            continue
        decided = "".join(f" *{_cell(each)}*" for each in (finding.waiver, finding.decision) if each)
        measured = "" if number < MOST_LINES or not line.value else f" {_cell(line.told)}."
        said = f"**{_cell(finding.title)}.** {_cell(finding.message)}{decided}{measured}"
        yield said if finding.level in {"note", "pass"} else f"{said}\n\n{_what_to_do(finding)}"


def plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line and in a table's cell as well.

    A zero-width space follows each ``@`` and ``#``, so that nobody is mentioned and no issue linked.
    """
    shown_text = _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text, limit=10_000))
    return shown_text.replace("&#64;", "&#64;&#8203;").replace("&#35;", "&#35;&#8203;")


def _counted(findings: Sequence[Finding]) -> str:
    found = [
        f"{_icon(level)} {number} {LEVEL_WORDS[level][number != 1]}"
        for level, number in counts(findings).items()
        if number
    ]
    return ", ".join(found) if found else "Nothing was looked at."


def _icon(level: Level) -> str:
    return sign(LEVEL_TONES[level], "markdown")


def _table(findings: Iterable[Finding]) -> str:
    rows = ["| | What | Measured | Required |", "|---|---|---|---|"]
    for each in findings:
        cells = (f"{_icon(each.level)} {each.level}", _what(each), _measured(each), _cell(each.required))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _what(finding: Finding) -> str:
    waived = f"<br>*{_cell(finding.waiver)}*" if finding.waiver else ""
    decided = f"<br>*{_cell(finding.decision)}*" if finding.decision else ""
    return f"**{_cell(finding.title)}**<br>{_cell(finding.message)}{waived}{decided}"


def _measured(finding: Finding) -> str:
    value = "not measured" if finding.value is None else _cell(finding.shown(finding.value))
    if finding.interval_level is not None:
        value += f" ({finding.interval})"
    return f"{value}<br><sub>{_cell(finding.place)}</sub>"


def _advice(finding: Finding) -> str:
    return f"**{_cell(finding.title)}.** {_what_to_do(finding)}"


def _what_to_do(finding: Finding) -> str:
    return (
        f"{_prose(finding.why)}\n\n*What to do:* {_prose(finding.action)} <sub>{plain(finding.source)}</sub>"
    )


def _prose(text: str) -> str:
    """Write a sentence of trivet's own, in which commands stand between backticks."""
    parts = _CODE.split(one_line(text, limit=10_000))
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def _folded(heading: str, content: str) -> str:
    return f"<details>\n<summary>{heading}</summary>\n\n{content}\n\n</details>"


def _cell(text: str) -> str:
    return plain(one_line(text, limit=_MOST_TABLE_CHARACTERS))
