"""Local worker processes that outlive the death of one, and do not outlive the run."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import Pipe, get_context
from multiprocessing.connection import wait
from typing import Any

from trivet.errors import TrivetError

__all__ = ["WorkerPool"]


class WorkerPool(Executor):
    """A pool of spawned processes that starts anew after a worker died, and ends with its maker."""

    def __init__(self, workers: int, *, initializer: Callable[[], object] | None = None) -> None:
        self._workers = workers
        self._initializer = initializer
        self._pool: ProcessPoolExecutor | None = None
        # Nothing is ever sent. The second end closes when this process lets go of it, or is killed.
        ends: tuple[Any, Any] = Pipe(duplex=False)
        self._held, self._hold = ends

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule ``fn(*args, **kwargs)``."""
        if self._pool is not None:
            try:
                return self._pool.submit(fn, *args, **kwargs)
            except BrokenProcessPool:
                self._pool.shutdown()
        self._pool = ProcessPoolExecutor(
            self._workers,
            mp_context=get_context("spawn"),
            initializer=_prepare,
            initargs=(self._held, self._initializer),
        )
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise TrivetError(
                "the worker processes end as soon as they start; what they say stands above. A script that "
                'calls this has to do so under `if __name__ == "__main__":`.'
            ) from error
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:  # noqa: FBT001, FBT002
        """End the processes at once, and with them the work that is not done."""
        self._hold.close()
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
        self._held.close()


def _prepare(held: Any, initializer: Callable[[], object] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # standard output holds results only
    threading.Thread(target=_end_with, args=(held,), daemon=True).start()
    if initializer is not None:
        initializer()


def _end_with(held: Any) -> None:
    wait([held])
    os._exit(1)
