"""Results of a repair: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.estimate import Known
from trivet.result import Table

__all__ = ["RepairAttempt", "RepairBounds", "RepairResult", "RepairedRate"]


@dataclass(frozen=True)
class RepairedRate:
    """One share of held-out images before and after a repair, each with the exact interval of a share."""

    before: Known
    after: Known


@dataclass(frozen=True)
class RepairBounds:
    """Bounds that a repair has to meet, on images that it did not see.

    Attributes
    ----------
    asr
        The reconstructed trigger's success rate stays below this.
    true_trigger_asr
        So does the attacker's own, where it is known.
    accuracy_loss
        Clean accuracy falls by less than this.
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
        Whether rates and accuracy keep the bounds and the second scan finds no evidence.
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
