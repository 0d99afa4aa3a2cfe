"""Figure of the published detection: every label's mask norm."""

from statistics import median

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from trivet.report.figures.labels import place_near
from trivet.report.figures.style import ATTACKED, COLUMN_WIDTH, PUBLISHED, guide, new_figure, signed, styled
from trivet.security.results import PublishedSecurity

__all__ = ["alt_scale_profile", "scale_profile"]


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
