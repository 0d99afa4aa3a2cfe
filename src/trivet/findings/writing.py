"""Writers of the findings' files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from trivet.findings.documents import findings_json
from trivet.findings.finding import Finding
from trivet.findings.junit import findings_junit
from trivet.findings.markdown import findings_markdown
from trivet.findings.origin import Origin
from trivet.findings.sarif import findings_sarif
from trivet.work.result_files import make_folder, write_text

__all__ = ["FINDINGS_FILES", "write_findings"]

#: What is written, by file name.
FINDINGS_FILES: Final[Mapping[str, Callable[[Sequence[Finding], Origin | None], str]]] = MappingProxyType(
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
