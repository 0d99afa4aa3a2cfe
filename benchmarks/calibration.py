"""False alarms on clean networks, with and without a reference: coverage of the p-values, and a Q-Q plot.

Trains small clean networks from the embedded data and scans them as `trivet zoo reference` does; both are
kept in a folder that is not committed, so that a run may be stopped and goes on. Writes a row a network to
docs/data/calibration.json, the table into docs/detection.md, and docs/images/calibration.svg. The held-out
clean networks on colour images stand beside them, as colour_detection.py has measured them.

With a reference each half of the networks of an architecture is ranked among the other half. Attacked
networks are ranked among all of them, for what the rank costs and gains.

Usage: python benchmarks/calibration.py [ARCHITECTURE ...]   (all of NETWORKS where none is named)
       python benchmarks/calibration.py --render             (train nothing, draw from the rows)
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import beta

from trivet import security
from trivet.cli.terminal import keep_freed_memory
from trivet.datasets import load_images
from trivet.report.figures.figure import save_figure
from trivet.report.figures.style import CORRECTED, INK, PAGE_WIDTH, PUBLISHED, new_figure, styled
from trivet.security.checkpoint import Checkpoint
from trivet.security.references import make_reference
from trivet.security.results import CheckpointInfo
from trivet.security.scanning.reference import ALARM_AT, conformal_p
from trivet.security.scanning.scan import scan
from trivet.security.settings import DEFAULT_IMAGES, ReferenceOptions

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "calibration.json"
COLOUR = ROOT / "docs" / "data" / "colour-detection.json"
#: What the held-out clean networks on colour images are called here.
COLOUR_NAME = "CIFAR-10 and GTSRB"
PAGE = ROOT / "docs" / "detection.md"
PICTURE = ROOT / "docs" / "images" / "calibration"
FOLDER = Path(os.environ.get("TRIVET_NETWORKS", "build")) / "calibration"
#: Clean networks of each architecture, and the training images of each of them.
NETWORKS = {"mnist-cnn": (200, 10_000), "small-resnet": (60, 8_000)}
IMAGES = 2_000
LEVELS = (0.05, 0.01)
#: Attacked networks of each kind, and the seed of the first.
ATTACKED, FIRST_SEED = 6, 5_001
#: An attack that succeeds less often has left no backdoor that a scan could find.
WORKS_FROM = 0.5
PROFILE = "quick"


@dataclass(frozen=True)
class Coverage:
    """P-values of clean networks: by the model of the patch search alone, and ranked among other networks."""

    architecture: str
    model: np.ndarray
    ranked: np.ndarray
    accused: int
    smallest: float


def measure(architecture: str) -> list[dict]:
    count, images = NETWORKS[architecture]
    options = ReferenceOptions(
        arch=architecture, limit=IMAGES, profile=PROFILE, count=count, train_limit=images
    )
    made = make_reference(
        options,
        FOLDER / architecture,
        initializer=keep_freed_memory,
        progress=lambda step, share: print(f"{step}: {share:.3f}", flush=True),
    )
    rows = json.loads(made.file.read_text(encoding="utf-8"))["networks"]
    return [{"architecture": architecture, "attack": "none", **row} for row in rows]


def attacked(architecture: str, known: list[dict]) -> Iterator[dict]:
    """Train and scan attacked networks, with as many training images as the clean ones have."""
    clean = load_images(DEFAULT_IMAGES[architecture], limit=IMAGES, seed=0)
    done = {row["seed"] for row in known if row["architecture"] == architecture and row["attack"] != "none"}
    for number, attack in enumerate(sorted(security.ATTACKS)):
        for seed in range(FIRST_SEED + 100 * number, FIRST_SEED + 100 * number + ATTACKED):
            if seed in done:
                continue
            recipe = security.Recipe(
                architecture=architecture,
                attack=attack,
                target=seed % clean.classes,
                seed=seed,
                images=NETWORKS[architecture][1],
            )
            specimen = security.train_specimen(recipe)
            info = CheckpointInfo("file", f"{attack}-{seed}", "0" * 64, architecture, 1, None)
            found = scan(Checkpoint(specimen.model, info), clean, profile=PROFILE, every_search=True).result
            yield {
                "architecture": architecture,
                "attack": attack,
                "seed": seed,
                "target": recipe.target,
                "asr": specimen.attack_success_rate,
                "clean_accuracy": specimen.clean_accuracy,
                "verdict": found.verdict,
                "label": found.suspected_label,
                "p_value": found.p_value,
                "score": found.calibration.score,
                "strengths": {search.kind: search.strength for search in found.searches},
            }


def coverage(rows: list[dict], architecture: str) -> Coverage:
    own = [row for row in rows if row["architecture"] == architecture and row["attack"] == "none"]
    halves = own[::2], own[1::2]
    ranked = [
        conformal_p(row["score"], [other["score"] for other in reference])
        for tested, reference in (halves, halves[::-1])
        for row in tested
    ]
    return Coverage(
        architecture,
        np.array([1.0 if row["p_value"] is None else row["p_value"] for row in own]),
        np.array(ranked),
        sum(row["verdict"] != "no evidence" for row in own),
        1 / (1 + min(map(len, halves))),
    )


def share(count: int, of: int) -> str:
    low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
    high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
    return f"{count} of {of} ({low:.3f} to {high:.3f})"


def table(rows: list[dict]) -> str:
    """Return how many clean networks have a p-value at or below each level, and how many are accused."""
    heads = [f"p at most {level:g}" for level in LEVELS]
    lines = [f"| networks | p-value | {' | '.join(heads)} | accused |", "|---|---|---|---|---|"]
    for each in _all(rows):
        of = len(each.model)
        counts = [share(int((each.model <= level).sum()), of) for level in LEVELS]
        lines.append(
            f"| {each.architecture} | uncalibrated | {' | '.join(counts)} | {share(each.accused, of)} |"
        )
        counts = [
            "not possible" if level < each.smallest else share(int((each.ranked <= level + 1e-12).sum()), of)
            for level in LEVELS
        ]
        ranked = share(int((each.ranked <= ALARM_AT + 1e-12).sum()), of)
        alarms = "not possible" if each.smallest > ALARM_AT else ranked
        lines.append(f"| {each.architecture} | with a reference | {' | '.join(counts)} | {alarms} |")
    kinds = sorted({kind for row in rows for kind in row.get("strengths", ())})
    said = f"Searches that were made of networks on digits: {', '.join(kinds)}."
    return "\n".join([*lines, "", said])


def found_table(rows: list[dict]) -> str:
    """Return how many networks in which the attack works raise an alarm, by the bounds and by the rank."""
    lines = ["| networks | attack | ASR, median | by the bounds | by the rank |", "|---|---|---|---|---|"]
    idle = []
    for name in NETWORKS:
        own = [row for row in rows if row["architecture"] == name]
        clean = [row["score"] for row in own if row["attack"] == "none"]
        for attack in sorted({row["attack"] for row in own} - {"none"}):
            tried = [row for row in own if row["attack"] == attack]
            some = [row for row in tried if row["asr"] >= WORKS_FROM]
            idle += [f"{attack} {len(tried) - len(some)} of {len(tried)}"] if len(some) < len(tried) else []
            if not some:
                continue
            bounds = sum(row["verdict"] != "no evidence" for row in some)
            rank = sum(conformal_p(row["score"], clean) <= ALARM_AT for row in some)
            asr = np.median([row["asr"] for row in some])
            of = len(some)
            lines.append(f"| {name} | {attack} | {asr:.2f} | {share(bounds, of)} | {share(rank, of)} |")
    return "\n".join([*lines, "", f"Left out, since the attack does not work: {', '.join(idle) or 'none'}."])


def _all(rows: list[dict]) -> list[Coverage]:
    names = (*NETWORKS, COLOUR_NAME)
    return [coverage(rows, name) for name in names if any(row["architecture"] == name for row in rows)]


def colour() -> list[dict]:
    """Return the rows of the held-out clean networks on colour images."""
    rows = json.loads(COLOUR.read_text(encoding="utf-8"))
    own = [row for row in rows if row["part"] == "apart" and row["kind"] == "clean"]
    return [{**row, "architecture": COLOUR_NAME, "attack": "none"} for row in own]


@styled
def draw(rows: list[dict]) -> Figure:
    """Show sorted p-values over those that clean networks should have, on logarithmic axes."""
    found = _all(rows)
    figure = new_figure(width=PAGE_WIDTH, height=3.3)
    for axes, each in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        of = len(each.model)
        expected = np.arange(1, of + 1) / (of + 1)
        low, high = (beta.ppf(q, np.arange(1, of + 1), of - np.arange(of)) for q in (0.025, 0.975))
        axes.fill_between(expected, low, high, color=INK, alpha=0.08, linewidth=0)
        axes.plot(expected, expected, color=INK, linewidth=0.6)
        axes.plot(expected, np.sort(each.model), "o", color=PUBLISHED, markersize=2.5, label="uncalibrated")
        axes.plot(
            expected, np.sort(each.ranked), "o", color=CORRECTED, markersize=2.5, label="with a reference"
        )
        axes.set(xscale="log", yscale="log", xlabel="expected p-value", ylabel="p-value of a clean network")
        axes.set_title(f"{each.architecture}, {of} clean networks")
        axes.legend(frameon=False, loc="lower right")
    return figure


def render(page: str, rows: list[dict]) -> str:
    for name, text in (("clean", table(rows)), ("attacked", found_table(rows))):
        begin, end = f"<!-- calibration: {name} -->\n", "\n<!-- end of calibration -->"
        head, _, rest = page.partition(begin)
        page = head + begin + text + end + rest.partition(end)[2]
    return page


def keep(rows: list[dict]) -> None:
    DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else []
    for architecture in [] if words == ["--render"] else words or NETWORKS:
        others = [row for row in rows if (row["architecture"], row["attack"]) != (architecture, "none")]
        rows = others + measure(architecture)
        keep(rows)
        for row in attacked(architecture, rows):
            print(json.dumps(row), flush=True)
            rows.append(row)
            keep(rows)
    shown = rows + colour()
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), shown), encoding="utf-8")
    save_figure(draw(shown), PICTURE, formats=("svg",))


if __name__ == "__main__":
    main(sys.argv[1:])
