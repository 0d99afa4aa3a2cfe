"""Figures of an audited model: the attacks' ROC curves, and how exposed each group is."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.privacy.membership.results import AttackResult, GroupExposure, MembershipAudit
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import name_ends, write_beside
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PUBLISHED,
    PUBLISHED_TEXT,
    drawn_text,
    guide,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

ROW_HEIGHT: Final = 0.24
#: The axes begin at this share of both kinds of rows.
SMALLEST_RATE: Final = 1e-4
#: Smallest distance between two names beside the curves, as a share of the axes' height.
GAP: Final = 0.09
NAME_POINTS: Final = 110
#: More groups than this are in the tables only; the most exposed ones are drawn.
MOST_GROUPS: Final = 24
_LINES: Final = {"lira-online": "-", "lira-offline": "--", "rmia": ":", "quantile": "-."}


@styled
def draw_membership_roc(audit: MembershipAudit) -> Figure:
    """Show each attack's ROC curve on logarithmic axes, against guessing."""
    figure = new_figure(width=COLUMN_WIDTH, height=2.9)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    low = max(SMALLEST_RATE, 0.5 / max(attack.non_members for attack in audit.attacks))
    axes.set(xlim=(low, 1), ylim=(low, 1), xlabel="non-members accused (FPR)", ylabel="members found (TPR)")
    axes.plot([low, 1], [low, 1], color=INK, linewidth=0.6, zorder=0.5)
    ends: list[tuple[float, float, str, str]] = [(1.0, low, "line: guessing", INK)]
    for attack in audit.attacks:
        best = attack.attack == audit.best_attack
        points = [(max(x, low), y) for x, y in zip(attack.roc.fpr, attack.roc.tpr, strict=True) if y >= low]
        axes.plot(
            *zip(*points, strict=True),
            _LINES.get(attack.attack, "-"),
            color=CORRECTED if best else PUBLISHED,
            linewidth=1.6 if best else 1.0,
            drawstyle="steps-post",  # nothing between two points can be had by the attacker
            zorder=3 if best else 2,
        )
        ends.append((1.0, 1.0, f"{attack.attack}, {attack.auroc:.3f}", CORRECTED if best else PUBLISHED_TEXT))
    name_ends(axes, ends, gap=GAP)
    _rates(axes, audit)
    return figure


def alt_membership_roc(audit: MembershipAudit) -> str:
    """Describe `draw_membership_roc` in words."""
    told = "; ".join(f"{attack.attack}: {_told(attack)}" for attack in audit.attacks)
    return (
        "Share of members that each attack finds over the share of non-members that it wrongly accuses, "
        f"on logarithmic axes. {told}."
    )


@styled
def draw_exposure(audit: MembershipAudit) -> Figure:
    """Show the members found in each group at the common threshold, with intervals."""
    rows = _shown(audit)
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    highest = 0.0
    for place, row in enumerate(rows):
        chosen = (row.column, row.group) == (audit.most_exposed_column, audit.most_exposed_group)
        color = ATTACKED if chosen else CORRECTED
        if row.tpr.value is None or row.tpr.low is None or row.tpr.high is None:
            end, text, color = 0.0, "too few rows", PUBLISHED_TEXT
        else:
            axes.plot([row.tpr.low, row.tpr.high], [place, place], color=color, linewidth=1.0)
            axes.plot(row.tpr.value, place, "D" if chosen else "o", color=color)
            end, text = row.tpr.high, f"{row.tpr.value:.2%}"
        write_beside(axes, text, (end, place), gap=4, color=color, over=True)
        highest = max(highest, end)
    guide(axes, rows[0].fpr, f"guessing {rows[0].fpr:g}", vertical=True, side="end")
    axes.set_yticks(range(len(rows)), [_group_name(number, row) for number, row in enumerate(rows, start=1)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.set(
        xlim=(0, 1.22 * max(highest, rows[0].fpr)),
        ylim=(len(rows) - 0.5, -0.5),
        xlabel=f"members found where {rows[0].fpr:g} of all non-members are accused",
    )
    return figure


def alt_exposure(audit: MembershipAudit) -> str:
    """Describe `draw_exposure` in words."""
    told = "; ".join(
        f"{row.column} {row.group}: {row.tpr.value:.4f} ({row.tpr.low:.4f} to {row.tpr.high:.4f})"
        for row in _shown(audit)
        if None not in (row.tpr.value, row.tpr.low, row.tpr.high)
    )
    return f"Share of members found in each group at the common threshold, with its interval. {told}."


def _shown(audit: MembershipAudit) -> list[GroupExposure]:
    """Order the groups as they are drawn: the most exposed first, the unmeasured last."""
    return sorted(
        audit.groups, key=lambda row: -1.0 if row.tpr.value is None else row.tpr.value, reverse=True
    )[:MOST_GROUPS]


def _group_name(number: int, row: GroupExposure) -> str:
    return drawn_text(f"{row.column}: {row.group}", width=NAME_POINTS) or f"group {number}"


def _rates(axes: Axes, audit: MembershipAudit) -> None:
    """Mark the rates that the tables give, of the best attack."""
    best = next(attack for attack in audit.attacks if attack.attack == audit.best_attack)
    for rate in best.rates:
        if rate.tpr.value is None or rate.tpr.low is None or rate.tpr.high is None or rate.tpr.low <= 0:
            continue
        axes.plot([rate.fpr] * 2, [rate.tpr.low, rate.tpr.high], color=CORRECTED, linewidth=1.0, zorder=4)
        axes.plot(rate.fpr, rate.tpr.value, "o", color=CORRECTED, zorder=4)


def _told(attack: AttackResult) -> str:
    rates = [f"{rate.tpr.value:.4f} at {rate.fpr:g}" for rate in attack.rates if rate.tpr.value is not None]
    return f"area {attack.auroc:.4f}" + (f", {' and '.join(rates)}" if rates else "")


FIGURES: Final = (
    FigureRow(
        "privacy_membership_roc",
        "privacy.membership",
        draw_membership_roc,
        alt_membership_roc,
        (
            "best_attack",
            "attacks.*.attack",
            "attacks.*.auroc",
            "attacks.*.rates.*.fpr",
            "attacks.*.rates.*.tpr",
            "attacks.*.roc",
        ),
    ),
    FigureRow(
        "privacy_membership_groups",
        "privacy.membership",
        draw_exposure,
        alt_exposure,
        (
            "most_exposed_column",
            "most_exposed_group",
            "groups.*.column",
            "groups.*.group",
            "groups.*.fpr",
            "groups.*.tpr",
        ),
        present=lambda audit: bool(audit.groups),
    ),
)
