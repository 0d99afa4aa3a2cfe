"""Events of likelihood: all numbers of an answer together speak more for one input than for the other.

The strongest event between two known distributions is that their likelihood ratio is large (Neyman and
Pearson 1933), so DP-Sniper learns a classifier and cuts its score (Bichsel et al. 2021, Section 4). Here
the score is a naive Bayes classifier's: the sum, over the numbers of an answer, of the logarithm of how
much more often a number falls into its bin on one input. It is the true ratio, up to the bins, where the
numbers are independent. An event stays an event where they are not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.events import Event, Sample
from trivet.privacy.auditing.plain_answers import Path

__all__ = ["likelihood"]

_BINS: Final = 24
#: Shares of the answers below a cut of the score, and above it.
_SHARES: Final = tuple(sorted((*(k / 20 for k in range(1, 20)), 0.002, 0.01, 0.99, 0.998)))
#: Added to every count of a bin: what was not seen yet may come.
_PRIOR: Final = 0.5


@dataclass(frozen=True)
class _Bins:
    """Bins of one number, with the logarithm of how much likelier each is on the first input.

    `edges` in order, shape (edges,); `weights`, shape (edges + 2,), the last for non-numeric answers.
    """

    path: Path
    edges: NDArray[np.float64]
    weights: NDArray[np.float64]

    def score(self, answers: Answers) -> NDArray[np.float64]:
        return self.weights[_places(answers.numbers(self.path), self.edges)]


def likelihood(sample: Sample) -> Iterator[Event]:
    """Propose that the learnt likelihood ratio of the two inputs is above a cut, for some cuts."""
    paths = dict.fromkeys((*sample.on_a.paths, *sample.on_b.paths))
    learnt = [bins for path in paths if (bins := _learn(sample, path)) is not None]
    if not learnt:
        return
    key = object()

    def score(answers: Answers) -> NDArray[np.float64]:
        return answers.known(key, lambda: np.sum([bins.score(answers) for bins in learnt], axis=0))

    scores = np.concatenate([score(sample.on_a), score(sample.on_b)])
    for cut in np.unique(np.quantile(scores, _SHARES, method="inverted_cdf")).tolist():
        said = "the learnt log-likelihood ratio of A to B"
        yield Event(
            f"{said} > {cut:.2f}",
            f"{said} is not above {cut:.2f}",
            lambda answers, cut=cut: score(answers) > cut,
        )


def _learn(sample: Sample, path: Path) -> _Bins | None:
    """Return the bins of the numbers at a place, cut at their quantiles; None where there are none."""
    sides = [answers.numbers(path) for answers in (sample.on_a, sample.on_b)]
    numbers = np.concatenate(sides)
    numbers = numbers[~np.isnan(numbers)]
    if not numbers.size:
        return None
    shares = np.linspace(0, 1, _BINS + 1)[:-1]
    edges = np.unique(np.quantile(numbers, shares, method="inverted_cdf"))
    counts = [np.bincount(_places(side, edges), minlength=edges.size + 2) + _PRIOR for side in sides]
    return _Bins(path, edges, np.log(counts[0] / counts[1]))


def _places(numbers: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which bin each number falls into; a bin of its own where there is none."""
    return np.where(np.isnan(numbers), edges.size + 1, np.searchsorted(edges, numbers))
