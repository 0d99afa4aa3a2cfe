"""Figures of the published repair: rates and confusions before and after, and the sweep over the fraction."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.report.figures.labels import name_ends, place_near
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    INK,
    PAGE_WIDTH,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    guide,
    new_figure,
    styled,
)
from trivet.security.results import PublishedSecurity

__all__ = [
    "alt_before_after",
    "alt_confusion_before_after",
    "alt_unlearning_sweep",
    "before_after",
    "confusion_before_after",
    "unlearning_sweep",
]

#: Up to so many labels, a cell of the confusion matrix has room for its number.
_NUMBERED_CELLS: Final = 12
#: From this share on a cell is so dark that its number must be white.
_DARK_CELL: Final = 0.5

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
        image = axes.imshow(matrix, cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
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
