"""Folders of checkpoints to scan, and runs of them that can be killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import torch

from trivet.datasets import load_images
from trivet.security import load_demo_checkpoint
from trivet.security.scanning.many import ScanJob, dask_executor, scan_many

WAIT_SECONDS = 300


class Inline(Executor):
    """Does each call at once, in this thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


def attacked_checkpoints(folder, count):
    """Write the demonstration network so many times, each with other small changes to its weights."""
    folder.mkdir(parents=True)
    state = load_demo_checkpoint().model.state_dict()
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        changed = {
            name: values * (1 + 0.01 * torch.randn(values.shape, generator=generator))
            for name, values in state.items()
        }
        torch.save(changed, folder / f"model_{number:02}.pth")
    return folder


def digits_job(folder):
    """Return the job to scan them with, on few images, so that a scan takes a second."""
    images = load_images("mnist", limit=200)
    path = folder / "digits.npz"
    np.savez(path, images=(images.pixels[:, 0] * 255).round().astype(np.uint8), labels=images.labels)
    return ScanJob(architecture="mnist-cnn", images=str(path))


def small_images(path, seed=0):
    """Write 30 noise images of three classes, 4 by 4 pixels."""
    rng = np.random.default_rng(seed)
    np.savez(path, images=rng.integers(0, 256, (30, 4, 4), dtype=np.uint8), labels=np.arange(30) % 3)
    return str(path)


def content_of(out):
    """Return all that a run wrote, by name."""
    return {path.name: path.read_bytes() for path in out.iterdir()}


def killed_after(results, folder, out, job, *, dask=None):
    """Run in a process of its own that is killed as soon as so many results are written.

    Returns the process ids of its workers, where the system tells them.
    """
    command = [sys.executable, __file__, str(results), folder, out, job.images, *([dask] if dask else [])]
    run = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    return [int(process) for process in run.stdout.split()]


def main(results, folder, out, images, dask=None):
    def kill(_row, done, _total):
        if done == int(results):
            children = Path(f"/proc/self/task/{os.getpid()}/children")
            sys.stdout.write(children.read_text() if children.exists() else "")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    job = ScanJob(architecture="mnist-cnn", images=images)
    if dask is None:
        scan_many(Path(folder), Path(out), job, workers=2, on_result=kill)
        return
    with dask_executor(dask, timeout=WAIT_SECONDS) as executor:
        scan_many(Path(folder), Path(out), job, executor=executor, workers=executor.workers, on_result=kill)


if __name__ == "__main__":
    main(*sys.argv[1:])
