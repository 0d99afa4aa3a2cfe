r"""Test of a claim from the answers on two inputs, with a controlled error rate.

The answers are parted in three before any is looked at. From the first quarter the families of
`registry.FAMILIES` propose events. On the second, one event of each family is chosen. On the other half,
which has played no part so far, the chosen events are counted. Each count gives Clopper-Pearson bounds at
`error_rate` / (2 m) for m tested events (Bonferroni), so all of them hold together with probability
1 - `error_rate`, and so does the largest :math:`\ln((p - \delta) / q)` that they leave.

The scheme is that of StatDP (Ding, Wang, Wang, Zhang and Kifer 2018) and DP-Sniper (Bichsel, Steffen,
Bogunovic and Vechev 2021): search for an event first, test it on fresh answers afterwards.
"""

import json
from typing import Any, Final

import numpy as np

from trivet.privacy.auditing import verdicts
from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.bounds import ceiling, epsilon_bounds, lower, upper, visible_count
from trivet.privacy.auditing.choice import Chosen, choose
from trivet.privacy.auditing.claims import PARTS, planned_level
from trivet.privacy.auditing.events import Sample
from trivet.privacy.auditing.plain_answers import Plain
from trivet.privacy.auditing.registry import FAMILIES
from trivet.privacy.auditing.results import CONSISTENT, VIOLATES, EventFinding, MechanismAudit
from trivet.wording import one_line

__all__ = ["judge_answers"]

_EXAMPLES: Final = 3


def judge_answers(
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
    """Propose, choose and test events on the answers of two inputs, and draw the verdict."""
    trials = len(on_a)
    part = trials // PARTS
    parts = (slice(0, part), slice(part, 2 * part), slice(2 * part, None))
    (a_first, b_first), (a_second, b_second), (a_fresh, b_fresh) = (
        (Answers(on_a[piece]), Answers(on_b[piece])) for piece in parts
    )
    sample = Sample(a_first, b_first, *inputs)
    planned = planned_level(error_rate)
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
    assert visible is not None  # a claim that so many trials cannot refute was refused
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
        visible_probability=visible / fresh,
        examples_a=_examples(on_a),
        examples_b=_examples(on_b),
        reason=verdicts.reason(verdict, best, epsilon=epsilon, inputs=(said_a, said_b)),
        limits=verdicts.limits(
            verdict,
            fixed=_fixed(on_a) and _fixed(on_b),
            ceiling=most,
            visible=visible / fresh,
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
