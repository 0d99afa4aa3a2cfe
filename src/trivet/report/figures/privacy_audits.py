"""Figures of audited mechanisms, code and models: what each is shown to spend, attacks, exposed groups."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.privacy.code.results import CodeAudit, NoiseCall
from trivet.privacy.mechanism.results import MechanismAudit
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
MECHANISM_POINTS: Final = 96
#: The axis over its largest value: the numbers beside the marks need room.
ROOM: Final = 1.2
#: Calls that are drawn; the table has all.
MOST: Final = 20


class _Row(NamedTuple):
    """A name and its value, whether that breaks the claim, and which epsilon is claimed."""

    name: str
    value: float
    breaks: bool
    claim: float = 0.0


@styled
def draw_mechanisms(audits: Sequence[MechanismAudit]) -> Figure:
    """Show the lower bound on epsilon by family of events, or by mechanism where there are several."""
    rows = _mechanism_rows(audits)
    figure, axes = _drawn(rows, ".2f", r"$\epsilon$ is at least")
    if len(audits) == 1:
        claimed = audits[0].epsilon
        guide(axes, claimed, f"claimed {claimed:g}", vertical=True, side="end")
    else:
        for place, row in enumerate(rows):
            axes.plot([row.claim] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=0.8)
    return figure


@styled
def draw_code(audits: Sequence[CodeAudit]) -> Figure:
    """Show the change of what each noise was added to, over the scale of the noise."""
    return _drawn(_code_rows(audits), ".3g", "largest change, in scales of the noise")[0]


def _drawn(rows: Sequence[_Row], spec: str, label: str) -> tuple[Figure, Axes]:
    """Draw a line from zero to each value; a diamond stands for what breaks its claim."""
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        color = ATTACKED if row.breaks else CORRECTED
        axes.plot([0, row.value], [place, place], color=PUBLISHED, linewidth=0.8, zorder=1)
        axes.plot(row.value, place, "D" if row.breaks else "o", color=color)
        write_beside(axes, format(row.value, spec), (row.value, place), gap=6, color=color, over=True)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    reach = max(max(row.value, row.claim) for row in rows) or 1.0
    axes.set(xlim=(0, ROOM * reach), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    return figure, axes


def alt_mechanisms(audits: Sequence[MechanismAudit]) -> str:
    """Describe `draw_mechanisms` in words."""
    told = "; ".join(f"{row.name}: {row.value:.2f} of {row.claim:g}" for row in _mechanism_rows(audits))
    return f"Lower bounds on epsilon, each with the claim. {told}."


def alt_code(audits: Sequence[CodeAudit]) -> str:
    """Describe `draw_code` in words."""
    listed = "; ".join(f"{row.name}: {row.value:.3g}" for row in _code_rows(audits))
    return f"Largest change of what noise is added to, in scales of the noise. {listed}."


def _mechanism_rows(audits: Sequence[MechanismAudit]) -> list[_Row]:
    if len(audits) == 1:
        (audit,) = audits
        bounds = [
            (each.family.replace("_", " "), each.epsilon_lower, audit.epsilon) for each in audit.findings
        ]
    else:
        names = [drawn_text(audit.name.rpartition(":")[2], width=MECHANISM_POINTS) for audit in audits]
        bounds = [
            (name or f"mechanism {number}", audit.epsilon_lower, audit.epsilon)
            for number, (name, audit) in enumerate(zip(names, audits, strict=True), start=1)
        ]
    return [_Row(name, bound, bound > claim, claim) for name, bound, claim in bounds]


def _code_rows(audits: Sequence[CodeAudit]) -> list[_Row]:
    found = [
        _Row(
            drawn_text(call.site.partition(",")[0], width=MECHANISM_POINTS) or call.family,
            call.spent,
            _accused(audit, call),
        )
        for audit in audits
        for call in audit.calls
        if call.spent is not None
    ]
    return found[:MOST]


def _accused(audit: CodeAudit, call: NoiseCall) -> bool:
    return any(finding.violates and finding.site == call.site for finding in audit.findings)


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
        "privacy_mechanisms",
        "privacy.mechanisms",
        draw_mechanisms,
        alt_mechanisms,
        ("*.name", "*.epsilon", "*.epsilon_lower", "*.findings.*.family", "*.findings.*.epsilon_lower"),
        present=bool,
    ),
    FigureRow(
        "privacy_code",
        "privacy.code",
        draw_code,
        alt_code,
        ("*.name", "*.epsilon", "*.calls.*.site", "*.calls.*.scale", "*.calls.*.seen", "*.calls.*.spent"),
        present=lambda audits: bool(_code_rows(audits)),
    ),
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
