"""The tables of docs/detection.md, from the rows of docs/data/detection.json."""

import re
import statistics
from collections.abc import Sequence

from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

DETECTORS = {"trivet": "trivet", "published": "published rule", "mm-bd": "MM-BD alone"}
#: Attacks in the order of the tables; the first two are what the method is made for.
ATTACKS = ("badnets", "blended", "sinusoidal", "warping", "source-specific")
MADE_FOR = ("badnets", "blended")
FAMILIES = {"mnist-cnn": "grey, CNN", "small-resnet": "colour, ResNet"}
MARK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, rows: Sequence[dict]) -> str:
    """Return the page with each marked table drawn again."""
    tables = {"rates": rates(rows), "attacks": attacks(rows), "misses": misses(rows)}
    return MARK.sub(lambda match: f"{match[1]}{tables[match[2]]}\n{match[3]}", page)


def rates(rows: Sequence[dict]) -> str:
    """Draw false and true positives, AUROC and cost."""
    clean = [row for row in rows if row["attack"] == "none"]
    made_for = [row for row in rows if row["attack"] in MADE_FOR]
    lines = [
        "| | false positives | patch and blended found | AUROC | image-steps | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for key, name in DETECTORS.items():
        judged = clean + made_for
        auroc = roc_auc_score(
            [row["attack"] != "none" for row in judged], [row[key]["score"] for row in judged]
        )
        steps = statistics.median(row[key]["image_steps"] for row in rows)
        seconds = statistics.median(row["seconds"][key] for row in rows)
        lines.append(
            f"| {name} | {share([row[key]['positive'] for row in clean])} "
            f"| {share([found(row, key) for row in made_for])} | {auroc:.3f} | {steps:,.0f} | {seconds:.1f} |"
        )
    return "\n".join(lines)


def attacks(rows: Sequence[dict]) -> str:
    """Count the networks found with the right label, by attack and family."""
    lines = [
        "| attack | network | ASR of the attack | trivet | published rule | MM-BD alone | IoU |",
        "|---|---|---|---|---|---|---|",
    ]
    for attack in ATTACKS:
        for architecture, family in FAMILIES.items():
            here = [row for row in rows if (row["attack"], row["architecture"]) == (attack, architecture)]
            if not here:
                continue
            asr = statistics.median(row["attack_success_rate"] for row in here)
            overlaps = [row["trivet"]["iou"] for row in here if row["trivet"]["iou"] is not None]
            counts = " | ".join(f"{sum(found(row, key) for row in here)} of {len(here)}" for key in DETECTORS)
            iou = f"{statistics.median(overlaps):.2f}" if overlaps else "-"
            lines.append(f"| {attack} | {family} | {asr:.3f} | {counts} | {iou} |")
    return "\n".join(lines)


def misses(rows: Sequence[dict]) -> str:
    """List every network that trivet is wrong about."""
    lines = [
        "| network | attack | seed | target | ASR of the attack | trivet says |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        wrong = row["trivet"]["positive"] if row["attack"] == "none" else not found(row, "trivet")
        if wrong:
            label = "" if row["trivet"]["label"] is None else f", label {row['trivet']['label']}"
            asr = "-" if row["attack_success_rate"] is None else f"{row['attack_success_rate']:.3f}"
            target = "-" if row["target"] is None else row["target"]
            subject = f"{FAMILIES[row['architecture']]} | {row['attack']} | {row['seed']}"
            lines.append(f"| {subject} | {target} | {asr} | {row['trivet']['verdict']}{label} |")
    return "\n".join(lines)


def found(row: dict, detector: str) -> bool:
    """Return whether a detector fires and names the target."""
    return row[detector]["positive"] and row[detector]["label"] == row["target"]


def share(hits: Sequence[bool]) -> str:
    """Show a count with its exact 95 % interval (Clopper and Pearson)."""
    interval = binomtest(sum(hits), len(hits)).proportion_ci()
    return f"{sum(hits)} of {len(hits)} ({interval.low:.2f} to {interval.high:.2f})"
