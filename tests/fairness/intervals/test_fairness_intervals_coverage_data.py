"""Committed simulations: every metric has an interval, and design-based ones hold as often as they say."""

import json
from pathlib import Path

import pytest

from trivet.fairness.measures.registry import MEASURES

DATA = Path(__file__).parents[3] / "docs" / "data" / "fairness-coverage.json"
ROWS = json.loads(DATA.read_text(encoding="utf-8"))["rows"]
#: Where at least 30 effective rows succeed and fail, so that intervals are of a normal approximation.
LARGE = ("Wilson score", "linearised t")
#: Made of the intervals of several rates, which hold more often.
COMPOSED = ("balanced_accuracy", "f1", "equalized_odds")


def test_every_metric_of_groups_was_simulated():
    assert set(MEASURES) <= {row["metric"] for row in ROWS if row["kind"] == "rates"}
    assert {"mean", "50% quantile", "Kolmogorov-Smirnov", "Wasserstein"} <= {row["metric"] for row in ROWS}
    assert {"auc", "macro_recall", "exposure"} <= {row["metric"] for row in ROWS}


@pytest.mark.parametrize("row", [row for row in ROWS if row["sample"].startswith("surveys, strata")], ids=str)
def test_design_based_intervals_hold(row):
    assert row["simulations"] >= 2_000
    assert row["covered"] >= 0.93
    alone = row["metric"] not in COMPOSED
    if row["kind"] == "rates" and alone and all(each.endswith(LARGE) for each in row["methods"]):
        assert row["covered"] <= 0.97
