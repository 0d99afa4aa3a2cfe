import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from types import SimpleNamespace

import pytest
import rarfile

from trivet.errors import CheckpointError, UsageError
from trivet.security import index_from_student_id
from trivet.security.reading import archive as archive_module
from trivet.security.reading import archive as members
from trivet.security.reading.archive import LIMITS, ask_for_member
from trivet.work.confined import Confined

GOOD = "models/poisoned_model_4.pth"


def read_checkpoint(path, index):
    """Return a member's name and its content."""
    with Confined(LIMITS) as child:
        name, member = ask_for_member(child, path, index)
        return SimpleNamespace(name=name, content=member.read_bytes())


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def write_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def extract(path, index=4):
    """Read in this process, where limits can be changed."""
    return archive_module.extract({"path": str(path), "index": index}, path.parent)


def link(name, kind, target="../../secret"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("name", [GOOD, "poisened_model_4.pth", "a/b/POISONED_model_4.safetensors"])
def test_both_spellings_are_found_in_zip_and_tar(tmp_path, name):
    members = [("models/poisoned_model_3.pth", b"three"), (name, b"four"), ("readme.txt", b"hello")]
    for path in (write_zip(tmp_path / "a.zip", members), write_tar(tmp_path / "a.tar", members)):
        member = read_checkpoint(path, 4)
        assert member.content == b"four"
        assert member.name == name.rpartition("/")[2]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_compressed_tars_are_read(tmp_path, mode):
    path = write_tar(tmp_path / "no-telling-name", [(GOOD, b"four" * 1000)], mode)
    assert read_checkpoint(path, 4).content == b"four" * 1000


def test_the_real_archive(reference):
    path = reference / "poisened_models.rar"
    member = read_checkpoint(path, 4)
    assert member.name == "poisened_model_4.pth"
    assert member.content == (reference / "checkpoints" / member.name).read_bytes()
    with pytest.raises(CheckpointError, match=r"no checkpoint of model 5: .* models found: 0, 2, 4, 7, 8"):
        read_checkpoint(path, 5)


def test_a_truncated_rar(reference, tmp_path):
    short = tmp_path / "short.rar"
    short.write_bytes((reference / "poisened_models.rar").read_bytes()[:2_000_000])
    with pytest.raises(CheckpointError, match=r"short.rar"):
        read_checkpoint(short, 8)


@pytest.mark.parametrize(
    "name",
    ["../poisoned_model_4.pth", "a/../../x", "/etc/passwd", "C:\\x", "..\\x", "\\\\host\\share\\x", "a\0b"],
)
def test_one_name_that_points_out_refuses_the_whole_archive(tmp_path, name):
    path = write_zip(tmp_path / "slip.zip", [(GOOD, b"four")])
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("harmless")
        info.filename = name
        archive.writestr(info, b"x")
    with pytest.raises(CheckpointError, match="points out of its folder"):
        read_checkpoint(path, 4)
    assert [entry.name for entry in tmp_path.iterdir()] == ["slip.zip"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_refuse_the_whole_archive(tmp_path, kind):
    path = write_tar(tmp_path / "link.tar", [(GOOD, b"four"), (link("models/x", kind), b"")])
    with pytest.raises(CheckpointError, match="is a link or a special file"):
        read_checkpoint(path, 4)


def test_a_link_in_a_zip_is_refused(tmp_path):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("poisoned_model_4.pth")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CheckpointError, match="is a link or a special file"):
        read_checkpoint(path, 4)


def test_a_bomb_is_refused_by_its_ratio_before_it_is_unpacked(tmp_path):
    path = write_zip(tmp_path / "bomb.zip", [(GOOD, bytes(30_000_000))])
    with pytest.raises(CheckpointError, match="as a decompression bomb does"):
        read_checkpoint(path, 4)


@pytest.mark.parametrize("opener", [gzip.open, bz2.open, lzma.open])
def test_a_tar_that_unpacks_too_far_is_stopped(tmp_path, monkeypatch, opener):
    monkeypatch.setattr(archive_module, "MAX_TOTAL_BYTES", 100_000)
    monkeypatch.setattr(archive_module, "MAX_MEMBERS", 10)
    plain = write_tar(tmp_path / "plain.tar", [("x" * 300_000, b"the name alone is too long")])
    path = tmp_path / "bomb.tar.gz"
    with opener(path, "wb") as stream:
        stream.write(plain.read_bytes())
    with pytest.raises(CheckpointError, match="far more than is needed"):
        extract(path)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "MAX_MEMBERS", 3)
    path = write_zip(tmp_path / "many.zip", [(f"{n}.txt", b"") for n in range(4)])
    with pytest.raises(CheckpointError, match="more than 3 parts"):
        extract(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a rar, zip or tar archive"),
        (b"hello, world", "is not a rar, zip or tar archive"),
        (b"PK\x03\x04" + bytes(40), "cannot be read"),
        (b"\x1f\x8b" + bytes(40), "cannot be read"),
        (b"Rar!\x1a\x07\x00" + bytes(40), "bad.bin"),
    ],
)
def test_what_is_no_archive(tmp_path, content, message):
    path = tmp_path / "bad.bin"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path, 4)


def test_a_truncated_zip_and_a_truncated_tar(tmp_path):
    whole = write_zip(tmp_path / "whole.zip", [(GOOD, bytes(range(256)) * 100)])
    (tmp_path / "short.zip").write_bytes(whole.read_bytes()[:-30])
    tar = write_tar(tmp_path / "whole.tar.gz", [(GOOD, bytes(range(256)) * 1000)], "w:gz")
    (tmp_path / "short.tar.gz").write_bytes(tar.read_bytes()[:-30])
    for name in ("short.zip", "short.tar.gz"):
        with pytest.raises(CheckpointError, match=name):
            read_checkpoint(tmp_path / name, 4)


def test_two_members_for_one_model_are_not_guessed_between(tmp_path):
    path = write_zip(tmp_path / "two.zip", [(GOOD, b"a"), ("other/poisened_model_4.pth", b"b")])
    with pytest.raises(CheckpointError, match="holds 2 checkpoints of model 4"):
        read_checkpoint(path, 4)


def test_a_missing_archive(tmp_path):
    with pytest.raises(CheckpointError, match="there is no archive at"):
        read_checkpoint(tmp_path / "nowhere.rar", 4)


def test_a_missing_unpacking_tool_is_named(reference, tmp_path, monkeypatch):
    def no_tool(*_arguments, **_settings):
        raise rarfile.RarCannotExec("no tool")

    monkeypatch.setattr(rarfile.RarFile, "open", no_tool)
    with pytest.raises(CheckpointError, match=r"Install one of unrar, unar, 7z or bsdtar"):
        archive_module.extract({"path": str(reference / "poisened_models.rar"), "index": 4}, tmp_path)


def test_the_student_id_names_the_model_by_its_last_digit():
    assert index_from_student_id("810101504") == 4
    assert index_from_student_id(" 120 ") == 0
    for wrong in ("", "abc", "81010150x", "12٣"):
        with pytest.raises(UsageError, match="does not end in a digit"):
            index_from_student_id(wrong)
