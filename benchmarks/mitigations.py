"""Accuracy and seconds of mitigations beside those of Fairlearn at the same constraint.

Thresholds are given the same fitted classifier, and reductions the same unfitted one. Both are fitted by
turns in this process, on one thread, on 70 % of the rows; accuracies are expected over random
draws. What is measured is kept in docs/data/mitigations.json, from which the documentation makes its table.

    python benchmarks/mitigations.py                                   # Adult, by gender and by race
    python benchmarks/mitigations.py compas.csv two_year_recid race    # a table of your own: label and group
"""

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient
from threadpoolctl import threadpool_limits

from trivet import fairness
from trivet.fairness.auditing.fitting import make_estimator
from trivet.fairness.auditing.rows import AuditRows
from trivet.fairness.mitigation.thresholds.classifier import draw_rows
from trivet.fairness.mitigation.thresholds.randomised import selection_probability

DATA = Path(__file__).parent.parent / "docs" / "data" / "mitigations.json"
TURNS = 3
BOUND = 0.01
#: More groups than have so many rows are left out of a user's table.
FEWEST = 100
WANTED = 2

#: Labels whose rows should be selected alike in all groups.
EVENTS = {"demographic parity": ((0, 1),), "equalized odds": ((0,), (1,)), "equal opportunity": ((1,),)}
THRESHOLDS = {
    "demographic parity": ("difference", "demographic_parity"),
    "equalized odds": ("equalized_odds", "equalized_odds"),
    "equal opportunity": ("equal_opportunity", "true_positive_rate_parity"),
}
REDUCTIONS = {
    "demographic parity": ("demographic_parity", DemographicParity),
    "equalized odds": ("equalized_odds", EqualizedOdds),
}

Chance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def our_thresholds(model: Any, constraint: str, X: Any, y: Any, groups: Any) -> Chance:
    found = fairness.GroupThresholds(model, constraint=THRESHOLDS[constraint][0], bound=0, prefit=True)
    found.fit(X, y, sensitive_features=groups)
    return lambda X, groups: selection_probability(
        model.predict_proba(X)[:, 1], groups, [found.thresholds_[each] for each in sorted(found.thresholds_)]
    )


def their_thresholds(model: Any, constraint: str, X: Any, y: Any, groups: Any) -> Chance:
    found = ThresholdOptimizer(
        estimator=model,
        constraints=THRESHOLDS[constraint][1],
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    ).fit(X, y, sensitive_features=groups)
    return lambda X, groups: found._pmf_predict(X, sensitive_features=groups)[:, 1]  # noqa: SLF001 - its draws


def our_reduction(model: Any, constraint: str, X: Any, y: Any, groups: Any) -> Chance:
    found = fairness.Reduction(model, constraint=REDUCTIONS[constraint][0], bound=BOUND)
    found.fit(X, y, sensitive_features=groups)
    return lambda X, _groups: found.predict_proba(X)[:, 1]


def their_reduction(model: Any, constraint: str, X: Any, y: Any, groups: Any) -> Chance:
    moment = REDUCTIONS[constraint][1](difference_bound=BOUND)
    found = ExponentiatedGradient(model, moment, sample_weight_name="classify__sample_weight")
    found.fit(X, y, sensitive_features=groups)
    return lambda X, _groups: found._pmf_predict(X)[:, 1]  # noqa: SLF001 - as above


def figures(
    constraint: str, kind: str, chance: np.ndarray, y: np.ndarray, groups: np.ndarray
) -> tuple[float, float]:
    """Return the expected accuracy, and how far apart the rates that should be alike are."""
    gaps = []
    for event in EVENTS[constraint]:
        own = np.isin(y, event)
        rates = np.array([chance[own & (groups == each)].mean() for each in np.unique(groups)])
        # Reductions hold each group against all rows, thresholds all groups against each other.
        gaps.append(np.abs(rates - chance[own].mean()).max() if kind == "reduction" else np.ptp(rates))
    return float(np.where(y == 1, chance, 1 - chance).mean()), float(max(gaps))


def measure(name: str, rows: AuditRows, learner: str) -> list[dict]:
    X, y, groups = rows.features.values, rows.labels, rows.groups
    held = draw_rows(groups, y, share=0.3, seed=0)
    inside, outside = (X[~held], y[~held], groups[~held]), (X[held], y[held], groups[held])
    unfitted = make_estimator(learner, rows.features, seed=0)
    fitted = make_estimator(learner, rows.features, seed=0).fit(*inside[:2])
    found = []
    for kind, model, ours, theirs, constraints in (
        ("thresholds", fitted, our_thresholds, their_thresholds, THRESHOLDS),
        ("reduction", unfitted, our_reduction, their_reduction, REDUCTIONS),
    ):
        for constraint in constraints:
            times: dict[str, list[float]] = {"ours": [], "theirs": []}
            rules: dict[str, Chance] = {}
            for _ in range(TURNS if learner == "logistic" or kind == "thresholds" else 1):
                for who, make in (("ours", ours), ("theirs", theirs)):
                    start = time.process_time()
                    rules[who] = make(model, constraint, *inside)
                    times[who].append(time.process_time() - start)
            row = {"data": name, "groups": len(np.unique(groups)), "learner": learner, "mitigation": kind}
            row["constraint"] = constraint
            for who, rule in rules.items():
                for where, part in (("fitted", inside), ("test", outside)):
                    chance = rule(part[0], part[2])
                    accuracy, gap = figures(constraint, kind, chance, part[1], part[2])
                    row[f"{who}_{where}_accuracy"], row[f"{who}_{where}_gap"] = (
                        round(accuracy, 6),
                        round(gap, 6),
                    )
                row[f"{who}_seconds"] = round(statistics.median(times[who]), 4)
            print(json.dumps(row), flush=True)
            faster = row["theirs_seconds"] / row["ours_seconds"]
            below = row["theirs_fitted_accuracy"] - row["ours_fitted_accuracy"]
            print(
                f"  {faster:.1f} times as fast ({WANTED} is wanted), accuracy {-below:+.4f} (0 or more)",
                flush=True,
            )
            found.append(row)
    return found


def own_rows(path: str, label: str, group: str) -> AuditRows:
    """Rows of the larger groups of a table."""
    rows = fairness.read_rows(path, label=label, sensitive=[group])
    sizes = np.bincount(rows.groups)
    kept = np.flatnonzero(sizes[rows.groups] >= FEWEST)
    codes = np.unique(rows.groups[kept], return_inverse=True)[1]
    features = rows.features.take(kept)
    return type(rows)(
        **{
            **vars(rows),
            "features": features,
            "labels": rows.labels[kept],
            "groups": codes,
            "drawn_from": len(kept),
        }
    )


def main(words: list[str]) -> None:
    warnings.filterwarnings("ignore")
    tables = (
        {Path(words[0]).name: own_rows(*words)}
        if words
        else {f"Adult, {column}": fairness.adult_rows([column]) for column in ("gender", "race")}
    )
    rows = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else []
    with threadpool_limits(1):
        for learner in ("logistic", "boosting"):
            for name, table in tables.items():
                kept = [row for row in rows if (row["data"], row["learner"]) != (name, learner)]
                rows = kept + measure(name, table, learner)
                if not words:
                    DATA.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
