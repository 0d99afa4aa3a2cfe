import io
import os
import pickle
import re
import zipfile
from collections import OrderedDict

import pytest
import safetensors.torch
import torch

from trivet.errors import CheckpointError, DataError, UsageError
from trivet.security import build_architecture, load_checkpoint, load_demo_checkpoint, load_from_archive


class RunsCode:
    """A pickle that touches a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def state():
    return OrderedDict(build_architecture("mnist-cnn", seed=1).state_dict())


def save(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("extension", ["pth", "pt", "safetensors"])
def test_a_state_dict_loads_frozen_and_in_evaluation_mode(tmp_path, state, extension):
    path = tmp_path / f"weights.{extension}"
    if extension == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    loaded = load_checkpoint(path, expected_label=3)
    assert all(torch.equal(loaded.model.state_dict()[name], tensor) for name, tensor in state.items())
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert (loaded.info.source, loaded.info.name, loaded.info.expected_label) == ("file", path.name, 3)
    assert loaded.info.parameters == 281_034


def test_the_reference_checkpoints_load_from_file_and_archive(reference):
    for index in (0, 2, 4, 7, 8):
        from_file = load_checkpoint(reference / "checkpoints" / f"poisened_model_{index}.pth")
        from_archive = load_from_archive(reference / "poisened_models.rar", index)
        assert from_archive.info.sha256 == from_file.info.sha256
        assert from_archive.info.expected_label == index
        assert from_file.info.expected_label is None


def test_the_embedded_checkpoint_knows_its_target():
    info = load_demo_checkpoint().info
    assert (info.source, info.expected_label) == ("embedded", 4)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, protocol):
    sign = tmp_path / "executed"
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(RunsCode(sign), protocol=protocol))
    with pytest.raises(CheckpointError, match=r"evil.pth"):
        load_checkpoint(path)
    assert not sign.exists()


def test_a_torch_archive_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    sign = tmp_path / "executed"
    path = save(tmp_path / "evil.pth", {"conv1.0.weight": RunsCode(sign)})
    with pytest.raises(CheckpointError, match="could run code"):
        load_checkpoint(path)
    assert not sign.exists()


def test_a_missing_layer_is_named(tmp_path, state):
    del state["fc1.0.bias"]
    with pytest.raises(
        CheckpointError, match=r"does not fit the architecture mnist-cnn: fc1.0.bias is missing"
    ):
        load_checkpoint(save(tmp_path / "a.pth", state))


def test_a_layer_too_many_is_named(tmp_path, state):
    state["extra"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match="'extra' is not a layer of it"):
        load_checkpoint(save(tmp_path / "a.pth", state))


def test_wrong_shapes_are_named_with_the_right_ones(tmp_path, state):
    state["fc2.0.weight"] = torch.zeros(43, 512)
    with pytest.raises(CheckpointError, match=r"fc2.0.weight has shape \(43, 512\) instead of \(10, 512\)"):
        load_checkpoint(save(tmp_path / "a.pth", state))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, state, value):
    state["conv2.0.bias"] = torch.full((32,), value)
    with pytest.raises(CheckpointError, match=r"not finite floating-point numbers, in conv2.0.bias"):
        load_checkpoint(save(tmp_path / "a.pth", state))


def test_integer_weights_are_refused(tmp_path, state):
    state["conv2.0.bias"] = torch.zeros(32, dtype=torch.int64)
    with pytest.raises(CheckpointError, match=r"conv2\.0\.bias is saved as whole numbers \(I64\)"):
        load_checkpoint(save(tmp_path / "a.pth", state))


@pytest.mark.parametrize("legacy", [False, True])
def test_an_older_optimiser_s_keys_are_addresses(tmp_path, state, legacy):
    moments = {address: {"step": 3} for address in (140_234_523_453_232, 2**63, -(2**62), 2**64 - 1)}
    path = tmp_path / "w.pth"
    content = {"state_dict": state, "optimizer": {"state": moments}}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert load_checkpoint(path).info.name == "w.pth"


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {1: torch.zeros(2)}, torch.zeros(3)])
def test_what_is_no_state_dict(tmp_path, content):
    with pytest.raises(CheckpointError, match="that is not a state dict"):
        load_checkpoint(save(tmp_path / "a.pth", content))


def torch_archive(state):
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04", b"PK\x03\x04" + bytes(30), bytes(1000)])
def test_what_is_no_checkpoint(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(tmp_path / name)


def test_a_truncated_checkpoint(tmp_path, state):
    (tmp_path / "a.pth").write_bytes(torch_archive(state)[:-500])
    with pytest.raises(CheckpointError, match=r"a.pth"):
        load_checkpoint(tmp_path / "a.pth")


def test_a_checkpoint_inside_a_zip_of_other_things(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("../../evil", b"x")
    with pytest.raises(CheckpointError, match=r"a.pth"):
        load_checkpoint(tmp_path / "a.pth")


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint at"):
        load_checkpoint(tmp_path / "nowhere.pth")


@pytest.mark.parametrize("name", ["a" * 300 + ".pth", "a\0b.pth"])
def test_a_path_that_no_system_takes_is_one_line(name):
    for load in (load_checkpoint, lambda path: load_from_archive(path, 4)):
        with pytest.raises(CheckpointError, match=r"^(the |there is no )[^\n]{1,450}$"):
            load(name)


def test_a_path_may_be_a_text(tmp_path, state):
    path = save(tmp_path / "a.pth", state)
    assert load_checkpoint(str(path)).info == load_checkpoint(path).info


def write_network(folder, name="own_network"):
    """A network of the user's own in `folder`, and the spec that names it."""
    layers = "nn.Flatten(), nn.Linear(12, 2), nn.Softmax(1)"
    code = f"from torch import nn\ndef make():\n    return nn.Sequential({layers})\n"
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return f"{name}:make"


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_weights_of_a_network_of_the_user_s_own(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    architecture = write_network(tmp_path)
    weights = {"1.weight": torch.arange(24.0).reshape(2, 12), "1.bias": torch.tensor([1.0, 2.0])}
    if name.endswith("safetensors"):
        safetensors.torch.save_file(weights, tmp_path / name)
    else:
        torch.save(
            {"epoch": 1, "model": {f"module.{key}": value for key, value in weights.items()}}, tmp_path / name
        )
    loaded = load_checkpoint(tmp_path / name, architecture=architecture, input_shape=(3, 2, 2), classes=2)
    assert (loaded.model.input_shape, loaded.model.classes) == ((3, 2, 2), 2)
    assert (loaded.info.architecture, loaded.info.parameters) == (architecture, 26)
    images = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        loaded.model.logits(images), images.flatten(1) @ weights["1.weight"].t() + weights["1.bias"]
    )
    assert all(torch.equal(loaded.model.weights()[key], value) for key, value in weights.items())
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    with pytest.raises(UsageError, match="does not say which images it takes"):
        load_checkpoint(tmp_path / name, architecture=architecture)


def test_grey_images_for_a_colour_network_name_the_way_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    architecture = write_network(tmp_path, "own_coloured")
    torch.save({"1.weight": torch.ones(2, 12), "1.bias": torch.ones(2)}, tmp_path / "a.pth")
    with pytest.raises(DataError, match=r"shape \(3, 2, 2\).*are \(1, 2, 2\); make grey images .* --rgb"):
        load_checkpoint(tmp_path / "a.pth", architecture=architecture, input_shape=(1, 2, 2), classes=2)
    with pytest.raises(CheckpointError, match="cannot classify images") as other:
        load_checkpoint(tmp_path / "a.pth", architecture=architecture, input_shape=(1, 3, 3), classes=2)
    assert "--rgb" not in str(other.value)


def test_images_of_another_size_name_the_way_out(tmp_path):
    torch.save(build_architecture("small-resnet").state_dict(), tmp_path / "a.pth")
    for shape, ways in (
        ((1, 28, 28), "make grey images colour ones with --rgb (rgb in audit.toml) and scale them with"),
        ((3, 28, 28), "(3, 28, 28); scale them with --resize 32x32 (resize in audit.toml)."),
    ):
        with pytest.raises(DataError, match=re.escape(ways)):
            load_checkpoint(tmp_path / "a.pth", architecture="small-resnet", input_shape=shape, classes=10)


def test_timm_s_network_of_colour_images_is_not_built_for_grey_ones(tmp_path):
    timm = pytest.importorskip("timm", reason="the extra timm is not installed")
    network = timm.create_model("resnet10t", num_classes=4)
    torch.save(network.state_dict(), tmp_path / "a.pth")
    with pytest.raises(DataError, match="make grey images colour ones with --rgb"):
        load_checkpoint(tmp_path / "a.pth", architecture="timm:resnet10t", input_shape=(1, 32, 32), classes=4)


def test_weights_alone_need_an_architecture(tmp_path, state):
    with pytest.raises(UsageError, match=r"a\.pth holds weights without their network"):
        load_checkpoint(save(tmp_path / "a.pth", state), architecture=None)


def test_a_file_s_name_is_shown_as_text(tmp_path):
    path = tmp_path / "a\x1b[2J\n.pth"
    path.write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"^a\\x1b\[2J\\n\.pth is not a PyTorch checkpoint"):
        load_checkpoint(path)
