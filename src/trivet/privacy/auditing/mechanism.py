r"""Is a mechanism as private as it says? An audit from outside, with an error rate that holds.

The answers are parted in three before any is looked at. From the first quarter the families of
`registry.FAMILIES` propose events. On the second, one event of each family is chosen. On the other half,
which has played no part so far, the chosen events are counted. Each count gives Clopper-Pearson bounds at
`error_rate` / (2 m) for m tested events (Bonferroni), so all of them hold together with probability
1 - `error_rate`, and so does the largest :math:`\ln((p - \delta) / q)` that they leave.

The scheme is that of StatDP (Ding, Wang, Wang, Zhang and Kifer 2018) and DP-Sniper (Bichsel, Steffen,
Bogunovic and Vechev 2021): search for an event first, test it on fresh answers afterwards.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from trivet.errors import UsageError
from trivet.privacy.auditing import verdicts
from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.bounds import (
    ceiling,
    epsilon_bounds,
    fewest_trials,
    lower,
    upper,
    visible_count,
)
from trivet.privacy.auditing.choice import Chosen, choose
from trivet.privacy.auditing.collection import collect
from trivet.privacy.auditing.events import Sample
from trivet.privacy.auditing.plain_answers import Plain, plain
from trivet.privacy.auditing.registry import FAMILIES
from trivet.privacy.auditing.results import CONSISTENT, VIOLATES, EventFinding, MechanismAudit
from trivet.privacy.ranges import require_open_unit, require_positive
from trivet.wording import one_line

__all__ = ["FEWEST_TRIALS", "MOST_TRIALS", "TRIALS", "audit_answers", "audit_mechanism"]

TRIALS: Final = 100_000
#: With fewer, a quarter proposes next to nothing.
FEWEST_TRIALS: Final = 400
#: All answers are kept in memory, some hundred bytes each.
MOST_TRIALS: Final = 5_000_000
#: One part in so many proposes, as many choose, the rest is for the test.
_PARTS: Final = 4
_EXAMPLES: Final = 3


def audit_mechanism(
    mechanism: Callable[[Any], object],
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
        dict or array of these. Calls have to be independent of each other.
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
    called = _name_of(mechanism) if name is None else name
    _require(epsilon, delta, error_rate, trials)
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
    return _audit(
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
    _require(epsilon, delta, error_rate, len(on_a))
    try:
        plain_a, plain_b = (list(map(plain, answers)) for answers in (on_a, on_b))
    except TypeError as error:
        raise UsageError(f"{name}: an answer is a {one_line(error)}, which cannot be counted.") from error
    return _audit(
        plain_a, plain_b, inputs, epsilon=epsilon, delta=delta, error_rate=error_rate, seed=0, name=name
    )


def _audit(
    on_a: list[Plain],
    on_b: list[Plain],
    inputs: tuple[Any, Any],
    *,
    epsilon: float,
    delta: float,
    error_rate: float,
    seed: int,
    name: str,
) -> MechanismAudit:
    trials = len(on_a)
    part = trials // _PARTS
    parts = (slice(0, part), slice(part, 2 * part), slice(2 * part, None))
    (a_first, b_first), (a_second, b_second), (a_fresh, b_fresh) = (
        (Answers(on_a[piece]), Answers(on_b[piece])) for piece in parts
    )
    sample = Sample(a_first, b_first, *inputs)
    planned = error_rate / (2 * len(FAMILIES))
    tested: list[tuple[str, Chosen]] = []
    proposed = 0
    for family in FAMILIES:
        chosen, number = choose(family.propose(sample), a_second, b_second, level=planned, delta=delta)
        proposed += number
        if chosen is not None:
            tested.append((family.key, chosen))
    level = error_rate / (2 * max(1, len(tested)))
    findings = sorted(
        (_test(key, chosen, a_fresh, b_fresh, level=level, delta=delta) for key, chosen in tested),
        key=lambda finding: -finding.epsilon_lower,
    )
    best = findings[0] if findings else None
    shown = best.epsilon_lower if best else 0.0
    fresh = len(a_fresh)
    visible = visible_count(fresh, epsilon=epsilon, level=level, delta=delta)
    verdict = VIOLATES if shown > epsilon else CONSISTENT
    most = ceiling(fresh, level=level, delta=delta)
    said_a, said_b = (_said(value) for value in inputs)
    return MechanismAudit(
        name=name,
        epsilon=float(epsilon),
        delta=float(delta),
        input_a=said_a,
        input_b=said_b,
        trials=trials,
        proposing_trials=part,
        choosing_trials=part,
        testing_trials=fresh,
        error_rate=error_rate,
        seed=seed,
        verdict=verdict,
        epsilon_lower=shown,
        best=best,
        findings=tuple(findings),
        events_proposed=proposed,
        events_tested=len(findings),
        level=level,
        ceiling=most,
        visible_probability=None if visible is None else visible / fresh,
        examples_a=_examples(on_a),
        examples_b=_examples(on_b),
        reason=verdicts.reason(verdict, best, epsilon=epsilon, inputs=(said_a, said_b)),
        limits=verdicts.limits(
            verdict,
            fixed=_fixed(on_a) and _fixed(on_b),
            ceiling=most,
            visible=None if visible is None else visible / fresh,
            error_rate=error_rate,
        ),
    )


def _test(
    key: str, chosen: Chosen, on_a: Answers, on_b: Answers, *, level: float, delta: float
) -> EventFinding:
    a, b = (int(np.count_nonzero(chosen.event.holds(answers))) for answers in (on_a, on_b))
    p, q = (a, b) if chosen.likelier_on_a else (b, a)
    trials = len(on_a)
    return EventFinding(
        family=key,
        description=chosen.event.words,
        direction="A against B" if chosen.likelier_on_a else "B against A",
        p_count=p,
        p_trials=trials,
        p_frequency=p / trials,
        p_low=float(lower(p, trials, level)),
        q_count=q,
        q_trials=trials,
        q_frequency=q / trials,
        q_high=float(upper(q, trials, level)),
        epsilon_lower=max(0.0, float(epsilon_bounds(p, q, trials, level=level, delta=delta))),
    )


def _require(epsilon: float, delta: float, error_rate: float, trials: int) -> None:
    require_positive(epsilon=epsilon)
    require_open_unit(error_rate=error_rate)
    if not 0 <= delta < 1:
        raise UsageError(f"delta must be 0 or lie between 0 and 1, not {delta!r}.")
    if trials > MOST_TRIALS:
        raise UsageError(f"{trials} trials are too many; expected {MOST_TRIALS} or fewer.")
    # Half of the trials test, at the level of a test of all families.
    needed = fewest_trials(
        epsilon,
        level=error_rate / (2 * len(FAMILIES)),
        delta=delta,
        most=MOST_TRIALS - 2 * (MOST_TRIALS // _PARTS),
    )
    if needed is None:
        raise UsageError(
            f"a violation of epsilon {epsilon!r} does not show in {MOST_TRIALS} trials, the most that are "
            "drawn; audit a smaller epsilon, which the mechanism's noise can be scaled to."
        )
    fewest = max(FEWEST_TRIALS, 2 * needed)
    if trials < fewest:
        raise UsageError(
            f"{trials} trials are too few: at epsilon {epsilon!r}, delta {delta!r} and error rate "
            f"{error_rate!r} no fewer than {fewest} can show a violation."
        )


def _name_of(mechanism: object) -> str:
    name = getattr(mechanism, "__qualname__", type(mechanism).__name__)
    return f"{getattr(mechanism, '__module__', None) or type(mechanism).__module__}:{name}"


def _said(value: object) -> str:
    try:
        return one_line(json.dumps(value))
    except (TypeError, ValueError):
        return one_line(repr(value))


def _examples(answers: list[Plain]) -> tuple[str, ...]:
    return tuple(one_line(repr(answer)) for answer in answers[:_EXAMPLES])


def _fixed(answers: list[Plain]) -> bool:
    first = repr(answers[0])
    return all(repr(answer) == first for answer in answers)
