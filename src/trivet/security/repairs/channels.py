"""Convolutions that a network runs, the batch norm after each, and the activity of their channels.

The operators tell it while they run, so it makes no difference whether the network is made of layers or
is a graph read from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from trivet.security.classifier import Classifier

__all__ = ["Convolution", "Norm", "Silenced", "observe", "silence", "silenced_by"]

#: By name in the state dict, which entries along the first axis are zero for good.
Silenced = Mapping[str, Tensor]

NORMS: Final = frozenset(
    {
        "native_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "_batch_norm_with_update",
        "_batch_norm_no_update",
        "batch_norm",
        "cudnn_batch_norm",
    }
)


@dataclass(frozen=True)
class Norm:
    """A batch norm, its tensors by their names in the state dict; None where it has none."""

    weight: str | None
    bias: str | None
    variance: str | None
    eps: float


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution that ran."""

    weight: str
    bias: str | None
    norm: Norm | None
    kernel: tuple[int, ...]
    activity: Tensor


def observe(model: Classifier, inputs: Tensor) -> list[Convolution]:
    """Run `model` and return its convolutions in the order in which they ran.

    A convolution counts where its weight is in the state dict as it is used; transposed ones do not.
    """
    with torch.no_grad(), _Watch(model) as watch:
        model.logits(inputs)
    return list(watch.found.values())


def silenced_by(convolution: Convolution, channels: Tensor) -> dict[str, Tensor]:
    """Return what has to be zero for `channels` of a convolution to be silent, a mask by name."""
    norm = convolution.norm
    names = [convolution.weight, convolution.bias, *((norm.weight, norm.bias) if norm else ())]
    return {name: channels for name in names if name is not None}


def silence(model: Classifier, silenced: Silenced) -> Classifier:
    """Set what is silenced to zero in `model` itself, and return it."""
    tensors = _tensors(model)
    with torch.no_grad():
        for name, channels in silenced.items():
            tensors[name][channels] = 0
    return model


def _tensors(model: Classifier) -> dict[str, Tensor]:
    return {**dict(model.named_buffers()), **dict(model.named_parameters())}


class _Watch(TorchDispatchMode):
    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self._names = {_place(tensor): name for name, tensor in _tensors(model).items() if tensor.numel()}
        self.found: dict[str, Convolution] = {}
        self._last: tuple[str, Tensor] | None = None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch imports its compiler only to switch it off here

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        operator = func.overloadpacket.__name__
        if operator in NORMS or operator == "convolution":
            named = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | (kwargs or {})  # noqa: SLF001 - the only way to arguments by name
            if operator == "convolution":
                self._note_convolution(named, result)
            else:
                self._note_norm(named, result[0] if isinstance(result, tuple) else result)
        return result

    def _note_convolution(self, named: Mapping[str, Any], output: Tensor) -> None:
        self._last = None
        weight = named["weight"]
        name = self._names.get(_place(weight))
        if name is None or named["transposed"]:
            return
        self._last = (name, output)
        self.found[name] = Convolution(
            name, self._name(named["bias"]), None, tuple(weight.shape[2:]), _activity(output)
        )

    def _note_norm(self, named: Mapping[str, Any], output: Tensor) -> None:
        if self._last is None or named["input"] is not self._last[1]:
            return
        name, before = self._last[0], self.found[self._last[0]]
        norm = Norm(
            self._name(named["weight"]),
            self._name(named["bias"]),
            self._name(named["running_var"]),
            float(named["eps"]),
        )
        self.found[name] = Convolution(name, before.bias, norm, before.kernel, _activity(output))
        self._last = None

    def _name(self, tensor: Tensor | None) -> str | None:
        return None if tensor is None else self._names.get(_place(tensor))


def _place(tensor: Tensor) -> tuple[int, torch.Size]:
    return tensor.data_ptr(), tensor.shape


def _activity(output: Tensor) -> Tensor:
    return output.clamp_min(0).mean(dim=[axis for axis in range(output.dim()) if axis != 1])
