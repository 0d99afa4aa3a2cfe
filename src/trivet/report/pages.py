"""Output files of one result: its page, and every figure as SVG and PNG."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from trivet.report.document import make_document
from trivet.report.figures.saving import save_figure
from trivet.report.html import html_page
from trivet.report.page.opening import ShownFinding
from trivet.report.verdicts import Verdict
from trivet.work.result_files import make_folder, make_subfolder, remove_result, write_text

__all__ = ["Picture", "write_page"]

FIGURES: Final = "figures"
FORMATS: Final = ("svg", "png")


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure and the same in words."""

    figure: Figure
    alt: str


def write_page(
    page: Path,
    *,
    facts: Mapping[str, Any],
    prose: Mapping[str, str],
    pictures: Mapping[str, Picture],
    possible: Collection[str],
    verdicts: Sequence[Verdict],
    findings: Sequence[ShownFinding] = (),
) -> tuple[Path, ...]:
    """Write a page that opens offline, and its pictures beside it in ``figures/``."""
    figures = make_subfolder(make_folder(page.parent), FIGURES)
    for name in set(possible) - set(pictures):
        for suffix in FORMATS:
            remove_result(figures / f"{name}.{suffix}")
    files = [
        path
        for name, picture in pictures.items()
        for path in save_figure(picture.figure, figures / name, formats=FORMATS)
    ]
    document = make_document(facts, prose, alt={name: picture.alt for name, picture in pictures.items()})
    source = html_page(document, verdicts, figures, record=facts, findings=findings)
    return write_text(page, source), *files
