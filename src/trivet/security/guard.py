"""A user's network may fail in any way, also after it was loaded: each becomes one error of trivet's."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor

from trivet.errors import CheckpointError, TrivetError
from trivet.wording import reason, told

__all__ = ["GRADIENT", "all_finite", "guarded"]

#: What a network does where its scores are differentiated.
GRADIENT: Final = "differentiate its scores"

#: What PyTorch's allocators say, in lower case; on a CPU it is a mere RuntimeError.
OUT_OF_MEMORY: Final = ("not enough memory", "can't allocate memory", "out of memory", "std::bad_alloc")


@contextmanager
def guarded(name: str, doing: str) -> Generator[None]:
    """Turn whatever is raised within, `SystemExit` too, into a `CheckpointError`.

    Only trivet's own errors and an interrupt from the keyboard pass. Lack of memory is not the network's
    fault and becomes a `TrivetError`.
    """
    try:
        yield
    except (TrivetError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if _is_memory(error):
            raise TrivetError(
                f"{name} cannot {doing} for lack of memory: {told(error)}. Take fewer or smaller images "
                "(--limit), or a machine with more memory."
            ) from error
        raise CheckpointError(
            f"{name} cannot {doing}: it raises {told(error)}. Check that the images, the architecture "
            "and the weights belong together."
        ) from error


def all_finite(scores: Tensor, name: str) -> Tensor:
    """Return `scores` if all are finite numbers."""
    if not bool(torch.isfinite(scores).all()):
        raise CheckpointError(
            f"{name} returns scores that are not finite numbers; such a network tells no classes apart."
        )
    return scores


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in reason(error).lower() for words in OUT_OF_MEMORY)
