"""Unlearning until nothing is left: look for what remains of the backdoor, and unlearn that as well."""

from collections.abc import Callable, Sequence
from typing import Final

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.frozen import freeze
from trivet.security.repairs.unlearning import UnlearningSettings, unlearn
from trivet.security.search import SearchSettings, TriggerSearch
from trivet.security.trigger import Trigger

__all__ = ["SEARCH", "SEARCH_STEPS", "unlearn_in_rounds"]

#: How what is left of the backdoor is searched for.
SEARCH: Final = SearchSettings()
SEARCH_STEPS: Final = 150


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
    triggers = [trigger]
    for turn, settings in enumerate(rounds):
        if turn:
            search = TriggerSearch(contract.bind(freeze(model)), images, SEARCH, seed=seed + turn)
            search.advance(SEARCH_STEPS, [target])
            triggers.append(search.trigger(target))
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
