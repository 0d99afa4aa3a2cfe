import json
import os
from pathlib import Path

import pytest

from trivet.estimate import Estimate
from trivet.study.fairness import compare_studied, publish_fairness
from trivet.study.fairness_results import FairnessSettings

REFERENCE = os.environ.get("TRIVET_REFERENCE")
pytestmark = pytest.mark.skipif(
    REFERENCE is None, reason="TRIVET_REFERENCE does not name the folder of expected.json"
)
MODELS = ("baseline", "promotion_demotion", "no_gender", "reweighed", "group_thresholds")


@pytest.fixture(scope="module")
def expected():
    return json.loads((Path(REFERENCE) / "expected.json").read_text())["fairness"]


@pytest.fixture(scope="module")
def published():
    return publish_fairness(FairnessSettings(), compare_studied(FairnessSettings()))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("figure", ["accuracy", "disparate_impact", "zemel_proxy"])
def test_table_one(published, expected, name, figure):
    found = getattr(getattr(published, name), figure)
    found = found.value if isinstance(found, Estimate) else found
    assert found == pytest.approx(expected[name][figure], abs=1e-9)


@pytest.mark.parametrize("name", ["baseline", "no_gender"])
def test_group_rates(published, expected, name):
    rates = getattr(published, name).rates
    assert rates.protected == pytest.approx(expected[name]["female_positive_rate"], abs=1e-9)
    assert rates.privileged == pytest.approx(expected[name]["male_positive_rate"], abs=1e-9)


def test_counts_of_the_baseline(published, expected):
    women, men = published.baseline.counts.protected, published.baseline.counts.privileged
    correct = sum(group.true_positive + group.true_negative for group in (women, men))
    assert correct == expected["baseline"]["correct"]
    assert women.true_positive + women.false_positive == expected["baseline"]["female_positive"]
    assert men.true_positive + men.false_positive == expected["baseline"]["male_positive"]


def test_thresholds(published, expected):
    figures = expected["group_thresholds"]
    assert published.thresholds.protected == pytest.approx(figures["threshold_protected"], abs=1e-9)
    assert published.thresholds.privileged == pytest.approx(figures["threshold_privileged"], abs=1e-9)


def test_swap_sweep(published, expected):
    sweep, figures = published.swap_sweep, expected["swap_sweep"]
    assert sweep.best_k == figures["best_k"]
    assert round(sweep.best_accuracy, 4) == figures["best_accuracy"]
    assert round(sweep.best_gap, 4) == figures["best_gap"]


def test_no_expected_figure_is_left_out(expected):
    checked = {"accuracy", "disparate_impact", "zemel_proxy", "female_positive_rate", "male_positive_rate"}
    checked |= {"correct", "female_positive", "male_positive", "threshold_protected", "threshold_privileged"}
    assert {key for name in MODELS for key in expected[name]} - {"recipe"} == checked
