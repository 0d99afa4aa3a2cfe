"""Opening of a page: the verdict of each leg, then the findings by severity."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from trivet.findings.finding import LEVEL_TONES, LEVELS, Finding, Level
from trivet.place import spelling
from trivet.report.text.values import Value, escape_html, format_value
from trivet.report.verdicts import HEADINGS, Verdict
from trivet.verdict import Tone, sign
from trivet.wording import one_line

__all__ = ["Tell", "findings_section", "shown_value", "verdict_list"]

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


#: Words of each level, the most serious first; the last is folded away.
_LEVELS: Final[Mapping[Level, tuple[str, tuple[str, str]]]] = {
    "breach": ("Breach", ("breach", "breaches")),
    "warning": ("Warning", ("warning", "warnings")),
    "note": ("Note", ("note", "notes")),
    "pass": ("Pass", ("check passed", "checks passed")),
}


def verdict_list(verdicts: Sequence[Verdict], tell: Tell) -> str:
    """Write the verdicts as the items of a list."""
    return "\n".join(_verdict(verdict, tell) for verdict in verdicts)


def findings_section(findings: Sequence[Finding], tell: Tell) -> str:
    """Write the findings, those that passed folded away; nothing where there is none."""
    if not findings:
        return ""
    by_level: dict[Level, list[Finding]] = {
        level: [each for each in findings if each.level == level] for level in reversed(LEVELS)
    }
    counted = ", ".join(_count(level, len(found)) for level, found in by_level.items() if found)
    open_ones = [each for level, found in by_level.items() if level != "pass" for each in found]
    parts = [
        '<section class="findings" aria-labelledby="found">\n<h2 id="found">Findings</h2>',
        f'<p class="counts">{counted}.</p>',
        _list(open_ones, tell),
    ]
    if passed := by_level["pass"]:
        summary = f"<summary>{_count('pass', len(passed))}</summary>"
        parts.append(f'<details class="passed">{summary}\n{_list(passed, tell)}\n</details>')
    return "\n".join([*filter(None, parts), "</section>"])


def _verdict(verdict: Verdict, tell: Tell) -> str:
    reason = "".join(
        escape_html(part) if isinstance(part, str) else shown_value(part, tell) for part in verdict.reason
    )
    leg = f'<span class="leg">{escape_html(HEADINGS.get(verdict.leg, verdict.leg))}</span>'
    word = f'<strong class="word">{escape_html(verdict.word)}</strong>'
    why = f'<span class="reason">{reason}</span>'
    return f'<li class="{verdict.tone}">{_icon(verdict.tone)}{leg} {word} {why}</li>'


def _count(level: Level, count: int) -> str:
    one, several = _LEVELS[level][1]
    return f"{count} {one if count == 1 else several}"


def _list(findings: Iterable[Finding], tell: Tell) -> str:
    items = "\n".join(_finding(finding, tell) for finding in findings)
    return f"<ul>\n{items}\n</ul>" if items else ""


def _finding(finding: Finding, tell: Tell) -> str:
    tone, word = LEVEL_TONES[finding.level], _LEVELS[finding.level][0]
    identifier = re.sub(r"[^\w.:-]", "-", finding.id)
    heading = (
        f'<h3>{_icon(tone)}<span class="word">{word}</span> '
        f"{escape_html(finding.title)} "
        f'<span class="leg">{escape_html(HEADINGS.get(finding.leg, finding.leg))}</span></h3>'
    )
    facts = {
        "Measured": _measured(finding, tell),
        "Required": escape_html(finding.required),
        "Why it matters": _prose(finding.why),
        "Waiver": escape_html(finding.waiver),
        "Policy": escape_html(finding.decision),
        "What to do": "" if finding.level == "pass" else _prose(finding.action),
        "Source": escape_html(finding.source),
    }
    entries = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items() if fact)
    return (
        f'<li class="{tone}" id="finding:{identifier}">{heading}\n'
        f"<p>{escape_html(finding.message)}</p>\n<dl>{entries}</dl></li>"
    )


def _prose(text: str) -> str:
    """Write a sentence in which commands stand between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape_html(text))


def _measured(finding: Finding, tell: Tell) -> str:
    value = Value(finding.place, None, finding.value, format_value(finding.value), macro="")
    shown = shown_value(value, tell)
    ends = [format_value(end) for end in (finding.low, finding.high) if end is not None]
    if not ends:
        return shown
    level = "" if finding.interval_level is None else f", {finding.interval_level:.0%} interval"
    words = " to ".join(ends) if len(ends) == 2 else f"{'up to' if finding.low is None else 'from'} {ends[0]}"  # noqa: PLR2004 (both ends)
    return f"{shown} ({escape_html(words + level)})"


def _icon(tone: Tone) -> str:
    return f'<span class="icon" aria-hidden="true">{sign(tone, "page")}</span>'
