"""Time of one bootstrap replicate from counts, against Fairlearn's MetricFrame.

The figure is the disparate impact of income by gender on as many rows of Adult as its test set has:
two groups, one metric. Both start from the columns; trivet counts them once, and then draws counts.
MetricFrame computes all its own aggregates from each replicate, of which the ratio is one. It cannot
compute the ratio alone.
"""

import statistics
import time

from fairlearn.metrics import MetricFrame, selection_rate

from trivet.datasets import load_adult
from trivet.datasets.adult import adult_sample
from trivet.fairness import binary_counts, disparate_impact
from trivet.fairness.intervals.bootstrap import bootstrap_bounds

ROUNDS = 5
ROWS = 16_281
REPLICATES, FRAME_REPLICATES = 10_000, 100
ENDS = (0.025, 0.975)
WANTED = 1000


def main() -> None:
    sample = adult_sample(load_adult())
    incomes, groups = sample.labels[:ROWS], sample.sensitive[:ROWS]
    counting, framing = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        counts = binary_counts(incomes, incomes, groups)
        found = bootstrap_bounds(counts, disparate_impact, replicates=REPLICATES)
        counting.append((time.perf_counter() - start) / REPLICATES)
        start = time.perf_counter()
        frame = MetricFrame(
            metrics=selection_rate,
            y_true=incomes,
            y_pred=incomes,
            sensitive_features=groups,
            n_boot=FRAME_REPLICATES,
            ci_quantiles=list(ENDS),
            random_state=0,
        )
        framing.append((time.perf_counter() - start) / FRAME_REPLICATES)
    ours, theirs = statistics.median(counting), statistics.median(framing)
    low, high = frame.ratio_ci(method="between_groups")
    print(f"from counts  {1e6 * ours:10.2f} microseconds a replicate [{found.low:.4f}, {found.high:.4f}]")
    print(f"MetricFrame  {1e6 * theirs:10.2f} microseconds a replicate [{low:.4f}, {high:.4f}]")
    print(f"{theirs / ours:,.0f} times faster (at least {WANTED:,} are wanted)")


if __name__ == "__main__":
    main()
