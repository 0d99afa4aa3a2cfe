"""An audit in MLflow's own stores and in offline runs of wandb, written from the outside."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from trivet.tracking.entries import COLUMNS, entries_of

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs the extra mlflow")
needs_wandb = pytest.mark.skipif(find_spec("wandb") is None, reason="needs the extra wandb")
#: Reads the only run of an experiment back.
READER = """
import json, sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("credit").experiment_id
(run,) = client.search_runs([experiment])
table = mlflow.load_table("trivet/findings_table.json", run_ids=[run.info.run_id])
path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="trivet/metrics.json")
print(json.dumps({
    "id": run.info.run_id,
    "status": run.info.status,
    "name": run.info.run_name,
    "metrics": run.data.metrics,
    "tags": run.data.tags,
    "files": sorted(each.path for each in client.list_artifacts(run.info.run_id, "trivet")),
    "columns": list(table.columns),
    "levels": list(table["level"]),
    "record": open(path).read(),
}))
"""
#: Logs into a run of the user's, and into a child of it.
INSIDE = """
import sys
import mlflow, trivet
mlflow.set_experiment("training")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5)
    same = trivet.tracking.log_to_mlflow(sys.argv[1])
    child = trivet.tracking.log_to_mlflow(sys.argv[1], nested=True)
    assert same.run == run.info.run_id
    assert mlflow.active_run().info.run_id == run.info.run_id
found = mlflow.MlflowClient().get_run(child.run)
assert found.data.tags["mlflow.parentRunId"] == run.info.run_id
assert mlflow.MlflowClient().get_run(run.info.run_id).data.metrics["loss"] == 0.5
assert len(found.data.metrics) == child.metrics
"""
OFFLINE = """
import sys
import wandb, trivet
with wandb.init(project="credit", mode="offline") as run:
    run.log({"loss": 0.5})
    logged = trivet.tracking.log_to_wandb(sys.argv[1])
    assert logged.run == run.id
    assert run.summary["trivet/security/asr_after"] == float(sys.argv[2])
    assert run.config["trivet"]["gate"] == "failed"
    run.log({"loss": 0.25})
"""


PAGE = Path(__file__).parents[2] / "docs" / "tracking.md"


def examples(library):
    """The examples of the documentation that need a library."""
    blocks = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if f"import {library}\n" in block]


def call(*arguments, cwd, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_mlflow
@pytest.mark.parametrize("store", ["files", "database"])
def test_mlflow_reads_back_what_was_logged(store, tracked, tmp_path):
    uri = (tmp_path / "mlruns").as_uri() if store == "files" else f"sqlite:///{tmp_path}/mlflow.db"
    allowed = {"MLFLOW_ALLOW_FILE_STORE": "true"}  # in versions that keep it for old runs alone
    where = ("--uri", uri, "--experiment", "credit", "--json")
    logged = json.loads(call("-m", "trivet", "log", "mlflow", tracked, *where, cwd=tmp_path, **allowed))
    found = json.loads(call("-c", READER, uri, cwd=tmp_path, **allowed))
    entries = entries_of(tracked)
    assert (found["id"], found["status"], found["name"]) == (logged["run"], "FINISHED", entries.title)
    assert found["metrics"] == entries.metrics
    assert entries.tags.items() <= found["tags"].items()
    assert found["files"] == sorted(f"trivet/{name}" for name in logged["files"])
    assert found["columns"] == list(COLUMNS)
    assert found["levels"] == [row[0] for row in entries.rows]
    assert found["record"] == (tracked / "metrics.json").read_text(encoding="utf-8")


@needs_mlflow
def test_mlflow_takes_an_audit_into_a_run_and_into_its_child(tracked, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    call("-c", INSIDE, tracked, cwd=tmp_path, MLFLOW_TRACKING_URI=uri)


@needs_wandb
def test_wandb_keeps_an_audit_in_a_run_of_the_users(tracked, tmp_path):
    asr = entries_of(tracked).metrics["trivet/security/asr_after"]
    call("-c", OFFLINE, tracked, repr(asr), cwd=tmp_path, WANDB_DIR=str(tmp_path))
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@needs_wandb
def test_wandb_writes_an_audit_to_disk_offline(tracked, tmp_path):
    offline = {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(tmp_path),
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
    }
    where = ("--project", "credit", "--json")
    logged = json.loads(call("-m", "trivet", "log", "wandb", tracked, *where, cwd=tmp_path, **offline))
    (written,) = tmp_path.glob(f"wandb/offline-run-*-{logged['run']}/*.wandb")
    content, entries = written.read_bytes(), entries_of(tracked)
    names = [name for name in entries.metrics if name.startswith("trivet/security/")]
    assert names
    assert all(name.encode() in content for name in names)
    (table,) = tmp_path.glob("wandb/offline-run-*/files/media/table/trivet/findings*.table.json")
    kept = json.loads(table.read_text(encoding="utf-8"))
    assert kept["columns"] == list(COLUMNS)
    assert [tuple(row) for row in kept["data"]] == list(entries.rows)


@pytest.mark.parametrize(
    "library", [pytest.param("mlflow", marks=needs_mlflow), pytest.param("wandb", marks=needs_wandb)]
)
def test_the_examples_of_the_documentation_run(library, tracked, tmp_path):
    shutil.copytree(tracked, tmp_path / "trivet-out")
    (example,) = examples(library)
    call("-c", example, cwd=tmp_path, WANDB_DIR=str(tmp_path))
    written = {"mlflow": "mlflow.db", "wandb": "wandb/offline-run-*"}
    assert list(tmp_path.glob(written[library]))
