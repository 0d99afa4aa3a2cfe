"""Finished parts of an audit: taken over where nothing that key on them changed, else made again."""

from dataclasses import dataclass

import numpy as np
import pytest

from trivet.audit import keep_parts
from trivet.audit.by_leg import audit_security, code_digest, path_digest
from trivet.audit.parts import Made, PartFile, read_part, write_part
from trivet.config.config import SecuritySection
from trivet.datasets.images import ImageSet
from trivet.security.checkpoint import Checkpoint, CheckpointInfo, ScanInput
from trivet.security.settings import ScanSettings


@dataclass(frozen=True)
class Value:
    numbers: tuple[float, ...]
    name: str | None


VALUE = Value((0.1, 1e-300, 2 / 3), "Ünïcode\n")


class Making:
    def __init__(self, value=VALUE):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return Made(self.value, {"a": np.arange(6, dtype=np.float32).reshape(2, 3)})


def make(out, making, key, *, told=None):
    with keep_parts(out, progress=lambda *told_: told is not None and told.append(told_)) as parts:
        return parts.cached("leg-part", Value, key, making)


def test_a_part_is_taken_over_with_its_arrays_while_the_same_decides_on_it(tmp_path):
    making, told = Making(), []
    first = make(tmp_path, making, {"seed": 1}, told=told)
    again = make(tmp_path, making, {"seed": 1}, told=told)
    assert making.times == 1
    assert again.value == first.value == VALUE
    np.testing.assert_array_equal(again.arrays["a"], first.arrays["a"])
    assert told == [("leg", "part taken over from a run that did not end", 1.0)]
    make(tmp_path, making, {"seed": 2})
    assert making.times == 2


@pytest.mark.parametrize("place", [0, 70, -1])
def test_a_damaged_part_is_made_again(tmp_path, place):
    making = Making()
    make(tmp_path, making, {})
    path = tmp_path / ".parts" / "leg-part.part"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert make(tmp_path, making, {}).value == VALUE
    assert making.times == 2
    path.write_bytes(content[: len(content) // 2])
    assert make(tmp_path, making, {}).value == VALUE
    path.write_bytes(b"")
    assert make(tmp_path, making, {}).value == VALUE
    assert making.times == 4


def test_what_would_not_come_back_the_same_is_not_kept(tmp_path):
    make(tmp_path, Making(Value((float("nan"),), None)), {})
    assert not (tmp_path / ".parts").exists()


def test_parts_stay_until_the_audit_is_done(tmp_path):
    def fail():
        raise KeyError

    with keep_parts(tmp_path) as parts:
        parts.cached("leg", Value, {}, Making())
        with pytest.raises(KeyError):
            parts.cached("other", Value, {}, fail)
    assert (tmp_path / ".parts" / "leg.part").is_file()
    (tmp_path / ".trivet-0123.tmp").write_bytes(b"half a record")
    with keep_parts(tmp_path) as parts:
        parts.remove()
    assert not list(tmp_path.iterdir())


def test_a_part_without_arrays_and_a_file_that_is_none(tmp_path):
    write_part(tmp_path / "a.part", PartFile({"key": "ö"}, {}))
    assert read_part(tmp_path / "a.part").document == {"key": "ö"}
    assert read_part(tmp_path / "b.part") is None
    assert read_part(tmp_path) is None


def test_digests_are_of_content_not_of_times_and_places(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "cat").mkdir(parents=True)
        (tmp_path / name / "cat" / "1.png").write_bytes(b"x")
    assert path_digest(tmp_path / "one") == path_digest(tmp_path / "two")
    (tmp_path / "two" / "cat" / "1.png").rename(tmp_path / "two" / "cat" / "2.png")
    assert path_digest(tmp_path / "one") != path_digest(tmp_path / "two")
    database = tmp_path / "d.duckdb"
    database.write_bytes(b"y")
    assert path_digest(f"{database}:table") == path_digest(database)
    assert path_digest(tmp_path / "nowhere") is None


def test_the_layers_of_a_keras_file_count_by_what_the_mapping_says(tmp_path, monkeypatch):
    path = tmp_path / "layers.json"
    info = CheckpointInfo("file", "a.h5", "0", "m:n", 1, None)
    images = ImageSet("i", np.zeros((2, 1, 2, 2), np.uint8), np.arange(2), 2)
    subject = ScanInput(Checkpoint(None, info), images, None)
    monkeypatch.setattr("trivet.security.calls.load_scanned", lambda *_, **__: subject)
    section = SecuritySection(scan=ScanSettings(checkpoint=tmp_path / "a.h5", arch="m:n", layers=str(path)))

    class AskedError(Exception):
        def cached(self, _name, _kind, key, _make):
            raise AskedError(key)

    def key():
        with pytest.raises(AskedError) as found:
            audit_security(section, study=False, seed=0, parts=AskedError(), progress=lambda *_: None)
        return found.value.args

    path.write_text('{"head": "dense"}')
    before = key()
    assert key() == before
    path.write_text('{"head": "dense_1"}')
    assert key() != before


def test_code_of_ones_own_counts_by_its_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def make(): return 1\n")
    before = code_digest("mine:make")
    (tmp_path / "mine.py").write_text("def make(): return 2\n")
    assert None is not before != code_digest("mine:make")
    (tmp_path / "config.json").write_text("{}")
    before = code_digest(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    assert None is not before != code_digest(f"hf:{tmp_path}")
    assert code_digest("mnist-cnn") is None
    assert code_digest(None) is None
