import json
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path
from time import sleep

import pytest
import torch
from many_runs import (
    Inline,
    attacked_checkpoints,
    content_of,
    digits_job,
    small_images,
)

from trivet.datasets import load_images
from trivet.errors import CheckpointError, DataError, TrivetError, UsageError
from trivet.security import InputContract
from trivet.security.reading.parts import file_sha256
from trivet.security.scanning import many
from trivet.security.scanning.many import ScanJob, failed_document, run_job, scan_many
from trivet.security.scanning.results import Failure, Skipped
from trivet.security.settings import NetworkOptions

VERDICT = {"verdict": "no evidence", "suspected_label": None, "p_value": 0.5}


DEADLY = """
import os, signal
from torch import nn

class Deadly(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 3)

    def forward(self, images):
        if self.layer.bias[0] > 99:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layer(images.flatten(1))
"""


@pytest.fixture
def job(tmp_path):
    return ScanJob(architecture="mnist-cnn", images=small_images(tmp_path / "images.npz"))


@pytest.fixture
def folder(tmp_path):
    """Six files; what stands in one is what becomes of it."""
    root = tmp_path / "models"
    (root / "sub").mkdir(parents=True)
    for name in ("a.pth", "b.pth", "c.pth", "d.pth", "e.pth", "sub/a.pth"):
        (root / name).write_text(f"scanned {name}")
    return root


IMAGES = {}


def load_once(source, **settings):
    """Load images as `load_images` does, those of the same file once for all tests."""
    path = Path(source)
    key = (path.name, path.read_bytes() if path.is_file() else None, *settings.items())
    if key not in IMAGES:
        IMAGES[key] = load_images(source, **settings)
    return IMAGES[key]


@pytest.fixture
def scanned(monkeypatch):
    """Files in the order in which they are scanned, by a scan that believes what they say."""
    paths = []
    monkeypatch.setattr(many, "load_images", load_once)

    def believe(_job, path):
        paths.append(path.name)
        said = path.read_text(errors="replace").split()[0]
        if said == "scanned":
            return {"status": "scanned", "sha256": file_sha256(path), **VERDICT}
        if said == "BrokenProcessPool":
            raise BrokenProcessPool
        if said == "OSError":
            raise OSError(5, "the machine burns")
        if not said.isalpha():
            said = "CheckpointError"
        return failed_document(file_sha256(path), Failure(said, f"{path.name} is bad"))

    monkeypatch.setattr("trivet.security.scanning.many.run_job", believe)
    return paths


def run(folder, out, job, **settings):
    return scan_many(folder, out, job, **{"executor": Inline(), "workers": 2, **settings})


def test_rows_files_and_summary_say_the_same(folder, tmp_path, job, scanned):
    (folder / "c.pth").write_text("CheckpointError")
    seen = []
    done = run(folder, tmp_path / "out", job, on_result=lambda *row: seen.append(row))
    assert [row.file for row in done.rows] == ["a.pth", "b.pth", "c.pth", "d.pth", "e.pth", "sub/a.pth"]
    assert done.counts == {"backdoored": 0, "suspicious": 0, "no evidence": 5, "failed": 1}
    assert done.rows[2].failure == Failure("CheckpointError", "c.pth is bad")
    assert done.rows[2].verdict is None
    assert [(count, total) for _, count, total in seen] == [(count, 6) for count in range(1, 7)]
    assert sorted((row for row, _, _ in seen), key=lambda row: row.file) == list(done.rows)
    summary = json.loads(done.summary.read_text())
    assert summary["models"] == [asdict(row) for row in done.rows]
    assert summary["counts"] == done.counts
    assert summary["job"]["images"]["count"] == 30
    for row in done.rows:
        document = json.loads((tmp_path / "out" / row.result).read_text())
        assert (document["file"], document["job"]) == (row.file, summary["job"]["digest"])
        assert document["sha256"] == file_sha256(folder / row.file)
    assert not any(str(tmp_path).encode() in content for content in content_of(tmp_path / "out").values())


def test_what_is_finished_is_not_done_again(folder, tmp_path, job, scanned):
    first = run(folder, tmp_path / "out", job)
    content = content_of(tmp_path / "out")
    scanned.clear()
    second = run(folder, tmp_path / "out", job)
    assert (first.reused, second.reused, scanned) == (0, 6, [])
    assert second.rows == first.rows
    assert content_of(tmp_path / "out") == content


def test_the_same_folder_elsewhere_gives_the_same_bytes(folder, tmp_path, job, scanned):
    run(folder, tmp_path / "out", job)
    (tmp_path / "other").mkdir()
    moved = replace(job, images=small_images(tmp_path / "other" / "images.npz"))
    folder.rename(tmp_path / "elsewhere")
    run(tmp_path / "elsewhere", tmp_path / "again", moved)
    assert content_of(tmp_path / "again") == content_of(tmp_path / "out")
    assert run(tmp_path / "elsewhere", tmp_path / "out", moved).reused == 6


def test_a_changed_file_is_scanned_again_and_no_other(folder, tmp_path, job, scanned):
    run(folder, tmp_path / "out", job)
    scanned.clear()
    (folder / "b.pth").write_text("scanned, and changed")
    (folder / "f.pth").write_text("scanned for the first time")
    run(folder, tmp_path / "out", job)
    assert scanned == ["b.pth", "f.pth"]


CHANGES = {
    "seed": lambda job: replace(job, seed=1),
    "limit": lambda job: replace(job, limit=20),
    "architecture": lambda job: replace(job, architecture="small-resnet"),
    "declared": lambda job: replace(job, declared=InputContract("half", mean=(0.5,))),
    "images": lambda job: replace(job, images=small_images(job.images, seed=1)),
    "layers": lambda job: replace(job, layers=(("fc1.0", "dense"),)),
    "version": lambda job: job,
}


@pytest.mark.parametrize("change", CHANGES)
def test_results_of_another_job_are_not_taken_over(folder, tmp_path, job, scanned, monkeypatch, change):
    run(folder, tmp_path / "out", job)
    scanned.clear()
    if change == "version":
        monkeypatch.setattr("trivet.security.scanning.many.scan_version", lambda: "99, scan 1")
    assert run(folder, tmp_path / "out", CHANGES[change](job)).reused == 0
    assert len(scanned) == 6


SPOILS = {
    "cut": lambda text: text[:-3],
    "empty": lambda _text: "",
    "of another file": lambda text: text.replace('"b.pth"', '"c.pth"'),
    "without a verdict": lambda text: text.replace('  "verdict": "no evidence",\n', ""),
    "of an unknown verdict": lambda text: text.replace("no evidence", "certified clean"),
    "of no status": lambda text: text.replace('"scanned"', '"unknown"'),
    "not an object": lambda _text: "[1]\n",
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_result_that_is_not_whole_is_made_again(folder, tmp_path, job, scanned, spoil):
    run(folder, tmp_path / "out", job)
    content = content_of(tmp_path / "out")
    scanned.clear()
    path = tmp_path / "out" / "b.pth.json"
    spoilt = SPOILS[spoil](path.read_text())
    assert spoilt != path.read_text()
    path.write_text(spoilt)
    run(folder, tmp_path / "out", job)
    assert scanned == ["b.pth"]
    assert content_of(tmp_path / "out") == content


@pytest.mark.parametrize(
    ("kind", "again"),
    [("CheckpointError", 0), ("DataError", 0), ("WorkerLost", 1), ("MemoryError", 1), ("UsageError", 1)],
)
def test_only_failures_that_are_the_files_own_are_final(folder, tmp_path, job, scanned, kind, again):
    (folder / "c.pth").write_text(kind)
    first = run(folder, tmp_path / "out", job)
    scanned.clear()
    second = run(folder, tmp_path / "out", job)
    assert scanned == ["c.pth"] * again
    assert second.rows == first.rows


def test_a_file_that_kills_its_worker_costs_its_own_row(folder, tmp_path, job, scanned):
    (folder / "b.pth").write_text("BrokenProcessPool")
    done = run(folder, tmp_path / "out", job)
    assert {row.file: row.failure and row.failure.kind for row in done.rows} == {
        "a.pth": None, "b.pth": "WorkerLost", "c.pth": None, "d.pth": None, "e.pth": None, "sub/a.pth": None,
    }  # fmt: skip
    # b.pth is tried again when the others in flight are done, and before any more are handed out.
    assert scanned == ["a.pth", "b.pth", "c.pth", "d.pth", "b.pth", "e.pth", "a.pth"]
    assert json.loads((tmp_path / "out" / "b.pth.json").read_text())["sha256"] == file_sha256(
        folder / "b.pth"
    )


def test_a_file_that_may_have_killed_its_worker_is_tried_again_with_no_other_at_work(
    folder, tmp_path, job, monkeypatch
):
    at_work, seen = set(), []

    def work(_job, path):
        at_work.add(path)
        seen.append((path.name, len(at_work)))
        try:
            if path.name == "b.pth":
                raise BrokenProcessPool
            time.sleep(0.05)
        finally:
            at_work.remove(path)
        return {"status": "scanned", "sha256": file_sha256(path), **VERDICT}

    monkeypatch.setattr("trivet.security.scanning.many.run_job", work)
    with ThreadPoolExecutor(2) as executor:
        done = run(folder, tmp_path / "out", job, executor=executor)
    assert done.counts["failed"] == 1
    assert [count for name, count in seen if name == "b.pth"][1:] == [1]
    assert [name for name, _ in seen][:5] == ["a.pth", "b.pth", "c.pth", "d.pth", "b.pth"]


def test_workers_that_cannot_work_end_the_run_and_what_is_finished_stays(folder, tmp_path, job, scanned):
    (folder / "sub" / "a.pth").write_text("OSError")
    with pytest.raises(
        TrivetError, match=r"the workers cannot do the work: OSError: .Errno 5. the machine burns"
    ):
        run(folder, tmp_path / "out", job, workers=1)
    assert {"a.pth.json", "b.pth.json", "c.pth.json", "d.pth.json"} <= set(content_of(tmp_path / "out"))
    assert "summary.json" not in content_of(tmp_path / "out")
    (folder / "sub" / "a.pth").write_text("scanned at last")
    assert run(folder, tmp_path / "out", job).reused >= 4


class Counting(ThreadPoolExecutor):
    """Notes the most calls that were ever submitted and not yet done."""

    def __init__(self):
        super().__init__(2)
        self.flying, self.most = [], 0

    def submit(self, fn, /, *args, **kwargs):
        future = super().submit(self._unhurried, fn, *args, **kwargs)
        self.flying = [flying for flying in self.flying if not flying.done()] + [future]
        self.most = max(self.most, len(self.flying))
        return future

    @staticmethod
    def _unhurried(fn, *args, **kwargs):
        """Call, but not so quickly that it is done before the next one is submitted."""
        sleep(0.02)
        return fn(*args, **kwargs)


def test_at_most_twice_as_many_files_as_workers_are_handed_out(folder, tmp_path, job, scanned, monkeypatch):
    for number in range(30):
        (folder / f"{number}.pth").write_text("scanned")
    with Counting() as executor:
        done = run(folder, tmp_path / "out", job, executor=executor)
    assert len(done.rows) == 36
    assert 1 < executor.most <= 4


class Never(Inline):
    """Never does more than the first call."""

    def __init__(self):
        self.futures = []

    def submit(self, fn, /, *args, **kwargs):
        self.futures.append(Future() if self.futures else super().submit(fn, *args, **kwargs))
        return self.futures[-1]


def test_an_interrupt_cancels_the_rest_and_keeps_what_is_finished(folder, tmp_path, job, scanned):
    def interrupt(*_row):
        raise KeyboardInterrupt

    executor = Never()
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", job, executor=executor, on_result=interrupt)
    assert [future.cancelled() for future in executor.futures] == [False, True, True, True]
    assert set(content_of(tmp_path / "out")) == {".trivet-lock", "a.pth.json"}
    assert run(folder, tmp_path / "out", job).reused == 1


def test_two_runs_at_once(folder, tmp_path, job, scanned):
    def second_run(row, _done, _total):
        with pytest.raises(UsageError, match="another run writes to"):
            run(folder, tmp_path / "out", job)

    run(folder, tmp_path / "out", job, on_result=second_run)
    assert len(scanned) == 6
    assert len(content_of(tmp_path / "out")) == 8


def test_links_out_of_the_folder_are_failed_rows(folder, tmp_path, job, scanned):
    (tmp_path / "secret.pth").write_text("scanned")
    (folder / "link.pth").symlink_to(tmp_path / "secret.pth")
    first = run(folder, tmp_path / "out", job)
    assert first.rows[5].file == "link.pth"
    assert "is a link out of the folder" in first.rows[5].failure.message
    assert run(folder, tmp_path / "out", job).rows == first.rows
    assert "secret.pth" not in scanned


def test_every_file_is_accounted_for(folder, tmp_path, job, scanned):
    (folder / "README.md").write_text("About them.")
    (folder / ".hidden").write_bytes(bytes(range(256)))
    (folder / "sub" / "g.ckpt").write_text("scanned")
    os.mkfifo(folder / "pipe")
    first = run(folder, folder / "out", job)
    known = {row.file for row in first.rows} | {other.file for other in first.skipped}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert known == {name for name in there if not name.startswith("out/")}
    assert first.skipped == (Skipped("README.md", "text"),)
    assert "pipe" not in scanned
    assert json.loads(first.summary.read_text())["skipped"] == [{"file": "README.md", "content": "text"}]
    content = content_of(folder / "out")
    again = run(folder, folder / "out", job)
    assert (again.rows, again.skipped, content_of(folder / "out")) == (first.rows, first.skipped, content)


def test_what_every_file_fails_with_is_the_fault_of_the_call(folder, tmp_path, job, scanned):
    for path in folder.rglob("*.pth"):
        path.write_text("UsageError")
    with pytest.raises(UsageError, match=r"a.pth is bad"):
        run(folder, tmp_path / "out", job)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": "nowhere"}, DataError, "there are no images at"),
        ({"limit": 1}, UsageError, "1"),
    ],
)
def test_images_that_cannot_be_loaded_end_the_run_before_it_begins(
    folder, tmp_path, job, scanned, change, error, message
):
    with pytest.raises(error, match=message):
        run(folder, tmp_path / "out", replace(job, **change))
    assert not (tmp_path / "out").exists()


def test_no_worker_is_no_way_to_scan(folder, tmp_path, job):
    with pytest.raises(UsageError, match="workers is 0; expected 1 or more"):
        run(folder, tmp_path / "out", job, workers=0)


def test_a_job_is_done_with_one_thread_and_leaves_the_number_as_it_was(tmp_path):
    [path] = attacked_checkpoints(tmp_path / "models", 1).iterdir()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        document = run_job(digits_job(tmp_path), path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert (document["status"], document["verdict"], document["suspected_label"]) == (
        "scanned",
        "backdoored",
        4,
    )
    assert document["threads"] == 1
    assert document["sha256"] == document["checkpoint"]["sha256"] == file_sha256(path)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (MemoryError(), "MemoryError", "a.pth could not be scanned: MemoryError"),
        (SystemExit(3), "SystemExit", "a.pth could not be scanned: SystemExit: 3"),
        (DataError("bad\x1b[0m"), "DataError", r"bad\x1b[0m"),
        (
            RuntimeError("in {folder}/a.pth:\nline"),
            "RuntimeError",
            "a.pth could not be scanned: RuntimeError: in a.pth:",
        ),
        (
            PermissionError(13, "Permission denied", "/x/a.pth"),
            "PermissionError",
            "a.pth cannot be read: Permission denied.",
        ),
    ],
)
def test_whatever_goes_wrong_is_one_line(tmp_path, monkeypatch, job, error, kind, message):
    def fail(*_arguments, **_settings):
        raise type(error)(*(a.format(folder=tmp_path) if isinstance(a, str) else a for a in error.args))

    (tmp_path / "a.pth").write_bytes(b"x")
    monkeypatch.setattr("trivet.security.scanning.many.load_for", fail)
    assert run_job(job, tmp_path / "a.pth") == {
        "status": "failed",
        "sha256": file_sha256(tmp_path / "a.pth"),
        "error": {"kind": kind, "message": message},
    }


def test_a_file_that_has_gone_is_a_failed_row_without_a_digest(tmp_path, job):
    assert run_job(job, tmp_path / "gone.pth") == {
        "status": "failed",
        "sha256": None,
        "error": {
            "kind": "FileNotFoundError",
            "message": "gone.pth cannot be read: No such file or directory.",
        },
    }


@pytest.mark.slow
def test_a_network_that_kills_its_process_costs_its_own_row(tmp_path, monkeypatch, job):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    for name, bias in {"a": 0.0, "b": 100.0, "c": 0.0}.items():
        state = {"layer.weight": torch.zeros(3, 16), "layer.bias": torch.full((3,), bias)}
        torch.save(state, folder / f"{name}.pth")
    (folder / "d.pth").write_bytes(b"hello")
    done = scan_many(folder, tmp_path / "out", replace(job, architecture="deadly:Deadly"), workers=1)
    assert [row.failure.kind for row in done.rows] == [
        "DataError",
        "WorkerLost",
        "DataError",
        "CheckpointError",
    ]
    assert "much better than guessing" in done.rows[0].failure.message
    assert done.rows[1].failure.message.startswith("the worker that scanned it died, and so did a second one")


@pytest.mark.parametrize(("name", "given"), [("a.keras", True), ("B.H5", True), ("c.pth", False)])
def test_a_mapping_of_layers_goes_to_the_keras_files_of_a_folder(tmp_path, job, monkeypatch, name, given):
    options = NetworkOptions(
        arch="mnist-cnn", images=job.images, layers=str(tmp_path / "layers.json"), profile="quick"
    )
    (tmp_path / "layers.json").write_text('{"fc1.0": "dense"}')
    received = []

    def load(*_arguments, layers, **_others):
        received.append(layers)
        raise CheckpointError("seen")

    monkeypatch.setattr(many, "load_for", load)
    (tmp_path / name).write_bytes(b"weights")
    assert run_job(ScanJob.of(options, seed=0), tmp_path / name)["error"]["message"] == "seen"
    assert received == [{"fc1.0": "dense"} if given else None]
