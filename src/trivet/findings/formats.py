"""Writers of the findings' files."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from trivet.errors import RecordError
from trivet.findings.finding import Finding, Level, counts
from trivet.findings.hosts import findings_github, findings_gitlab
from trivet.findings.markdown import findings_markdown
from trivet.findings.origin import Origin
from trivet.findings.sarif import findings_sarif
from trivet.wording import first_line, one_line
from trivet.work.bounded import read_bounded
from trivet.work.result_files import make_folder, write_text

__all__ = [
    "FINDINGS_FILES",
    "FORMATS",
    "findings_json",
    "findings_junit",
    "findings_markdown",
    "findings_schema",
    "kept_findings",
    "read_findings",
    "write_findings",
]

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_KEPT: Final = "findings.json"
#: More than the findings of ten thousand groups take.
_MOST_BYTES: Final = 16 * 2**20
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


def kept_findings(folder: Path) -> tuple[Finding, ...] | None:
    """Read the findings beside a record; None where there are none.

    Raises
    ------
    RecordError
        They cannot be read, so that what a policy decided is not known.
    """
    path = folder / _KEPT
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return read_findings(read_bounded(path, _MOST_BYTES).decode("utf-8")).findings
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(
            f"{one_line(path, limit=500)} cannot be read, so what the policy decided is not known: "
            f"{first_line(error)}. Run the audit again, or remove the file to go by the record alone."
        ) from error


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
    measured = f"{finding.place} = {finding.shown(finding.value)}"
    if finding.interval_level is not None:
        measured += f" ({finding.interval})"
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
