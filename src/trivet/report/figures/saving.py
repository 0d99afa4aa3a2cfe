"""Reproducible files of a figure: the same bytes each time."""

from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from trivet.report.figures.style import styled
from trivet.work.result_files import write_text, write_whole

__all__ = ["FORMATS", "save_figure"]

#: Suffixes of the files that a figure can become.
FORMATS: Final = ("svg", "pdf", "png")


@styled
def save_figure(figure: Figure, stem: Path, *, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure as files beside each other."""
    # The layout is solved here for all formats, so that they agree to the point; it takes two passes,
    # since the ticks of the first depend on the size that it gives to the axes.
    figure.draw_without_rendering()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = {suffix: stem.with_name(f"{stem.name}.{suffix}") for suffix in formats}
    # Straight to the canvases: `savefig` would draw everything once more for a layout that is done.
    # The vector formats leave the figure at 72 dots an inch, too few for the pictures in the next.
    # Metadata of None leaves out what would change from run to run.
    dpi = figure.dpi
    if "png" in paths:
        stream = BytesIO()
        FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
        write_whole(paths["png"], stream.getbuffer())
    if "pdf" in paths:
        nothing = {"CreationDate": None, "Creator": None, "Producer": None}
        stream = BytesIO()
        FigureCanvasPdf(figure).print_pdf(stream, metadata=nothing)
        write_whole(paths["pdf"], stream.getbuffer())
        figure.set_dpi(dpi)
    if "svg" in paths:
        text = StringIO()
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
        write_text(paths["svg"], text.getvalue())
        figure.set_dpi(dpi)
    return list(paths.values())
