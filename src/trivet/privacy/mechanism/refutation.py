r"""Test of a claim from the answers on two inputs, with a controlled error rate.

The answers are parted in three before any is looked at. From the first quarter the families of
`FAMILIES` propose events. On the second, one event of each family is chosen. On the other half,
which has played no part so far, the chosen events are counted. Each count gives Clopper-Pearson bounds at
`error_rate` / (2 m) for m tested events (Bonferroni), so all of them hold together with probability
1 - `error_rate`, and so does the largest :math:`\ln((p - \delta) / q)` that they leave.

The scheme is that of StatDP (Ding, Wang, Wang, Zhang and Kifer 2018) and DP-Sniper (Bichsel, Steffen,
Bogunovic and Vechev 2021): search for an event first, test it on fresh answers afterwards.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from trivet.estimate import Known
from trivet.privacy.mechanism.answers import Answers, Event, Plain, Sample
from trivet.privacy.mechanism.bounds import (
    PARTS,
    ceiling,
    epsilon_bounds,
    lower,
    planned_level,
    upper,
    visible_count,
)
from trivet.privacy.mechanism.families import FAMILIES
from trivet.privacy.mechanism.results import EventFinding, MechanismAudit
from trivet.verdict import CONSISTENT, VIOLATES
from trivet.wording import one_line

__all__ = ["judge_answers", "limits", "reason", "share"]


@dataclass(frozen=True)
class Chosen:
    """An event and the input on which it is expected more often."""

    event: Event
    likelier_on_a: bool


def choose(
    events: Iterable[Event], on_a: Answers, on_b: Answers, *, level: float, delta: float
) -> tuple[Chosen | None, int]:
    """Return the event, or complement, with the largest lower bound on epsilon, and how many there were."""
    proposed = list(events)
    if not proposed:
        return None, 0
    trials = len(on_a)
    a = np.array([np.count_nonzero(event.holds(on_a)) for event in proposed])
    b = np.array([np.count_nonzero(event.holds(on_b)) for event in proposed])
    # Rows: the event and its complement, each likelier on A and on B.
    p = np.stack([a, b, trials - a, trials - b])
    q = np.stack([b, a, trials - b, trials - a])
    shown = epsilon_bounds(p, q, trials, level=level, delta=delta)
    if not np.isfinite(shown).any():  # delta is beyond every bound on p: the largest difference is left
        shown = p - q
    row, column = np.unravel_index(int(np.argmax(shown)), shown.shape)
    event = proposed[int(column)]
    return Chosen(event if row < 2 else _complement(event), likelier_on_a=row % 2 == 0), len(proposed)  # noqa: PLR2004 - see the rows above


def _complement(event: Event) -> Event:
    return replace(
        event, words=event.otherwise, otherwise=event.words, holds=lambda answers: ~event.holds(answers)
    )


def reason(verdict: str, best: EventFinding | None, *, epsilon: float, inputs: tuple[str, str]) -> str:
    """Give the verdict in one sentence, with the event behind it."""
    if best is None:
        return "No answer came up twice and none has a number, so there was no event to count."
    on_a = best.direction.startswith("A")
    likelier, other = inputs if on_a else inputs[::-1]
    if verdict == VIOLATES:
        return (
            f'"{best.description}" holds for {share(best.p.value)} of the answers on {likelier} and '
            f"{share(best.q.value)} on {other}: epsilon is at least {best.epsilon_lower:.2f}, "
            f"not {epsilon:g}."
        )
    return (
        f"No event showed more than epsilon {best.epsilon_lower:.2f}, and {epsilon:g} is claimed; "
        f'the most telling was "{best.description}".'
    )


def limits(verdict: str, *, fixed: bool, ceiling: float, visible: float, error_rate: float) -> str:
    """Say what the audit could have seen, and what a verdict is not."""
    noiseless = (
        "The answers are always the same: no noise is added, or it is drawn once and used again. "
        if fixed
        else ""
    )
    if verdict == VIOLATES:
        return (
            f"{noiseless}A mechanism that keeps its claim is called this with probability "
            f"{share(error_rate)} at most. So many trials show epsilon {ceiling:.1f} at most: the true "
            "one may be larger."
        )
    seen = (
        f"What only one input yields would have shown from a frequency of {share(visible)} on, and "
        f"epsilon {ceiling:.1f} at most."
    )
    return (
        f"{noiseless}This does not prove privacy. {seen} Other inputs, rarer answers and events of other "
        "kinds were not looked at."
    )


def share(fraction: float) -> str:
    """Write a fraction as a percentage with three significant digits: 15.1 %, 0 %, 0.0042 %."""
    return f"{100 * fraction:.3g} %"


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
    for key, propose in FAMILIES.items():
        chosen, number = choose(propose(sample), a_second, b_second, level=planned, delta=delta)
        proposed += number
        if chosen is not None:
            tested.append((key, chosen))
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
        reason=reason(verdict, best, epsilon=epsilon, inputs=(said_a, said_b)),
        limits=limits(
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
        p=Known(p / trials, float(lower(p, trials, level)), None, 1 - level, "Clopper-Pearson, one-sided"),
        q_count=q,
        q_trials=trials,
        q=Known(q / trials, None, float(upper(q, trials, level)), 1 - level, "Clopper-Pearson, one-sided"),
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
