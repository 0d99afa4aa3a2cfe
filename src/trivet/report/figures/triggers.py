"""Figures of the published reconstruction: the detected label's trigger, and every label's mask."""

from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trivet.errors import ReportError
from trivet.record import Triggers
from trivet.report.figures.pixels import on_grey, show_pixels
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    INK,
    PAGE_WIDTH,
    PALE,
    PUBLISHED_TEXT,
    new_figure,
    styled,
)
from trivet.security.results import PublishedSecurity

__all__ = ["all_labels_grid", "alt_all_labels_grid", "alt_reconstructed", "reconstructed"]

_GRID_COLUMNS: Final = 10


@styled
def reconstructed(study: PublishedSecurity, triggers: Triggers) -> Figure:
    """Show mask and trigger of the label that the published procedure detects (figure 1)."""
    mask, pattern = (_array(triggers, name)[study.detected_label] for name in ("mask", "pattern"))
    figure = new_figure(width=COLUMN_WIDTH, height=2.4)
    pair = figure.subplots(1, 2)
    show_pixels(pair[0], mask[0], colormap="Greys")
    show_pixels(pair[1], on_grey(mask[0], pattern))
    pair[0].set_ylabel(
        f"label {study.detected_label}, $L_1$ = {study.detected_norm:.1f}", color=PUBLISHED_TEXT
    )
    pair[0].set_title("mask")
    pair[1].set_title("on a mid-grey image")
    for axes, (low, high) in zip(pair, (("kept", "replaced"), ("black", "white")), strict=True):
        bar = figure.colorbar(axes.images[0], ax=axes, location="bottom", fraction=0.05, aspect=16, pad=0.04)
        bar.outline.set_linewidth(0.6)
        bar.set_ticks([0.0, 1.0], labels=[low, high])
        # Inwards, so that the words of one bar do not meet those of the next.
        for text, side in zip(bar.ax.get_xticklabels(), ("left", "right"), strict=True):
            text.set_horizontalalignment(side)
    return figure


def alt_reconstructed(study: PublishedSecurity) -> str:
    """Describe `reconstructed` in words."""
    return (
        f"Mask and trigger reconstructed for label {study.detected_label} as published, with an L1 norm of "
        f"{study.detected_norm:.1f} pixels."
    )


@styled
def all_labels_grid(study: PublishedSecurity, triggers: Triggers) -> Figure:
    """Show every label's mask as published (figure 2)."""
    masks, labels = _array(triggers, "mask"), len(study.norms)
    columns = min(labels, _GRID_COLUMNS)
    rows = -(-labels // columns)
    figure = new_figure(width=PAGE_WIDTH, height=rows * (PAGE_WIDTH / columns + 0.14))
    grid = figure.subplots(rows, columns, squeeze=False)
    grid[0, 0].set_ylabel("$L_1$", color=PUBLISHED_TEXT)
    for label, axes in enumerate(grid.flat):
        if label >= labels:
            axes.set_axis_off()
            continue
        show_pixels(axes, masks[label, 0], colormap="Greys")
        detected = label == study.detected_label
        axes.set_title(
            f"{label}: {study.norms[label]:.1f}",
            color=ATTACKED if detected else INK,
            fontweight="bold" if detected else "normal",
            pad=2.5,
        )
        for spine in axes.spines.values():
            spine.set(color=ATTACKED if detected else PALE, linewidth=1.6 if detected else 0.6)
    return figure


def alt_all_labels_grid(study: PublishedSecurity) -> str:
    """Describe `all_labels_grid` in words."""
    norms = study.norms
    return (
        f"A grid of {len(norms)} masks, one a label. The smallest is label {norms.index(min(norms))}'s with "
        f"{min(norms):.1f} pixels."
    )


def _array(triggers: Triggers, what: str) -> NDArray[np.float32]:
    name = f"published.{what}"
    if name not in triggers:
        found = ", ".join(sorted(triggers)) or "none"
        raise ReportError(f"The triggers have no array {name!r} (found: {found}). Run the audit again.")
    return triggers[name]
