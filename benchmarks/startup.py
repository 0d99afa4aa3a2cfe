"""Time of `trivet --help`, against a bare interpreter."""

import statistics
import subprocess
import sys
import time

ROUNDS = 9


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - start


def main() -> None:
    bare, with_help = [], []
    for _ in range(ROUNDS):
        bare.append(seconds("-c", "pass"))
        with_help.append(seconds("-m", "trivet", "--help"))
    print(f"bare interpreter {statistics.median(bare):.3f} s")
    print(f"trivet --help    {statistics.median(with_help):.3f} s (at most 0.5 is wanted)")


if __name__ == "__main__":
    main()
