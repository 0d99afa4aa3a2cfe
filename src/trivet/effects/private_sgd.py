"""DP-SGD for small networks: Poisson samples, gradients clipped example by example, Gaussian noise."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from trivet.errors import UsageError

__all__ = ["Loop", "clipped_sums", "train_privately"]

#: Layers whose gradient by example is known from their input and the gradient of their output.
_LAYERS: Final = (nn.Linear, nn.Conv2d)
#: Layers that treat every example by itself, without parameters.
_PLAIN: Final = (
    nn.ReLU,
    nn.Tanh,
    nn.AvgPool2d,
    nn.MaxPool2d,
    nn.Flatten,
    nn.Softmax,
    nn.Dropout,
    nn.Identity,
)


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A training loop with Poisson samples of `batch` examples as expected.

    The gradient of one example is clipped to an L2 norm of `clip`, and the noise has a deviation of
    `noise_multiplier` times that; None is the same loop without clipping and noise.
    """

    batch: int
    steps: int
    clip: float
    noise_multiplier: float | None
    rate: float
    momentum: float = 0.9


def train_privately(
    model: nn.Module,
    scores: Callable[[Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    loop: Loop,
    *,
    seed: int,
) -> None:
    """Train a network in place by Abadi et al. 2016, Algorithm 1; `scores` gives its logits."""
    generator = torch.Generator().manual_seed(seed)
    moved = [torch.zeros_like(each) for each in model.parameters()]
    for _ in range(loop.steps):
        drawn = torch.rand(len(labels), generator=generator) < loop.batch / len(labels)
        clip = None if loop.noise_multiplier is None else loop.clip
        sums = clipped_sums(model, scores, inputs[drawn], labels[drawn], clip=clip)
        with torch.no_grad():
            for parameter, velocity in zip(model.parameters(), moved, strict=True):
                total = sums[parameter]
                if loop.noise_multiplier is not None:
                    deviation = loop.noise_multiplier * loop.clip
                    total = total + deviation * torch.randn(total.shape, generator=generator)
                velocity.mul_(loop.momentum).add_(total / loop.batch)
                parameter.sub_(loop.rate * velocity)


def clipped_sums(
    model: nn.Module,
    scores: Callable[[Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    *,
    clip: float | None,
) -> Mapping[Tensor, Tensor]:
    """Sum the gradients of the examples' losses, each clipped to an L2 norm over all parameters.

    One backward pass gives the gradients of every layer's output, from which norms and sums follow without
    a gradient by example of the large layers (Goodfellow 2015, arXiv 1510.01799; Bu et al. 2023).
    """
    found: dict[Tensor, Tensor] = {each: torch.zeros_like(each) for each in model.parameters()}
    if not len(labels):
        return found
    with _recorded(model) as seen:
        loss = functional.cross_entropy(scores(inputs), labels, reduction="sum")
        gradients = torch.autograd.grad(loss, [output for _, _, output in seen])
    layers = [
        _by_example(layer, given, slope) for (layer, given, _), slope in zip(seen, gradients, strict=True)
    ]
    weight = torch.ones(len(labels))
    if clip is not None:
        squares = torch.stack([each.squares for each in layers]).sum(dim=0)
        weight = (clip / squares.sqrt().clamp_min(1e-12)).clamp_max(1)
    for (layer, _, _), each in zip(seen, layers, strict=True):
        found[layer.weight] += each.weighted(weight).reshape(layer.weight.shape)
        if (bias := _bias(layer)) is not None:
            found[bias] += weight @ each.bias
    return found


def _bias(layer: nn.Linear | nn.Conv2d) -> Tensor | None:
    return layer.bias  # which PyTorch's types do not say may be missing


@dataclass(frozen=True)
class _ByExample:
    """Gradients of one layer by example: squared norms, sums with weights, and those of its bias."""

    squares: Tensor
    weighted: Callable[[Tensor], Tensor]
    bias: Tensor


def _by_example(layer: nn.Linear | nn.Conv2d, given: Tensor, slope: Tensor) -> _ByExample:
    with torch.no_grad():
        if isinstance(layer, nn.Linear):
            if given.ndim != 2:  # noqa: PLR2004 - examples and features
                raise UsageError("private training is of linear layers over one row of features an example.")
            extra = 0 if _bias(layer) is None else 1
            squares = slope.square().sum(dim=1) * (given.square().sum(dim=1) + extra)
            return _ByExample(squares, lambda weight: (slope * weight[:, None]).T @ given, slope)
        patches = functional.unfold(given, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # pyright: ignore[reportArgumentType] - pairs of numbers
        flat = slope.flatten(start_dim=2)
        whole = torch.einsum("nol,nil->noi", flat, patches)
        bias = flat.sum(dim=2)
        squares = whole.square().sum(dim=(1, 2))
        if _bias(layer) is not None:
            squares = squares + bias.square().sum(dim=1)
        return _ByExample(squares, lambda weight: torch.einsum("noi,n->oi", whole, weight), bias)


_Seen = list[tuple[nn.Linear | nn.Conv2d, Tensor, Tensor]]


@contextmanager
def _recorded(model: nn.Module) -> Generator[_Seen]:
    """Keep what goes into each layer with parameters, and what comes out."""
    seen: _Seen = []

    def keep(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, _LAYERS)
        if any(layer is each for each, _, _ in seen):
            raise UsageError("private training is of layers that are applied once; this network repeats one.")
        seen.append((layer, given[0].detach(), output))

    handles = []
    for layer in model.modules():
        if isinstance(layer, _LAYERS):
            _refuse(layer)
            handles.append(layer.register_forward_hook(keep))
        elif next(layer.children(), None) is None and not isinstance(layer, _PLAIN):
            raise UsageError(
                f"{type(layer).__name__} is not known to treat each example by itself; private training is "
                "of linear and convolutional layers, and of plain ones between them."
            )
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _refuse(layer: nn.Linear | nn.Conv2d) -> None:
    if isinstance(layer, nn.Conv2d) and (
        layer.groups != 1 or isinstance(layer.padding, str) or layer.padding_mode != "zeros"
    ):
        raise UsageError("private training is of convolutions without groups, padded with zeros.")
