"""The sequential comparison of labels: margins once, then look after look at the norms, until decided."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Scorer
from trivet.security.detection import BACKDOORED_BELOW
from trivet.security.judgement import Evidence
from trivet.security.margins import MarginSettings, maximum_margins
from trivet.security.opinions import agreement_probability, inversion_opinion, margin_opinion
from trivet.security.search import SearchSettings, TriggerSearch

__all__ = ["LOOKS", "Comparison", "Look", "Progress"]

#: Called with a step's name and its finished share, 0 to 1.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Look:
    """A comparison of the labels after so many steps, and its share of the allowed error."""

    steps: int
    share: float


#: When the labels are compared. A joint p-value counts only after division by the look's share; the
#: shares sum to one with that of the second seed, so that looking often costs no false alarms
#: (Bonferroni spending).
LOOKS: Final = (Look(20, 0.1), Look(40, 0.05), Look(60, 0.8))
SECOND_SEED_SHARE: Final = 0.05
#: From the second look on, evidence weaker than this ends the search.
HOPELESS_ABOVE: Final = 0.5
#: After the last look, a label that stands alone on evidence between the verdict's bound and this one
#: gets a second seed.
DOUBT_BELOW: Final = 0.2

#: With more labels than this, only some are followed beyond the first look: the smallest, and a random
#: sample of the others to compare them with.
FOLLOWED_ABOVE: Final = 24
FOLLOWED_SMALLEST: Final = 6
FOLLOWED_REFERENCES: Final = 14
#: Images a label and step, and the search for margins, where there are that many labels.
MANY_LABELS_BATCH: Final = 8
MANY_LABELS_MARGINS: Final = MarginSettings(starts=2, steps=20)

#: Labels that a named one is held against before the verdict: those with the next smallest norms.
RUNNERS_UP: Final = 4


class Comparison:
    """The sequential test: margins once, then look after look at the norms until it is decided."""

    def __init__(self, score: Scorer, images: ImageSet, *, seed: int, progress: Progress) -> None:
        self.score, self._images, self._seed, self._progress = score, images, seed, progress
        self.classes = images.classes
        self._settings, self._margin_settings = SearchSettings(), MarginSettings()
        if self.classes > FOLLOWED_ABOVE:
            self._settings = replace(self._settings, batch_size=MANY_LABELS_BATCH)
            self._margin_settings = MANY_LABELS_MARGINS
        self.search = TriggerSearch(score, images, self._settings, seed=seed)
        self.followed = np.arange(self.classes)
        self.references = np.ones(self.classes, dtype=bool)
        self.norms = np.zeros(self.classes)
        self.log_scores: list[float | None] = [None] * self.classes
        self.p_value: float | None = None
        self.looks = 0
        self.seeds = (seed,)
        self.image_steps = 0

    def run(self) -> None:
        """Look until the evidence is strong enough, or hopeless, or the looks are used up."""
        self._measure_margins(self._seed)
        for look in LOOKS:
            if self.search.steps[self.followed].max() > look.steps:
                continue  # a label that was to be confirmed is past it, and norms compare at equal steps only
            self._advance(look.steps, self.followed)
            raw = self._compare(self.search.norms[self.followed], look.share)
            if self.p_value is None or self._is_decided():
                return
            if self._is_improbable() and look is not LOOKS[-1]:
                if self._confirm():
                    return
                self.p_value = 1.0  # easy to reach and not alone: what the last look says counts by itself
            if self.looks > 1 and raw >= HOPELESS_ABOVE:
                return
            if self.looks == 1 and self.classes > FOLLOWED_ABOVE:
                self._narrow()
        doubtful = self.p_value is not None and BACKDOORED_BELOW <= self.p_value < DOUBT_BELOW
        if doubtful and any(self.stands_alone(opinion.label) for opinion in self.opinions):
            self._ask_again()

    def stands_alone(self, label: int | None) -> bool:
        """Return whether a label has the effect that a verdict asks for, its trigger not yet tried."""
        return label is not None and self.evidence(label, asr=1.0).stands_alone

    def evidence(self, label: int, *, asr: float) -> Evidence:
        """Return what speaks against a label so far."""
        others = np.delete(self.margins, label)
        finished = self.search.steps >= LOOKS[-1].steps
        runners_up = np.delete(np.where(finished, self.search.norms, np.inf), label)
        own = self.search.norms[label]
        return Evidence(
            label=label,
            asr=asr,
            agreed=all(opinion.label == label for opinion in self.opinions),
            norm_gap=float(runners_up.min() / own) if finished[label] else None,
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

    def _confirm(self) -> bool:
        """Take the named label and its runners-up to the last look; return whether it stands alone.

        The other labels stay behind, which saves their steps where the answer is yes.
        """
        label = self.opinions[0].label or 0
        order = self.followed[np.argsort(self.search.norms[self.followed], kind="stable")]
        runners_up = [other for other in order if other != label][:RUNNERS_UP]
        self._advance(LOOKS[-1].steps, np.sort([label, *runners_up]))
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
        """Take labels to a number of steps, each group of the same age together."""
        name = f"trigger inversion, {steps} steps"
        for age in np.unique(self.search.steps[labels]):
            if age < steps:
                self.search.advance(
                    steps - int(age),
                    labels[self.search.steps[labels] == age].tolist(),
                    progress=lambda share: self._progress(name, share),
                )

    def _compare(self, norms: NDArray[np.float64], share: float) -> float:
        """Take in the norms of the labels that are followed; return the look's own p-value."""
        self.looks += 1
        self.norms[self.followed] = norms
        references = self.references[self.followed]
        inversion, scores = inversion_opinion(
            norms,
            labels=self.followed,
            classes=self.classes,
            references=None if references.all() else references,
        )
        if scores is not None:
            for label, score in zip(self.followed.tolist(), scores.tolist(), strict=True):
                self.log_scores[label] = score
        raw = agreement_probability(inversion, self.margin, classes=self.classes)
        charged = None if raw is None else min(raw / share, 1.0)
        if self.p_value is None or (charged is not None and charged < self.p_value):
            self.opinions, self.p_value = (inversion, self.margin), charged
        return 1.0 if raw is None else raw

    def _narrow(self) -> None:
        """Follow the smallest norms, the largest margin, and a random sample of the others."""
        order = np.argsort(self.norms, kind="stable")
        suspects = np.unique([*order[:FOLLOWED_SMALLEST], int(np.argmax(self.margins))])
        others = np.setdiff1d(np.arange(self.classes), suspects)
        drawn = np.random.default_rng(self._seed).choice(others, size=FOLLOWED_REFERENCES, replace=False)
        self.references = np.zeros(self.classes, dtype=bool)
        self.references[drawn] = True
        self.followed = np.sort(np.concatenate([suspects, drawn]))

    def _ask_again(self) -> None:
        """Repeat the comparison with another seed, and take the mean of both on the log scale."""
        seed = self._seed + 1
        self.seeds = (self._seed, seed)
        self._measure_margins(seed)
        again = TriggerSearch(self.score, self._images, self._settings, seed=seed)
        again.advance(LOOKS[-1].steps, self.followed.tolist())
        self.image_steps += again.image_steps
        both = np.sqrt(self.search.norms[self.followed] * again.norms[self.followed])
        self._compare(both, SECOND_SEED_SHARE)
