"""One figure: the part of a record that it is drawn from, what it shows of it, and its files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from trivet.record import Triggers
from trivet.report.figures.style import styled
from trivet.report.text.tree import Picture
from trivet.work.result_files import write_text, write_whole

__all__ = ["FORMATS", "FigureRow", "save_figure"]

#: Suffixes of the files that a figure can become.
FORMATS: Final = ("svg", "pdf", "png")


@dataclass(frozen=True)
class FigureRow:
    """Everything about one figure.

    Attributes
    ----------
    name
        File name without its suffix.
    of
        Place of the part of a record that it is drawn from; without that part there is no figure.
    draw
        That part, and triggers where `needs_triggers`, to figure.
    alt
        That part to a description in words, for readers who do not see the figure.
    places
        Places below that part whose values it shows, ``*`` standing for every entry of a list or group, and
        each place for all that is below it; the empty place for the whole part.
    wide
        That part to whether it takes both columns of the page.
    needs_triggers
        Whether `draw` takes the trigger arrays too.
    present
        That part to whether it has what the figure shows.
    """

    name: str
    of: str
    draw: Callable[..., Figure]
    alt: Callable[[Any], str]
    places: tuple[str, ...]
    wide: Callable[[Any], bool] = lambda _: False
    needs_triggers: bool = False
    present: Callable[[Any], bool] = lambda _: True

    def part(self, record: object) -> Any:
        """Return what it is drawn from; None where the record does not have it."""
        part = reduce(lambda here, name: getattr(here, name, None), self.of.split("."), record)
        return part if part is not None and self.present(part) else None

    def picture(self, record: object) -> Picture | None:
        """Return what stands beside its files; None where the record does not have it."""
        part = self.part(record)
        return None if part is None else Picture(self.alt(part), self.wide(part))

    def figure(self, record: object, triggers: Triggers) -> Figure:
        """Draw it."""
        part = self.part(record)
        return self.draw(part, triggers) if self.needs_triggers else self.draw(part)


@styled
def save_figure(figure: Figure, stem: Path, *, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a figure as files beside each other."""
    # The layout is solved here for all formats, so that they agree to the point; it takes two passes,
    # since the ticks of the first depend on the size that it gives to the axes. Nothing is drawn for it.
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        layout.execute(figure)
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
