"""Results of a repair: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Literal

from trivet.estimate import Known
from trivet.result import Table

__all__ = ["Relearning", "RepairAttempt", "RepairBounds", "RepairOutcome", "RepairResult", "RepairedRate"]


@dataclass(frozen=True)
class RepairedRate:
    """One share of held-out images before and after a repair, each with the exact interval of a share."""

    before: Known
    after: Known


#: From good to bad, as `trivet.verdict.ORDERS` has them.
RepairOutcome = Literal["removed", "unsettled", "not removed"]


@dataclass(frozen=True)
class Relearning:
    """Success rates after training on a few stamped images, with the target's label, among clean ones.

    On held-out images of other classes than the label.

    Attributes
    ----------
    asr
        Of the reconstructed trigger in the repaired network.
    true_trigger_asr
        Of the attacker's own, taught with itself; None where it is not known.
    attacked
        Of the reconstructed trigger in the network as received, after the same training.
    unknown
        In the repaired network, of a backdoor that it never had: the same trigger on images turned by half,
        or moved by half of an image where turning changes nothing, to the next label. What exceeds it is a
        memory of the backdoor.
    stamped, clean
        Images of the training, with and without trigger.
    steps, learning_rate
        Of the training, by Adam.
    """

    asr: Known
    true_trigger_asr: Known | None
    attacked: Known
    unknown: Known
    stamped: int
    clean: int
    steps: int
    learning_rate: float


@dataclass(frozen=True)
class RepairBounds:
    """Bounds that a repair has to meet, on images that it did not see.

    Attributes
    ----------
    asr
        The reconstructed trigger's success rate exceeds the share of the same images that go to the label
        without any trigger by less than this: mistakes of the network are not a backdoor.
    true_trigger_asr
        So does the attacker's own, where it is known.
    accuracy_loss
        Clean accuracy falls by less than this, as far as held-out images tell: a method fails where the whole
        interval of the loss lies above it.
    good_enough
        `auto` looks no further once a method has removed the backdoor at a loss of at most this: on
        some thousand images a smaller difference is chance.
    """

    asr: float = 0.02
    true_trigger_asr: float = 0.05
    accuracy_loss: float = 0.01
    good_enough: float = 0.002


@dataclass(frozen=True)
class RepairAttempt:
    """One method, tried on the attacked network.

    Attributes
    ----------
    method
        Its name.
    removed
        Whether the rates keep the bounds, the loss of accuracy is not shown to exceed its own, and the second
        scan finds no evidence.
    reason
        Why it counts as not removed; None where it is.
    work
        What the method did, in a few words.
    image_steps
        Images pushed forward and back: the cost that does not depend on the machine.
    clean_accuracy
        On held-out images, as all rates here.
    asr, robust_accuracy
        With the reconstructed trigger, the target class left out.
    true_trigger_asr
        With the attacker's own trigger; None where it is not known.
    second_verdict
        What a new scan says of the repaired network; None where it was not scanned, since the rates
        already say that the repair failed, or since no scan was requested.
    outcome
        ``removed`` where the loss is also shown to lie below its bound, ``unsettled`` where the bound lies in
        the interval of the loss, else ``not removed``.
    accuracy_loss
        Clean accuracy before minus after on the same images, with the interval of a paired difference.
    unstamped
        Share of the images of other classes that go to the label without a trigger.
    relearning
        How fast the backdoor comes back; None where it was not removed.
    """

    method: str
    removed: bool
    reason: str | None
    work: str
    image_steps: int
    clean_accuracy: RepairedRate
    asr: RepairedRate
    robust_accuracy: RepairedRate
    true_trigger_asr: RepairedRate | None
    second_verdict: str | None
    outcome: RepairOutcome | None = None
    accuracy_loss: Known | None = None
    unstamped: RepairedRate | None = None
    relearning: Relearning | None = None


@dataclass(frozen=True, repr=False)
class RepairResult(
    Table, head=("summary", "chosen"), rows="attempts", columns=("method", "removed", "clean_accuracy", "asr")
):
    """Attempts of a repair, and the one worth keeping.

    Attributes
    ----------
    requested
        The requested methods, or ``auto``.
    target
        The label that the trigger leads to.
    removed
        Whether some method removed the backdoor.
    chosen
        That method; with more than one, the one that loses least accuracy. None where there is none:
        then no weights are recommended.
    attempts
        In the order in which they were made.
    summary
        The outcome in a sentence.
    bounds
        What counted as removed.
    working_images, held_out_images
        How many images the repair used, and how many others it was judged by.
    seed
        What the result depends on besides the inputs.
    outcome
        That of the chosen attempt, or ``not removed``.
    trigger
        What was repaired and judged with: a ``patch``, or another kind of change that the scan found.
    budget
        Seconds that the attempts were given; None is any.
    untried
        Methods that the budget left no time for, the one that was given up first.
    failed
        Methods that raised an error, each with it.
    """

    requested: str
    target: int
    removed: bool
    chosen: str | None
    attempts: tuple[RepairAttempt, ...]
    summary: str
    bounds: RepairBounds
    working_images: int
    held_out_images: int
    seed: int
    outcome: RepairOutcome | None = None
    trigger: str = "patch"
    budget: float | None = None
    untried: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
