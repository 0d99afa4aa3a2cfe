"""Pickles in a file of torch.save: those that would run code, take memory, or are broken."""

import io
import pickle
import zipfile

import torch
from hostile_case import SENTINEL, Calls, Case, raw, runs
from torch import nn

from trivet.security import build_architecture

MAGIC, PROTOCOL, MACHINE = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}


def state(**changes):
    """Return a state dict that fits, but for `changes`; a dot in a name is written __."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return {**build_architecture("mnist-cnn", seed=1).state_dict(), **named}


def saved(content, **settings):
    """Return the builder of a file of torch.save; its content may depend on the folder."""

    def build(folder):
        torch.save(content(folder) if callable(content) else content, folder / "a.pth", **settings)
        return folder / "a.pth"

    return build


def saved_within(folder):
    """A state dict whose pickle loads another file, in which the code waits."""
    inner = io.BytesIO()
    torch.save({"a": runs(folder)}, inner)
    return state(fc2__0__bias=Calls(torch.load, Calls(io.BytesIO, inner.getvalue())))


def source_code(folder):
    """The oldest layout, whose persistent identifiers could carry a module's source."""
    stream = io.BytesIO()
    source = f"import os; os.system('touch {folder / SENTINEL}')"

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            return ("module", nn.Linear, "linear.py", source) if item == "here" else None

    for part in (MAGIC, PROTOCOL, MACHINE):
        pickle.dump(part, stream, protocol=2)
    Pickler(stream, protocol=2).dump({"conv1.0.weight": "here"})
    pickle.dump([], stream, protocol=2)
    return stream.getvalue()


def called_by_name(folder):
    """A name that is put together on the stack, where a search for it in the file finds nothing."""
    command = f"touch {folder / SENTINEL}".encode()
    return b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(command)]) + command + b"\x85R."


def sparse(folder):
    with (folder / "a.pth").open("wb") as stream:
        stream.truncate(2**31)
    return folder / "a.pth"


def zipped(content, numbers=bytes(4)):
    """Return the builder of a zip of torch.save with a pickle of our own."""

    def build(folder):
        with zipfile.ZipFile(folder / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", content)
            archive.writestr("a/data/0", numbers)
        return folder / "a.pth"

    return build


def integer(value):
    content = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(content)]) + content


#: A storage of one number, which a file may point to as often as it likes.
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
LONG_SHAPE = b"\x80\x02" + REBUILD + b"q\x000" + STORAGE + b"q\x010]q\x02(" + b"K\x00" * 100_000 + b"e0"
LONG_SHAPE += b"(h\x01K\x00h\x02h\x02\x89tq\x030]" + b"h\x00h\x03Ra" * 30_000 + b"."
MANY_PARTS = b"\x80\x02(" + b"K\x00" * 100_000 + b"tq\x000]" + b"ctorch\nSize\nh\x00Ra" * 10_000 + b"."
MANY_OBJECTS = (
    b"\x80\x02(" + b"K\x00" * 60_000 + b"tq\x000cnet\nNet\nq\x010](" + b"h\x01h\x00\x81" * 30_000 + b"e."
)
ONE_HASH = b"\x80\x02}(" + b"".join(integer(n * (2**61 - 1)) + b"N" for n in range(1, 100_000)) + b"u."

#: A module that holds the one before it twice, forty times: all paths through them are 2^40.
MODULES = (
    b"\x80\x02cnet\nNet\n)\x81q\x000"
    + b"".join(
        b"cnet\nNet\n)\x81q"
        + bytes([n])
        + b"}(X\x01\x00\x00\x00ah"
        + bytes([n - 1])
        + b"X\x01\x00\x00\x00bh"
        + bytes([n - 1])
        + b"ub0"
        for n in range(1, 41)
    )
    + b"h\x28."
)
COPIES = (
    b"\x80\x02ccollections\nOrderedDict\nq\x000]("
    + b"N" * 10_000
    + b"eq\x010]"
    + b"h\x00h\x01\x85Ra" * 1_000
    + b"."
)

REFUSED = "could run code"
NO_CHECKPOINT = "not a PyTorch checkpoint"
NO_STATE = "is not a state dict"
NO_FIT = "does not fit the architecture mnist-cnn"
TWO = {"model": state(), "net": state(fc2__0__bias=torch.ones(10))}
ENORMOUS = torch.zeros(1).expand(10**6, 10**6)

CASES = [
    Case("a pickle that runs code", raw(lambda f: pickle.dumps(runs(f), protocol=2)), "'posix.system'"),
    Case("an early pickle that runs code", raw(lambda f: pickle.dumps(runs(f), protocol=0)), NO_CHECKPOINT),
    Case("a later pickle that runs code", raw(lambda f: pickle.dumps(runs(f), protocol=4)), REFUSED),
    Case("a state dict that runs code", saved(lambda f: state(fc2__0__bias=runs(f))), "'posix.system'"),
    Case(
        "an old file that runs code",
        saved(lambda f: {"a": runs(f)}, _use_new_zipfile_serialization=False),
        "'posix.system'",
    ),
    Case("a name put together on the stack", raw(called_by_name), "'posix.system'"),
    Case("code beside the weights", saved(lambda f: {"state_dict": state(), "a": runs(f)}), REFUSED),
    Case("an archive within a pickle", saved(saved_within), "'torch.serialization.load'"),
    Case("a persistent identifier with source code", raw(source_code), NO_STATE),
    Case("a module of another network", saved(lambda _: nn.Linear(2, 2)), NO_FIT),
    Case("a call of eval", saved({"a": Calls(eval, "1")}), "asks for '__builtin__.eval'"),
    Case("a call of getattr", saved({"a": Calls(getattr, "x", "format")}), "asks for '__builtin__.getattr'"),
    Case("an object that is made", saved({"a": io.BytesIO(b"x")}), NO_STATE),
    Case("any amount of memory", saved({"a": Calls(bytearray, 2**33)}), NO_STATE),
    Case("a long text that is not there", raw(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x00."), "cannot be read"),
    Case("bytes that are not there", raw(b"\x80\x05\x96" + b"\x00" * 6 + b"\x01\x00."), "cannot be read"),
    Case(
        "lists nested without end", raw(b"\x80\x02" + b"]" * 10**5 + b"a" * 99_999 + b"."), "torch.save did"
    ),
    Case("a key nested without end", raw(b"\x80\x02})" + b"\x85" * 10**5 + b"Ns."), "torch.save did"),
    Case("a pickle that does not stop", raw(b"\x80\x02" + b"N" * 5 * 2**20), "more than 250000 instructions"),
    Case("a pickle of another program", raw(pickle.dumps([1, 2], protocol=2)), "torch.save did not write"),
    Case("an empty file", raw(b""), "is an empty file; copy or download it again"),
    Case("a shape as long as a book", zipped(LONG_SHAPE), "more than 64 axes"),
    Case("a call with very many arguments", zipped(MANY_PARTS), "with 100000 arguments"),
    Case("objects that share very many arguments", zipped(MANY_OBJECTS), NO_STATE),
    Case("keys that all have one hash", zipped(ONE_HASH), NO_STATE),
    Case("a picture", raw(b"\x89PNG\r\n\x1a\n" + bytes(100)), NO_CHECKPOINT),
    Case("modules within modules", zipped(MODULES), NO_STATE),
    Case("dictionaries copied again and again", zipped(COPIES), "copies dictionaries again and again"),
    Case("a page", raw(b"<!DOCTYPE html><title>404</title>"), NO_CHECKPOINT),
    Case("a file a hundred times too large", sparse, "at most 20.3 MiB are read"),
    Case("a list", saved([torch.zeros(2)]), "holds a list that is not a state dict"),
    Case("two state dicts", saved(TWO), "under 'model' and 'net'"),
    Case("a missing layer", saved({"conv1.0.weight": torch.zeros(16, 1, 5, 5)}), "conv1.0.bias is missing"),
    Case(
        "another number of classes",
        saved(state(fc2__0__bias=torch.zeros(43))),
        "shape (43,) instead of (10,)",
    ),
    Case("an empty tensor", saved(state(fc2__0__bias=torch.zeros(0))), "shape (0,) instead of (10,)"),
    Case("an enormous tensor", saved(state(fc2__0__bias=ENORMOUS)), "shape (1000000, 1000000) instead of"),
    Case("not a number", saved(state(fc2__0__bias=torch.full((10,), torch.nan))), "not finite"),
    Case("infinity", saved(state(fc2__0__bias=torch.full((10,), torch.inf))), "not finite"),
    Case(
        "too large for float32",
        saved(state(fc2__0__bias=torch.full((10,), 1e300, dtype=torch.float64))),
        "not fin",
    ),
    Case(
        "whole numbers",
        saved(state(fc2__0__bias=torch.zeros(10, dtype=torch.int64))),
        "fc2.0.bias is saved as whole numbers",
    ),
    Case(
        "complex numbers",
        saved(state(fc2__0__bias=torch.zeros(10, dtype=torch.complex64))),
        "has complex numbers",
    ),
    Case(
        "a sparse tensor", saved(state(fc2__0__bias=torch.zeros(10).to_sparse())), "is a sparse tensor; save"
    ),
    Case("a tensor without numbers", saved(state(fc2__0__bias=torch.zeros(10, device="meta"))), "no numbers"),
    Case(
        "a name that a terminal obeys",
        saved(state(**{"\x1b[2J\nfc9": torch.zeros(1)})),
        r"\x1b[2J\nfc9' is not a",
    ),
    Case("a name without end", saved(state(**{"a" * 10**6: torch.zeros(1)})), "aaaa…' is not a layer of it"),
]
