import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from processes import wait_until_gone
from trivet.errors import TrivetError
from trivet.work.worker_pool import WorkerPool


def test_a_pool_whose_worker_died_starts_anew(tmp_path):
    with WorkerPool(1, initializer=partial(os.chdir, tmp_path)) as pool:
        first = pool.submit(os.getpid).result()
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        second = pool.submit(os.getpid).result()
        assert pool.submit(os.getcwd).result() == str(tmp_path)
    assert len({first, second, os.getpid()}) == 3
    wait_until_gone([first, second])


def test_workers_leave_the_interrupt_key_and_standard_output_to_the_run(capfd):
    with WorkerPool(1) as pool:
        worker = pool.submit(os.getpid).result()
        os.kill(worker, signal.SIGINT)
        pool.submit(print, "loud", flush=True).result()
        assert pool.submit(os.getpid).result() == worker
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "loud\n")


def test_leaving_the_pool_does_not_wait_for_work():
    with WorkerPool(1) as pool:
        worker = pool.submit(os.getpid).result()
        waiting = pool.submit(time.sleep, 3_600)
    wait_until_gone([worker])
    assert waiting.done()


def test_workers_that_cannot_start_end_the_run():
    with (
        WorkerPool(2, initializer=partial(os._exit, 1)) as pool,
        pytest.raises(TrivetError, match="end as soon as"),
    ):
        pool.submit(os.getpid)


def test_a_script_without_a_guard_is_told_so_and_starts_nothing_twice(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from trivet.work.worker_pool import WorkerPool\n"
        "print('started', flush=True)\n"
        "with WorkerPool(1) as pool:\n"
        "    pool.submit(os.getpid)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith('has to do so under `if __name__ == "__main__":`.')
    assert done.stdout == "started\n" * 2
