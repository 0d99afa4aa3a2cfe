"""Files of torch.save hold what PyTorch says that they hold, in both layouts and every protocol."""

import io
import zipfile

import pytest
import safetensors.torch
import torch
from torch import nn

from trivet.errors import CheckpointError
from trivet.security.checkpoint import DTYPES
from trivet.security.reading.torchfile import LazyTensor
from trivet.security.reading.weights import EXTRACTED, extract, open_weights
from trivet.security.reading.zipped import ZippedFile

GRID = torch.arange(24.0).reshape(4, 6)
CONTENTS = {
    "views": {"a": GRID, "b": GRID.t(), "c": GRID[1:3, ::2], "d": torch.ones(1).expand(3, 4), "e": GRID[:0]},
    "types": {str(dtype): torch.arange(3).to(dtype) for dtype in DTYPES},
    "parameters": {"weight": nn.Parameter(torch.ones(2)), "scalar": torch.tensor(3)},
    "plain": {"epoch": 3, "best": 0.5, "name": "ŵ", "none": None, "yes": True, "list": [1, (2, -(10**12))]},
    "nested": {"state_dict": nn.BatchNorm2d(2).state_dict(), "shape": torch.Size([1, 2])},
}


NAMED = {name: dtype for dtype, name in DTYPES.items()}


@pytest.fixture
def opened(tmp_path):
    """Return a function that opens content as a file."""

    def open_content(content):
        (tmp_path / "a.pth").write_bytes(content)
        return open_weights(tmp_path / "a.pth", "a.pth", needed=0)

    return open_content


@pytest.fixture
def load(opened):
    """Return a function that returns what a file holds, with every claim read."""

    def read(value):
        if isinstance(value, LazyTensor):
            content = bytearray(value.view(value.storage.numbers(value.storage)))
            dtype = NAMED[value.dtype]
            if not content:
                return torch.empty(value.shape, dtype=dtype)
            return torch.frombuffer(content, dtype=dtype).reshape(value.shape)
        if isinstance(value, dict):
            return {key: read(item) for key, item in value.items()}
        return type(value)(map(read, value)) if isinstance(value, (list, tuple)) else value

    def load_content(content):
        with opened(content) as held:
            return read(held)

    return load_content


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return one == other


def saved(content, **settings):
    stream = io.BytesIO()
    torch.save(content, stream, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_the_content_is_what_was_saved(load, name, protocol, zipped):
    content = saved(CONTENTS[name], pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert same(load(content), CONTENTS[name])


def test_an_optimiser_beside_the_weights_is_described_and_not_read(opened):
    layer = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    with opened(saved({"model": layer.state_dict(), "optimizer": optimiser.state_dict()})) as held:
        moment = held["optimizer"]["state"][0]["exp_avg"]
        assert (moment.shape, moment.dtype) == ((2, 3), "F32")


def test_parts_may_be_compressed_and_damage_is_noticed(load):
    packed, broken = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved({"a": GRID}))) as old:
        parts = {info.filename: old.read(info) for info in old.infolist()}
    for stream in (packed, broken):
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
            for name, content in parts.items():
                new.writestr(name, content)
    assert torch.equal(load(packed.getvalue())["a"], GRID)
    flipped = bytearray(saved({"a": GRID}))
    flipped[flipped.index(GRID.numpy().tobytes()) + 5] ^= 0xFF
    with pytest.raises(CheckpointError, match=r"its part data/0 cannot be unpacked \(Bad CRC-32"):
        load(bytes(flipped))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-40], "it ends within its storage"),
        (lambda content: content.replace(b"little_endian", b"little_indian"), "another PyTorch or machine"),
    ],
)
def test_a_damaged_old_file(load, change, message):
    content = saved({"a": GRID}, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=message):
        load(change(content))


def test_layers_that_share_one_storage_cost_it_once(tmp_path, monkeypatch):
    """Every layer of a file may be a view of the same numbers; they are read and held once."""
    reads = []
    read = ZippedFile.read

    def counted(archive, path, **most):
        reads.append(path)
        return read(archive, path, **most)

    monkeypatch.setattr(ZippedFile, "read", counted)
    whole = torch.arange(1000.0)
    torch.save({f"{n}": whole[n : n + 2] for n in range(50)}, tmp_path / "a.pth")
    layers = [(f"{n}", [2], "F32", []) for n in range(50)]
    request = {"path": str(tmp_path / "a.pth"), "name": "a.pth", "architecture": "x", "layers": layers}
    assert extract(request, tmp_path) == {"numbers": list(range(50)), "notes": []}
    written = safetensors.torch.load_file(tmp_path / EXTRACTED)
    assert all(torch.equal(written[f"{n}"], whole[n : n + 2]) for n in range(50))
    assert (tmp_path / EXTRACTED).stat().st_size < 8_000
    assert reads.count("data/0") == 1
