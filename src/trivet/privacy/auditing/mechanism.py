"""Black-box audit of a mechanism's privacy claim."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.auditing.claims import require_refutable
from trivet.privacy.auditing.collection import collect
from trivet.privacy.auditing.judgement import judge_answers
from trivet.privacy.auditing.plain_answers import plain
from trivet.privacy.auditing.results import MechanismAudit
from trivet.wording import one_line
from trivet.work.own_code import load_callable

__all__ = ["TRIALS", "audit_answers", "audit_mechanism"]

TRIALS: Final = 100_000


def audit_mechanism(
    mechanism: str | Callable[[Any], object],
    *,
    epsilon: float,
    delta: float = 0.0,
    inputs: tuple[Any, Any] = (0, 1),
    trials: int = TRIALS,
    error_rate: float = 0.05,
    seed: int = 0,
    name: str | None = None,
    progress: Callable[[str, float | None], None] | None = None,
) -> MechanismAudit:
    """Call a mechanism on two neighbouring inputs and test its claim of (epsilon, delta)-privacy.

    Parameters
    ----------
    mechanism
        Takes an input and returns one answer: a number, string, boolean, None, or a short list, tuple,
        dict or array of these. Calls have to be independent of each other. A text names it, as
        ``package.module:function``.
    epsilon, delta
        The claim; above 0, and in [0, 1).
    inputs
        Two inputs that the claim calls neighbours. The default is two true answers of a query of
        sensitivity 1.
    trials
        Calls on each input.
    error_rate
        How often, at most, a mechanism that keeps its claim may be found to violate it; in (0, 1).
    seed
        Seed of the order of the calls. The noise is the mechanism's own, and no generator of its or of
        NumPy's is seeded, so two audits need not find the same counts.
    name
        What the result calls it; its own module and name where None.
    progress
        Called with a step's name and its finished share, None where that is not known.

    Returns
    -------
    MechanismAudit
        The verdict, and the event of each family that shows most.

    Raises
    ------
    UsageError
        A number is out of range, the mechanism fails, or so few trials could show no violation.
    """
    called = name or (mechanism if isinstance(mechanism, str) else _name_of(mechanism))
    if isinstance(mechanism, str):
        mechanism = load_callable(mechanism, role="mechanism")
    require_refutable(epsilon=epsilon, delta=delta, error_rate=error_rate, trials=trials)
    if seed < 0:
        raise UsageError(f"seed must be 0 or more, not {seed}.")
    report = progress or (lambda _step, _share: None)
    on_a, on_b = collect(
        mechanism,
        inputs,
        name=called,
        trials=trials,
        generator=np.random.default_rng(seed),
        progress=lambda share: report("asking the mechanism", share),
    )
    report("testing events", None)
    return judge_answers(
        on_a, on_b, inputs, epsilon=epsilon, delta=delta, error_rate=error_rate, seed=seed, name=called
    )


def audit_answers(
    on_a: Sequence[object],
    on_b: Sequence[object],
    *,
    epsilon: float,
    delta: float = 0.0,
    inputs: tuple[Any, Any] = (0, 1),
    error_rate: float = 0.05,
    name: str = "answers",
) -> MechanismAudit:
    """Test the claim of a mechanism that has answered already.

    Parameters
    ----------
    on_a, on_b
        Independent answers on two neighbouring inputs, as many on each; lists or arrays whose first
        axis runs over the answers.
    epsilon, delta, inputs, error_rate, name
        As in `audit_mechanism`.

    Returns
    -------
    MechanismAudit
        As from `audit_mechanism`, with seed 0: nothing is drawn.

    Raises
    ------
    UsageError
        As in `audit_mechanism`, or the two numbers of answers differ.
    """
    if len(on_a) != len(on_b):
        raise UsageError(
            f"there are {len(on_a)} answers on one input and {len(on_b)} on the other; expected as many."
        )
    require_refutable(epsilon=epsilon, delta=delta, error_rate=error_rate, trials=len(on_a))
    try:
        plain_a, plain_b = (list(map(plain, answers)) for answers in (on_a, on_b))
    except TypeError as error:
        raise UsageError(f"{name}: an answer is a {one_line(error)}, which cannot be counted.") from error
    return judge_answers(
        plain_a, plain_b, inputs, epsilon=epsilon, delta=delta, error_rate=error_rate, seed=0, name=name
    )


def _name_of(mechanism: object) -> str:
    name = getattr(mechanism, "__qualname__", type(mechanism).__name__)
    return f"{getattr(mechanism, '__module__', None) or type(mechanism).__module__}:{name}"
