"""Speed of trigger inversion against the published procedure, at equal steps and batches.

The published way optimises one label after the other through the whole network, gradients of the
weights included. trivet freezes the network and spreads the labels over the cores. Both run in this
process, alternately, on the same batches; the median ratio counts.
"""

import statistics
import time

import torch
from torch.nn import functional

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.datasets import load_mnist
from trivet.security.contract import UNIT
from trivet.security.frozen import freeze
from trivet.security.scanning.search import InversionSettings, invert_triggers, shuffled_passes

STEPS = 30
LABELS = 10
ROUNDS = 5
PUBLISHED = InversionSettings()


def published(model, images, batches, settings=PUBLISHED):
    """Optimise label by label, with the weights' gradients, as the study's code did."""
    model.requires_grad_(True)
    pixels = torch.from_numpy(images.pixels)
    for label, rows_of_label in enumerate(batches):
        mask = torch.full((1, 28, 28), settings.mask_start, requires_grad=True)
        pattern = torch.full((1, 28, 28), settings.pattern_start, requires_grad=True)
        optimiser = torch.optim.Adam([mask, pattern], lr=settings.learning_rate)
        for rows in rows_of_label:
            m, p = mask.sigmoid(), pattern.sigmoid()
            stamped = security.apply_trigger(pixels[rows], m, p)
            probabilities = model(stamped)
            loss = functional.nll_loss(probabilities.clamp_min(1e-12).log(), torch.full((len(rows),), label))
            loss = loss + settings.mask_penalty * m.sum() + settings.pattern_penalty * p.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def main() -> None:
    keep_freed_memory()
    images, model = load_mnist("test"), security.load_demo_checkpoint().model
    score = UNIT.bind(freeze(model))
    settings = InversionSettings(steps=STEPS)

    def batches():
        return shuffled_passes(len(images), batch_size=128, steps=STEPS, labels=LABELS, seed=0)

    seconds: dict[str, list[float]] = {"published": [], "trivet": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        published(model, images, batches())
        seconds["published"].append(time.perf_counter() - start)
        start = time.perf_counter()
        inversion = invert_triggers(score, images, batches(), settings)
        seconds["trivet"].append(time.perf_counter() - start)
    ratios = [a / b for a, b in zip(seconds["published"], seconds["trivet"], strict=True)]
    for name, values in seconds.items():
        cost = statistics.median(values) / inversion.image_steps * 1e6
        print(f"{name:10} {statistics.median(values):6.2f} s, {cost:5.0f} microseconds an image-step")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"ratio      {statistics.median(ratios):6.2f} (median of {ROUNDS}; {spread})")


if __name__ == "__main__":
    main()
