"""Effect of private training on accuracy, groups and membership in a table, and on a backdoor in images."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import nn

from trivet.datasets.adult import FEATURES, PRIVILEGED_GROUP, PROTECTED_GROUP, SENSITIVE_COLUMN, Sample
from trivet.datasets.images import ImageSet
from trivet.effects.mitigations import (
    Trained,
    attack_scores,
    change_over_samples,
    halves_of,
    mean_auroc,
    train_pairs,
)
from trivet.effects.noise import impact_of
from trivet.effects.private_sgd import Loop, train_privately
from trivet.effects.results import Change, Intervention, Measurement, unmeasured
from trivet.fairness.columns import PROTECTED
from trivet.fairness.counting.arrays import binary_counts
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
    "IMAGE_MEASUREMENTS",
    "PRIVATE",
    "TABLE_MEASUREMENTS",
    "PrivateNetwork",
    "image_changes",
    "noise_for",
    "table_changes",
]

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
#: What each feature is divided by, from what it means and not from the rows, which would have to be paid for.
SCALES: Final[Mapping[str, float]] = {
    "age": 100.0,
    "fnlwgt": 1e6,
    "educational-num": 16.0,
    "capital-gain": 1e4,
    "capital-loss": 1e3,
    "hours-per-week": 100.0,
}


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
    """A small network for Adult's features that is trained by DP-SGD, or by the same steps without it."""

    def __init__(self, *, epsilon: float | None = None, random_state: int = 0) -> None:
        self.epsilon = epsilon
        self.random_state = random_state

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Train on rows, shapes (rows, features) and (rows,)."""
        self.classes_ = np.array([0, 1])
        with seeded(self.random_state):
            self.network_ = nn.Sequential(nn.Linear(len(FEATURES), WIDTH), nn.Tanh(), nn.Linear(WIDTH, 2))
        loop = _loop(len(y), self.epsilon, steps=TABLE_STEPS, rate=TABLE_RATE)
        labels = torch.from_numpy(np.asarray(y))
        train_privately(self.network_, self.network_, _scaled(X), labels, loop, seed=self.random_state)
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class for each row."""
        with torch.inference_mode():
            return self.network_(_scaled(X)).double().softmax(dim=1).numpy()

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the likelier class of each row."""
        return self.predict_proba(X).argmax(axis=1)


def _scaled(features: NDArray[np.float64]) -> torch.Tensor:
    scales = np.array([SCALES.get(name, 1.0) for name in FEATURES])
    return torch.from_numpy((features / scales).clip(0, 1).astype(np.float32))


_WHOSE: Final = f"rows of {SENSITIVE_COLUMN} {PROTECTED_GROUP}"
_STUDENT: Final = "Student's, over samples that share no row"
TABLE_MEASUREMENTS: Final = (
    Measurement(
        name="private-accuracy-all",
        title="accuracy of a network on all rows of the other half",
        short="all rows,\naccuracy",
        leg="fairness",
        unit="share of rows, from 0 to 1",
        scale="accuracy",
        better="higher",
        interval=_STUDENT,
    ),
    Measurement(
        name="private-accuracy-protected",
        title=f"accuracy of a network on {_WHOSE}",
        short=f"{PROTECTED_GROUP},\naccuracy",
        leg="fairness",
        unit="share of rows, from 0 to 1",
        scale="accuracy",
        better="higher",
        interval=_STUDENT,
    ),
    Measurement(
        name="private-impact",
        title=f"disparate impact of a network on {PROTECTED_GROUP} against {PRIVILEGED_GROUP}",
        short=f"{PROTECTED_GROUP},\ndisparate impact",
        leg="fairness",
        unit="ratio of selection rates, 0 or more; 1 is parity",
        scale="impact of training",
        better="neither",
        interval=_STUDENT,
    ),
    *(
        Measurement(
            name=f"private-exposure-{name}",
            title=f"membership exposure of {whose} by scores of a network",
            short=f"{short},\nnetwork scores",
            leg="privacy",
            unit="AUROC of the attack RMIA, from 0 to 1; 0.5 is guessing",
            scale="AUROC of training",
            better="lower",
            interval=_STUDENT,
        )
        for name, whose, short in (
            ("all", "all rows", "all rows"),
            ("protected", _WHOSE, PROTECTED_GROUP),
        )
    ),
)


def table_changes(
    samples: Sequence[Sample],
    *,
    pairs: int,
    level: float,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> dict[tuple[str, str], Change]:
    """Train a network on every sample without and with privacy, and measure it on the rows it did not see."""
    figures: dict[float | None, list[dict[str, float]]] = {}
    for turn, sample in enumerate(samples):
        own = int(np.random.SeedSequence([seed, turn, 7]).generate_state(1)[0])
        inside = halves_of(sample.labels, pairs, seed=own)
        for epsilon in (None, *EPSILONS):
            estimator = PrivateNetwork(epsilon=epsilon)
            trained = train_pairs(estimator, sample.features, sample.labels, inside, seed=own)
            figures.setdefault(epsilon, []).append(_of_sample(sample, trained, inside, seed=own))
        progress((turn + 1) / len(samples))
    return _changes(figures, TABLE_MEASUREMENTS, level=level)


def _of_sample(sample: Sample, trained: Trained, inside: NDArray[np.bool_], *, seed: int) -> dict[str, float]:
    protected = sample.sensitive == PROTECTED
    scores = attack_scores(trained, inside, seed=seed)
    decided = np.where(trained.right, sample.labels, 1 - sample.labels)
    counts = sum(
        binary_counts(sample.labels[seen], said[seen], sample.sensitive[seen])
        for seen, said in zip(~inside, decided, strict=True)
    )
    return {
        "private-accuracy-all": float(trained.right[~inside].mean()),
        "private-accuracy-protected": float(trained.right[~inside & protected].mean()),
        "private-impact": float(impact_of(np.asarray(counts))),
        "private-exposure-all": mean_auroc(scores, inside),
        "private-exposure-protected": mean_auroc(scores, inside, protected),
    }


def _changes(
    figures: Mapping[float | None, Sequence[Mapping[str, float]]],
    measurements: Sequence[Measurement],
    *,
    level: float,
) -> dict[tuple[str, str], Change]:
    """Compare every epsilon with training without privacy, figure by figure."""
    changes: dict[tuple[str, str], Change] = {}
    for remedy, epsilon in zip(PRIVATE, EPSILONS, strict=True):
        for each in measurements:
            before, after = ([found[each.name] for found in figures[key]] for key in (None, epsilon))
            known = bool(np.isfinite([*before, *after]).all())
            changes[remedy.name, each.name] = (
                change_over_samples(before, after, level=level)
                if known
                else unmeasured("on some sample nobody of a group is selected, which leaves no ratio")
            )
    return changes


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
    return _changes(figures, IMAGE_MEASUREMENTS, level=level)


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
