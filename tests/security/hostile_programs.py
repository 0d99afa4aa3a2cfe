"""Exported programs whose weights are pickles, take memory, or are broken: a row a case."""

from hostile_case import SENTINEL, Case
from hostile_case import raw as _raw
from program_files import entry, meta, write_program

BIAS = "fc2.0.bias"


def weight(described):
    return lambda folder: write_program(folder / "a.pt2", entries={BIAS: described})


def described(**changes):
    return weight(entry("weight_7", (10,), tensor_meta=meta((10,), strides=(1,)) | changes))


def member(name, content=b"x"):
    return lambda folder: write_program(folder / "a.pt2", members=[(name, content)])


def sympy(folder):
    """A weight whose size is an expression that sympy would evaluate."""
    command = f"__import__('os').system('touch {folder / SENTINEL}')"
    shape = ({"as_expr": {"expr_str": command, "hint": {"as_int": 10}}},)
    return weight(entry("weight_7", (10,), tensor_meta=meta(shape)))(folder)


def raw(content):
    return _raw(content, "a.pt2")


COUNTS = "a tensor's shape holds more than counts"

CASES = [
    Case("a program with an expression", sympy, "KeyError: 'as_int'"),
    Case(
        "a program with a pickle", weight(entry("weight_7", (10,), use_pickle=True)), "holds a pickled object"
    ),
    Case("a program with a zip-slip", member("p/../../evil"), "points out of its folder"),
    Case("a program with two models", member("p/models/b.json"), "holds 2 exported programs"),
    Case("a program with an enormous weight", weight(entry("weight_7", (10**6, 10**6))), "instead of (10,)"),
    Case("a program with a short weight", described(storage_offset={"as_int": 5}), "60 bytes into 40"),
    Case("a program without a weight", weight(entry("weight_9", (10,))), "weight_9 is missing"),
    Case("a program with a size that is text", described(sizes=[{"as_int": "\x1b[31m\n::error::x"}]), COUNTS),
    Case("a program with a size that is a table", described(sizes=[{"as_int": {"a": 1}}]), COUNTS),
    Case("a program with a size that is true", described(sizes=[{"as_int": True}]), COUNTS),
    Case("a program with too many axes", described(sizes=[{"as_int": 1}] * 65), "more than 64 axes"),
    Case("a program with an unknown type", described(dtype=99), "one of an unusual type"),
    Case("a program with a type that is a list", described(dtype=[]), "TypeError"),
    Case("a program with a sparse weight", described(layout=1), "holds a sparse tensor"),
    Case(
        "a program with a weight of a deep name",
        lambda folder: write_program(
            folder / "a.pt2", entries={"a." * 5000 + "w\x1b": entry("weight_7", (10,))}
        ),
        "a.…' is not a layer of it",
    ),
    Case("a program that is no zip", raw(b"hello"), "not a PyTorch checkpoint"),
    Case("a program with nothing in it", raw(b"PK\x05\x06" + bytes(18)), "is a zip of something else"),
]
