import pytest

from trivet.record import FairnessLeg
from trivet.study.fairness import compare_studied, publish_fairness
from trivet.study.fairness_results import FairnessSettings


@pytest.fixture(scope="session")
def steps():
    """What the published study announced while `study` ran."""
    return []


@pytest.fixture(scope="session")
def study(steps):
    comparison = compare_studied(FairnessSettings())
    published = publish_fairness(FairnessSettings(), comparison, progress=steps.append)
    return FairnessLeg(comparison.baseline, comparison, published)
