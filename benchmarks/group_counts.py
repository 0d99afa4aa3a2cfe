"""Time to count 100 million rows of a Parquet file by group, label and prediction, with weights and without.

The file has a label, a prediction, two sensitive columns and a weight, made once in a temporary folder
that is removed. Each count is the first of a process of its own, so that the peak of its memory is known;
the counts alternate with Fairlearn's MetricFrame, which takes the selection rate by one sensitive column
of a million rows that are in memory already, and is scaled to as many rows.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 3
SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
FAIRLEARN_ROWS = 1_000_000
WANTED_RATIO = 20
WANTED_WEIGHTED = 3.0
WANTED_MEMORY = 4 * 2**30
ROWS = """
    SELECT (hash(range) % 2)::TINYINT AS label, (hash(range + 1_000_000_007) % 2)::TINYINT AS prediction,
        CASE WHEN hash(range * 3) % 3 = 0 THEN 'female' ELSE 'male' END AS sex,
        ['a', 'b', 'c', 'd', 'e'][1 + (hash(range * 7) % 5)::INTEGER] AS origin,
        0.5 + (hash(range * 5) % 1000) / 400.0 AS weight
    FROM range({rows})
"""


def make(path: str, rows: str) -> None:
    import duckdb  # noqa: PLC0415 - a process loads what it measures

    duckdb.connect(config={"threads": "2"}).execute(
        f"COPY ({ROWS.format(rows=rows)}) TO '{path}' (FORMAT parquet)"
    )


def count(path: str, columns: str, weight: str | None = None) -> dict[str, float]:
    import resource  # noqa: PLC0415 - as above

    from trivet.fairness.counting.group_counts import group_counts  # noqa: PLC0415 - as above
    from trivet.tables.child import usual_child  # noqa: PLC0415 - as above

    start = time.perf_counter()
    counts = group_counts(path, "label", "prediction", columns.split(","), weight=weight)
    seconds = time.perf_counter() - start
    usual_child().close()
    # In KiB on Linux, in bytes on macOS; what a child took is known when it has ended.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = unit * sum(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"seconds": seconds, "peak": peak, "rows": counts.rows, "groups": len(counts.groups)}


def fairlearn_seconds() -> dict[str, float]:
    import numpy as np  # noqa: PLC0415 - as above
    from fairlearn.metrics import MetricFrame, selection_rate  # noqa: PLC0415 - as above

    rng = np.random.default_rng(0)
    labels, predictions, sex = rng.integers(0, 2, (3, FAIRLEARN_ROWS))

    def rates(rows: int):
        return MetricFrame(
            metrics=selection_rate,
            y_true=labels[:rows],
            y_pred=predictions[:rows],
            sensitive_features=sex[:rows],
        ).by_group

    # What the first call costs whatever its size must not be scaled up.
    rates(1_000)
    start = time.perf_counter()
    groups = len(rates(FAIRLEARN_ROWS))
    return {"seconds": time.perf_counter() - start, "groups": groups}


def apart(*arguments: object) -> dict[str, float]:
    """Run one of the above in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(found.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for rows in SIZES:
            path = Path(folder, f"{rows}.parquet")
            apart("make", path, rows)
            counts, weighted, others = [], [], []
            for _ in range(ROUNDS):
                counts.append(apart("count", path, "sex,origin"))
                weighted.append(apart("count", path, "sex,origin", "weight")["seconds"])
                if rows == SIZES[-1]:
                    others.append(apart("fairlearn")["seconds"] * rows / FAIRLEARN_ROWS)
            seconds = statistics.median(each["seconds"] for each in counts)
            peak = max(each["peak"] for each in counts)
            print(
                f"{rows:11,} rows, {counts[0]['groups']} groups, {path.stat().st_size / 1e6:6.1f} MB: "
                f"{seconds:6.3f} s, with weights {statistics.median(weighted):6.3f} s, "
                f"peak {peak / 2**20:5.0f} MiB"
            )
        alone = statistics.median(apart("count", path, "sex")["seconds"] for _ in range(ROUNDS))
    fairlearn = statistics.median(others)
    print(f"Fairlearn's selection rate by one column, {FAIRLEARN_ROWS:,} rows scaled up: {fairlearn:.1f} s")
    print(f"{fairlearn / seconds:.0f} times faster by two columns (at least {WANTED_RATIO} is wanted)")
    print(f"{fairlearn / alone:.0f} times faster by one column, {alone:.2f} s")
    print(f"{statistics.median(weighted):.2f} s with weights (at most {WANTED_WEIGHTED:g} s are wanted)")
    print(f"peak {peak / 2**30:.2f} GiB (at most {WANTED_MEMORY / 2**30:.0f} is wanted)")


if __name__ == "__main__":
    if sys.argv[1:]:
        command, *given = sys.argv[1:]
        print(json.dumps({"make": make, "count": count, "fairlearn": fairlearn_seconds}[command](*given)))
    else:
        main()
