"""Search for subgroups: how often a planted one is found, and how often one is found where there is none.

Three kinds of tables without any difference, and one with a million rows of 20 columns in which a subgroup of
three conditions and one percent of the rows is selected 3 points more often. Rates of false alarms and power
stand beside those of Bonferroni over the same subgroups, and of the split into halves. Every run is kept in
build/subgroups, so that a second call goes on where the first stopped; `write` puts the sums into
docs/data/subgroups.json.

Usage: python benchmarks/subgroups.py null|few|wide|planted [RUNS] | times | divexplorer PYTHON | write
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from trivet.fairness.search.results import SubgroupSearch
from trivet.fairness.search.search import search_rows
from trivet.tables.features import Features

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "subgroups.json"
FOLDER = ROOT / "build" / "subgroups"
GAP = 0.03
RATE = 0.3
#: Prevalences of the planted conditions, of which one percent of the rows meet all three.
PLANTED = (0.2, 0.2, 0.25)
COLUMNS = 20
MANY = 1_000_000
#: Rows, columns, and share selected, of each kind of table.
KINDS = {
    "null": (20_000, 6, 0.3),
    "few": (5_000, 6, 0.05),
    "wide": (MANY, COLUMNS, RATE),
    "planted": (MANY, COLUMNS, RATE),
}
RUNS = {"null": 10_000, "few": 1_000, "wide": 100, "planted": 100}


def table(kind: str, seed: int) -> tuple[Features, np.ndarray]:
    """Return columns that are correlated with each other, and who is selected."""
    rows, columns, rate = KINDS[kind]
    generator = np.random.default_rng(seed)
    common = generator.standard_normal(rows, dtype=np.float32)
    values = np.empty((rows, columns))
    for column in range(columns):
        own = generator.standard_normal(rows, dtype=np.float32)
        if kind in {"null", "few"}:
            mixed = (own + common) / np.sqrt(2)
            values[:, column] = (mixed > -0.4).astype(np.int8) + (mixed > 0.4)
        elif column < len(PLANTED):
            values[:, column] = generator.random(rows, dtype=np.float32) < PLANTED[column]
        else:
            values[:, column] = own + 0.7 * common > (column % 5) / 4
    chance = np.full(rows, rate)
    if kind == "planted":
        chance[values[:, : len(PLANTED)].all(axis=1)] += GAP
    selected = (generator.random(rows) < chance).astype(np.int64)
    return Features(tuple(f"x{place}" for place in range(columns)), values, (None,) * columns), selected


def run(kind: str, seed: int) -> dict[str, Any]:
    features, selected = table(kind, seed)
    start, processed = time.perf_counter(), time.process_time()
    found = search_rows(features, selected, None, seed=seed, workers=2 if KINDS[kind][0] == MANY else 1)
    row: dict[str, Any] = {
        "seed": seed,
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - processed,
        "subgroups": sum(found.subgroups),
        "critical": found.critical,
        "bonferroni": found.bonferroni,
        "beyond": found.beyond,
        "largest": max((abs(each.z) for each in found.found), default=0.0),
    }
    if kind == "planted":
        row["z"] = planted_z(found)
        row["split"] = planted_z(search_rows(features, selected, None, seed=seed, split=True)) > 0
    return row


def planted_z(found: SubgroupSearch) -> float:
    """Return how far the planted subgroup, and no other one, is out; 0 where it is not listed."""
    wanted = {f"x{place} = 1" for place in range(len(PLANTED))}
    return max(
        (each.z for each in found.found if {part.text for part in each.conditions} == wanted), default=0.0
    )


def main(kind: str, runs: int) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{kind}.jsonl"
    done = len(path.read_text().splitlines()) if path.exists() else 0
    with path.open("a") as file:
        for seed in range(done, runs):
            file.write(json.dumps(run(kind, seed)) + "\n")
            file.flush()


def kept(kind: str) -> list[dict[str, Any]]:
    path = FOLDER / f"{kind}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def times() -> None:
    """Measure the whole search with a million rows, by the number of subgroups."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    lines: list[str] = []
    for values in (2, 3, 4):
        columns = generator.integers(0, values, (MANY, COLUMNS)).astype(np.float64)
        features = Features(tuple(f"x{place}" for place in range(COLUMNS)), columns, (None,) * COLUMNS)
        labels, selected = generator.integers(0, 2, (2, MANY))
        for metrics in (("selection_rate",), ("selection_rate", "true_positive_rate", "false_positive_rate")):
            start, processed = time.perf_counter(), time.process_time()
            found = search_rows(features, selected, labels, metrics=metrics, workers=2)
            row = {
                "subgroups": sum(found.subgroups),
                "rates": len(metrics),
                "seconds": time.perf_counter() - start,
                "processor": time.process_time() - processed,
            }
            print(row)
            lines.append(json.dumps(row))
    (FOLDER / "times.jsonl").write_text("\n".join(lines) + "\n")


#: What another library does with a table, in a process of its own that has it.
DIVEXPLORER = """
import sys, time, json
import numpy as np, pandas as pd
from divexplorer import DivergenceExplorer
frame = pd.read_parquet(sys.argv[1])
attributes = [name for name in frame if name != "selected"]
start, processed = time.perf_counter(), time.process_time()
found = DivergenceExplorer(frame).get_pattern_divergence(
    min_support=0.005, attributes=attributes, boolean_outcomes=["selected"]
)
found = found[found["length"].between(1, 3)]
seconds, processor = time.perf_counter() - start, time.process_time() - processed
top = found.reindex(found["selected_t"].abs().sort_values(ascending=False).index).head(1)
print(json.dumps({"seconds": seconds, "processor": processor, "subgroups": len(found),
    "t": float(top["selected_t"].iloc[0]), "top": sorted(map(str, top["itemset"].iloc[0]))}))
"""


def divexplorer(python: str) -> None:
    """Run DivExplorer on the planted table, whole or as many rows as it takes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    features, selected = table("planted", 0)
    import pandas as pd  # noqa: PLC0415 - only here

    frame = pd.DataFrame(features.values.astype(np.int8), columns=list(features.names))
    frame["selected"] = selected
    path = FOLDER / "planted.parquet"
    frame.to_parquet(path)
    answer = subprocess.run(  # noqa: S603 - the interpreter that the caller names
        [python, "-c", DIVEXPLORER, str(path)], capture_output=True, text=True, check=True
    )
    (FOLDER / "divexplorer.json").write_text(answer.stdout)
    path.unlink()
    print(answer.stdout)


def write() -> None:
    """Add up what was run."""
    rows: list[dict[str, Any]] = []
    for kind, (size, columns, rate) in KINDS.items():
        runs = kept(kind)
        if not runs:
            continue
        row: dict[str, Any] = {
            "kind": kind,
            "rows": size,
            "columns": columns,
            "rate": rate,
            "runs": len(runs),
            "subgroups": int(np.median([each["subgroups"] for each in runs])),
            "critical": float(np.mean([each["critical"] for each in runs])),
            "bonferroni_critical": float(np.mean([each["bonferroni"] for each in runs])),
            "seconds": float(np.median([each["seconds"] for each in runs])),
            "processor": float(np.median([each["processor"] for each in runs])),
        }
        if kind == "planted":
            row["found"] = sum(each["z"] > 0 for each in runs)
            row["bonferroni"] = sum(each["z"] > each["bonferroni"] for each in runs)
            row["split"] = sum(each["split"] for each in runs)
        else:
            row["found"] = sum(each["beyond"] > 0 for each in runs)
            row["bonferroni"] = sum(each["largest"] > each["bonferroni"] for each in runs)
        rows.append(row)
    document = {"searches": rows, "times": kept("times")}
    other = FOLDER / "divexplorer.json"
    if other.exists():
        document["divexplorer"] = json.loads(other.read_text())
    DATA.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    match what:
        case "times":
            times()
        case "divexplorer":
            divexplorer(*rest)
        case "write":
            write()
        case _:
            main(what, int(rest[0]) if rest else RUNS[what])
