"""Audits of DP-SGD to epsilon 3 on MNIST, right and with mistakes of practice, as in docs/membership.md."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from trivet.datasets import load_images
from trivet.privacy.membership.audit import audit_model

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "privacy" / "membership"))
from private_trainings import (  # pyright: ignore[reportMissingImports] - of the tests
    MISTAKES,
    OpacusRegression,
    PrivateRegression,
)

ROWS = 1000
SEEDS = 5


def row(name: str, model: Any, seeds: int) -> None:
    """Print a row of the table: the bounds and verdicts of several seeds."""
    shown: list[float] = []
    caught, accuracy, ceiling, start = 0, 0.0, 0.0, time.perf_counter()
    for seed in range(seeds):
        images = load_images("mnist", limit=ROWS, seed=seed)
        rows = images.unit().reshape(ROWS, -1).astype(np.float32)
        audit = audit_model(
            model,
            rows,
            images.labels,
            epsilon=3.0,
            delta=1e-5,
            canaries=ROWS,
            shadows=8,
            attacks=("lira-offline",),
            workers=1,
            seed=seed,
        )
        assert audit.claim is not None
        shown.append(audit.claim.epsilon_lower)
        caught += audit.claim.verdict == "violates"
        accuracy += audit.test_accuracy / seeds
        ceiling = audit.claim.ceiling
    seconds = (time.perf_counter() - start) / seeds
    print(
        f"| {name} | {accuracy:.0%} | {np.median(shown):.2f} ({min(shown):.2f}-{max(shown):.2f}) "
        f"| {caught} of {seeds} | {ceiling:.1f} | {seconds:.0f} s |",
        flush=True,
    )


def main(seeds: int = SEEDS) -> None:
    """Print the table."""
    print("| Training | accuracy | epsilon at least: median (range) | `violates` | could show | an audit |")
    print("|---|--:|--:|--:|--:|--:|")
    for mistake in MISTAKES:
        row("right" if mistake == "none" else mistake, PrivateRegression(mistake), seeds)
    for noisy in (True, False):
        row("Opacus" if noisy else "Opacus, no noise", OpacusRegression(noisy=noisy), seeds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
