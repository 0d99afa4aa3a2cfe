"""Time of a scan, against the published procedure and the machine's arithmetic bound.

The published procedure at its full length (profile high-fidelity): one label after the other, 500
steps of 128 images, through the network as it is, gradients of the weights included. The scan is
what `trivet scan` times: everything but start-up and loading. Both run in this process, the scan before
and after the published procedure. The arithmetic bound is the work of the scan's image-steps at the
rate at which this machine multiplies large matrices.

Usage: python benchmarks/scan.py [CHECKPOINT ...]
       (those of TRIVET_REFERENCE where none is given, or else the embedded network)
"""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from inversion import published
from torch.utils.flop_counter import FlopCounterMode

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.datasets import load_mnist
from trivet.security.frozen import freeze
from trivet.security.scanning.search import InversionSettings, shuffled_passes
from trivet.security.settings import PROFILES

SCANS = 3
MATRIX = 2048
WANTED = 40


def arithmetic_seconds(model, image_steps: int) -> float:
    """Return the time that the multiplications of so many image-steps take at the machine's best rate."""
    frozen = freeze(model)
    pixels = torch.rand(16, *model.input_shape, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        frozen.logits(pixels).sum().backward()
    a, b = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        torch.matmul(a, b)
        rates.append(2 * MATRIX**3 / (time.perf_counter() - start))
    return counter.get_total_flops() / 16 * image_steps / max(rates)


def chosen(arguments: Sequence[str]) -> list[Path | None]:
    if arguments:
        return [Path(argument) for argument in arguments]
    reference = os.environ.get("TRIVET_REFERENCE")
    return sorted(Path(reference, "checkpoints").glob("*.pth")) if reference else [None]


def main(arguments: Sequence[str]) -> None:
    keep_freed_memory()
    images = load_mnist("test")
    ratios = []
    for path in chosen(arguments):
        checkpoint = security.load_demo_checkpoint() if path is None else security.load_checkpoint(path)
        security.scan(checkpoint, images.take(range(2_000)))  # first calls of PyTorch are slow
        seconds = []
        for turn in range(SCANS):
            if turn == 1:
                batches = shuffled_passes(
                    len(images), batch_size=128, steps=PROFILES["high-fidelity"].steps, labels=10, seed=0
                )
                model = security.build_architecture("mnist-cnn")
                model.load_state_dict(checkpoint.model.state_dict())
                start = time.perf_counter()
                published(model.eval(), images, batches, InversionSettings())
                slow = time.perf_counter() - start
            start = time.perf_counter()
            result = security.scan(checkpoint, images).result
            seconds.append(time.perf_counter() - start)
        fast = statistics.median(seconds)
        bound = arithmetic_seconds(checkpoint.model, result.image_steps)
        ratios.append(slow / fast)
        print(
            f"{checkpoint.info.name}: {result.verdict}, label {result.suspected_label}; scan {fast:.2f} s "
            f"({min(seconds):.2f} to {max(seconds):.2f}), {result.image_steps} image-steps, "
            f"{fast / bound:.1f} times the arithmetic bound of {bound:.2f} s; published {slow:.1f} s; "
            f"ratio {slow / fast:.0f}",
            flush=True,
        )
    print(f"smallest ratio {min(ratios):.0f} (at least {WANTED} is wanted)")


if __name__ == "__main__":
    main(sys.argv[1:])
