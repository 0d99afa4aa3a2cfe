"""The state dicts in what a file holds, by the places where they stand.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.torchfile import LazyTensor, Opaque
from trivet.wording import one_line, quote

__all__ = ["LONGEST_PLACE", "TOP", "Script", "State", "find_states", "joined"]

#: Begins the names of TorchScript's classes.
SCRIPTED: Final = "__torch__."
#: How deep, and over how many things, a state dict is looked for.
DEEPEST: Final = 16
MOST_PLACES: Final = 20_000
#: Places that a message names, and how much of one.
SHOWN_PLACES: Final = 8
LONGEST_PLACE: Final = 250
#: The place of what is under no name.
TOP: Final = "the top"
#: By a layer's name: its tensor, or what stands in its place.
State = Mapping[str, Any]


class Script(dict[str, Any]):
    """Tensors of a TorchScript, whose buffers may be such that no state dict has them."""


def find_states(content: Any, name: str, key: str | None = None) -> dict[str, State]:
    """Return the state dicts in `content`, or at and below the place that `key` names, by their places."""
    if key is not None and key != TOP:
        found = next(itertools.chain(_at(content, key), _below(content, key)), None)
        if found is None:
            known = ", ".join(f"'{place or TOP}'" for place in list(_places(content))[:SHOWN_PLACES])
            raise CheckpointError(f"{name} has no {quote(key)}; its weights are under {known or 'no name'}.")
        (content,) = found
    states = {place: state for place, (_, state) in _places(content).items()}
    if not states:
        kind = "tensor" if type(content) is LazyTensor else type(content).__name__
        kind = content.name if isinstance(content, Opaque) else kind
        if kind.startswith(SCRIPTED):
            raise CheckpointError(
                f"{name} is a TorchScript without weights of its own, as torch.jit.freeze makes it, which "
                "writes them into the code; save the network before it is frozen."
            )
        raise CheckpointError(
            f"{name} holds a {one_line(kind)} that is not a state dict; expected names of layers with their "
            "tensors, as torch.save(model.state_dict(), ...) writes, or such a dict, or a module, inside."
        )
    return states


def _places(content: Any) -> dict[str, tuple[Any, State]]:
    """Return dictionaries with tensors, and pickled modules, by names that differ and can be printed."""
    found: dict[str, tuple[Any, State]] = {}
    for place, value, state in _states(content):
        shown = one_line(place, limit=LONGEST_PLACE)
        names = (shown if count == 1 else f"{shown} ({count})" for count in itertools.count(1))
        found[next(each for each in names if each not in found and each != TOP)] = value, state
    return found


def _states(content: Any) -> Iterator[tuple[str, Any, State]]:
    waiting, seen = [("", content, 0)], {id(content)}
    for place, value, depth in waiting:  # which grows meanwhile
        is_module = isinstance(value, Opaque) and isinstance(value.state, Mapping) and not value.items
        if is_module and (state := dict(_of_module(value))):
            yield place, value, Script(state) if value.name.startswith(SCRIPTED) else state
            if value.name.startswith(SCRIPTED) or _registered(value):
                continue
        inside = _inside(value, seen)
        named = {key: each for key, each in inside.items() if type(key) is str}
        if any(type(each) is LazyTensor for each in named.values()):
            yield place, value, named
        for key, each in inside.items():
            nested = isinstance(each, Mapping | list | tuple | Opaque)
            if nested and depth < DEEPEST and id(each) not in seen and len(waiting) < MOST_PLACES:
                seen.add(id(each))
                waiting.append((joined(place, key), each, depth + 1))


def _inside(value: Any, seen: set[int] | None = None) -> Mapping[Any, Any]:
    """Return what a value holds by its names, or by its positions; of an object nothing that was `seen`."""
    if isinstance(value, Opaque):
        parts = [
            part
            for part in (value.arguments, value.state, value.items)
            if not isinstance(part, Opaque) and (seen is None or id(part) not in seen)
        ]
        if seen is not None:
            seen.update(map(id, parts))
        return {key: each for part in parts for key, each in _inside(part).items()}
    held = value
    if isinstance(held, list | tuple):
        pairs = all(type(each) is tuple and len(each) == 2 and type(each[0]) is str for each in held)  # noqa: PLR2004
        return dict(held if pairs else enumerate(held))
    return held if isinstance(held, Mapping) else {}


def joined(place: str, key: object) -> str:
    """Return the place of what stands under a name at a place."""
    return f"{place}.{key}" if place and key != "" else place or str(key)


def _at(content: Any, key: str) -> Iterator[tuple[Any]]:
    """Yield what stands at a place, as a search prints it, or by what it holds step by step."""
    places = _places(content)
    for name in (key, one_line(key, limit=LONGEST_PLACE)):
        if name in places:
            yield (places[name][0],)
    for step, each in _inside(content).items():
        if key == str(step):
            yield (each,)
        elif key.startswith(f"{step}."):
            yield from _at(each, key.removeprefix(f"{step}."))


def _below(content: Any, key: str) -> Iterator[tuple[Any]]:
    """Yield the tensors of a state dict whose names begin with a prefix, without it."""
    for place, (_, state) in _places(content).items():
        for prefix in dict.fromkeys((key, key.removeprefix(f"{place}."))):
            # n does not stand for net
            whole = prefix if prefix and not prefix[-1].isalnum() else f"{prefix}."
            for start in dict.fromkeys((prefix.rstrip(".") + ".", whole)):
                if part := {
                    name.removeprefix(start): state[name] for name in state if name.startswith(start)
                }:
                    yield (part,)


def _of_module(module: Opaque) -> Iterator[tuple[str, LazyTensor]]:
    """Yield the tensors of a pickled module by their names in its state dict."""
    waiting = [("", module)]
    for prefix, each in waiting:  # which grows meanwhile
        for key, value in _attributes(each):
            if type(value) is LazyTensor:
                yield f"{prefix}{key}", value
            elif isinstance(value, Opaque) and len(waiting) < MOST_PLACES:
                waiting.append((f"{prefix}{key}.", value))


def _registered(module: Opaque) -> dict[str, Mapping[Any, Any]]:
    """Return the lists that a module keeps of what is its own, by their names."""
    held = {part: module.state.get(part) for part in ("_parameters", "_buffers", "_modules")}
    return {part: each for part, each in held.items() if isinstance(each, Mapping)}


def _attributes(module: Opaque) -> Iterator[tuple[str, Any]]:
    """Yield what a module registers; of a TorchScript's, which has no lists of its own, all attributes."""
    held = module.state
    if not isinstance(held, Mapping):
        return
    registered = _registered(module)
    if not registered:
        yield from ((key, each) for key, each in held.items() if type(key) is str)
        return
    passing = held.get("_non_persistent_buffers_set")
    left_out = passing.items if isinstance(passing, Opaque) else {}
    for part, entries in registered.items():
        for key, each in entries.items():
            if type(key) is str and not (part == "_buffers" and key in left_out):
                yield key, each
