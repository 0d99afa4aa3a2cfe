"""Registry of the architectures that have a name."""

import itertools
import json
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from trivet.errors import CheckpointError, TrivetError, UsageError, import_extra
from trivet.wording import describe_error, first_line, one_line, quote
from trivet.work.device import seeded
from trivet.work.own_code import OWN_CODE, load_callable

__all__ = [
    "ARCHITECTURES",
    "FOLDER",
    "FOLDER_FILES",
    "TIMM",
    "Classifier",
    "MnistCNN",
    "Scorer",
    "build_architecture",
    "build_network",
    "load_from_folder",
    "without_auxiliary",
]

#: From pixels in [0, 1], shape (n, channels, height, width), to finite logits, shape (n, classes).
Scorer = Callable[[Tensor], Tensor]


class Classifier(nn.Module):
    """A network over images whose class scores can be read as logits."""

    input_shape: tuple[int, int, int]
    classes: int
    name: str = "the network"

    def logits(self, inputs: Tensor) -> Tensor:
        """Return unnormalised class scores, shape (n, classes), for inputs (n, channels, h, w)."""
        raise NotImplementedError

    def weights(self) -> dict[str, Tensor]:
        """Return the state dict, named as in the file that the weights came from."""
        return self.state_dict()


class MnistCNN(Classifier):
    """The study's network, which returns probabilities; its layers have the names of the checkpoints'."""

    input_shape = (1, 28, 28)

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.classes = classes
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.fc1 = nn.Sequential(nn.Linear(512, 512), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(512, classes), nn.Softmax(dim=-1))
        self.dropout = nn.Dropout(0.5)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scores before the softmax, shape (n, classes), for inputs (n, 1, 28, 28)."""
        features: Tensor = self.conv2(self.conv1(inputs)).flatten(start_dim=1)
        scores: Tensor = self.fc2[0](self.fc1(self.dropout(features)))
        return scores

    def forward(self, inputs: Tensor) -> Tensor:
        """Return class probabilities, shape (n, classes), for inputs (n, 1, 28, 28)."""
        probabilities: Tensor = self.fc2[1](self.logits(inputs))
        return probabilities


class SmallResNet(Classifier):
    """A residual network with batch norm, one block at each of three widths (He et al. 2016)."""

    input_shape = (3, 32, 32)
    classes = 10

    def __init__(self, widths: tuple[int, int, int] = (8, 16, 32)) -> None:
        super().__init__()
        first, second, third = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            _Block(first, first, 1), _Block(first, second, 2), _Block(second, third, 2)
        )
        self.fc = nn.Linear(third, self.classes)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return class scores, shape (n, 10), for inputs (n, 3, 32, 32)."""
        features: Tensor = self.blocks(self.stem(inputs))
        scores: Tensor = self.fc(features.mean(dim=(2, 3)))
        return scores

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        return self.logits(inputs)


class _Block(nn.Module):
    def __init__(self, wide: int, wider: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(wide, wider, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wider)
        self.conv2 = nn.Conv2d(wider, wider, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wider)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or wide != wider:
            self.shortcut = nn.Sequential(
                nn.Conv2d(wide, wider, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(wider)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        inside = functional.relu(self.bn1(self.conv1(inputs)))
        return functional.relu(self.bn2(self.conv2(inside)) + self.shortcut(inputs))


#: The study's network, and those of the zoo: colour images, and pairs of digits in 100 classes.
ARCHITECTURES: Final[dict[str, Callable[[], Classifier]]] = {
    "mnist-cnn": MnistCNN,
    "small-resnet": SmallResNet,
    "pairs-cnn": lambda: MnistCNN(classes=100),
}


def build_architecture(name: str, *, seed: int = 0) -> Classifier:
    """Return a network named in `ARCHITECTURES`, its initial weights drawn from `seed`.

    The global generator is left as it was.

    Raises
    ------
    UsageError
        If there is no architecture of that name.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UsageError(f"no architecture is called {name!r}; expected one of: {known}")
    with seeded(seed):
        return ARCHITECTURES[name]()


TIMM = "timm:"
TORCHVISION = "torchvision:"
#: Parts of torchvision's networks that only their training uses, and that are often not saved.
AUXILIARY: Final = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}
#: Before a folder of Hugging Face's: config.json, and its weights.
FOLDER = "hf:"
#: Files of a folder that hold its weights, whole or in parts; the first of them that is there is read.
FOLDER_FILES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
MAX_CONFIG_BYTES = 2**20
#: In a config.json, of a number and of a list of numbers together, for what is built of it to stay small.
MAX_CONFIG_NUMBER: Final = 2**20
#: The largest image classifiers have some thousand tensors.
MAX_TENSORS: Final = 20_000
#: No scheme, no path: such names would make timm download.
TIMM_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")


def build_network(
    architecture: str,
    *,
    seed: int = 0,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
) -> nn.Module:
    """Return the network that `architecture` names, its initial weights drawn from `seed`."""
    with seeded(seed):
        if architecture in ARCHITECTURES:
            return ARCHITECTURES[architecture]()
        if architecture.startswith(TIMM):
            return _build_timm(architecture.removeprefix(TIMM), input_shape, classes)
        if architecture.startswith(TORCHVISION):
            return _build_torchvision(architecture.removeprefix(TORCHVISION), classes)
        if OWN_CODE.fullmatch(architecture):
            return _build_own(architecture, seed)
    known = ", ".join(sorted(ARCHITECTURES))
    raise UsageError(
        f"no architecture is called {quote(architecture)}; expected one of: {known}; or "
        "package.module:factory from your own code, timm:NAME, torchvision:NAME, or hf:FOLDER."
    )


def _build_own(architecture: str, seed: int) -> nn.Module:
    factory = load_callable(architecture, role="architecture")
    if isinstance(factory, nn.Module):
        raise UsageError(
            f"the architecture {architecture!r} is a {type(factory).__name__}; expected a class or "
            "function that takes no argument and returns a torch.nn.Module."
        )
    torch.default_generator.manual_seed(seed)  # the import may have drawn numbers, and it happens but once
    try:
        network = factory()
    except (Exception, SystemExit) as error:  # the user's code can fail in any way
        raise UsageError(
            f"the architecture {architecture!r} cannot be built without arguments: "
            f"{describe_error(error)}. Write a function that takes none and returns the network."
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"the architecture {architecture!r} returned a {type(network).__name__}; expected a "
            "torch.nn.Module."
        )
    return network


def _build_timm(name: str, input_shape: tuple[int, int, int] | None, classes: int | None) -> nn.Module:
    library = import_extra("timm", f"the architecture timm:{one_line(name)}")
    if not TIMM_NAME.fullmatch(name) or not library.is_model(name):
        raise UsageError(
            f"timm has no network called {quote(name)}; timm.list_models() names those that it has."
        )
    settings: dict[str, Any] = {"num_classes": classes} if classes is not None else {}
    try:
        configured = library.get_pretrained_cfg(name)
        if input_shape is not None:
            settings["in_chans"] = input_shape[0]
            if configured is not None and configured.fixed_input_size:
                settings["img_size"] = input_shape[1:]
        return library.create_model(name, pretrained=False, **settings)
    except Exception as error:  # the library's own complaints are of many kinds
        raise UsageError(f"timm cannot build {name} for these images: {describe_error(error)}.") from error


def _build_torchvision(name: str, classes: int | None) -> nn.Module:
    models = import_extra("torchvision.models", f"the architecture torchvision:{one_line(name)}")
    if name not in models.list_models(module=models):
        raise UsageError(
            f"torchvision has no classifier called {quote(name)}; torchvision.models.list_models() names "
            "those that it has."
        )
    settings: dict[str, Any] = {"num_classes": classes} if classes is not None else {}
    settings |= {"aux_logits": True, "init_weights": False} if name in AUXILIARY else {}
    try:
        return models.get_model(name, weights=None, **settings)
    except Exception as error:  # the library's own complaints are of many kinds
        raise UsageError(
            f"torchvision cannot build {name} for these images: {describe_error(error)}."
        ) from error


def without_auxiliary(network: nn.Module, architecture: str) -> bool:
    """Take off what only a network's training uses; return whether there was any."""
    parts = AUXILIARY.get(architecture.removeprefix(TORCHVISION), ())
    for part in parts:
        setattr(network, part, None)
    return bool(parts)


def load_from_folder(folder: str, read: Callable[[int], dict[str, Tensor]]) -> nn.Module:
    """Return the classifier of a folder's config.json, filled by `read`, which takes the bytes needed."""
    library = import_extra("transformers", f"the architecture {FOLDER}{one_line(folder)}")
    described = Path(folder, "config.json")
    if not described.is_file():
        raise UsageError(f"{quote(folder)} has no config.json; expected a folder that save_pretrained wrote.")
    if described.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{quote(folder)} was refused: its config.json is larger than 1 MiB.")
    _refuse_huge(described, folder)
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = library.AutoConfig.from_pretrained(folder, **local)
        with torch.device("meta"), _bounded(folder):  # no memory is taken for what the file may ask for
            empty = library.AutoModelForImageClassification.from_config(config, trust_remote_code=False)
        state = read(sum(each.numel() * each.element_size() for each in empty.state_dict().values()))
        network, found = type(empty).from_pretrained(
            None, config=config, state_dict=state, output_loading_info=True
        )
    except TrivetError:
        raise
    except Exception as error:  # the library's own complaints are of many kinds
        raise UsageError(f"transformers cannot load {quote(folder)}: {describe_error(error)}.") from error
    for kind in ("missing", "unexpected", "mismatched"):
        if keys := sorted(map(str, found.get(f"{kind}_keys") or ())):
            raise CheckpointError(
                f"the weights in {quote(folder)} do not fit its config.json: {len(keys)} {kind}, such as "
                f"{quote(keys[0])}."
            )
    return network


def _refuse_huge(described: Path, folder: str) -> None:
    """Refuse a config.json that is none, or with numbers that no network has."""
    try:
        config = json.loads(described.read_bytes(), parse_constant=_refuse_constant)
        greatest = _greatest(config)
    except (ValueError, RecursionError, OverflowError) as error:
        raise CheckpointError(
            f"the config.json of {quote(folder)} is not JSON ({first_line(error)})."
        ) from error
    if not isinstance(config, dict) or "configuration_files" in config:
        raise CheckpointError(
            f"the config.json of {quote(folder)} was refused: expected an object that describes the network "
            "itself, without configuration_files, which would stand in its place."
        )
    if greatest > MAX_CONFIG_NUMBER:
        raise CheckpointError(
            f"{quote(folder)} was refused: its config.json has a number, or numbers in a list together, "
            f"above {MAX_CONFIG_NUMBER}, as no network's has."
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _greatest(value: Any) -> float:
    if isinstance(value, dict):
        return max(map(_greatest, value.values()), default=0)
    if isinstance(value, list):
        return sum(map(_greatest, value))
    return abs(value) if isinstance(value, int | float) else 0


@contextmanager
def _bounded(folder: str) -> Generator[None]:
    """Refuse a network of more tensors than any has, while it is built."""
    count = itertools.count(1)

    def refuse(*_registered: object) -> None:
        if next(count) > MAX_TENSORS:
            raise CheckpointError(
                f"{quote(folder)} was refused: its config.json describes a network of more than "
                f"{MAX_TENSORS} tensors."
            )

    hook = nn.modules.module.register_module_parameter_registration_hook(refuse)
    try:
        yield
    finally:
        hook.remove()
