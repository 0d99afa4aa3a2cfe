"""The published privacy figures, to 1e-12 of the reference."""

import json
import os
from pathlib import Path

import pytest

from trivet.privacy import plan_queries
from trivet.study.privacy import PrivacySettings, publish_privacy, study_plan

REFERENCE = os.environ.get("TRIVET_REFERENCE")

pytestmark = pytest.mark.skipif(
    REFERENCE is None, reason="TRIVET_REFERENCE does not name the folder of the published figures"
)


@pytest.fixture(scope="module")
def published():
    return json.loads((Path(REFERENCE) / "expected.json").read_text())["privacy"]


@pytest.fixture(scope="module")
def study():
    settings = PrivacySettings()
    return publish_privacy(settings, plan_queries(study_plan(settings)))


@pytest.mark.parametrize("query", ["average", "total", "average_split", "total_split"])
def test_income(published, study, query):
    measured = getattr(study.income, query)
    assert measured.scale == pytest.approx(published["income"][f"scale_{query}"], rel=1e-12)
    assert measured.noisy_value == pytest.approx(published["income"][f"noisy_{query}"], rel=1e-12)


@pytest.mark.parametrize("case", ["base", "sequential", "unbounded"])
def test_counting(published, study, case):
    measured = getattr(study.counting, case)
    assert measured.scale == pytest.approx(published["counting"][f"scale_{case}"], rel=1e-12)
    assert measured.exceedance == pytest.approx(published["counting"][f"exceedance_{case}"], rel=1e-12)


def test_intermediate_quantities(published, study):
    counting = study.counting
    expected = published["counting"]
    assert counting.sequential.epsilon == pytest.approx(expected["epsilon_per_query"], rel=1e-12)
    assert counting.sequential.delta == pytest.approx(expected["delta_per_query"], rel=1e-12)
    assert counting.unbounded.sensitivity == expected["sensitivity_unbounded"]
