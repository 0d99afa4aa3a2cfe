"""The kind of what a user gave to be trained, and what tells it from what was given before."""

import hashlib
import inspect
import sys
from collections.abc import Generator
from typing import Any

import numpy as np

from trivet.wording import one_line

__all__ = ["described", "is_factory", "is_network", "is_torch_classifier", "kind"]


def is_network(made: Any) -> bool:
    """Return whether it is a torch.nn.Module, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(made, torch.nn.Module)


def is_factory(made: Any) -> bool:
    """Return whether it makes a model and is none: a function, or a class."""
    return isinstance(made, type) or (callable(made) and not is_network(made) and not hasattr(made, "fit"))


def is_torch_classifier(built: Any) -> bool:
    """Return whether it is trivet's adapter around a network, without importing PyTorch."""
    adapter = sys.modules.get("trivet.privacy.membership.torch_classifier")
    return adapter is not None and isinstance(built, adapter.TorchClassifier)


def kind(made: Any) -> str:
    """Return the name of a class or function, or of an object's class, for messages."""
    try:
        return one_line(made.__name__)
    except Exception:  # noqa: BLE001 - a user's attribute may fail in any way
        return one_line(type(made).__name__)


def described(built: Any) -> Generator[str]:
    """Yield lines that tell an unfitted estimator from others: its settings, weights and code."""
    yield f"{type(built).__module__}.{type(built).__qualname__} {_code_digest(type(built))}"
    for name, value in sorted(built.get_params(deep=True).items()):
        yield f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if is_network(value):
        weights = hashlib.sha256()
        for name, tensor in value.state_dict().items():
            weights.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return f"{value!r} {weights.hexdigest()}"
    if inspect.isfunction(value) or isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__} {_code_digest(value)}"
    return repr(value)


def _code_digest(code: Any) -> str:
    """Return the SHA-256 of the module that holds a class or function; empty where it has no file."""
    try:
        return hashlib.sha256(inspect.getsource(inspect.getmodule(code) or code).encode()).hexdigest()
    except (OSError, TypeError):
        return ""
