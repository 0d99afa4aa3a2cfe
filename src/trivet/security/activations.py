"""The memory and the work that an untrusted network takes for one image, bounded before it runs."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map_only

from trivet.errors import CheckpointError

__all__ = ["Measured", "measured"]

#: Of weights and results together: with PyTorch itself it stays under 2 GiB, and the large vision
#: transformers fit.
MAX_BYTES = 13 * 2**27
#: Numbers that all operators together are given for one image; the largest vision transformers take a
#: tenth. A view costs no memory, however many numbers it stands for, but working through it takes time.
MAX_NUMBERS = 2**34
META = torch.device("meta")
CONVOLUTION = torch.ops.aten.convolution.default
#: Their result is as large as their input. On shapes alone they would make PyTorch import its compiler,
#: which takes a second.
NORMALISATIONS = frozenset(
    getattr(torch.ops.aten, name).default
    for name in ("native_batch_norm", "native_layer_norm", "native_group_norm")
)
#: The size of their result is in the numbers, so shapes do not bound it.
UNBOUNDED = frozenset({torch.ops.aten.repeat_interleave.Tensor, torch.ops.aten.bincount.default})


@dataclass
class Measured:
    """Bytes of all results of operators, and numbers that these are given; both without mere views."""

    bytes: int = 0
    numbers: int = 0


@contextmanager
def measured(name: str, *, held: int = 0) -> Generator[Measured]:
    """Measure what runs within, and stop it before it takes too much.

    Every operator runs on shapes alone first, so what does not fit is never allocated.
    """
    tally = Measured()
    with _ShapesFirst(tally, name, MAX_BYTES - held):
        yield tally


class _ShapesFirst(TorchDispatchMode):
    def __init__(self, tally: Measured, name: str, most: int) -> None:
        super().__init__()
        self._tally, self._name, self._most = tally, name, most

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch imports its compiler only to switch it off here

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        results, workspace = _cost(func, args, kwargs)
        self._tally.bytes += results
        self._tally.numbers += 0 if func.is_view else sum(t.numel() for t in _tensors(args, kwargs))
        if self._tally.bytes + workspace > self._most or func in UNBOUNDED:
            raise CheckpointError(
                f"{self._name} was refused: with one image it takes more than {MAX_BYTES / 2**30:.1f} GiB of "
                "memory, or how much it takes cannot be foreseen."
            )
        if self._tally.numbers > MAX_NUMBERS:
            raise CheckpointError(
                f"{self._name} was refused: for one image it works through more than {MAX_NUMBERS:.0e} "
                "numbers."
            )
        return func(*args, **kwargs)


def _cost(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, int]:
    """Return the bytes of an operator's results, and of what it may need while it runs."""
    if func.is_view:
        return 0, 0
    if func in NORMALISATIONS:
        return args[0].numel() * args[0].element_size(), 0
    shapes, options = tree_map_only(Tensor, lambda tensor: tensor.detach().to(META), (args, kwargs))
    if "device" in options or not any(isinstance(leaf, Tensor) for leaf in tree_iter((args, kwargs))):
        options["device"] = META
    try:
        results = [leaf for leaf in tree_iter(func(*shapes, **options)) if isinstance(leaf, Tensor)]
    except Exception:  # noqa: BLE001 - the result depends on the numbers, as of nonzero or a mask
        largest = max((t.numel() * max(t.dim(), 1) for t in _tensors(args, kwargs)), default=0)
        return largest * torch.int64.itemsize, 0
    workspace = 0
    if func is CONVOLUTION and len(args[1]) > 0:  # the slow kernels unfold their input
        workspace = results[0].numel() // len(args[1]) * args[1][0].numel() * results[0].element_size()
    return sum(result.numel() * result.element_size() for result in results), workspace


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    return [leaf for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)]
