"""Findings of which every text is a stranger's."""

import dataclasses

from trivet.findings import Finding, Origin
from trivet.findings.summary import LegSummary, Line, Made, PartSummary, Summary

TEXTS = (
    "plain",
    "",
    "\"double\" and 'single' and `back` quotes",
    "]]> <![CDATA[ & &amp; <script>alert(1)</script>",
    "a | b || c \\| d",
    "line\nbreak\r\nand\ttab",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u202e",
    "\ud800 lone \udfff surrogates",
    "emoji 🙂 👩\u200d👩\u200d👧 \U0001f1fa\U0001f1f3 and 猫",
    "x" * 10_000,
    "@octocat and @org/team, #12, GH-12, https://evil.example www.evil.example a@b.example",
    "# heading **bold** _em_ [link](javascript:alert(1)) ![image](x) <img src=x> $x$ ~~no~~ :bomb:",
    "</details> <!-- --> --> <?xml?> %SRCROOT% {0} ${{ secrets.X }}",
    "\uffff\ufffe non-characters",
)
LEVELS = ("breach", "warning", "note", "pass")


def hostile_finding(text, level, *, number=1):
    return Finding(
        id=f"policy.{number}",
        rule="policy.requirement",
        leg="fairness",
        level=level,
        title=text,
        message=text,
        place=text,
        value=text,
        low=float("nan"),
        high=float("inf"),
        interval_level=0.95,
        required=text,
        why=text,
        action=text,
        source=text,
    )


def hostile_findings():
    return tuple(
        hostile_finding(text, level, number=number)
        for number, (text, level) in enumerate(((text, level) for text in TEXTS for level in LEVELS), start=1)
    )


def hostile_origin(text):
    return Origin(title=text, record=f"out/{text}/metrics.json", config=f"{text}.toml", config_text=text * 3)


def hostile_card(text, findings):
    """The origin of findings with a card of which every text is a stranger's."""
    part = PartSummary(text, text, "", "bad", text)
    leg = LegSummary("security", "bad", text, (part, part), text)
    lines = tuple(Line(each, text, text, text, text) for each in findings)
    summary = Summary(text, "FAILED", "bad", text, text, Made(text, text), 0, (leg,), lines)
    return dataclasses.replace(hostile_origin(text), summary=summary)
