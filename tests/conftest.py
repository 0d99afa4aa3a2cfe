"""What tests of every leg share: the reference folder and MNIST."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from trivet.datasets import load_mnist

# A deadline tests the machine, and a failure must come back when the test runs again.
settings.register_profile("trivet", database=None, deadline=None, derandomize=True)
settings.load_profile("trivet")


@pytest.fixture(scope="session")
def reference():
    """Folder of the reference checkpoints and published figures."""
    folder = os.environ.get("TRIVET_REFERENCE")
    if folder is None:
        pytest.skip("TRIVET_REFERENCE does not name the folder of the reference checkpoints")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def mnist_test():
    return load_mnist("test")
