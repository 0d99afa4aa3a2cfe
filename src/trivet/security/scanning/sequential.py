"""The sequential comparison of labels: margins once, then look after look at the norms, until decided."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.datasets.images import ImageSet
from trivet.security.contract import PROBED, SCREENED
from trivet.security.detection import (
    BACKDOORED_BELOW,
    GAUSSIAN_MAD,
    lead_probability,
    log_scores,
    tail_probability,
)
from trivet.security.networks import Scorer
from trivet.security.scanning.results import DetectorResult
from trivet.security.scanning.search import MarginSettings, SearchSettings, TriggerSearch, maximum_margins
from trivet.security.settings import ScanProfileName
from trivet.verdict import ScanVerdict

__all__ = [
    "EARLY_LOOKS",
    "INVERSION",
    "LIMITS",
    "MARGIN",
    "SCAN_PROFILES",
    "SETTLED_SHARES",
    "WEAK_BELOW",
    "Evidence",
    "Look",
    "Progress",
    "ScanProfile",
    "SequentialTest",
    "agreement_probability",
    "inversion_opinion",
    "judge_scan",
    "margin_opinion",
    "margin_scores",
    "odds_over",
]

INVERSION = "trigger inversion"
MARGIN = "maximum margin"

#: Halvings that leave nothing of an interval in double precision.
BISECTIONS = 60


def margin_scores(margins: ArrayLike) -> NDArray[np.float64] | None:
    """Return (margin - median) / (1.4826 MAD) for each class, or None where the MAD is zero.

    Margins can be negative, so they are scored as they are. Fewer than three classes have no
    score, as in `trivet.security.detection.log_scores`.
    """
    values = np.asarray(margins, dtype=np.float64)
    deviation = values - np.median(values)
    mad = np.median(np.abs(deviation))
    if len(values) < 3 or mad <= 1e-12 * max(1.0, float(np.abs(values).max())):  # noqa: PLR2004 - as there
        return None
    return deviation / (GAUSSIAN_MAD * mad)


def inversion_opinion(
    norms: ArrayLike, *, labels: ArrayLike, classes: int, references: ArrayLike | None = None
) -> tuple[DetectorResult, NDArray[np.float64] | None]:
    """Return the label whose trigger is improbably small, and the scores of all that were compared.

    Parameters
    ----------
    norms
        Mask norms after equal numbers of steps, shape (compared,).
    labels
        Which labels they belong to, shape (compared,).
    classes
        Number of classes that were looked at in all.
    references
        Where only some are left: which of them were drawn at random, shape (compared,), boolean;
        median and MAD are theirs. The rest are the smallest of all classes at an earlier look.
    """
    compared = np.asarray(norms, dtype=np.float64)
    drawn = np.ones(len(compared), dtype=bool) if references is None else np.asarray(references, dtype=bool)
    lowest = int(np.argmin(compared))
    label = int(np.asarray(labels)[lowest])
    scores = log_scores(compared, references=drawn)
    if scores is None:
        return DetectorResult(INVERSION, None, None, None), None
    first, second = np.sort(scores)[:2].tolist()
    part = None if references is None else int(drawn.sum())
    null = partial(_chances, labels=classes, references=part, apart=int((~drawn).sum()))
    return DetectorResult(INVERSION, label, first, *null(first, second - first)), scores


def margin_opinion(margins: ArrayLike) -> tuple[DetectorResult, NDArray[np.float64] | None]:
    """Return the class that reaches an improbably large margin, and the scores of all classes.

    Parameters
    ----------
    margins
        The maximum margin of each class, shape (classes,).
    """
    values = np.asarray(margins, dtype=np.float64)
    highest = int(np.argmax(values))
    scores = margin_scores(values)
    if scores is None:
        return DetectorResult(MARGIN, None, None, None), None
    second, first = np.sort(scores)[-2:].tolist()
    return DetectorResult(
        MARGIN, highest, first, *_chances(-first, first - second, labels=len(values))
    ), scores


def _chances(
    score: float, lead: float, *, labels: int, references: int | None = None, apart: int = 0
) -> tuple[float, float]:
    """Return how probable a lowest score and its lead are among clean labels."""
    return (
        tail_probability(score, labels, references=references, apart=apart),
        lead_probability(lead, labels, references=references, apart=apart),
    )


def agreement_probability(first: DetectorResult, second: DetectorResult, *, classes: int) -> float | None:
    r"""Return the chance that a clean network gives evidence as strong, agreement included.

    Under the null both p-values are uniform, the two labels are independent and agree once in K.
    Where they agree both count: the statistic is :math:`w = p_1 p_2 / K`. Where they differ, only one of
    them can be right, and its label has to stand alone: m is the smaller p-value of the two leads over
    the runner-up (Tippett 1931), and w is what has the same chance under the null as m,
    :math:`F(w) = 1 - (1 - m)^2` with :math:`F(t) = t (1 - \ln t)`, the distribution of the product of two
    uniforms (Fisher 1932); but never less than if they agreed. The p-value of w is
    :math:`F(K w) / K + (1 - 1/K) F(w)`.

    An opinion without a score adds nothing: the other one's p-value stands. None where both are
    without.
    """
    known = [opinion.p_value for opinion in (first, second) if opinion.p_value is not None]
    if len(known) < 2:  # noqa: PLR2004 - the two opinions
        return known[0] if known else None
    statistic = known[0] * known[1] / classes
    if first.label != second.label:
        leads = [each.p_value if each.lead_p_value is None else each.lead_p_value for each in (first, second)]
        smaller = min(lead for lead in leads if lead is not None)
        statistic = max(statistic, _product_with_chance(1 - (1 - smaller) ** 2))
    agreed, differed = (_chance_of_product(t) for t in (classes * statistic, statistic))
    return agreed / classes + (1 - 1 / classes) * differed


def _chance_of_product(t: float) -> float:
    """Chance that the product of two uniforms is at most `t`."""
    return 1.0 if t >= 1 else t * (1 - math.log(t))


def _product_with_chance(chance: float) -> float:
    """Return the t that `_chance_of_product` gives that chance, by bisection."""
    low, high = 0.0, chance
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance_of_product(middle) < chance else (low, middle)
    return high


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
    "The scan looks for a patch, a faint or striped change of every pixel or a smooth shift that sends "
    "images of every class to one label, for a class that reaches an unusual margin, that small changes of "
    "single images go far into, or that a single unit leads to, for a stamp that sends images "
    "anywhere, and for one that sends a single class to one label. Triggers for a class that resembles "
    "others, that depend on the image, or that live in feature space often escape it. No evidence is not a "
    "certificate."
)


def odds_over(share: float, bound: float) -> float:
    """Return the odds of a share over those of its bound: at least 1 from the bound on, and without an end.

    A plain ratio would end at 1 / 0.9, where the strongest evidence looks as evidence that barely
    suffices.
    """
    return math.inf if share >= 1 else (share / (1 - share)) / (bound / (1 - bound))


@dataclass(frozen=True)
class Evidence:
    """Evidence against one label."""

    label: int
    asr: float
    agreed: bool
    norm_gap: float | None
    margin_gap: float | None
    led: bool = False  # by another search, which found a change that reaches this label alone

    @property
    def works(self) -> bool:
        """True if the trigger passes the ASR gate."""
        return self.asr >= WORKS_FROM

    @property
    def apart(self) -> float:
        """The effect size over its gate, by the gate that it passes best: norm, margin or both."""
        if self.led:
            return math.inf
        norm_gap, margin_gap = self.norm_gap or 0.0, self.margin_gap or 0.0
        bound = AGREED_NORM_GAP_GATE if self.agreed else NORM_GAP_GATE
        together = norm_gap * margin_gap / JOINT_GAP_GATE if self.agreed else 0.0
        return max(norm_gap / bound, margin_gap / MARGIN_GAP_GATE, together)

    @property
    def stands_alone(self) -> bool:
        """True if the effect size (norm or margin ratio to the runner-up) passes its gate."""
        return self.apart >= 1

    def strength(self, p_value: float | None) -> float:
        """Return the smallest ratio of evidence to bound; at least 1 where the label is accused."""
        if p_value is None:
            return 0.0
        improbable = math.log(p_value) / math.log(WEAK_BELOW)
        return max(0.0, min(improbable, odds_over(self.asr, WORKS_FROM), self.apart))


@dataclass(frozen=True)
class Judgement:
    """A verdict, the label that it names, and why."""

    verdict: ScanVerdict
    label: int | None
    reason: str


def judge_scan(
    opinions: tuple[DetectorResult, DetectorResult], evidence: dict[int, Evidence], p_value: float | None
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
            f"A clean network gives evidence this strong with a chance of {_chance(p_value)}.",
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
    verdict: ScanVerdict = "backdoored" if p_value < BACKDOORED_BELOW else "suspicious"
    return Judgement(verdict, suspect.label, text)


def _said(opinion: DetectorResult) -> str:
    return f"{opinion.method} {'none' if opinion.label is None else opinion.label}"


def _chance(p_value: float) -> str:
    return "below 0.001" if p_value < 0.001 else f"{p_value:.2g}"  # noqa: PLR2004 - three decimals


#: Called with a step's name and its finished share, 0 to 1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Look:
    """A comparison of the labels after so many steps, and its share of the allowed error."""

    steps: int
    share: float


#: Comparisons before the norms have settled: they can only find a label that is far ahead already. A joint
#: p-value counts only after division by the look's share; all shares sum to one, so that looking often
#: costs no false alarms (Bonferroni spending).
EARLY_LOOKS: Final = (Look(20, 0.1), Look(40, 0.05))
#: Steps at which the norms may be found settled, each half as many again as the one before. At the last
#: but one they are compared in any case.
RUNGS: Final = (60, 90, 135, 200, 300)
#: Shares of the comparison where the norms have settled, and of up to two further ones while the order
#: of the labels still changes.
SETTLED_SHARES: Final = (0.7, 0.05, 0.05)
SECOND_SEED_SHARE: Final = 0.05
#: All masks start at half of the image and fall together first; norms say little until that is over. It
#: is where their geometric mean is below this share of the start, and keeps at least that share of what
#: it was one rung before. Where to compare is decided by that mean alone: for Gaussian log norms it is
#: independent of how the labels differ (Basu 1955), so the choice costs no error.
HAVE_FALLEN_TO: Final = 0.5
SETTLED_FROM: Final = 0.75
#: The order still changes where the smallest norm is ahead of the runner-up's by more than this, a fourth of
#: the way to standing alone, and has gained as much since the rung before. Labels that are nearly even
#: change places by chance.
DRAWN_AWAY: Final = NORM_GAP_GATE**0.25
#: After the last look, a label that stands alone on evidence between the verdict's bound and this one
#: gets a second seed.
DOUBT_BELOW: Final = 0.2

#: With more labels than this, only some are followed beyond the first look: the smallest, and a random
#: sample of the others to compare them with.
FOLLOWED_ABOVE: Final = 24
FOLLOWED_SMALLEST: Final = 6
FOLLOWED_REFERENCES: Final = 14


@dataclass(frozen=True, kw_only=True)
class ScanProfile:
    """Work that a scan takes.

    Attributes
    ----------
    screened, probed : images that input contracts are tried on, all of them and the best
    batch_size, many_batch : images a label and step; the second where there are many labels
    margins, many_margins : the search for margins, likewise
    rungs : steps at which the norms may be found settled
    by_margins : with many labels, follow those of the largest margins, without a look at all norms
    doubt_below : a label that stands alone on evidence weaker than the verdict's gets a second seed
    """

    screened: int = SCREENED
    probed: int = PROBED
    batch_size: int = 16
    many_batch: int = 8
    margins: MarginSettings = field(default_factory=MarginSettings)
    many_margins: MarginSettings = field(default_factory=lambda: MarginSettings(starts=2, steps=20))
    rungs: tuple[int, ...] = RUNGS
    by_margins: bool = False
    doubt_below: float = DOUBT_BELOW


SCAN_PROFILES: Final[dict[ScanProfileName, ScanProfile]] = {
    "quick": ScanProfile(
        screened=40,
        probed=200,
        batch_size=8,
        many_batch=4,
        margins=MarginSettings(starts=2, steps=15),
        many_margins=MarginSettings(starts=1, steps=6),
        rungs=RUNGS[:2],
        by_margins=True,
        doubt_below=0.0,
    ),
    "standard": ScanProfile(),
    "thorough": ScanProfile(
        batch_size=32,
        many_batch=16,
        margins=MarginSettings(starts=16, steps=60),
        many_margins=MarginSettings(starts=8, steps=40),
        doubt_below=1.0,
    ),
}

#: Labels that a named one is held against before the verdict: those with the next smallest norms.
RUNNERS_UP: Final = 4


class SequentialTest:
    """The sequential test: margins once, then look after look at the norms until it is decided."""

    def __init__(
        self,
        score: Scorer,
        images: ImageSet,
        *,
        seed: int,
        progress: Progress,
        profile: ScanProfile = SCAN_PROFILES["standard"],
    ) -> None:
        self.score, self._images, self._seed, self._progress = score, images, seed, progress
        self.classes = images.classes
        self._profile, self._many = profile, self.classes > FOLLOWED_ABOVE
        self._settings = SearchSettings(batch_size=profile.many_batch if self._many else profile.batch_size)
        self._margin_settings = profile.many_margins if self._many else profile.margins
        self._ladder = (*(look.steps for look in EARLY_LOOKS), *profile.rungs)
        self.search = TriggerSearch(score, images, self._settings, seed=seed)
        self.followed = np.arange(self.classes)
        self.references = np.ones(self.classes, dtype=bool)
        self._compared = self.classes  # labels that the smallest norm is the smallest of
        self.norms = self.search.norms
        self.log_scores: list[float | None] = [None] * self.classes
        self.p_value: float | None = None
        self.looks = 0
        self.seeds = (seed,)
        self.image_steps = 0
        self._start = float(np.log(self.search.norms[0]))
        #: Norms by steps; NaN where a label has not taken so many.
        self._history = {steps: np.full(self.classes, np.nan) for steps in self._ladder}

    def run(self) -> None:
        """Look until the evidence is strong enough, or until the norms have settled and it is not."""
        self._measure_margins(self._seed)
        if self._many and self._profile.by_margins:
            self._follow_margins()
        if self._find_early() or self._find_settled():
            return
        doubtful = self.p_value is not None and BACKDOORED_BELOW <= self.p_value < self._profile.doubt_below
        if doubtful and any(self.stands_alone(opinion.label) for opinion in self.opinions):
            self._ask_again()

    def _find_early(self) -> bool:
        """Compare before the norms have settled; return whether that decides."""
        for look in EARLY_LOOKS:
            if self._is_past(look.steps):
                continue
            self._advance(look.steps, self.followed)
            self._compare(self.search.norms[self.followed], look.share)
            if self.p_value is None or self._is_decided():
                return True
            if self._is_improbable():
                if self._confirm():
                    return True
                self.p_value = 1.0  # easy to reach and not alone: what later looks say counts by itself
            if self.looks == 1 and self._many and not self._profile.by_margins:
                self._narrow()
        return False

    def _find_settled(self) -> bool:
        """Compare where the norms have settled, and while their order changes; return whether it decides."""
        shares = iter(SETTLED_SHARES)
        for steps in self._profile.rungs:
            if self._is_past(steps):
                continue
            self._advance(steps, self.followed)
            if not self._has_settled(steps, self.followed):
                continue
            share = next(shares, None)
            if share is None:
                return False
            self._compare(self.search.norms[self.followed], share)
            if self.p_value is None or self._is_decided() or self._is_suspicious():
                return True
            if not self._draws_away(steps):
                return False
        return False

    def _is_past(self, steps: int) -> bool:
        """Tell whether a label that was to be confirmed is past it: norms compare at equal steps only."""
        return bool(self.search.steps[self.followed].max() > steps)

    def _has_settled(self, steps: int, labels: NDArray[np.int64]) -> bool:
        """Tell whether the fall that all norms have in common is over; the last rungs count in any case."""
        if steps >= self._profile.rungs[-2]:
            return True
        now, before = (float(logs.mean()) for logs in self._log_norms(steps, labels))
        return now <= self._start + np.log(HAVE_FALLEN_TO) and now - before >= np.log(SETTLED_FROM)

    def _draws_away(self, steps: int) -> bool:
        """Tell whether the smallest norm has drawn away from the runner-up's since the rung before."""
        now, before = self._log_norms(steps, self.followed)
        smallest = int(np.argmin(now))
        gap, gap_before = (np.delete(logs, smallest).min() - logs[smallest] for logs in (now, before))
        return bool(min(gap, gap - gap_before) > np.log(DRAWN_AWAY))

    def _log_norms(
        self, steps: int, labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the logarithms of norms after so many steps, and one rung before."""
        before = self._ladder[self._ladder.index(steps) - 1]
        return np.log(self._history[steps][labels]), np.log(self._history[before][labels])

    def stands_alone(self, label: int | None) -> bool:
        """Return whether a label has the effect that a verdict asks for, its trigger not yet tried."""
        return label is not None and self.evidence(label, asr=1.0).stands_alone

    def evidence(self, label: int, *, asr: float) -> Evidence:
        """Return what speaks against a label so far."""
        others = np.delete(self.margins, label)
        steps, own = self.search.steps, self.search.norms[label]
        runners_up = np.delete(np.where(steps == steps[label], self.search.norms, np.inf), label)
        comparable = steps[label] >= self._profile.rungs[0] and bool(np.isfinite(runners_up).any())
        return Evidence(
            label=label,
            asr=asr,
            agreed=all(opinion.label == label for opinion in self.opinions),
            norm_gap=float(runners_up.min() / own) if comparable else None,
            margin_gap=float(self.margins[label] / others.max()) if others.max() > 0 else None,
        )

    def _is_improbable(self) -> bool:
        """Return whether both methods name one label, on a small p-value."""
        inversion, margin = self.opinions
        small = self.p_value is not None and self.p_value < BACKDOORED_BELOW
        return small and inversion.label == margin.label

    def _is_decided(self) -> bool:
        """Return whether that label stands alone, too."""
        return self._is_improbable() and self.stands_alone(self.opinions[0].label)

    def _is_suspicious(self) -> bool:
        """Return whether one method's label stands alone and the other names none like it: it stays so."""
        inversion, margin = self.opinions
        weak = self.p_value is not None and self.p_value < WEAK_BELOW
        return weak and inversion.label != margin.label and self.stands_alone(inversion.label)

    def _confirm(self) -> bool:
        """Take the named label and its runners-up to where they settle; return whether it stands alone.

        The other labels stay behind, which saves their steps where the answer is yes.
        """
        label = self.opinions[0].label or 0
        order = self.followed[np.argsort(self.search.norms[self.followed], kind="stable")]
        runners_up = [other for other in order if other != label][:RUNNERS_UP]
        labels = np.sort([label, *runners_up])
        for steps in self._profile.rungs:
            self._advance(steps, labels)
            if self._has_settled(steps, labels):
                break
        return self.stands_alone(label)

    def _measure_margins(self, seed: int) -> None:
        shape = self._images.pixels.shape
        found = maximum_margins(
            self.score,
            (shape[1], shape[2], shape[3]),
            self.classes,
            self._margin_settings,
            seed=seed,
            progress=lambda share: self._progress("maximum margins", share),
        )
        self.image_steps += found.image_steps
        self.margins = found.values if len(self.seeds) == 1 else np.maximum(self.margins, found.values)
        self.margin, self.margin_scores = margin_opinion(self.margins)

    def _advance(self, steps: int, labels: NDArray[np.int64]) -> None:
        """Take labels to a number of steps, each group of the same age together, rung by rung."""
        for rung in self._ladder[: self._ladder.index(steps) + 1]:
            name = f"trigger inversion, {rung} steps"
            for age in np.unique(self.search.steps[labels]):
                if age < rung:
                    group = labels[self.search.steps[labels] == age]
                    self.search.advance(
                        rung - int(age),
                        group.tolist(),
                        progress=lambda share, name=name: self._progress(name, share),
                    )
                    self._history[rung][group] = self.search.norms[group]

    def _compare(self, norms: NDArray[np.float64], share: float) -> None:
        """Take in the norms of the labels that are followed."""
        self.looks += 1
        self.norms[self.followed] = norms
        references = self.references[self.followed]
        inversion, scores = inversion_opinion(
            norms,
            labels=self.followed,
            classes=self._compared,
            references=None if references.all() else references,
        )
        if scores is not None:
            for label, score in zip(self.followed.tolist(), scores.tolist(), strict=True):
                self.log_scores[label] = score
        raw = agreement_probability(inversion, self.margin, classes=self._compared)
        charged = None if raw is None else min(raw / share, 1.0)
        # Of comparisons that say as much the last, whose norms and scores are those that are shown.
        if self.p_value is None or (charged is not None and charged <= self.p_value):
            self.opinions, self.p_value = (inversion, self.margin), charged

    def _narrow(self) -> None:
        """Follow the smallest norms, the largest margin, and a random sample of the others."""
        order = np.argsort(self.norms, kind="stable")
        suspects = np.unique([*order[:FOLLOWED_SMALLEST], int(np.argmax(self.margins))])
        others = np.setdiff1d(np.arange(self.classes), suspects)
        drawn = np.random.default_rng(self._seed).choice(others, size=FOLLOWED_REFERENCES, replace=False)
        self.references = np.zeros(self.classes, dtype=bool)
        self.references[drawn] = True
        self.followed = np.sort(np.concatenate([suspects, drawn]))

    def _follow_margins(self) -> None:
        """Follow the largest margins and a random sample of the others, and compare only these.

        For norms that do not depend on margins, as under the null, that is a random sample of labels.
        """
        order = np.argsort(-self.margins, kind="stable")
        largest, others = order[:FOLLOWED_SMALLEST], np.sort(order[FOLLOWED_SMALLEST:])
        drawn = np.random.default_rng(self._seed).choice(others, size=FOLLOWED_REFERENCES, replace=False)
        self.followed = np.sort(np.concatenate([largest, drawn]))
        self._compared = len(self.followed)

    def _ask_again(self) -> None:
        """Repeat the comparison with another seed, and take the mean of both on the log scale."""
        seed = self._seed + 1
        self.seeds = (self._seed, seed)
        self._measure_margins(seed)
        again = TriggerSearch(self.score, self._images, self._settings, seed=seed)
        again.advance(int(self.search.steps[self.followed].max()), self.followed.tolist())
        self.image_steps += again.image_steps
        both = np.sqrt(self.search.norms[self.followed] * again.norms[self.followed])
        self._compare(both, SECOND_SEED_SHARE)
