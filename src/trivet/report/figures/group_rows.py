"""Groups in the figures of a fairness audit: choice, order and names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes

from trivet.fairness.auditing.results import (
    DISPARATE,
    IN_BAND,
    UNSETTLED,
    AttributeAudit,
    FairnessAudit,
    GroupAudit,
)
from trivet.report.figures.names import drawn_text
from trivet.report.figures.style import INK, PUBLISHED_TEXT, SMALL

__all__ = [
    "MOST_GROUPS",
    "NAME_POINTS",
    "ROW_HEIGHT",
    "GroupRow",
    "disparity",
    "group_rows",
    "heading_text",
    "left_out_text",
    "most_disparate_first",
    "name_rows",
    "write_at_edge",
]

#: Inches.
ROW_HEIGHT: Final = 0.165
NAME_POINTS: Final = 84
#: Room of the values beyond the right edge.
COLUMN_POINTS: Final = 30
#: More groups than this are in the tables only; the most disparate ones are drawn.
MOST_GROUPS: Final = 24
_VERDICTS: Final = (IN_BAND, UNSETTLED, DISPARATE)


@dataclass(frozen=True)
class GroupRow:
    """A line of a figure: a group, or the heading of its attribute where `group` is None."""

    text: str
    attribute: AttributeAudit
    group: GroupAudit | None


def group_rows(audit: FairnessAudit, *, reference: bool) -> tuple[GroupRow, ...]:
    """List each attribute as a heading with its groups, the most disparate first."""
    kept = {id(group) for group in sorted(_compared(audit), key=disparity, reverse=True)[:MOST_GROUPS]}
    rows: list[GroupRow] = []
    for number, attribute in enumerate(audit.attributes, start=1):
        groups = [group for group in attribute.groups if id(group) in kept]
        groups.sort(key=disparity, reverse=True)
        if reference and groups:
            groups += [group for group in attribute.groups if group.group == attribute.reference]
        if groups:
            rows.append(GroupRow(heading_text(attribute, number), attribute, None))
        for group in groups:
            place = attribute.groups.index(group) + 1
            text = drawn_text(group.group, width=NAME_POINTS) or f"group {place}"
            rows.append(GroupRow(text, attribute, group))
    return tuple(rows)


def disparity(group: GroupAudit) -> tuple[int, float]:
    """Rank a group: by what is settled of it, then by how far its disparate impact is from 1, as |ln DI|."""
    impact = None if group.disparate_impact is None else group.disparate_impact.estimate
    settled = _VERDICTS.index(group.verdict) if group.verdict in _VERDICTS else -1
    if impact is None:
        return settled, -1.0
    return settled, abs(math.log(impact)) if impact > 0 else math.inf


def most_disparate_first(audit: FairnessAudit) -> list[AttributeAudit]:
    """Order the attributes by their most disparate group."""
    return sorted(
        audit.attributes,
        key=lambda attribute: max(map(disparity, attribute.groups), default=(-1, -1.0)),
        reverse=True,
    )


def left_out_text(audit: FairnessAudit) -> str:
    """Say below an axis that groups were left out, nothing where none was."""
    count = len(_compared(audit))
    return f"\nthe {MOST_GROUPS} most disparate of {count} groups" if count > MOST_GROUPS else ""


def heading_text(attribute: AttributeAudit, number: int) -> str:
    """Name an attribute, by its number where the figures' font cannot draw its name."""
    return drawn_text(attribute.name, width=NAME_POINTS) or f"attribute {number}"


def name_rows(axes: Axes, names: Sequence[str], headings: Sequence[bool]) -> None:
    """Make the vertical axis a list of names, the first at the top, headings in bold."""
    axes.set(ylim=(len(names) - 0.5, -0.6))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for text, heading in zip(axes.get_yticklabels(), headings, strict=True):
        text.set_fontweight("bold" if heading else "normal")
        text.set_color(INK if heading else PUBLISHED_TEXT)


def write_at_edge(
    axes: Axes,
    text: str,
    place: int,
    *,
    right: bool,
    color: str = INK,
    over: bool = False,
) -> None:
    """Write inside the left edge of a row, or in a column beyond its right one."""
    axes.annotate(
        text,
        (1.0 if right else 0.0, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(COLUMN_POINTS if right else 2, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="center",
        fontsize=SMALL,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5} if over else None,
        annotation_clip=False,
    )


def _compared(audit: FairnessAudit) -> list[GroupAudit]:
    return [
        group
        for attribute in audit.attributes
        for group in attribute.groups
        if group.group != attribute.reference
    ]
