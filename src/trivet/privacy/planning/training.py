"""Settings and results of a plan for private training (DP-SGD), readable without any heavy import."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval, Lt

from trivet.privacy.planning.settings import LARGEST_EPSILON, Answers
from trivet.result import Table
from trivet.settings import SettingError, Settings

__all__ = [
    "POISSON",
    "SAMPLINGS",
    "SHUFFLED",
    "TrainingCurve",
    "TrainingCurves",
    "TrainingGuarantee",
    "TrainingOptions",
    "TrainingPlan",
    "TrainingRow",
    "TrainingSettings",
]

SamplingName = Literal["poisson", "shuffled", "both"]
POISSON, SHUFFLED = "poisson", "shuffled"
#: The samplings that "both" stands for.
SAMPLINGS = (POISSON, SHUFFLED)
#: Noise multipliers between which epsilons are computed.
LEAST_NOISE, MOST_NOISE = 0.01, 1e6
#: Passes over the data that one training may make.
MOST_EPOCHS = 1e6

NoiseMultiplier = Annotated[float, Interval(ge=LEAST_NOISE, le=MOST_NOISE)]
Epochs = Annotated[float, Interval(gt=0, le=MOST_EPOCHS)]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Settings):
    """Options of ``trivet privacy plan --mechanism dp-sgd``: a training loop.

    Attributes
    ----------
    dataset_size : Examples of the training set.
    batch : Examples of a batch; under Poisson sampling the expected number.
    epochs : Passes over the data, also a part of one; give it or the steps.
    steps : Noisy gradient steps in all.
    noise_multiplier : Standard deviation of the noise on the sum of clipped gradients, by the clipping norm.
    sampling : How a batch is drawn: poisson, shuffled, or both, each with a guarantee of its own.
    """

    dataset_size: Answers | None = None
    batch: Answers | None = None
    epochs: Epochs | None = None
    steps: Answers | None = None
    noise_multiplier: NoiseMultiplier | None = None
    sampling: SamplingName = "both"


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(TrainingOptions):
    """``[privacy.training]``: a training loop, with what it may spend or the noise that it adds.

    Attributes
    ----------
    epsilon : What it may spend, for a noise multiplier; leave it out where that is given.
    delta : At which epsilon stands, above 0; it should be well below one over the number of examples.
    """

    epsilon: Annotated[float, Interval(gt=0, le=LARGEST_EPSILON)] | None = None
    delta: Annotated[float, Interval(ge=0), Lt(1)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dataset_size", "batch"):
            if getattr(self, name) is None:
                raise SettingError(
                    f"a training loop needs {{dataset_size}} and {{batch}}; {{{name}}} is missing."
                )
        _exactly_one(self, "epochs", "steps", "how long is trained")
        _exactly_one(self, "epsilon", "noise_multiplier", "what is known")
        if self.delta == 0:
            raise SettingError("Gaussian noise keeps no epsilon at a {delta} of 0; give one, such as 1e-5.")
        assert self.batch is not None
        assert self.dataset_size is not None
        if self.batch > self.dataset_size:
            raise SettingError(
                "{batch} is {found}, more than the {size} examples of {dataset_size}.",
                found=f"{self.batch:,}",
                size=f"{self.dataset_size:,}",
            )


def _exactly_one(settings: TrainingSettings, first: str, second: str, what: str) -> None:
    given = [name for name in (first, second) if getattr(settings, name) is not None]
    if len(given) != 1:
        found = "both" if given else "neither"
        raise SettingError(f"{{{first}}} or {{{second}}} says {what}; expected one of them, found {found}.")


@dataclass(frozen=True)
class TrainingRow:
    """Noise and epsilon of a training loop by one accountant.

    Attributes
    ----------
    sampling : ``poisson`` or ``shuffled``.
    adjacency : ``add-or-remove-one`` under Poisson sampling. With shuffled batches ``zero-out``, where the
        gradient of one example is replaced by zero and all batches stay as they are, or ``replace-one``.
    method : ``rdp`` or ``pld``.
    name, source : The accountant and its paper, for people.
    applicable, reason : Whether a figure exists; where not, why, and the two numbers are None.
    noise_multiplier : Standard deviation of the noise over the clipping norm, above 0.
    epsilon : What that noise spends at the plan's delta, an upper bound.
    """

    sampling: str
    adjacency: str
    method: str
    name: str
    source: str
    applicable: bool
    reason: str
    noise_multiplier: float | None
    epsilon: float | None


@dataclass(frozen=True)
class TrainingGuarantee:
    """The best row of one way to draw batches, what it is about, and what has to hold for it.

    Attributes
    ----------
    sampling, adjacency, method, noise_multiplier, epsilon : As in `TrainingRow`, of that row.
    row : Its index in `TrainingPlan.rows`.
    epsilon_at_least : Epsilon that the training spends in the worst case whatever the accountant, by an
        attack on batches that are shuffled anew each epoch; None under Poisson sampling.
    statement : What is promised, about whom, in one sentence.
    conditions : What must hold in the training loop; with one of them broken the guarantee is void.
    """

    sampling: str
    adjacency: str
    method: str
    noise_multiplier: float
    epsilon: float
    row: int
    epsilon_at_least: float | None
    statement: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class TrainingCurve:
    """Epsilon of one way to draw batches at the noise of its guarantee.

    `over` is ``epochs`` or ``batch``; `epsilon` is as long as the axis of that name in `TrainingCurves`, and
    an entry is None where there is no figure.
    """

    sampling: str
    over: str
    epsilon: tuple[float | None, ...]


@dataclass(frozen=True)
class TrainingCurves:
    """Epsilon over the length of training and over the size of a batch.

    Attributes
    ----------
    epochs : Passes over the data, the planned number among them.
    batch : Sizes of a batch at the planned number of epochs, the planned one among them.
    lines : Two entries a guarantee, one over each axis.
    """

    epochs: tuple[float, ...]
    batch: tuple[int, ...]
    lines: tuple[TrainingCurve, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless every curve has an entry for each of at least one place of its axis."""
        for name, axis in (("epochs", self.epochs), ("batch", self.batch)):
            found = {len(axis), *(len(line.epsilon) for line in self.lines if line.over == name)}
            if len(found) > 1 or 0 in found:
                raise ValueError(f"expected curves as long as {name}, one entry at least")


@dataclass(frozen=True, repr=False)
class TrainingPlan(
    Table,
    head=("why", "delta", "sampling_rate", "steps"),
    rows="rows",
    columns=("sampling", "adjacency", "method", "noise_multiplier", "epsilon"),
):
    """Noise multiplier and epsilon of private training, for each way to draw batches.

    Attributes
    ----------
    dataset_size, batch : Examples of the training set, and of a batch.
    sampling : ``poisson``, ``shuffled`` or ``both``.
    sampling_rate : Batch over dataset: under Poisson sampling the probability of an example to be in a batch.
    steps : Noisy gradient steps; for epochs E under Poisson sampling E N / B, rounded upwards.
    epochs : Passes over the data, as given or as the steps make.
    passes : Batches that an example is in at most where batches are shuffled, also with a loader that drops
        an incomplete last batch.
    epsilon : What may be spent; None where the noise is given.
    noise_multiplier : The given noise; None where epsilon is.
    delta : In (0, 1).
    rows : One entry a sampling, adjacency and accountant.
    guarantees : One entry a sampling.
    why : A sentence a sampling.
    remarks : What is surprising or unwise here; may be empty.
    curves : None unless requested.
    """

    dataset_size: int
    batch: int
    sampling: str
    sampling_rate: float
    steps: int
    epochs: float
    passes: int
    epsilon: float | None
    noise_multiplier: float | None
    delta: float
    rows: tuple[TrainingRow, ...]
    guarantees: tuple[TrainingGuarantee, ...]
    why: str
    remarks: tuple[str, ...]
    curves: TrainingCurves | None
