"""Files that trivet did not write: a command replaces none of them."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from trivet.errors import UsageError
from trivet.wording import one_line
from trivet.work.bounded_files import read_bounded

__all__ = ["refuse_foreign"]

#: What stands in a file of trivet's, by its name or by its ending.
_MARKS: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        ".html": b'<a class="skip" href="#evidence">Skip to the evidence</a>',
        ".tex": b"from the record",
        "metrics.json": b'"schema_version"',
        "manifest.json": b'"pdf_engine"',
        "findings.json": b'"findings_version"',
        "findings.md": b"## trivet: ",
        "findings.sarif": b'"name": "trivet"',
        "findings.junit.xml": b"<testsuites ",
        "scan.json": b'"suspected_label"',
        "summary.json": b'"models"',
        "repair.json": b'"held_out_images"',
        "fairness.json": b'"four_fifths"',
        "plan.json": b'"adjacency"',
        "spending.json": b'"adjacency"',
        "mechanism.json": b'"epsilon_lower"',
        "membership.json": b'"non_members"',
        "comparison.json": b'"regressions"',
        ".md": b"\ntags:\n- trivet\n",
        ".json": b'"clean_accuracy"',
    }
)
_MOST_BYTES: Final = 64 * 2**20
_MOST_CHARACTERS: Final = 500


def refuse_foreign(paths: Iterable[Path]) -> None:
    """Refuse to replace files of which nothing shows that trivet wrote them.

    A text shows it itself. Of weights, arrays and a PDF, which do not, one of the texts beside them has to.

    Parameters
    ----------
    paths
        Where a command is to write.

    Raises
    ------
    UsageError
        If a file that trivet did not write is in one of the places; it is left alone.
    """
    there = [path for path in paths if os.path.lexists(path)]
    marked = [path for path in there if _mark_of(path) is not None]
    ours = [path for path in marked if _bears_mark(path)]
    foreign = [path for path in there if path not in ours and (path in marked or not ours)]
    if foreign:
        raise UsageError(
            f"{one_line(foreign[0], limit=_MOST_CHARACTERS)} is there, and trivet did not write it; it was "
            "left alone. Move it away, or choose another place with --out."
        )


def _mark_of(path: Path) -> bytes | None:
    return _MARKS.get(path.name, _MARKS.get(path.suffix))


def _bears_mark(path: Path) -> bool:
    mark = _mark_of(path)
    try:
        return mark is not None and mark in read_bounded(path, _MOST_BYTES)
    except OSError:
        return False
