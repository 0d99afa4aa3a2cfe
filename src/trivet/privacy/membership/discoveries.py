"""Rows that an attack may call members while few of them are not: a list at a false discovery rate.

The candidates are all members and a random half of the non-members; a quarter of these chooses the attack,
and a quarter calibrates it. A candidate's conformal p-value is the share of calibrating rows that score as
high, and Benjamini and Hochberg's procedure (1995) keeps the share of non-members among those it names below
its level times their share among the candidates, on average. That share is known, so the level is `fdr` over
it. The p-values depend on one another, since they share the calibrating rows. They are positively regression
dependent (PRDS), under which the procedure is valid (Benjamini and Yekutieli 2001; Bates et al. 2023, Theorem
2). What it takes is that the non-members are exchangeable, which their random parts are, whatever the scores
of the members (Marandon et al. 2024).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from trivet.privacy.membership.results import Discoveries

__all__ = ["conformal_p_values", "discover"]


def conformal_p_values(scores: NDArray[np.float64], calibration: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (1 + calibrating scores at least as high) / (1 + their number) for each score."""
    higher = len(calibration) - np.searchsorted(np.sort(calibration), scores, side="left")
    return (1 + higher) / (1 + len(calibration))


def discover(
    scores: Mapping[str, NDArray[np.float64]],
    inside: NDArray[np.bool_],
    numbers: NDArray[np.int64],
    *,
    fdr: float,
    generator: np.random.Generator,
) -> Discoveries:
    """Name the members, by their `numbers`, that the best attack finds at a false discovery rate."""
    outside = generator.permutation(np.flatnonzero(~inside))
    choosing, calibrating, others = np.split(outside, [len(outside) // 4, len(outside) // 2])
    candidates = np.concatenate([np.flatnonzero(inside), others])
    level = fdr * len(candidates) / len(others)

    def named_before(attack: str) -> int:
        """Count members only: whether a candidate that is none is named has no part in the choice."""
        found = scores[attack]
        p_values = conformal_p_values(found[inside], found[choosing])
        return int((false_discovery_control(p_values) <= level).sum())

    best = max(scores, key=named_before)
    p_values = conformal_p_values(scores[best][candidates], scores[best][calibrating])
    whose = candidates[false_discovery_control(p_values) <= level]
    members = whose[inside[whose]]
    return Discoveries(
        fdr=fdr,
        attack=best,
        candidates=len(candidates),
        calibrating=len(calibrating),
        members=len(members),
        others=len(whose) - len(members),
        rows=tuple(numbers[members].tolist()),
    )
