import json
import sys
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
from torch import nn

from trivet.errors import CheckpointError, UsageError
from trivet.security import load_checkpoint, networks
from trivet.security.networks import MnistCNN, build_network

MODULE = """
from torch import nn
import torch

class Nested:
    @staticmethod
    def build():
        return nn.Linear(3, 2)

class Network(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)

def wrong(): return 3
def needs(width): return nn.Linear(width, 2)
def leaves(): raise SystemExit(0)
number = 3
instance = nn.Linear(2, 2)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "own_broken.py").write_text("1 / 0", encoding="utf-8")
    (tmp_path / "own_wrong.py").write_text("def", encoding="utf-8")
    (tmp_path / "own_needy.py").write_text("import no_such_library", encoding="utf-8")
    (tmp_path / "safetensors.py").write_text("raise AssertionError('a stranger')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_a_name_of_trivet_s_own():
    assert isinstance(build_network("mnist-cnn"), MnistCNN)


def test_a_class_or_function_of_the_current_directory(own):
    before = list(sys.path)
    assert build_network("own_networks:Network").in_features == 4
    assert build_network("own_networks:Nested.build").in_features == 3
    assert sys.path == before


def test_what_is_installed_is_not_replaced_by_what_lies_around(own):
    assert build_network("torch.nn:Identity").__class__ is nn.Identity
    with pytest.raises(UsageError, match="the module safetensors has no Network"):
        build_network("safetensors:Network")


def test_the_seed_decides_and_the_global_generator_is_left_alone(own):
    before = torch.random.get_rng_state()
    one, same, other = (build_network("own_networks:Network", seed=seed).weight for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("resnet", "no architecture is called 'resnet'; expected one of: mnist-cnn"),
        ("a b:c", "no architecture is called 'a b:c'"),
        ("own_networks:x()", "no architecture is called"),
        ("..own:x", "no architecture is called"),
        ("a\x1b[2J", r"no architecture is called 'a\\x1b\[2J'"),
        ("no_such_module:Network", "cannot be imported: No module named 'no_such_module'. Run trivet in the"),
        ("own_needy:Network", "cannot be imported: No module named 'no_such_library'"),
        ("own_broken:Network", "cannot be imported: ZeroDivisionError: division by zero"),
        ("own_wrong:Network", "cannot be imported: SyntaxError"),
        ("own_networks:Missing", "does not exist: the module own_networks has no Missing"),
        ("own_networks:number", "is a int; expected a class or function"),
        ("own_networks:instance", "is a Linear; expected a class or function"),
        ("own_networks:needs", "cannot be built without arguments: TypeError"),
        ("own_networks:leaves", "cannot be built without arguments: SystemExit"),
        ("own_networks:wrong", "returned a int; expected a torch.nn.Module"),
    ],
)
def test_what_cannot_be_built(own, architecture, message):
    with pytest.raises(UsageError, match=message) as caught:
        build_network(architecture)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"pip install 'trivet\[timm\]'"):
        build_network("timm:resnet18")


def test_timm_builds_to_measure():
    pytest.importorskip("timm", reason="the extra timm is not installed")
    network = build_network("timm:resnet18", input_shape=(1, 28, 28), classes=7)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 7)
    assert build_network("timm:vit_tiny_patch16_224", input_shape=(3, 32, 32)).patch_embed.img_size == (
        32,
        32,
    )
    for name in ("nothing", "hf-hub:a/b", "local-dir:/tmp", "../x"):
        with pytest.raises(UsageError, match="timm has no network called"):
            build_network(f"timm:{name}")


def test_torchvision_builds_for_the_classes():
    pytest.importorskip("torchvision", reason="the extra torchvision is not installed")
    network = build_network("torchvision:resnet18", classes=7)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(UsageError, match="torchvision has no classifier called 'nothing'"):
        build_network("torchvision:nothing")


def test_a_folder_of_save_pretrained_is_read_by_its_own_files(tmp_path):
    library = pytest.importorskip("transformers", reason="the extra transformers is not installed")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = library.ViTConfig(image_size=8, patch_size=4, num_channels=1, num_labels=5, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = library.ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    images = torch.rand(3, 1, 8, 8)
    asked = {"input_shape": (1, 8, 8), "classes": 5}
    file = tmp_path / "model.safetensors"
    loaded = load_checkpoint(file, architecture=f"hf:{tmp_path}", **asked)
    torch.testing.assert_close(loaded.model.logits(images), network(images).logits, rtol=1e-4, atol=1e-4)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="does not lie in"):
        load_checkpoint(file, architecture=f"hf:{other}", **asked)
    with pytest.raises(UsageError, match=r"are in model\.safetensors"):
        load_checkpoint(tmp_path / "config.json", architecture=f"hf:{tmp_path}", **asked)
    weights = safetensors.torch.load_file(file)
    safetensors.torch.save_file(dict(list(weights.items())[1:]), file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="1 missing"):
        load_checkpoint(file, architecture=f"hf:{tmp_path}", **asked)
    file.rename(other / "model.safetensors")
    with pytest.raises(UsageError, match=r"has no config\.json"):
        load_checkpoint(other / "model.safetensors", architecture=f"hf:{other}", **asked)


class Folder(nn.Linear):
    """What the library builds of a folder here: a dense layer, filled from the tensors that it is given."""

    def __init__(self, width):
        super().__init__(width, 2)

    @classmethod
    def from_pretrained(cls, path, *, config, state_dict, output_loading_info):
        assert path is None
        assert output_loading_info
        network = cls(config)
        missing = network.load_state_dict(state_dict, strict=False)
        return network, {"missing_keys": missing.missing_keys, "unexpected_keys": missing.unexpected_keys}

    def forward(self, images):
        return super().forward(images.flatten(1))


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A folder of a library that reads its own description and no weights."""

    def described(folder, **_settings):
        said = json.loads((tmp_path / "config.json").read_text())
        return said["width"] * said.get("times", 1)

    library = SimpleNamespace(
        AutoConfig=SimpleNamespace(from_pretrained=described),
        AutoModelForImageClassification=SimpleNamespace(from_config=lambda width, **_settings: Folder(width)),
    )
    monkeypatch.setitem(sys.modules, "transformers", library)
    (tmp_path / "config.json").write_text('{"width": 4}')
    return tmp_path


def load_saved(folder, name="model.safetensors"):
    return load_checkpoint(folder / name, architecture=f"hf:{folder}", input_shape=(1, 2, 2), classes=2)


def test_the_weights_of_a_folder_are_read_in_the_child(saved):
    state = {"weight": torch.arange(8.0).reshape(2, 4), "bias": torch.ones(2)}
    safetensors.torch.save_file(state, saved / "model.safetensors")
    assert torch.equal(load_saved(saved).model.weights()["weight"], state["weight"])
    for key, each in state.items():
        safetensors.torch.save_file({key: each}, saved / f"{key}.safetensors")
    (saved / "model.safetensors").unlink()
    index = saved / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {key: f"{key}.safetensors" for key in state}}))
    assert torch.equal(load_saved(saved, index.name).model.weights()["weight"], state["weight"])
    index.write_text(json.dumps({"weight_map": {"weight": "../weight.safetensors"}}))
    with pytest.raises(CheckpointError, match="names a part outside of its folder"):
        load_saved(saved, index.name)


def test_what_a_folder_takes_is_bounded_before_it_is_read(saved):
    safetensors.torch.save_file(
        {"weight": torch.ones(2, 4), "bias": torch.ones(2)}, saved / "model.safetensors"
    )
    with (saved / "model.safetensors").open("ab") as stream:
        stream.truncate(2**30)
    with pytest.raises(
        CheckpointError, match=r"it takes 1024\.0 MiB, where the architecture's weights take 0\.0"
    ):
        load_saved(saved)
    (saved / "config.json").write_text('{"width": 1000000, "times": 1000000}')
    with pytest.raises(CheckpointError, match=r"belongs to takes [\d.]+ GiB, and at most 1\.5 GiB"):
        load_saved(saved)  # and no memory is taken for it
    (saved / "config.json").write_text(" " * 2**20 + "{}")
    with pytest.raises(CheckpointError, match=r"config\.json is larger than 1 MiB"):
        load_saved(saved)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"width": 4, "num_labels": 1000000000}', "has a number, or numbers in a list together, above"),
        ('{"width": 4, "depths": [1000000, 1000000]}', "numbers in a list together, above"),
        ('{"width": 1e999}', "numbers in a list together, above"),
        ('{"width": 1000000000, "rate": NaN}', "is not JSON"),
        ('{"widths": [1.5, 1' + "0" * 400 + "]}", "is not JSON"),
        ('{"width": 4, "configuration_files": ["config.1.0.0.json"]}', "without configuration_files"),
        ("[]", "expected an object"),
        ('{"width": 4', "is not JSON"),
        ("[" * 10_000, "is not JSON"),
    ],
)
def test_nothing_is_built_of_a_description_that_asks_for_too_much(saved, config, message):
    (saved / "model.safetensors").touch()
    (saved / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        load_saved(saved)


def test_a_network_of_too_many_tensors_is_not_built_to_its_end(saved, monkeypatch):
    monkeypatch.setattr(networks, "MAX_TENSORS", 1)
    (saved / "model.safetensors").touch()
    with pytest.raises(CheckpointError, match="describes a network of more than 1 tensors"):
        load_saved(saved)
    nn.Linear(2, 2)  # and others are


def test_a_folder_of_before_safetensors_is_read(saved):
    (saved / "weights.pth").touch()
    with pytest.raises(UsageError, match=r"has none of model\.safetensors, .*pytorch_model\.bin"):
        load_saved(saved, "weights.pth")
    state = {"weight": torch.arange(8.0).reshape(2, 4), "bias": torch.ones(2)}
    torch.save(state, saved / "pytorch_model.bin")
    assert torch.equal(load_saved(saved, "pytorch_model.bin").model.weights()["weight"], state["weight"])


class Auxiliary(nn.Module):
    """A network as torchvision's googlenet, with two outputs that only its training uses."""

    def __init__(self):
        super().__init__()
        self.aux1, self.aux2, self.fc = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, images):
        return self.fc(images.flatten(1))


def test_outputs_for_training_alone_may_be_missing_from_a_file(tmp_path, monkeypatch):
    models = SimpleNamespace(
        list_models=lambda **_: ["googlenet"], get_model=lambda *_, **__: Auxiliary(), __name__="models"
    )
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    state = Auxiliary().state_dict()
    asked = {"architecture": "torchvision:googlenet", "input_shape": (1, 2, 2), "classes": 2}
    torch.save(state, tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth", **asked).info.loading == ()
    alone = {key: each for key, each in state.items() if key.startswith("fc.")}
    torch.save(alone, tmp_path / "a.pth")
    found = load_checkpoint(tmp_path / "a.pth", **asked)
    assert torch.equal(found.model.weights()["fc.weight"], state["fc.weight"])
    assert found.info.loading == ("The network has no outputs beside the main one.",)
    torch.save({"fc.weight": state["fc.weight"]}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"fc\.bias is missing"):
        load_checkpoint(tmp_path / "a.pth", **asked)


def test_timm_s_own_complaints_are_told(monkeypatch):
    def refuse(_name):
        raise RuntimeError("Invalid pretrained tag (x) for resnet18.")

    library = SimpleNamespace(is_model=lambda _name: True, get_pretrained_cfg=refuse)
    monkeypatch.setitem(sys.modules, "timm", library)
    with pytest.raises(
        UsageError, match=r"timm cannot build resnet18\.x for these images: RuntimeError: Inv"
    ):
        build_network("timm:resnet18.x", input_shape=(3, 32, 32))


class Versioned(nn.Linear):
    """A layer that reads no weights of a version it does not know."""

    _version = 2

    def __init__(self):
        super().__init__(4, 2)

    def _load_from_state_dict(self, state, prefix, metadata, *more):
        assert metadata.get("version") == 2
        super()._load_from_state_dict(state, prefix, metadata, *more)

    def forward(self, images):
        return super().forward(images.flatten(1))


def test_layers_are_told_their_version(tmp_path):
    torch.save(dict(Versioned().state_dict()), tmp_path / "a.pth")
    load_checkpoint(
        tmp_path / "a.pth", architecture=f"{__name__}:Versioned", input_shape=(1, 2, 2), classes=2
    )
