"""Bytes that a network's results take for one more image, and how many images fit into memory together."""

from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from trivet.security.classifier import Scorer

__all__ = ["RESULTS_BUDGET", "bytes_an_image", "images_at_once"]

#: What all results of one batch may take, kept for the gradient or not.
RESULTS_BUDGET: Final = 512 * 2**20


def images_at_once(score: Scorer, image: Tensor, *, at_most: int, budget: int = RESULTS_BUDGET) -> int:
    """Return how many images like `image`, shape (1, channels, h, w), a batch may have: 1 to `at_most`."""
    return max(1, min(at_most, budget // bytes_an_image(score, image)))


def bytes_an_image(score: Scorer, image: Tensor) -> int:
    """Return how many bytes the results of all operators take for one more image.

    What is made once, however many images there are, is left out.
    """
    one, two = (_result_bytes(score, image.expand(count, -1, -1, -1)) for count in (1, 2))
    return max(1, two - one or one)  # a network that takes its images in fixed numbers shows no difference


def _result_bytes(score: Scorer, pixels: Tensor) -> int:
    with torch.no_grad(), _Results() as results:
        score(pixels)
    return results.bytes


class _Results(TorchDispatchMode):
    """Adds up the bytes of what operators return, views and results in place left out."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or PyTorch imports its compiler only to switch it off here

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {_place(leaf) for leaf in tree_iter((args, kwargs)) if isinstance(leaf, Tensor)}
        self.bytes += sum(
            leaf.numel() * leaf.element_size()
            for leaf in tree_iter(result)
            if isinstance(leaf, Tensor) and _place(leaf) not in given
        )
        return result


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
