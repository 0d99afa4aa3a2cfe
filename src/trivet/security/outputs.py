"""Choice of the class scores among a network's outputs: logits or probabilities."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from trivet.errors import CheckpointError

__all__ = ["LastActivation", "are_probabilities", "scores_among"]

#: How far from 1 the probabilities of an image may sum, in single precision over a thousand classes.
SUM_TOLERANCE = 1e-3
#: Operators that turn logits into probabilities, as modules, functions, methods and graph nodes call
#: them.
SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax", "special_softmax"})
SIGMOID = frozenset({"sigmoid", "special_expit"})


def scores_among(output: Any, images: int, classes: int | None, name: str) -> Tensor:
    """Return the scores, shape (images, classes), in what a network returned.

    They may be the output itself, its attribute or entry ``logits``, or the only tensor of that shape
    in a tuple, a list, a dictionary or a dataclass. Axes of one pixel behind the classes are taken
    off.
    """
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    parts = [named] if isinstance(named, Tensor) else list(_parts(output))
    tensors = [_flat(part) for part in parts if isinstance(part, Tensor)]
    wanted = f"({images}, {'classes' if classes is None else classes})"
    fitting = [
        tensor
        for tensor in tensors
        if tensor.dim() == 2 and len(tensor) == images and _fits(tensor.shape[1], classes)  # noqa: PLR2004
    ]
    if len(fitting) == 1 and fitting[0].is_floating_point():
        return fitting[0]
    if len(fitting) == 1:
        raise CheckpointError(f"{name} returns whole numbers; expected scores, one for each class.")
    if len(fitting) > 1:
        raise CheckpointError(
            f"{name} returns {len(fitting)} tensors of shape {wanted}; return the scores alone, or under the "
            "name logits."
        )
    if any(tuple(tensor.shape) in {(images,), (images, 1)} for tensor in tensors):
        raise CheckpointError(
            f"{name} returns one number an image, as a network with one sigmoid output does; expected scores "
            f"of shape {wanted}. Give it an output for each class: for the two of one logit z, (0, z)."
        )
    if len(tensors) == 1 and tensors[0].dim() == 2 and len(tensors[0]) == images and classes is not None:  # noqa: PLR2004
        raise CheckpointError(
            f"{name} tells {tensors[0].shape[1]} classes apart, the images have {classes}; give images of "
            "its own classes."
        )
    found = ", ".join(str(tuple(tensor.shape)) for tensor in tensors[:4]) or f"a {type(output).__name__}"
    raise CheckpointError(
        f"{name} returns {found} for a batch of {images}; expected scores of shape {wanted}."
    )


def are_probabilities(scores: Tensor) -> bool:
    """Tell whether each row of `scores` lies in [0, 1] and sums to 1."""
    return bool((scores >= 0).all()) and bool((scores.sum(dim=1) - 1).abs().max() < SUM_TOLERANCE)


class LastActivation(TorchFunctionMode):
    """Remembers what went into the last softmax or sigmoid of what runs within, and what came out."""

    def __init__(self) -> None:
        super().__init__()
        self._kind: str | None = None
        self._input: Tensor | None = None
        self._output: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        kind = getattr(func, "__name__", "").partition(".")[0]
        if kind in SOFTMAX or kind in SIGMOID:
            self._kind = "softmax" if kind in SOFTMAX else "sigmoid"
            self._input = args[0] if args else kwargs.get("input", kwargs.get("self"))
            self._output = result
        return result

    def before(self, scores: Tensor) -> tuple[str, Tensor] | None:
        """Return the activation whose output `scores` is, with its input; None if it is another's."""
        if self._kind is None or not isinstance(self._input, Tensor) or not isinstance(self._output, Tensor):
            return None
        same = (
            self._output.numel() == scores.numel() == self._input.numel()
            and self._output.data_ptr() == scores.data_ptr()
            and self._output.is_contiguous()
            and scores.is_contiguous()
        )
        return (self._kind, self._input.reshape(scores.shape)) if same else None


def _parts(output: Any) -> Iterable[Any]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        return output.values()
    if isinstance(output, (tuple, list)):
        return output
    if dataclasses.is_dataclass(output):
        return vars(output).values()
    return []


def _flat(tensor: Tensor) -> Tensor:
    extra = tensor.dim() > 2 and all(size == 1 for size in tensor.shape[2:])  # noqa: PLR2004 - pixels
    return tensor.flatten(start_dim=1) if extra else tensor


def _fits(columns: int, classes: int | None) -> bool:
    return columns == classes if classes is not None else columns > 1
