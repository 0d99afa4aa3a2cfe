"""Of an exported program the weights are read, in each layout that PyTorch has written, and nothing else."""

import io
import json
import zipfile

import pytest
import torch
from program_files import entry, meta, state, write_program
from torch import nn

from trivet.errors import CheckpointError, UsageError
from trivet.security import load_checkpoint, load_demo_checkpoint
from trivet.security.networks import MnistCNN


def weights(path):
    return load_checkpoint(path).model.state_dict()


def same(found, wanted):
    return list(found) == list(wanted) and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's exporter warns of its own parts
def test_the_weights_are_those_that_pytorch_exports(tmp_path):
    class Scores(MnistCNN):
        def forward(self, images):
            return self.logits(images)

    network, wanted = Scores().eval(), load_demo_checkpoint().model.state_dict()
    network.load_state_dict(wanted)
    torch.export.save(torch.export.export(network, (torch.rand(2, 1, 28, 28),)), tmp_path / "a.pt2")
    assert same(weights(tmp_path / "a.pt2"), wanted)


@pytest.mark.parametrize("name", ["a.pt2", "a.PT2", "a.pt"])
def test_a_graph_is_not_read_whatever_it_is(tmp_path, name):
    code = f"__import__('os').system('touch {tmp_path}/executed')"
    members = [
        ("p/data/sample_inputs/model.pt", b"\x80\x02cos\nsystem\n."),
        ("p/data/aotinductor/model/x.so", b"x"),
    ]
    path = write_program(tmp_path / name, f'{{"guards_code": [{json.dumps(code)}]' * 3, members=members)
    assert same(weights(path), state())
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_program_needs_an_architecture_and_says_how_to_do_without(tmp_path):
    path = write_program(tmp_path / "a.pt2")
    with pytest.raises(UsageError, match=r"only the weights are read; .* torch\.onnx\.export\("):
        load_checkpoint(path, architecture=None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_single(tmp_path, dtype):
    code = {torch.float16: 6, torch.bfloat16: 13, torch.float64: 8}[dtype]
    bias = state()["fc2.0.bias"].to(dtype)
    described = entry("bias", (10,), tensor_meta=meta((10,), strides=(1,), dtype=code))
    path = write_program(
        tmp_path / "a.pt2",
        entries={"fc2.0.bias": described},
        members=[("p/data/weights/bias", bytes(bias.untyped_storage()))],
    )
    assert torch.equal(weights(path)["fc2.0.bias"], bias.to(torch.float32))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    path = write_program(
        tmp_path / "a.pt2",
        entries={"fc2.0.bias": entry("bias", (10,))},
        members=[("p/data/weights/bias", torch.full((10,), value).numpy().tobytes())],
    )
    with pytest.raises(CheckpointError, match=r"not finite floating-point numbers, in fc2\.0\.bias"):
        weights(path)


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
        archive.writestr(names[1], "{}")
        if names[1].startswith("serialized"):
            archive.writestr("serialized_constants.pt", b"")
            archive.writestr("version", "8.2")
    assert same(weights(tmp_path / "a.pt2"), state())
    with zipfile.ZipFile(tmp_path / "b.pt2", "w") as archive:
        archive.writestr(names[0], b"\x80\x02cos\nsystem\n.")
        archive.writestr(names[1], "{}")
    with pytest.raises(CheckpointError, match=r"b\.pt2"):
        weights(tmp_path / "b.pt2")


def test_a_zip_within_the_zip_is_bounded_like_the_file_itself(tmp_path):
    """Twice deflated, two hundred kilobytes could hold gigabytes."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a/data.pkl", b"")
        for part in range(100):
            archive.writestr(f"a/data/{part}", bytes(2**20))
    with zipfile.ZipFile(tmp_path / "a.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/models/model.json", "{}")
        archive.writestr("p/data/weights/model.pt", inner.getvalue())
    assert (tmp_path / "a.pt2").stat().st_size < 200_000
    with pytest.raises(CheckpointError, match=r"its weights unpack to more than 20\.3 MiB"):
        weights(tmp_path / "a.pt2")
