"""Figures of the published reconstruction: the detected label's trigger, and every label's mask."""

from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from trivet.errors import ReportError
from trivet.record import Triggers
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import name_ends, place_near
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    INK,
    PAGE_WIDTH,
    PALE,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    guide,
    new_figure,
    on_grey,
    show_pixels,
    signed,
    styled,
)
from trivet.security.results import PublishedSecurity

__all__ = ["FIGURES"]

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


@styled
def scale_profile(study: PublishedSecurity) -> Figure:
    """Show the mask norm of every label as published (figure 3)."""
    figure = new_figure(width=COLUMN_WIDTH, height=2.4)
    axes = figure.subplots()
    marks = {study.detected_label: ["detected"]}
    if study.expected_label is not None:
        marks.setdefault(study.expected_label, []).insert(0, "expected")
    for label, norm in enumerate(study.norms):
        if label in marks:
            axes.plot(label, norm, "D", color=ATTACKED, markersize=6)
        else:
            axes.plot(label, norm, "o", color=PUBLISHED)
    axes.set_yscale("log")
    axes.set(
        xticks=range(len(study.norms)),
        xlim=(-0.6, len(study.norms) - 0.4),
        xlabel="target label",
        ylabel="mask norm $L_1$ (pixels)",
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    guide(axes, median(study.norms), "median", side="end")
    place_near(
        axes,
        [(label, study.norms[label]) for label in marks],
        [
            f"{', '.join(words)}\n$z$ = {signed(study.modified_z[label], digits=1)}"
            for label, words in marks.items()
        ],
        colors=[ATTACKED] * len(marks),
    )
    return figure


def alt_scale_profile(study: PublishedSecurity) -> str:
    """Describe `scale_profile` in words."""
    return (
        f"Mask norms of all labels on a logarithmic axis. Label {study.detected_label} is detected at "
        f"{study.detected_norm:.1f} pixels against a median of {study.median_norm:.1f}."
    )


#: Up to so many labels, a cell of the confusion matrix has room for its number.
_NUMBERED_CELLS: Final = 12
#: From this share on a cell is so dark that its number must be white.
_DARK_CELL: Final = 0.5
#: Shades of such cells, few enough for a bar that is made of shapes as well.
_SHADES: Final = 20

#: Smallest distance between two names of the sweep's lines, as a share of the axes' height.
_LABEL_GAP: Final = 0.1
#: A smaller change of a rate leaves no room for an arrow between its two dots.
_VISIBLE_MOVE: Final = 0.08


@styled
def before_after(study: PublishedSecurity) -> Figure:
    """Show what the repair did to clean accuracy and ASR as published (figure 4)."""
    rows = (("clean accuracy", study.clean_accuracy), ("ASR", study.asr))
    figure = new_figure(width=COLUMN_WIDTH, height=0.75 + 0.27 * len(rows))
    axes = figure.subplots()
    for place, (name, rate) in enumerate(rows):
        axes.text(
            -0.06,
            place,
            name,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            color=PUBLISHED_TEXT,
        )
        if abs(rate.after - rate.before) > _VISIBLE_MOVE:
            axes.annotate(
                "",
                (rate.after, place),
                (rate.before, place),
                arrowprops={
                    "arrowstyle": "-|>,head_width=0.14,head_length=0.3",
                    "color": PUBLISHED,
                    "lw": 1.2,
                },
            )
        axes.plot(
            rate.before, place, "o", markerfacecolor="white", markersize=6.5, color=PUBLISHED, clip_on=False
        )
        axes.plot(rate.after, place, "o", color=PUBLISHED, clip_on=False)
        axes.text(
            1.07,
            place,
            f"{rate.before:.4f} → {rate.after:.4f}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL,
        )
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), yticks=[], xlabel="share of images")
    axes.spines["left"].set_visible(False)
    axes.text(1.07, 1.0, "before → after", transform=axes.transAxes, va="bottom", fontsize=SMALL, color=INK)
    return figure


def alt_before_after(study: PublishedSecurity) -> str:
    """Describe `before_after` in words."""
    accuracy, asr = study.clean_accuracy, study.asr
    return (
        f"Rates before and after the repair: clean accuracy {accuracy.before:.4f} before and "
        f"{accuracy.after:.4f} after; ASR {asr.before:.4f} before and {asr.after:.4f} after."
    )


@styled
def confusion_before_after(study: PublishedSecurity) -> Figure:
    """Show the published row-normalised clean confusion matrices (figure 5)."""
    confusion = study.confusion
    figure = new_figure(width=PAGE_WIDTH, height=3.55)
    pair = figure.subplots(1, 2, sharey=True)
    image = None
    for axes, matrix, when, accuracy in (
        (pair[0], confusion.before, "before", study.clean_accuracy.before),
        (pair[1], confusion.after, "after", study.clean_accuracy.after),
    ):
        image = _show_shares(axes, matrix)
        axes.set_title(f"{when} unlearning, clean accuracy {accuracy:.4f}")
        axes.set_xlabel("predicted label")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        if len(matrix) <= _NUMBERED_CELLS:
            axes.set(xticks=range(len(matrix)), yticks=range(len(matrix)))
            _number_cells(axes, matrix)
    pair[0].set_ylabel("true label")
    bar = figure.colorbar(image, ax=pair, fraction=0.03, pad=0.01, ticks=[0, 0.5, 1])
    bar.set_label("share of the true label")
    bar.outline.set_linewidth(0.6)
    return figure


def alt_confusion_before_after(study: PublishedSecurity) -> str:
    """Describe `confusion_before_after` in words."""
    confusion = study.confusion
    before, after = (
        min(matrix[label][label] for label in range(len(matrix)))
        for matrix in (confusion.before, confusion.after)
    )
    return (
        "Row-normalised confusion matrices on clean images. The weakest diagonal entry is "
        f"{before:.2f} before unlearning and {after:.2f} after."
    )


@styled
def unlearning_sweep(study: PublishedSecurity) -> Figure:
    """Show clean accuracy and ASR as the stamped fraction grows (figure 6)."""
    sweep = study.fraction_sweep
    figure = new_figure(width=COLUMN_WIDTH, height=2.3)
    axes = figure.subplots()
    axes.plot(sweep.fraction, sweep.clean_accuracy, "o-", color=PUBLISHED, clip_on=False)
    axes.plot(sweep.fraction, sweep.asr, "s--", color=PUBLISHED, clip_on=False)
    floor, last = study.target_share, sweep.fraction[-1]
    guide(axes, floor, "")
    axes.margins(x=0.06)
    edge = axes.get_xlim()[1]
    name_ends(
        axes,
        (
            (last, sweep.clean_accuracy[-1], "clean accuracy", PUBLISHED_TEXT),
            (last, sweep.asr[-1], "ASR", PUBLISHED_TEXT),
            (edge, floor, "target class", INK),
        ),
        gap=_LABEL_GAP,
    )
    axes.set(ylim=(0, 1), xlabel="share of stamped images", ylabel="share of images", xticks=sweep.fraction)
    best = ((sweep.best_fraction, sweep.best_clean_accuracy), (sweep.best_fraction, sweep.best_asr))
    for point in best:
        axes.plot(*point, "o", markersize=9, markerfacecolor="none", color=INK, markeredgewidth=0.8)
    place_near(
        axes,
        best,
        [f"{sweep.best_clean_accuracy:.4f}", f"lowest ASR, {sweep.best_asr:.4f}"],
        colors=[INK, INK],
    )
    return figure


def alt_unlearning_sweep(study: PublishedSecurity) -> str:
    """Describe `unlearning_sweep` in words."""
    sweep = study.fraction_sweep
    return (
        f"Clean accuracy and ASR after unlearning with {len(sweep.fraction)} stamped fractions from "
        f"{sweep.fraction[0]:.2f} to {sweep.fraction[-1]:.2f}, on {sweep.images} images. ASR is lowest at "
        f"{sweep.best_fraction:.2f}: {sweep.best_asr:.4f}, with clean accuracy "
        f"{sweep.best_clean_accuracy:.4f}."
    )


def _show_shares(axes: Axes, matrix: Sequence[Sequence[float]]) -> ScalarMappable:
    """Show shares as shades; where numbers fit, by shapes, whose shades turn with the paper as these do."""
    if len(matrix) > _NUMBERED_CELLS:
        return axes.imshow(matrix, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    edges = np.arange(len(matrix) + 1) - 0.5
    image = axes.pcolormesh(edges, edges, matrix, cmap=colormaps["Greys"].resampled(_SHADES), vmin=0, vmax=1)
    axes.set(aspect="equal", ylim=edges[[-1, 0]])
    return image


def _number_cells(axes: Axes, matrix: Sequence[Sequence[float]]) -> None:
    for true, row in enumerate(matrix):
        for predicted, share in enumerate(row):
            if round(share, 2) > 0:
                axes.text(
                    predicted,
                    true,
                    f"{share:.2f}".lstrip("0"),
                    ha="center",
                    va="center",
                    fontsize=SMALL,
                    color="white" if share > _DARK_CELL else INK,
                )


FIGURES: Final = (
    FigureRow(
        "trigger_reconstructed",
        "security.published",
        reconstructed,
        alt_reconstructed,
        ("detected_label", "detected_norm"),
        needs_triggers=True,
    ),
    FigureRow(
        "trigger_all_labels_grid",
        "security.published",
        all_labels_grid,
        alt_all_labels_grid,
        ("norms", "detected_label"),
        wide=lambda _: True,
        needs_triggers=True,
    ),
    FigureRow(
        "security_scale_profile",
        "security.published",
        scale_profile,
        alt_scale_profile,
        ("norms", "modified_z", "detected_label", "expected_label"),
    ),
    FigureRow(
        "security_before_after",
        "security.published",
        before_after,
        alt_before_after,
        ("clean_accuracy", "asr"),
    ),
    FigureRow(
        "security_confusion_before_after",
        "security.published",
        confusion_before_after,
        alt_confusion_before_after,
        ("confusion.before", "confusion.after", "clean_accuracy"),
        wide=lambda _: True,
    ),
    FigureRow(
        "security_unlearning_sweep",
        "security.published",
        unlearning_sweep,
        alt_unlearning_sweep,
        (
            "fraction_sweep.fraction",
            "fraction_sweep.clean_accuracy",
            "fraction_sweep.asr",
            "fraction_sweep.best_fraction",
            "fraction_sweep.best_asr",
            "target_share",
        ),
    ),
)
