"""Sparse vector variants and a geometric mechanism with known guarantees, audited over many neighbours.

Table of docs/privacy-audit.md: which are found at 100,000 trials apart from their bits, and by which inputs.
"""

import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trivet.privacy.mechanism.audit import audit_mechanism

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "privacy" / "auditing"))
from specimen_mechanisms import (  # pyright: ignore[reportMissingImports] - of the tests
    sparse_vector,
    truncated_geometric,
)

TRIALS = 100_000
QUERIES = 10
COUNTS = [(count, count + 1) for count in range(5)]
#: What Lyu, Su and Li 2017 prove of Algorithms 1 to 6 with one answer above.
TRUTH = {1: "1", 2: "1", 3: "none", 4: "1.75", 5: "none", 6: "none"}


def row(
    name: str, truth: str, mechanism: Callable[[Any], Any], epsilon: float, trials: int, **how: Any
) -> None:
    """Print a row of the table."""
    found = audit_mechanism(mechanism, epsilon=epsilon, trials=trials, logic=True, **how)
    inputs = found.pattern or f"{found.input_a}, {found.input_b}"
    print(
        f"| {name} | {epsilon:g} | {truth} | {found.epsilon_lower:.3f} | {found.verdict} | {inputs} |",
        flush=True,
    )


def main(trials: int = TRIALS, seed: int = 0) -> None:
    """Print the table."""
    print("| Mechanism | claimed epsilon | true | at least | verdict | neighbours |")
    print("|---|--:|--:|--:|---|---|")
    for epsilon in (1.0, 0.1):
        for variant, truth in TRUTH.items():
            generator = np.random.default_rng([seed, variant])
            mechanism = partial(sparse_vector, generator, variant=variant, epsilon=epsilon)
            true = truth if truth == "none" else f"{float(truth) * epsilon:g}"
            row(f"SVT{variant}", true, mechanism, epsilon, trials, queries=QUERIES)
    for name, logarithm in (("geometric", math.log2), ("geometric, natural logarithm", math.log)):
        generator = np.random.default_rng([seed, 7])
        mechanism = partial(truncated_geometric, generator, epsilon=0.1, logarithm=logarithm)
        truth = math.log1p(2.0 ** -math.ceil(logarithm(20)))
        row(name, f"{truth:.3f}", mechanism, 0.1, trials, neighbours=COUNTS)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
