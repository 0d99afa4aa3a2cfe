"""A finished audit in Weights & Biases: metrics, configuration, a table of findings and an artifact."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trivet.audit import Audit
from trivet.errors import ReportError, UsageError, import_extra
from trivet.record import AuditRecord
from trivet.tracking.entries import COLUMNS, PREFIX, Entries, Logged, entries_of
from trivet.wording import one_line

__all__ = ["log_to_wandb"]

#: Of the artifact, and of a run of its own.
KIND: Final = "audit"
MESSAGE_CHARACTERS: Final = 1_000


def log_to_wandb(
    audit: str | Path | AuditRecord | Audit,
    *,
    run: Any = None,
    project: str | None = None,
    entity: str | None = None,
    run_id: str | None = None,
) -> Logged:
    """Log a finished audit to Weights & Biases: into a run that is there, else into one of its own.

    All numbers and the table of findings are one step of the run's history.

    Parameters
    ----------
    audit
        Output folder of ``trivet run``, or a record.
    run
        A ``wandb.Run``; by default the active one, where there is one and no other option is given.
    project, entity
        Where a run of its own goes; ``WANDB_PROJECT`` and ``WANDB_ENTITY`` by default.
    run_id
        A run of the project that exists, which is resumed.

    Returns
    -------
    Logged
        The run, and what was logged.

    Raises
    ------
    RecordError, DataError
        The audit is missing or damaged.
    UsageError
        wandb is not installed, or the options contradict each other.
    ReportError
        Weights & Biases refuses, with its own words.
    """
    wandb = import_extra("wandb", "logging to Weights & Biases")
    entries = entries_of(audit)
    options = {"project": project, "entity": entity, "id": run_id}
    chosen = {name: value for name, value in options.items() if value is not None}
    given = wandb.run if run is None else run
    if given is not None and chosen:
        raise UsageError(
            f"a run of Weights & Biases is active; leave {', '.join(chosen)} out, or finish the run."
        )
    try:
        with _run(wandb, given, entries, chosen) as target:
            _log(wandb, target, entries)
            name, where = str(target.id), str(target.url or target.dir)
    except wandb.Error as error:
        said = one_line(" ".join(str(error).split()), limit=MESSAGE_CHARACTERS)
        raise ReportError(f"Weights & Biases refuses: {said}") from error
    return Logged(name, where, len(entries.metrics), entries.left_out, tuple(entries.files))


@contextmanager
def _run(wandb: Any, given: Any, entries: Entries, options: dict[str, str]) -> Generator[Any]:
    """Give the run to log into; one that was started here is finished."""
    if given is not None:
        yield given
        return
    resume = "allow" if "id" in options else None
    settings = wandb.Settings(console="off")  # what trivet prints is not the run's
    with wandb.init(
        name=entries.title, job_type=KIND, resume=resume, settings=settings, **options
    ) as started:
        yield started


def _log(wandb: Any, run: Any, entries: Entries) -> None:
    table = wandb.Table(columns=list(COLUMNS), data=[list(row) for row in entries.rows])
    run.log({**entries.metrics, f"{PREFIX}/findings": table})
    configured = {name.removeprefix(f"{PREFIX}."): value for name, value in entries.tags.items()}
    run.config.update({PREFIX: configured}, allow_val_change=True)
    artifact = wandb.Artifact(f"{PREFIX}-{run.id}", type=KIND, metadata=dict(configured))
    for name, content in entries.files.items():
        with artifact.new_file(name, mode="wb") as stream:
            stream.write(content)
    run.log_artifact(artifact)
