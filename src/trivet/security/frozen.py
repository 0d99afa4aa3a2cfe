"""A network whose weights stay as they are, laid out for fast gradients of its inputs.

Trigger inversion asks one thing of a network a hundred thousand times: how the logits move with the
pixels. On a CPU, PyTorch spends most of that time in the input gradient of the first convolution,
which has too few channels for the fast kernels. A matrix product and a fold give the same gradient.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from trivet.security.architecture import Classifier

__all__ = ["freeze"]

#: Up to this many taps (input channels times kernel area) the fold wins over the library's kernel.
FEW_TAPS = 75


def freeze(model: Classifier) -> Classifier:
    """Return a copy of `model` in evaluation mode that computes the same, faster.

    Weights need no gradient, activations are laid out channels-last, and convolutions over few
    channels get their input gradient by a fold. Results differ by rounding only.
    """
    frozen = copy.deepcopy(model).eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    frozen = frozen.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for parent in list(frozen.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and _has_few_taps(child):
                setattr(parent, name, _FoldedConv2d(child))
    return frozen


def _has_few_taps(layer: nn.Conv2d) -> bool:
    height, width = layer.kernel_size
    return (
        layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and layer.in_channels * height * width <= FEW_TAPS
    )


class _FoldedConv2d(nn.Module):
    """A frozen convolution whose input gradient is a matrix product and a fold."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return cast("Tensor", _FoldedConvolution.apply(inputs, self.layer))


class _FoldedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, layer: nn.Conv2d) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.layer, ctx.size = layer, inputs.shape[2:]
        return layer(inputs.contiguous(memory_format=torch.channels_last))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        layer: nn.Conv2d = ctx.layer
        columns = torch.matmul(layer.weight.flatten(start_dim=1).t(), gradient.flatten(start_dim=2))
        folded = functional.fold(
            columns,
            ctx.size,
            layer.kernel_size,
            dilation=layer.dilation,
            padding=cast("tuple[int, int]", layer.padding),
            stride=layer.stride,
        )
        return folded, None
