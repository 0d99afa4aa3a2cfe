"""``trivet log``: a finished audit in MLflow or in Weights & Biases."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from trivet.cli.commands import command_of_commands
from trivet.cli.options import Json, command
from trivet.cli.terminal import print_json, results_console
from trivet.errors import DataError
from trivet.work.bounded import FOLDER, require_path

if TYPE_CHECKING:
    from trivet.tracking import Logged

__all__ = ["log"]

log = command_of_commands("log")
ADVICE = "name the output folder of trivet run"


@command
def mlflow(
    folder: Path,
    /,
    *,
    uri: str | None = None,
    experiment: str | None = None,
    run: str | None = None,
    json: Json = False,
) -> int:
    """Log numbers, verdicts, digests, findings and report to MLflow; exit code 0 whatever the audit found.

    Parameters
    ----------
    folder
        Output folder of `trivet run`.
    uri
        MLflow's tracking URI, such as sqlite:///mlflow.db; MLFLOW_TRACKING_URI by default.
    experiment
        Name of the experiment; MLFLOW_EXPERIMENT_NAME by default.
    run
        Id of a run that exists; a new run by default.
    """
    from trivet.tracking import log_to_mlflow  # noqa: PLC0415 - SciPy is heavy

    require_path(folder, "audit", wanted=FOLDER, error=DataError, advice=ADVICE)
    with redirect_stdout(sys.stderr):  # what the tracker prints is not the result
        logged = log_to_mlflow(folder, uri=uri, experiment=experiment, run_id=run)
    return _tell(logged, json=json)


@command
def wandb(
    folder: Path,
    /,
    *,
    project: str | None = None,
    entity: str | None = None,
    run: str | None = None,
    json: Json = False,
) -> int:
    """Log numbers, verdicts, digests, findings and report to Weights & Biases; exit code 0 likewise.

    WANDB_MODE=offline writes the run to disk and sends nothing.

    Parameters
    ----------
    folder
        Output folder of `trivet run`.
    project
        Name of the project; WANDB_PROJECT by default.
    entity
        User or team; WANDB_ENTITY by default.
    run
        Id of a run that exists; a new run by default.
    """
    from trivet.tracking import log_to_wandb  # noqa: PLC0415 - as above

    require_path(folder, "audit", wanted=FOLDER, error=DataError, advice=ADVICE)
    with redirect_stdout(sys.stderr):  # as above
        logged = log_to_wandb(folder, project=project, entity=entity, run_id=run)
    return _tell(logged, json=json)


def _tell(logged: "Logged", *, json: bool) -> int:
    if json:
        print_json(asdict(logged))
        return 0
    console = results_console()
    console.print(escape(f"{logged.metrics} numbers and {len(logged.files)} files in the run {logged.run}"))
    if logged.left_out:
        console.print(f"! {logged.left_out} measurements are in metrics.json alone: there are too many")
    console.print(escape(logged.where))
    return 0
