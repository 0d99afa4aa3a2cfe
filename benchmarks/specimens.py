"""The zoo that detection is measured on: recipes, in two halves, trained once and kept in a folder.

Everything that was tuned was tuned on the first half. The second half has other seeds, triggers,
targets and images, and was only ever measured.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from trivet import security
from trivet.cli.memory import keep_freed_memory

FOLDER = Path("build/zoo")
WORKERS = 2
HALVES = ("tuning", "untouched")
GREY_CONTRACTS = ("(x-0.5)/0.5", "MNIST mean and std", "[0,1]")

#: Networks of each kind in a half: architecture -> attack -> how many.
COUNTS = {
    "mnist-cnn": {
        "none": 14,
        "badnets": 6,
        "blended": 4,
        "sinusoidal": 2,
        "warping": 2,
        "source-specific": 2,
    },
    "small-resnet": {
        "none": 6,
        "badnets": 4,
        "blended": 3,
        "sinusoidal": 1,
        "warping": 1,
        "source-specific": 1,
    },
}


def recipes(half: str) -> Iterator[security.Recipe]:
    """Yield the recipes of one half; target labels are drawn, contracts take turns."""
    seed = 1_000 * (1 + HALVES.index(half))
    for architecture, kinds in COUNTS.items():
        for attack, count in kinds.items():
            for turn in range(count):
                grey = architecture == "mnist-cnn"
                yield security.Recipe(
                    architecture=architecture,
                    attack=attack,
                    target=None if attack == "none" else int(np.random.default_rng(seed).integers(10)),
                    seed=seed,
                    contract=GREY_CONTRACTS[turn % 3] if grey else "(x-0.5)/0.5",
                )
                seed += 1


def place(recipe: security.Recipe) -> Path:
    """Return where a recipe's weights are kept."""
    return FOLDER / f"{recipe.architecture}-{recipe.attack}-{recipe.seed}.safetensors"


def train_missing(wanted: Sequence[security.Recipe]) -> None:
    """Train what is not in the folder yet, one thread a worker."""
    missing = [recipe for recipe in wanted if not place(recipe).is_file()]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for done, line in enumerate(pool.map(_train, missing), start=1):
            print(f"{done:3} of {len(missing)}: {line}", file=sys.stderr, flush=True)


def _train(recipe: security.Recipe) -> str:
    keep_freed_memory()
    torch.set_num_threads(1)
    specimen = security.train_specimen(recipe)
    security.save_specimen(specimen, place(recipe))
    return f"{place(recipe).stem}: accuracy {specimen.clean_accuracy:.3f}, ASR {specimen.attack_success_rate}"


def main() -> None:
    train_missing([recipe for half in HALVES for recipe in recipes(half)])


if __name__ == "__main__":
    main()
