"""Search for subgroups: how often a planted one is found, and how often one is found where there is none.

Three kinds of tables without any difference, and one with a million rows of 20 columns in which a subgroup of
three conditions and one percent of the rows is selected 3 points more often. Rates of false alarms and power
stand beside those of Bonferroni over the same subgroups, and of the split into halves. Runs are kept in
build/subgroups, so that a second call goes on where the first stopped; `write` puts the sums into
docs/data/subgroups.json.

A whole search takes a tenth of a second for a small table, and most of it is the critical value, which
depends on the columns and hardly on who is selected. So `outcomes` takes it once for each of 20 tables,
and draws who is selected five hundred times, with all else as in the search.

Usage: python benchmarks/subgroups.py null|few|wide|planted [RUNS] | outcomes KIND | times |
    divexplorer PYTHON | write
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from trivet.fairness.search.bitsets import Blocks
from trivet.fairness.search.exact import score_quantiles
from trivet.fairness.search.rates import outcome_masks, searched_rates
from trivet.fairness.search.results import SubgroupSearch
from trivet.fairness.search.search import differences_beyond, search_rows, usual_fewest
from trivet.fairness.search.simultaneous import compare_groups
from trivet.fairness.search.tree import chunks_of, find_groups
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
    "larger": (100_000, 6, 0.3),
    "few": (5_000, 6, 0.05),
    "wide": (MANY, COLUMNS, RATE),
    "planted": (MANY, COLUMNS, RATE),
}
RUNS = {"null": 1_000, "larger": 1_000, "few": 1_000, "wide": 100, "planted": 100}


def table(kind: str, seed: int) -> tuple[Features, np.ndarray]:
    """Return columns that are correlated with each other, and who is selected."""
    rows, columns, rate = KINDS[kind]
    generator = np.random.default_rng(seed)
    common = generator.standard_normal(rows, dtype=np.float32)
    values = np.empty((rows, columns))
    for column in range(columns):
        own = generator.standard_normal(rows, dtype=np.float32)
        if columns < COLUMNS:
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


#: Tables, and draws of who is selected for each of them.
TABLES, OUTCOMES = 20, 500
_AT_ONCE = 100


def outcomes(kind: str) -> None:
    """Count how often a difference is found where there is none, with one critical value for each table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{kind}-outcomes.jsonl"
    done = len(path.read_text().splitlines()) if path.exists() else 0
    with path.open("a") as file:
        for seed in range(done, TABLES):
            file.write(json.dumps(of_one_table(kind, seed)) + "\n")
            file.flush()


def of_one_table(kind: str, seed: int) -> dict[str, Any]:
    rows, _, rate = KINDS[kind]
    features, selected = table(kind, seed)
    blocks, fewest = Blocks.of(rows), usual_fewest(rows)
    columns = features.values.T.astype(np.int8)
    pairs = [(place, value) for place, column in enumerate(columns) for value in np.unique(column)]
    words = blocks.pack(np.stack([columns[place] == value for place, value in pairs]))
    places = np.array([place for place, _ in pairs])
    groups = find_groups(words, places, rows, fewest=fewest, depth=3, most=100_000, workers=1)
    rates = searched_rates((), labelled=False)
    masks = blocks.pack(outcome_masks(rates, selected > 0, None))
    compared = compare_groups(words, groups, masks, rates, blocks, fewest=fewest, seed=seed)
    critical, bonferroni = compared.critical(0.95), compared.bonferroni(0.95)
    members = np.concatenate([blocks.unpack(each) for each in chunks_of(words, groups.members)])
    members = members.astype(np.float32)
    generator = np.random.default_rng(seed)
    row = {
        "runs": OUTCOMES,
        "subgroups": len(groups),
        "critical": critical,
        "bonferroni_critical": bonferroni,
    }
    row |= {"found": 0, "bonferroni": 0, "normal": 0}
    for _ in range(OUTCOMES // _AT_ONCE):
        drawn = generator.random((rows, _AT_ONCE)) < rate
        counts = np.rint(members @ drawn.astype(np.float32)).astype(np.int64)
        for x, all_x in zip(counts.T, drawn.sum(axis=0), strict=True):
            one = replace(compared, x=x[None], all_x=all_x[None])
            found = differences_beyond(one, critical)
            row["found"] += len(found) > 0
            row["bonferroni"] += any(abs(each.z) > bonferroni for each in found)
            scores = score_quantiles(x, compared.n[0], int(all_x), rows)
            row["normal"] += bool((np.abs(scores) > critical).any())
    return row


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


#: Columns of the planted table that DivExplorer gets: it takes conjunctions of any length.
FEW_COLUMNS = 8
#: What it does with a table, in a process of its own that has it.
DIVEXPLORER = """
import sys, time, json
import numpy as np, pandas as pd
from divexplorer import DivergenceExplorer
values = np.load(sys.argv[1])
frame = pd.DataFrame(values[:, :-1], columns=[f"x{place}" for place in range(values.shape[1] - 1)])
attributes = list(frame)
frame["selected"] = values[:, -1]
start, processed = time.perf_counter(), time.process_time()
found = DivergenceExplorer(frame).get_pattern_divergence(
    min_support=0.005, attributes=attributes, boolean_outcomes=["selected"]
)
seconds, processor = time.perf_counter() - start, time.process_time() - processed
short = found[found["length"].between(1, 3)]
wanted = short[[set(map(str, each)) == {"x0=1", "x1=1", "x2=1"} for each in short["itemset"]]]
print(json.dumps({"seconds": seconds, "processor": processor, "subgroups": len(found), "short": len(short),
    "t": float(wanted["selected_t"].iloc[0]), "largest": float(found["selected_t"].iloc[1:].abs().max())}))
"""


def divexplorer(python: str) -> None:
    """Run DivExplorer and the search on the same columns of the planted table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    features, selected = table("planted", 0)
    columns = np.asarray(features.values[:, :FEW_COLUMNS], dtype=np.int8)
    path = FOLDER / "planted.npy"
    np.save(path, np.column_stack([columns, selected]).astype(np.int8))
    answer = subprocess.run(  # noqa: S603 - the interpreter that the caller names
        [python, "-c", DIVEXPLORER, str(path)], capture_output=True, text=True, check=True
    )
    path.unlink()
    start, processed = time.perf_counter(), time.process_time()
    own = search_rows(features.only(range(FEW_COLUMNS)), selected, None, workers=2)
    row = json.loads(answer.stdout) | {
        "columns": FEW_COLUMNS,
        "own_seconds": time.perf_counter() - start,
        "own_processor": time.process_time() - processed,
        "own_subgroups": sum(own.subgroups),
        "own_z": planted_z(own),
        "own_critical": own.critical,
    }
    (FOLDER / "divexplorer.json").write_text(json.dumps(row) + "\n")
    print(row)


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
    for kind, (size, columns, rate) in KINDS.items():
        if tables := kept(f"{kind}-outcomes"):
            row = {"kind": f"{kind}-outcomes", "rows": size, "columns": columns, "rate": rate}
            for name in ("subgroups", "critical", "bonferroni_critical"):
                row[name] = float(np.mean([each[name] for each in tables]))
            for name in ("runs", "found", "bonferroni", "normal"):
                row[name] = sum(each[name] for each in tables)
            row["subgroups"] = round(row["subgroups"])
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
        case "outcomes":
            outcomes(*rest)
        case "write":
            write()
        case _:
            main(what, int(rest[0]) if rest else RUNS[what])
