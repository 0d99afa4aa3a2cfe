import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.work.result_files import hold_results, read_result, remove_result, result_name, write_result

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

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UsageError, match=r"cannot be written: No space left on device. Choose another"):
        write_result(tmp_path / "a.json", DOCUMENT)
    assert names_in(tmp_path) == []


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
