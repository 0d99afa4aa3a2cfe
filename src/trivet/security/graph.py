"""A network that runs a stranger's list of operators, each of them a function of our own choice."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

__all__ = ["GraphNetwork", "Slot", "Step"]

#: A network of a thousand layers has a few thousand modules; each takes some kilobytes.
MAX_MODULES = 20_000


@dataclass(frozen=True)
class Slot:
    """Stands for a value that is known only when the graph runs."""

    name: str


@dataclass(frozen=True)
class Step:
    """One call of the graph.

    Attributes
    ----------
    function
        What is called.
    positional, keyword
        Its arguments; each `Slot` among them, or in a list among them, stands for its value.
    results
        Names for what it returns: for the value itself, or for its parts.
    in_parts
        Whether `results` name the parts.
    overwrites
        Name of the tensor that the call changes in place, None where it changes none.
    """

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    keyword: Mapping[str, Any]
    results: tuple[str, ...]
    in_parts: bool
    overwrites: str | None


class GraphNetwork(nn.Module):
    """Runs steps on images.

    Parameters
    ----------
    steps
        The calls, in order.
    weights
        For each tensor of the state dict its dotted name, whether it is a parameter, and the tensor.
    places
        For each name that stands for such a tensor in the steps, the tensor's dotted name.
    constants
        Other names that have a value from the start.
    image
        The name of the images.
    outputs
        Names of what is returned.

    Raises
    ------
    ValueError, KeyError, AttributeError
        If names do not fit together.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        weights: Iterable[tuple[str, bool, Tensor]],
        places: Mapping[str, str],
        constants: Mapping[str, Any],
        image: str,
        outputs: Sequence[str],
    ) -> None:
        super().__init__()
        modules: dict[str, nn.Module] = {"": self}
        for name, is_parameter, tensor in weights:
            owner, _, attribute = name.rpartition(".")
            module = _module_at(owner, modules)
            if is_parameter:
                module.register_parameter(attribute, nn.Parameter(tensor, requires_grad=False))
            else:
                module.register_buffer(attribute, tensor)
        self._places: dict[str, tuple[nn.Module, str]] = {}
        for slot, name in places.items():
            owner, _, attribute = name.rpartition(".")
            self._places[slot] = (modules[owner], attribute)
        self._constants, self._image, self._outputs = dict(constants), image, tuple(outputs)
        self._steps = tuple(steps)
        self._finished = _last_uses(self._steps, self._outputs)

    def replace(self, functions: Mapping[Callable[..., Any], Callable[..., Any]]) -> None:
        """Call other functions in place of those that are keys here, with the same arguments."""
        self._steps = tuple(
            replace(step, function=functions.get(step.function, step.function)) for step in self._steps
        )

    def forward(self, images: Tensor) -> Any:
        """Return the output, or the tuple of outputs, for images (n, channels, height, width)."""
        values = {slot: getattr(module, attribute) for slot, (module, attribute) in self._places.items()}
        values |= {**self._constants, self._image: images}
        given = set(values)
        for step, finished in zip(self._steps, self._finished, strict=True):
            if step.overwrites in given:  # neither images nor weights are the graph's to change
                values[step.overwrites] = values[step.overwrites].clone()
                given.discard(step.overwrites)
            positional = [_filled(value, values) for value in step.positional]
            keyword = {name: _filled(value, values) for name, value in step.keyword.items()}
            result = step.function(*positional, **keyword)
            if step.in_parts:
                values.update(zip(step.results, result, strict=True))
            elif step.results:
                values[step.results[0]] = result
            for slot in finished:
                del values[slot]
        outputs = tuple(values[slot] for slot in self._outputs)
        return outputs[0] if len(outputs) == 1 else outputs


def _module_at(path: str, modules: dict[str, nn.Module]) -> nn.Module:
    """Return the module at a dotted path, made together with those above it where they are missing."""
    missing: list[str] = []
    while path not in modules:
        path, _, last = path.rpartition(".")
        missing.append(last)
    if len(modules) + len(missing) > MAX_MODULES:
        raise ValueError(f"it has more than {MAX_MODULES} modules")
    module = modules[path]
    for name in reversed(missing):
        child = nn.Module()
        module.add_module(name, child)
        path = f"{path}.{name}" if path else name
        modules[path] = module = child
    return module


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if type(value) is Slot:
        return values[value.name]
    if type(value) is list:
        return [_filled(part, values) for part in value]
    return value


def _slots(value: Any) -> Iterator[str]:
    if type(value) is Slot:
        yield value.name
    elif type(value) is list:
        for part in value:
            yield from _slots(part)


def _last_uses(steps: Sequence[Step], outputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return for each step the names that nothing after it reads, so that memory is given back."""
    read_later = set(outputs)
    finished: list[tuple[str, ...]] = []
    for step in reversed(steps):
        read = {slot for value in (*step.positional, *step.keyword.values()) for slot in _slots(value)}
        known = read | set(step.results)
        finished.append(tuple(known - read_later))
        read_later |= known
    return tuple(reversed(finished))
