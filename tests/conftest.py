"""What tests of every leg share: the reference folder and MNIST."""

import os
from pathlib import Path

import pytest

from trivet.datasets import load_mnist


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
