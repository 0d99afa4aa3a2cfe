"""Files of torch.save hold what PyTorch says that they hold, in both layouts and every protocol."""

import io
import zipfile

import pytest
import torch
from torch import nn

from trivet.errors import CheckpointError
from trivet.security.claims import DTYPES, Claim
from trivet.security.weights import open_weights

GRID = torch.arange(24.0).reshape(4, 6)
CONTENTS = {
    "views": {"a": GRID, "b": GRID.t(), "c": GRID[1:3, ::2], "d": torch.ones(1).expand(3, 4), "e": GRID[:0]},
    "types": {str(dtype): torch.arange(3).to(dtype) for dtype in DTYPES.values()},
    "parameters": {"weight": nn.Parameter(torch.ones(2)), "scalar": torch.tensor(3)},
    "plain": {"epoch": 3, "best": 0.5, "name": "ŵ", "none": None, "yes": True, "list": [1, (2, -(10**12))]},
    "nested": {"state_dict": nn.BatchNorm2d(2).state_dict(), "shape": torch.Size([1, 2])},
}


def load(content):
    """Return what the file holds, with every claim read."""

    def read(value):
        if isinstance(value, Claim):
            tensor = value.load()
            assert (value.shape, value.dtype) == (tuple(tensor.shape), tensor.dtype)
            return tensor
        if isinstance(value, dict):
            return {key: read(item) for key, item in value.items()}
        return type(value)(map(read, value)) if isinstance(value, (list, tuple)) else value

    with open_weights(content, "a.pth", needed=0) as held:
        return read(held)


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
def test_the_content_is_what_was_saved(name, protocol, zipped):
    content = saved(CONTENTS[name], pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert same(load(content), CONTENTS[name])


def test_an_optimiser_beside_the_weights_is_described_and_not_read():
    layer = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    with open_weights(
        saved({"model": layer.state_dict(), "optimizer": optimiser.state_dict()}), "a", needed=0
    ) as held:
        moment = held["optimizer"]["state"][0]["exp_avg"]
        assert (moment.shape, moment.dtype) == ((2, 3), torch.float32)


def test_parts_may_be_compressed_and_damage_is_noticed():
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
def test_a_damaged_old_file(change, message):
    content = saved({"a": GRID}, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=message):
        load(change(content))
