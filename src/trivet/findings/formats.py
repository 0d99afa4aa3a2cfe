"""Writers of the findings' files."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from trivet.findings.finding import LEVEL_TONES, LEVELS, Finding, Level, counts
from trivet.findings.hosts import findings_github, findings_gitlab
from trivet.findings.origin import Origin
from trivet.findings.sarif import findings_sarif
from trivet.policy.requirements import shown
from trivet.verdict import sign
from trivet.wording import one_line
from trivet.work.result_files import make_folder, write_text

__all__ = [
    "FINDINGS_FILES",
    "FORMATS",
    "findings_json",
    "findings_junit",
    "findings_markdown",
    "findings_schema",
    "plain",
    "read_findings",
    "write_findings",
]

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: Raised when a field moves or changes its meaning.
FINDINGS_VERSION = 1


@dataclass(frozen=True)
class FindingsDocument:
    """The content of ``findings.json``.

    Attributes
    ----------
    findings_version
        Of this layout.
    trivet
        Version that found it.
    title
        Of the audit.
    record, config
        Paths of ``metrics.json`` and of audit.toml; the second is None without one.
    counts
        Findings by level.
    findings
        In order: requirements, then each leg, then the corrections.
    """

    findings_version: int
    trivet: str
    title: str
    record: str
    config: str | None
    counts: dict[Level, int]
    findings: tuple[Finding, ...]


def findings_json(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.json``: the same text for the same findings, always."""
    origin = origin or Origin()
    document = FindingsDocument(
        findings_version=FINDINGS_VERSION,
        trivet=version("trivet"),
        title=one_line(origin.title, limit=200),
        record=one_line(origin.record, limit=1_000),
        config=None if origin.config is None else one_line(origin.config, limit=1_000),
        counts=counts(findings),
        findings=tuple(findings),
    )
    return json.dumps(asdict(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_findings(text: str) -> FindingsDocument:
    """Read the content of ``findings.json`` back."""
    return _adapter().validate_json(text)


def findings_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``findings.json`` (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter().json_schema(mode="serialization"),
        "title": "The findings of a trivet audit",
    }


@cache
def _adapter() -> "TypeAdapter[FindingsDocument]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - writing needs none of it

    return TypeAdapter(FindingsDocument)


_TITLE = 200


def findings_junit(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.junit.xml``: a suite for the policy and for each leg.

    A breach is a failure. Everything else passes, since a CI system that counts failures would otherwise
    count what nobody required; a warning or a note says so in its output.
    """
    title = one_line((origin or Origin()).title or "trivet", limit=_TITLE)
    suites = ET.Element("testsuites", {"name": title, **_counts(findings)})
    for name in dict.fromkeys(map(_suite, findings)):
        members = [finding for finding in findings if _suite(finding) == name]
        suite = ET.SubElement(suites, "testsuite", {"name": name, **_counts(members)})
        for finding in members:
            _add_case(suite, finding)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _add_case(suite: ET.Element, finding: Finding) -> None:
    case = ET.SubElement(
        suite, "testcase", {"name": f"{finding.id}: {finding.title}", "classname": f"trivet.{finding.rule}"}
    )
    if finding.level == "breach":
        failure = ET.SubElement(case, "failure", {"type": finding.rule, "message": finding.message})
        failure.text = _detail(finding)
    else:
        ET.SubElement(case, "system-out").text = f"{finding.level}: {finding.message}\n{_detail(finding)}"


def _detail(finding: Finding) -> str:
    measured = f"{finding.place} = {shown(finding.value)}"
    if finding.interval_level is not None:
        measured += f" ({finding.interval_level:.0%}: {shown(finding.low)} to {shown(finding.high)})"
    if finding.required:
        measured += f", required: {finding.required}"
    lines = [measured, f"Why: {finding.why}"]
    lines += [f"Waiver: {finding.waiver}"] if finding.waiver else []
    lines += [f"Policy: {finding.decision}"] if finding.decision else []
    lines += [] if finding.level == "pass" else [f"What to do: {finding.action}"]
    return "\n".join([*lines, f"Source: {finding.source}"])


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    failures = sum(finding.level == "breach" for finding in findings)
    return {"tests": str(len(findings)), "failures": str(failures), "errors": "0"}


def _suite(finding: Finding) -> str:
    return "trivet policy" if finding.id.startswith("policy.") else f"trivet {finding.leg}"


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
    by_level = {level: [each for each in findings if each.level == level] for level in LEVELS}
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
        f"{_icon(level)} {number} {_WORDS[level][number != 1]}"
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


_Writer = Callable[[Sequence[Finding], Origin | None], str]

#: Every format, by its name.
FORMATS: Final[Mapping[str, _Writer]] = MappingProxyType(
    {
        "json": findings_json,
        "junit": findings_junit,
        "sarif": findings_sarif,
        "markdown": findings_markdown,
        "github": findings_github,
        "gitlab": findings_gitlab,
    }
)
#: What is written, by file name.
FINDINGS_FILES: Final[Mapping[str, _Writer]] = MappingProxyType(
    {
        "findings.json": findings_json,
        "findings.junit.xml": findings_junit,
        "findings.sarif": findings_sarif,
        "findings.md": findings_markdown,
    }
)


def write_findings(
    findings: Sequence[Finding], folder: str | Path, *, origin: Origin | None = None
) -> tuple[Path, ...]:
    """Write findings in every format; the same findings write the same bytes.

    Parameters
    ----------
    findings
        What `findings_of` returned.
    folder
        Receives the files; made if it is missing.
    origin
        The files that they are about.

    Returns
    -------
    tuple of Path
        The files, in the order of `FINDINGS_FILES`.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    TrivetError
        If the disk is full.
    """
    folder = make_folder(Path(folder))
    return tuple(
        write_text(folder / name, text_of(findings, origin)) for name, text_of in FINDINGS_FILES.items()
    )
