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

from trivet.errors import CheckpointError
from trivet.security.adapting import AdaptedClassifier, guarded
from trivet.security.device import OnDevice
from trivet.security.networks import Classifier

__all__ = ["freeze"]

#: Up to this many taps (input channels times kernel area) the fold wins over the library's kernel.
FEW_TAPS = 75
#: Dimensions of kernels and of images, for which the layouts are defined.
IMAGE_AXES = 4
#: How many images an adapted network is tried on, and how far its scores may be off, of the largest.
TRIALS = 2
ROUNDING = 1e-3


def freeze(model: Classifier) -> Classifier:
    """Return a copy of `model` in evaluation mode that computes the same up to rounding, faster."""
    with guarded(model.name, "be copied"):
        plain = copy.deepcopy(model).eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    if isinstance(plain, OnDevice):
        return plain
    if not isinstance(plain, AdaptedClassifier):
        return _rebuilt(plain, torch.channels_last)
    for layout in (torch.channels_last, torch.contiguous_format):
        frozen = _rebuilt(copy.deepcopy(plain), layout)
        if _computes_the_same(frozen, plain):
            return frozen
    return plain


def _rebuilt(model: Classifier, layout: torch.memory_format) -> Classifier:
    for parameter in model.parameters():
        if parameter.dim() == IMAGE_AXES:
            parameter.data = parameter.data.to(memory_format=layout)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and _has_few_taps(child):
                setattr(parent, name, _FoldedConv2d(child, layout))
    return model


def _computes_the_same(frozen: Classifier, plain: Classifier) -> bool:
    pixels = torch.rand(TRIALS, *plain.input_shape, generator=torch.Generator().manual_seed(0))
    expected = plain.logits(pixels)
    try:
        with guarded(plain.name, "run in another layout"), torch.enable_grad():
            scores = frozen.logits(pixels.clone().requires_grad_())
            scores.sum().backward()
    except CheckpointError:  # a user's network was not built for this, whatever it says
        return False
    return bool((scores.detach() - expected).abs().max() <= ROUNDING * expected.abs().max())


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

    def __init__(self, layer: nn.Conv2d, layout: torch.memory_format) -> None:
        super().__init__()
        self.layer, self.layout = layer, layout

    def forward(self, inputs: Tensor) -> Tensor:
        layer = self.layer
        return _folded(
            inputs, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, self.layout
        )


def _folded(inputs: Tensor, *convolution: Any) -> Tensor:
    return cast("Tensor", _FoldedConvolution.apply(inputs, *convolution))


class _FoldedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        layout: torch.memory_format,
    ) -> Tensor:
        ctx.weight, ctx.size = weight, inputs.shape[2:]
        ctx.folding = {"dilation": dilation, "padding": padding, "stride": stride}
        inputs = inputs.contiguous(memory_format=layout)
        return functional.conv2d(inputs, weight, bias, stride, padding, dilation)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        weight: Tensor = ctx.weight
        columns = torch.matmul(weight.flatten(start_dim=1).t(), gradient.flatten(start_dim=2))
        folded = functional.fold(columns, ctx.size, weight.shape[2:], **ctx.folding)
        return folded, None, None, None, None, None, None
