"""Findings as JUnit XML, which every CI system shows as tests."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from trivet.findings.finding import Finding
from trivet.findings.origin import Origin
from trivet.policy.judgement import shown
from trivet.wording import one_line

__all__ = ["findings_junit"]

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
    lines += [] if finding.level == "pass" else [f"What to do: {finding.action}"]
    return "\n".join([*lines, f"Source: {finding.source}"])


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    failures = sum(finding.level == "breach" for finding in findings)
    return {"tests": str(len(findings)), "failures": str(failures), "errors": "0"}


def _suite(finding: Finding) -> str:
    return "trivet policy" if finding.id.startswith("policy.") else f"trivet {finding.leg}"
