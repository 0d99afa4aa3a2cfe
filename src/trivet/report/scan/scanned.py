"""A scan's result with its arrays, and what its pictures and its page ask of them."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.security.scan_results import LabelScan, ScanResult

__all__ = ["SMALLEST_NORM", "Scanned", "ScoreScale", "margin_scale", "norm_scale", "usual_norm"]

#: Pixels: an emptier mask is drawn as one of this norm, since a logarithm of zero has no place.
SMALLEST_NORM: Final = 1e-3
#: Scores of one comparison agree with its scale to more digits than this.
SAME_SCORE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Scanned:
    """Result of a scan, and the arrays behind it.

    Attributes
    ----------
    result
        Plain values.
    masks, patterns
        Each label's trigger, shape (classes, 1, h, w) and (classes, channels, h, w).
    """

    result: ScanResult
    masks: NDArray[np.float32]
    patterns: NDArray[np.float32]

    @classmethod
    def of(cls, result: ScanResult) -> "Scanned":
        """Return a result whose arrays nothing will look at."""
        none = np.zeros((0, 0, 0, 0), dtype=np.float32)
        return cls(result, none, none)

    @property
    def suspect(self) -> LabelScan | None:
        """The suspected label."""
        label = self.result.suspected_label
        return None if label is None else self.result.labels[label]

    @property
    def named(self) -> dict[int, list[str]]:
        """Methods that name each label, by label."""
        named: dict[int, list[str]] = {}
        for opinion in self.result.opinions:
            if opinion.label is not None:
                named.setdefault(opinion.label, []).append(opinion.method)
        return named

    @property
    def by_evidence(self) -> tuple[LabelScan, ...]:
        """All labels: the suspected one, those that a method names, then by their log scores."""
        named = self.named

        def place(label: LabelScan) -> tuple[bool, bool, float, float]:
            score = math.inf if label.log_score is None else label.log_score
            return label.label != self.result.suspected_label, label.label not in named, score, label.l1

        return tuple(sorted(self.result.labels, key=place))

    @property
    def left_early(self) -> frozenset[int]:
        """Labels that were compared for the last time before the others.

        Where there are many labels, most are left after the first look: then their scores belong to
        other norms, and they have had the fewest steps.
        """
        labels = self.result.labels
        scale = _scale(labels, _log_norm, _log_score)
        if scale is None or all(_belongs(label, scale) for label in labels):
            return frozenset()
        fewest = min(label.steps for label in labels)
        return frozenset(label.label for label in labels if label.steps == fewest)

    def drawn_norm(self, label: int) -> float:
        """Return |m|_1 of the mask that is at hand, in pixels; refined for a label that was named."""
        return float(self.masks[label].sum(dtype=np.float64))


@dataclass(frozen=True)
class ScoreScale:
    """Transformation of values to scores: (value - centre) / spread."""

    centre: float
    spread: float

    def score(self, value: float) -> float:
        """Return the score of a value."""
        return (value - self.centre) / self.spread


def norm_scale(scanned: Scanned) -> ScoreScale | None:
    """Return how log norms were scored when the labels were compared last; None without scores."""
    return _scale(_compared_last(scanned), _log_norm, _log_score)


def margin_scale(scanned: Scanned) -> ScoreScale | None:
    """Return how margins were scored; None without scores."""
    return _scale(scanned.result.labels, lambda label: label.margin, lambda label: label.margin_score)


def _scale(
    labels: Sequence[LabelScan],
    value: Callable[[LabelScan], float],
    score: Callable[[LabelScan], float | None],
) -> ScoreScale | None:
    """Read median and spread off two labels: the scores are those of the result, to the digit."""
    scored = [(given, value(label)) for label in labels if (given := score(label)) is not None]
    if not scored or min(scored)[0] == max(scored)[0]:
        return None
    (low, first), (high, last) = min(scored), max(scored)
    spread = (last - first) / (high - low)
    return ScoreScale(first - low * spread, spread) if spread > 0 else None


def usual_norm(scanned: Scanned) -> float:
    """Return the median norm of the labels that were compared last, in pixels."""
    scale = norm_scale(scanned)
    if scale is not None:
        return math.exp(scale.centre)
    return median(label.l1 for label in _compared_last(scanned))


def _log_norm(label: LabelScan) -> float:
    return math.log(max(label.l1, sys.float_info.min))  # as the scores take them


def _log_score(label: LabelScan) -> float | None:
    return label.log_score


def _belongs(label: LabelScan, scale: ScoreScale) -> bool:
    """Return whether a label's score comes from the comparison that this scale is read off."""
    expected = scale.score(_log_norm(label))
    return label.log_score is not None and math.isclose(
        label.log_score, expected, rel_tol=SAME_SCORE, abs_tol=SAME_SCORE
    )


def _compared_last(scanned: Scanned) -> list[LabelScan]:
    early = scanned.left_early
    return [label for label in scanned.result.labels if label.label not in early]
