"""False alarms on clean networks, with and without a reference: coverage of the p-values, and a Q-Q plot.

Trains small clean networks from the embedded data and scans them as `trivet zoo reference` does; both are
kept in a folder that is not committed, so that a run may be stopped and goes on. Writes a row a network to
docs/data/calibration.json, the table into docs/detection.md, and docs/images/calibration.svg.

With a reference each half of the networks of an architecture is ranked among the other half.

Usage: python benchmarks/calibration.py [ARCHITECTURE ...]   (all of NETWORKS where none is named)
       python benchmarks/calibration.py --render             (train nothing, draw from the rows)
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import beta

from trivet.cli.terminal import keep_freed_memory
from trivet.report.figures.figure import save_figure
from trivet.report.figures.style import CORRECTED, INK, PAGE_WIDTH, PUBLISHED, new_figure, styled
from trivet.security.references import make_reference
from trivet.security.scanning.reference import ALARM_AT, conformal_p
from trivet.security.settings import ReferenceOptions

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "calibration.json"
PAGE = ROOT / "docs" / "detection.md"
PICTURE = ROOT / "docs" / "images" / "calibration"
FOLDER = Path(os.environ.get("TRIVET_NETWORKS", "build")) / "calibration"
#: Clean networks of each architecture, and the training images of each of them.
NETWORKS = {"mnist-cnn": (200, 10_000), "small-resnet": (60, 8_000)}
IMAGES = 2_000
LEVELS = (0.05, 0.01)


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
        arch=architecture, limit=IMAGES, profile="quick", count=count, train_limit=images
    )
    made = make_reference(
        options,
        FOLDER / architecture,
        initializer=keep_freed_memory,
        progress=lambda step, share: print(f"{step}: {share:.3f}", flush=True),
    )
    rows = json.loads(made.file.read_text(encoding="utf-8"))["networks"]
    return [{"architecture": architecture, **row} for row in rows]


def coverage(rows: list[dict], architecture: str) -> Coverage:
    own = [row for row in rows if row["architecture"] == architecture]
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
        alarms = share(int((each.ranked <= ALARM_AT + 1e-12).sum()), of)
        lines.append(f"| {each.architecture} | with a reference | {' | '.join(counts)} | {alarms} |")
    return "\n".join(lines)


def _all(rows: list[dict]) -> list[Coverage]:
    return [coverage(rows, name) for name in NETWORKS if any(row["architecture"] == name for row in rows)]


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
    begin, end = "<!-- calibration -->\n", "\n<!-- end of calibration -->"
    head, _, rest = page.partition(begin)
    return head + begin + table(rows) + end + rest.partition(end)[2]


def main(words: list[str]) -> None:
    keep_freed_memory()
    rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else []
    for architecture in [] if words == ["--render"] else words or NETWORKS:
        rows = [row for row in rows if row["architecture"] != architecture] + measure(architecture)
        DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    save_figure(draw(rows), PICTURE, formats=("svg",))


if __name__ == "__main__":
    main(sys.argv[1:])
