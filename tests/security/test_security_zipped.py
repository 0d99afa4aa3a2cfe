import io
import zipfile

import pytest

from trivet.errors import CheckpointError
from trivet.security.reading import archive as members
from trivet.security.reading.zipped import open_zip


def packed(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream


def test_the_folder_around_everything_is_left_out():
    with open_zip(packed({"root/a": b"1", "root/b/c": b"22"}), "x.pth") as archive:
        assert archive.sizes == {"a": 1, "b/c": 2}
        assert archive.read("b/c", at_most=2) == b"22"
    with open_zip(packed({"a": b"1", "b/c": b"22", "d/": b""}), "x.pth") as archive:
        assert archive.sizes == {"a": 1, "b/c": 2}


def test_no_more_is_read_than_was_asked_for():
    with open_zip(packed({"a": b"12345"}), "x.pth") as archive:
        with pytest.raises(CheckpointError, match="unpacks to 5 bytes, where at most 4 are expected"):
            archive.read("a", at_most=4)
        with pytest.raises(CheckpointError, match=r"its part b\\n is missing"):
            archive.read("b\n", at_most=4)


def test_too_many_parts(monkeypatch):
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    with open_zip(packed({"a": b"", "b": b""}), "x.pth"):
        pass
    with (
        pytest.raises(CheckpointError, match="more than 2 parts"),
        open_zip(packed({"a": b"", "b": b"", "c": b""}), "x.pth"),
    ):
        pass
