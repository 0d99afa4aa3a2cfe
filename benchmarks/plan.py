"""Time of `trivet privacy plan`, for few and for many queries."""

import statistics
import subprocess
import sys
import time

ROUNDS = 5
COUNTS = (1, 92, 1_000, 10_000, 1_000_000)


def seconds(queries: int) -> float:
    plan = f"privacy plan --epsilon 0.1 --delta 1e-5 --queries {queries} --sensitivity 1"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "trivet", *plan.split()], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - start


def main() -> None:
    for queries in COUNTS:
        median = statistics.median(seconds(queries) for _ in range(ROUNDS))
        wanted = " (at most 3 is wanted)" if queries == 92 else ""
        print(f"{queries:9,} queries {median:.2f} s{wanted}")


if __name__ == "__main__":
    main()
