"""What trivet reads of other people's making: for each kind, how odd ones are made and what reads them."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from mutations import (
    changed_pickle,
    changed_tree,
    damaged,
    instructions,
    odd_tar,
    odd_zip,
    sound_zip,
    zip_members,
)

from trivet.errors import TrivetError

LEDGER: Final = "budget.db"


@dataclass(frozen=True)
class Surface:
    """One kind of input: what makes an odd one in a folder, what reads it, and what makes a sound one."""

    make: Callable[[Random, Path], Any]
    read: Callable[[Any], object]
    sound: Callable[[Path], Any]


class FaultError(Exception):
    """A command that ended as no command may."""


def command(*arguments: str) -> None:
    """Run a command line in this process; a refusal is raised as a TrivetError with its one line."""
    from trivet.cli.main import main  # noqa: PLC0415 - commands are loaded where one is run

    said, code = io.StringIO(), 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    text = "\n".join(line for line in said.getvalue().splitlines() if not line.startswith("["))
    if "a fault in trivet" in text or "Traceback" in text or code not in {0, 1, 2, 3}:
        raise FaultError(f"exit code {code}: {text}")
    if code in {2, 3}:
        raise TrivetError(text.removeprefix("trivet: "))


def _put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# Weights


@cache
def _state() -> Mapping[str, Any]:
    from trivet.security import load_demo_checkpoint  # noqa: PLC0415 - torch is loaded where it is needed

    return {name: value.clone() for name, value in load_demo_checkpoint().model.state_dict().items()}


@cache
def _weights(*, legacy: bool = False) -> bytes:
    import torch  # noqa: PLC0415

    out = io.BytesIO()
    torch.save(dict(_state()), out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


@cache
def _weights_members() -> list[tuple[bytes, bytes]]:
    return zip_members(_weights())


@cache
def _weights_pickle() -> list[bytes]:
    return instructions(next(content for name, content in _weights_members() if name.endswith(b"data.pkl")))


def _pickled(random: Random, folder: Path) -> Path:
    pickle = changed_pickle(random, _weights_pickle())
    members = [(name, pickle if name.endswith(b"data.pkl") else old) for name, old in _weights_members()]
    return _put(folder, "a.pth", sound_zip(members) if random.random() < 0.7 else odd_zip(random, members))


def _zipped(random: Random, folder: Path) -> Path:
    kind = random.random()
    content = odd_zip(random, _weights_members()) if kind < 0.7 else damaged(random, _weights())
    return _put(folder, "a.pth", content)


def _legacy(random: Random, folder: Path) -> Path:
    return _put(folder, "a.pth", damaged(random, _weights(legacy=True)))


def _safetensors(random: Random, folder: Path) -> Path:
    from safetensors.torch import save  # noqa: PLC0415

    content = save({name: value.contiguous() for name, value in _state().items()})
    (length,) = struct.unpack("<Q", content[:8])
    header, rest = content[8 : 8 + length], content[8 + length :]
    if random.random() < 0.2:
        return _put(folder, "a.safetensors", damaged(random, content[: 8 + length]) + rest)
    text = json.dumps(changed_tree(random, json.loads(header))).encode("utf-8", "surrogatepass")
    claimed = len(text) if random.random() > 0.05 else random.choice([0, len(text) + 1, 2**63, 2**64 - 1])
    return _put(folder, "a.safetensors", struct.pack("<Q", claimed) + text + rest)


@cache
def _program_members() -> list[tuple[bytes, bytes]]:
    from program_files import write_program  # noqa: PLC0415

    out = io.BytesIO()
    write_program(out)
    return zip_members(out.getvalue())


def _exported(random: Random, folder: Path) -> Path:
    members = [
        (name, json.dumps(changed_tree(random, json.loads(content))).encode("utf-8", "surrogatepass"))
        if name.endswith(b"weights_config.json")
        else (name, content)
        for name, content in _program_members()
    ]
    return _put(folder, "a.pt2", sound_zip(members) if random.random() < 0.8 else odd_zip(random, members))


def _sound_weights(folder: Path) -> Path:
    return _put(folder, "a.pth", _weights())


def _load(path: Path) -> None:
    from trivet.security import load_checkpoint  # noqa: PLC0415

    load_checkpoint(path, architecture="mnist-cnn")


# Archives


@cache
def _archive(kind: str) -> bytes:
    import torch  # noqa: PLC0415

    weights = io.BytesIO()
    torch.save({"conv1.0.weight": _state()["conv1.0.weight"]}, weights)
    files = [(f"models/poisened_model_{number}.pth", weights.getvalue()) for number in (3, 4)]
    if kind == "rar":
        return _rar(files)
    out = io.BytesIO()
    if kind == "zip":
        return sound_zip([(name.encode(), content) for name, content in files], zipfile.ZIP_DEFLATED)
    with tarfile.open(
        fileobj=out, mode={"tar": "w", "tgz": "w:gz", "txz": "w:xz", "tbz": "w:bz2"}[kind]
    ) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _rar(files: list[tuple[str, bytes]]) -> bytes:
    """A RAR 5 archive of stored files."""
    out = b"Rar!\x1a\x07\x01\x00" + _rar_block(b"\x01\x00\x00")
    for name, content in files:
        size = _rar_number(len(content))
        about = size + _rar_number(0o100644) + struct.pack("<I", zlib.crc32(content)) + b"\x00\x01"
        header = b"\x02\x02" + size + b"\x04" + about + _rar_number(len(name)) + name.encode()
        out += _rar_block(header) + content
    return out + _rar_block(b"\x05\x00\x00")


def _rar_block(body: bytes) -> bytes:
    header = _rar_number(len(body)) + body
    return struct.pack("<I", zlib.crc32(header)) + header


def _rar_number(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _archived(random: Random, folder: Path) -> Path:
    kind = random.choice(["zip", "zip", "zip", "tar", "tar", "tgz", "txz", "tbz", "rar"])
    content = _archive(kind)
    if kind == "zip":
        content = odd_zip(random, zip_members(content))
    elif kind == "tar" and random.random() < 0.6:
        content = odd_tar(random)
    else:
        content = damaged(random, content)
    return _put(folder, f"a.{kind}", content)


def _sound_archive(folder: Path) -> Path:
    return _put(folder, "a.tar", _archive("tar"))


def _extract(path: Path) -> None:
    from trivet.security.reading.archive import LIMITS, ask_for_member  # noqa: PLC0415
    from trivet.work.confined import Confined  # noqa: PLC0415

    with Confined(LIMITS) as child:
        ask_for_member(child, path, 4)


# Images


def _idx(random: Random, folder: Path) -> Path:
    images = struct.pack(">IIII", 0x803, 12, 8, 8) + bytes(range(256)) * 3
    labels = struct.pack(">II", 0x801, 12) + bytes(number % 3 for number in range(12))
    packed = random.random() < 0.5
    if packed:
        images, labels = gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)
    if random.random() < 0.7:
        images = damaged(random, images[:60]) + images[60:]
    else:
        labels = damaged(random, labels)
    place = _empty(folder / "idx")
    ending = ".gz" if packed else ""
    _put(place, f"t-images-idx3-ubyte{ending}", images)
    _put(place, f"t-labels-idx1-ubyte{ending}", labels)
    return place


@cache
def _arrays() -> list[tuple[bytes, bytes]]:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (12, 1, 8, 8), dtype=np.uint8)
    np.savez(out, images=pixels, labels=np.arange(12) % 3)
    return zip_members(out.getvalue())


def _npz(random: Random, folder: Path) -> Path:
    if random.random() < 0.4:
        return _put(folder, "a.npz", odd_zip(random, _arrays()))
    members = [
        (name, damaged(random, content[:128]) + content[128:] if random.random() < 0.6 else content)
        for name, content in _arrays()
    ]
    return _put(
        folder, "a.npz", sound_zip(members, random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    )


@cache
def _picture(ending: str) -> bytes:
    from PIL import Image  # noqa: PLC0415

    pixels = np.random.default_rng(1).integers(0, 255, (16, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format={"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper()))
    return out.getvalue()


def _pictures(random: Random, folder: Path) -> Path:
    ending = random.choice(["png", "jpg", "bmp", "webp", "gif", "tif", "ppm"])
    place = _empty(folder / "pictures")
    for name in "abc":
        (place / name).mkdir()
        for number in (1, 2):
            content = _picture(ending)
            odd = (name, number) == ("a", 1)
            _put(place / name, f"{number}.{ending}", damaged(random, content) if odd else content)
    return place


def _sound_images(folder: Path) -> Path:
    return _put(folder, "a.npz", sound_zip(_arrays()))


def _load_images(path: Path) -> None:
    from trivet.datasets import load_images  # noqa: PLC0415

    load_images(path)


# Configurations

AUDIT: Final = """[audit]
study = true
seed = 3
legs = ["privacy", "fairness"]
title = "x"
[privacy]
epsilon = 0.1
[privacy.plan]
epsilon = 1.0
delta = 1e-6
[[privacy.plan.queries]]
count = 3
sensitivity = 1.0
[fairness]
four_fifths = 0.8
[policy]
require = ["fairness.disparate_impact >= 0.8"]
"""
VALUES: Final = (
    *(
        "nan",
        "inf",
        "-1",
        "0",
        "1e400",
        "9" * 400,
        "9" * 5000,
        '""',
        '"\\u0000"',
        '"\\u001b[31m"',
        "[]",
        "{}",
    ),
    *(
        "[[[]]]",
        "true",
        '"x"',
        "1.5",
        "2024-01-01",
        "07:32:00",
        "[" * 3000 + "]" * 3000,
        '"' + "a" * 5000 + '"',
    ),
    *(
        '["../x"]',
        "0x" + "f" * 5000,
        '"::error::x"',
        '"a\\nb"',
        "4294967296",
        "-0.0",
        '["privacy", "privacy"]',
    ),
)


def _toml(random: Random, folder: Path) -> Path:
    text = AUDIT.encode()
    if random.random() < 0.6:
        return _put(folder, "a.toml", damaged(random, text))
    lines = text.split(b"\n")
    for _ in range(random.choice([1, 2, 3])):
        at = random.randrange(len(lines))
        if b"=" in lines[at]:
            lines[at] = lines[at].split(b"=")[0] + b"= " + random.choice(VALUES).encode()
        else:
            lines.insert(at, random.choice(lines))
    return _put(folder, "a.toml", b"\n".join(lines))


def _sound_toml(folder: Path) -> Path:
    return _put(folder, "a.toml", AUDIT.encode())


def _read_config(path: Path) -> None:
    from trivet.config import load_config  # noqa: PLC0415
    from trivet.policy import parse_requirements, refuse_impossible  # noqa: PLC0415

    refuse_impossible(parse_requirements(load_config(path).policy.require))


# Records


@cache
def _records() -> list[Any]:
    from example_records import (  # noqa: PLC0415
        example_own_record,
        example_record,
        whole_own_record,
    )
    from trivet.record import as_json  # noqa: PLC0415

    return [as_json(record) for record in (example_record(), example_own_record(), whole_own_record()[0])]


def _record(random: Random, folder: Path) -> Path:
    place = _empty(folder / "audit")
    changed = changed_tree(random, random.choice(_records()))
    _put(place, "metrics.json", json.dumps(changed).encode())
    return place


def _sound_record(folder: Path) -> Path:
    place = folder / "sound"
    place.mkdir(exist_ok=True)
    _put(place, "metrics.json", json.dumps(_records()[0]).encode())
    return place


def _gate(folder: Path) -> None:
    command("gate", str(folder), "--require", "fairness.disparate_impact >= 0.8")


def _card(folder: Path) -> None:
    command("card", str(folder))


def _compare(folder: Path) -> None:
    command("compare", str(_sound_record(folder.parent)), str(folder))


def _view(folder: Path) -> None:
    command("view", str(folder.parent), "--no-browser", "--out", str(folder.parent / "index"))


# Tables

ROWS: Final = b"age,sex,town,income\n" + b"".join(
    b"%d,%c,t%d,%d.5\n" % (20 + n % 50, b"ab"[n % 2], n % 5, n) for n in range(200)
)


def _table(random: Random, folder: Path) -> Path:
    kind = random.choice(["csv", "csv", "parquet", "duckdb"])
    if kind != "csv":
        return _put(folder, f"t.{kind}", damaged(random, _stored_table(kind)))
    if random.random() < 0.4:
        return _put(folder, "t.csv", damaged(random, ROWS))
    lines = ROWS.split(b"\n")
    odd = (b'"', b'a,"b', b"\xff\xfe,1", b"", b",,,,,,,", b"1", b"\x00,1,2", b'"a\nb",2,3,4', b"\r")
    lines[random.randrange(20)] = random.choice((*odd, b"1e999,nan,inf,-inf", b"=1+1,2,3,x"))
    return _put(folder, "t.csv", b"\n".join(lines))


def _packed(random: Random, folder: Path) -> Path:
    header, _, rows = ROWS.partition(b"\n")
    names = random.choice(
        [
            header,
            b",sex,town,income",
            b"sex,sex,town,",
            b"0,1,2,sex",
            b'" sex", town,2019,"a, b"',
            header + b",",
        ]
    )
    text = b"\n".join([names, rows])
    text = damaged(random, text) if random.random() < 0.5 else text
    if random.random() < 0.3:
        text = text.decode(errors="replace").encode("utf-16")
    name, pack = random.choice(list(PACKED.items()))
    packed = pack(text)
    return _put(folder, name, damaged(random, packed) if random.random() < 0.5 else packed)


def _zipped_text(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    return packed.getvalue()


#: Names of files and how a text is packed in them; no spreadsheet has this text, so that one is refused.
PACKED: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "t.csv": bytes,
        "t.tsv": lambda text: text.replace(b",", b"\t"),
        "t.csv.gz": gzip.compress,
        "t.csv.bz2": bz2.compress,
        "t.csv.xz": lzma.compress,
        "t.zip": _zipped_text,
        "t.xlsx": _zipped_text,
        "t.arrow": bytes,
    }
)


@cache
def _stored_table(kind: str) -> bytes:
    """The table as a Parquet or a DuckDB file."""
    import duckdb  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        source, made = _put(Path(folder), "source.csv", ROWS), Path(folder, f"made.{kind}")
        with duckdb.connect(str(made) if kind == "duckdb" else ":memory:") as connection:
            connection.execute(f"CREATE TABLE people AS FROM read_csv('{source}')")
            if kind == "parquet":
                connection.execute(f"COPY people TO '{made}' (FORMAT parquet)")
        return made.read_bytes()


def _sound_table(folder: Path) -> Path:
    return _put(folder, "t.csv", ROWS)


def _named(path: Path) -> str:
    return f"{path}:people" if path.suffix == ".duckdb" else str(path)


def _release(path: Path) -> None:
    ledger = path.parent / LEDGER
    if not ledger.exists():
        command("privacy", "ledger", str(ledger), "--create", "--epsilon", "1000000")
    bounds = ("--bounds", "0,100", "--missing", "drop")
    question = ("--query", "sum", "--column", "age", *bounds, "--where", "sex = 'a'")
    command("privacy", "release", _named(path), *question, "--epsilon", "1", "--ledger", str(ledger))


def _check(path: Path) -> None:
    command("privacy", "check", _named(path), "--where", "sex = 'a'", "--date-format", "dmy")


def _audit_table(path: Path) -> None:
    columns = ("--label", "sex", "--positive", "a", "--sensitive", "town", "--prediction", "sex")
    command("fairness", _named(path), *columns)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


SURFACES: Final[Mapping[str, Surface]] = MappingProxyType(
    {
        "pickled weights": Surface(_pickled, _load, _sound_weights),
        "zipped weights": Surface(_zipped, _load, _sound_weights),
        "legacy weights": Surface(_legacy, _load, _sound_weights),
        "safetensors": Surface(_safetensors, _load, _sound_weights),
        "exported program": Surface(_exported, _load, _sound_weights),
        "archive": Surface(_archived, _extract, _sound_archive),
        "IDX": Surface(_idx, _load_images, _sound_images),
        "npz": Surface(_npz, _load_images, _sound_images),
        "pictures": Surface(_pictures, _load_images, _sound_images),
        "audit.toml": Surface(_toml, _read_config, _sound_toml),
        "gate": Surface(_record, _gate, _sound_record),
        "card": Surface(_record, _card, _sound_record),
        "compare": Surface(_record, _compare, _sound_record),
        "view": Surface(_record, _view, _sound_record),
        "check": Surface(_table, _check, _sound_table),
        "release": Surface(_table, _release, _sound_table),
        "fairness": Surface(_table, _audit_table, _sound_table),
        "packed table": Surface(_packed, _audit_table, _sound_table),
    }
)
