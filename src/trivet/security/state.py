"""How do the weights of a file get into a network: named, shaped and typed as its layers are."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from trivet.errors import CheckpointError
from trivet.security.claims import Claim
from trivet.wording import one_line, quoted

__all__ = ["find_state", "load_state"]

#: Under which names training scripts keep the state dict beside epochs and optimisers.
STATE_KEYS = ("state_dict", "model_state_dict", "model", "net")
#: What DataParallel and torch.compile put before the name of every layer.
WRAPPERS = ("module.", "_orig_mod.")
#: Batch normalisation's counter: absent before PyTorch 0.4.1, and without effect in evaluation.
COUNTER = "num_batches_tracked"

SHOWN_PROBLEMS = 4


def find_state(content: Any, name: str) -> dict[str, Claim]:
    """Return the state dict in `content`: itself, or what it keeps under one of `STATE_KEYS`.

    Raises
    ------
    CheckpointError
        If there is none, or more than one.
    """
    if _is_state(content):
        return content
    held = [key for key in STATE_KEYS if isinstance(content, Mapping) and _is_state(content.get(key))]
    if len(held) > 1:
        raise CheckpointError(
            f"{name} holds state dicts under {' and '.join(map(repr, held))}; save the one that you mean."
        )
    if not held:
        raise CheckpointError(
            f"{name} holds a {type(content).__name__} that is not a state dict; expected names of layers "
            "with their tensors, as torch.save(model.state_dict(), ...) writes, or such a dict under one of "
            f"{', '.join(map(repr, STATE_KEYS))}."
        )
    return content[held[0]]


def load_state(network: nn.Module, state: Mapping[str, Claim], name: str, architecture: str) -> None:
    """Fill `network` with the weights of `state`, strictly.

    Names and shapes are compared before a tensor is read. Floating-point weights of any precision
    become the network's own; counts and masks have to be of its own type.

    Raises
    ------
    CheckpointError
        If a layer is missing, is too much, is of another shape or type, or is not finite.
    """
    expected = network.state_dict()
    state = _without_wrappers(state, expected)
    problems = list(_problems(state, expected))
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise CheckpointError(
            f"{name} does not fit the architecture {one_line(architecture)}: {shown}{more}."
        )
    loaded: dict[str, Tensor] = {}
    broken: list[str] = []
    for key, own in expected.items():
        tensor = _as_own(state[key], own) if key in state else own
        if tensor is None:
            broken.append(one_line(key))
        else:
            loaded[key] = tensor
    if broken:
        shown = ", ".join(broken[:SHOWN_PROBLEMS])
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {shown}; "
            "such a network computes nothing. Train it or save it again."
        )
    network.load_state_dict(loaded, strict=True)


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(type(key) is str and type(value) is Claim for key, value in content.items())
    )


def _without_wrappers(state: Mapping[str, Claim], expected: Mapping[str, Tensor]) -> Mapping[str, Claim]:
    while True:
        for wrapper in WRAPPERS:
            if all(key.startswith(wrapper) for key in state) and not all(
                key.startswith(wrapper) for key in expected
            ):
                state = {key.removeprefix(wrapper): claim for key, claim in state.items()}
                break
        else:
            return state


def _problems(state: Mapping[str, Claim], expected: Mapping[str, Tensor]) -> Iterator[str]:
    for key in expected:
        if key not in state and not key.endswith(COUNTER):
            yield f"{one_line(key)} is missing"
    for key in state:
        if key not in expected:
            yield f"{quoted(key)} is not a layer of it"
    for key, own in expected.items():
        if key in state and state[key].shape != tuple(own.shape):
            found = one_line(state[key].shape)
            yield f"{one_line(key)} has shape {found} instead of {tuple(own.shape)}"


def _as_own(claim: Claim, own: Tensor) -> Tensor | None:
    """Return the claimed numbers in the type of the network's `own`, None where they cannot be."""
    if claim.dtype is None or (not own.is_floating_point() and claim.dtype != own.dtype):
        return None
    if not own.is_floating_point():
        return claim.load()
    if not claim.dtype.is_floating_point:
        return None
    tensor = claim.load().to(own.dtype)
    return tensor if bool(torch.isfinite(tensor).all()) else None
