"""Words about private training: what is promised, what has to hold in the loop, and what is unwise."""

from collections.abc import Sequence

from trivet.privacy.planning.training import POISSON, TrainingGuarantee, TrainingRow

__all__ = ["conditions_of", "remarks_on", "statement_of"]

_METHODS = {"rdp": "by Rényi privacy", "pld": "by its privacy loss distribution"}


def statement_of(row: TrainingRow, *, passes: int, delta: float, at_least: float | None) -> str:
    """Say what the best row of a sampling promises, and about whom."""
    assert row.epsilon is not None
    spends = (
        f"a noise multiplier of {row.noise_multiplier:.7g} spends an epsilon of {row.epsilon:,.4g} at delta "
        f"{delta:g}, {_METHODS[row.method]}"
    )
    if row.sampling == POISSON:
        return f"With Poisson sampling {spends}, for an example that is added to the training set or removed."
    times = "one batch" if passes == 1 else f"at most {passes:,} batches"
    shown = "" if not at_least else f"; an attack on fresh orders shows at least {at_least:,.4g}"
    return (
        f"With shuffled batches {spends}, for an example in {times} whose gradient is replaced by zero; no "
        f"amplification by shuffling is counted{shown}."
    )


def conditions_of(
    sampling: str, *, size: int, batch: int, steps: int, passes: int, noise_multiplier: float, delta: float
) -> tuple[str, ...]:
    """List what has to hold in a training loop; each broken one voids the guarantee."""
    noise = f"Gaussian noise of standard deviation {noise_multiplier:.7g} C"
    if sampling == POISSON:
        drawn = (
            _COINS.format(batch / size),
            _DIVISOR.format(batch),
            _SPLIT,
            _EMPTY,
            _PUBLIC.format(steps, size),
        )
    else:
        times = "once" if passes == 1 else f"{passes:,} times"
        drawn = (_ORDER.format(times), _FIXED.format(batch), _PLACE)
    return (
        *drawn,
        _CLIPPED,
        f"{noise} {_NOISE}",
        _UNMIXED,
        _CHOSEN,
        _RANDOMNESS,
        _ROW,
        _DELTA.format(1 / size, delta),
    )


_COINS = (
    "Every step tosses a coin for each example, which is drawn with probability B/N = {:.4g}, whatever was "
    "drawn before. A loader that shuffles or draws a fixed number does not do this."
)
_DIVISOR = "The noisy sum is divided by the expected batch size {:,}, not by the number of examples drawn."
_SPLIT = "A batch too large for memory is split and its gradients are added up; none of it is cut off."
_EMPTY = "An empty batch is a step: the noise is applied all the same, and the accountant counts it."
_PUBLIC = (
    "The sampling rate, the divisor and the {:,} steps are public and stay as they are when an example comes "
    "or goes; so the number of examples, {:,}, is published roughly, or with noise."
)
_ORDER = (
    "An example is in at most one batch of a pass, and trained on {} at most; nothing is drawn with "
    "replacement and nothing twice."
)
_FIXED = "Batches have a fixed size of {:,}, which is the divisor; the size of the dataset is public."
_PLACE = (
    "A neighbouring dataset keeps the place of the example, with a gradient of zero. The guarantee is not "
    "about adding or removing an example, which would move all others to other batches."
)
_CLIPPED = (
    "The gradient of each example is clipped by itself to an L2 norm of C, over all parameters together; not "
    "that of a batch or a microbatch."
)
_NOISE = "is added once to the sum of clipped gradients, to each coordinate independently, in each step."
_UNMIXED = "No layer mixes the examples of a batch: no batch normalisation, no loss between examples."
_CHOSEN = (
    "All else is chosen without the training data: C, learning rate, number of steps, scaling of the "
    "features, when to stop. What is tuned on it has to be accounted for as well."
)
_RANDOMNESS = (
    "The coins, the order and the noise come from a secret, secure source of randomness, seed included."
)
_ROW = "An example is one row. Who has several rows is protected as a group, which is less."
_DELTA = "Delta stays well below 1/N = {:.2g}; here it is {:g}."


#: Below it the noise hides next to nothing, whatever the accountant.
_LITTLE_NOISE = 0.3
_LARGE_EPSILON = 10


def remarks_on(
    guarantees: Sequence[TrainingGuarantee], *, size: int, batch: int, delta: float
) -> tuple[str, ...]:
    """Say what is unwise or surprising."""
    remarks: list[str] = []
    if delta * size >= 1:
        remarks.append(
            f"Delta {delta:g} is not below 1/N = {1 / size:.2g}: to publish one example at random would "
            "satisfy it. Take a smaller delta."
        )
    by = {each.sampling: each for each in guarantees}
    if len(by) > 1:
        sampled, shuffled = guarantees
        remarks.append(
            "The two guarantees are about different loops and different neighbours. How the loop draws its "
            "batches decides which one holds, and neither stands for the other."
        )
        same = sampled.noise_multiplier == shuffled.noise_multiplier
        if same and (shuffled.epsilon_at_least or 0) > sampled.epsilon:
            remarks.append(
                "At the same noise shuffled batches spend an epsilon of at least "
                f"{shuffled.epsilon_at_least:,.4g} in the worst case, more than the {sampled.epsilon:,.4g} "
                "of Poisson sampling (Chua et al. 2024), whose accountant must not be used for them."
            )
    for each in guarantees:
        if each.noise_multiplier < _LITTLE_NOISE:
            remarks.append(
                f"A noise multiplier of {each.noise_multiplier:.3g} ({each.sampling}) is less than a third "
                "of what one example can move the sum."
            )
        if each.epsilon > _LARGE_EPSILON:
            remarks.append(
                f"An epsilon of {each.epsilon:,.3g} ({each.sampling}) says little: it allows a likelihood "
                f"ratio of e^{each.epsilon:,.3g}."
            )
    if batch == size and POISSON in by:
        remarks.append("Each batch is the whole dataset, so that sampling amplifies nothing.")
    return tuple(remarks)
