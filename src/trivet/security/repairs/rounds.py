"""Unlearning until nothing is left: look for what remains of the backdoor, and unlearn that as well."""

from collections.abc import Callable, Sequence

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.frozen import freeze
from trivet.security.inversion import InversionSettings, invert_triggers, sampled_batches
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn
from trivet.security.trigger import Trigger

__all__ = ["unlearn_in_rounds"]


def unlearn_in_rounds(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    trigger: Trigger,
    target: int,
    rounds: Sequence[UnlearningSettings],
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Classifier:
    """Unlearn, reconstruct what the network still answers to, and unlearn all of it.

    A reconstructed trigger covers only a part of what the network answers to: one round can
    silence the reconstruction and leave the attacker's own trigger at work.

    Parameters
    ----------
    model
        The attacked network; it is not changed.
    contract
        What the network expects of its inputs.
    images
        Clean images with true labels, to train on and to reconstruct from.
    trigger
        The reconstructed trigger.
    target
        The label that it leads to.
    rounds
        Settings of each round.
    seed
        Seed of the first round; each further one takes the next number.
    progress
        Called with the finished share of the work, 0 to 1.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    inversion = InversionSettings()
    triggers = [trigger]
    for turn, settings in enumerate(rounds):
        if turn:
            batches = sampled_batches(images.labels, [target], inversion, seed=seed + turn)
            left = invert_triggers(contract.bind(freeze(model)), images, batches, inversion, targets=[target])
            triggers.append(left.trigger(target))
        model = unlearn(
            model,
            contract,
            images,
            triggers,
            settings,
            seed=seed + turn,
            target=target,
            progress=lambda share, turn=turn: progress((turn + share) / len(rounds)),
        )
    return model
