"""Events of form: what kind of thing the answer is, how long, with which keys, and what is not finite."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import MISSING, Answers
from trivet.privacy.auditing.events import Event, Sample
from trivet.privacy.auditing.plain_answers import Path, Plain, spelled
from trivet.wording import one_line

__all__ = ["form"]

#: Kinds of answers proposed, the most frequent first.
_KINDS: Final = 50


def form(sample: Sample) -> Iterator[Event]:
    """Propose the kinds of answers, and the parts that only some answers have.

    The keys of a dict are part of its kind, in their order; so are NaN and infinities in a list.
    """
    kinds = Counter(_kinds(sample.on_a)) + Counter(_kinds(sample.on_b))
    if len(kinds) > 1:
        for kind, _ in kinds.most_common(_KINDS):
            said = one_line(kind)
            yield Event(f"answer is {said}", f"answer is not {said}", _is_kind(kind))
    for path in dict.fromkeys((*sample.on_a.paths, *sample.on_b.paths)):
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
