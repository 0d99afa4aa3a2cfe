"""What tests of every leg share: the reference folder and MNIST."""

import atexit
import gc
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import settings

from trivet.datasets import load_mnist

# A deadline tests the machine, and a failure must come back when the test runs again.
settings.register_profile("thorough", database=None, deadline=None, derandomize=True)
settings.register_profile("trivet", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("trivet")

#: Objects made until some are searched for garbage: the trees of a report are many, and none is garbage.
GARBAGE_AFTER = 20_000, 20, 20
# Modules and collected tests stay.
gc.disable()


def pytest_collection_finish():
    """Leave modules and thousands of tests out of what is searched for garbage while they run."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # after pytest's own searches, which would go through all of them
    gc.set_threshold(*GARBAGE_AFTER)
    gc.enable()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, request):
    """Return what makes a folder by a function of it once for all workers, and unpickles what it returned."""
    root = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        root = root.parent

    def once(name, make):
        import fcntl  # noqa: PLC0415 - not on every system

        folder, result = root / name, root / f"{name}.pickle"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                folder.mkdir(exist_ok=True)
                result.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(result.read_bytes())

    return once


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
