"""Figures of the reconstructed triggers: the suspected label's, and every label's mask."""

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
    CORRECTED,
    INK,
    PAGE_WIDTH,
    PALE,
    PUBLISHED_TEXT,
    new_figure,
    styled,
)
from trivet.security.results import SecurityStudy

__all__ = ["all_labels_grid", "alt_all_labels_grid", "alt_reconstructed", "reconstructed"]

_GRID_COLUMNS: Final = 10


@styled
def reconstructed(study: SecurityStudy, triggers: Triggers) -> Figure:
    """Show mask and trigger of the label that each procedure points at (figure 1)."""
    figure = new_figure(width=COLUMN_WIDTH, height=3.4)
    grid = figure.subplots(2, 2)
    for axes, (kind, label, norm, color) in zip(grid, _pointed_at(study), strict=True):
        mask, stamped = _mask(triggers, kind, label), _stamped(triggers, kind, label)
        show_pixels(axes[0], mask, colormap="Greys")
        show_pixels(axes[1], stamped)
        axes[0].set_ylabel(f"{kind}\nlabel {label}, $L_1$ = {norm:.1f}", color=color)
    grid[0, 0].set_title("mask")
    grid[0, 1].set_title("on a mid-grey image")
    for axes, (low, high) in zip(grid[1], (("kept", "replaced"), ("black", "white")), strict=True):
        bar = figure.colorbar(axes.images[0], ax=axes, location="bottom", fraction=0.05, aspect=16, pad=0.04)
        bar.outline.set_linewidth(0.6)
        bar.set_ticks([0.0, 1.0], labels=[low, high])
        # Inwards, so that the words of one bar do not meet those of the next.
        for text, side in zip(bar.ax.get_xticklabels(), ("left", "right"), strict=True):
            text.set_horizontalalignment(side)
    return figure


def alt_reconstructed(study: SecurityStudy) -> str:
    """Describe `reconstructed` in words."""
    (_, old_label, old_norm, _), (_, new_label, new_norm, _) = _pointed_at(study)
    return (
        f"Four pictures: mask and trigger reconstructed for label {old_label} as published, with an L1 "
        f"norm of {old_norm:.1f} pixels, and for label {new_label} as corrected, with {new_norm:.1f} pixels."
    )


@styled
def all_labels_grid(study: SecurityStudy, triggers: Triggers) -> Figure:
    """Show every label's mask, published above corrected (figure 2)."""
    labels = len(study.published.norms)
    columns = min(labels, _GRID_COLUMNS)
    rows = -(-labels // columns)
    figure = new_figure(width=PAGE_WIDTH, height=2 * rows * (PAGE_WIDTH / columns + 0.14))
    blocks = (figure.add_subfigure(half) for half in figure.add_gridspec(2, 1))
    profiles = (
        ("published", study.published.norms, study.published.detected_label, PUBLISHED_TEXT),
        ("corrected", _norms(study), study.corrected.suspected_label, CORRECTED),
    )
    for block, (kind, norms, marked, color) in zip(blocks, profiles, strict=True):
        grid = block.subplots(rows, columns, squeeze=False)
        grid[0, 0].set_ylabel(f"{kind} $L_1$", color=color)
        for label, axes in enumerate(grid.flat):
            if label >= labels:
                axes.set_axis_off()
                continue
            show_pixels(axes, _mask(triggers, kind, label), colormap="Greys")
            pointed = label == marked
            axes.set_title(
                f"{label}: {norms[label]:.1f}",
                color=ATTACKED if pointed else INK,
                fontweight="bold" if pointed else "normal",
                pad=2.5,
            )
            for spine in axes.spines.values():
                spine.set(color=ATTACKED if pointed else PALE, linewidth=1.6 if pointed else 0.6)
    return figure


def alt_all_labels_grid(study: SecurityStudy) -> str:
    """Describe `all_labels_grid` in words."""
    old, new = study.published.norms, _norms(study)
    return (
        f"Two grids of {len(old)} masks, one a label. The smallest published mask is label "
        f"{old.index(min(old))}'s with {min(old):.1f} pixels; the smallest corrected one is label "
        f"{new.index(min(new))}'s with {min(new):.1f}."
    )


def _pointed_at(study: SecurityStudy) -> tuple[tuple[str, int, float, str], ...]:
    """Name the label and norm of each procedure: the corrected one may suspect none, then the smallest."""
    detected, suspect = study.published.detected_label, study.corrected.smallest_label
    norms = _norms(study)
    return (
        ("published", detected, study.published.norms[detected], PUBLISHED_TEXT),
        ("corrected", suspect, norms[suspect], CORRECTED),
    )


def _norms(study: SecurityStudy) -> tuple[float, ...]:
    """Corrected mask norms, by label."""
    return tuple(evidence.l1 for evidence in sorted(study.corrected.labels, key=lambda each: each.label))


def _array(triggers: Triggers, name: str) -> NDArray[np.float32]:
    if name not in triggers:
        found = ", ".join(sorted(triggers)) or "none"
        raise ReportError(
            f"The triggers have no array {name!r} (found: {found}). Run the security study again."
        )
    return triggers[name]


def _mask(triggers: Triggers, kind: str, label: int) -> NDArray[np.float32]:
    return _array(triggers, f"{kind}.mask")[label, 0]


def _stamped(triggers: Triggers, kind: str, label: int) -> NDArray[np.float32]:
    """Stamp a mid-grey image: (height, width), or (height, width, 3) in colour."""
    return on_grey(_mask(triggers, kind, label), _array(triggers, f"{kind}.pattern")[label])
