"""Detection on networks of real colour images, and on networks by other people.

Scans what `colour_networks.py` has trained, and the networks in the folder that TRIVET_REFERENCE names, with
one thread each; writes every row to docs/data/colour-detection.json, the tables into docs/detection.md, and
the rates that every scan shows into src/trivet/security/scanning/rates.json. A network that has a row is not
scanned again: remove the file after the scan has changed.

Usage: python benchmarks/colour_detection.py [NAME ...]   (all networks whose names contain one of the words)
       python benchmarks/colour_detection.py --render     (scan nothing, write tables and rates from the rows)
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from colour_networks import ARCHITECTURES, CLASSES, FOLDER, load
from scipy.stats import beta

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.datasets import ImageSet, load_images
from trivet.errors import TrivetError
from trivet.estimate import known
from trivet.fairness.intervals.shares import share_interval
from trivet.security.adapting import adapt
from trivet.security.checkpoint import Checkpoint
from trivet.security.results import CheckpointInfo

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "colour-detection.json"
PAGE = ROOT / "docs" / "detection.md"
RATES = ROOT / "src" / "trivet" / "security" / "scanning" / "rates.json"
#: Seeds from this on belong to the part that nobody looked at while the scan was made.
APART_FROM = 10_000
#: The attacks whose triggers a search is for, by the search's kind, and those that none is for.
ATTACKS_OF = {
    "patch": ("badnets", "pixel", "label-consistent", "adaptive", "subnet", "one-target"),
    "spread": ("blended", "low-frequency", "bpp", "lira"),
    "striped": ("sinusoidal", "sig"),
    "moved": ("wanet",),
    "any label": ("all-to-all",),
    "one source": ("source-specific",),
    "image-dependent": ("input-aware",),
}


@lru_cache
def images(data: str) -> ImageSet:
    if data == "mnist":
        return load_images("mnist")
    pixels, labels = load(data, "test")
    levels = (pixels[:5_000] * 255).round().to(torch.uint8).numpy()
    return ImageSet(data, levels, labels[:5_000].numpy(), CLASSES[data])


def trained() -> Iterator[tuple[dict, Checkpoint, ImageSet]]:
    for card in sorted(FOLDER.glob("*.json")):
        told = json.loads(card.read_text(encoding="utf-8"))
        data, arch, *attack, seed = told["name"].split("-")
        network = ARCHITECTURES[arch](CLASSES[data])
        network.load_state_dict(safetensors.torch.load_file(card.with_suffix(".safetensors")))
        model = adapt(network, input_shape=(3, 32, 32), classes=CLASSES[data], name=told["name"])
        info = CheckpointInfo("file", card.stem, "0" * 64, arch, 1, None)
        part = "apart" if int(seed) > APART_FROM else "tuning"
        row = {"part": part, "kind": "-".join(attack), **told}
        yield row, Checkpoint(model, info), images(data)


def others() -> Iterator[tuple[dict, Checkpoint, ImageSet]]:
    wild = Path(os.environ["TRIVET_REFERENCE"]) / "wild"
    sys.path.insert(0, str(wild))
    for told in json.loads((wild / "manifest.json").read_text(encoding="utf-8")):
        clean = images(told["images"])
        checkpoint = security.load_checkpoint(
            wild / told["file"],
            architecture=told["architecture"],
            input_shape=clean.pixels.shape[1:],
            classes=clean.classes,
        )
        row = {"part": "others", "kind": told["truth"], "name": told["name"], "target": told["target"]}
        yield row, checkpoint, clean


def measure(row: dict, checkpoint: Checkpoint, clean: ImageSet) -> dict:
    started = time.process_time()
    try:
        found = security.scan(checkpoint, clean).result
    except TrivetError as error:
        return {**row, "failure": str(error)}
    right = found.verdict != "no evidence" and found.suspected_label in {row["target"], None}
    return {
        **row,
        "verdict": found.verdict,
        "label": found.suspected_label,
        "right": (found.verdict == "no evidence") if row["kind"] == "clean" else right,
        "p_value": found.p_value,
        "found_by": [search.kind for search in found.searches if search.outcome == "found"],
        "image_steps": found.image_steps,
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def interval(count: int, of: int) -> str:
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
    return f"{low:.2f} to {high:.2f}"


def table(rows: list[dict], part: str) -> str:
    """Return how often the scan is right about each kind of network of a part."""
    own = [row for row in rows if row["part"] == part and "verdict" in row]
    lines = ["| network | right | of | 95 % interval | seconds, median |", "|---|---|---|---|---|"]
    for kind in sorted({row["kind"] for row in own}, key=lambda kind: (kind != "clean", kind)):
        some = [row for row in own if row["kind"] == kind]
        count, seconds = sum(row["right"] for row in some), np.median([row["cpu_seconds"] for row in some])
        said = interval(count, len(some))
        lines.append(f"| {kind} | {count} | {len(some)} | {said} | {seconds:.0f} |")
    return "\n".join(lines)


def missed(rows: list[dict]) -> str:
    lines = ["| network | kind | ASR | target | trivet says |", "|---|---|---|---|---|"]
    for row in rows:
        if row["part"] != "tuning" and not row.get("right"):
            asr = f"{row['asr']:.2f}" if row.get("asr") is not None else "-"
            label = "" if row.get("label") is None else f", label {row['label']}"
            target = "-" if row["target"] is None else row["target"]
            said = row.get("failure") or f"{row['verdict']}{label}"
            lines.append(f"| {row['name']} | {row['kind']} | {asr} | {target} | {said} |")
    return "\n".join(lines)


def rates(rows: list[dict]) -> dict:
    """Return how often clean networks are accused, and attacked ones found, by the kind of their trigger."""
    own = [row for row in rows if row["part"] != "tuning" and "verdict" in row]
    unknown = {row["kind"] for row in own} - {"clean"}.union(*ATTACKS_OF.values())
    if unknown:
        raise SystemExit(f"no kind of search is named for {', '.join(sorted(unknown))}; add it to ATTACKS_OF")

    def rate(kind: str, attacks: tuple[str, ...]) -> dict:
        counts = {}
        for attack in attacks:
            some = [row["right"] for row in own if row["kind"] == attack]
            if some:
                counts[attack] = (sum(some), len(some))
        count, networks = (sum(values) for values in zip(*counts.values(), strict=True)) if counts else (0, 0)
        if kind == "clean":
            count = networks - count
        words = ", ".join(f"{attack} {right} of {of}" for attack, (right, of) in counts.items())
        share = asdict(known(share_interval(count, networks))) if networks else None
        told = "" if kind == "clean" else words
        return {"kind": kind, "count": count, "networks": networks, "share": share, "attacks": told}

    by_kind = [rate(kind, attacks) for kind, attacks in ATTACKS_OF.items()]
    return {"clean": rate("clean", ("clean",)), "kinds": [each for each in by_kind if each["networks"]]}


def render(page: str, rows: list[dict]) -> str:
    tables = {
        "apart": table(rows, "apart"),
        "others": table(rows, "others"),
        "misses": missed(rows),
    }
    for name, text in tables.items():
        begin, end = f"<!-- colour: {name} -->\n", "\n<!-- end of colour -->"
        head, _, rest = page.partition(begin)
        page = head + begin + text + end + rest.partition(end)[2]
    return page


def write(rows: list[dict]) -> None:
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    RATES.write_text(json.dumps(rates(rows), indent=1) + "\n", encoding="utf-8")


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else []
    done = {row["name"] for row in rows}
    if words == ["--render"]:
        write(rows)
        return
    for source in (trained, others):
        for row, checkpoint, clean in source():
            if row["name"] in done or not any(word in row["name"] for word in words or [""]):
                continue
            rows.append(measure(row, checkpoint, clean))
            print(json.dumps(rows[-1]), flush=True)
            DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    write(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
