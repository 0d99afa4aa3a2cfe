"""Figure of the calibration of an audited score: the share of positives over the score, by group."""

from typing import Final

from matplotlib.figure import Figure

from trivet.fairness.auditing.results import AttributeAudit, FairnessAudit, GroupAudit
from trivet.fairness.metrics.results import CalibrationBin
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import NAME_POINTS, disparity, most_disparate_first
from trivet.report.figures.labels import name_ends
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    INK,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    drawn_text,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

#: Groups drawn at most: the reference group and the largest others.
MOST_GROUPS: Final = 4
#: A bin of fewer rows says nothing, and is drawn only where a group has no other.
FEWEST_ROWS: Final = 10
#: Smallest distance between two names beside the curves, as a share of the axes' height.
GAP: Final = 0.09
_SHAPES: Final = ("o", "^", "v", "D")


@styled
def draw_calibration(audit: FairnessAudit) -> Figure:
    """Show the share of positive labels over the score in the largest groups of an attribute."""
    attribute = _attribute(audit)
    assert attribute is not None
    figure = new_figure(width=COLUMN_WIDTH, height=2.7)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean score", ylabel="share of positive labels")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.6, zorder=0.5)
    ends: list[tuple[float, float, str, str]] = [(1.0, 1.0, "line: calibrated", INK)]
    for place, group in enumerate(_groups(attribute)):
        reference = group.group == attribute.reference
        color, text_color = (PRIVILEGED, INK) if reference else (PUBLISHED, PUBLISHED_TEXT)
        if not reference and place == 0:
            color, text_color = PROTECTED, INK
        xs, ys = zip(*_points(group), strict=True)
        for each in _bins(group):
            low, high = each.observed.low, each.observed.high
            if low is not None and high is not None:
                axes.plot([each.mean_score] * 2, [low, high], color=color, linewidth=0.9)
        shape = "s" if reference else _SHAPES[place % len(_SHAPES)]
        axes.plot(xs, ys, f"{shape}-", color=color, linewidth=1.1, clip_on=False)
        number = attribute.groups.index(group) + 1
        name = drawn_text(group.group, width=NAME_POINTS * 0.7) or f"group {number}"
        ends.append((xs[-1], ys[-1], name, text_color))
    name_ends(axes, ends, gap=GAP)
    return figure


def alt_calibration(audit: FairnessAudit) -> str:
    """Describe `draw_calibration` in words."""
    attribute = _attribute(audit)
    assert attribute is not None
    told: list[str] = []
    for group in _groups(attribute):
        pairs = ", ".join(f"{observed:.3f} at {score:.3f}" for score, observed in _points(group))
        told.append(f"{group.group}: {pairs}")
    return f"Share of positive labels over the mean score, by group of {attribute.name}. {'; '.join(told)}."


def has_calibration(audit: FairnessAudit) -> bool:
    """Tell whether any group has scores."""
    return _attribute(audit) is not None


def _attribute(audit: FairnessAudit) -> AttributeAudit | None:
    scored = [attribute for attribute in most_disparate_first(audit) if _groups(attribute)]
    return min(scored, key=lambda attribute: len(attribute.columns), default=None)


def _groups(attribute: AttributeAudit) -> list[GroupAudit]:
    """List the largest groups with scores: the most disparate first, the reference group last."""
    scored = [group for group in attribute.groups if _points(group)]
    reference = [group for group in scored if group.group == attribute.reference]
    others = [group for group in scored if group.group != attribute.reference]
    others.sort(key=lambda group: group.rows, reverse=True)
    return [
        *sorted(others[: MOST_GROUPS - len(reference)], key=disparity, reverse=True),
        *reference,
    ]


def _bins(group: GroupAudit) -> tuple[CalibrationBin, ...]:
    bins = () if group.scores is None else group.scores.calibration.bins
    return tuple(each for each in bins if each.rows >= FEWEST_ROWS) or bins


def _points(group: GroupAudit) -> list[tuple[float, float]]:
    """Mean score and share of positive labels, by bin."""
    return [
        (each.mean_score, each.observed.value) for each in _bins(group) if each.observed.value is not None
    ]


FIGURES: Final = (
    FigureRow(
        "fairness_audit_calibration",
        "fairness.audit",
        draw_calibration,
        alt_calibration,
        (
            "attributes.*.name",
            "attributes.*.reference",
            "attributes.*.groups.*.group",
            "attributes.*.groups.*.rows",
            "attributes.*.groups.*.scores.calibration.bins",
        ),
        present=has_calibration,
    ),
)
