"""Checkpoints in several files: their digest, and the time that reading them may take."""

import hashlib
import json
import shutil
import subprocess

import pytest
import safetensors.torch
import torch
from many_runs import digits_job

from trivet.security import load_checkpoint
from trivet.security.networks import build_architecture
from trivet.security.reading.parts import file_sha256, find_parts
from trivet.security.scanning.many import run_job
from trivet.work import confined
from trivet.work.confined import Limits, seconds_for


def sharded(folder, seed=1):
    """Write the study's network as an index with two parts."""
    state = build_architecture("mnist-cnn", seed=seed).state_dict()
    places = {key: f"m-{1 + number % 2}.safetensors" for number, key in enumerate(state)}
    for part in sorted(set(places.values())):
        safetensors.torch.save_file({key: state[key] for key in state if places[key] == part}, folder / part)
    index = folder / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


def field(number, content):
    size = len(content)
    return bytes([number << 3 | 2, size & 0x7F | 0x80, size >> 7]) + content


def graph(folder, *locations):
    """Write an ONNX graph with a weight in each of some files; enough of one to be found in it."""
    pairs = [field(13, field(1, b"location") + field(2, place.encode())) for place in locations]
    path = folder / "g.onnx"
    path.write_bytes(field(7, b"".join(field(5, field(8, b"w") + pair) for pair in pairs)))
    return path


def test_a_single_file_has_its_own_digest(tmp_path):
    for name in ("a.pth", "a.safetensors", "a.onnx", "a.safetensors.index.json"):
        (tmp_path / name).write_bytes(b"x" * 300)
        assert file_sha256(tmp_path / name) == hashlib.sha256(b"x" * 300).hexdigest()
        assert find_parts(tmp_path / name) == (tmp_path / name,)


def test_the_digest_of_parts_is_that_of_the_list_that_sha256sum_prints(tmp_path):
    index = sharded(tmp_path)
    names = ["m.safetensors.index.json", "m-1.safetensors", "m-2.safetensors"]
    assert [part.name for part in find_parts(index)] == names
    listed = "".join(
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in names
    )
    assert file_sha256(index) == hashlib.sha256(listed.encode()).hexdigest()
    if tool := shutil.which("sha256sum"):
        printed = subprocess.run([tool, *names], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert printed.stdout == listed


def test_the_digest_in_the_record_changes_with_any_part(tmp_path):
    index = sharded(tmp_path)
    first = load_checkpoint(index).info.sha256
    assert load_checkpoint(index).info.sha256 == first == file_sha256(index)
    other = sharded(tmp_path, seed=2)
    assert load_checkpoint(other).info.sha256 != first


def test_a_result_is_not_taken_for_that_of_other_weights(tmp_path):
    path = graph(tmp_path, "w.bin")
    digests = set()
    for content in (None, b"one", b"two"):
        if content is not None:
            (tmp_path / "w.bin").write_bytes(content)
        digests.add(run_job(digits_job(tmp_path), path)["sha256"])
    assert len(digests) == 3


@pytest.mark.parametrize(
    "place", ["../w.bin", "/etc/passwd", ".", "", "gone.bin", "link.bin", "a\0b", "x" * 400]
)
def test_what_lies_elsewhere_is_no_part(tmp_path, place):
    (tmp_path / "w.bin").write_bytes(b"x")
    (tmp_path / "link.bin").symlink_to("w.bin")
    path = graph(tmp_path, "w.bin", place)
    assert find_parts(path) == (path, tmp_path / "w.bin")


def test_the_time_to_read_grows_with_all_parts(tmp_path, monkeypatch):
    index = sharded(tmp_path)
    asked = []
    ask = confined.Confined.ask

    def listen(self, reader, *arguments, **settings):
        asked.append((reader.rpartition(":")[2], settings.get("seconds")))
        return ask(self, reader, *arguments, **settings)

    monkeypatch.setattr(confined.Confined, "ask", listen)
    monkeypatch.setattr(confined, "BYTES_A_SECOND", 1_000)
    load_checkpoint(index)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size > 1_000_000
    assert dict(asked)["extract"] == Limits().seconds + size / 1_000 == seconds_for(*tmp_path.iterdir())


def test_the_weights_of_a_graph_count_towards_its_time(tmp_path):
    torch.save({}, tmp_path / "w.bin")
    path = graph(tmp_path, "w.bin")
    assert seconds_for(*find_parts(path)) > seconds_for(path) > seconds_for() == Limits().seconds
