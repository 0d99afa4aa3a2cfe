import socket
import sys
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import PackageNotFoundError, version

import pytest
import torch
from many_runs import small_images

from trivet.errors import UsageError
from trivet.security.scanning.many import ScanJob, dask_executor, scan_many, worker_was_lost
from trivet.security.scanning.many import _refuse_unfit_workers as refuse_unfit_workers

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
TIMEOUT = 300

DEADLY = """
import os
from torch import nn

class Deadly(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 3)

    def forward(self, images):
        if self.layer.bias[0] > 99:
            os._exit(1)
        return self.layer(images.flatten(1))
"""


@pytest.mark.slow
def test_a_network_that_kills_its_worker_costs_its_own_row(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    for name, bias in {"a": 0.0, "b": 100.0, "c": 0.0}.items():
        state = {"layer.weight": torch.zeros(3, 16), "layer.bias": torch.full((3,), bias)}
        torch.save(state, folder / f"{name}.pth")
    job = ScanJob(architecture="deadly:Deadly", images=small_images(tmp_path / "images.npz"))
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        dask_executor(cluster.scheduler_address, timeout=TIMEOUT) as executor,
    ):
        done = scan_many(folder, tmp_path / "out", job, executor=executor, workers=2)
    assert [row.failure.kind for row in done.rows] == ["DataError", "WorkerLost", "DataError"]


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (distributed.scheduler.KilledWorker("scan", None, 3), True),
        (BrokenProcessPool(), True),
        (MemoryError(), False),
        (OSError(), False),
    ],
)
def test_what_says_that_a_worker_was_lost(error, lost):
    assert worker_was_lost(error) is lost


def test_without_the_extra_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'trivet\[dask\]'"), dask_executor("tcp://a:1"):
        pass


def test_no_scheduler_at_the_address():
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        message = f"no Dask scheduler answers at {address} within 1 s"
        with pytest.raises(UsageError, match=message), dask_executor(address, timeout=1):
            pass


ADDRESSES = (
    "",
    "nonsense",
    "http://a:1",
    "tcp://",
    "tcp://a",
    "tcp://a:port",
    "tcp://a:0",
    "tcp://[a:1",
    "tcp://a:99999",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_no_address(address):
    with (
        pytest.raises(UsageError, match="address of a Dask scheduler"),
        dask_executor(address, timeout=1),
    ):
        pass


def local_cluster(workers):
    """Return a cluster whose workers are in this process."""
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=3,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address=":0",
    )


def test_the_cluster_says_how_many_calls_it_works_on():
    with local_cluster(1) as cluster, dask_executor(cluster.scheduler_address, timeout=TIMEOUT) as executor:
        assert executor.workers == 3
        assert executor.submit(divmod, 7, 2).result() == (3, 1)


@pytest.mark.slow
def test_a_cluster_without_workers():
    with (
        local_cluster(0) as cluster,
        pytest.raises(UsageError, match="has no workers; start some: dask worker"),
        dask_executor(cluster.scheduler_address, timeout=3),
    ):
        pass


class Client:
    """Knows two workers, and what is said to be installed on each."""

    def __init__(self, *installed):
        self.installed = installed

    def wait_for_workers(self, count, timeout):
        assert (count, timeout) == (1, 5)

    def run(self, function, name):
        assert (function, name) == (version, "trivet")
        if None in self.installed:
            raise PackageNotFoundError(name)
        return dict(enumerate(self.installed))


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ((None, "0.1.0"), r"the workers of tcp://a:1 do not have trivet \(No package metadata was found"),
        (("98", "99", version("trivet")), r"the workers of tcp://a:1 have trivet 98, 99, this is "),
    ],
)
def test_workers_without_the_same_trivet_are_refused(installed, message):
    with pytest.raises(UsageError, match=message):
        refuse_unfit_workers(Client(*installed), "tcp://a:1", 5)


def test_workers_with_the_same_trivet_are_taken():
    refuse_unfit_workers(Client(version("trivet"), version("trivet")), "tcp://a:1", 5)
