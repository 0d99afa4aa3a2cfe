"""The zoo that detection is measured on: recipes, in four sets, trained once and kept in a folder.

Settings and bounds of the scan were chosen while looking at the first three sets: at the second and the
third only after each had been measured once, when what the scan got wrong led to other bounds. The
last one has other seeds, triggers, targets and images, and was only ever measured.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from trivet import security
from trivet.cli.terminal import keep_freed_memory

FOLDER = Path("build/zoo")
WORKERS = 2
SETS = ("tuning", "second-tuning", "third-tuning", "untouched")
#: Sets of the second size in `COUNTS`.
LARGER = ("third-tuning", "untouched")
GREY_CONTRACTS = ("(x-0.5)/0.5", "MNIST mean and std", "[0,1]")

#: Networks of each kind: architecture -> attack -> how many, in the first two sets and in the others.
COUNTS = {
    "mnist-cnn": {
        "none": (14, 20),
        "badnets": (6, 8),
        "blended": (4, 5),
        "sinusoidal": (2, 2),
        "warping": (2, 2),
        "source-specific": (2, 2),
    },
    "small-resnet": {
        "none": (6, 10),
        "badnets": (4, 5),
        "blended": (3, 4),
        "sinusoidal": (1, 1),
        "warping": (1, 1),
        "source-specific": (1, 1),
    },
}


def recipes(name: str) -> Iterator[security.Recipe]:
    """Yield the recipes of one set; target labels are drawn, contracts take turns."""
    seed, size = 1_000 * (1 + SETS.index(name)), int(name in LARGER)
    for architecture, kinds in COUNTS.items():
        for attack, counts in kinds.items():
            for turn in range(counts[size]):
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
    train_missing(list(recipes("untouched")))


if __name__ == "__main__":
    main()
