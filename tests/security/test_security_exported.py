import io
import json
import zipfile

import pytest
import torch
from program_files import (
    CLASSES,
    FLATTEN,
    IMAGE,
    LINEAR,
    call,
    document,
    entry,
    meta,
    state,
    tensor,
    write_program,
)
from torch import nn
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security import freeze
from trivet.security.adapter import adapt
from trivet.security.exported import read_program


class Net(nn.Module):
    """What exported classifiers are made of: batch norm, in-place steps, a view, a softmax."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8 * 16, CLASSES)
        self.register_buffer("scale", torch.tensor([0.5]), persistent=False)

    def scores(self, images):
        features = functional.max_pool2d(self.bn(self.conv(images)).relu_(), 2).mul_(self.scale)
        tokens = features.flatten(2).transpose(1, 2)
        mixed = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return self.fc(functional.dropout(mixed, training=self.training).reshape(images.size(0), -1))

    def forward(self, images):
        return self.scores(images).softmax(1)


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Net()
        network.train()(torch.rand(9, 3, 8, 8))
        return network.eval()


@pytest.fixture(scope="module")
def programs(net):
    """The network as torch.export saves it: for any number of images, decomposed, and for one image."""

    def exported(network, **settings):
        return torch.export.export(network, (torch.rand(2, 3, 8, 8),), **settings)

    def saved(program):
        stream = io.BytesIO()
        torch.export.save(program, stream)
        return stream

    training = Net()
    training.load_state_dict(net.state_dict())
    any_number = exported(net, dynamic_shapes=({0: torch.export.Dim("n", min=1, max=999)},))
    return {
        "any number": saved(any_number),
        "decomposed": saved(any_number.run_decompositions()),
        "two images": saved(exported(net)),
        "in training": saved(exported(training.train())),
    }


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's exporter warns of its own parts
@pytest.mark.parametrize("kind", ["any number", "decomposed", "two images", "in training"])
def test_an_exported_program_computes_what_the_network_does(net, programs, kind):
    program = read_program(programs[kind], "a.pt2")
    assert program.sizes[1:] == (3, 8, 8)
    model = adapt(program.network, input_shape=(3, 8, 8), batch=program.sizes[0], bounded=True)
    assert (model.kind, model.classes) == ("softmax", CLASSES)
    assert model.batch == (2 if kind in {"two images", "in training"} else None)
    assert set(model.weights()) >= set(net.state_dict())
    inputs = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for found in (model, freeze(model)):
        pixels, expected = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
        logits = found.logits(pixels)
        torch.testing.assert_close(logits, net.scores(expected), rtol=1e-4, atol=1e-5)
        logits.sin().sum().backward()
        net.scores(expected).sin().sum().backward()
        torch.testing.assert_close(pixels.grad, expected.grad, rtol=1e-3, atol=1e-5)
        assert torch.equal(pixels, inputs)


def read(path, **settings):
    with path.open("rb") as stream:
        program = read_program(stream, path.name)
    return adapt(program.network, input_shape=IMAGE, batch=program.sizes[0], **settings)


def images():
    return torch.rand(3, *IMAGE, generator=torch.Generator().manual_seed(0))


def linear(pixels=None):
    pixels = images() if pixels is None else pixels
    return functional.linear(pixels.flatten(1), state()["fc.weight"], state()["fc.bias"])


def test_expressions_and_guards_are_not_evaluated(tmp_path):
    """PyTorch's loader hands both to sympy or to eval; a graph that runs has no need of them."""
    code = f"__import__('os').system('touch {tmp_path}/executed')"
    expression = {"as_expr": {"expr_str": code, "hint": {"as_int": 2}}}
    content = document(image=(expression, *IMAGE), guards_code=[code], range_constraints={code: {}})
    graph = content["graph_module"]["graph"]
    graph["sym_int_values"] = {"s0": expression}
    graph["nodes"][0]["metadata"] = {"stack_trace": code, "nn_module_stack": code}
    content["graph_module"]["module_call_graph"] = [
        {"fqn": code, "signature": {"in_spec": code, "out_spec": code}}
    ]
    path = write_program(
        tmp_path / "a.pt2", content, members=[("p/data/sample_inputs/model.pt", b"\x80\x02cos\n")]
    )
    assert torch.equal(read(path).logits(images()), linear())
    assert [found.name for found in tmp_path.iterdir()] == ["a.pt2"]


def test_what_changes_in_place_changes_neither_weights_nor_images(tmp_path):
    doubled = call("torch.ops.aten.mul_.Scalar", "y", self=tensor("w"), other={"as_int": 2})
    cleared = call("torch.ops.aten.mul_.Scalar", "z", self=tensor("x"), other={"as_int": 0})
    path = write_program(tmp_path / "a.pt2", document((doubled, FLATTEN, cleared, LINEAR)))
    model, pixels = read(path), images()
    twice = functional.linear(pixels.flatten(1), 2 * state()["fc.weight"], state()["fc.bias"])
    for _ in range(2):
        torch.testing.assert_close(model.logits(pixels), twice)
    assert torch.equal(pixels, images())


def test_dropout_is_off_whatever_the_graph_says(tmp_path):
    dropped = call(
        "torch.ops.aten.dropout.default",
        "flat",
        input=tensor("y"),
        p={"as_float": 0.5},
        train={"as_bool": True},
    )
    nodes = (FLATTEN | {"outputs": [tensor("y")]}, dropped, LINEAR)
    assert torch.equal(read(write_program(tmp_path / "a.pt2", document(nodes))).logits(images()), linear())


def test_parts_of_lists_and_arithmetic_on_sizes(tmp_path):
    size = call("torch.ops.aten.sym_size.int", "n", self=tensor("x"), dim={"as_int": 0})
    size["outputs"] = [{"as_sym_int": {"as_name": "n"}}]
    twice = call("_operator.mul", "m", a={"as_sym_int": {"as_name": "n"}}, b={"as_sym_int": {"as_int": 2}})
    twice["outputs"] = [{"as_sym_int": {"as_name": "m"}}]
    both = call("torch.ops.aten.cat.default", "xx", tensors={"as_tensors": [{"name": "x"}, {"name": "x"}]})
    halves = call("torch.ops.aten.chunk.default", "y", self=tensor("xx"), chunks={"as_int": 2})
    halves["outputs"] = [{"as_tensors": [{"name": "first"}, {"name": "second"}]}]
    shape = {"as_sym_ints": [{"as_name": "n"}, {"as_int": -1}]}
    flat = call("torch.ops.aten.view.default", "flat", self=tensor("second"), size=shape)
    unused = call("torch.ops.aten._assert_scalar.default", "u", self={"as_sym_int": {"as_name": "m"}})
    unused["outputs"] = []
    path = write_program(tmp_path / "a.pt2", document((size, twice, both, halves, unused, flat, LINEAR)))
    assert torch.equal(read(path).logits(images()), linear())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_single(tmp_path, dtype):
    code = {torch.float16: 6, torch.bfloat16: 13, torch.float64: 8}[dtype]
    bias = state()["fc.bias"].to(dtype)
    described = entry("bias", (CLASSES,), tensor_meta=meta((CLASSES,), strides=(1,), dtype=code))
    path = write_program(
        tmp_path / "a.pt2",
        entries={"fc.bias": described},
        members=[("p/data/weights/bias", bytes(bias.untyped_storage()))],
    )
    model = read(path)
    assert torch.equal(model.weights()["fc.bias"], bias.to(torch.float32))
    assert model.logits(images()).dtype == torch.float32


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    content = torch.full((CLASSES,), value).numpy().tobytes()
    path = write_program(
        tmp_path / "a.pt2",
        entries={"fc.bias": entry("bias", (CLASSES,))},
        members=[("p/data/weights/bias", content)],
    )
    with pytest.raises(CheckpointError, match=r"not finite floating-point numbers, in fc\.bias"):
        read(path)


@pytest.mark.parametrize(
    "names",
    [
        ("p/data/weights/model.pt", "p/models/model.json"),
        ("serialized_state_dict.pt", "serialized_exported_program.json"),
    ],
)
def test_the_layouts_of_older_pytorch(tmp_path, names):
    """PyTorch 2.8 kept the weights as one file of torch.save, and 2.7 kept all files side by side."""
    stream = io.BytesIO()
    torch.save({name: nn.Parameter(value) for name, value in state().items()}, stream)
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr(names[0], stream.getvalue())
        archive.writestr(names[1], json.dumps(document()))
        if names[1].startswith("serialized"):
            archive.writestr("serialized_constants.pt", b"")
            archive.writestr("version", "8.2")
    assert torch.equal(read(tmp_path / "a.pt2").logits(images()), linear())
    with zipfile.ZipFile(tmp_path / "b.pt2", "w") as archive:
        archive.writestr(names[0], b"\x80\x02cos\nsystem\n.")
        archive.writestr(names[1], json.dumps(document()))
    with pytest.raises(CheckpointError, match=r"b\.pt2"):
        read(tmp_path / "b.pt2")


def test_too_many_nodes(tmp_path, monkeypatch):
    path = write_program(tmp_path / "a.pt2")
    monkeypatch.setattr("trivet.security.exported.MAX_NODES", 1)
    with pytest.raises(CheckpointError, match="more than 1 nodes"):
        read(path)
