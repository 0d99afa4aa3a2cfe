"""Files that findings are about, and the line of audit.toml of each."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from trivet.findings.finding import Finding
from trivet.findings.summary import Summary
from trivet.work.bounded import read_bounded

__all__ = ["Origin", "fingerprints", "line_of", "origin_of", "uri_of"]

#: Of an audit.toml.
_MOST_BYTES = 2**20
#: The number of an item of a list, in a place.
_INDEX = re.compile(r"\.\d+(?=\.|$)")


@dataclass(frozen=True)
class Origin:
    """Source of findings.

    Attributes
    ----------
    title
        Of the audit.
    record
        Path of ``metrics.json``, from the folder that a reader starts at.
    config
        Path of audit.toml, likewise; None without one.
    config_text
        What stands in it; empty without one.
    summary
        The card that Markdown opens with; None without one.
    """

    title: str = ""
    record: str = "metrics.json"
    config: str | None = None
    config_text: str = ""
    summary: Summary | None = None


def origin_of(
    record: str | Path,
    config: str | Path | None = None,
    *,
    title: str = "",
    summary: Summary | None = None,
) -> Origin:
    """Return the origin of findings, with paths from the working directory.

    A file outside of it is known by its name alone, so that no finding tells how a machine is laid out.

    Parameters
    ----------
    record
        ``metrics.json``.
    config
        audit.toml; one that cannot be read as text is named without its lines.
    title
        Of the audit.
    summary
        The card that Markdown opens with.
    """
    text = ""
    if config is not None:
        try:
            text = read_bounded(config, _MOST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""
    named = None if config is None else _from_here(Path(config))
    return Origin(title, _from_here(Path(record)), named, text, summary)


def uri_of(path: str) -> str:
    """Return a relative path as a relative URI."""
    return quote(path, safe="/", errors="surrogatepass")


def line_of(finding: Finding, origin: Origin) -> int:
    """Return the line of audit.toml, from 1, that a finding is about.

    It is the line of the requirement; else of the table of its leg; else the first.
    """
    lines = origin.config_text.splitlines()
    if finding.id.startswith("policy."):
        wanted = (finding.title, finding.title.replace("\\", "\\\\").replace('"', '\\"'))
        for number, line in enumerate(lines, start=1):
            if any(text in line for text in wanted) and not line.lstrip().startswith("#"):
                return number
    table = "policy" if finding.id.startswith("policy.") else finding.leg
    header = re.compile(rf"\s*\[\s*{table}\s*\]")
    return next((number for number, line in enumerate(lines, start=1) if header.match(line)), 1)


def fingerprints(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return a name for each finding that stays the same from run to run.

    A requirement is known by its text, and anything else by rule, subject and place without the numbers of
    a list: what is added before it does not rename it. Those that are alike in all are numbered.
    """
    seen: Counter[str] = Counter()
    names: list[str] = []
    for each in findings:
        own = each.title if each.id.startswith("policy.") else f"{each.subject}\0{_INDEX.sub('', each.place)}"
        kind = f"{each.rule}\0{own}"
        name = kind if not seen[kind] else f"{kind}\0{seen[kind]}"
        seen[kind] += 1
        names.append(hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return tuple(names)


def _from_here(path: Path) -> str:
    here = Path(os.path.relpath(path.resolve(), Path.cwd()))
    return path.name if here.parts[:1] == ("..",) or here.is_absolute() else here.as_posix()
