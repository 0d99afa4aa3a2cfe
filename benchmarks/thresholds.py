"""Time of exact group thresholds, against Fairlearn's ThresholdOptimizer and by number of rows.

Both are given the same stored scores, and look for the highest accuracy of two groups: Fairlearn on a grid
of 1,000 rates under demographic parity, trivet over all pairs of cuts under the four-fifths ratio. They run
by turns in this process, on one thread. Growth is of trivet's searches alone.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

from trivet.fairness.mitigation.thresholds.cuts import difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.thresholds.odds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.scalarised import exact_thresholds, scalarised_thresholds

TURNS = 5
SIZES = (16_281, 300_000)
GROWTH = (100_000, 1_000_000, 10_000_000)
WANTED = 20

SEARCHES = {
    "ratio": lambda y, scores, groups: ratio_thresholds(y, scores, groups, reference=1),
    "difference": difference_thresholds,
    "scalarised, penalty 0.2": scalarised_thresholds,
    "scalarised, penalty 20": lambda y, scores, groups: scalarised_thresholds(y, scores, groups, penalty=20),
    "equalized odds": equalized_odds_thresholds,
    "equal opportunity": equal_opportunity_thresholds,
}


class Stored(ClassifierMixin, BaseEstimator):
    """A classifier whose only feature is the score."""

    def fit(self, _features, labels):
        """Learn the classes."""
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, features):
        """Return the score."""
        return np.column_stack([1 - features[:, 0], features[:, 0]])


def drawn(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and groups in which the privileged group scores higher."""
    rng = np.random.default_rng(rows)
    groups = rng.integers(0, 2, rows)
    scores = np.clip(rng.normal(0.3 + 0.1 * groups, 0.2), 0, 1)
    return (rng.random(rows) < scores).astype(int), scores, groups


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def theirs(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, constraints: str) -> object:
    features = scores[:, np.newaxis]
    optimiser = ThresholdOptimizer(
        estimator=Stored().fit(features, labels),
        constraints=constraints,
        objective="accuracy_score",
        grid_size=1000,
        prefit=True,
        predict_method="predict_proba",
    )
    return optimiser.fit(features, labels, sensitive_features=groups)


def main() -> None:
    pairs = {
        "exact_thresholds": (exact_thresholds, "demographic_parity"),
        "difference": (difference_thresholds, "demographic_parity"),
        "equalized odds": (equalized_odds_thresholds, "equalized_odds"),
    }
    for rows in SIZES:
        columns = drawn(rows)
        for name, (search, constraints) in pairs.items():
            ours, grid = [], []
            for _ in range(TURNS):
                ours.append(seconds(lambda search=search, columns=columns: search(*columns)))
                grid.append(seconds(lambda c=constraints, columns=columns: theirs(*columns, c)))
            fast, slow = statistics.median(ours), statistics.median(grid)
            wanted = f" (at least {WANTED} is wanted)" if rows == max(SIZES) else ""
            print(
                f"{rows:10,} rows  {name:18} {fast * 1e3:8.1f} ms, Fairlearn {slow * 1e3:8.1f} ms, "
                f"ratio {slow / fast:5.0f}{wanted}",
                flush=True,
            )
    for rows in GROWTH:
        columns = drawn(rows)
        for name, search in SEARCHES.items():
            print(
                f"{rows:10,} rows  {name:24} {seconds(lambda s=search, c=columns: s(*c)):7.2f} s", flush=True
            )


if __name__ == "__main__":
    main()
