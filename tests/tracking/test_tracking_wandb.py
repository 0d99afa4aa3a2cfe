"""Which run of Weights & Biases an audit goes to, as what, and what is refused."""

import sys

import pytest
from fake_trackers import FakeRun, FakeWandb

from trivet.errors import ReportError, UsageError
from trivet.tracking import entries_of, log_to_wandb
from trivet.tracking.entries import COLUMNS


@pytest.fixture
def wandb(monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_a_run_of_its_own_is_started_and_finished(wandb, tracked):
    logged = log_to_wandb(tracked, project="credit", entity="team")
    ((run, options),) = wandb.started
    entries = entries_of(tracked)
    assert (options["project"], options["entity"], options["job_type"]) == ("credit", "team", "audit")
    assert options["name"] == entries.title
    assert wandb.finished == [run]
    (step,) = run.steps
    table = step.pop("trivet/findings")
    assert step == entries.metrics
    assert table.columns == list(COLUMNS)
    assert [tuple(row) for row in table.data] == list(entries.rows)
    assert (logged.run, logged.where, logged.metrics) == (run.id, "/here", len(entries.metrics))


def test_tags_are_configuration_and_files_an_artifact(wandb, tracked):
    run = FakeRun("mine")
    log_to_wandb(tracked, run=run)
    assert run.config["trivet"]["gate"] == entries_of(tracked).tags["trivet.gate"]
    (artifact,) = run.artifacts
    assert (artifact.name, artifact.kind) == ("trivet-mine", "audit")
    assert artifact.files == entries_of(tracked).files
    log_to_wandb(tracked, run=run)  # again


def test_the_active_run_is_used_and_stays_open(wandb, tracked):
    wandb.run = FakeRun("mine")
    assert log_to_wandb(tracked).run == "mine"
    assert (wandb.started, wandb.finished) == ([], [])
    with pytest.raises(UsageError, match="leave project out"):
        log_to_wandb(tracked, project="credit")


def test_a_run_that_exists_is_resumed(wandb, tracked):
    log_to_wandb(tracked, project="credit", run_id="old")
    ((run, options),) = wandb.started
    assert (run.id, options["resume"]) == ("old", "allow")


def test_what_wandb_refuses_is_one_line(wandb, tracked):
    wandb.refuses = "No API key\nconfigured."
    with pytest.raises(ReportError, match="refuses: No API key configured"):
        log_to_wandb(tracked)


def test_without_wandb_the_extra_is_named(monkeypatch, tracked):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match=r"trivet\[wandb\]"):
        log_to_wandb(tracked)
