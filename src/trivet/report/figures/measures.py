"""Figure of the metrics that a fairness audit is about, beside selection rates: each group, by metric."""

from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import parity
from trivet.fairness.auditing.results import (
    REFERENCE,
    AttributeAudit,
    FairnessAudit,
    GroupMeasure,
    MetricAudit,
)
from trivet.fairness.measures.registry import SELECTION
from trivet.ratios import is_infinite
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import (
    MOST_GROUPS,
    NAME_POINTS,
    ROW_HEIGHT,
    bounds_text,
    draw_compared,
    figure_text,
    mark_band,
    name_rows,
    ratio_axis,
    ratio_text,
    with_figure,
    write_at_edge,
)
from trivet.report.figures.labels import write_above
from trivet.report.figures.style import COLUMN_WIDTH, INK, PALE, drawn_text, group_text, new_figure, styled
from trivet.verdict import rank

__all__ = ["FIGURES", "alt_measures", "draw_measures", "has_measures"]

#: Of each metric and attribute, however many metrics there are.
FEWEST_GROUPS: Final = 3
MARGIN: Final = 1.1


@dataclass(frozen=True)
class _Row:
    """A line of the figure: a group, or the heading of a metric where `group` is None."""

    text: str
    attribute: AttributeAudit
    measure: MetricAudit
    group: GroupMeasure | None


def _blocks(audit: FairnessAudit) -> list[tuple[AttributeAudit, MetricAudit]]:
    """Return the metrics that are drawn: those that the figure of disparate impact does not show."""
    pairs = [(attribute, one) for attribute in audit.attributes for one in attribute.measures]
    kept = [(attribute, one) for attribute, one in pairs if one.metric != SELECTION or _by_difference(one)]
    names = list(dict.fromkeys(one.metric for _, one in kept))
    return sorted(kept, key=lambda pair: names.index(pair[1].metric))


def _by_difference(measure: MetricAudit) -> bool:
    return measure.difference_band is not None


def _compared(group: GroupMeasure, measure: MetricAudit) -> Estimate | None:
    return group.difference if _by_difference(measure) else with_figure(group.ratio)


def _distance(group: GroupMeasure, measure: MetricAudit) -> tuple[int, float]:
    """Rank a group: by what is settled of it, then by how far from parity it is."""
    compared = _compared(group, measure)
    settled = rank(group.verdict)
    if compared is None or compared.value is None:
        return -1 if settled is None else settled, -1.0
    far = abs(compared.value) if _by_difference(measure) else 1 - parity(compared.value)
    return -1 if settled is None else settled, far


def _rows(audit: FairnessAudit) -> tuple[tuple[_Row, ...], int]:
    """List each metric of each attribute as a heading with its groups, and count the groups left out."""
    blocks = _blocks(audit)
    most = max(FEWEST_GROUPS, MOST_GROUPS // max(1, len(blocks)))
    rows: list[_Row] = []
    left_out = 0
    for attribute, one in blocks:
        groups = [group for group in one.groups if group.verdict != REFERENCE]
        groups.sort(key=lambda group, one=one: _distance(group, one), reverse=True)
        left_out += max(0, len(groups) - most)
        rows.append(_Row(one.title, attribute, one, None))
        for group in groups[:most]:
            place = one.groups.index(group) + 1
            text = group_text(group.group, place, width=NAME_POINTS)
            rows.append(_Row(text, attribute, one, group))
    return tuple(rows), left_out


@styled
def draw_measures(audit: FairnessAudit) -> Figure:
    """Show how each group compares by each metric, with its interval and that for all comparisons at once."""
    rows, left_out = _rows(audit)
    band = rows[0].measure.difference_band
    figure = new_figure(width=COLUMN_WIDTH, height=0.8 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    ends = [end for row in rows for end in _ends(row)]
    if band is None:
        limits = ratio_axis(axes, ends)
        mark_band(axes, audit.four_fifths)
    else:
        limits = _difference_axis(axes, ends, band)
    for place, row in enumerate(rows):
        if row.group is None:
            name, against = (
                drawn_text(text, width=NAME_POINTS) for text in (row.attribute.name, row.attribute.reference)
            )
            told = f"{name or 'attribute'}, against {against or 'the reference group'}"
            write_at_edge(axes, told, place, right=False, over=True)
            continue
        together = row.group.simultaneous_low, row.group.simultaneous_high
        if band is not None:
            together = row.group.difference_low, row.group.difference_high
        compared = _compared(row.group, row.measure)
        signed = "{:+.2f}" if row.group.worst is None else "{:.2f}"
        text = ratio_text if band is None else signed.format
        draw_compared(axes, compared, together, row.group.verdict, place, limits, text)
    name_rows(axes, [row.text for row in rows], [row.group is None for row in rows])
    what = "ratio to the reference" if band is None else "difference, reference minus group"
    axes.set_xlabel(f"{what}{_left_out(left_out)}")
    return figure


def _left_out(count: int) -> str:
    return f"\n{count} groups nearer to parity are not drawn" if count else ""


def _ends(row: _Row) -> list[float]:
    compared = None if row.group is None else _compared(row.group, row.measure)
    if compared is None:
        return []
    ends = (compared.low, compared.value, compared.high)
    return [end for end in ends if end is not None and not is_infinite(end)]


def _difference_axis(axes: Axes, ends: list[float], band: float) -> tuple[float, float]:
    """Make the horizontal axis wide enough for differences, and shade where they count as parity."""
    low, high = MARGIN * min(-2 * band, *ends, 0.0), MARGIN * max(2 * band, *ends, 0.0)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvspan(-band, band, color=PALE, alpha=0.6, linewidth=0, zorder=0.2)
    axes.axvline(0.0, color=INK, linewidth=0.6, zorder=0.5)
    write_above(axes, f"{-band:g} to {band:g}", 0.0)
    return low, high


def alt_measures(audit: FairnessAudit) -> str:
    """Describe `draw_measures` in words."""
    rows, _ = _rows(audit)
    told: list[str] = []
    for row in rows:
        if row.group is None:
            continue
        name = f"{row.measure.title}, {row.attribute.name} {row.group.group}"
        compared = _compared(row.group, row.measure)
        if compared is None or compared.value is None:
            told.append(f"{name}: undefined")
        else:
            ends = bounds_text(compared.low, compared.high)
            told.append(f"{name}: {figure_text(compared.value)} ({ends}), {row.group.verdict}")
    band = rows[0].measure.difference_band
    what = "Ratios to the reference" if band is None else "Differences from the reference"
    return f"{what} by metric and group, each with its interval. {'; '.join(told)}."


def has_measures(audit: FairnessAudit) -> bool:
    """Tell whether any group has a figure by another metric than selection rates."""
    return any(
        (compared := _compared(group, one)) is not None and compared.value is not None
        for _, one in _blocks(audit)
        for group in one.groups
    )


_MEASURES: Final = "attributes.*.measures.*"
FIGURES: Final = (
    FigureRow(
        "fairness_audit_measures",
        "fairness.audit",
        draw_measures,
        alt_measures,
        (
            "four_fifths",
            "attributes.*.name",
            "attributes.*.reference",
            f"{_MEASURES}.title",
            f"{_MEASURES}.difference_band",
            *(
                f"{_MEASURES}.groups.*.{name}"
                for name in (
                    "group",
                    "ratio",
                    "simultaneous_low",
                    "simultaneous_high",
                    "difference",
                    "difference_low",
                    "difference_high",
                    "verdict",
                )
            ),
        ),
        present=has_measures,
    ),
)
