import pytest

from trivet.fairness import FairnessSettings, run


@pytest.fixture(scope="session")
def steps():
    """What the study announced while `study` ran."""
    return []


@pytest.fixture(scope="session")
def study(steps):
    return run(FairnessSettings(), progress=steps.append)
