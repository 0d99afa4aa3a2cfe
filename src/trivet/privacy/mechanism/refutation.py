r"""Test of a claim from the answers on two inputs, with a controlled error rate.

The answers are parted in three before any is looked at. From the first quarter the families of
`FAMILIES` propose events. On the second, one event of each family is chosen. On the other half,
which has played no part so far, the chosen events are counted. Each count gives Clopper-Pearson bounds at
`error_rate` / (2 m) for m tested events (Bonferroni), so all of them hold together with probability
1 - `error_rate`, and so does the largest :math:`\ln((p - \delta) / q)` that they leave.

With `logic` the numbers are rounded to a coarse grid first, a fifth of the answers proposes events, a fifth
chooses one among all families, and on the rest it alone is tested, with the whole error rate: by
Clopper-Pearson bounds or Fisher's exact test, whichever showed more when the event was chosen.

The scheme is that of StatDP (Ding, Wang, Wang, Zhang and Kifer 2018) and DP-Sniper (Bichsel, Steffen,
Bogunovic and Vechev 2021): search for an event first, test it on fresh answers afterwards.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from trivet.estimate import Known
from trivet.privacy.mechanism.answers import Answers, Event, Plain, Sample, coarse_grid
from trivet.privacy.mechanism.bounds import (
    LOGIC_PARTS,
    PARTS,
    ceiling,
    epsilon_bounds,
    lower,
    planned_level,
    thinned_bound,
    upper,
    visible_count,
)
from trivet.privacy.mechanism.families import BITS, FAMILIES
from trivet.privacy.mechanism.neighbours import Neighbours
from trivet.privacy.mechanism.results import EventFinding, MechanismAudit
from trivet.verdict import CONSISTENT, VIOLATES
from trivet.wording import one_line

__all__ = ["judge_answers", "limits", "part_of", "reason", "share", "shown_before"]

#: Where all families have one event together, chance favours more of them, so the choice is stricter.
RIVALS: Final = 5
CLOPPER_PEARSON: Final = "Clopper-Pearson"
FISHER: Final = "Fisher"


@dataclass(frozen=True)
class Chosen:
    """An event, the input on which it is expected more often, what it showed, and by which test."""

    family: str
    event: Event
    likelier_on_a: bool
    shown: float
    test: str = CLOPPER_PEARSON


def choose(
    family: str, events: Iterable[Event], on_a: Answers, on_b: Answers, *, level: float, delta: float
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
    # Where delta is beyond every bound on p, the largest difference is left.
    ranked = shown if np.isfinite(shown).any() else p - q
    row, column = np.unravel_index(int(np.argmax(ranked)), ranked.shape)
    event = proposed[int(column)]
    chosen = event if row < 2 else _complement(event)  # noqa: PLR2004 - see the rows above
    return Chosen(family, chosen, row % 2 == 0, float(shown[row, column])), len(proposed)


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


def limits(
    verdict: str,
    *,
    fixed: bool,
    ceiling: float,
    visible: float,
    error_rate: float,
    logic: bool,
    only_bits: bool = False,
) -> str:
    """Say what the audit could have seen, and what a verdict is not."""
    noiseless = (
        "The answers are always the same: no noise is added, or it is drawn once and used again. "
        if fixed
        else ""
    )
    if verdict == VIOLATES:
        apart = "Only the last bits of numbers show it; --logic tests the rest. " if only_bits else ""
        return (
            f"{noiseless}{apart}A mechanism that keeps its claim is called this with probability "
            f"{share(error_rate)} at most. So many trials show epsilon {ceiling:.1f} at most: the true "
            "one may be larger."
        )
    seen = (
        f"What only one input yields would have shown from a frequency of {share(visible)} on, and "
        f"epsilon {ceiling:.1f} at most."
    )
    bits = "The bits of floating-point numbers, which may tell all, were left out. " if logic else ""
    return (
        f"{noiseless}This does not prove privacy. {seen} {bits}Other inputs, rarer answers and events of "
        "other kinds were not looked at."
    )


def share(fraction: float) -> str:
    """Write a fraction as a percentage with three significant digits: 15.1 %, 0 %, 0.0042 %."""
    return f"{100 * fraction:.3g} %"


_EXAMPLES: Final = 3


def part_of(trials: int, *, logic: bool) -> int:
    """Return how many of so many answers propose events; as many choose among them."""
    return trials // (LOGIC_PARTS if logic else PARTS)


def shown_before(
    on_a: list[Plain],
    on_b: list[Plain],
    pair: Neighbours,
    *,
    delta: float,
    error_rate: float,
    seed: int,
    logic: bool,
) -> float:
    """Return the largest bound on epsilon that the proposing and choosing answers of a pair give."""
    if logic:
        on_a, on_b = _rounded(on_a, on_b, len(on_a) // 2)
    chosen, _ = _search(
        on_a, on_b, len(on_a) // 2, pair, delta=delta, error_rate=error_rate, seed=seed, logic=logic
    )
    return max((each.shown for each in chosen), default=-np.inf)


def judge_answers(
    on_a: list[Plain],
    on_b: list[Plain],
    pair: Neighbours,
    *,
    epsilon: float,
    delta: float,
    error_rate: float,
    seed: int,
    name: str,
    logic: bool = False,
    pairs: int = 1,
) -> MechanismAudit:
    """Propose, choose and test events on the answers of two inputs, and draw the verdict."""
    trials, examples = len(on_a), (_examples(on_a), _examples(on_b))
    part = part_of(trials, logic=logic)
    if logic:
        on_a, on_b = _rounded(on_a, on_b, part)
    chosen, proposed = _search(
        on_a, on_b, part, pair, delta=delta, error_rate=error_rate, seed=seed, logic=logic
    )
    a_fresh, b_fresh = Answers(on_a[2 * part :]), Answers(on_b[2 * part :])
    level = error_rate / (2 * max(1, len(chosen)))
    generator = _thinning(seed, 1)
    findings = sorted(
        (_test(each, a_fresh, b_fresh, level=level, delta=delta, generator=generator) for each in chosen),
        key=lambda finding: -finding.epsilon_lower,
    )
    best = findings[0] if findings else None
    shown = best.epsilon_lower if best else 0.0
    fresh = len(a_fresh)
    visible = visible_count(fresh, epsilon=epsilon, level=level, delta=delta)
    assert visible is not None  # a claim that so many trials cannot refute was refused
    verdict = VIOLATES if shown > epsilon else CONSISTENT
    most = ceiling(fresh, level=level, delta=delta)
    said_a, said_b = (_said(value) for value in (pair.a, pair.b))
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
        examples_a=examples[0],
        examples_b=examples[1],
        reason=reason(verdict, best, epsilon=epsilon, inputs=(said_a, said_b)),
        limits=limits(
            verdict,
            fixed=_fixed(on_a) and _fixed(on_b),
            ceiling=most,
            visible=visible / fresh,
            error_rate=error_rate,
            logic=logic,
            only_bits=all(each.family in BITS for each in findings if each.epsilon_lower > epsilon),
        ),
        logic=logic,
        pairs=pairs,
        pattern=pair.pattern,
    )


def _rounded(on_a: list[Plain], on_b: list[Plain], part: int) -> tuple[list[Plain], list[Plain]]:
    """Return the answers on the grid of those that propose events."""
    grid = coarse_grid((*on_a[:part], *on_b[:part]))
    return list(map(grid, on_a)), list(map(grid, on_b))


def _search(
    on_a: list[Plain],
    on_b: list[Plain],
    part: int,
    pair: Neighbours,
    *,
    delta: float,
    error_rate: float,
    seed: int,
    logic: bool,
) -> tuple[Sequence[Chosen], int]:
    """Return the events to test, and how many were proposed."""
    (a_first, b_first), (a_second, b_second) = (
        (Answers(on_a[piece]), Answers(on_b[piece])) for piece in (slice(0, part), slice(part, 2 * part))
    )
    sample = Sample(a_first, b_first, pair.a, pair.b)
    planned = planned_level(error_rate, logic=logic) / (RIVALS if logic else 1)
    chosen: list[Chosen] = []
    proposed = 0
    for family, propose in FAMILIES.items():
        if logic and family in BITS:
            continue
        found, number = choose(family, propose(sample), a_second, b_second, level=planned, delta=delta)
        proposed += number
        if found is not None:
            chosen.append(found)
    if not logic or not chosen:
        return chosen, proposed
    generator = _thinning(seed, 0)
    ways = [
        *chosen,
        *(_by_fisher(each, a_second, b_second, 2 * planned, generator) for each in chosen if not delta),
    ]
    return [max(ways, key=lambda each: each.shown)], proposed


def _by_fisher(
    chosen: Chosen, on_a: Answers, on_b: Answers, level: float, generator: np.random.Generator
) -> Chosen:
    """Return the same event with what Fisher's exact test shows of it."""
    p, q = _counts(chosen, on_a, on_b)
    shown = thinned_bound(p, q, len(on_a), level=level, generator=generator)
    return replace(chosen, shown=shown, test=FISHER)


def _counts(chosen: Chosen, on_a: Answers, on_b: Answers) -> tuple[int, int]:
    a, b = (int(np.count_nonzero(chosen.event.holds(answers))) for answers in (on_a, on_b))
    return (a, b) if chosen.likelier_on_a else (b, a)


def _thinning(seed: int, use: int) -> np.random.Generator:
    """Return the generator that thins the counts of Fisher's test; the order of the calls has another."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(use,)))


def _test(
    chosen: Chosen,
    on_a: Answers,
    on_b: Answers,
    *,
    level: float,
    delta: float,
    generator: np.random.Generator,
) -> EventFinding:
    p, q = _counts(chosen, on_a, on_b)
    trials = len(on_a)
    shown = float(epsilon_bounds(p, q, trials, level=level, delta=delta))
    if chosen.test == FISHER:
        shown = thinned_bound(p, q, trials, level=2 * level, generator=generator)
        # The numbers that thin may flatter an event of one input alone.
        shown = min(shown, ceiling(trials, level=level, delta=delta))
    return EventFinding(
        family=chosen.family,
        description=chosen.event.words,
        direction="A against B" if chosen.likelier_on_a else "B against A",
        p_count=p,
        p_trials=trials,
        p=Known(p / trials, float(lower(p, trials, level)), None, 1 - level, "Clopper-Pearson, one-sided"),
        q_count=q,
        q_trials=trials,
        q=Known(q / trials, None, float(upper(q, trials, level)), 1 - level, "Clopper-Pearson, one-sided"),
        epsilon_lower=max(0.0, shown),
        test=chosen.test,
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
