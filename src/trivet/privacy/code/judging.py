"""Total of a path's loss, against what is claimed."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from trivet.privacy.code.densities import gaussian_of_scales, hockey_stick
from trivet.privacy.code.pairs import Part
from trivet.privacy.code.tested import ACCURACY

__all__ = ["SLACK", "Judgement", "judge"]

#: Relative excess over a claim that rounding explains.
SLACK: Final = 1e-9
#: A delta below it is taken for rounding.
_LEAST_DELTA: Final = 1e-11
#: The same of what a library states, which it rounds up: OpenDP's sums of floats by 1e-8.
_STATED_SLACK: Final = 1e-6
#: The same of a delta, which is computed on a grid.
_DELTA_SLACK: Final = 1e-5
#: Losses of Laplace noise that are convolved; the smaller ones are left out, which favours the code.
_MOST_LOSSES: Final = 60


@dataclass(frozen=True)
class Judgement:
    """Relation of a loss to a claim.

    `epsilon` is what the path needs at the claimed delta, or the claim where noise of another scale is shown
    to need no more; None where nothing bounds it or it is not known;
    `cause` is the part that decides.
    """

    outcome: Literal["within", "exceeds", "unknown"]
    epsilon: float | None
    words: str
    cause: Part | None


def judge(parts: Sequence[Part], *, epsilon: float, delta: float, slack: float = SLACK) -> Judgement:
    """Add up the loss of a path: each call at its worst answer, tests as they were seen.

    Pure losses add up; shifts of Gaussians add up in L2 norm, and their delta is exact (Balle and Wang 2018,
    Theorem 8); both together are convolved, rounded in favour of the code. `slack` is the relative excess
    that rounding explains.
    """
    if (broken := _beyond_bounds(parts, epsilon, delta)) is not None:
        return broken
    squared = math.fsum(part.amount for part in parts if part.kind == "gaussian")
    largest = max(parts, key=lambda part: part.amount, default=None)
    if squared > 0 and delta == 0:
        return Judgement("exceeds", None, "Gaussian noise is not private without a delta", largest)
    needed = _needed(parts, squared, delta)
    tests = sum(part.kind == "tested" for part in parts)
    open_ = [part for part in parts if part.kind in {"unknown", "scales", "unlimited"}]
    stated = any(part.facts.get("stated") for part in parts)
    relative = max(slack, _STATED_SLACK if stated else 0.0, _DELTA_SLACK if delta else 0.0)
    if needed > epsilon * (1 + relative) + tests * ACCURACY:
        sure = delta == 0 or all(part.kind in {"laplace", "gaussian"} for part in parts if part.amount)
        if sure or _by_tests(parts, epsilon, delta):
            return Judgement("exceeds", needed, f"an epsilon of {needed:.4g} is spent", largest)
        words = "the delta of its noise together is not known"
        return Judgement("unknown", needed, words, largest)
    if open_:
        return _of_open(open_, needed, epsilon)
    return Judgement("within", needed, f"an epsilon of {needed:.4g} is spent", largest)


def _of_open(parts: Sequence[Part], needed: float, epsilon: float) -> Judgement:
    """Judge parts that no pure loss stands for, each within the claim by itself or not known."""
    unknown = [part for part in parts if part.kind != "scales"]
    if unknown:
        return Judgement("unknown", None, unknown[0].words, unknown[0])
    if needed > 0 or len(_grouped(parts)) > 1:
        words = f"{parts[0].words or 'noise of another scale'}: its loss together with the rest is not known"
        return Judgement("unknown", None, words, parts[0])
    return Judgement("within", epsilon, f"an epsilon of {epsilon:.4g} at most is spent", parts[0])


def _beyond_bounds(parts: Sequence[Part], epsilon: float, delta: float) -> Judgement | None:
    """Judge the parts whose loss has no bound, each by itself."""
    for part in parts:
        if part.kind == "unlimited" and float(part.facts.get("mass", 1.0)) > delta:
            return Judgement("exceeds", None, part.words, part)
    for found, part in _of_scales(parts, epsilon):
        if found > max(delta * (1 + _DELTA_SLACK), _LEAST_DELTA):
            said = part.words or "the noise"
            words = f"{said}: the loss is more than {epsilon:g} with a probability of {found:.3g}"
            return Judgement("exceeds", None, words, part)
    if delta == 0:
        for part in parts:
            if part.kind == "scales" and part.facts["family"] != "cauchy" and part.facts["ratio"] != 1:
                return Judgement("exceeds", None, f"{part.words}: no epsilon bounds the loss", part)
    return None


def _by_tests(parts: Sequence[Part], epsilon: float, delta: float) -> bool:
    """Tell whether what was seen of tests is by itself too much likelier on one of the two."""
    for part in parts:
        if part.kind == "tested" and part.amount - ACCURACY > epsilon:
            p = math.exp(float(part.facts["log_p"]))
            if p * (1 - math.exp(epsilon - part.amount)) > delta:
                return True
    return False


def _needed(parts: Sequence[Part], squared: float, delta: float) -> float:
    laplace = [part.amount for part in parts if part.kind == "laplace" and part.amount > 0]
    others = math.fsum(part.amount for part in parts if part.kind in {"pure", "tested", "approximate"})
    if delta == 0:
        return others + math.fsum(laplace)
    from dp_accounting import get_epsilon_gaussian  # noqa: PLC0415 - slow to import

    if not laplace:
        return others + (float(get_epsilon_gaussian(1 / math.sqrt(squared), delta)) if squared > 0 else 0.0)
    from dp_accounting.pld import privacy_loss_distribution as pld  # noqa: PLC0415

    kept = sorted(laplace, reverse=True)[:_MOST_LOSSES]
    counts: defaultdict[float, int] = defaultdict(int)
    for loss in kept:
        counts[float(f"{loss:.12g}")] += 1
    grid = max(1e-4, (max(kept) + math.sqrt(squared)) * 1e-4)
    whole = None
    for loss, count in counts.items():
        one = pld.from_laplace_mechanism(
            1 / loss, pessimistic_estimate=False, value_discretization_interval=grid
        ).self_compose(count)
        whole = one if whole is None else whole.compose(one)
    assert whole is not None
    if squared > 0:
        whole = whole.compose(
            pld.from_gaussian_mechanism(
                1 / math.sqrt(squared), pessimistic_estimate=False, value_discretization_interval=grid
            )
        )
    return others + float(whole.get_epsilon_for_delta(delta))


def _of_scales(parts: Iterable[Part], epsilon: float) -> Iterable[tuple[float, Part]]:
    """Yield the delta of each noise that has no bounded loss, Gaussians of one draw together."""
    for group in _grouped(parts):
        family, ratio = str(group[0].facts["family"]), float(group[0].facts["ratio"])
        if family == "normal":
            distance = float(np.linalg.norm([part.amount for part in group]))
            yield gaussian_of_scales(distance, len(group), float(f"{ratio:.9g}"), epsilon), group[0]
        elif (found := hockey_stick(family, group[0].amount, ratio, epsilon)) is not None:
            yield found, group[0]


def _grouped(parts: Iterable[Part]) -> list[list[Part]]:
    """Return the parts with noise that has no bounded loss, Gaussians of one draw and ratio together."""
    gaussians: defaultdict[tuple[tuple[int, ...], float], list[Part]] = defaultdict(list)
    others: list[list[Part]] = []
    for part in parts:
        if part.kind == "scales" and part.facts["family"] == "normal":
            gaussians[part.draws, float(f"{part.facts['ratio']:.9g}")].append(part)
        elif part.kind == "scales":
            others.append([part])
    return [*others, *gaussians.values()]
