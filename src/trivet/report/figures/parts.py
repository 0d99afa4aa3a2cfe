"""Figures of audited predictions: the parts of a difference, by true class and by feature; calibration."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.auditing.results import AttributeAudit, FairnessAudit, GroupAudit
from trivet.fairness.explain.results import BASE_RATES, EXPLAINED, SENSITIVE, WHOLE, Decomposition, Part
from trivet.fairness.metrics.results import CalibrationBin
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import (
    NAME_POINTS,
    ROW_HEIGHT,
    disparity,
    heading_text,
    most_disparate_first,
    name_rows,
    write_at_edge,
)
from trivet.report.figures.labels import name_ends
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    INK,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    drawn_text,
    group_text,
    new_figure,
    signed,
    styled,
)

__all__ = ["FIGURES"]

#: Features of an attribute drawn by name at most, and the smallest share of the largest part that has a
#: bar of its own.
MOST_FEATURES: Final = 8
SMALLEST: Final = 0.04
OTHERS: Final = "other features"
UNNAMED: Final = "reference \N{MINUS SIGN} group"
#: Attributes whose parts are drawn at most, by true class and by feature: the most disparate ones.
MOST_BY_CLASS: Final = 4
MOST_BY_FEATURE: Final = 2
#: Points that the name of either group takes at most.
PAIR_POINTS: Final = 64
_Drawn = tuple[AttributeAudit, int, Decomposition]


@styled
def draw_parts_by_class(audit: FairnessAudit) -> Figure:
    """Divide the largest difference of each attribute into what labels and what selection account for."""
    return _draw(_by_class(audit))


@styled
def draw_parts_by_feature(audit: FairnessAudit) -> Figure:
    """Show which columns each attribute's largest difference goes with, small ones together."""
    return _draw(_by_feature(audit))


def alt_parts_by_class(audit: FairnessAudit) -> str:
    """Describe `draw_parts_by_class` in words."""
    return f"What the difference in selection is the sum of, by true class. {_told(_by_class(audit))}."


def alt_parts_by_feature(audit: FairnessAudit) -> str:
    """Describe `draw_parts_by_feature` in words."""
    return f"What the difference is the sum of, by the columns of the table. {_told(_by_feature(audit))}."


def has_parts_by_class(audit: FairnessAudit) -> bool:
    """Tell whether any difference is decomposed by true class."""
    return bool(_by_class(audit))


def has_parts_by_feature(audit: FairnessAudit) -> bool:
    """Tell whether any difference is decomposed by feature."""
    return bool(_by_feature(audit))


def _by_class(audit: FairnessAudit) -> list[_Drawn]:
    return [
        (attribute, audit.attributes.index(attribute) + 1, attribute.by_class)
        for attribute in most_disparate_first(audit)
        if attribute.by_class is not None and attribute.by_class.parts
    ][:MOST_BY_CLASS]


def _by_feature(audit: FairnessAudit) -> list[_Drawn]:
    return [
        (attribute, audit.attributes.index(attribute) + 1, attribute.by_feature)
        for attribute in most_disparate_first(audit)
        if attribute.by_feature is not None and attribute.by_feature.parts
    ][:MOST_BY_FEATURE]


def _draw(drawn: Sequence[_Drawn]) -> Figure:
    rows: list[tuple[str, Part | None, str]] = []
    for attribute, number, found in drawn:
        pair = [drawn_text(name, width=PAIR_POINTS) for name in (found.reference, found.group)]
        rows.append(
            (heading_text(attribute, number), None, " \N{MINUS SIGN} ".join(pair) if all(pair) else UNNAMED)
        )
        named = 0
        for part in (found.whole, *_lumped(found.parts)):
            named += part.kind == EXPLAINED
            text = "difference" if part.kind == WHOLE else drawn_text(part.name, width=NAME_POINTS)
            rows.append((text or f"feature {named}", part, ""))
    figure = new_figure(width=COLUMN_WIDTH, height=0.52 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    axes.axvline(0.0, color=INK, linewidth=0.6, zorder=3)
    for place, (_, part, pair) in enumerate(rows):
        if part is not None:
            _draw_part(axes, part, place)
        else:
            write_at_edge(axes, pair, place, right=False, over=True)
    name_rows(axes, [text for text, _, _ in rows], [part is None for _, part, _ in rows])
    outcome = "mean score" if drawn[0][2].outcome == "mean score" else "selection rate"
    axes.set_xlabel(f"points of the {outcome}")
    axes.margins(x=0.06)
    return figure


def _draw_part(axes: Axes, part: Part, place: int) -> None:
    if part.value is None:
        write_at_edge(axes, "undefined", place, right=True, color=PUBLISHED_TEXT)
        return
    color = _color(part)
    axes.barh(place, 100 * part.value, height=0.62, color=color)
    if part.low is not None and part.high is not None:
        axes.plot([100 * part.low, 100 * part.high], [place, place], color=INK, linewidth=0.8, zorder=4)
    sign = "+" if part.value > 0 else ""
    write_at_edge(axes, f"{sign}{signed(100 * part.value, digits=1)}", place, right=True)


def _color(part: Part) -> str:
    return {
        WHOLE: PUBLISHED_TEXT,
        BASE_RATES: PUBLISHED,
        EXPLAINED: PUBLISHED,
        SENSITIVE: PROTECTED,
    }.get(part.kind, ATTACKED)


def _lumped(parts: Sequence[Part]) -> list[Part]:
    """Put small features together; undefined parts, and those that are not features, stay as they are."""
    sizes = {id(part): abs(part.value or 0.0) for part in parts}
    largest = max(sizes.values(), default=0.0)
    features = sorted(
        (part for part in parts if part.kind == EXPLAINED and part.value is not None),
        key=lambda part: sizes[id(part)],
        reverse=True,
    )
    small = [
        part
        for rank, part in enumerate(features)
        if rank >= MOST_FEATURES or sizes[id(part)] < SMALLEST * largest
    ]
    if len(small) < 2:  # noqa: PLR2004 (one bar in the place of one says less)
        return list(parts)
    total = sum(part.value or 0.0 for part in small)
    columns = tuple(column for part in small for column in part.columns)
    others = Part(OTHERS, EXPLAINED, columns, total, None, None, small[0].level, None)
    left_out = {id(part) for part in small}
    kept = [part for part in parts if id(part) not in left_out]
    features_end = sum(part.kind == EXPLAINED for part in kept)
    return [*kept[:features_end], others, *kept[features_end:]]


def _told(drawn: Sequence[_Drawn]) -> str:
    told: list[str] = []
    for attribute, _, found in drawn:
        parts = ", ".join(
            f"{part.name} {'undefined' if part.value is None else f'{part.value:+.4f}'}"
            for part in (found.whole, *_lumped(found.parts))
        )
        told.append(f"{attribute.name}, {found.reference} minus {found.group}: {parts}")
    return "; ".join(told)


#: Groups drawn at most: the reference group and the largest others.
CALIBRATED_GROUPS: Final = 4
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
        name = group_text(group.group, number, width=NAME_POINTS * 0.7)
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
        *sorted(others[: CALIBRATED_GROUPS - len(reference)], key=disparity, reverse=True),
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
        "fairness_audit_classes",
        "fairness.audit",
        draw_parts_by_class,
        alt_parts_by_class,
        ("attributes.*.name", "attributes.*.reference", "attributes.*.by_class"),
        present=has_parts_by_class,
    ),
    FigureRow(
        "fairness_audit_features",
        "fairness.audit",
        draw_parts_by_feature,
        alt_parts_by_feature,
        ("attributes.*.name", "attributes.*.reference", "attributes.*.by_feature"),
        present=has_parts_by_feature,
    ),
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
