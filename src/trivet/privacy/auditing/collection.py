"""Calling a mechanism many times on two inputs, and what may go wrong while it runs."""

import contextlib
import copy
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.auditing.plain_answers import Plain, plain
from trivet.wording import one_line, told

__all__ = ["collect"]

_IMMUTABLE: Final = (int, float, bool, str, bytes, type(None))
_CALLS_A_REPORT: Final = 1000


def collect(
    mechanism: Callable[[Any], object],
    inputs: tuple[Any, Any],
    *,
    name: str,
    trials: int,
    generator: np.random.Generator,
    progress: Callable[[float], None] | None = None,
) -> tuple[list[Plain], list[Plain]]:
    """Draw `trials` answers on each input, one call an answer.

    The two inputs take turns in random order, so that what drifts from call to call, such as a counter
    in the mechanism, does not differ between them. All calls are made in this process: a mechanism
    that seeds its noise when it is imported would repeat it in every other. Lists and the like are
    copied for each call, and what the mechanism prints goes to standard error.
    """
    _require_one_input(mechanism, name)
    answers: tuple[list[Plain], list[Plain]] = ([], [])
    fresh = [(lambda v=v: v) if isinstance(v, _IMMUTABLE) else (lambda v=v: copy.deepcopy(v)) for v in inputs]
    order = generator.permutation(np.repeat([0, 1], trials)).tolist()
    with contextlib.redirect_stdout(sys.stderr):
        for call, side in enumerate(order):
            if progress is not None and call % _CALLS_A_REPORT == 0:
                progress(call / len(order))
            try:
                answer = mechanism(fresh[side]())
            except (Exception, SystemExit) as error:  # the user's code can fail in any way
                said = one_line(repr(inputs[side]), limit=40)
                raise UsageError(
                    f"the mechanism {name} failed on the input {said}: {told(error)}."
                ) from error
            answers[side].append(_counted(answer, name, inputs[side]))
    if all(answer is None for side in answers for answer in side):
        raise UsageError(
            f"the mechanism {name} returned None in every call; expected an answer. Does it end in `return`?"
        )
    return answers


def _counted(answer: object, name: str, value: object) -> Plain:
    try:
        return plain(answer)
    except TypeError as error:
        said = one_line(repr(value), limit=40)
        raise UsageError(
            f"the mechanism {name} returned a {one_line(error)} on the input {said}; expected a number, a "
            "string, None, or a list, tuple, dict or array of these."
        ) from error


def _require_one_input(mechanism: Callable[[Any], object], name: str) -> None:
    try:
        signature = inspect.signature(mechanism)
    except (TypeError, ValueError):  # a builtin that does not tell: the first call will
        return
    try:
        signature.bind(object())
    except TypeError as error:
        raise UsageError(
            f"the mechanism {name} cannot be called with one input: {told(error)}. Expected a function of "
            "one argument that returns one answer; wrap it in one."
        ) from error
