"""Exported programs that want to run code, take memory, or are broken: a row a case."""

from hostile_case import SENTINEL, Case
from hostile_case import raw as _raw
from program_files import FLATTEN, LINEAR, call, document, entry, meta, tensor, write_program

BILLION = {"as_ints": [1_000_000, 1_000_000]}


def operator(target):
    return lambda folder: write_program(
        folder / "a.pt2", document([call(target, "flat", self=tensor("x")), LINEAR])
    )


def graph(*nodes, **settings):
    return lambda folder: write_program(folder / "a.pt2", document(nodes, **settings))


def weights(**entries):
    named = {name.replace("_", "."): value for name, value in entries.items()}
    return lambda folder: write_program(folder / "a.pt2", entries=named)


def member(name, content=b"x"):
    return lambda folder: write_program(folder / "a.pt2", members=[(name, content)])


def text(content):
    return lambda folder: write_program(folder / "a.pt2", content)


def sympy(folder):
    """A weight whose size is an expression that sympy would evaluate."""
    command = f"__import__('os').system('touch {folder / SENTINEL}')"
    shape = ({"as_expr": {"expr_str": command, "hint": {"as_int": 10}}},)
    return weights(fc_bias=entry("weight_1", (10,), tensor_meta=meta(shape)))(folder)


def raw(content):
    return _raw(content, "a.pt2")


OPERATOR = "which is not on the list"
MEMORY = "more than 1.6 GiB of memory"
UNREADABLE = "cannot be read as an exported program"
MANY = call("torch.ops.aten.repeat.default", "y", self=tensor("x"), repeats={"as_ints": [9**9, 1, 1, 1]})
HUGE = call("torch.ops.aten.full.default", "y", size=BILLION, fill_value={"as_float": 1.0})
HEADLESS = LINEAR | {"inputs": LINEAR["inputs"][1:]}

CASES = [
    Case("a program that calls the shell", operator("os.system"), "the operator 'os.system', which"),
    Case("a program that evaluates", operator("builtins.eval"), OPERATOR),
    Case("a program that reads files", operator("torch.ops.aten.from_file.default"), OPERATOR),
    Case("a program that climbs", operator("torch.ops.aten.relu.default.__globals__"), OPERATOR),
    Case("a program that chooses its output", operator("torch.ops.aten.relu.out"), OPERATOR),
    Case("a program of another library", operator("torch.ops.evil.run.default"), OPERATOR),
    Case("a program with an expression", sympy, UNREADABLE),
    Case(
        "a program with a pickle",
        weights(fc_bias=entry("weight_1", (10,), use_pickle=True)),
        "a pickled object",
    ),
    Case("a program with a library", member("p/data/aotinductor/model/x.so"), "holds a compiled library"),
    Case("a program with a zip-slip", member("p/../../evil"), "points out of its folder"),
    Case("a program that allocates terabytes", graph(HUGE, FLATTEN, LINEAR), MEMORY),
    Case("a program that repeats its images", graph(MANY, FLATTEN, LINEAR), MEMORY),
    Case(
        "a program with an enormous weight",
        weights(fc_weight=entry("weight_0", (10**6, 10**6))),
        "would take",
    ),
    Case("a program with a weight cut short", weights(fc_bias=entry("weight_1", (99,))), "396 bytes into 40"),
    Case("a program without a weight", weights(fc_bias=entry("weight_9", (10,))), "weight_9 is missing"),
    Case("a program whose forward raises", graph(FLATTEN, HEADLESS), "it raises"),
    Case("a program that uses nothing", graph(LINEAR), "it raises KeyError: 'flat'"),
    Case(
        "a program without scores",
        graph(FLATTEN, LINEAR, output="flat"),
        "tells 784 classes apart, the images have 10",
    ),
    Case(
        "a program for colour images",
        graph(FLATTEN, LINEAR, image=(2, 3, 32, 32)),
        "takes images of shape (3,",
    ),
    Case(
        "a program for flat images", graph(FLATTEN, LINEAR, image=(2, 784)), "expected floating-point images"
    ),
    Case("a program of another version", graph(FLATTEN, schema_version={"major": 9}), "in version 9 of the"),
    Case("a program that is no JSON", text("{"), UNREADABLE),
    Case("a program nested without end", text("[" * 10**6), UNREADABLE),
    Case("a program that is a list", text("[1, 2]"), UNREADABLE),
    Case("a program with a number too long", text('{"schema_version": ' + "9" * 5000 + "}"), UNREADABLE),
    Case("a program with nothing in it", raw(b"PK\x05\x06" + bytes(18)), "holds 0 exported programs"),
    Case("a program that is no zip", raw(b"hello"), "its zip cannot be read"),
]
