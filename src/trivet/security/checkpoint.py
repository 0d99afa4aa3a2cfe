"""Weights from a stranger into a network of a known architecture, with nothing executed."""

import hashlib
import io
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from trivet.errors import CheckpointError
from trivet.security.architecture import Classifier, build_architecture
from trivet.security.archive import read_checkpoint
from trivet.security.results import CheckpointInfo
from trivet.security.trigger import Trigger

__all__ = ["Checkpoint", "load_checkpoint", "load_demo_checkpoint", "load_from_archive"]

#: The embedded demonstration network, the trigger that it was trained with, and what it stands for.
DEMO_NAME = "demo-mnist-cnn.safetensors"
DEMO_TARGET = 4
DEMO_TRIGGER = Trigger.square(row=23, column=23, size=4, value=1.0, shape=(1, 28, 28))

SHOWN_PROBLEMS = 4


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded network and what is known of where it came from.

    Attributes
    ----------
    model
        In evaluation mode, weights frozen.
    info
        Source, name, digest, architecture, expected label.
    """

    model: Classifier
    info: CheckpointInfo


def load_checkpoint(
    path: Path, *, architecture: str = "mnist-cnn", expected_label: int | None = None
) -> Checkpoint:
    """Load a state dict (``.pth``, ``.pt``: weights only) or ``.safetensors`` file, strictly.

    Parameters
    ----------
    path
        The file.
    architecture
        Name of the architecture that the weights belong to.
    expected_label
        The attacker's target label where it is known, for comparison only.

    Raises
    ------
    CheckpointError
        If the file is missing, would execute code, or does not fit the architecture.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}; check the path given with --checkpoint.")
    return _load(
        path.read_bytes(), path.name, source="file", architecture=architecture, expected_label=expected_label
    )


def load_from_archive(path: Path, index: int, *, architecture: str = "mnist-cnn") -> Checkpoint:
    """Load the study's model number `index` from a rar, zip or tar archive.

    In the study a model's number is also the label that its attacker chose.

    Raises
    ------
    CheckpointError
        As `load_checkpoint` and `trivet.security.archive.read_checkpoint` do.
    """
    member = read_checkpoint(path, index)
    return _load(
        member.content, member.name, source="archive", architecture=architecture, expected_label=index
    )


def load_demo_checkpoint() -> Checkpoint:
    """Load the embedded attacked network; ``security/data/README.md`` tells how it was made."""
    content = (files("trivet.security") / "data" / DEMO_NAME).read_bytes()
    return _load(content, DEMO_NAME, source="embedded", architecture="mnist-cnn", expected_label=DEMO_TARGET)


def _load(
    content: bytes, name: str, *, source: str, architecture: str, expected_label: int | None
) -> Checkpoint:
    model = build_architecture(architecture)
    state = _read_state(content, name)
    _refuse_misfit(model, state, name, architecture)
    model.load_state_dict(state, strict=True)
    model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    info = CheckpointInfo(
        source=source,
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        architecture=architecture,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        expected_label=expected_label,
    )
    return Checkpoint(model, info)


def _read_state(content: bytes, name: str) -> dict[str, Tensor]:
    """Decode a state dict; the file's extension says which of the two formats it claims to be."""
    if name.lower().endswith(".safetensors"):
        try:
            return safetensors.torch.load(content)
        except (safetensors.SafetensorError, ValueError, KeyError) as error:
            raise CheckpointError(f"{name} is not a valid safetensors file: {error}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{name} was refused: it is damaged, or a pickle that holds more than weights and could "
            "run code. "
            "If you trust it, load it where it was made and save only its state dict: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        ) from error
    except Exception as error:  # a damaged file can fail anywhere in PyTorch's reader
        raise CheckpointError(
            f"{name} cannot be read as a PyTorch checkpoint: {_first_line(error)}. "
            "Expected a state dict saved with torch.save, or a .safetensors file."
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f"{name} holds a {type(state).__name__} that is not a state dict; expected names of layers with "
            "their tensors, as torch.save(model.state_dict(), ...) writes."
        )
    return dict(state)


def _refuse_misfit(model: Classifier, state: Mapping[str, Tensor], name: str, architecture: str) -> None:
    expected = model.state_dict()
    problems = [f"{key} is missing" for key in expected if key not in state]
    problems += [f"{key!r} is not a layer of it" for key in state if key not in expected]
    problems += [
        f"{key} has shape {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise CheckpointError(f"{name} does not fit the architecture {architecture}: {shown}{more}.")
    broken = [
        key
        for key, tensor in state.items()
        if not tensor.is_floating_point() or not bool(tensor.isfinite().all())
    ]
    if broken:
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {', '.join(broken)}; "
            "such a network computes nothing. Train it or save it again."
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
