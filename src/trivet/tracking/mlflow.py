"""A finished audit in MLflow: metrics, tags, the report and a table of findings, in a run."""

import json
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, Final

from trivet.audit import Audit
from trivet.errors import ReportError, UsageError, import_extra
from trivet.record import AuditRecord
from trivet.tracking.entries import COLUMNS, TABLE, Entries, Logged, entries_of
from trivet.wording import first_line, one_line
from trivet.work.result_files import write_whole

__all__ = ["log_to_mlflow"]

#: Folder of the run's artifacts.
PLACE: Final = "trivet"
#: MLflow's own limits for one request.
MOST_METRICS, MOST_TAGS = 1_000, 100
#: Stores of runs that are databases, and what MLflow needs for them.
DATABASES: Final = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
NEEDED: Final = ("sqlalchemy", "alembic")
#: By this tag ``mlflow.load_table`` finds the runs that have a table.
TABLES: Final = "mlflow.loggedArtifacts"
MESSAGE_CHARACTERS: Final = 1_000


def log_to_mlflow(
    audit: str | Path | AuditRecord | Audit,
    *,
    uri: str | None = None,
    experiment: str | None = None,
    run_id: str | None = None,
    nested: bool = False,
) -> Logged:
    """Log a finished audit to MLflow: into the active run where there is one, else into a run of its own.

    Parameters
    ----------
    audit
        Output folder of ``trivet run``, or a record.
    uri
        MLflow's tracking URI for this call, such as ``sqlite:///mlflow.db``; by default MLflow's own setting.
    experiment
        Name of the experiment for a run of its own; MLflow's own setting by default.
    run_id
        A run that exists, instead.
    nested
        Whether to make a child of the active run.

    Returns
    -------
    Logged
        The run, and what was logged.

    Raises
    ------
    RecordError, DataError
        The audit is missing or damaged.
    UsageError
        MLflow is not installed, or the options contradict each other.
    ReportError
        MLflow refuses, with its own words.
    """
    mlflow = import_extra("mlflow", "logging to MLflow")
    _require_database(str(mlflow.get_tracking_uri() if uri is None else uri))
    entries = entries_of(audit)
    with (
        _refusals(mlflow),
        _tracking(mlflow, uri),
        _run(mlflow, entries, experiment, run_id, nested=nested) as run,
    ):
        client = mlflow.MlflowClient()
        _log(mlflow, client, run, entries)
        where = str(mlflow.get_tracking_uri())
    files = (*entries.files, TABLE)
    return Logged(run, where, len(entries.metrics), entries.left_out, files)


def _require_database(uri: str) -> None:
    """Refuse a database, before anything is done, where the part of MLflow that is installed has none."""
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme in DATABASES and (missing := [name for name in NEEDED if find_spec(name) is None]):
        raise UsageError(
            f"{scheme} as MLflow's store needs {' and '.join(missing)}, of the whole of mlflow: pip install "
            "mlflow. The extra mlflow installs mlflow-skinny, which logs to a server, such as "
            "--uri http://localhost:5000. Nothing was logged."
        )


@contextmanager
def _refusals(mlflow: Any) -> Generator[None]:
    """Turn what MLflow raises into one line."""
    try:
        yield
    except mlflow.MlflowException as error:
        said = one_line(" ".join(str(error).split()), limit=MESSAGE_CHARACTERS)
        raise ReportError(f"MLflow refuses: {said}") from error
    except ImportError as error:
        raise UsageError(
            f"this tracking URI needs more than mlflow-skinny ({first_line(error)}): pip install mlflow."
        ) from error


@contextmanager
def _tracking(mlflow: Any, uri: str | None) -> Generator[None]:
    """Set MLflow's tracking URI for as long as this takes."""
    if uri is None:
        yield
        return
    if mlflow.active_run() is not None:
        raise UsageError("a run of MLflow is active, and it has a tracking URI; leave uri out.")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


@contextmanager
def _run(
    mlflow: Any, entries: Entries, experiment: str | None, run_id: str | None, *, nested: bool
) -> Generator[str]:
    """Give the id of the run to log into; one that was started here is ended."""
    active = mlflow.active_run()
    if run_id is not None and (experiment is not None or nested):
        raise UsageError("a run that exists has an experiment and a place; leave experiment and nested out.")
    if nested and active is None:
        raise UsageError("nested makes a child of the active run, and no run of MLflow is active.")
    if active is not None and not nested:
        if experiment is not None:
            raise UsageError("a run of MLflow is active, and it has an experiment; leave experiment out.")
        yield active.info.run_id if run_id is None else run_id
        return
    options: dict[str, Any] = {} if run_id is not None else {"run_name": entries.title}
    if experiment is not None:  # MLflow's own choice of one would last longer than this call
        client = mlflow.MlflowClient()
        known = client.get_experiment_by_name(experiment)
        options["experiment_id"] = (
            client.create_experiment(experiment) if known is None else known.experiment_id
        )
    with mlflow.start_run(run_id=run_id, nested=nested, **options) as run:
        yield run.info.run_id


def _log(mlflow: Any, client: Any, run: str, entries: Entries) -> None:
    now = int(time() * 1000)
    metrics = [mlflow.entities.Metric(name, value, now, 0) for name, value in entries.metrics.items()]
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run, metrics=metrics[start : start + MOST_METRICS])
    named = {**entries.tags, TABLES: json.dumps(list(_tables(client, run)))}
    tags = [mlflow.entities.RunTag(name, value) for name, value in named.items()]
    for start in range(0, len(tags), MOST_TAGS):
        client.log_batch(run, tags=tags[start : start + MOST_TAGS])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in {**entries.files, TABLE: _table(entries)}.items():
            write_whole(Path(folder) / name, content)
        client.log_artifacts(run, folder, PLACE)


def _tables(client: Any, run: str) -> Iterator[Mapping[str, str]]:
    """Yield what a run has of tables, and the one of findings."""
    ours = {"path": f"{PLACE}/{TABLE}", "type": "table"}
    for each in json.loads(client.get_run(run).data.tags.get(TABLES, "[]")):
        if each != ours:
            yield each
    yield ours


def _table(entries: Entries) -> bytes:
    """Return the findings as ``mlflow.log_table`` writes a table, which needs no pandas."""
    return json.dumps({"columns": COLUMNS, "data": entries.rows}, ensure_ascii=False).encode()
