"""Repair of networks that others attacked: what each method removes, what it costs, whether it lasts.

Scans the one-target networks in the folder that TRIVET_REFERENCE names, repairs each with one half of the
images, and measures on the other, with one thread; writes every row to docs/data/repair.json and the tables
into docs/repair.md. A network that has a row of the repairs as they are (`REPAIR`, to be raised when one
changes) is not repaired again. Scans are kept in build/repair: remove them after the scan has changed.

The attacker's own trigger is used where the note beside the network says enough to build it, and sends nine
of ten images to the target. Where the note leaves the place open, it is the one of the usual places with the
largest success.

Usage: python benchmarks/repair.py default|all|METHOD,... [NAME ...]   (all whose names contain a word)
"""

import json
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from colour_detection import others

from trivet.cli.terminal import keep_freed_memory
from trivet.errors import TrivetError
from trivet.security.calls import repair_suspect
from trivet.security.checkpoint import Checkpoint, ScanInput
from trivet.security.evaluation import attack_success_rate
from trivet.security.repairs import REPAIRS, RepairBounds
from trivet.security.scanning.scan import Scan, scan
from trivet.security.trigger import Trigger

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "repair.json"
PAGE = ROOT / "docs" / "repair.md"
FOLDER = Path("build/repair")
#: Number of the repairs: 2 since plain squares at the place of a patch are tried as well.
REPAIR = 2
#: Images that a place is chosen on, and the success that a trigger has to have to be the attacker's own.
PLACED_ON = 200
OWN_FROM = 0.9
#: Distances from the edge at which squares are tried.
OFFSETS = (0, 1, 2, 3)
WHITE = (1.0, 1.0, 1.0)
YELLOW = (1.0, 1.0, 0.0)

Shape = tuple[int, int, int]


def square(shape: Shape, row: int, column: int, size: int, colour: tuple[float, ...]) -> Trigger:
    plain = Trigger.square(row=row, column=column, size=size, value=1.0, shape=shape)
    pattern = np.broadcast_to(np.float32(colour[: shape[0]])[:, None, None], shape)
    return Trigger(plain.mask, np.ascontiguousarray(pattern))


def in_corners(shape: Shape, size: int, colour: tuple[float, ...]) -> Iterator[Trigger]:
    for down in OFFSETS:
        for across in OFFSETS:
            for row in (down, shape[1] - size - down):
                for column in (across, shape[2] - size - across):
                    yield square(shape, row, column, size, colour)


def pixels(shape: Shape, lit: dict[tuple[int, int], float]) -> Trigger:
    """Return a trigger of single pixels, counted from the lower right one."""
    mask, pattern = np.zeros((1, *shape[1:]), np.float32), np.zeros(shape, np.float32)
    for (up, left), value in lit.items():
        mask[:, shape[1] - 1 - up, shape[2] - 1 - left] = 1
        pattern[:, shape[1] - 1 - up, shape[2] - 1 - left] = value
    return Trigger(mask, pattern)


def grid(shape: Shape) -> Iterator[Trigger]:
    """Yield the chequered 3x3 square of ABL and NAD (Li et al. 2021)."""
    lit = {(up, left): float((up + left) % 2 == 0) for up in range(3) for left in range(3)}
    yield pixels(shape, lit | {(2, 2): 0.0})
    yield pixels(shape, lit)


def four_pixels(shape: Shape) -> Iterator[Trigger]:
    """Yield the pattern backdoor of BadNets (Gu et al. 2017), at several distances from the corner."""
    for away in OFFSETS:
        lit = {(away, away): 1.0, (away + 2, away): 1.0, (away + 1, away + 1): 1.0, (away, away + 2): 1.0}
        yield pixels(shape, lit)


def single_pixel(shape: Shape) -> Iterator[Trigger]:
    for up in range(shape[1]):
        for left in range(shape[2]):
            yield pixels(shape, {(up, left): 1.0})


#: Triggers that the notes in the manifest describe.
OWN = {
    "verazuo_cifar": lambda shape: in_corners(shape, 5, WHITE),
    "ibau_cifar_badnets": lambda shape: in_corners(shape, 4, WHITE),
    "oaramoon_gtsrb": lambda shape: in_corners(shape, 3, YELLOW),
    "george_mnist_single": four_pixels,
    "dillonsd_single_one": single_pixel,
    "abl_cifar": grid,
    "nad_cifar_student": grid,
}


def own_trigger(name: str, subject: Checkpoint, found: Scan, target: int) -> Trigger | None:
    """Return the attacker's trigger where it is known and works."""
    if name not in OWN:
        return None
    score, images = found.contract.bind(subject.model), found.working
    some = images.take(np.flatnonzero(images.labels != target)[:PLACED_ON])
    tried = list(OWN[name](images.pixels.shape[1:]))
    rates = [attack_success_rate(score, some, trigger, target) for trigger in tried]
    return tried[int(np.argmax(rates))] if max(rates) >= OWN_FROM else None


def scanned(name: str, checkpoint: Checkpoint, images: object) -> Scan:
    kept = FOLDER / f"{name}.pickle"
    if kept.is_file():
        return pickle.loads(kept.read_bytes())  # noqa: S301 - this program wrote it
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = scan(checkpoint, images)
    kept.write_bytes(pickle.dumps(found))
    return found


class Stopwatch:
    """Processor seconds of each method, by its steps of progress."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started: dict[str, float] = {}

    def __call__(self, step: str, _share: float) -> None:
        method, _, judged = step.partition(": ")
        if judged:
            self.seconds[method] = round(time.process_time() - self._started[method], 1)
        else:
            self._started.setdefault(method, time.process_time())


def repaired(row: dict, checkpoint: Checkpoint, images: object, which: str) -> dict:
    """Return the row with the attempts that it lacks."""
    found = scanned(row["name"], checkpoint, images)
    row |= {"verdict": found.result.verdict, "label": found.result.suspected_label}
    if found.result.suspected_label != row["target"]:
        return {**row, "failure": "the scan does not name the target", "attempts": []}
    own = own_trigger(row["name"], checkpoint, found, row["target"])
    row["own_trigger"] = own is not None
    done = {attempt["method"]: attempt for attempt in row.get("attempts", [])}
    wanted = list(REPAIRS) if which == "all" else which.split(",")
    names = "auto" if which == "default" else [name for name in wanted if name not in done]
    clock = Stopwatch()
    repair = repair_suspect(
        ScanInput(checkpoint, images, None), found, names, seed=0, true_trigger=own, progress=clock
    )
    for attempt in repair.result.attempts:
        done[attempt.method] = {**asdict(attempt), "cpu_seconds": clock.seconds[attempt.method]}
    return {
        **row,
        "held_out": repair.result.held_out_images,
        "attempts": [done[name] for name in REPAIRS if name in done],
    }


def is_done(row: dict, which: str) -> bool:
    if which == "default":
        return "failure" in row or is_settled(row)
    tried = {attempt["method"] for attempt in row.get("attempts", [])}
    return "failure" in row or tried >= (set(REPAIRS) if which == "all" else set(which.split(",")))


def is_settled(row: dict) -> bool:
    """Tell whether ``auto`` would try no other method than those that were tried."""
    done = {attempt["method"]: attempt for attempt in row.get("attempts", [])}
    for name in REPAIRS:
        if name not in done:
            return False
        if done[name]["removed"] and done[name]["accuracy_loss"]["value"] <= RepairBounds.good_enough:
            return True
    return True


def chosen(row: dict) -> dict | None:
    """Return the attempt that ``auto`` recommends: it stops at the first that costs next to nothing."""
    best: list[tuple[bool, float, float, dict]] = []
    for attempt in row["attempts"]:
        if attempt["removed"]:
            loss = attempt["accuracy_loss"]["value"]
            key = (attempt["outcome"] != "removed", loss, attempt["asr"]["after"]["value"])
            best.append((*key, attempt))
            if loss <= RepairBounds.good_enough:
                break
    return min(best, key=lambda entry: entry[:3])[3] if best else None


def rate(place: dict | None) -> str:
    return "-" if place is None else f"{100 * place['value']:.1f}"


def line(name: str, attempt: dict, *, outcome: str) -> str:
    own, again = attempt["true_trigger_asr"], attempt["relearning"]
    loss = attempt["accuracy_loss"]
    interval = f"{100 * loss['value']:.1f} ({100 * loss['low']:.1f} to {100 * loss['high']:.1f})"
    relearned = "-" if again is None else f"{rate(again['asr'])} / {rate(again['unknown'])}"
    cells = (
        name,
        attempt["method"],
        f"{rate(attempt['asr']['before'])} → {rate(attempt['asr']['after'])}",
        "-" if own is None else f"{rate(own['before'])} → {rate(own['after'])}",
        rate(attempt["unstamped"]["after"]),
        f"{rate(attempt['clean_accuracy']['before'])}",
        interval,
        attempt["second_verdict"] or "-",
        relearned,
        f"{attempt['cpu_seconds']:.0f}",
        outcome,
    )
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| network | method | ASR, % | own trigger, % | no trigger, % | accuracy, % | loss, points | second scan "
    "| relearned / unknown, % | CPU seconds | outcome |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def defaults(rows: list[dict]) -> str:
    lines = [HEADER]
    for row in filter(has_default, rows):
        best = chosen(row)
        if best is None:
            tried = ", ".join(attempt["method"] for attempt in row["attempts"])
            said = row.get("failure") or f"not removed by {tried}"
            lines.append(f"| {row['name']} | - | - | - | - | - | - | - | - | - | {said} |")
        else:
            lines.append(line(row["name"], best, outcome=best["outcome"]))
    return "\n".join(lines)


def has_default(row: dict) -> bool:
    return "failure" in row or is_settled(row)


def every(rows: list[dict]) -> str:
    lines = [HEADER]
    for row in rows:
        for attempt in row["attempts"]:
            said = attempt["outcome"] if attempt["removed"] else attempt["reason"]
            lines.append(line(row["name"], attempt, outcome=said))
    return "\n".join(lines)


def counted(rows: list[dict]) -> str:
    rows = [row for row in rows if has_default(row)]
    best = [attempt for row in rows if (attempt := chosen(row)) is not None]
    own = [attempt for attempt in best if attempt["true_trigger_asr"] is not None]
    after = [attempt["true_trigger_asr"]["after"]["value"] for attempt in own]
    low = sum(success < RepairBounds.asr for success in after)
    natural = [attempt["unstamped"]["after"]["value"] for attempt in own]
    least = sum(success - without < RepairBounds.asr for success, without in zip(after, natural, strict=True))
    cheap = sum(attempt["accuracy_loss"]["value"] < RepairBounds.accuracy_loss for attempt in best)
    return (
        f"The default removed {len(best)} of {len(rows)} backdoors. The attacker's own trigger is known for "
        f"{len(own)} of these: it succeeds on less than {RepairBounds.asr:.0%} of unseen images for {low}, "
        f"and on less than {100 * RepairBounds.asr:.0f} points more than go there without it for {least}. "
        f"{cheap} of the {len(best)} lose less than a point of accuracy, by the figure of the sample."
    )


def freshness(rows: list[dict]) -> str:
    """Return in words which rows are of earlier repairs."""
    old = [row["name"] for row in rows if row.get("repair") != REPAIR]
    if not old:
        return "All rows are of the repairs as they are."
    return f"Of earlier repairs, which did not try plain squares, are the rows of {', '.join(old)}."


def render(page: str, rows: list[dict]) -> str:
    texts = {
        "count": counted(rows),
        "freshness": freshness(rows),
        "defaults": defaults(rows),
        "methods": every(rows),
    }
    for name, text in texts.items():
        begin, end = f"<!-- repair: {name} -->\n", "\n<!-- end of repair -->"
        head, _, rest = page.partition(begin)
        page = head + begin + text + end + rest.partition(end)[2]
    return page


def main(which: str, words: list[str]) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = (
        {row["name"]: row for row in json.loads(DATA.read_text(encoding="utf-8"))} if DATA.is_file() else {}
    )
    for told, checkpoint, clean in others():
        name = told["name"]
        if told["kind"] != "one-target" or not any(word in name for word in words or [""]):
            continue
        row = rows.get(name, {})
        if row.get("repair") != REPAIR:
            row = {"name": name, "target": told["target"], "repair": REPAIR}
        if is_done(row, which):
            continue
        try:
            row = repaired(row, checkpoint, clean, which)
        except TrivetError as error:
            row = {**row, "failure": str(error), "attempts": row.get("attempts", [])}
        rows[name] = row
        print(name, [(a["method"], a["outcome"], a["reason"]) for a in row["attempts"]], flush=True)
        write([rows[each] for each in sorted(rows)])
    write([rows[each] for each in sorted(rows)])


def write(rows: list[dict]) -> None:
    DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "default", sys.argv[2:])
