"""The workers of a Dask cluster, as an executor."""

import sys
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from trivet.errors import UsageError, import_extra
from trivet.wording import reason

__all__ = ["ClusterExecutor", "dask_executor", "worker_was_lost"]

SCHEMES: Final = ("tcp", "tls")


class ClusterExecutor(Executor):
    """Runs calls on the workers of a Dask cluster; `dask_executor` makes it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # Not pure: a call that is made again is meant, and must not be answered from memory.
        self._executor: Executor = client.get_executor(pure=False)

    @property
    def workers(self) -> int:
        """Number of calls that the cluster runs at a time, at the moment."""
        return max(sum(self._client.nthreads().values()), 1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule ``fn(*args, **kwargs)``; `fn` is found by its name on the worker."""
        return self._executor.submit(fn, *args, **kwargs)


@contextmanager
def dask_executor(address: str, *, timeout: float = 10.0) -> Generator[ClusterExecutor]:
    """Connect to a Dask cluster.

    Workers read files themselves: checkpoints and images have to lie at the same paths on each of
    them, as on a shared file system. Start them with one thread each, ``dask worker ADDRESS
    --nthreads 1``, in an environment with the same trivet.
    """
    if not _is_address(address):
        raise UsageError(
            f"{address!r} is not the address of a Dask scheduler; expected one such as tcp://host:8786."
        )
    distributed = import_extra("distributed", "a Dask cluster")
    try:
        client = distributed.Client(address, timeout=timeout, set_as_default=False)
    except OSError as error:  # a time-out is one
        raise UsageError(
            f"no Dask scheduler answers at {address} within {timeout:g} s ({reason(error)}). Is it running, "
            "and is that its address?"
        ) from error
    with client:
        _refuse_unfit_workers(client, address, timeout)
        yield ClusterExecutor(client)


def worker_was_lost(error: BaseException) -> bool:
    """Return whether a future's exception says that its worker died, of whatever it worked on."""
    if isinstance(error, BrokenExecutor):
        return True
    scheduler: Any = sys.modules.get("distributed.scheduler")  # only where a cluster is used
    return scheduler is not None and isinstance(error, scheduler.KilledWorker)


def _is_address(text: str) -> bool:
    """Tell whether it can be connected to; a client that cannot even try is never closed by Dask."""
    try:
        parts = urlsplit(text)
        return parts.scheme in SCHEMES and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        return False


def _refuse_unfit_workers(client: Any, address: str, timeout: float) -> None:
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError as error:
        raise UsageError(
            f"the Dask scheduler at {address} has no workers; start some: dask worker {address} --nthreads 1"
        ) from error
    here = version("trivet")
    try:
        found = client.run(version, "trivet")
    except Exception as error:  # whatever the worker raises
        raise UsageError(
            f"the workers of {address} do not have trivet ({reason(error)}); install {here} for them."
        ) from error
    if other := sorted({str(there) for there in found.values()} - {here}):
        raise UsageError(
            f"the workers of {address} have trivet {', '.join(other)}, this is {here}; results would "
            "not be the same. Install one version."
        )
