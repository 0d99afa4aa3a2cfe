"""Scan of all checkpoints in a folder, resumable, with failures recorded."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from trivet.datasets.names import printable
from trivet.datasets.source import EMBEDDED, load_images
from trivet.errors import CheckpointError, DataError, TrivetError, UsageError
from trivet.security.cluster import dask_executor, worker_was_lost
from trivet.security.many_results import (
    VERDICTS,
    Failure,
    ManyResult,
    ManyRow,
    count_outcomes,
    row_of,
    summary_document,
)
from trivet.security.model_files import ModelFile, find_models
from trivet.security.scan_job import Document, ScanJob, failed_document, file_sha256, job_identity, run_job
from trivet.wording import reason
from trivet.work.result_files import hold_results, read_result, remove_result, result_name, write_result
from trivet.work.worker_pool import WorkerPool

__all__ = ["SUMMARY", "OnResult", "ScanJob", "dask_executor", "run_job", "scan_many"]

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
    count = (os.cpu_count() or 1) if workers is None else workers
    if count < 1:
        raise UsageError(f"{count} workers cannot scan; expected 1 or more.")
    folder, out = Path(folder), Path(out)
    files = find_models(folder, leave_out=out)
    models = files.models
    if job.images not in EMBEDDED:
        job = replace(job, images=os.path.abspath(job.images))  # noqa: PTH100 - links keep their names
    identity = job_identity(job, load_images(job.images, limit=job.limit, seed=job.seed))
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
            final = row.verdict in VERDICTS if row.failure is None else row.failure.kind in FINAL
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
            f"the workers cannot do the work: {type(error).__name__}: {reason(error)}. What is finished is "
            "kept; the same call goes on from there."
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
