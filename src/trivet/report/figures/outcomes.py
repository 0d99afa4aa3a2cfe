"""Figure of amounts, rankings or classes by group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.estimate import Estimate
from trivet.fairness.outcomes.results import (
    AmountAudit,
    GroupAmounts,
    MulticlassAttribute,
    MulticlassAudit,
    RankingAudit,
)
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import NAME_POINTS, ROW_HEIGHT, name_rows, write_at_edge
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    INK,
    PALE,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED_TEXT,
    drawn_text,
    new_figure,
    styled,
)
from trivet.wording import amount

__all__ = ["FIGURES"]

OutcomeAudit = AmountAudit | RankingAudit | MulticlassAudit

#: More rows than this are in the tables only.
_MOST: Final = 36
_SELECTION: Final = "selection_rate"


@dataclass(frozen=True)
class _Row:
    """A heading, or a group: its figure, and quantiles of amounts from the lowest to the highest."""

    text: str
    figure: Estimate | None
    reference: bool = False
    quantiles: tuple[float | None, ...] = ()

    def number(self, value: float) -> str:
        """Write a figure: an amount, which has quantiles, as everywhere else."""
        return amount(value) if self.quantiles else f"{value:.3g}"


@styled
def draw_outcomes(audit: OutcomeAudit) -> Figure:
    """Show the mean amount, exposure or selection rate of each group with its interval."""
    rows = _rows(audit)[:_MOST]
    figure = new_figure(width=COLUMN_WIDTH, height=0.6 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        if row.figure is not None:
            _draw(axes, row, place)
    name_rows(axes, [row.text for row in rows], [row.figure is None for row in rows])
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.grid(axis="x", color="#EEEEEE", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(_axis(audit) + ("" if len(rows) == len(_rows(audit)) else "\nthe first groups"))
    return figure


def alt_outcomes(audit: OutcomeAudit) -> str:
    """Describe `draw_outcomes` in words."""
    told: list[str] = []
    heading = ""
    for row in _rows(audit):
        if row.figure is None:
            heading = row.text
        else:
            value = row.figure.value
            told.append(f"{heading}, {row.text}: {'undefined' if value is None else row.number(value)}")
    return f"The {_what(audit)} of each group, with its interval. {'; '.join(told)}."


def _what(audit: OutcomeAudit) -> str:
    if isinstance(audit, AmountAudit):
        return "mean amount and the quantiles"
    return "mean exposure" if isinstance(audit, RankingAudit) else "selection rate of each class"


def _axis(audit: OutcomeAudit) -> str:
    if isinstance(audit, AmountAudit):
        return drawn_text(audit.outcome, width=2 * NAME_POINTS) or "amount"
    return "mean exposure" if isinstance(audit, RankingAudit) else "selection rate"


def _rows(audit: OutcomeAudit) -> list[_Row]:
    rows: list[_Row] = []
    for number, attribute in enumerate(audit.attributes, start=1):
        heading = drawn_text(attribute.name, width=NAME_POINTS) or f"attribute {number}"
        if isinstance(attribute, MulticlassAttribute):
            rows += _classes(attribute, heading if len(audit.attributes) > 1 else None)
            continue
        if attribute.groups:
            rows.append(_Row(heading, None))
        for place, group in enumerate(attribute.groups, start=1):
            reference, text = group.group == attribute.reference, _named(group.group, place)
            if isinstance(group, GroupAmounts):
                quantiles = tuple(each.value.value for each in group.quantiles)
                rows.append(_Row(text, group.mean, reference, quantiles))
            else:
                rows.append(_Row(text, group.exposure, reference))
    return rows


def _classes(attribute: MulticlassAttribute, heading: str | None) -> list[_Row]:
    rows: list[_Row] = []
    for number, label in enumerate(dict.fromkeys(each.label for each in attribute.groups), start=1):
        shown = drawn_text(label, width=NAME_POINTS) or f"class {number}"
        rows.append(_Row(shown if heading is None else f"{heading}: {shown}", None))
        own = [each for each in attribute.groups if each.label == label and each.metric == _SELECTION]
        rows += [
            _Row(_named(each.group, i), each.rate, each.group == attribute.reference)
            for i, each in enumerate(own, start=1)
        ]
    return rows


def _named(group: str, place: int) -> str:
    return drawn_text(group, width=NAME_POINTS) or f"group {place}"


def _draw(axes: Axes, row: _Row, place: int) -> None:
    figure = row.figure
    if figure is None or figure.value is None:
        write_at_edge(axes, "undefined", place, right=True, color=PUBLISHED_TEXT)
        return
    color, shape = (PRIVILEGED, "s") if row.reference else (PROTECTED, "o")
    if len(row.quantiles) > 1:
        _draw_quantiles(axes, row.quantiles, place)
    if figure.low is not None and figure.high is not None:
        axes.plot([figure.low, figure.high], [place, place], color=color, linewidth=1.5, zorder=3)
    axes.plot(figure.value, place, shape, color=color, clip_on=False, zorder=4)
    write_at_edge(axes, row.number(figure.value), place, right=True)


def _draw_quantiles(axes: Axes, quantiles: Sequence[float | None], place: int) -> None:
    """Draw the range of the outermost quantiles as a line, of the middle ones as a bar, and the median."""
    known = [each for each in quantiles if each is not None]
    if len(known) != len(quantiles):
        return
    axes.plot([known[0], known[-1]], [place, place], color=PALE, linewidth=1.0, zorder=1)
    axes.plot(
        [known[1], known[-2]], [place, place], color=PALE, linewidth=6.0, solid_capstyle="butt", zorder=1
    )
    middle = known[len(known) // 2]
    axes.plot([middle, middle], [place - 0.3, place + 0.3], color=INK, linewidth=0.8, zorder=2)


FIGURES: Final = tuple(
    FigureRow(f"outcome_{kind}", kind, draw_outcomes, alt_outcomes, ("attributes",))
    for kind in ("amounts", "ranking", "classes")
)
