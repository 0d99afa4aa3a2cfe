"""The state dict of a weights file, held against the layers that a network expects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trivet.errors import CheckpointError
from trivet.security.claims import FLOATING, Claim
from trivet.wording import one_line, quoted

__all__ = ["Layer", "find_state", "match", "refuse_broken"]

#: Under which names training scripts keep the state dict beside epochs and optimisers.
STATE_KEYS = ("state_dict", "model_state_dict", "model", "net")
#: What DataParallel and torch.compile put before the name of every layer.
WRAPPERS = ("module.", "_orig_mod.")
#: Batch normalisation's counter: absent before PyTorch 0.4.1, and without effect in evaluation.
COUNTER = "num_batches_tracked"

SHOWN_PROBLEMS = 4


def find_state(content: Any, name: str) -> dict[str, Claim]:
    """Return the state dict in `content`: itself, or what it keeps under one of `STATE_KEYS`."""
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


@dataclass(frozen=True)
class Layer:
    """An entry of a network's own state dict; `dtype` as safetensors calls it."""

    key: str
    shape: tuple[int, ...]
    dtype: str


def match(
    layers: Sequence[Layer], state: Mapping[str, Claim], name: str, architecture: str
) -> dict[int, Claim]:
    """Return the claim for each layer, by the layer's number, strictly.

    Names, shapes and types are compared before a tensor is read. Floating-point weights may be of
    any precision; counts and masks have to be of the layer's own type.
    """
    state = _without_wrappers(state, [layer.key for layer in layers])
    problems = list(_problems(state, layers))
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise CheckpointError(
            f"{name} does not fit the architecture {one_line(architecture)}: {shown}{more}."
        )
    refuse_broken(
        [layer.key for layer in layers if layer.key in state and not _is_of_type(state[layer.key], layer)],
        name,
    )
    return {number: state[layer.key] for number, layer in enumerate(layers) if layer.key in state}


def refuse_broken(keys: Sequence[str], name: str) -> None:
    """Refuse layers with weights that are not finite."""
    if keys:
        shown = ", ".join(one_line(key) for key in keys[:SHOWN_PROBLEMS])
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {shown}; "
            "such a network computes nothing. Train it or save it again."
        )


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(type(key) is str and type(value) is Claim for key, value in content.items())
    )


def _without_wrappers(state: Mapping[str, Claim], expected: Sequence[str]) -> Mapping[str, Claim]:
    while True:
        for wrapper in WRAPPERS:
            if all(key.startswith(wrapper) for key in state) and not all(
                key.startswith(wrapper) for key in expected
            ):
                state = {key.removeprefix(wrapper): claim for key, claim in state.items()}
                break
        else:
            return state


def _problems(state: Mapping[str, Claim], layers: Sequence[Layer]) -> Iterator[str]:
    expected = {layer.key for layer in layers}
    for layer in layers:
        if layer.key not in state and not layer.key.endswith(COUNTER):
            yield f"{one_line(layer.key)} is missing"
    for key in state:
        if key not in expected:
            yield f"{quoted(key)} is not a layer of it"
    for layer in layers:
        if layer.key in state and state[layer.key].shape != layer.shape:
            found = one_line(state[layer.key].shape)
            yield f"{one_line(layer.key)} has shape {found} instead of {layer.shape}"


def _is_of_type(claim: Claim, layer: Layer) -> bool:
    return claim.dtype in FLOATING if layer.dtype in FLOATING else claim.dtype == layer.dtype
