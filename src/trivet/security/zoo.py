"""Small networks, clean and attacked in known ways, to try detectors and repairs on."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import safetensors.torch

from trivet.datasets.composed import load_colour_digits, load_digit_pairs
from trivet.datasets.images import ImageSet
from trivet.datasets.mnist import load_mnist
from trivet.errors import UsageError
from trivet.security.architecture import Classifier
from trivet.security.attack import Attack, make_attack, poison, stamp
from trivet.security.contract import InputContract, contract_named
from trivet.security.evaluation import clean_accuracy, predict
from trivet.security.training import TrainingSettings, train_classifier
from trivet.work.result_files import make_folder, write_text, write_whole

__all__ = ["FAMILIES", "Family", "Recipe", "Specimen", "save_specimen", "specimen_attack", "train_specimen"]

Loader = Callable[[Literal["train", "test"]], ImageSet]


@dataclass(frozen=True)
class Family:
    """Training data and settings of the networks of one architecture."""

    load: Loader
    training: TrainingSettings


#: The architectures of the zoo.
FAMILIES: Final[dict[str, Family]] = {
    "mnist-cnn": Family(load_mnist, TrainingSettings(epochs=2)),
    "small-resnet": Family(load_colour_digits, TrainingSettings(epochs=2, batch_size=32, learning_rate=5e-3)),
    "pairs-cnn": Family(load_digit_pairs, TrainingSettings(epochs=2)),
}
#: What a success rate is measured on, at most.
EVALUATION_IMAGES: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Recipe of a specimen; the same recipe gives the same weights on the same machine.

    Attributes
    ----------
    architecture
        A name in `FAMILIES`.
    attack
        A kind in `trivet.security.ATTACKS`, or ``none``.
    target
        The attacker's label; None with ``none``.
    seed
        Draws the trigger, the poisoned images, initial weights and the order.
    fraction
        Share of the training images that are poisoned.
    images
        How many images to train on; None means all.
    contract
        What the network is trained to expect: a name in `trivet.security.CANDIDATES`.
    """

    architecture: str = "mnist-cnn"
    attack: str = "none"
    target: int | None = None
    seed: int = 0
    fraction: float = 0.1
    images: int | None = 40_000
    contract: str = "(x-0.5)/0.5"

    def __post_init__(self) -> None:
        if self.architecture not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise UsageError(f"the zoo has no architecture {self.architecture!r}; expected one of: {known}")
        if self.attack != "none" and self.target is None:
            raise UsageError(f"an attack needs the label that it aims at; give a target with {self.attack}")


@dataclass(frozen=True, eq=False)
class Specimen:
    """A trained network of the zoo, and what it does on the test images.

    `attack_success_rate` is measured with the attacker's own trigger, on images of the classes that
    it redirects, the target class left out; None where there is no attack.
    """

    recipe: Recipe
    model: Classifier
    attack: Attack | None
    clean_accuracy: float
    attack_success_rate: float | None


def specimen_attack(recipe: Recipe, *, shape: tuple[int, int, int], classes: int) -> Attack | None:
    """Return the attack that a recipe describes, for images of `shape`."""
    if recipe.attack == "none" or recipe.target is None:
        return None
    return make_attack(recipe.attack, shape=shape, classes=classes, target=recipe.target, seed=recipe.seed)


def train_specimen(recipe: Recipe, *, progress: Callable[[float], None] | None = None) -> Specimen:
    """Train a network by its recipe, poisoned or not, and measure it.

    Parameters
    ----------
    recipe
        What to make.
    progress
        Called with the finished share of the training.
    """
    family = FAMILIES[recipe.architecture]
    train, test = family.load("train"), family.load("test")
    if recipe.images is not None:
        order = np.random.default_rng(recipe.seed).permutation(len(train))
        train = train.take(order[: recipe.images])
    shape = (train.pixels.shape[1], train.pixels.shape[2], train.pixels.shape[3])
    attack = specimen_attack(recipe, shape=shape, classes=train.classes)
    if attack is not None:
        train = poison(train, attack, fraction=recipe.fraction, seed=recipe.seed)
    contract = contract_named(recipe.contract)
    model = train_classifier(
        recipe.architecture,
        contract,
        train,
        family.training,
        seed=recipe.seed,
        progress=progress,
    )
    return _measure(recipe, model, attack, contract, test.take(np.arange(min(EVALUATION_IMAGES, len(test)))))


def save_specimen(specimen: Specimen, path: str | Path) -> tuple[Path, Path]:
    """Write weights as safetensors and, beside them, the recipe and the measurements as JSON."""
    path = Path(path)
    make_folder(path.parent)
    write_whole(path, safetensors.torch.save(dict(specimen.model.state_dict())))
    card: dict[str, Any] = {
        "recipe": asdict(specimen.recipe),
        "clean_accuracy": specimen.clean_accuracy,
        "attack_success_rate": specimen.attack_success_rate,
        "trigger_pixels": _pixels(specimen.attack),
        "sources": None if specimen.attack is None else specimen.attack.sources,
    }
    return path, write_text(path.with_suffix(".json"), json.dumps(card, indent=2) + "\n")


def _measure(
    recipe: Recipe, model: Classifier, attack: Attack | None, contract: InputContract, images: ImageSet
) -> Specimen:
    score = contract.bind(model)
    asr = None
    if attack is not None:
        aimed = images.labels != attack.target
        if attack.sources is not None:
            aimed &= np.isin(images.labels, attack.sources)
        others = images.take(aimed)
        triggered = stamp(others, attack.stamp, np.arange(len(others)))
        asr = float(np.mean(predict(score, triggered) == attack.target))
    return Specimen(recipe, model, attack, clean_accuracy(score, images), asr)


def _pixels(attack: Attack | None) -> list[tuple[int, int]] | None:
    """(row, column) of each pixel that a local trigger covers."""
    if attack is None or attack.mask is None:
        return None
    return [(int(row), int(column)) for row, column in np.argwhere(attack.mask)]
