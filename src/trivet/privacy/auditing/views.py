"""Numbers derived from an answer: each entry, their differences, sum, extremes and norm."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.events import Sample
from trivet.privacy.auditing.plain_answers import Path, spelled

__all__ = ["View", "all_views", "number_paths"]


@dataclass(frozen=True)
class View:
    """One number of each answer."""

    name: str
    of: Callable[[Answers], NDArray[np.float64]]


def number_paths(sample: Sample) -> tuple[Path, ...]:
    """Return the places at which either side has a number; truth values are none."""
    paths = dict.fromkeys((*sample.on_a.paths, *sample.on_b.paths))
    return tuple(path for path in paths if sample.on_a.measures(path) or sample.on_b.measures(path))


def all_views(sample: Sample) -> list[View]:
    """Return every view of the answers: one for a single number, several for a vector.

    In the summaries of a vector True counts as 1.
    """
    numbers = number_paths(sample)
    views = [_single(path) for path in numbers]
    views += [_difference(left, right) for left, right in pairwise(numbers)]
    paths = tuple(dict.fromkeys((*sample.on_a.paths, *sample.on_b.paths)))
    if len(paths) > 1:
        views += [
            _summary("the sum", paths, _sum),
            _summary("the largest number", paths, lambda rows: _reduced(np.fmax, rows)),
            _summary("the smallest number", paths, lambda rows: _reduced(np.fmin, rows)),
            _summary("the Euclidean norm", paths, lambda rows: np.sqrt(_sum(rows**2))),
        ]
    return views


def _single(path: Path) -> View:
    return View(spelled(path), lambda answers: answers.numbers(path))


def _difference(left: Path, right: Path) -> View:
    def of(answers: Answers) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", over="ignore"):
            return answers.numbers(right) - answers.numbers(left)

    return View(
        f"{spelled(right)} - {spelled(left)}",
        lambda answers: answers.known(("difference", left, right), lambda: of(answers)),
    )


def _summary(
    name: str, paths: tuple[Path, ...], reduce: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> View:
    def of(answers: Answers) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", over="ignore"):
            return reduce(answers.matrix(paths))

    return View(name, lambda answers: answers.known((name, paths), lambda: of(answers)))


def _sum(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the numbers of each row that has any."""
    return np.where(np.isnan(rows).all(axis=1), np.nan, np.nansum(rows, axis=1))


def _reduced(take: np.ufunc, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(take.reduce(rows, axis=1), dtype=float)
