"""Findings as Markdown, for a pull request: what needs a look first, what passed folded away."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from trivet.findings.finding import Finding, counts
from trivet.findings.origin import Origin
from trivet.policy.judgement import shown
from trivet.wording import one_line

__all__ = ["findings_markdown", "plain"]

_ICONS: Final = {"breach": "❌", "warning": "⚠️", "note": "ℹ️", "pass": "✅"}  # noqa: RUF001 - an icon
_WORDS: Final = {
    "breach": ("breach", "breaches"),
    "warning": ("warning", "warnings"),
    "note": ("note", "notes"),
    "pass": ("pass", "passes"),
}
#: Characters that mean something in Markdown, in HTML or to GitHub and GitLab, or begin what does.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&|~^$#@!:\"']|(?<=[wW]{3})\.|(?<=[gG][hH])-")
#: A command, or the one setting that an action names, between backticks.
_CODE: Final = re.compile(r"`(trivet [a-z -]+|contract)`")
_MOST_TABLE_CHARACTERS: Final = 300


def findings_markdown(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.md``.

    Breaches and warnings stand in a table with what was measured and what was required, then why they
    matter and what to do; notes and passes are folded. Names of strangers cannot format, link, mention
    anyone or leave their cell.
    """
    origin = origin or Origin()
    by_level = {level: [each for each in findings if each.level == level] for level in _ICONS}
    serious = [*by_level["breach"], *by_level["warning"]]
    title = plain(one_line(origin.title, limit=200)) if origin.title else "Findings"
    parts = [f"## trivet: {title}", _summary(findings)]
    if serious:
        parts += [_table(serious), *map(_advice, serious)]
    for level, heading in (("note", "Notes"), ("pass", "What passed")):
        if by_level[level]:
            parts.append(_folded(f"{heading} ({len(by_level[level])})", _table(by_level[level])))
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line and in a table's cell as well.

    A zero-width space follows each ``@`` and ``#``, so that nobody is mentioned and no issue linked.
    """
    shown_text = _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text, limit=10_000))
    return shown_text.replace("&#64;", "&#64;&#8203;").replace("&#35;", "&#35;&#8203;")


def _summary(findings: Sequence[Finding]) -> str:
    found = [
        f"{_ICONS[level]} {number} {_WORDS[level][number != 1]}"
        for level, number in counts(findings).items()
        if number
    ]
    return ", ".join(found) if found else "Nothing was looked at."


def _table(findings: Iterable[Finding]) -> str:
    rows = ["| | What | Measured | Required |", "|---|---|---|---|"]
    for each in findings:
        cells = (f"{_ICONS[each.level]} {each.level}", _what(each), _measured(each), _cell(each.required))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _what(finding: Finding) -> str:
    waived = f"<br>*{_cell(finding.waiver)}*" if finding.waiver else ""
    return f"**{_cell(finding.title)}**<br>{_cell(finding.message)}{waived}"


def _measured(finding: Finding) -> str:
    value = "not measured" if finding.value is None else _cell(shown(finding.value))
    if finding.interval_level is not None:
        value += f" ({finding.interval_level:.0%}: {shown(finding.low)} to {shown(finding.high)})"
    return f"{value}<br><sub>{_cell(finding.place)}</sub>"


def _advice(finding: Finding) -> str:
    return (
        f"**{_cell(finding.title)}.** {_prose(finding.why)}\n\n*What to do:* {_prose(finding.action)} "
        f"<sub>{plain(finding.source)}</sub>"
    )


def _prose(text: str) -> str:
    """Write a sentence of trivet's own, in which commands stand between backticks."""
    parts = _CODE.split(one_line(text, limit=10_000))
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def _folded(heading: str, content: str) -> str:
    return f"<details>\n<summary>{heading}</summary>\n\n{content}\n\n</details>"


def _cell(text: str) -> str:
    return plain(one_line(text, limit=_MOST_TABLE_CHARACTERS))
