"""Operators as modules of PyTorch, where onnx2torch's rest on what PyTorch is about to change."""

from importlib import import_module
from typing import Any, Final

from torch import Tensor, nn

__all__ = ["OWN", "Sliced"]


class Sliced(nn.Module):
    """Part of a tensor, from a start to an end in steps, on some axes."""

    def forward(
        self,
        whole: Tensor,
        starts: Tensor,
        ends: Tensor,
        axes: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> Tensor:
        """Return the part; it counts as Python does, from the last where a number is negative."""
        given = range(len(starts)) if axes is None else axes.tolist()
        by = [1] * len(starts) if steps is None else steps.tolist()
        index = [slice(None)] * whole.dim()
        for axis, start, end, step in zip(given, starts.tolist(), ends.tolist(), by, strict=True):
            size = whole.shape[axis]
            places = range(*slice(start, end, step).indices(size))
            if step < 0:
                whole = whole.flip(axis)
                places = range(size - 1 - places.start, size - 1 - places.stop, -step)
            index[axis] = slice(places.start, places.stop, places.step)
        return whole[tuple(index)]


def _slice(node: Any, _graph: Any) -> Any:
    common = import_module("onnx2torch.utils.common")
    return common.OperationConverterResult(Sliced(), common.onnx_mapping_from_node(node))


#: By operator, the versions and what converts them.
OWN: Final = {"Slice": ((10, 11, 13), _slice)}
