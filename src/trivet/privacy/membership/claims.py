r"""Test of the epsilon that is claimed for a training, by rows whose membership a coin decided.

Members of one model share its noise, so exact binomial bounds on an attack's TPR and FPR, as if rows were
independent trainings, would not hold. Theorem 5.2 of Steinke, Nasr and Jagielski 2023 does hold from one
training, for any guesser that sees the model and not the coins: planted rows, and the rows of the data scored
by an attack, where each unit went in by a fair coin of its own. Without delta it is the bound of Clopper and
Pearson on the share of right guesses. The error rate is divided among all tests (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.privacy.membership.one_run import one_run_audit, one_run_ceiling
from trivet.privacy.membership.results import BARE, Claim, ClaimAudit, ClaimTest
from trivet.settings import Positive, require
from trivet.verdict import CONSISTENT, VIOLATES

__all__ = ["CANARIES", "Tossed", "judge_claim", "require_refutable", "testable"]

#: Name of the test by planted rows.
CANARIES = "canaries"
#: Confidence of all tests of a claim together.
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Tossed:
    """Rows or units that a fair coin each put into training, with their scores, shapes (n,)."""

    by: str
    scores: NDArray[np.float64]
    coins: NDArray[np.bool_]


def testable(rows: int, delta: float, claim: Claim) -> int:
    """Return how many of so many tossed rows a claim is tested on: a delta costs a bare one for each."""
    return min(rows, int(1 / (2 * delta))) if claim == BARE and delta > 0 else rows


def require_refutable(epsilon: float, delta: float, claim: Claim, sizes: Sequence[int]) -> None:
    """Raise UsageError where no test, of so many tossed rows each, could show more than the claim."""
    require(Positive, epsilon=epsilon)
    if not sizes:
        raise UsageError(
            "a claim is tested by canaries, or by rows whose membership a coin decided: set canaries, leave "
            "out members, or say which rows were tossed."
        )
    level = 1 - (1 - LEVEL) / len(sizes)
    most = max(one_run_ceiling(rows, delta=delta, level=level, claim=claim) for rows in sizes)
    if most <= epsilon:
        raise UsageError(
            f"{max(sizes)} rows tossed by a coin show an epsilon of {most:.3g} at most, and {epsilon:g} is "
            "claimed, so that no training could fail; expected more canaries or rows."
        )


def judge_claim(
    epsilon: float, delta: float, claim: Claim, tossed: Sequence[Tossed], *, seed: int, of_model: bool
) -> ClaimAudit:
    """Bound epsilon from below by each kind of tossed rows, and compare the largest bound with the claim."""
    level = 1 - (1 - LEVEL) / len(tossed)
    tests: list[ClaimTest] = []
    for each in tossed:
        kept = slice(None)
        if (most := testable(len(each.coins), delta, claim)) < len(each.coins):
            kept = np.random.default_rng(seed).choice(len(each.coins), most, replace=False)
        bound = one_run_audit(
            each.scores[kept], each.coins[kept], delta=delta, level=level, claim=claim, seed=seed
        )
        tests.append(ClaimTest(each.by, bound))
    best = max(tests, key=lambda test: test.bound.epsilon_lower)
    shown = best.bound.epsilon_lower
    ceiling = max(
        one_run_ceiling(test.bound.canaries, delta=delta, level=level, claim=claim) for test in tests
    )
    verdict = VIOLATES if shown > epsilon else CONSISTENT
    return ClaimAudit(
        epsilon=float(epsilon),
        delta=float(delta),
        claim=claim,
        verdict=verdict,
        epsilon_lower=shown,
        best=best.by,
        ceiling=ceiling,
        level=LEVEL,
        tests=tuple(tests),
        reason=_reason(verdict, best, epsilon),
        limits=_limits(ceiling, of_model=of_model),
    )


def _reason(verdict: str, best: ClaimTest, epsilon: float) -> str:
    bound = best.bound
    guessed = f"By {best.by}, {bound.correct} of {bound.guesses} guesses are right"
    if verdict == VIOLATES:
        return f"{guessed}: epsilon is at least {bound.epsilon_lower:.2f}, not {epsilon:g}."
    return f"{guessed}, which shows an epsilon of {bound.epsilon_lower:.2f}, and {epsilon:g} is claimed."


def _limits(ceiling: float, *, of_model: bool) -> str:
    whose = "the audited model and " if of_model else ""
    return (
        f"The bounds hold together at {LEVEL:.0%} and could have shown epsilon {ceiling:.1f} at most. They "
        f"are of {whose}trainings by its recipe, on as many rows as here. Consistent does not prove privacy: "
        "what a stronger guesser would see, or one of the steps in between, was not looked at."
    )
