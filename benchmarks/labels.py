"""Cost of 100 labels against 10, on networks of one family.

Scans clean and attacked networks of the same shape for the ten digits and for a hundred pairs of
digits, trains them where they are missing, and prints image-steps and seconds of the scans with their
ratios, like with like.
"""

import statistics
import time

from specimens import place, train_missing

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.security.zoo import FAMILIES

ATTACKS = ("none", "badnets", "blended")
SEEDS = (5_000, 5_001)
TARGETS = {"mnist-cnn": 7, "pairs-cnn": 47}
WANTED = 4


def main() -> None:
    keep_freed_memory()
    recipes = [
        security.Recipe(
            architecture=architecture,
            attack=attack,
            target=None if attack == "none" else target,
            seed=seed,
        )
        for architecture, target in TARGETS.items()
        for attack in ATTACKS
        for seed in SEEDS
    ]
    train_missing(recipes)
    costs: dict[tuple[str, str], list[tuple[int, float]]] = {}
    images = {architecture: FAMILIES[architecture].load("test") for architecture in TARGETS}
    for recipe in recipes:
        checkpoint = security.load_checkpoint(place(recipe), architecture=recipe.architecture)
        start = time.perf_counter()
        result = security.scan(checkpoint, images[recipe.architecture]).result
        seconds = time.perf_counter() - start
        kind = "clean" if recipe.attack == "none" else "attacked"
        costs.setdefault((recipe.architecture, kind), []).append((result.image_steps, seconds))
        print(
            f"{recipe.architecture} {recipe.attack} {recipe.seed}, target {recipe.target}: "
            f"{result.verdict} {result.suspected_label}, p {result.p_value:.2g}, "
            f"{result.image_steps} image-steps, {seconds:.2f} s",
            flush=True,
        )
    for kind in ("clean", "attacked"):
        few, many = (costs[architecture, kind] for architecture in TARGETS)
        for what, column in (("image-steps", 0), ("seconds", 1)):
            ratio = statistics.median(row[column] for row in many) / statistics.median(
                row[column] for row in few
            )
            print(f"{kind}: 100 labels cost {ratio:.2f} times the {what} of 10 (at most {WANTED} is wanted)")


if __name__ == "__main__":
    main()
