import pytest
from hypothesis import settings

from trivet.fairness import FairnessSettings, run

# A deadline tests the machine, and a failure must come back when the test runs again.
settings.register_profile("trivet", deadline=None, derandomize=True)
settings.load_profile("trivet")


@pytest.fixture(scope="session")
def steps():
    """What the study announced while `study` ran."""
    return []


@pytest.fixture(scope="session")
def study(steps):
    return run(FairnessSettings(), progress=steps.append)
