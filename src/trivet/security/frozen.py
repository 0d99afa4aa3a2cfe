"""A network whose weights stay as they are, laid out for fast gradients of its inputs.

Trigger inversion asks one thing of a network a hundred thousand times: how the logits move with the
pixels. On a CPU, PyTorch spends most of that time in the input gradient of the first convolution,
which has too few channels for the fast kernels. A matrix product and a fold give the same gradient. A batch
norm behind a convolution is a factor and an offset for each channel by now, and goes into its weights.
"""

import copy
from collections import Counter
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_iter

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
    folded = _without_norms(copy.deepcopy(plain))
    if not isinstance(plain, AdaptedClassifier):
        return _rebuilt(folded, torch.channels_last)
    for start, layout in (
        (folded, torch.channels_last),
        (plain, torch.channels_last),
        (plain, torch.contiguous_format),
    ):
        frozen = _rebuilt(copy.deepcopy(start), layout)
        if _computes_the_same(frozen, plain):
            return frozen
    return plain


class _Uses(TorchFunctionMode):
    """Counts the operators that each tensor goes into."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[int] = Counter()
        self.kept: list[Tensor] = []  # an address is one tensor's as long as the tensor lives

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(isinstance(each, Tensor) for each in tree_iter(result)):  # not one that asks for a shape
            given = [each for each in tree_iter((args, kwargs or {})) if isinstance(each, Tensor)]
            self.kept += given
            self.counts.update({id(each) for each in given})
        return result


def _without_norms(model: Classifier) -> Classifier:
    """Put batch norms into the convolutions whose output goes to them and nowhere else."""
    if not any(type(module) is nn.BatchNorm2d for module in model.modules()):
        return model
    try:
        with guarded(model.name, "be looked into"):
            pairs = _pairs(model)
    except CheckpointError:  # whatever a user's network makes of hooks, it can run without
        return model
    replaced: dict[nn.Module, nn.Module] = {}
    for convolution, norm in pairs:
        replaced |= {convolution: fuse_conv_bn_eval(convolution, norm), norm: nn.Identity()}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in replaced:
                setattr(parent, name, replaced[child])
    return model


def _pairs(model: Classifier) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return convolutions with the batch norm that alone takes what they return; each of both runs once."""
    runs: Counter[nn.Module] = Counter()
    made: dict[int, nn.Conv2d] = {}
    met: list[tuple[int, nn.BatchNorm2d]] = []

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        runs[module] += 1
        if isinstance(module, nn.Conv2d):
            uses.kept.append(output)
            made[id(output)] = module
        elif isinstance(module, nn.BatchNorm2d):
            met.append((id(inputs[0]), module))

    plain = [module for module in model.modules() if type(module) in {nn.Conv2d, nn.BatchNorm2d}]
    hooks = [module.register_forward_hook(note) for module in plain]
    try:
        with torch.no_grad(), _Uses() as uses:
            model.logits(torch.zeros(1, *model.input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return [
        (made[address], norm)
        for address, norm in met
        if address in made
        and norm.running_mean is not None
        and uses.counts[address] == runs[made[address]] == runs[norm] == 1
    ]


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
