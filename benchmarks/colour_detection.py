"""Detection on networks of real colour images, and on networks by other people.

Scans what `colour_networks.py` has trained, and the networks in the folder that TRIVET_REFERENCE names, with
one thread each; writes every row to docs/data/colour-detection.json, the tables into docs/detection.md, and
the rates that every scan shows into src/trivet/security/scanning/rates.json. Each network is scanned with the
profiles standard and quick. One that has a row is not scanned again: remove the file after the scan has
changed.

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
from trivet.security.scanning.results import SCAN
from trivet.security.settings import ScanProfileName

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "colour-detection.json"
PAGE = ROOT / "docs" / "detection.md"
RATES = ROOT / "src" / "trivet" / "security" / "scanning" / "rates.json"
#: Seeds from this on belong to the part that nobody looked at while the scan was made.
APART_FROM = 10_000
#: Of those, networks that were looked at after all: to see why they were missed, or while bounds were open.
LOOKED_AT = (
    "gtsrb-vgg-all-to-all-10005",
    "cifar10-vgg-subnet-10045",
    "cifar10-vgg-wanet-10050",
    "gtsrb-vgg-clean-10051",
    "cifar10-mobile-sinusoidal-10052",
    "gtsrb-vgg-input-aware-10082",
    "cifar10-vgg-subnet-10089",
    "gtsrb-mobile-clean-10007",
    "gtsrb-resnet-clean-10003",
    "gtsrb-vgg-clean-10036",
    "gtsrb-vgg-clean-10044",
    "gtsrb-vgg-subnet-10023",
    "gtsrb-vgg-clean-10105",
    "gtsrb-vgg-subnet-10111",
    "cifar10-vgg-clean-10058",
    "cifar10-resnet-clean-10102",
    "cifar10-resnet-clean-10110",
    "cifar10-vgg-clean-10127",
)
#: An attack that succeeds less often is counted apart.
WORKS_FROM = 0.8
ALONE_BELOW = 0.05
#: The attacks whose triggers a search is for, by the search's kind, and those that none is for.
ATTACKS_OF = {
    "patch": ("badnets", "pixel", "label-consistent", "adaptive", "one-target"),
    "spread": ("blended", "low-frequency", "bpp", "lira"),
    "striped": ("sinusoidal", "sig"),
    "moved": ("wanet",),
    "one unit": ("subnet",),
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
        part = "apart" if int(seed) > APART_FROM and told["name"] not in LOOKED_AT else "tuning"
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


def measure(
    row: dict, checkpoint: Checkpoint, clean: ImageSet, profile: ScanProfileName = "standard"
) -> dict:
    """Return what a scan says of a network, and whether that is right."""
    started = time.process_time()
    try:
        found = security.scan(checkpoint, clean, profile=profile).result
    except TrivetError as error:
        return {"failure": str(error)}
    accused = found.verdict != "no evidence"
    named = accused and found.suspected_label == row["target"]
    margin, norms = found.opinions[1], found.opinions[0]
    return {
        "scan": SCAN,
        "verdict": found.verdict,
        "label": found.suspected_label,
        "right": not accused if row["kind"] == "clean" else named,
        "score": None if found.calibration is None else round(found.calibration.score, 4),
        "p_value": found.p_value,
        "margin": [margin.label, margin.p_value],
        "norms": [norms.label, norms.p_value],
        "found_by": [search.kind for search in found.searches if search.outcome == "found"],
        "image_steps": found.image_steps,
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def interval(count: int, of: int) -> str:
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
    return f"{low:.2f} to {high:.2f}"


def works(row: dict) -> bool:
    """Return whether a network is clean, or its attack succeeds; of networks by others that was checked."""
    return row.get("asr", 1.0) >= WORKS_FROM


def alone(row: dict, method: str) -> bool:
    """Return whether one method alone, at 5 %, accuses a clean network or names the target of another."""
    label, p_value = row[method]
    return (
        p_value is not None and p_value < ALONE_BELOW and (row["kind"] == "clean" or label == row["target"])
    )


def auroc(attacked: list[dict], clean: list[dict]) -> str:
    """Return how often an attacked network's score is above a clean one's; ties count half."""
    if not clean or not attacked:
        return "-"
    a, c = (np.array([row["score"] for row in some]) for some in (attacked, clean))
    return f"{np.mean((a[:, None] > c) + 0.5 * (a[:, None] == c)):.2f}"


def table(rows: list[dict], part: str) -> str:
    """Return how often the scan is right about each kind of network of a part."""
    own = [row for row in rows if row["part"] == part and "verdict" in row]
    columns = ("network", "of", "accused", "target named", "95 % interval", "AUROC", "margin alone",
               "norms alone", "seconds")  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    clean = [row for row in own if row["kind"] == "clean"]
    kinds = sorted({(row["kind"] != "clean", not works(row), row["kind"]) for row in own})
    for attacked, weak, kind in kinds:
        some = [row for row in own if row["kind"] == kind and works(row) is not weak]
        accused = sum(row["verdict"] != "no evidence" for row in some)
        named = sum(row["right"] for row in some)
        seconds = np.median([row["cpu_seconds"] for row in some])
        name = f"{kind}, ASR below {WORKS_FROM}" if weak else kind
        counts = f"{len(some)} | {accused} | {named if attacked else '-'}"
        both = " | ".join(str(sum(alone(row, method) for row in some)) for method in ("margin", "norms"))
        shown = interval(named if attacked else accused, len(some))
        rank = auroc(some, clean) if attacked else "-"
        lines.append(f"| {name} | {counts} | {shown} | {rank} | {both} | {seconds:.0f} |")
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


def quick(rows: list[dict]) -> list[dict]:
    """Return the rows of networks that were scanned quickly as well, with what that scan said."""
    return [row | row["quick"] for row in rows if "quick" in row]


def rates(rows: list[dict]) -> dict:
    """Return how often clean networks are accused, and attacked ones found, by the kind of their trigger."""
    own = [row for row in rows if row["part"] != "tuning" and "verdict" in row and works(row)]
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


def holds(row: dict) -> bool:
    """Return whether a row is of the scan as it is: what a patch decides, other searches leave as it was."""
    return row.get("scan") == SCAN or row["verdict"] == "backdoored"


def freshness(rows: list[dict], part: str) -> str:
    """Return in words how many rows of a part are of the scan as it is."""
    own = [row for row in rows if row["part"] == part and "verdict" in row]
    old = [row for row in own if not holds(row)]
    if not old:
        return "All rows are of the scan as it is."
    clean = sum(row["kind"] == "clean" for row in old)
    return (
        f"{len(old)} of these {len(own)} rows ({clean} of clean networks) are of an earlier scan, "
        "with other searches:\ntoday's may accuse more of them, or fewer."
    )


def render(page: str, rows: list[dict]) -> str:
    tables = {
        "apart": table(rows, "apart"),
        "others": table(rows, "others"),
        "quick": table([{**row, "part": "all"} for row in quick(rows) if row["part"] != "tuning"], "all"),
        "misses": missed(rows),
        "freshness apart": freshness(rows, "apart"),
        "freshness others": freshness(rows, "others"),
    }
    for name, text in tables.items():
        begin, end = f"<!-- colour: {name} -->\n", "\n<!-- end of colour -->"
        head, _, rest = page.partition(begin)
        page = head + begin + text + end + rest.partition(end)[2]
    return page


def write(rows: list[dict]) -> None:
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    by_profile = {"standard": rates(rows), "quick": rates(quick(rows))}
    RATES.write_text(json.dumps(by_profile, indent=1) + "\n", encoding="utf-8")


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else []
    if words == ["--render"]:
        write(rows)
        return
    done = {row["name"]: row for row in rows}
    for source in (trained, others):
        for told, checkpoint, clean in source():
            row = done.get(told["name"], told)
            if "quick" in row or not any(word in row["name"] for word in words or [""]):
                continue
            if row is told:
                row |= measure(row, checkpoint, clean)
                rows.append(row)
            row["quick"] = measure(row, checkpoint, clean, "quick")
            print(json.dumps(row), flush=True)
            DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    write(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
