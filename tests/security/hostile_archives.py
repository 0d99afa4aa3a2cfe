"""Zips, tars and safetensors: those that point elsewhere, claim more than they hold, or are broken."""

import io
import json
import struct
import tarfile
import warnings
import zipfile
from functools import partial

import torch
from hostile_case import Case, raw, runs
from hostile_pickles import state

LIED = 2**32 - 2


def rezipped(change):
    """Return the builder of a `.pth` whose parts went through `change(archive, part, content)`."""

    def build(folder):
        stream = io.BytesIO()
        torch.save(state(), stream)
        with zipfile.ZipFile(stream) as old, zipfile.ZipFile(folder / "a.pth", "w") as new:
            for info in old.infolist():
                change(new, info.filename.partition("/")[2], old.read(info))
        return folder / "a.pth"

    return build


def with_part(name, content, *, of="data.pkl"):
    """Put a further part behind the one called `of`, or in its place where it has the same name."""

    def change(archive, part, old):
        if f"a/{part}" != name:
            archive.writestr(f"a/{part}", old)
        if part == of:
            archive.writestr(name, content)

    return rezipped(change)


def bomb(archive, part, old):
    archive.writestr(f"a/{part}", bytes(2**23) if part == "data/0" else old, zipfile.ZIP_DEFLATED)


def liar(archive, part, old):
    """Claim four gigabytes in the directory for a storage of a few bytes."""
    archive.writestr(f"a/{part}", old)
    if part == "data/0":
        archive.filelist[-1].file_size = archive.filelist[-1].compress_size = LIED


def shorter(archive, part, old):
    archive.writestr(f"a/{part}", old[:8] if part == "data/0" else old)


def locked(archive, part, old):
    archive.writestr(f"a/{part}", old)
    archive.filelist[-1].flag_bits |= 1


def doubled(folder):
    path = with_part("a/more", b"x")(folder)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("a/data.pkl", b"x")
    return path


def truncated(folder):
    path = with_part("a/more", b"x")(folder)
    path.write_bytes(path.read_bytes()[:-300])
    return path


def symlink():
    info = zipfile.ZipInfo("a/link")
    info.external_attr = 0o120777 << 16
    return info


def long_directory(folder):
    """A zip whose directory, which is read before it can be judged, takes five megabytes."""
    with zipfile.ZipFile(folder / "a.pth", "w") as archive:
        for n in range(90):
            archive.writestr(f"{n}".ljust(60_000, "x"), b"")
    return folder / "a.pth"


def safetensor(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return raw(struct.pack("<Q", len(text) if length is None else length) + text + body, "a.safetensors")


def described(shape, start, end, dtype="F32"):
    return {"fc2.0.bias": {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}}


def zipped(name, content):
    def build(folder):
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content(folder) if callable(content) else content)
        return folder / "a.zip"

    return build


def tarred(name, kind):
    def build(folder):
        with tarfile.open(folder / "a.tar", "w") as archive:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../../secret"
            archive.addfile(info)
        return folder / "a.tar"

    return build


def archived_code(folder):
    stream = io.BytesIO()
    torch.save({"a": runs(folder)}, stream)
    return stream.getvalue()


def bzip2(archive, part, old):
    """Python unpacks such a member in one go, however much it becomes."""
    archive.writestr(f"a/{part}", old, zipfile.ZIP_BZIP2 if part == "data/0" else zipfile.ZIP_STORED)


def not_utf8(folder, name):
    """A name that is said to be UTF-8 and is not."""
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("\u00ff\u00ff", b"abcd")
    (folder / name).write_bytes((folder / name).read_bytes().replace("\u00ff".encode(), b"\xff\xfe"))
    return folder / name


def nameless(folder, name):
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, 0, 0, 0, 0, 0)
    central = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 33, *[0] * 10)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(local), 0)
    (folder / name).write_bytes(local + central + end)
    return folder / name


def header(kind, size):
    """Return the header of a tar's member with a size in the binary notation."""
    block = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\x80" + size.to_bytes(11, "big")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


MODEL = "poisoned_model_4.pth"
ENDLESS = 2**80

CASES = [
    Case("a weight that unpacks without end", rezipped(bomb), "as a decompression bomb does"),
    Case("a weight of four gigabytes, so it says", rezipped(liar), "at most 20.3 MiB are read"),
    Case("a weight shorter than it should be", rezipped(shorter), "bytes into 8 bytes of numbers"),
    Case(
        "a part that points out", with_part("../../evil", b"x"), "'../../evil' in it points out of its folder"
    ),
    Case("a part with a drive", with_part("C:\\evil", b"x"), "points out of its folder"),
    Case("a part that is a link", with_part(symlink(), "../../secret"), "is a link or a special file"),
    Case("a part that comes twice", doubled, "holds 'a/data.pkl' twice"),
    Case("a part that is locked", rezipped(locked), "is encrypted"),
    Case(
        "the other order of bytes",
        with_part("a/byteorder", b"middle", of="byteorder"),
        "neither little nor big",
    ),
    Case(
        "a program without weights",
        with_part("a/models/model.json", b"{}"),
        "exported program without weights",
    ),
    Case("a truncated zip", truncated, "its zip cannot be read"),
    Case("a zip of something else", with_part("a/data.pkl", b"", of="x"), "is a zip of something else"),
    Case("a zip with a directory too long", long_directory, "a zip's directory, takes more than 4 MiB"),
    Case("a header without end", safetensor({}, length=2**60), "its header takes more than 4 MiB"),
    Case("a header that is no JSON", safetensor(b"{{{{{{{{"), "is not a valid safetensors file"),
    Case("numbers that are not there", safetensor(described([10], 0, 40)), "is not a valid safetensors file"),
    Case(
        "numbers of another shape", safetensor(described([99], 0, 40), bytes(40)), "not a valid safetensors"
    ),
    Case(
        "an enormous shape",
        safetensor(described([2**40, 2**40], 0, 40), bytes(40)),
        "not a valid safetensors",
    ),
    Case("a layer alone", safetensor(described([10], 0, 40), bytes(40)), "conv1.0.weight is missing"),
    Case(
        "safetensors that are a pickle",
        raw(b"\x80\x02" + bytes(100), "a.safetensors"),
        "cannot be read as a PyTorch checkpoint",
    ),
    Case(
        "an archive with a zip-slip", zipped("../poisoned_model_4.pth", b"x"), "points out", in_archive=True
    ),
    Case("an archive with a bomb", zipped(MODEL, bytes(2**23)), "a decompression bomb does", in_archive=True),
    Case(
        "an archive with a name without end",
        zipped("../" + "x" * 60_000, b"x"),
        "xxxx…' in it points",
        in_archive=True,
    ),
    Case("an archive with a directory too long", long_directory, "takes more than 4 MiB", in_archive=True),
    Case("an archive with a symlink", tarred(MODEL, tarfile.SYMTYPE), "is a link", in_archive=True),
    Case("an archive with a hard link", tarred(MODEL, tarfile.LNKTYPE), "is a link", in_archive=True),
    Case("an archive with a device", tarred(MODEL, tarfile.CHRTYPE), "is a link", in_archive=True),
    Case("a weight packed by bzip2", rezipped(bzip2), "packed by another method than deflate"),
    Case("a part whose name is not what it says", partial(not_utf8, name="a.pth"), "its zip cannot be read"),
    Case("a part without a name", partial(nameless, name="a.pth"), "is a zip of something else"),
    Case(
        "an archive with a name that is not what it says",
        partial(not_utf8, name="a.zip"),
        "UnicodeDecodeError",
        in_archive=True,
    ),
    Case(
        "an archive with a part without a name",
        partial(nameless, name="a.zip"),
        "no checkpoint of model 4",
        in_archive=True,
    ),
    *(
        Case(
            f"an endless member of type {kind}",
            raw(header(kind, ENDLESS), "a.tar"),
            "a.tar",
            in_archive=True,
        )
        for kind in (b"0", b"x", b"g", b"L", b"K", b"S", b"5")
    ),
    Case("an archive with code", zipped(MODEL, archived_code), "'posix.system'", in_archive=True),
    Case("an archive that is none", raw(b"hello", "a.zip"), "is not a rar, zip or tar", in_archive=True),
    Case(
        "an archive without the model",
        zipped("readme.txt", b"x"),
        "no checkpoint of model 4",
        in_archive=True,
    ),
]
