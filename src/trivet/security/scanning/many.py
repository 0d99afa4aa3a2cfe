"""Scan of all checkpoints in a folder, resumable, with failures recorded."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import numpy as np
import torch

from trivet.datasets.classes import printable
from trivet.datasets.fitting import AS_THEY_ARE, Fit
from trivet.datasets.images import ImageSet
from trivet.datasets.source import EMBEDDED, load_images
from trivet.errors import CheckpointError, DataError, TrivetError, UsageError, import_extra
from trivet.security.checkpoint import images_for, layer_mapping, load_for
from trivet.security.contract import InputContract, numbered_by, parse_contract
from trivet.security.device import CPU, find_device
from trivet.security.networks import FOLDER
from trivet.security.reading.parts import file_sha256
from trivet.security.scanning.files import ModelFile, find_models
from trivet.security.scanning.reference import load_reference
from trivet.security.scanning.results import (
    FAILED,
    SCANNED,
    Failure,
    ManyResult,
    ManyRow,
    count_outcomes,
    row_of,
    scan_version,
    summary_document,
)
from trivet.security.scanning.scan import scan, scan_document
from trivet.security.settings import NetworkOptions, ScanProfileName
from trivet.settings import Count, require
from trivet.verdict import ORDERS
from trivet.wording import describe_error, first_line, one_line
from trivet.work.result_files import hold_results, read_result, remove_result, result_name, write_result
from trivet.work.worker_pool import WorkerPool

__all__ = [
    "ScanJob",
    "dask_executor",
    "failed_document",
    "images_sha256",
    "run_job",
    "scan_many",
    "worker_was_lost",
]

#: A result as plain JSON values.
Document = dict[str, Any]

#: Ends of the names of files whose layers a mapping names; other files of the folder need none.
KERAS = frozenset({".h5", ".hdf5", ".keras"})
#: Long enough for trivet's own errors, which say what to do.
MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, kw_only=True)
class ScanJob:
    """Settings of the scan of every checkpoint; plain values, so that any worker can take it."""

    architecture: str | None
    images: str
    state_key: str | None = None
    layers: tuple[tuple[str, str], ...] | None = None  # of Keras files: (module, layer of the file)
    class_order: str = "auto"
    fit: Fit = AS_THEY_ARE
    declared: InputContract | None = None
    seed: int = 0
    limit: int | None = None
    device: str = CPU
    profile: ScanProfileName = "standard"
    reference: str | None = None
    every_search: bool = False

    @classmethod
    def of(
        cls, options: NetworkOptions, *, seed: int, reference: Path | None = None, every_search: bool = False
    ) -> Self:
        """Return the job that the options of a command ask for."""
        layers = layer_mapping(options.layers)
        return cls(
            architecture=options.arch,
            images=images_for(options.arch, options.images),
            state_key=options.state_key,
            layers=None if layers is None else tuple(layers.items()),
            class_order=options.class_order,
            fit=options.fit(),
            declared=parse_contract(options.contract),
            seed=seed,
            limit=options.limit,
            device=options.device,
            profile=options.profile,
            reference=None if reference is None else str(reference),
            every_search=every_search,
        )


def run_job(job: ScanJob, path: Path) -> Document:
    """Scan one checkpoint with one thread; whatever is wrong with the file becomes a result."""
    images = _kept_images(job)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sha256 = None
    try:
        sha256 = file_sha256(path)
        scanned = {"status": SCANNED, "sha256": sha256, **_scan(job, path, images)}
        return json.loads(json.dumps(scanned, allow_nan=False))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bad file costs its own row
        return failed_document(sha256, Failure(type(error).__name__, _message(error, path)))
    finally:
        torch.set_num_threads(threads)


def failed_document(sha256: str | None, failure: Failure) -> Document:
    """Return the result of a checkpoint that could not be scanned."""
    return {"status": FAILED, "sha256": sha256, "error": asdict(failure)}


def job_identity(job: ScanJob, images: ImageSet) -> Document:
    """Return what results depend on besides the file, with a digest of it all.

    Images count by their content, wherever they lie. The code behind a ``package.module:factory``
    counts by its name.
    """
    identity = {
        "trivet": scan_version(),
        "architecture": job.architecture,
        "config": _config_sha256(job.architecture),
        "state_key": job.state_key,
        "layers": job.layers,
        "class_order": job.class_order,
        "device": str(find_device(job.device)),
        "profile": job.profile,
        "fit": asdict(job.fit),
        "images": {"name": images.name, "count": len(images), "sha256": images_sha256(images)},
        "declared": None if job.declared is None else asdict(job.declared),
        "seed": job.seed,
        "reference": None if job.reference is None else load_reference(job.reference).sha256,
        "every_search": job.every_search,
    }
    text = json.dumps(identity, sort_keys=True)
    return {"digest": hashlib.sha256(text.encode()).hexdigest(), **identity}


def _config_sha256(architecture: str | None) -> str | None:
    """Return the SHA-256 of the file that describes a network of ``hf:FOLDER``."""
    if architecture is None or not architecture.startswith(FOLDER):
        return None
    config = Path(architecture.removeprefix(FOLDER), "config.json")
    return file_sha256(config) if config.is_file() else None


def _images_of(job: ScanJob) -> ImageSet:
    read = load_images(job.images, limit=job.limit, seed=job.seed, fit=job.fit)
    return numbered_by(read, job.class_order)


_kept_images = lru_cache(maxsize=1)(_images_of)
_kept_reference = lru_cache(maxsize=1)(load_reference)


def _scan(job: ScanJob, path: Path, images: ImageSet) -> Document:
    subject = load_for(
        path,
        images,
        job.declared,
        architecture=job.architecture,
        state_key=job.state_key,
        layers=dict(job.layers) if job.layers is not None and path.suffix.lower() in KERAS else None,
        device=job.device,
        class_order=job.class_order,
    )
    found = scan(
        subject.checkpoint,
        subject.images,
        declared=job.declared,
        profile=job.profile,
        reference=None if job.reference is None else _kept_reference(job.reference),
        every_search=job.every_search,
        seed=job.seed,
    )
    return scan_document(found.result)


def images_sha256(images: ImageSet) -> str:
    """Return the SHA-256 of images by their content, wherever they lie."""
    told = (images.name, images.classes, images.class_names, images.pixels.shape)
    digest = hashlib.sha256(json.dumps(told).encode())
    for values in (images.pixels, images.labels):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _message(error: BaseException, path: Path) -> str:
    """Return one line that is the same wherever the folder lies."""
    if isinstance(error, OSError) and error.strerror:
        said = f"{path.name} cannot be read: {error.strerror}."
    else:
        said = str(error) if isinstance(error, TrivetError) else describe_error(error)
        said = said.replace(f"{path.parent}{os.sep}", "").strip().partition("\n")[0]
        if not isinstance(error, TrivetError):
            said = f"{path.name} could not be scanned: {said}"
    return one_line(said or "no reason is given", limit=MESSAGE_CHARACTERS)


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
            f"no Dask scheduler answers at {address} within {timeout:g} s ({first_line(error)}). Is it "
            "running, and is that its address?"
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
            f"the workers of {address} do not have trivet ({first_line(error)}); install {here} for them."
        ) from error
    if other := sorted({str(there) for there in found.values()} - {here}):
        raise UsageError(
            f"the workers of {address} have trivet {', '.join(other)}, this is {here}; results would "
            "not be the same. Install one version."
        )


SUMMARY: Final = "summary.json"
#: Called with a row, how many rows are done, and how many there are.
OnResult = Callable[[ManyRow, int, int], None]

#: Enough that no worker waits for its next file, and few enough to hold in memory.
IN_FLIGHT_A_WORKER: Final = 2
#: Failures that the same file would meet again. Others come from the machine or the installation.
FINAL: Final = frozenset({CheckpointError.__name__, DataError.__name__})


def scan_many(
    folder: str | Path,
    out: str | Path,
    job: ScanJob,
    *,
    names: Collection[str] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    initializer: Callable[[], object] | None = None,
    on_result: OnResult = lambda _row, _done, _total: None,
) -> ManyResult:
    """Scan every checkpoint in a folder and the folders below it, one thread a scan.

    What is known not to be a checkpoint, by its content, is listed and not scanned.

    Each checkpoint has a result file in `out`, written as soon as it is scanned, and ``summary.json``
    is written at the end. A run that was killed goes on where it stopped and ends with the same
    bytes: a result file is kept when it belongs to the same content, the same job and the same
    trivet. A checkpoint that cannot be scanned has a result that says why. It is final, as the file
    is, where the file or its fit to the images is at fault; anything else, a lost worker or lack of
    memory, is tried again by the next run.

    Parameters
    ----------
    folder
        Holds the checkpoints; `find_models` tells which are found. Links out of it are not followed.
    out
        Receives the results.
    job
        Settings of the scan of each checkpoint.
    names
        Those of the checkpoints to scan, as paths within the folder; None stands for all.
    executor
        Does the work; anything whose `submit` runs a function somewhere that sees the files at the
        same paths. None starts local processes.
    workers
        How many scans run at a time; None stands for the number of processors. At most twice as many
        are handed to the executor.
    initializer
        Called in each local process first; has to be picklable.
    on_result
        Called after each row, in the order in which they come, those of an earlier run included.

    Raises
    ------
    DataError
        If the folder holds no checkpoint, or the images cannot be loaded.
    UsageError
        If `out` cannot be written, another run writes there, or each checkpoint fails for the same
        mistake in the settings.
    TrivetError
        If there are no workers to do it, or no longer.
    """
    require(Count, workers=workers)
    count = (os.cpu_count() or 1) if workers is None else workers
    folder, out = Path(folder), Path(out)
    files = find_models(folder, leave_out=out)
    models = [model for model in files.models if names is None or model.name in names]
    if job.images not in EMBEDDED:
        job = replace(job, images=os.path.abspath(job.images))  # noqa: PTH100 - links keep their names
    if job.reference is not None:
        job = replace(job, reference=os.path.abspath(job.reference))  # noqa: PTH100 - as above
    if job.class_order.endswith(".json"):
        job = replace(job, class_order=os.path.abspath(job.class_order))  # noqa: PTH100 - as above
    identity = job_identity(job, _images_of(job))
    with hold_results(out):
        remove_result(out / SUMMARY)  # that of an earlier run is true no more
        run = _Run(out, identity["digest"], len(models), on_result)
        unfinished = (model for model in models if not run.settle(model))
        with (
            WorkerPool(count, initializer=initializer) if executor is None else nullcontext(executor) as able,
            closing(_outcomes(able, job, unfinished, at_most=IN_FLIGHT_A_WORKER * count)) as outcomes,
        ):
            for model, outcome in outcomes:
                run.record(model, outcome)
        rows = tuple(run.rows[model.name] for model in models)
        _refuse_mistake(rows)
        skipped = tuple(replace(other, file=printable(other.file)) for other in files.skipped)
        write_result(out / SUMMARY, summary_document(rows, skipped, identity))
    return ManyResult(count_outcomes(rows), rows, skipped, run.reused, out / SUMMARY)


class _Run:
    """The rows so far, each with its file."""

    def __init__(self, out: Path, digest: str, total: int, on_result: OnResult) -> None:
        self._out, self._digest, self._total, self._on_result = out, digest, total, on_result
        self.rows: dict[str, ManyRow] = {}
        self.reused = 0

    def settle(self, model: ModelFile) -> bool:
        """Return whether the model needs no scan: an earlier run did it, or it is not to be opened."""
        if model.failure is not None:
            self.record(model, failed_document(None, model.failure))
            return True
        kept = self._kept(model)
        if kept is None:
            return False
        self.reused += 1
        self._add(model, kept)
        return True

    def record(self, model: ModelFile, outcome: Document) -> None:
        """Write a result."""
        document = {"file": printable(model.name), "job": self._digest, **outcome}
        write_result(self._out / result_name(model.name), document)
        self._add(model, row_of(document, result_name(model.name)))

    def _kept(self, model: ModelFile) -> ManyRow | None:
        name = result_name(model.name)
        document = read_result(self._out / name)
        try:
            if document is None or (document["file"], document["job"]) != (
                printable(model.name),
                self._digest,
            ):
                return None
            row = row_of(document, name)
            final = row.verdict in ORDERS["security"] if row.failure is None else row.failure.kind in FINAL
            return row if final and document["sha256"] == file_sha256(model.path) else None
        except (OSError, KeyError, TypeError):
            return None

    def _add(self, model: ModelFile, row: ManyRow) -> None:
        self.rows[model.name] = row
        self._on_result(row, len(self.rows), self._total)


def _outcomes(
    executor: Executor, job: ScanJob, models: Iterable[ModelFile], *, at_most: int
) -> Generator[tuple[ModelFile, Document]]:
    """Yield each model with its result, as they come.

    When a worker dies nobody knows which of the files in flight it died of. So no more are handed
    out until all of them are done or lost; then the lost ones are tried again, one at a time.
    """
    waiting = iter(models)
    flying: dict[Future[Document], ModelFile] = {}
    try:
        while True:
            for model in islice(waiting, at_most - len(flying)):
                flying[executor.submit(run_job, job, model.path)] = model
            if not flying:
                return
            landed = _land(flying, FIRST_COMPLETED)
            if any(outcome is None for _, outcome in landed):
                landed += _land(flying, ALL_COMPLETED)
            for model, outcome in landed:
                if outcome is None:
                    flying[executor.submit(run_job, job, model.path)] = model
                    [(_, again)] = _land(flying, ALL_COMPLETED)
                    yield model, again or _lost(model)
                else:
                    yield model, outcome
    finally:
        for future in flying:
            future.cancel()


def _land(
    flying: dict[Future[Document], ModelFile], return_when: str
) -> list[tuple[ModelFile, Document | None]]:
    """Wait, and take out of `flying` what is done; None stands for a lost worker."""
    done = wait(flying, return_when=return_when).done
    return [(flying.pop(future), _outcome(future)) for future in done]


def _outcome(future: Future[Document]) -> Document | None:
    try:
        return future.result()
    except TrivetError:
        raise
    except Exception as error:
        if worker_was_lost(error):
            return None
        raise TrivetError(
            f"the workers cannot do the work: {type(error).__name__}: {first_line(error)}. What is "
            "finished is kept; the same call goes on from there."
        ) from error


def _lost(model: ModelFile) -> Document:
    try:
        sha256 = file_sha256(model.path)
    except OSError:
        sha256 = None
    return failed_document(
        sha256,
        Failure(
            "WorkerLost",
            "the worker that scanned it died, and so did a second one that had nothing else to do; the "
            "network takes more memory than there is, or its code ends the process.",
        ),
    )


def _refuse_mistake(rows: tuple[ManyRow, ...]) -> None:
    """Raise what every file fails with, if it is not the files that are to blame."""
    failures = [row.failure for row in rows if row.failure is not None]
    if len(failures) == len(rows) and all(failure.kind == UsageError.__name__ for failure in failures):
        raise UsageError(failures[0].message)
