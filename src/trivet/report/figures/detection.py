"""Figure of the detection: every label's mask norm, published beside corrected."""

from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from trivet.report.figures.labels import place_near
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    guide,
    new_figure,
    signed,
    styled,
)
from trivet.security.results import SecurityStudy

__all__ = ["alt_scale_profile", "scale_profile"]


@styled
def scale_profile(study: SecurityStudy) -> Figure:
    """Show the mask norm of every label, published beside corrected (figure 3)."""
    figure = new_figure(width=COLUMN_WIDTH, height=2.4)
    left, right = figure.subplots(1, 2, sharey=True)
    published, corrected = study.published, study.corrected
    evidence = sorted(corrected.labels, key=lambda each: each.label)

    old_marks = {published.detected_label: ["detected"]}
    new_marks = {} if corrected.suspected_label is None else {corrected.suspected_label: ["suspected"]}
    if published.expected_label is not None:
        for marks in (old_marks, new_marks):
            marks.setdefault(published.expected_label, []).insert(0, "expected")
    old_texts = {
        label: f"{', '.join(words)}\n$z$ = {signed(published.modified_z[label], digits=1)}"
        for label, words in old_marks.items()
    }
    new_texts = {
        label: ", ".join(words) + _score(evidence[label].log_score) for label, words in new_marks.items()
    }
    panels = (
        (left, published.norms, old_texts, PUBLISHED),
        (right, [each.l1 for each in evidence], new_texts, CORRECTED),
    )
    for axes, norms, texts, color in panels:
        _profile(axes, norms, marked=set(texts), color=color)
    left.set_title("published", color=PUBLISHED_TEXT)
    right.set_title(f"corrected: {corrected.verdict}", color=CORRECTED)
    left.set_ylabel("mask norm $L_1$ (pixels)")
    for axes in (left, right):
        axes.set_xlabel("target label")
    for axes, norms, texts, _ in panels:
        place_near(
            axes,
            [(label, norms[label]) for label in texts],
            list(texts.values()),
            colors=[ATTACKED] * len(texts),
        )
    return figure


def alt_scale_profile(study: SecurityStudy) -> str:
    """Describe `scale_profile` in words."""
    published, corrected = study.published, study.corrected
    smallest = min(corrected.labels, key=lambda each: each.l1)
    return (
        "Mask norms of all labels on a logarithmic axis. Published: label "
        f"{published.detected_label} is detected at {published.norms[published.detected_label]:.1f} pixels "
        f"against a median of {median(published.norms):.1f}. Corrected: the smallest is label "
        f"{smallest.label} at {smallest.l1:.1f} against {median(each.l1 for each in corrected.labels):.1f}; "
        f"the verdict is {corrected.verdict}."
    )


def _profile(axes: Axes, norms: Sequence[float], *, marked: set[int], color: str) -> None:
    for label, norm in enumerate(norms):
        if label in marked:
            axes.plot(label, norm, "D", color=ATTACKED, markersize=6)
        else:
            axes.plot(label, norm, "o", color=color)
    axes.set_yscale("log")
    axes.set(xticks=range(len(norms)), xlim=(-0.6, len(norms) - 0.4))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    guide(axes, median(norms), "median", side="end")


def _score(log_score: float | None) -> str:
    return "" if log_score is None else f"\nlog score {signed(log_score, digits=1)}"
