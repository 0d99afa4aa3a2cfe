"""Detection rates of the scan, against the published rule and MM-BD alone.

Trains the zoo of `specimens.py` where it is missing, runs three detectors on each network, and writes
every row to docs/data/detection.json and the tables to docs/detection.md. The published rule is
given the right input contract, 120 steps of 64 images a label, and its own threshold. MM-BD alone is
the second opinion of the scan at p < 0.05.

Usage: python benchmarks/detection.py [SET ...]   (the untouched one where none is named)
"""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from detection_tables import attacks, misses, rates, render
from specimens import WORKERS, place, recipes, train_missing

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.security.detection import detect_published
from trivet.security.frozen import freeze
from trivet.security.scanning.search import (
    InversionSettings,
    MarginSettings,
    invert_triggers,
    maximum_margins,
    shuffled_passes,
)
from trivet.security.scanning.sequential import margin_opinion
from trivet.security.zoo import FAMILIES

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "detection.json"
PAGE = ROOT / "docs" / "detection.md"
MEASURED = ("untouched",)
#: A pixel of a mask counts when more of it is replaced than kept.
HALF = 0.5
SUSPICIOUS_BELOW = 0.05
PUBLISHED = InversionSettings(steps=120, batch_size=64)


@lru_cache(maxsize=1)
def test_images(architecture):
    return FAMILIES[architecture].load("test")


def measure(name: str, recipe: security.Recipe) -> dict:
    """Run the three detectors on one network; nothing but the scan may know its recipe."""
    keep_freed_memory()
    torch.set_num_threads(1)
    images = test_images(recipe.architecture)
    card = json.loads(place(recipe).with_suffix(".json").read_text(encoding="utf-8"))
    checkpoint = security.load_checkpoint(place(recipe), architecture=recipe.architecture)

    start = time.perf_counter()
    found = security.scan(checkpoint, images)
    seconds = {"trivet": time.perf_counter() - start}
    result = found.result

    score = security.contract_named(recipe.contract).bind(freeze(checkpoint.model))
    published = measure_published(recipe, score, images)
    seconds["published"] = published.pop("seconds")

    start = time.perf_counter()
    shape = images.pixels.shape[1:]
    margins = maximum_margins(score, shape, images.classes, MarginSettings(), seed=0)
    margin, _ = margin_opinion(margins.values)
    seconds["mm-bd"] = time.perf_counter() - start

    return {
        "set": name,
        "architecture": recipe.architecture,
        "attack": recipe.attack,
        "seed": recipe.seed,
        "target": recipe.target,
        "clean_accuracy": card["clean_accuracy"],
        "attack_success_rate": card["attack_success_rate"],
        "trivet": {
            "positive": result.verdict != "no evidence",
            "verdict": result.verdict,
            "label": result.suspected_label,
            "score": -np.log10(1.0 if result.p_value is None else result.p_value),
            "contract_right": result.contract.best.name == recipe.contract,
            "image_steps": result.image_steps,
            "iou": overlap(found, card, recipe.target),
        },
        "published": published,
        "mm-bd": {
            "positive": margin.p_value is not None and margin.p_value < SUSPICIOUS_BELOW,
            "label": margin.label,
            "score": -np.log10(1.0 if margin.p_value is None else margin.p_value),
            "image_steps": margins.image_steps,
        },
        "seconds": seconds,
    }


def measure_published(recipe: security.Recipe, score, images) -> dict:
    """Run the published procedure, which takes longest, once for each set of weights."""
    kept = place(recipe).with_suffix(".published.json")
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    start = time.perf_counter()
    batches = shuffled_passes(
        len(images), batch_size=PUBLISHED.batch_size, steps=PUBLISHED.steps, labels=images.classes, seed=0
    )
    inversion = invert_triggers(score, images, batches, PUBLISHED)
    rule = detect_published(inversion.norms)
    row = {
        "positive": rule.outlier,
        "label": rule.label,
        "score": -float(rule.modified_z.min()),
        "image_steps": inversion.image_steps,
        "seconds": time.perf_counter() - start,
    }
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def overlap(found: security.Scan, card: dict, target: int | None) -> float | None:
    """Intersection over union of the true patch and the refined mask above one half."""
    if card["trigger_pixels"] is None or found.result.suspected_label != target:
        return None
    mask = found.trigger(target).mask[0] > HALF
    true = np.zeros_like(mask)
    true[tuple(np.transpose(card["trigger_pixels"]))] = True
    return float((mask & true).sum() / (mask | true).sum())


def line(row: dict) -> str:
    said = {name: (row[name]["positive"], row[name]["label"]) for name in ("trivet", "published", "mm-bd")}
    subject = f"{row['architecture']} {row['attack']} {row['seed']}, target {row['target']}"
    return f"{subject}: {row['trivet']['verdict']}, {said}, {row['seconds']['trivet']:.1f} s"


def main(chosen: Sequence[str]) -> None:
    wanted = [(name, recipe) for name in chosen for recipe in recipes(name)]
    train_missing([recipe for _, recipe in wanted])
    rows = []
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for row in pool.map(measure, *zip(*wanted, strict=True)):
            rows.append(row)
            print(f"{len(rows):3} of {len(wanted)}: {line(row)}", file=sys.stderr, flush=True)
    if tuple(chosen) != MEASURED:
        print(rates(rows), attacks(rows), misses(rows), sep="\n\n")
        return
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    print(f"wrote {DATA.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:] or MEASURED)
