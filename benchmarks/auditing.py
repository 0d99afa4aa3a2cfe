"""False alarms of mechanism audits on correct mechanisms, and their lower bounds for a known epsilon."""

import math
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trivet.privacy import laplace
from trivet.privacy.mechanism.audit import audit_answers

EPSILON = 1.0
AUDITS = 1000
TRIALS = (1000, 4000, 20_000, 100_000)

Draw = Callable[[np.random.Generator, int, int], NDArray[np.generic]]


def integer_laplace(generator: np.random.Generator, value: int, trials: int) -> NDArray[np.generic]:
    return laplace.perturb_integer(value, scale=1 / EPSILON, generator=generator, size=trials)


def randomised_response(generator: np.random.Generator, value: int, trials: int) -> NDArray[np.generic]:
    lies = generator.random(trials) >= 1 / (1 + math.exp(-EPSILON))
    return lies != bool(value)


def main(audits: int = AUDITS) -> None:
    print("mechanism            trials  audits  flagged  epsilon shown, of 1: median  largest  seconds each")
    for draw in (integer_laplace, randomised_response):
        for trials in TRIALS:
            times = audits * min(TRIALS) // trials
            start = time.perf_counter()
            shown = [one_audit(draw, seed, trials) for seed in range(max(10, times))]
            seconds = (time.perf_counter() - start) / len(shown)
            flagged = sum(epsilon > EPSILON for epsilon in shown)
            print(
                f"{draw.__name__:20s} {trials:6d} {len(shown):7d} {flagged:8d} "
                f"{np.median(shown):29.3f} {max(shown):8.3f} {seconds:13.3f}"
            )


def one_audit(draw: Draw, seed: int, trials: int) -> float:
    generator = np.random.default_rng(seed)
    sides = [draw(generator, value, trials) for value in (0, 1)]
    return audit_answers(*sides, epsilon=EPSILON).epsilon_lower


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
