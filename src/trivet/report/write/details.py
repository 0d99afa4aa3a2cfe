"""Content that the cards of page and paper share, and the paper's section on findings and policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trivet.findings.rules import REQUIREMENT
from trivet.findings.summary import Line, Summary
from trivet.report.text import tree
from trivet.report.write.writer import Writer

__all__ = [
    "MOST_LINES",
    "Kind",
    "findings_blocks",
    "kinds_of",
    "outcome_of",
    "policy_text",
    "telling_figures",
]

#: Findings that a card lists.
MOST_LINES: Final = 10
#: The figures of each leg, the most telling first.
TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "security": ("security_scan_trigger", "security_scan_profile", "trigger_reconstructed"),
    "privacy": (
        "privacy_membership_roc",
        "privacy_mechanisms",
        "privacy_code",
        "privacy_plan_noise",
        "privacy_training_curves",
        "privacy_scenarios",
    ),
    "fairness": (
        "fairness_audit_impact",
        "fairness_audit_measures",
        "fairness_mitigation_frontier",
        "fairness_comparison",
    ),
}


def telling_figures(summary: Summary, figures: Sequence[tree.Figure]) -> dict[str, tree.Figure]:
    """Return the most telling figure of each leg of a document; under an empty name that of none."""
    by_name = {figure.name: figure for figure in figures}
    found: dict[str, tree.Figure] = {}
    for leg in summary.legs:
        names = TELLING.get(leg.leg, ())
        if (name := next((name for name in names if name in by_name), None)) is not None:
            found[leg.leg] = by_name[name]
    if not found and figures:
        found[""] = figures[0]
    return found


@dataclass(frozen=True)
class Kind:
    """Findings that matter for the same reason, the most serious first; the reason is said once for all."""

    lines: tuple[Line, ...]

    @property
    def why(self) -> str:
        """Return why they matter."""
        return self.lines[0].finding.why

    @property
    def actions(self) -> tuple[str, ...]:
        """Return what to do about them, each advice once."""
        return tuple(dict.fromkeys(line.finding.action for line in self.lines if line.finding.action))

    @property
    def source(self) -> str:
        """Return where reason and method are from."""
        return "; ".join(dict.fromkeys(line.finding.source for line in self.lines if line.finding.source))


def kinds_of(summary: Summary) -> tuple[tuple[Kind, ...], tuple[Line, ...]]:
    """Return the open findings by why they matter, those of the most serious one first, and what passed."""
    kinds: dict[str, list[Line]] = {}
    for line in summary.lines:
        if line.finding.level != "pass":
            kinds.setdefault(line.finding.why or line.finding.id, []).append(line)
    passed = tuple(line for line in summary.lines if line.finding.level == "pass")
    return tuple(Kind(tuple(lines)) for lines in kinds.values()), passed


def findings_blocks(writer: Writer, summary: Summary) -> tree.Nodes:
    """Return the section on findings and policy as blocks of a writer; none where nothing was found.

    A finding that the card lists is not measured again.
    """
    if not summary.lines:
        return []
    on_card = {line.finding.id for line in summary.cut(MOST_LINES)[0]}
    blocks: tree.Nodes = [*_heading(writer, "findings", "Findings", 1)]
    kinds, passed = kinds_of(summary)
    for kind in kinds:
        blocks += [_finding(writer, line, listed=line.finding.id in on_card) for line in kind.lines]
        actions = [part for action in kind.actions for part in _prose(writer, f" {action}")]
        blocks.append(_paragraph([writer.said(kind.why), *actions, writer.said(f" ({kind.source}.)")]))
    blocks += [_finding(writer, line, listed=line.finding.id in on_card) for line in passed]
    blocks += _heading(writer, "policy", "Policy", 2)
    rows = [line for line in summary.lines if line.finding.rule == REQUIREMENT]
    items = [[writer.said(line.required, code=True), writer.said(f": {outcome_of(line)}")] for line in rows]
    items += [
        [writer.said(f"{line.name}: {line.finding.waiver}")] for line in summary.lines if line.finding.waiver
    ]
    if items:
        blocks.append({"t": "BulletList", "c": [[tree.plain(item)] for item in items]})
    return [*blocks, _paragraph([writer.said(policy_text(rows, summary))])]


def _heading(writer: Writer, identifier: str, title: str, level: int) -> tree.Nodes:
    return writer.section(tree.Section(identifier, None, level, [tree.text(title)], appendix=False))


def _finding(writer: Writer, line: Line, *, listed: bool) -> tree.Node:
    """Write one finding in a paragraph."""
    finding = line.finding
    head = {"t": "Strong", "c": [writer.said(f"{finding.level.capitalize()}: {_ended(finding.title)}")]}
    told = [writer.said(f" {finding.message}")]
    if line.value and not listed:
        required = f"; required: {line.required}" if line.required else ""
        told.append(writer.said(f" {line.told}{required}."))
    if finding.decision:
        told.append(writer.said(f" {finding.decision}"))
    if finding.waiver:
        told.append(writer.said(f" {finding.waiver[:1].upper()}{finding.waiver[1:]}."))
    return _paragraph([head, *told])


def _prose(writer: Writer, text: str) -> tree.Nodes:
    """Write a sentence in which commands stand between backticks."""
    return [writer.said(part, code=bool(place % 2)) for place, part in enumerate(text.split("`")) if part]


def _ended(title: str) -> str:
    return title if title.endswith(("?", ".")) else f"{title}."


def _paragraph(inlines: tree.Nodes) -> dict[str, Any]:
    return {"t": "Para", "c": inlines}


def policy_text(requirements: Sequence[object], summary: Summary) -> str:
    """Say which thresholds hold without a requirement."""
    held = [line for line in summary.lines if line.finding.required and line.finding.rule != REQUIREMENT]
    told = f"{len(held)} measurement{'s'[: len(held) != 1]} to a threshold"
    if requirements:
        return f"Beside the requirements the defaults hold {told}."
    return f"No requirement is set; [policy] in audit.toml has room. The defaults hold {told}."


def outcome_of(line: Line) -> str:
    """Return what became of a requirement."""
    if line.finding.value is None:
        return "not measured"
    return "met" if line.finding.level == "pass" else line.finding.level
