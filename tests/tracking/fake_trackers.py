"""Stand-ins for MLflow and wandb that keep what they are given; the real ones run in `make test-extras`."""

import io
import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace


class FakeMlflow:
    """The calls that trivet makes, with MLflow's limits for one request."""

    class MlflowException(Exception):  # noqa: N818 - MLflow's name
        pass

    def __init__(self):
        self.runs, self.active, self.uri, self.known = {}, None, "here", []
        self.ended, self.uris = [], []
        self.entities = SimpleNamespace(
            Metric=lambda key, value, timestamp, step: (key, value, timestamp, step),
            RunTag=lambda key, value: (key, value),
        )

    def get_tracking_uri(self):
        return self.uri

    def set_tracking_uri(self, uri):
        self.uri = uri
        self.uris.append(uri)

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id=f"id of {name}") if name in self.known else None

    def create_experiment(self, name):
        if name == "refused":
            raise self.MlflowException("Permission\ndenied.")
        self.known.append(name)
        return f"id of {name}"

    def active_run(self):
        return self.active

    @contextmanager
    def start_run(self, *, run_id=None, run_name=None, experiment_id="0", nested=False):
        assert self.active is None or nested
        run_id = run_id or f"run{len(self.runs)}"
        kept = self.runs.setdefault(run_id, SimpleNamespace(metrics={}, tags={}, files={}))
        kept.name, kept.experiment, kept.parent = run_name, experiment_id, self.active
        before, self.active = self.active, SimpleNamespace(info=SimpleNamespace(run_id=run_id))
        try:
            yield self.active
        finally:
            self.active = before
            self.ended.append(run_id)

    def MlflowClient(self):  # noqa: N802 - MLflow's name
        return self

    def log_batch(self, run_id, metrics=(), tags=()):
        assert len(metrics) <= 1000
        assert len(tags) <= 100
        self.runs[run_id].metrics.update({key: value for key, value, _, _ in metrics})
        self.runs[run_id].tags.update(tags)

    def get_run(self, run_id):
        return SimpleNamespace(data=SimpleNamespace(tags=self.runs[run_id].tags))

    def log_artifacts(self, run_id, folder, place):
        for path in Path(folder).iterdir():
            self.runs[run_id].files[f"{place}/{path.name}"] = path.read_bytes()


class FakeWandb:
    """The calls that trivet makes."""

    class Error(Exception):
        pass

    def __init__(self, *, refuses=None):
        self.run, self.refuses, self.started, self.finished = None, refuses, [], []

    def Settings(self, **options):  # noqa: N802 - wandb's name
        return options

    def Table(self, columns, data):  # noqa: N802 - as above
        assert all(len(row) == len(columns) for row in data)
        return SimpleNamespace(columns=columns, data=json.loads(json.dumps(data)))

    def Artifact(self, name, type, metadata):  # noqa: A002, N802 - as above
        return FakeArtifact(name, type, metadata)

    @contextmanager
    def init(self, **options):
        if self.refuses:
            raise self.Error(self.refuses)
        self.run = FakeRun(options.get("id") or f"run{len(self.started)}")
        self.started.append((self.run, options))
        try:
            yield self.run
        finally:
            self.finished.append(self.run)
            self.run = None


class FakeRun:
    def __init__(self, name):
        self.id, self.url, self.dir, self.steps, self.artifacts = name, None, "/here", [], []
        self.config = FakeConfig()

    def log(self, values):
        self.steps.append(values)

    def log_artifact(self, artifact):
        self.artifacts.append(artifact)


class FakeConfig(dict):
    def update(self, values, *, allow_val_change=False):
        assert allow_val_change or not set(values) & set(self)
        super().update(values)


class FakeArtifact:
    def __init__(self, name, kind, metadata):
        self.name, self.kind, self.metadata, self.files = name, kind, metadata, {}

    @contextmanager
    def new_file(self, name, mode):
        assert mode == "wb"
        stream = io.BytesIO()
        yield stream
        self.files[name] = stream.getvalue()
