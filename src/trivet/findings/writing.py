"""Which files do findings make?"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from trivet.errors import ReportError
from trivet.findings.documents import findings_json
from trivet.findings.finding import Finding
from trivet.findings.junit import findings_junit
from trivet.findings.markdown import findings_markdown
from trivet.findings.origin import Origin
from trivet.findings.sarif import findings_sarif

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
    findings: Sequence[Finding], folder: Path, *, origin: Origin | None = None
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
    ReportError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text_of in FINDINGS_FILES.items():
            (folder / name).write_text(text_of(findings, origin), encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportError(
            f"the findings cannot be written into {folder}: {error.strerror}. Choose another folder."
        ) from error
    return tuple(folder / name for name in FINDINGS_FILES)
