"""Registry of the families of events; a new one is a function and a row here."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.mechanism.answers import (
    MISSING,
    Answers,
    Event,
    Path,
    Plain,
    Proposer,
    Sample,
    View,
    all_views,
    number_paths,
    spelled,
)
from trivet.privacy.mechanism.low_bits import grid, significand
from trivet.wording import one_line

__all__ = ["BITS", "FAMILIES", "form", "intervals", "likelihood", "order", "thresholds", "values"]

#: Kinds of answers proposed, the most frequent first.
_KINDS: Final = 50


def form(sample: Sample) -> Iterator[Event]:
    """Propose the kinds of answers (keys in order, places of NaN), and the parts that only some have."""
    kinds = Counter(_kinds(sample.on_a)) + Counter(_kinds(sample.on_b))
    if len(kinds) > 1:
        for kind, _ in kinds.most_common(_KINDS):
            said = one_line(kind)
            yield Event(f"answer is {said}", f"answer is not {said}", _is_kind(kind))
    for path in sample.paths:
        if path and any(_lacks(path, answers).any() for answers in (sample.on_a, sample.on_b)):
            name = one_line(spelled(path))
            yield Event(f"answer lacks {name}", f"answer has {name}", _lacking(path))


def _kinds(answers: Answers) -> list[str]:
    return answers.known("kinds", lambda: [_kind(answer) for answer in answers.plain])


def _kind(answer: Plain) -> str:
    if answer is None:
        return "None"
    if isinstance(answer, float):
        return "a float" if np.isfinite(answer) else str(answer)
    if isinstance(answer, dict):
        keys = ", ".join(map(repr, answer))
        return f"a dict with the keys {keys}{_oddity(answer.values())}" if answer else "an empty dict"
    if isinstance(answer, tuple):
        return f"a list of {len(answer)}{_oddity(answer)}"
    return f"{'an' if type(answer) is int else 'a'} {type(answer).__name__}"


def _oddity(parts: Collection[Plain]) -> str:
    odd = any(isinstance(part, float) and not np.isfinite(part) for part in parts)
    return ", not all of them finite" if odd else ""


def _is_kind(kind: str) -> Callable[[Answers], NDArray[np.bool_]]:
    return lambda answers: np.fromiter((k == kind for k in _kinds(answers)), bool, len(answers))


def _lacks(path: Path, answers: Answers) -> NDArray[np.bool_]:
    return answers.known(
        ("lacks", path),
        lambda: np.fromiter((value is MISSING for value in answers.at(path)), bool, len(answers)),
    )


def _lacking(path: Path) -> Callable[[Answers], NDArray[np.bool_]]:
    return lambda answers: _lacks(path, answers)


#: Shares of the answers below a threshold: every twentieth, and ever thinner tails.
_THIN: Final = tuple(2.0**-k for k in range(5, 15))
_SHARES: Final = tuple(sorted((*(k / 20 for k in range(1, 20)), *_THIN, *(1 - share for share in _THIN))))
#: Ends of intervals; all pairs of them are proposed.
_ENDS: Final = tuple(k / 12 for k in range(13))
#: Significant digits of a threshold, in units of the spread of the answers.
_DIGITS: Final = 3


def thresholds(sample: Sample) -> Iterator[Event]:
    """Propose both tails of every view, cut at quantiles of the answers on either side."""
    for view in all_views(sample):
        for cut in _cuts(view, sample, _SHARES):
            yield _above(view, cut)


def intervals(sample: Sample) -> Iterator[Event]:
    """Propose every interval between some quantiles of the answers; the audit adds the complements."""
    for view in all_views(sample):
        cuts = _cuts(view, sample, _ENDS)
        for i, low in enumerate(cuts):
            for high in cuts[i + 1 :]:
                yield _between(view, low, high)


def _above(view: View, cut: float) -> Event:
    said = _said(cut)
    return Event(
        f"{view.name} > {said}", f"{view.name} is not above {said}", lambda answers: view.of(answers) > cut
    )


def _between(view: View, low: float, high: float) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        numbers = view.of(answers)
        return (numbers > low) & (numbers <= high)

    said = f"{_said(low)} < {view.name} <= {_said(high)}"
    return Event(said, f"not {said}", holds)


def _cuts(view: View, sample: Sample, shares: tuple[float, ...]) -> list[float]:
    """Return round numbers near the quantiles of both sides, in order, each once."""
    sides = [view.of(answers) for answers in (sample.on_a, sample.on_b)]
    sides = [side[np.isfinite(side)] for side in sides]
    found = [np.quantile(side, shares, method="inverted_cdf") for side in sides if side.size]
    if not found:
        return []
    points = np.concatenate(found)
    with np.errstate(over="ignore"):
        spread = float(np.quantile(points, 0.9) - np.quantile(points, 0.1)) or float(np.ptp(points))
    if not (spread > 0 and math.isfinite(spread)):
        return sorted({float(point) for point in points})
    decimals = _DIGITS - 1 - math.floor(math.log10(spread))
    return sorted({round(float(point), decimals) for point in points})


def _said(cut: float) -> str:
    return repr(cut + 0.0).removesuffix(".0")


_BINS: Final = 24
#: Shares of the answers below a cut of the score, and above it.
_LIKELIHOOD_SHARES: Final = tuple(sorted((*(k / 20 for k in range(1, 20)), 0.002, 0.01, 0.99, 0.998)))
#: Added to every count of a bin: what was not seen yet may come.
_PRIOR: Final = 0.5


@dataclass(frozen=True)
class _Bins:
    """Bins of one number by `edges`, with log likelihood ratios `weights`, shape (edges + 2,)."""

    path: Path
    edges: NDArray[np.float64]
    weights: NDArray[np.float64]

    def score(self, answers: Answers) -> NDArray[np.float64]:
        return self.weights[_places(answers.numbers(self.path), self.edges)]


def likelihood(sample: Sample) -> Iterator[Event]:
    """Propose that the learnt likelihood ratio of the two inputs is above a cut, for some cuts."""
    learnt = [bins for path in sample.paths if (bins := _learn(sample, path)) is not None]
    if not learnt:
        return
    key = object()

    def score(answers: Answers) -> NDArray[np.float64]:
        return answers.known(key, lambda: np.sum([bins.score(answers) for bins in learnt], axis=0))

    scores = np.concatenate([score(sample.on_a), score(sample.on_b)])
    for cut in np.unique(np.quantile(scores, _LIKELIHOOD_SHARES, method="inverted_cdf")).tolist():
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


def order(sample: Sample) -> Iterator[Event]:
    """Propose which number is the largest or the smallest, and ties; nothing where there is one number."""
    paths = number_paths(sample)
    if len(paths) < 2:  # noqa: PLR2004 - one number has no order
        return
    for place, path in enumerate(paths):
        name = spelled(path)
        yield Event(f"{name} is the largest", f"{name} is not the largest", _largest(paths, place, sign=1))
        yield Event(f"{name} is the smallest", f"{name} is not the smallest", _largest(paths, place, sign=-1))
    yield Event("two numbers are equal", "no two numbers are equal", lambda answers: _ties(answers, paths))


def _largest(paths: tuple[Path, ...], place: int, *, sign: int) -> Callable[[Answers], NDArray[np.bool_]]:
    def find(answers: Answers) -> NDArray[np.intp]:
        rows = sign * answers.matrix(paths)
        return np.argmax(np.where(np.isnan(rows), -np.inf, rows), axis=1)

    return lambda answers: answers.known(("largest", sign, paths), lambda: find(answers)) == place


def _ties(answers: Answers, paths: tuple[Path, ...]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return (np.diff(np.sort(answers.matrix(paths), axis=1), axis=1) == 0).any(axis=1)


#: Single values proposed, the most frequent first.
_SINGLES: Final = 200
#: Sets proposed: the k values that speak most for one input, for so many k.
_SETS: Final = 40
#: Values that the words of a set name.
_NAMED: Final = 3


def values(sample: Sample) -> Iterator[Event]:
    """Propose values that come up again, and the sets of them that speak most for one input."""
    # The k values whose frequencies differ by the largest factors: by the Neyman-Pearson lemma the strongest
    # events (Bichsel et al. 2021, Section 4).
    yield from _of(sample, None)
    if sample.paths != ((),):
        for path in sample.paths:
            yield from _of(sample, path)


def _of(sample: Sample, path: Path | None) -> Iterator[Event]:
    on_a, on_b = Counter(sample.on_a.labels(path)), Counter(sample.on_b.labels(path))
    both = on_a + on_b
    if max(both.values()) == 1 or (path is not None and len(both) == 1):
        return
    name = spelled(path or ())
    for label, count in both.most_common(_SINGLES):
        if count > 1:
            yield _one_of(name, path, [label])
    order = sorted(both, key=lambda label: ((on_a[label] + 0.5) / (on_b[label] + 0.5), label), reverse=True)
    sizes = np.unique(np.geomspace(2, max(2, len(order) - 1), _SETS).round().astype(int))
    for size in sizes[sizes < len(order)]:
        yield _one_of(name, path, order[:size])
        yield _one_of(name, path, order[-size:])


def _one_of(name: str, path: Path | None, labels: list[str]) -> Event:
    members = frozenset(labels)

    def holds(answers: Answers) -> NDArray[np.bool_]:
        return answers.labelled(members.__contains__, path)

    if len(labels) == 1:
        said = one_line(labels[0], limit=50)
        return Event(f"{name} is {said}", f"{name} is not {said}", holds)
    said = ", ".join(one_line(label, limit=20) for label in labels[:_NAMED])
    more = ", ..." if len(labels) > _NAMED else ""
    said = f"{len(labels)} values ({said}{more})"
    return Event(f"{name} is one of {said}", f"{name} is none of {said}", holds)


#: Families that read bits, which a test of the logic leaves out.
BITS: Final = frozenset({"grid", "significand"})
#: By key. One event of each family is tested at most, and the level is divided among them. Where two show the
#: same, the first is named.
FAMILIES: Final[dict[str, Proposer]] = {
    "form": form,
    "thresholds": thresholds,
    "intervals": intervals,
    "values": values,
    "order": order,
    "likelihood": likelihood,
    "grid": grid,
    "significand": significand,
}
