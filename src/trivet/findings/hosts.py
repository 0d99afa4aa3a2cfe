"""Findings as the hosts of code take them: annotations of GitHub, and Code Quality of GitLab."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trivet.findings.finding import Finding, Level
from trivet.findings.origin import Origin, fingerprints, line_of, uri_of
from trivet.wording import one_line

__all__ = ["findings_github", "findings_gitlab"]

#: GitLab's severities, by the level of a finding; what passes is left out.
_SEVERITIES: Final[Mapping[Level, str]] = {"breach": "critical", "warning": "minor", "note": "info"}
#: GitHub cuts a longer message off.
_MOST_CHARACTERS: Final = 4_000
_COMMANDS: Final[Mapping[Level, str]] = {"breach": "error", "warning": "warning", "note": "notice"}


def findings_gitlab(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return findings as a Code Quality report of GitLab, without what passes.

    Each stands at its line of audit.toml where there is one, and else at the record. A waived finding is a
    warning, so it is minor.
    """
    origin = origin or Origin()
    issues: list[dict[str, Any]] = [
        {
            "type": "issue",
            "description": finding.sentence,
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[finding.level],
            "location": {"path": uri_of(path), "lines": {"begin": line}},
        }
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
        if finding.level in _SEVERITIES
        for path, line in [_position(finding, origin)]
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def findings_github(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return findings as workflow commands of GitHub, a line each, which annotate their line of audit.toml.

    GitHub shows ten of each kind a step, so the most serious stand first. Passes are left out.
    """
    origin = origin or Origin()
    lines: list[str] = []
    for level, command in _COMMANDS.items():
        for finding in (each for each in findings if each.level == level):
            path, line = _position(finding, origin)
            title = _property(f"trivet: {finding.rule}")
            said = _data(f"{finding.sentence} What to do: {finding.action}")
            lines.append(f"::{command} file={_property(path)},line={line},title={title}::{said}\n")
    return "".join(lines)


def _position(finding: Finding, origin: Origin) -> tuple[str, int]:
    return (origin.record, 1) if origin.config is None else (origin.config, line_of(finding, origin))


def _data(text: str) -> str:
    """Put a text on one line and escape it for a workflow command, as GitHub's own toolkit does."""
    return one_line(text, limit=_MOST_CHARACTERS).replace("%", "%25")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
