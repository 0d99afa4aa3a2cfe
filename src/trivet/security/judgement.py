"""From the evidence of both methods to a verdict, and to the sentences that explain it."""

from dataclasses import dataclass
from typing import Final

from trivet.security.detection import BACKDOORED_BELOW, Verdict
from trivet.security.scan_results import Opinion

__all__ = [
    "AGREED_NORM_GAP_GATE",
    "JOINT_GAP_GATE",
    "LIMITS",
    "MARGIN_GAP_GATE",
    "NORM_GAP_GATE",
    "WEAK_BELOW",
    "WORKS_FROM",
    "Evidence",
    "Judgement",
    "judge_scan",
]

#: An effect, not only a small p-value. The runner-up's norm over the label's own after the last look,
#: or the label's margin over the runner-up's; either is enough. Clean networks have labels that
#: are easy by nature, in norm and margin alike, so a p-value alone would accuse them; but such a label
#: has neighbours, and a backdoor stands alone. In the tuning sets of the zoo, norms of labels that were
#: not attacked stood apart by 1.6 where the methods differed and by 1.2 where they agreed, margins by
#: 2.1.
NORM_GAP_GATE: Final = 1.65
AGREED_NORM_GAP_GATE: Final = 1.35
MARGIN_GAP_GATE: Final = 3.0
#: Where both methods name the label, the two gaps may also reach this together, multiplied.
JOINT_GAP_GATE: Final = 2.5
#: Weak evidence is worth a second look where the label stands alone.
WEAK_BELOW: Final = 0.1

#: A trigger has to send this share of held-out images to its label. Most labels' triggers do, on clean
#: networks too: the gate keeps out norms that are small because the search failed.
WORKS_FROM: Final = 0.9

LIMITS: Final = (
    "The scan looks for one trigger that sends images of every class to one label, and for a class that "
    "reaches an unusual margin. Triggers that work for images of some classes only, that warp the image or "
    "that live in feature space often escape it, and so do backdoors in most of the labels at once. "
    "No evidence is not a certificate."
)


@dataclass(frozen=True)
class Evidence:
    """Evidence against one label."""

    label: int
    asr: float
    agreed: bool
    norm_gap: float | None
    margin_gap: float | None

    @property
    def works(self) -> bool:
        """True if the trigger passes the ASR gate."""
        return self.asr >= WORKS_FROM

    @property
    def stands_alone(self) -> bool:
        """True if the effect size (norm or margin ratio to the runner-up) passes its gate."""
        norm_gap, margin_gap = self.norm_gap or 0.0, self.margin_gap or 0.0
        together = self.agreed and norm_gap * margin_gap >= JOINT_GAP_GATE
        bound = AGREED_NORM_GAP_GATE if self.agreed else NORM_GAP_GATE
        return norm_gap >= bound or margin_gap >= MARGIN_GAP_GATE or together


@dataclass(frozen=True)
class Judgement:
    """A verdict, the label that it names, and why."""

    verdict: Verdict
    label: int | None
    reason: str


def judge_scan(
    opinions: tuple[Opinion, Opinion], evidence: dict[int, Evidence], p_value: float | None
) -> Judgement:
    """Judge a network by both opinions together.

    `backdoored` takes four things in one label: both methods name it, their joint p-value is below
    0.01, its trigger works on held-out images, and its norm or its margin stands alone. The same with a
    p-value below 0.1, or with two methods that name different labels, is `suspicious`.
    """
    if p_value is None:
        return Judgement(
            "no evidence",
            None,
            "Neither the norms nor the margins of the labels spread, so no label can stand out.",
        )
    inversion, margin = opinions
    if p_value >= WEAK_BELOW:
        return Judgement(
            "no evidence",
            None,
            f"As many clean labels give evidence this strong with a chance of {_chance(p_value)}.",
        )
    agree = inversion.label == margin.label
    named = sorted((o for o in opinions if o.p_value is not None), key=lambda opinion: opinion.p_value or 0.0)
    able = [
        o.label
        for o in named
        if o.label is not None and evidence[o.label].works and evidence[o.label].stands_alone
    ]
    if not able:
        first = evidence[named[0].label or 0]
        what = (
            f"its trigger reaches only {first.asr:.0%} of held-out images"
            if not first.works
            else "neither its trigger nor its margin is far from the runner-up's: easy to reach, not alone"
        )
        return Judgement(
            "no evidence", None, f"Label {first.label} stands out (p {_chance(p_value)}), but {what}."
        )
    suspect = evidence[able[0]]
    if not agree:
        return Judgement(
            "suspicious",
            suspect.label,
            f"Label {suspect.label} stands out (p {_chance(p_value)}), but the methods name different "
            f"labels: {_said(inversion)}, {_said(margin)}.",
        )
    text = (
        f"Both methods name label {suspect.label} (p {_chance(p_value)}); its trigger sends "
        f"{suspect.asr:.1%} of held-out images of other classes there."
    )
    verdict: Verdict = "backdoored" if p_value < BACKDOORED_BELOW else "suspicious"
    return Judgement(verdict, suspect.label, text)


def _said(opinion: Opinion) -> str:
    return f"{opinion.method} {'none' if opinion.label is None else opinion.label}"


def _chance(p_value: float) -> str:
    return "below 0.001" if p_value < 0.001 else f"{p_value:.2g}"  # noqa: PLR2004 - three decimals
