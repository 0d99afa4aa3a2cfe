"""Events of identity: the answer is this value, or one of these."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.events import Event, Sample
from trivet.privacy.auditing.plain_answers import Path, spelled
from trivet.wording import one_line

__all__ = ["values"]

#: Single values proposed, the most frequent first.
_SINGLES: Final = 200
#: Sets proposed: the k values that speak most for one input, for so many k.
_SETS: Final = 40
#: Values that the words of a set name.
_NAMED: Final = 3


def values(sample: Sample) -> Iterator[Event]:
    """Propose values that come up again, and the sets of them that speak most for one input.

    A set holds the k values whose frequencies on the two inputs differ by the largest factors, as the
    Neyman-Pearson lemma says the strongest events do (Bichsel et al. 2021, Section 4).
    """
    yield from _of(sample, None)
    paths = dict.fromkeys((*sample.on_a.paths, *sample.on_b.paths))
    if tuple(paths) != ((),):
        for path in paths:
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
        return np.fromiter((label in members for label in answers.labels(path)), bool, len(answers))

    if len(labels) == 1:
        said = one_line(labels[0], limit=50)
        return Event(f"{name} is {said}", f"{name} is not {said}", holds)
    said = ", ".join(one_line(label, limit=20) for label in labels[:_NAMED])
    more = ", ..." if len(labels) > _NAMED else ""
    said = f"{len(labels)} values ({said}{more})"
    return Event(f"{name} is one of {said}", f"{name} is none of {said}", holds)
