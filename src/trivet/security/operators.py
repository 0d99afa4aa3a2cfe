"""Which operators may a stranger's graph call? Pure functions of tensors, named one by one."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.wording import quoted

__all__ = ["is_in_place", "resolve"]

_LAYERS = """
    convolution conv1d conv2d conv_transpose2d linear addmm mm bmm baddbmm matmul einsum embedding
    batch_norm group_norm instance_norm layer_norm native_layer_norm rms_norm dropout dropout_ feature_dropout
    alpha_dropout native_dropout avg_pool2d max_pool2d max_pool2d_with_indices adaptive_avg_pool2d
    _adaptive_avg_pool2d adaptive_max_pool2d scaled_dot_product_attention upsample_nearest2d
    upsample_bilinear2d upsample_bicubic2d
"""
_ACTIVATIONS = """
    relu relu_ relu6 relu6_ leaky_relu leaky_relu_ prelu _prelu_kernel elu elu_ selu selu_ celu celu_ gelu
    silu silu_ mish mish_ hardtanh hardtanh_ hardswish hardswish_ hardsigmoid hardsigmoid_ sigmoid sigmoid_
    tanh tanh_ softplus log_sigmoid threshold glu softmax _softmax _safe_softmax log_softmax _log_softmax
"""
_ARITHMETIC = """
    add add_ sub sub_ rsub mul mul_ div div_ neg pow sqrt rsqrt exp log log1p abs sign square reciprocal sin
    cos erf floor ceil round floor_divide remainder fmod clamp clamp_ clamp_min clamp_max maximum minimum
    where eq ne lt le gt ge logical_not logical_and logical_or bitwise_not bitwise_and bitwise_or isnan isinf
    masked_fill masked_fill_ addcmul addcdiv lerp cumsum sum mean amax amin max min argmax any all prod var
    var_mean std linalg_vector_norm norm logsumexp
"""
_SHAPES = """
    reshape flatten unflatten permute transpose t numpy_T squeeze unsqueeze expand expand_as broadcast_to
    contiguous clone alias detach detach_ lift_fresh_copy slice select narrow cat stack split split_with_sizes
    chunk unbind roll flip pad constant_pad_nd reflection_pad2d replication_pad2d pixel_shuffle
    pixel_unshuffle channel_shuffle native_channel_shuffle repeat tile index_select gather index movedim
    swapaxes tril triu copy_ fill_ _to_copy to type_as sym_size sym_numel
"""
_CONSTANTS = "full full_like zeros zeros_like ones ones_like new_zeros new_ones new_full arange scalar_tensor"

ALLOWED = frozenset(f"{_LAYERS}{_ACTIVATIONS}{_ARITHMETIC}{_SHAPES}{_CONSTANTS}".split())
#: What they assert of shapes the reader of the graph does not need.
SKIPPED = frozenset(
    {"_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size"}
)
ATEN = "torch.ops.aten."
LARGEST = 2**63 - 1


def is_in_place(target: str) -> bool:
    """Tell whether an operator overwrites its first argument."""
    return target.removeprefix(ATEN).partition(".")[0].endswith("_")


def resolve(target: str, file: str) -> Callable[..., Any]:
    """Return the function that a graph calls `target`; nothing else is ever looked up.

    Raises
    ------
    CheckpointError
        If it is not on the list; `file` is the graph's, for the message.
    """
    if target in _PYTHON:
        return _PYTHON[target]
    name, _, overload = target.removeprefix(ATEN).partition(".")
    if target.startswith(ATEN):
        if name in SKIPPED:
            return _skip
        if f"{name}.{overload}" in _CHECKED:
            return _CHECKED[f"{name}.{overload}"]
        if name in ALLOWED:
            packet: Any = getattr(torch.ops.aten, name, None)  # each PyTorch has its own selection
            if packet is not None and overload in packet.overloads() and "out" not in overload:
                return getattr(packet, overload)
    raise CheckpointError(
        f"{file} was refused: it calls the operator {quoted(target)}, which is not on the list of those "
        "that image classifiers need. Export the network with exported.run_decompositions(), or give its "
        "state dict with the architecture's code."
    )


def _skip(*_arguments: Any, **_settings: Any) -> None:
    return None


def _reshape(self: Tensor, size: list[int]) -> Tensor:
    return self.reshape(size)  # views where the layout in memory allows it


def _batch_norm(
    input: Tensor,  # noqa: A002 - the operator's own name for it
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    **_mode: bool,
) -> tuple[Tensor, None, None]:
    scores = functional.batch_norm(
        input, running_mean, running_var, weight, bias, running_mean is None, momentum, eps
    )
    return scores, None, None


def _group_norm(
    input: Tensor,  # noqa: A002
    weight: Tensor | None,
    bias: Tensor | None,
    group: int,
    eps: float,
    **_sizes: int,
) -> tuple[Tensor, None, None]:
    return functional.group_norm(input, group, weight, bias, eps), None, None


def _attention(
    query: Tensor, key: Tensor, value: Tensor, *, dropout_p: float = 0.0, **settings: Any
) -> tuple[Tensor, None]:
    del dropout_p  # there is none in evaluation
    return functional.scaled_dot_product_attention(query, key, value, **settings), None


#: Operators that stand below the checks of their arguments, or fit one layout only, and what is
#: called in their place.
_CHECKED: dict[str, Callable[..., Any]] = {
    "view.default": _reshape,
    "_unsafe_view.default": _reshape,
    "_native_batch_norm_legit.default": _batch_norm,
    "_native_batch_norm_legit.no_stats": _batch_norm,
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "native_group_norm.default": _group_norm,
    "_scaled_dot_product_flash_attention_for_cpu.default": _attention,
}


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(*numbers: Any) -> Any:
        if any(type(number) not in {int, float, bool} for number in numbers):
            raise TypeError("arithmetic of what are no numbers")
        result = function(*numbers)
        if abs(result) > LARGEST:
            raise OverflowError("a size beyond 64 bits")
        return result

    return compute


def _item(items: Any, index: Any) -> Any:
    if type(items) not in {tuple, list} or type(index) is not int:
        raise TypeError("an item of what is no list")
    return items[index]


#: Arithmetic on sizes, as graphs for any number of images need it.
_PYTHON: dict[str, Callable[..., Any]] = {
    "_operator.getitem": _item,
    **{
        f"_operator.{function.__name__}": _of_numbers(function)
        for function in (
            operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.neg,
            operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
        )
    },
}  # fmt: skip
