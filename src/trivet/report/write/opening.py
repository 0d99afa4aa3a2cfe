"""Opening of a page: the card of the audit, and what its findings mean."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from trivet.findings.finding import LEVEL_TONES, Finding, Level
from trivet.findings.rules import REQUIREMENT
from trivet.findings.summary import HEADINGS, LEVEL_WORDS, LegSummary, Line, PartSummary, Summary
from trivet.place import spelling
from trivet.report.text.values import Value, escape_html
from trivet.report.write.details import MOST_LINES, Kind, kinds_of, outcome_of, policy_text
from trivet.verdict import Tone, sign
from trivet.wording import one_line

__all__ = ["Tell", "card", "findings_section", "shown_value"]

#: Says where the value at a place comes from.
Tell = Callable[[str], list[str]]
#: A word that would push all else off a narrow page, and the pieces that it is broken into.
_ENDLESS: Final = re.compile(r"(\S{40,})")
_PIECES: Final = re.compile(r"\S{1,20}")
#: Characters of an exact value: a name, or a list of numbers.
EXACT_CHARACTERS: Final = 200


def shown_value(value: Value, tell: Tell, *, code: bool = False) -> str:
    """Write a value so that a pointer resting on it tells its source."""
    if not escape_html(value.text).strip():
        return ""  # nothing to point at
    content = f"<code>{escape_html(value.text)}</code>" if code else _said(value.text)
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


def card(summary: Summary, tell: Tell, thumbnails: Mapping[str, str]) -> str:
    """Write the card: the outcome, what was audited with a picture a leg, and a line a finding."""
    lines, more = summary.cut(MOST_LINES)
    counted = f'<p class="counted">{escape_html(summary.counted)}</p>' if summary.counted else ""
    against = f'<p class="against">{escape_html(summary.against)}</p>' if summary.against else ""
    parts = [
        f'<section class="card {summary.tone}" aria-labelledby="outcome">',
        f'<div class="outcome">{_icon(summary.tone)}',
        f'<p id="outcome" class="word">{escape_html(summary.word)}</p>\n{against}\n{counted}</div>',
    ]
    if summary.legs:
        alone = sum(bool(leg.parts or leg.reason) for leg in summary.legs) == 1
        items = "\n".join(_leg(leg, thumbnails.get(leg.leg, ""), alone=alone) for leg in summary.legs)
        parts.append(f'<ul class="legs">\n{items}\n</ul>')
    parts.append(thumbnails.get("", ""))
    if lines:
        items = "\n".join(_line(line, tell) for line in lines)
        parts.append(f'<ul class="lines">\n{_HEADS}\n{items}\n</ul>')
    if more:
        parts.append(f'<p class="more"><a href="#found">and {more} more below</a></p>')
    return "\n".join([*filter(None, parts), "</section>"])


def _leg(leg: LegSummary, thumbnail: str, *, alone: bool) -> str:
    shown, more = leg.shown
    items = "".join(_part(part, leg.word) for part in shown)
    items += f"<li>and {more} more</li>" if more else ""
    parts = f'<ul class="parts">{items}</ul>' if items else ""
    reason = f'<p class="reason">{escape_html(leg.reason)}</p>' if leg.reason else ""
    head = (
        f'<p class="verdict">{_icon(leg.tone)} <span class="leg">{escape_html(leg.heading)}</span> '
        f'<strong class="word">{escape_html(leg.word)}</strong></p>'
        if leg.word
        else ""
    )
    room = " alone" if alone and thumbnail else "" if leg.parts or reason else " bare"
    return f'<li class="{leg.tone}{room}">{head}{thumbnail}{reason}\n{parts}</li>'


def _part(part: PartSummary, leg_word: str) -> str:
    """Write what was audited; with its verdict where that is not the leg's."""
    told = f'<span class="{part.tone}"><span class="word">{escape_html(part.word)}</span></span> '
    word = "" if leg_word in {"", part.word} else told
    digest = (
        f' <code title="SHA-256 {escape_html(part.digest)}">{escape_html(part.short_digest)}</code>'
        if part.digest
        else ""
    )
    facts = f", {escape_html(part.facts)}" if part.facts else ""
    return f'<li>{word}<span class="name">{escape_html(part.name)}</span>{digest}{facts}</li>'


#: Above the columns of the lines, for the eye alone: below each other, or read aloud, they say what they are.
_HEADS: Final = (
    '<li class="heads" aria-hidden="true"><span>What</span><span>Measured</span><span>Required</span></li>'
)


def _line(line: Line, tell: Tell) -> str:
    word, anchor = LEVEL_WORDS[line.finding.level][0], _anchor(line.finding)
    cells = [
        _icon(line.tone),
        f'<span class="word">{word}</span>',
        f'<a class="name" href="#{anchor}">{escape_html(line.name)}</a>',
        f'<span class="measured">{_measured(line, tell)}</span>' if line.value else "",
        f'<span class="required">{escape_html(line.required)}</span>' if line.required else "",
    ]
    return f'<li class="{line.tone}">{" ".join(filter(None, cells))}</li>'


def _measured(line: Line, tell: Tell) -> str:
    finding = line.finding
    value = Value(finding.place, None, finding.value, line.value, macro="")
    interval = f' <span class="interval">{escape_html(line.interval)}</span>' if line.interval else ""
    return f"{shown_value(value, tell)}{interval}"


#: Words of each level; the last is folded away.
_SHOWN: Final[Mapping[Level, str]] = {
    "breach": "Breach",
    "warning": "Warning",
    "note": "Note",
    "pass": "Pass",
}


def findings_section(summary: Summary, tell: Tell) -> str:
    """Write what each finding means, those that passed folded away, and the policy; nothing where none is."""
    if not summary.lines:
        return ""
    on_card = {line.finding.id for line in summary.cut(MOST_LINES)[0]}
    kinds, passed = kinds_of(summary)
    items = "\n".join(_kind(kind, tell, on_card) for kind in kinds)
    parts = [
        '<section class="findings" aria-labelledby="found">\n<h2 id="found">Findings</h2>',
        f"<ul>\n{items}\n</ul>" if items else "",
    ]
    if passed:
        several = "check passed" if len(passed) == 1 else "checks passed"
        held = "\n".join(
            f'<li class="good">{_finding(line, tell, listed=line.finding.id in on_card)}</li>'
            for line in passed
        )
        head = f"<summary>{len(passed)} {several}</summary>"
        parts.append(f'<details class="passed">{head}\n<ul>\n{held}\n</ul></details>')
    return "\n".join([*filter(None, [*parts, _policy(summary)]), "</section>"])


def _policy(summary: Summary) -> str:
    """Write the requirements and waivers, and the defaults that hold beside them."""
    rows = [
        f'<tr><th scope="row"><code>{escape_html(line.required)}</code></th>'
        f'<td><a href="#{_anchor(line.finding)}">{escape_html(outcome_of(line))}</a></td></tr>'
        for line in summary.lines
        if line.finding.rule == REQUIREMENT
    ]
    table = (
        '<table><thead><tr><th scope="col">Requirement</th><th scope="col">Outcome</th></tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    waivers = "".join(
        f"<li>{escape_html(line.name)}: {escape_html(line.finding.waiver)}</li>"
        for line in summary.lines
        if line.finding.waiver
    )
    told = [
        '<section class="policy" aria-labelledby="policy">\n<h3 id="policy">Policy</h3>',
        f'<div class="scroll">{table}</div>' if rows else "",
        f"<p>Waived:</p>\n<ul>{waivers}</ul>" if waivers else "",
        f"<p>{escape_html(policy_text(rows, summary))}</p>",
    ]
    return "\n".join([*filter(None, told), "</section>"])


def _kind(kind: Kind, tell: Tell, on_card: set[str]) -> str:
    """Write findings of one kind, then why they matter and what to do about them."""
    found = "\n".join(_finding(line, tell, listed=line.finding.id in on_card) for line in kind.lines)
    meaning = {
        "Why it matters": _prose(kind.why),
        "What to do": " ".join(map(_prose, kind.actions)),
        "Source": f"<cite>{escape_html(kind.source)}</cite>" if kind.source else "",
    }
    return f'<li class="{kind.lines[0].tone}">{found}\n{_facts(meaning)}</li>'


def _finding(line: Line, tell: Tell, *, listed: bool) -> str:
    """Write one finding; its measurement too where the card lacks it."""
    finding = line.finding
    tone = LEVEL_TONES[finding.level]
    heading = (
        f'<h3>{_icon(tone)}<span class="word">{_SHOWN[finding.level]}</span> {escape_html(finding.title)} '
        f'<span class="leg">{escape_html(HEADINGS.get(finding.leg, finding.leg))}</span></h3>'
    )
    facts = {
        "Measured": "" if listed or not line.value else f"{escape_html(line.name)}: {_measured(line, tell)}",
        "Required": "" if listed else escape_html(line.required),
        "Waiver": escape_html(finding.waiver),
        "Policy": escape_html(finding.decision),
    }
    return (
        f'<div class="{tone}" id="{_anchor(finding)}">{heading}\n'
        f"<p>{_said(finding.message)}</p>\n{_facts(facts)}</div>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    entries = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items() if fact)
    return f"<dl>{entries}</dl>" if entries else ""


def _anchor(finding: Finding) -> str:
    return "finding:" + re.sub(r"[^\w.:-]", "-", finding.id)


def _said(text: str) -> str:
    """Write a text with breaks in words beyond a line's width, and none between the hyphens of an option."""
    pieces = (
        _PIECES.findall(part) if place % 2 else [part] for place, part in enumerate(_ENDLESS.split(text))
    )
    written = "".join("<wbr>".join(map(escape_html, each)) for each in pieces)
    return re.sub(r"(?<![\w-])--[a-z][a-z-]*", r'<span class="whole">\g<0></span>', written)


def _prose(text: str) -> str:
    """Write a sentence in which commands stand between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape_html(text))


def _icon(tone: Tone) -> str:
    return f'<span class="icon" aria-hidden="true">{sign(tone, "page")}</span>'
