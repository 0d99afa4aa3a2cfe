"""A run that is killed half-way and started again ends with the bytes of one that was not."""

import pytest
from many_runs import Inline, attacked_checkpoints, content_of, digits_job, killed_after

from processes import wait_until_gone
from trivet.security.scanning.many import dask_executor, scan_many

#: Checkpoints, beside a broken one, and results that are there when the run is killed.
SIZES = [(2, 1), pytest.param((12, 3), marks=pytest.mark.slow)]
TIMEOUT = 300


@pytest.fixture(scope="module")
def undisturbed(request, tmp_path_factory):
    """A folder of checkpoints, the job, how many results to wait for, and what an undisturbed run writes.

    That run is done in this process, so the results do not depend on who does the work either.
    """
    count, results = request.param
    root = tmp_path_factory.mktemp("undisturbed")
    folder = attacked_checkpoints(root / "models", count)
    (folder / "broken.pth").write_bytes(b"hello")
    job = digits_job(root)
    done = scan_many(folder, root / "out", job, executor=Inline(), workers=1)
    assert done.counts == {"backdoored": count, "suspicious": 0, "no evidence": 0, "failed": 1}
    assert all(row.suspected_label == 4 for row in done.rows[1:])
    return folder, job, results, content_of(root / "out")


@pytest.mark.slow
@pytest.mark.parametrize("undisturbed", SIZES, indirect=True)
def test_on_two_local_workers(undisturbed, tmp_path):
    folder, job, results, expected = undisturbed
    workers = killed_after(results, folder, tmp_path / "out", job)
    assert len(list((tmp_path / "out").glob("*.json"))) == results
    wait_until_gone(workers)
    again = scan_many(folder, tmp_path / "out", job, workers=2)
    assert again.reused == results
    assert content_of(tmp_path / "out") == expected


@pytest.fixture(scope="module")
def cluster():
    """The address of a Dask scheduler with two worker processes."""
    distributed = pytest.importorskip("distributed")
    settings = {"processes": True, "n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**settings) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.parametrize("undisturbed", SIZES, indirect=True)
def test_on_a_dask_cluster_of_two_workers(undisturbed, cluster, tmp_path):
    folder, job, results, expected = undisturbed
    killed_after(results, folder, tmp_path / "out", job, dask=cluster)
    assert len(list((tmp_path / "out").glob("*.json"))) == results
    with dask_executor(cluster, timeout=TIMEOUT) as executor:
        assert executor.workers == 2
        again = scan_many(folder, tmp_path / "out", job, executor=executor, workers=executor.workers)
    assert again.reused == results
    assert content_of(tmp_path / "out") == expected
