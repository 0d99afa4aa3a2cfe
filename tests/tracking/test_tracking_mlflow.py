"""Which run of MLflow an audit goes to, in which pieces, and what is refused."""

import json
import sys

import pytest
from fake_trackers import FakeMlflow

from trivet.errors import RecordError, ReportError, UsageError
from trivet.tracking import entries_of, log_to_mlflow
from trivet.tracking.entries import COLUMNS


@pytest.fixture
def mlflow(monkeypatch):
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    return fake


def test_a_run_of_its_own_is_named_and_ended(mlflow, tracked):
    logged = log_to_mlflow(tracked, uri="there", experiment="credit")
    run, entries = mlflow.runs[logged.run], entries_of(tracked)
    assert (run.name, run.experiment, logged.where) == (entries.title, "id of credit", "there")
    assert run.metrics == entries.metrics
    assert entries.tags.items() <= run.tags.items()
    assert mlflow.ended == [logged.run]
    assert mlflow.uris == ["there", "here"]
    again = log_to_mlflow(tracked, experiment="credit")
    assert mlflow.runs[again.run].experiment == "id of credit"
    assert mlflow.known == ["credit"]
    assert logged.metrics == len(entries.metrics)
    assert {f"trivet/{name}" for name in logged.files} == set(run.files)
    assert run.files["trivet/metrics.json"] == (tracked / "metrics.json").read_bytes()


def test_the_findings_are_a_table_as_mlflow_writes_one(mlflow, tracked):
    logged = log_to_mlflow(tracked)
    run = mlflow.runs[logged.run]
    table = json.loads(run.files["trivet/findings_table.json"])
    assert table["columns"] == list(COLUMNS)
    assert [tuple(row) for row in table["data"]] == list(entries_of(tracked).rows)
    ours = {"path": "trivet/findings_table.json", "type": "table"}
    assert json.loads(run.tags["mlflow.loggedArtifacts"]) == [ours]
    other = {"path": "mine.json", "type": "table"}
    run.tags["mlflow.loggedArtifacts"] = json.dumps([other, ours])
    log_to_mlflow(tracked, run_id=logged.run)
    assert json.loads(run.tags["mlflow.loggedArtifacts"]) == [other, ours]


def test_the_active_run_is_used_and_stays_open(mlflow, tracked):
    with mlflow.start_run(run_name="mine"):
        assert log_to_mlflow(tracked).run == "run0"
        assert mlflow.ended == []
        child = log_to_mlflow(tracked, nested=True)
        assert mlflow.runs[child.run].parent.info.run_id == "run0"
        assert mlflow.ended == [child.run]


def test_many_numbers_go_in_pieces(mlflow, tracked, monkeypatch):
    monkeypatch.setattr("trivet.tracking.mlflow.MOST_METRICS", 7)
    monkeypatch.setattr("trivet.tracking.mlflow.MOST_TAGS", 3)
    logged = log_to_mlflow(tracked)
    assert mlflow.runs[logged.run].metrics == entries_of(tracked).metrics
    assert entries_of(tracked).tags.items() <= mlflow.runs[logged.run].tags.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"uri": "there"}, "leave uri out"),
        ({"experiment": "credit"}, "leave experiment out"),
        ({"run_id": "a", "nested": True}, "leave experiment and nested out"),
    ],
)
def test_options_that_contradict_an_active_run_are_refused(mlflow, tracked, options, message):
    with mlflow.start_run(), pytest.raises(UsageError, match=message):
        log_to_mlflow(tracked, **options)


def test_what_mlflow_refuses_is_one_line(mlflow, tracked, tmp_path):
    with pytest.raises(ReportError, match=r"^MLflow refuses: Permission denied\.$"):
        log_to_mlflow(tracked, experiment="refused")
    with pytest.raises(UsageError, match="no run of MLflow is active"):
        log_to_mlflow(tracked, nested=True)
    with pytest.raises(RecordError):
        log_to_mlflow(tmp_path)
    assert mlflow.runs == {}


@pytest.mark.parametrize(
    "uri", ["sqlite:///x.db", "SQLite:///x.db", "postgresql://there/x", "mysql+pymysql://there/x"]
)
def test_a_database_without_the_whole_of_mlflow_is_refused_before_anything_is_done(
    mlflow, tracked, monkeypatch, uri
):
    monkeypatch.setattr("trivet.tracking.mlflow.find_spec", lambda name: None if name == "alembic" else name)
    said = r"needs alembic, of the whole of mlflow: pip install mlflow\."
    with pytest.raises(UsageError, match=said):
        log_to_mlflow(tracked, uri=uri)
    mlflow.uri = uri
    with pytest.raises(UsageError, match=said):
        log_to_mlflow(tracked)
    assert mlflow.runs == {}
    log_to_mlflow(tracked, uri="http://there")
    assert mlflow.runs


def test_without_mlflow_the_extra_is_named(monkeypatch, tracked):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"trivet\[mlflow\]"):
        log_to_mlflow(tracked)
