"""The child process for untrusted files: answers, limits, deaths and what is left behind."""

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from trivet.errors import CheckpointError, DataError
from trivet.work.confined import Confined, Limits

resource = pytest.importorskip("resource")

READERS = """
import ctypes, os, signal, sys, time
from trivet.errors import CheckpointError

seen = []

def echo(request, folder):
    seen.append(request)
    print("a library prints this")
    os.write(1, b"and this")
    return {"request": request, "seen": len(seen), "modules": sorted(sys.modules)}

def leave(request, folder):
    (folder / "left.bin").write_bytes(b"x" * request["bytes"])

def link(request, folder):
    (folder / "link.bin").symlink_to("/etc/hostname")

def fail(request, folder):
    raise CheckpointError("expected a, found b\\x1b[31m\\n::error::")

def damaged(request, folder):
    raise KeyError("a" * 10_000)

def system(request, folder):
    raise OSError(request["errno"], os.strerror(request["errno"]), "a")

def deep(request, folder):
    return deep(request, folder)

def memory(request, folder):
    return len(bytearray(request["bytes"]))

def spin(request, folder):
    while True:
        pass

def sleep(request, folder):
    time.sleep(60)

def kill(request, folder):
    os.kill(os.getpid(), request["signal"])
    time.sleep(60)

def crash(request, folder):
    ctypes.string_at(0)

def leave_early(request, folder):
    os._exit(3)

def long(request, folder):
    return "x" * (32 * 2**20)

def strange(request, folder):
    return {1j}
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Confined]:
    (tmp_path / "readers_of_a_test.py").write_text(READERS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with Confined(Limits(memory_mib=512, seconds=1, file_mib=4)) as confined:
        yield confined


def _ask(child: Confined, reader: str, **request: object) -> object:
    return child.ask(f"readers_of_a_test:{reader}", request, name="a.bin")


def test_one_child_answers_many_requests_whatever_libraries_print(child: Confined) -> None:
    first = _ask(child, "echo", text='ä "\n\udcff')
    second = _ask(child, "echo")
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["request"] == {"text": 'ä "\n\udcff'}
    assert (first["seen"], second["seen"]) == (1, 2)
    assert not {"torch", "matplotlib", "numpy"} & set(second["modules"])


def test_files_stay_until_the_end_and_not_longer(child: Confined) -> None:
    _ask(child, "leave", bytes=5)
    assert child.file("left.bin").read_bytes() == b"xxxxx"
    assert child.folder.stat().st_mode & 0o077 == 0
    child.close()
    assert not child.folder.exists()


def test_a_link_is_not_taken_for_a_file(child: Confined) -> None:
    _ask(child, "link")
    with pytest.raises(DataError, match=r"left no link\.bin"):
        child.file("link.bin")


def test_an_error_of_trivet_keeps_type_and_message_in_one_line(child: Confined) -> None:
    with pytest.raises(CheckpointError) as caught:
        _ask(child, "fail")
    assert str(caught.value) == r"expected a, found b\x1b[31m\n::error::"


@pytest.mark.parametrize(
    ("reader", "request_", "words"),
    [
        ("damaged", {}, "cannot be read; it may be damaged"),
        ("deep", {}, "RecursionError"),
        ("system", {"errno": 13}, "cannot be read: Permission denied."),
        ("system", {"errno": 28}, "No space left on device; free some space, or name another folder"),
        ("system", {"errno": 12}, "takes more than 512 MiB of memory"),
        ("absent", {}, "AttributeError"),
        ("memory", {"bytes": 2**31}, "takes more than 512 MiB of memory"),
        ("leave", {"bytes": 8 * 2**20}, "writes more than 4 MiB"),
        ("kill", {"signal": 9}, "SIGKILL"),
        ("kill", {"signal": 6}, "crashed (SIGABRT)"),
        ("crash", {}, "crashed (SIGSEGV)"),
        ("leave_early", {}, "exit status 3"),
        ("long", {}, "too long"),
        ("strange", {}, "TypeError"),
    ],
)
def test_every_death_is_one_line_and_the_next_request_is_answered(
    child: Confined, reader: str, request_: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError) as caught:
        _ask(child, reader, **request_)
    said = str(caught.value)
    assert said.startswith("a.bin ")
    assert words in said
    assert "\n" not in said
    assert len(said) < 1_000
    assert _ask(child, "memory", bytes=1) == 1


def test_processor_time_is_limited_for_each_request(child: Confined) -> None:
    assert _ask(child, "memory", bytes=1) == 1
    with pytest.raises(DataError, match="took more than"):
        _ask(child, "spin")
    assert _ask(child, "memory", bytes=1) == 1


def test_a_reader_that_waits_is_ended_too(child: Confined) -> None:
    started = time.monotonic()
    with pytest.raises(DataError, match=r"took more than 0\.8 s"):
        child.ask("readers_of_a_test:sleep", {}, name="a.bin", seconds=0.2)
    assert time.monotonic() - started < 10


def test_the_error_of_a_death_can_be_chosen(child: Confined) -> None:
    with pytest.raises(CheckpointError):
        child.ask("readers_of_a_test:damaged", {}, name="a.bin", error=CheckpointError)


def test_it_works_from_another_folder_with_a_hostile_module_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "json.py").write_text("raise SystemExit(1)", encoding="utf-8")
    monkeypatch.chdir(here)
    with Confined() as child, pytest.raises(DataError, match="TypeError"):
        child.ask("json:dumps", {}, name="a.bin")


def test_a_system_without_limits_is_named_once(child: Confined, monkeypatch: pytest.MonkeyPatch) -> None:
    from trivet.work import confined  # noqa: PLC0415 - its private list of what was said

    monkeypatch.setattr(confined, "_warned", set[str]())
    with pytest.warns(RuntimeWarning, match="does not limit memory"):
        confined._warn_once(["memory"])
    confined._warn_once(["memory"])


def test_the_limits_of_a_system_without_resource() -> None:
    from trivet.work.confined_child import limit  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "resource", None)
        assert "memory" in limit({"file_mib": 1, "memory_mib": 1, "processes": False})


def test_a_start_costs_little_processor_time() -> None:
    before = os.times()
    with Confined() as child, pytest.raises(DataError):
        child.ask("json:loads", {}, name="a")
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.3
