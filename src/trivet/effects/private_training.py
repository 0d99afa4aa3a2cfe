"""Effect of private training on accuracy, groups and membership in a table, and on a backdoor in images."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from trivet.datasets.images import ImageSet
from trivet.effects.intervals import change_over_samples
from trivet.effects.private_sgd import Loop, train_privately
from trivet.effects.results import Change, Intervention, Measurement
from trivet.effects.table import PublicScales
from trivet.effects.trainings import Training
from trivet.privacy.planning.dp_sgd import plan_training
from trivet.privacy.planning.training import POISSON
from trivet.privacy.planning.training import TrainingSettings as LoopSettings
from trivet.security.checkpoint import DEMO_TARGET, DEMO_TRIGGER
from trivet.security.contract import contract_named
from trivet.security.evaluation import attack_success_rate, clean_accuracy, pixels_at
from trivet.security.networks import build_architecture
from trivet.security.zoo import poison
from trivet.work.device import seeded

__all__ = [
    "FAMILY",
    "IMAGE_MEASUREMENTS",
    "PRIVATE",
    "PrivateNetwork",
    "image_changes",
    "noise_for",
    "private_trainings",
]

#: Name of the networks among what is trained, and of the seed that divides their samples.
FAMILY: Final = "network"
SALT: Final = 7

#: Epsilons of the trainings, a usual one and a strict one, and their delta.
EPSILONS: Final = (8.0, 2.0)
DELTA: Final = 1e-5
PRIVATE: Final = tuple(
    Intervention(
        name=f"dp-sgd-{epsilon:g}",
        title=f"private training at epsilon {epsilon:g}",
        short=f"DP-SGD, epsilon {epsilon:g}",
        leg="privacy",
        note=f"A network is trained by DP-SGD on Poisson samples within an epsilon of {epsilon:g} at a "
        f"delta of {DELTA:g}, by its privacy loss distribution, for an example that is added or removed; "
        "without it by the same steps without clipping and noise. The seed is known, so these networks are "
        "for this measurement alone.",
    )
    for epsilon in EPSILONS
)

BATCH: Final = 128
#: Of the table's network, and of the images'.
TABLE_STEPS, IMAGE_STEPS = 200, 120
TABLE_RATE, IMAGE_RATE = 0.3, 0.1
WIDTH: Final = 32
CLIP: Final = 1.0


@cache
def noise_for(rows: int, *, steps: int, epsilon: float) -> float:
    """Plan the noise multiplier of a loop."""
    loop = LoopSettings(
        dataset_size=rows, batch=BATCH, steps=steps, epsilon=epsilon, delta=DELTA, sampling=POISSON
    )
    return plan_training(loop).guarantees[0].noise_multiplier


def _loop(rows: int, epsilon: float | None, *, steps: int, rate: float) -> Loop:
    noise = None if epsilon is None else noise_for(rows, steps=steps, epsilon=epsilon)
    return Loop(batch=BATCH, steps=steps, clip=CLIP, noise_multiplier=noise, rate=rate)


class PrivateNetwork(ClassifierMixin, BaseEstimator):
    """A small network for the rows of a table that is trained by DP-SGD, or by the same steps without it."""

    def __init__(self, *, scales: PublicScales, epsilon: float | None = None, random_state: int = 0) -> None:
        self.scales = scales
        self.epsilon = epsilon
        self.random_state = random_state

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Train on rows, shapes (rows, features) and (rows,)."""
        self.classes_ = np.array([0, 1])
        with seeded(self.random_state):
            self.network_ = nn.Sequential(
                nn.Linear(self.scales.inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 2)
            )
        loop = _loop(len(y), self.epsilon, steps=TABLE_STEPS, rate=TABLE_RATE)
        labels = torch.from_numpy(np.asarray(y))
        inputs = torch.from_numpy(self.scales(X))
        train_privately(self.network_, self.network_, inputs, labels, loop, seed=self.random_state)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class for each row."""
        with torch.inference_mode():
            return self.network_(torch.from_numpy(self.scales(X))).double().softmax(dim=1).numpy()

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the likelier class of each row."""
        return self.predict_proba(X).argmax(axis=1)


def private_trainings(scales: PublicScales) -> tuple[Training, ...]:
    """Return the training of a network without privacy, and at each epsilon."""
    remedies = (None, *(row.name for row in PRIVATE))
    return tuple(
        Training(FAMILY, remedy, PrivateNetwork(scales=scales, epsilon=epsilon))
        for remedy, epsilon in zip(remedies, (None, *EPSILONS), strict=True)
    )


#: Images of one sample, and the samples: each is poisoned and trained on by itself.
IMAGES: Final = 4_000
IMAGE_SAMPLES: Final = 3
#: What the embedded network with a backdoor was trained on: its trigger, its label, its share of images.
FRACTION: Final = 0.1
CONTRACT: Final = "(x-0.5)/0.5"
_BY_IMAGES: Final = "Student's, over samples that share no image"
IMAGE_MEASUREMENTS: Final = (
    Measurement(
        name="private-clean-accuracy",
        title="clean accuracy of a network trained on poisoned images",
        short="clean\naccuracy",
        leg="security",
        unit="share of test images, from 0 to 1",
        scale="images",
        better="higher",
        interval=_BY_IMAGES,
    ),
    Measurement(
        name="private-asr",
        title="attack success rate of a network trained on poisoned images",
        short="backdoor,\nASR",
        leg="security",
        unit="share of triggered test images of other classes, from 0 to 1",
        scale="images",
        better="lower",
        interval=_BY_IMAGES,
    ),
)


def image_changes(
    train: ImageSet,
    test: ImageSet,
    *,
    level: float,
    seed: int,
    images: int = IMAGES,
    progress: Callable[[float], None] = lambda _share: None,
) -> dict[tuple[str, str], Change]:
    """Train the study's network on poisoned images without and with privacy, and try the trigger."""
    drawn = np.random.default_rng([seed, 8]).permutation(len(train))
    figures: dict[float | None, list[dict[str, float]]] = {}
    for turn in range(IMAGE_SAMPLES):
        sample = train.take(np.sort(drawn[turn * images : (turn + 1) * images]))
        poisoned = poison(sample, DEMO_TRIGGER, target=DEMO_TARGET, fraction=FRACTION, seed=seed + turn)
        for place, epsilon in enumerate((None, *EPSILONS), 1):
            figures.setdefault(epsilon, []).append(_of_images(poisoned, test, epsilon, seed=seed + turn))
            progress((turn + place / 3) / IMAGE_SAMPLES)
    return {
        (remedy.name, each.name): change_over_samples(
            *([found[each.name] for found in figures[key]] for key in (None, epsilon)), level=level
        )
        for remedy, epsilon in zip(PRIVATE, EPSILONS, strict=True)
        for each in IMAGE_MEASUREMENTS
    }


def _of_images(poisoned: ImageSet, test: ImageSet, epsilon: float | None, *, seed: int) -> dict[str, float]:
    contract = contract_named(CONTRACT)
    network: Any = build_architecture("mnist-cnn", seed=seed).eval().requires_grad_(True)  # noqa: FBT003
    inputs = contract(pixels_at(poisoned, slice(None)))
    loop = _loop(len(poisoned), epsilon, steps=IMAGE_STEPS, rate=IMAGE_RATE)
    train_privately(network, network.logits, inputs, torch.from_numpy(poisoned.labels), loop, seed=seed)
    score = contract.bind(network.requires_grad_(False))  # noqa: FBT003
    return {
        "private-clean-accuracy": clean_accuracy(score, test),
        "private-asr": attack_success_rate(score, test, DEMO_TRIGGER, DEMO_TARGET),
    }
