"""Paths of each kind, and what commands say of them."""

import os
import socket

import pytest

from trivet.cli import main
from trivet.errors import DataError
from trivet.work import bounded
from trivet.work.bounded import FILE, FOLDER, kind_of, require_path


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A thing of each kind, by its name, and a link that leads to itself."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.mkfifo("pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        yield tmp_path


KINDS = {
    "file": FILE,
    "folder": FOLDER,
    "pipe": "a named pipe",
    "socket": "a socket",
    "/dev/null": "a device",
    "link": "a link that leads nowhere",
    "gone": None,
    "file/below": None,
    "a\0b": None,
}


@pytest.mark.parametrize(("path", "kind"), KINDS.items())
def test_what_a_path_leads_to(places, path, kind):
    assert kind_of(path) == kind
    if kind != FILE:
        said = "there is no thing at " if kind is None else f" is not a file but {kind}; look again."
        with pytest.raises(DataError, match=r"^[^\n]+$") as caught:
            require_path(places / path, "thing", error=DataError, advice="look again")
        assert said in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("loop/x", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("file", "Permission denied"),
    ],
)
def test_what_cannot_be_seen_or_read_is_not_said_to_be_missing(places, monkeypatch, path, why):
    monkeypatch.setattr(bounded.os, "access", lambda *_: False)
    with pytest.raises(DataError, match=rf"^the thing .* cannot be read: {why}\.$"):
        require_path(places / path, "thing", error=DataError)


@pytest.mark.parametrize(
    "command",
    [
        "scan PATH --arch mnist-cnn",
        "scan --many PATH --arch mnist-cnn --out o",
        "repair PATH --arch mnist-cnn --out o",
        "run --checkpoint PATH --out o",
        "run --archive PATH --model-index 4 --out o",
        "run PATH --out o",
        "view PATH",
        "scan file --arch mnist-cnn --images PATH",
        "privacy ledger PATH",
    ],
)
@pytest.mark.parametrize(
    ("path", "said"), [("pipe", "a named pipe"), ("loop/x", "Too many levels of symbolic links")]
)
def test_no_command_says_that_a_pipe_or_a_lock_is_missing(places, capsys, command, path, said):
    with pytest.raises(SystemExit) as left:
        main([path if token == "PATH" else token for token in command.split()])
    assert left.value.code in {2, 3}
    error = capsys.readouterr().err
    assert "there is no" not in error
    assert "there are no" not in error
    assert said in error
