"""Events of order: which number of a vector is the largest or the smallest, and whether two are equal."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.events import Event, Sample
from trivet.privacy.auditing.plain_answers import Path, spelled
from trivet.privacy.auditing.views import number_paths

__all__ = ["order"]


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
