import os
import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import TrivetError, UsageError
from trivet.work.result_files import (
    hold_results,
    make_folder,
    make_subfolder,
    read_result,
    remove_result,
    result_name,
    write_new,
    write_result,
    write_text,
    write_whole,
)

NAMES = st.text(st.sampled_from("ab/~%2F-é\u202e\n\udcff"), min_size=1, max_size=300)
DOCUMENT = {"file": "é", "p_value": 0.1, "nothing": None, "labels": [1, 2.5e-7]}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("model_4.pth", "model_4.pth.json"),
        ("a/b c.pth", "a%2Fb%20c.pth.json"),
        ("a%2Fb.pth", "a%252Fb.pth.json"),
        ("é\udcff\n.pth", "%C3%A9%FF%0A.pth.json"),
    ],
)
def test_names_of_result_files(model, name):
    assert result_name(model) == name


@given(NAMES)
def test_every_name_is_one_that_file_systems_take(model):
    name = result_name(model)
    assert set(name) <= set(string.ascii_letters + string.digits + "-_.%~")
    assert len(name) <= 205


@given(NAMES, NAMES)
def test_no_two_models_share_a_name(first, second):
    assert (result_name(first) == result_name(second)) == (first == second)


def test_long_names_that_begin_alike_stay_apart():
    names = {result_name("x" * 190 + tail) for tail in ("a" * 100, "b" * 100, "a" * 101)}
    assert len(names) == 3


def test_what_is_written_comes_back_and_nothing_else_is_left(tmp_path):
    write_result(tmp_path / "a.json", {"old": 1})
    write_result(tmp_path / "a.json", DOCUMENT)
    assert read_result(tmp_path / "a.json") == DOCUMENT
    assert names_in(tmp_path) == ["a.json"]


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path):
    write_result(tmp_path / "a.json", DOCUMENT)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_result(tmp_path / "a.json", {"p_value": float("nan")})
    assert read_result(tmp_path / "a.json") == DOCUMENT
    assert names_in(tmp_path) == ["a.json"]


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    write_result(tmp_path / "a.json", DOCUMENT)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        TrivetError, match=r"was not written: No space left on device\. .* make room"
    ) as caught:
        write_result(tmp_path / "a.json", {"new": 1})
    assert caught.value.exit_code == 3
    assert names_in(tmp_path) == ["a.json"]
    assert read_result(tmp_path / "a.json") == DOCUMENT


def test_only_whole_results_are_read(tmp_path):
    path = tmp_path / "a.json"
    write_result(path, DOCUMENT)
    whole = path.read_bytes()
    spoilt = [
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b" ",
        b"",
        b"[1]\n",
        b"\xff",
        b"[" * 100_000,
        b'{"a": NaN}\n',
    ]
    for content in spoilt:
        path.write_bytes(content)
        assert read_result(path) is None
    assert read_result(tmp_path / "nowhere.json") is None
    assert read_result(tmp_path) is None


def test_what_a_killed_run_left_unfinished_is_removed(tmp_path):
    out = tmp_path / "new" / "out"
    with hold_results(out):
        pass
    (out / ".trivet-0123456789abcdef.tmp").write_text("half")
    write_result(out / "a.json", DOCUMENT)
    with hold_results(out):
        assert names_in(out) == [".trivet-lock", "a.json"]


def test_a_second_run_is_kept_out_until_the_first_has_ended(tmp_path):
    with hold_results(tmp_path):
        (tmp_path / ".trivet-0123456789abcdef.tmp").write_text("half")
        with pytest.raises(UsageError, match="another run writes to"), hold_results(tmp_path):
            pass
        assert (tmp_path / ".trivet-0123456789abcdef.tmp").exists()
    with hold_results(tmp_path):
        pass


def test_without_locks_nothing_of_another_run_is_removed(tmp_path, monkeypatch):
    def unsupported(*_arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    (tmp_path / ".trivet-0123456789abcdef.tmp").write_text("half")
    with hold_results(tmp_path):
        assert (tmp_path / ".trivet-0123456789abcdef.tmp").exists()


def test_removing_what_is_there_and_what_is_not(tmp_path):
    write_result(tmp_path / "a.json", DOCUMENT)
    remove_result(tmp_path / "a.json")
    remove_result(tmp_path / "a.json")
    assert names_in(tmp_path) == []
    (tmp_path / "a.json").mkdir()
    with pytest.raises(UsageError, match=r"the output folder .* cannot be written"):
        remove_result(tmp_path / "a.json")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match=r"the output folder .*file cannot be written"),
        hold_results(tmp_path / "file"),
    ):
        pass
    assert (tmp_path / "file").read_text() == ""


def test_a_full_disk_leaves_no_half_file(tmp_path):
    """The kernel itself cuts a file short, in a process of its own."""
    write_whole(tmp_path / "a", b"before")
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from trivet.work.result_files import write_whole\n"
        "from trivet.errors import TrivetError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_whole(Path(sys.argv[1]), bytes(10_000))\n"
        "except TrivetError as error: print(error.exit_code, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("3 ")
    assert "File too large" in done.stdout
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"before"


@pytest.mark.parametrize("write", [write_whole, lambda path, content: write_text(path, content.decode())])
def test_nothing_is_written_through_a_link_or_onto_a_pipe(tmp_path, write):
    victim, out = tmp_path / "victim", make_folder(tmp_path / "out")
    victim.write_bytes(b"precious")
    (out / "a").symlink_to(victim)
    (out / "b").symlink_to(tmp_path / "not there yet")
    (out / "c").symlink_to("/dev/full")
    os.mkfifo(out / "d")
    for name in "abcd":
        assert write(out / name, b"new").read_bytes() == b"new"
        assert not (out / name).is_symlink()
    assert victim.read_bytes() == b"precious"
    assert names_in(tmp_path) == ["out", "victim"]


def test_the_folder_that_is_named_may_be_a_link_and_none_below_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to("real")
    out = make_folder(tmp_path / "named")
    assert make_subfolder(out, "figures").is_dir()
    (tmp_path / "elsewhere").mkdir()
    (out / "other").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="other is a link, and nothing is written through links"):
        make_subfolder(out, "other")
    assert names_in(tmp_path / "real") == ["figures", "other"]


def test_the_lock_is_no_link_and_no_pipe(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".trivet-lock").symlink_to(tmp_path / "victim")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / ".trivet-lock")
    for name in "ab":
        with pytest.raises(UsageError, match="cannot be written"), hold_results(tmp_path / name):
            pass
    assert names_in(tmp_path) == ["a", "b"]


def test_a_new_file_replaces_nothing(tmp_path):
    assert write_new(tmp_path / "a", b"1").read_bytes() == b"1"
    (tmp_path / "b").symlink_to("nowhere")
    for name in "ab":
        with pytest.raises(UsageError, match="exists already and was left alone"):
            write_new(tmp_path / name, b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert names_in(tmp_path) == ["a", "b"]


def test_a_new_file_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert write_new(tmp_path / "a", b"1").read_bytes() == b"1"
    with pytest.raises(UsageError, match="left alone"):
        write_new(tmp_path / "a", b"2")
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "a/b" * 3_000])
def test_names_that_no_file_has_are_one_line(tmp_path, name):
    for act in (make_folder, lambda path: write_whole(path, b""), lambda path: write_whole(path / "x", b"")):
        with pytest.raises(UsageError, match="cannot be written") as caught:
            act(tmp_path / name)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 700
    assert names_in(tmp_path) == []


def test_half_a_character_is_written_as_its_escape(tmp_path):
    assert write_text(tmp_path / "a", "\udcff").read_bytes() == b"\\udcff"
    write_result(tmp_path / "b.json", {"file": "\udcff"})
    assert read_result(tmp_path / "b.json") == {"file": "\udcff"}
