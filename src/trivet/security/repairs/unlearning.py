"""Removing a backdoor: unlearning with reconstructed triggers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.device import device_of
from trivet.security.evaluation import pixels_at
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.repairs.squares import working_squares
from trivet.security.repairs.training import Search, finished, shifted, trainable_copy
from trivet.security.scanning.search import SearchSettings, TriggerSearch
from trivet.security.trigger import Stamp, Trigger
from trivet.work.device import seeded

__all__ = ["PATCH_SEARCH", "UnlearningSettings", "unlearn", "unlearn_in_rounds"]


@dataclass(frozen=True, kw_only=True)
class UnlearningSettings:
    """Settings of unlearning: training by Adam on stamped images with their true labels.

    Attributes
    ----------
    fraction
        Share of the images that are stamped.
    epochs, batch_size, learning_rate
        Of the training.
    steps
        Batches in all, in place of `epochs`, so that the work does not depend on how many images
        there are; None counts epochs.
    leading
        Stamp whole batches at the head of each epoch, as published, instead of that share of
        every batch.
    dropout
        Train with the network's dropout. Off, a small set of images costs less accuracy.
    annealing
        Let the learning rate fall to zero along a cosine.
    shift
        Move each image by up to so many pixels each way before it is stamped.
    spare_target
        Never stamp images of the target class: they would teach that the trigger means it.
    """

    fraction: float = 0.2
    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 5e-4
    steps: int | None = None
    leading: bool = False
    dropout: bool = False
    annealing: bool = True
    shift: int = 0
    spare_target: bool = False


def unlearn(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    triggers: Sequence[Stamp],
    settings: UnlearningSettings,
    *,
    seed: int,
    target: int | None = None,
    stream: torch.Generator | None = None,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` trained to give stamped images their true labels.

    Wang et al. 2019, section VI-B. The global generator is left as it was.

    Parameters
    ----------
    model, contract, images, progress
        As of `fine_tune`.
    triggers
        The triggers to unlearn, in turn from batch to batch.
    settings
        Share of stamped images and optimiser.
    seed
        Seed of order and shifts, and of dropout where `stream` is not given.
    target
        The attacker's label, which `settings.spare_target` is about.
    stream
        Generator of the dropout, for calls that continue one stream; it moves on.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    repaired = trainable_copy(model, dropout=settings.dropout)
    labels = torch.from_numpy(images.labels)
    loader = DataLoader(
        range(len(images)),  # pyright: ignore[reportArgumentType] - any sequence will do
        batch_size=settings.batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    spared = target if settings.spare_target else None
    steps = settings.steps or settings.epochs * len(loader)
    weights = [weight for weight in repaired.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    moves = torch.Generator().manual_seed(seed)
    step = 0
    with seeded(seed, device_of(model)):
        if stream is not None:
            torch.set_rng_state(stream.get_state())
        while step < steps:
            seen = 0
            for rows in islice(loader, steps - step):
                if settings.leading:
                    count = len(rows) if seen < settings.fraction * len(images) else 0
                else:
                    count = round(settings.fraction * len(rows))
                chosen, rest = _divide(rows, labels, count, spared)
                moved = shifted(
                    pixels_at(images, torch.cat([chosen, rest])), at_most=settings.shift, generator=moves
                )
                stamp = triggers[step % len(triggers)]
                batch = torch.cat([stamp(moved[: len(chosen)]), moved[len(chosen) :]])
                truth = labels[torch.cat([chosen, rest])]
                loss = functional.cross_entropy(repaired.logits(contract(batch)), truth)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                if settings.annealing:
                    schedule.step()
                seen += len(rows)
                step += 1
                if progress is not None:
                    progress(step / steps)
        if stream is not None:
            stream.set_state(torch.get_rng_state())
    return finished(repaired)


def _divide(rows: Tensor, labels: Tensor, count: int, spared: int | None) -> tuple[Tensor, Tensor]:
    """Return the rows that are stamped and the others, the first `count` that are not of class `spared`."""
    if spared is None:
        return rows[:count], rows[count:]
    allowed = labels[rows] != spared
    chosen = allowed & (allowed.cumsum(dim=0) <= count)
    return rows[chosen], rows[~chosen]


#: How what is left of the backdoor is searched for.
SEARCH: Final = SearchSettings()
SEARCH_STEPS: Final = 150


def _patch(score: Scorer, images: ImageSet, target: int, seed: int) -> Stamp:
    search = TriggerSearch(score, images, SEARCH, seed=seed)
    search.advance(SEARCH_STEPS, [target])
    return search.trigger(target)


#: Of a mask and a pattern.
PATCH_SEARCH: Final = Search(_patch, SEARCH_STEPS * SEARCH.batch_size)


def unlearn_in_rounds(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    trigger: Stamp,
    target: int,
    rounds: Sequence[UnlearningSettings],
    *,
    search: Search = PATCH_SEARCH,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Classifier:
    """Unlearn, reconstruct what the copy still answers to, and return one that unlearned all of it.

    A reconstructed trigger covers only a part of what the network answers to: one round can
    silence the reconstruction and leave the attacker's own trigger at work. So plain squares at the place of
    a reconstructed patch that still lead to the label are unlearned as well.

    Parameters
    ----------
    model, contract, images, progress
        As of `unlearn`.
    trigger
        The reconstructed trigger.
    target
        The label that it leads to.
    rounds
        Settings of each round.
    search
        How what is left is searched for.
    seed
        Seed of the first round; each further one takes the next number.
    """
    triggers: list[Stamp] = [trigger]
    for turn, settings in enumerate(rounds):
        score = contract.bind(freeze(model))
        if turn:
            triggers.append(search.find(score, images, target, seed + turn))
        if isinstance(trigger, Trigger):
            triggers += working_squares(score, images, trigger, target)
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
