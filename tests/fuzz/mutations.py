"""Random damage to bytes, trees, zips and pickles. Each function takes its generator first."""

import bz2
import copy
import io
import lzma
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

#: Values that a careful reader has to be ready for wherever another one stands.
ATOMS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 3, 10, 2**31, 2**63, 2**64, -(2**63), 10**40, 1.5, -0.0, 1e308, -1e308),
    *(1e-308, float("inf"), float("-inf"), float("nan"), "", "x", "\ud800", "\x1b[31m", "a\nb", "a\x00b"),
    *("\u202ex", "$x$", "<b>", "::error::x", "##[error]x", "#panic()", "x" * 5000, [], {}, [[]], [None]),
    *({"a": 1}, [1] * 1000, [[[[[[1]]]]]]),
)

#: Names of zip members that paths, terminals or readers could trip over.
NAMES: Final = (
    *(b"archive/data.pkl", b"archive/data/0", b"archive/version", b"archive/byteorder", b"../x", b"/etc/x"),
    *(b"C:\\x", b"archive/data.pkl\x00x", b"\xff\xfe", b"archive/.data/serialization_id", b"", b"/", b"a/"),
    *(b"a" * 300, b"models/poisened_model_4.pth", b"\x1b[31m", b"::error::x", b"archive/data/../data.pkl"),
)

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14

#: Single pickle instructions, sound and unsound.
INSTRUCTIONS: Final = (
    *(bytes([code]) for code in b".(012N]})aesutldbRQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94"),
    *(
        b"K\xff",
        b"M\xff\xff",
        b"J\xff\xff\xff\xff",
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
        b"\x8b\xff\xff\xff\x7f",
    ),
    *(b"G\x7f\xf0\0\0\0\0\0\0", b"I01\n", b"I" + b"9" * 6000 + b"\n", b"L1L\n", b"F1e999\n", b"S'x'\n"),
    *(b"Vx\\u0000\n", b"X\xff\xff\xff\xff", b"X\x04\0\0\0data", b"B\xff\xff\xff\x7f", b"\x8c\x01x"),
    *(b"\x8d" + b"\xff" * 8, b"\x95" + b"\xff" * 8, b"\x96" + b"\xff" * 8, b"\x80\x05", b"q\x00", b"h\x00"),
    *(b"h\xff", b"j\xff\xff\xff\x7f", b"r\xff\xff\xff\x7f", b"p-1\n", b"g9\n", b"cos\nsystem\n"),
    *(b"cbuiltins\neval\n", b"ctorch\nload\n", b"ctorch\nFloatStorage\n", b"ccollections\nOrderedDict\n"),
    b"ctorch._utils\n_rebuild_tensor_v2\n",
)


def damaged(random: Random, content: bytes) -> bytes:
    """Bytes with a few places changed, cut, repeated or replaced by extreme numbers."""
    out = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 4, 8, 32])):
        if not out:
            break
        at = random.randrange(len(out))
        if random.random() < 0.5:
            at = min(at, random.randrange(400))
        kind = random.random()
        if kind < 0.45:
            out[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)])
        elif kind < 0.6:
            del out[at : at + random.choice([1, 2, 4, 8, 100])]
        elif kind < 0.75:
            out[at:at] = random.randbytes(random.choice([1, 2, 4, 8]))
        elif kind < 0.85:
            out[at : at + 4] = struct.pack("<I", random.choice([0, 1, 2**32 - 1, 2**31 - 1, 2**31]))
        elif kind < 0.9:
            out[at : at + 8] = struct.pack("<Q", random.choice([0, 2**64 - 1, 2**63, random.getrandbits(64)]))
        elif kind < 0.95:
            there = random.randrange(len(out))
            out[at : at + 16] = out[there : there + 16]
        else:
            del out[at:]
    return bytes(out)


def changed_tree(random: Random, tree: Any) -> Any:
    """A copy of a JSON-like tree with a few values replaced, moved, removed or repeated."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice([1, 1, 1, 2, 3, 6])):
        places = list(_paths(tree))
        steps = random.choice(places)
        if steps:
            _change(random, _at(tree, steps[:-1]), steps[-1], _at(tree, random.choice(places)))
    return tree


def _change(random: Random, parent: Any, key: Any, other: Any) -> None:
    """Change what stands at a key of a list or an object; `other` is a value from elsewhere."""
    kind, value = random.random(), parent[key]
    if kind < 0.5:
        parent[key] = copy.deepcopy(random.choice(ATOMS))
    elif kind < 0.62:
        del parent[key]
    elif kind < 0.74:
        parent[key] = copy.deepcopy(other)
    elif kind < 0.85 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(value))
    elif kind < 0.85:
        parent[random.choice(["x", "", "a.b", "\ud800", "seed"])] = copy.deepcopy(random.choice(ATOMS))
    elif isinstance(value, int):
        parent[key] = value * random.choice([-1, 0, 2, 10**6]) + random.choice([0, 1, -1])
    elif isinstance(value, str | list):
        parent[key] = value * random.choice([0, 2, 5])


def _paths(tree: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield steps
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _paths(value, (*steps, key))
    elif isinstance(tree, list):
        for place, value in enumerate(tree[:200]):
            yield from _paths(value, (*steps, place))


def _at(tree: Any, steps: Sequence[Any]) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def zip_members(content: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of the members of a sound zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(entry.filename.encode(), archive.read(entry)) for entry in archive.infolist()]


def odd_zip(random: Random, members: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A zip whose members, headers, directory, methods, flags and sizes may contradict each other."""
    members = list(members)
    for _ in range(random.choice([0, 1, 1, 2])):
        kind = random.random()
        if kind < 0.25 and members:
            members.append(random.choice(members))
        elif kind < 0.45 and members:
            members.pop(random.randrange(len(members)))
        elif kind < 0.7:
            members.append((random.choice(NAMES), random.randbytes(10)))
        else:
            random.shuffle(members)
    body, directory = b"", b""
    for name, content in members:
        entry, listing = _odd_member(random, name, content, len(body))
        body, directory = body + entry, directory + listing
    count = len(members)
    body_size, directory_size = len(body), len(directory)
    end = struct.pack(
        "<IHHHHIIH",
        0x06054B50,
        0,
        0,
        _odd(random, count, 16, 0.03),
        _odd(random, count, 16, 0.03),
        _odd(random, directory_size, 32),
        _odd(random, body_size, 32),
        0,
    )
    whole = body + directory + end
    if random.random() < 0.04:
        whole = bytes(50) + whole
    return damaged(random, whole) if random.random() < 0.06 else whole


def _odd_member(random: Random, name: bytes, content: bytes, offset: int) -> tuple[bytes, bytes]:
    """A member with its local header, and its entry of the directory."""
    if random.random() < 0.05:
        name = random.choice(NAMES)
    method = random.choice([STORED, STORED, DEFLATED, BZIP2, LZMA, 93, 95, 1, 6, 9])
    if random.random() > 0.25:
        method = random.choice([STORED, DEFLATED])
    packed = _packed(method, content)
    flags = random.choice([0, 0x800, 8, 1, 0x41, 0x2000, 0xFFFF]) if random.random() < 0.1 else 0
    checksum = zlib.crc32(content)
    extra = b""
    if random.random() < 0.08:
        sizes = [random.choice([0, len(content), 2**64 - 1, 2**63, 2**40]) for _ in range(3)]
        length = random.choice([8, 16, 24])
        extra = struct.pack("<HH", 1, length) + struct.pack("<QQQ", *sizes)[:length]
    claimed, size = _odd(random, len(content), 32, 0.08), _odd(random, len(packed), 32, 0.08)
    if random.random() < 0.05:
        claimed = size = 2**32 - 1
    local_name = name if random.random() > 0.05 else random.choice(NAMES)
    entry = struct.pack(
        "<IHHHHHIIIHH",
        _odd(random, 0x04034B50, 32, 0.02),
        *(45, flags, _odd(random, method, 16, 0.02), 0, 33),
        *(_odd(random, checksum, 32), _odd(random, len(packed), 32), _odd(random, len(content), 32)),
        *(len(local_name), len(extra)),
    )
    listing = struct.pack(
        "<IHHHHHHIIIHHHHHII",
        _odd(random, 0x02014B50, 32, 0.01),
        *(45, 45, flags, method, 0, 33, checksum, size, claimed, len(name), len(extra)),
        *(_odd(random, 0, 16, 0.02), 0, 0, 0o100644 << 16, _odd(random, offset, 32, 0.05)),
    )
    return entry + local_name + extra + packed, listing + name + extra


def _packed(method: int, content: bytes) -> bytes:
    if method == DEFLATED:
        return zlib.compress(content)[2:-4]
    if method == BZIP2:
        return bz2.compress(content)
    if method == LZMA:
        alone = lzma.compress(content, format=lzma.FORMAT_ALONE)
        return b"\x09\x04\x05\x00" + alone[:5] + alone[13:]
    return content


def _odd(random: Random, value: int, bits: int, share: float = 0.04) -> int:
    """The value, or now and then another that fits the field."""
    if random.random() > share:
        return value & (2**bits - 1)
    odd = random.choice([0, 1, 2**bits - 1, 2 ** (bits - 1), value + 1, value - 1, random.getrandbits(bits)])
    return odd & (2**bits - 1)


def sound_zip(members: Sequence[tuple[bytes, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip that is what it says."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name.decode(), content)
    return out.getvalue()


def instructions(pickle: bytes) -> list[bytes]:
    """A pickle, cut at its instructions."""
    starts = [position for _, _, position in pickletools.genops(pickle) if position is not None]
    return [pickle[start:stop] for start, stop in zip(starts, [*starts[1:], len(pickle)], strict=True)]


def changed_pickle(random: Random, steps: Sequence[bytes]) -> bytes:
    """A pickle with a few instructions inserted, dropped, swapped, repeated or damaged."""
    out = list(steps)
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        if not out:
            break
        kind, at = random.random(), random.randrange(len(out))
        if kind < 0.35:
            out.insert(at, random.choice(INSTRUCTIONS))
        elif kind < 0.5:
            del out[at : at + random.choice([1, 1, 2, 5])]
        elif kind < 0.65:
            out[at] = random.choice(INSTRUCTIONS)
        elif kind < 0.8:
            there = random.randrange(len(out))
            out[at], out[there] = out[there], out[at]
        elif kind < 0.9:
            out[at:at] = out[at : at + random.choice([1, 3, 10, 40])] * random.choice([1, 3])
        else:
            out[at] = damaged(random, out[at])
    return b"".join(out)


def odd_tar(random: Random) -> bytes:
    """A tar of one to three members with odd sizes, types, long names and extended headers."""
    members = (_odd_extended, _odd_extended, _odd_long_name, _odd_sparse, _odd_file, _odd_file)
    return b"".join(random.choice(members)(random) for _ in range(random.choice([1, 2, 3]))) + bytes(1024)


def _odd_extended(random: Random) -> bytes:
    records = b"".join(_extended_record(random) for _ in range(random.choice([1, 2, 3])))
    return _tar_header(random, b"p", len(records), random.choice([b"x", b"g", b"X"])) + _padded(records)


def _odd_long_name(random: Random) -> bytes:
    name = random.choice([b"../../x", b"a" * 300, b"poisened_model_4.pth", b"\xff\xfe"])
    size = len(name) + 1 if random.random() > 0.2 else random.choice([10**9, 0, 2**33 - 1])
    return _tar_header(random, b"././@LongLink", size, random.choice([b"L", b"K"])) + _padded(name + b"\0")


def _odd_sparse(random: Random) -> bytes:
    header = bytearray(_tar_header(random, b"poisened_model_4.pth", random.choice([0, 10, 512]), b"S"))
    header[386:482] = random.randbytes(96)
    header[482] = random.choice([0, 1])
    return _summed(header) + bytes(1024)


def _odd_file(random: Random) -> bytes:
    content = b"x" * random.choice([0, 10, 600])
    odd_sizes = (b"\x80" + b"\xff" * 11, b"\xff" * 12, b"77777777777\0", b"-1\0", b"abc\0", 10**8)
    size = random.choice([len(content), len(content), *odd_sizes])
    name = random.choice([b"poisened_model_4.pth", b"a/poisened_model_4.pth", b"../x", b"/x", b"x\x00y"])
    return _tar_header(random, name, size, bytes([random.choice(b"00\x005127SDVZ")])) + _padded(content)


def _extended_record(random: Random) -> bytes:
    keys = [b"path", b"size", b"mtime", b"linkpath", b"hdrcharset", b"GNU.sparse.major", b"GNU.sparse.map"]
    keys += [b"GNU.sparse.size", b"GNU.sparse.realsize", b"GNU.sparse.name", b"GNU.sparse.numblocks"]
    values = [b"1", b"0", b"-1", b"x", b"9" * 20, b"1,2,3", b"1,2", b"../x", b"BINARY", b"", b"9" * 5000]
    values += [b"\xff\xfe", b"poisened_model_4.pth", b"1e400", b"nan"]
    body = b" " + random.choice(keys) + b"=" + random.choice(values) + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length = len(b"%d" % length) + len(body)
    return b"%d" % (length if random.random() > 0.1 else random.choice([0, 1, length + 5, 10**6])) + body


def _tar_header(random: Random, name: bytes, size: int | bytes, kind: bytes) -> bytes:
    header = bytearray(512)
    header[:100] = name[:100].ljust(100, b"\0")
    header[100:108] = b"0000644\0"
    header[108:116] = header[116:124] = b"0000000\0"
    header[124:136] = (size if isinstance(size, bytes) else b"%011o\0" % size)[:12].ljust(12, b"\0")
    header[136:148] = b"00000000000\0"
    header[156:157] = kind
    header[257:265] = random.choice([b"ustar\x0000", b"ustar  \0", bytes(8)])
    return _summed(header)


def _summed(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)
