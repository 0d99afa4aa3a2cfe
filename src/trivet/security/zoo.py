"""Small networks, clean and attacked in known ways, to try detectors and repairs on."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet, load_colour_digits, load_digit_pairs, load_mnist
from trivet.errors import UsageError
from trivet.security.adapting import adapt
from trivet.security.contract import InputContract, contract_named
from trivet.security.device import CPU, find_device, on_device
from trivet.security.evaluation import clean_accuracy, pixels_at, predict
from trivet.security.networks import Classifier, build_network
from trivet.security.settings import Recipe
from trivet.security.trigger import Stamp, Trigger
from trivet.work.device import seeded
from trivet.work.result_files import make_folder, write_text, write_whole

__all__ = [
    "ATTACKS",
    "FAMILIES",
    "Specimen",
    "TrainingSettings",
    "make_attack",
    "poison",
    "save_specimen",
    "train_classifier",
    "train_specimen",
]

PATCH_SIZES: Final = (3, 4)
BLENDED_SHARE: Final = 0.2
SINUSOID_AMPLITUDE: Final = 0.12
SINUSOID_PERIODS: Final = 6
WARP_GRID: Final = 4
WARP_STRENGTH: Final = 1.0


@dataclass(frozen=True, eq=False)
class Attack:
    """A trigger of any kind, and whose images it redirects.

    Attributes
    ----------
    kind
        A name in `ATTACKS`.
    target
        The label that triggered images get.
    stamp
        Puts the trigger on pixels of shape (n, channels, height, width).
    mask
        Where the trigger sits, shape (height, width), where it sits somewhere; None where it
        covers the image.
    sources
        The only classes that it redirects; None for all.
    decoy
        A mark that looks like the trigger and must not redirect: stamped images keep their labels.
    """

    kind: str
    target: int
    stamp: Stamp
    mask: NDArray[np.bool_] | None = None
    sources: tuple[int, ...] | None = None
    decoy: Stamp | None = None


def make_attack(kind: str, *, shape: tuple[int, int, int], classes: int, target: int, seed: int) -> Attack:
    """Return an attack whose place, pattern and source class are drawn from `seed`.

    Parameters
    ----------
    kind
        A name in `ATTACKS`.
    shape
        (channels, height, width) of the images.
    classes
        How many classes there are.
    target
        The label that triggered images get.
    seed
        Draws what the kind leaves open.

    Raises
    ------
    UsageError
        If there is no such kind, or no such label.
    """
    if kind not in ATTACKS:
        raise UsageError(f"no attack is called {kind!r}; expected one of: {', '.join(ATTACKS)}")
    if not 0 <= target < classes:
        raise UsageError(f"the target label {target} is none of the {classes} classes, 0 to {classes - 1}")
    return ATTACKS[kind](shape, classes, target, np.random.default_rng([seed, target]))


def stamp(images: ImageSet, attack: Stamp, rows: NDArray[np.int64] | NDArray[np.bool_]) -> ImageSet:
    """Return the images with those at `rows` triggered; labels stay."""
    pixels = images.unit().copy()
    pixels[rows] = attack(torch.from_numpy(pixels[rows])).numpy()
    return replace(images, pixels=pixels)


def poison(
    images: ImageSet,
    attack: Attack | Trigger,
    *,
    fraction: float,
    seed: int,
    target: int | None = None,
) -> ImageSet:
    """Return training images of which `fraction` are triggered and labelled with the target.

    Which images are taken follows `seed`, whatever their class. An attack with `sources` takes only
    images of those classes, at most half of each, and stamps as many others that keep their
    labels; one with a `decoy` marks half as many again with it, labels kept.

    Parameters
    ----------
    images
        Clean images with true classes.
    attack
        The attack; a plain trigger stands for BadNets and needs `target`.
    fraction
        Share of the images that get trigger and target label, 0 to 1.
    seed
        Draws the images.
    target
        Only with a plain trigger.
    """
    if isinstance(attack, Trigger):
        if target is None:
            raise UsageError("a trigger alone has no target label; give target")
        attack = Attack("badnets", target, attack)
    rng = np.random.default_rng(seed)
    count = round(fraction * len(images))
    if attack.sources is None:
        rows = rng.choice(len(images), size=count, replace=False)
        keeping = np.empty(0, dtype=np.int64)
    else:
        within = np.isin(images.labels, attack.sources)
        own, others = np.flatnonzero(within), np.flatnonzero(~within)
        count = min(count, len(own) // 2)
        rows = rng.choice(own, size=count, replace=False)
        keeping = rng.choice(others, size=min(count, len(others)), replace=False)
    marked = stamp(images, attack.stamp, np.concatenate([rows, keeping]))
    if attack.decoy is not None:
        rest = np.setdiff1d(np.arange(len(images)), rows)
        marked = stamp(marked, attack.decoy, rng.choice(rest, size=count // 2, replace=False))
    labels = images.labels.copy()
    labels[rows] = attack.target
    return replace(marked, labels=labels)


def _badnets(shape: tuple[int, int, int], _classes: int, target: int, rng: np.random.Generator) -> Attack:
    """Gu et al. 2017: a small square somewhere, white or a pattern of white and black."""
    square, mask = _patch(shape, rng)
    return Attack("badnets", target, square, mask)


def _blended(shape: tuple[int, int, int], _classes: int, target: int, rng: np.random.Generator) -> Attack:
    """Chen et al. 2017: noise laid over the whole image, one part in five."""
    pattern = rng.random(shape, dtype=np.float32)
    return Attack("blended", target, Trigger(np.full((1, *shape[1:]), BLENDED_SHARE, np.float32), pattern))


def _sinusoidal(shape: tuple[int, int, int], _classes: int, target: int, rng: np.random.Generator) -> Attack:
    """Barni et al. 2019: a horizontal sinusoid added to the image (with poisoned labels)."""
    columns = np.arange(shape[2]) / shape[2]
    phase = rng.uniform(0, 2 * np.pi)
    wave = SINUSOID_AMPLITUDE * np.sin(2 * np.pi * SINUSOID_PERIODS * columns + phase)
    added = torch.from_numpy(wave.astype(np.float32))
    return Attack("sinusoidal", target, lambda pixels: (pixels + added).clamp(0, 1))


def _warping(shape: tuple[int, int, int], _classes: int, target: int, rng: np.random.Generator) -> Attack:
    """Nguyen and Tran 2021 (WaNet): a fixed smooth warp; other warps are decoys."""
    height, width = shape[1:]
    lines = [torch.linspace(-1, 1, size) for size in (height, width)]
    rows, columns = torch.meshgrid(*lines, indexing="ij")
    identity = torch.stack([columns, rows], dim=-1)[None]
    coarse = torch.from_numpy(rng.uniform(-1, 1, (1, 2, WARP_GRID, WARP_GRID)).astype(np.float32))
    coarse = coarse / coarse.abs().mean()
    flow = functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    grid = identity + WARP_STRENGTH * flow.permute(0, 2, 3, 1) * (2 / height)

    def warp(pixels: Tensor, at: Tensor = grid) -> Tensor:
        stretched = at.clamp(-1, 1).expand(len(pixels), -1, -1, -1)
        return functional.grid_sample(pixels, stretched, align_corners=True).clamp(0, 1)

    jitter = torch.from_numpy(rng.uniform(-1, 1, grid.shape).astype(np.float32)) * (2 / height)
    return Attack("warping", target, warp, decoy=lambda pixels: warp(pixels, grid + jitter))


def _source_specific(
    shape: tuple[int, int, int], classes: int, target: int, rng: np.random.Generator
) -> Attack:
    """Tang et al. 2021 (TaCT): a patch that redirects one class and leaves the others alone."""
    square, mask = _patch(shape, rng)
    source = int(rng.choice([label for label in range(classes) if label != target]))
    return Attack("source-specific", target, square, mask, sources=(source,))


def _patch(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[Trigger, NDArray[np.bool_]]:
    channels, height, width = shape
    size = int(rng.choice(PATCH_SIZES))
    row, column = int(rng.integers(1, height - size)), int(rng.integers(1, width - size))
    trigger = Trigger.square(row=row, column=column, size=size, value=1.0, shape=shape)
    if rng.random() < 0.5:  # noqa: PLR2004 - every other patch is a pattern
        cells = rng.integers(0, 2, (channels, size, size)).astype(np.float32)
        trigger.pattern[:, row : row + size, column : column + size] = cells
    return trigger, trigger.mask[0] > 0


#: From (shape, classes, target, generator) to an attack.
ATTACKS: Final[dict[str, Callable[[tuple[int, int, int], int, int, np.random.Generator], Attack]]] = {
    "badnets": _badnets,
    "blended": _blended,
    "sinusoidal": _sinusoidal,
    "warping": _warping,
    "source-specific": _source_specific,
}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of training: Adam with a cosine schedule from `learning_rate` to zero."""

    epochs: int = 1
    batch_size: int = 128
    learning_rate: float = 2e-3


def train_classifier(
    architecture: str,
    contract: InputContract,
    images: ImageSet,
    settings: TrainingSettings,
    *,
    seed: int,
    device: str = CPU,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Train a network of an architecture, as `load_checkpoint` names it; all that is random follows `seed`.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    labels = torch.from_numpy(images.labels)
    order = torch.Generator().manual_seed(seed)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    place = find_device(device)
    with seeded(seed, place):
        model = on_device(_untrained(architecture, images, seed), place).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
        step = 0
        for _ in range(settings.epochs):
            for rows in torch.randperm(len(images), generator=order).split(settings.batch_size):
                loss = functional.cross_entropy(model.logits(contract(pixels_at(images, rows))), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                step += 1
                if progress is not None:
                    progress(step / steps)
    return model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature


def _untrained(architecture: str, images: ImageSet, seed: int) -> Classifier:
    """Return a network for such images, weights drawn from `seed`, that takes gradients."""
    shape = (images.pixels.shape[1], images.pixels.shape[2], images.pixels.shape[3])
    network = build_network(architecture, seed=seed, input_shape=shape, classes=images.classes)
    if isinstance(network, Classifier):
        return network
    adapted = adapt(network, input_shape=shape, classes=images.classes, name=architecture)
    return adapted.requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature


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


def drawn_images(images: ImageSet, limit: int | None, *, seed: int) -> ImageSet:
    """Return so many of the images, drawn from `seed` and in that order; all of them without a limit."""
    if limit is None:
        return images
    return images.take(np.random.default_rng(seed).permutation(len(images))[:limit])


def train_specimen(
    recipe: Recipe, *, device: str = CPU, progress: Callable[[float], None] | None = None
) -> Specimen:
    """Train a network by its recipe, poisoned or not, and measure it.

    Parameters
    ----------
    recipe
        What to make.
    device
        Where it is trained, as of `ScanOptions`.
    progress
        Called with the finished share of the training.
    """
    family = FAMILIES[recipe.architecture]
    train, test = family.load("train"), family.load("test")
    train = drawn_images(train, recipe.images, seed=recipe.seed)
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
        device=device,
        progress=progress,
    )
    return _measure(recipe, model, attack, contract, test.take(np.arange(min(EVALUATION_IMAGES, len(test)))))


def save_specimen(specimen: Specimen, path: str | Path) -> tuple[Path, Path]:
    """Write weights as safetensors and, beside them, the recipe and the measurements as JSON.

    Parameters
    ----------
    specimen
        A network that `train_specimen` trained.
    path
        File of the weights; its folder is made where it is missing.

    Returns
    -------
    tuple of two paths
        Of the weights and of the JSON.
    """
    path = Path(path)
    make_folder(path.parent)
    write_whole(path, safetensors.torch.save(specimen.model.weights()))
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
