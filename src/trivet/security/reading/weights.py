"""A weights file of any format into a safetensors file of the layers that a network expects.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy, except
for tensors that do not lie in a row.
"""

import io
import itertools
import json
import math
import re
import struct
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.exported import is_program, read_program
from trivet.security.reading.foreign import START_BYTES, refuse_foreign
from trivet.security.reading.keras import (
    HDF5,
    KERAS_WEIGHTS,
    KerasLayers,
    read_keras,
    read_keras_zip,
    renamed,
)
from trivet.security.reading.parts import INDEX, beside, read_index
from trivet.security.reading.torchfile import (
    BYTES,
    FLOATING,
    LazyTensor,
    Opaque,
    Storage,
    counts,
    read_legacy,
    read_zipped,
    strides_of,
)
from trivet.security.reading.zipped import open_zip
from trivet.wording import first_line, one_line, quote

__all__ = [
    "EXTRACTED",
    "Layer",
    "Match",
    "extract",
    "extract_all",
    "find_states",
    "match",
    "open_weights",
    "refuse_broken",
]

#: Batch normalisation's counter: absent before PyTorch 0.4.1, averaged to a fraction by some, and without
#: effect in evaluation.
COUNTER: Final = "num_batches_tracked"
#: Beside the layers, by profilers and by averaged copies.
BESIDE: Final = ("total_ops", "total_params", "n_averaged", COUNTER)
#: Losses that are modules, saved with the network by those that train it.
LOSSES: Final = ("criterion", "loss", "loss_fn", "loss_func", "metric", "metrics")
#: Put into names by torch.compile, DataParallel, FSDP and activation checkpointing, wherever they wrap.
WRAPPER: Final = re.compile(
    r"(?<![^.])(?:_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
#: Begins the names of TorchScript's classes.
SCRIPTED: Final = "__torch__."
#: How deep, and over how many things, a state dict is looked for.
DEEPEST: Final = 6
MOST_PLACES: Final = 20_000
#: Places and prefixes that a message names, or that are tried.
SHOWN_PROBLEMS: Final = 4
SHOWN_PLACES: Final = 8
LONGEST_PLACE: Final = 250
#: The place of what is under no name.
TOP: Final = "the top"
MOST_PREFIXES: Final = 64

#: By a layer's name: its tensor, or what stands in its place.
State = Mapping[str, Any]


@dataclass(frozen=True)
class Layer:
    """An entry of a network's own state dict; `dtype` as safetensors calls it."""

    key: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Match:
    """Tensors of a file by the numbers of a network's layers, and what was done to make them fit."""

    claims: dict[int, LazyTensor]
    notes: tuple[str, ...]


class _Script(dict[str, Any]):
    """Tensors of a TorchScript, whose buffers may be such that no state dict has them."""


@dataclass(frozen=True)
class _Fit:
    """A state dict with other names: how it falls short of the layers, and what is left out."""

    state: State
    problems: list[str]
    notes: list[str]


def find_states(content: Any, name: str, key: str | None = None) -> dict[str, State]:
    """Return the state dicts in `content`, or at and below the place that `key` names, by their places."""
    if key is not None and key != TOP:
        found = next(_at(content, key), None)
        if found is None:
            known = ", ".join(f"'{place or TOP}'" for place in list(_places(content))[:SHOWN_PLACES])
            raise CheckpointError(f"{name} has no {quote(key)}; its weights are under {known or 'no name'}.")
        (content,) = found
    states = {place: state for place, (_, state) in _places(content).items()}
    if not states:
        kind = "tensor" if type(content) is LazyTensor else type(content).__name__
        kind = content.name if isinstance(content, Opaque) else kind
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
            yield place, value, _Script(state) if value.name.startswith(SCRIPTED) else state
            continue
        inside = _inside(value)
        named = {key: each for key, each in inside.items() if type(key) is str}
        if any(type(each) is LazyTensor for each in named.values()):
            yield place, value, named
        for key, each in inside.items():
            nested = isinstance(each, Mapping | list | tuple | Opaque)
            if nested and depth < DEEPEST and id(each) not in seen and len(waiting) < MOST_PLACES:
                seen.add(id(each))
                waiting.append((_joined(place, key), each, depth + 1))


def _inside(value: Any) -> Mapping[Any, Any]:
    """Return what a value holds by its names, a list or tuple by its positions."""
    held = (value.items or value.state) if isinstance(value, Opaque) else value
    if isinstance(held, list | tuple):
        return dict(enumerate(held))
    return held if isinstance(held, Mapping) else {}


def _joined(place: str, key: object) -> str:
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


def _of_module(module: Opaque) -> Iterator[tuple[str, LazyTensor]]:
    """Yield the tensors of a pickled module by their names in its state dict."""
    waiting = [("", module)]
    for prefix, each in waiting:  # which grows meanwhile
        for key, value in _attributes(each):
            if type(value) is LazyTensor:
                yield f"{prefix}{key}", value
            elif isinstance(value, Opaque) and len(waiting) < MOST_PLACES:
                waiting.append((f"{prefix}{key}.", value))


def _attributes(module: Opaque) -> Iterator[tuple[str, Any]]:
    """Yield what a module registers; of a TorchScript's, which has no lists of its own, all attributes."""
    held = module.state
    if not isinstance(held, Mapping):
        return
    registered = {part: held.get(part) for part in ("_parameters", "_buffers", "_modules")}
    if not any(isinstance(each, Mapping) for each in registered.values()):
        yield from ((key, each) for key, each in held.items() if type(key) is str)
        return
    passing = held.get("_non_persistent_buffers_set")
    left_out = passing.items if isinstance(passing, Opaque) else {}
    for part, entries in registered.items():
        for key, each in entries.items() if isinstance(entries, Mapping) else ():
            if type(key) is str and not (part == "_buffers" and key in left_out):
                yield key, each


def match(
    layers: Sequence[Layer],
    states: Mapping[str, State],
    name: str,
    architecture: str,
    key: str | None = None,
) -> Match:
    """Return a claim for each layer, by its number, out of the state dict that fits, at or below `key`."""
    fits = {place: _fitted(state, layers) for place, state in states.items()}
    whole = [place for place, fit in fits.items() if not fit.problems]
    if key is not None and "" in whole:
        whole = [""]
    different: dict[frozenset[tuple[object, ...]], str] = {}
    for place in whole:
        different.setdefault(_identity(fits[place].state), place)
    if len(different) > 1:
        above = "" if key in {None, TOP} else one_line(key, limit=LONGEST_PLACE)
        offered = [_joined(above, place) or TOP for place in different.values()]
        shown = " and ".join(f"'{place}'" for place in offered[:SHOWN_PROBLEMS])
        raise CheckpointError(
            f"{name} holds weights that fit under {shown}; name the ones that you mean with --state-key."
        )
    best = whole[0] if whole else min(fits, key=lambda place: len(fits[place].problems))
    problems, state = fits[best].problems, fits[best].state
    if problems:
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise CheckpointError(
            f"{name} does not fit the architecture {one_line(architecture)}: {shown}{more}."
        )
    claims = {
        number: state[layer.key]
        for number, layer in enumerate(layers)
        if layer.key in state and not (layer.key.endswith(COUNTER) and _other(state[layer.key], layer))
    }
    under = [f"The weights are those under '{best}'."] if best else []
    return Match(claims, (*under, *fits[best].notes))


def _identity(state: State) -> frozenset[tuple[object, ...]]:
    """Return which numbers of a file each layer has, in which order."""
    return frozenset(
        (key, each.storage.key, each.offset, each.shape, each.stride)
        for key, each in state.items()
        if type(each) is LazyTensor
    )


def refuse_broken(keys: Sequence[str], name: str) -> None:
    """Refuse layers with weights that are not finite."""
    if keys:
        shown = ", ".join(one_line(key) for key in keys[:SHOWN_PROBLEMS])
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {shown}; "
            "such a network computes nothing. Train it or save it again."
        )


def _fitted(state: State, layers: Sequence[Layer]) -> _Fit:
    """Return a state dict under the names that fit the layers best: as they are, or without a prefix."""
    expected = [layer.key for layer in layers]
    loose = isinstance(state, _Script)
    best = _named(state, layers, "", "", loose=loose)
    if best.problems:
        unwrapped, clashing = _unwrapped(state)
        fitting: list[tuple[str, _Fit]] = []
        clashes: list[str] = []
        for names in (state, unwrapped) if unwrapped.keys() != state.keys() else (state,):
            whole: dict[str, _Fit] = {}
            for taken, put in _prefixes(names, expected):
                fit = _named(names, layers, taken, put, loose=loose)
                if not fit.problems:
                    whole[taken] = fit
                    own = {taken + key.removeprefix(put) for key in fit.state}
                    clashes += [clash for key, clash in clashing.items() if key in own and names is unwrapped]
                if len(fit.problems) < len(best.problems) and not (put and fit.problems):
                    wrapped = (
                        ["What wrappers put into the names was taken off."] if names is unwrapped else []
                    )
                    best = _Fit(fit.state, fit.problems, wrapped + fit.notes)
            plain = {key: each for key, each in names.items() if not key.startswith(tuple(whole))}
            if whole and plain and not (alone := _named(plain, layers, "", "", loose=loose)).problems:
                whole[""] = alone
            fitting += whole.items()
        if several := clashes or _several(fitting):
            return _Fit(best.state, several[:1], [])
    return best


def _several(fitting: Sequence[tuple[str, _Fit]]) -> list[str]:
    """Return what is wrong where different weights fit, each under the prefix beside it."""
    if len({_identity(fit.state) for _, fit in fitting}) <= 1:
        return []
    prefixes = list(dict.fromkeys(prefix for prefix, _ in fitting))
    under = " and ".join(quote(prefix) if prefix else "no prefix" for prefix in prefixes[:2])
    return [f"the layers fit under {under}, with different weights; save the one that is meant"]


def _unwrapped(state: State) -> tuple[State, dict[str, str]]:
    """Return a state dict without what wrappers put into names, and what is wrong where two become one."""
    names: dict[str, str] = {}
    clashing: dict[str, str] = {}
    for key, each in state.items():
        name = WRAPPER.sub("", key)
        first = names.setdefault(name, key)
        if first != key and _identity({"": state[first]}) != _identity({"": each}):
            clashing[name] = (
                f"{quote(first)} and {quote(key)} are one layer without what wrappers put into names, with "
                "different weights; save the one that is meant"
            )
    return {name: state[key] for name, key in names.items()}, clashing


def _prefixes(state: State, expected: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may have to be taken off the names, or put before them, for the first layer to fit."""
    first = next((key for key in expected if not key.endswith(COUNTER)), "")
    taken = [(key.removesuffix(first), "") for key in state if key.endswith(f".{first}") or key == first]
    put = [("", first.removesuffix(key)) for key in state if first.endswith(f".{key}")]
    return list(dict.fromkeys((*taken, *put)))[:MOST_PREFIXES]


def _named(state: State, layers: Sequence[Layer], taken: str, put: str, *, loose: bool) -> _Fit:
    """Return a state dict with a prefix taken off or put before, and what is wrong with it then."""
    renamed = {put + key.removeprefix(taken): each for key, each in state.items() if key.startswith(taken)}
    expected = {layer.key for layer in layers}
    beside = {
        key: None
        for key, each in renamed.items()
        if key not in expected
        and (
            loose
            or type(each) is not LazyTensor
            or key.rpartition(".")[2] in BESIDE
            or key.removeprefix(put).partition(".")[0] in LOSSES
        )
    }
    outside = [key for key, each in state.items() if not key.startswith(taken) and type(each) is LazyTensor]
    kept = {key: each for key, each in renamed.items() if key not in beside}
    notes: list[str] = []
    if taken or put:
        done = f"{quote(taken)} was taken off" if taken else f"{quote(put)} was put before"
        notes.append(f"{done} the names of the layers.")
    left = [
        *outside,
        *(key for key in beside if type(renamed[key]) is LazyTensor and not key.endswith(COUNTER)),
    ]
    if left:
        shown = ", ".join(quote(key) for key in left[:SHOWN_PROBLEMS])
        more = "…" if len(left) > SHOWN_PROBLEMS else ""
        notes.append(f"{len(left)} tensors beside the layers were left out: {shown}{more}.")
    return _Fit(kept, list(_problems(kept, layers)), notes)


def _problems(state: State, layers: Sequence[Layer]) -> Iterator[str]:
    expected = {layer.key for layer in layers}
    missing = (
        f"{one_line(layer.key)} is missing"
        for layer in layers
        if layer.key not in state and not layer.key.endswith(COUNTER)
    )
    others = (f"{quote(key)} is not a layer of it" for key in state if key not in expected)
    # In turn, since a message shows the first few, and names that differ are understood side by side.
    for pair in itertools.zip_longest(missing, others):
        yield from filter(None, pair)
    for layer in layers:
        claim = state.get(layer.key)
        if claim is not None and not layer.key.endswith(COUNTER):
            yield from (f"{one_line(layer.key)} {what}" for what in _misfit(claim, layer))


def _misfit(claim: Any, layer: Layer) -> Iterator[str]:
    """Yield what makes a tensor none of a layer's."""
    if type(claim) is not LazyTensor:
        kind = claim.name if isinstance(claim, Opaque) else type(claim).__name__
        yield f"is a {one_line(kind)} and not a plain tensor"
    elif claim.shape != layer.shape:
        yield f"has shape {one_line(claim.shape)} instead of {layer.shape}"
    elif claim.dtype is None:
        yield "is saved as a type that is not read; save it as float32"
    elif layer.dtype in FLOATING and claim.dtype not in FLOATING:
        yield f"is saved as whole numbers ({claim.dtype}); save it as float32"


def _other(claim: Any, layer: Layer) -> bool:
    """Return True if a tensor is of another type than a layer, or of another shape."""
    return type(claim) is not LazyTensor or claim.shape != layer.shape or claim.dtype != layer.dtype


EXTRACTED: Final = "weights.safetensors"
MAX_WEIGHTS_BYTES: Final = 3 * 2**29
#: Room for an optimiser's two moments and an averaged copy beside the weights ...
MAX_COPIES: Final = 4
#: ... and for what does not grow with the network.
SLACK_BYTES: Final = 16 * 2**20
#: The header of a safetensors file is parsed whole; ten thousand layers need a quarter of this.
MAX_HEADER_BYTES: Final = 4 * 2**20
ZIP: Final = b"PK"
HEADER_LENGTH: Final = struct.Struct("<Q")
METADATA: Final = "__metadata__"


def extract(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the layers of a network into `EXTRACTED`, named by their numbers."""
    name = request["name"]
    layers = [Layer(key, tuple(shape), dtype) for key, shape, dtype in request["layers"]]
    needed = sum(math.prod(layer.shape) * BYTES.get(layer.dtype, 8) for layer in layers)
    with open_weights(Path(request["path"]), name, needed=needed) as held:
        if isinstance(held, KerasLayers):
            shapes = {layer.key: layer.shape for layer in layers if not layer.key.endswith(COUNTER)}
            kernels = request.get("kernels", ())
            held = renamed(held, request.get("mapping"), shapes, kernels, name)  # noqa: PLW2901 - the same weights
        elif request.get("mapping") is not None:
            raise CheckpointError(f"{name} is not a Keras file, whose layers --layers names; leave it out.")
        states = find_states(held, name, request.get("key"))
        found = match(layers, states, name, request["architecture"], request.get("key"))
        _write(found.claims, folder / EXTRACTED)
    return {"numbers": list(found.claims), "notes": list(found.notes)}


def extract_all(request: dict[str, Any], folder: Path) -> list[str]:
    """Write every tensor of a safetensors file into `EXTRACTED`, named by its number; return the names."""
    name, needed = request["name"], request["needed"]
    if needed > MAX_WEIGHTS_BYTES:
        raise CheckpointError(
            f"{name} was refused: the network that it belongs to takes {needed / 2**30:.1f} GiB, and at most "
            f"{MAX_WEIGHTS_BYTES / 2**30:.1f} GiB of weights are read."
        )
    with open_weights(Path(request["path"]), name, needed=needed) as held:
        for key, claim in held.items():
            if claim.dtype is None:
                raise CheckpointError(
                    f"{name} was refused: {quote(key)} is saved as a type that is not read."
                )
        _write(dict(enumerate(held.values())), folder / EXTRACTED)
        return list(held)


@contextmanager
def open_weights(path: Path, name: str, *, needed: int) -> Generator[Any]:
    """Yield what a file holds, each tensor as a `LazyTensor` that loads as long as the context is open."""
    most = min(MAX_WEIGHTS_BYTES, MAX_COPIES * needed + SLACK_BYTES)

    def refuse_oversize(size: int) -> None:
        if size > most:
            raise CheckpointError(
                f"{name} was refused: it takes {size / 2**20:.1f} MiB, where the architecture's weights take "
                f"{needed / 2**20:.1f} MiB and at most {most / 2**20:.1f} MiB are read. Save only the state "
                "dict."
            )

    if name.lower().endswith(INDEX):
        with ExitStack() as closing:
            yield _read_parts(path, name, closing, refuse_oversize, at_most=most)
        return
    with ExitStack() as closing:
        yield _read(path, name, closing, refuse_oversize, at_most=most)


def _read(
    path: Path, name: str, closing: ExitStack, refuse_oversize: Callable[[int], None], *, at_most: int
) -> Any:
    """Return what one file holds, by its content, open as long as `closing` is."""
    stream = closing.enter_context(path.open("rb"))
    refuse_oversize(stream.seek(0, io.SEEK_END))
    stream.seek(0)
    start = stream.read(START_BYTES)
    stream.seek(0)
    if name.lower().endswith(".safetensors"):
        return _read_safetensors(stream, name)
    if start.startswith(ZIP):
        archive = closing.enter_context(open_zip(stream, name))
        refuse_oversize(sum(archive.sizes.values()))
        if is_program(archive):
            return read_program(archive, name, closing, at_most=at_most)
        if KERAS_WEIGHTS in archive.sizes:
            return read_keras_zip(archive, name, at_most=at_most)
        return read_zipped(archive, name)
    if start.startswith(HDF5):
        return read_keras(stream, name)
    refuse_foreign(start, name)
    return read_legacy(stream, name)


def _read_parts(
    path: Path, name: str, closing: ExitStack, refuse_oversize: Callable[[int], None], *, at_most: int
) -> dict[str, LazyTensor]:
    """Read what the files hold that an index names, which lie beside it."""
    part_of = read_index(path, name)
    size, claims = 0, {}
    for part in sorted(set(part_of.values())):
        file = beside(path, part, name)
        size += file.stat().st_size
        refuse_oversize(size)
        read = _read(file, part, closing, refuse_oversize, at_most=at_most)
        claims |= {
            key: _within(claim, part)
            for key, claim in (read.items() if isinstance(read, Mapping) else ())
            if part_of.get(key) == part and type(claim) is LazyTensor
        }
    if lacking := [key for key in part_of if key not in claims]:
        raise CheckpointError(
            f"{name} says that {quote(part_of[lacking[0]])} holds {quote(lacking[0])}, which it does not."
        )
    return claims


def _within(claim: LazyTensor, part: str) -> LazyTensor:
    """Return a claim whose storage is kept apart from those of other parts."""
    own = claim.storage
    return replace(claim, storage=replace(own, key=f"{part}/{own.key}", numbers=lambda _: own.numbers(own)))


def _read_safetensors(stream: IO[bytes], name: str) -> dict[str, LazyTensor]:
    """Read the header of https://github.com/huggingface/safetensors, section "Format"."""
    start = stream.read(HEADER_LENGTH.size).ljust(HEADER_LENGTH.size, b"\0")
    (length,) = HEADER_LENGTH.unpack(start)
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{name} is not a valid safetensors file: its header takes more than "
            f"{MAX_HEADER_BYTES // 2**20} MiB."
        )
    begin = HEADER_LENGTH.size + length
    try:
        header = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=_without_doubles)
        room = stream.seek(0, io.SEEK_END) - begin
        claims = {
            key: _described(stream, begin, key, entry, room, name)
            for key, entry in header.items()
            if key != METADATA
        }
    except (MemoryError, CheckpointError):
        raise
    except Exception as error:  # an untrusted header can be wrong anywhere
        raise CheckpointError(f"{name} is not a valid safetensors file: {first_line(error)}.") from error
    return claims


def _described(
    stream: IO[bytes], begin: int, key: str, entry: dict[str, Any], room: int, name: str
) -> LazyTensor:
    shape, (start, end) = counts(entry["shape"]), counts(entry["data_offsets"])
    dtype: str | None = entry["dtype"] if entry["dtype"] in BYTES else None
    if end > room or (dtype is not None and math.prod(shape) * BYTES[dtype] != end - start):
        raise ValueError(f"the numbers of {one_line(key)} are not where they should be")

    def numbers(_: Storage) -> bytearray:
        stream.seek(begin + start)
        return bytearray(stream.read(end - start))

    kept = Storage(key, dtype or "U8", end - start, name, numbers)
    return LazyTensor(shape, dtype, kept, strides_of(shape) if dtype is not None else shape)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _write(claims: dict[int, LazyTensor], path: Path) -> None:
    """Write tensors as safetensors; each storage is read once, and only one is held at a time."""
    header: dict[str, Any] = {}
    groups: dict[str, list[int]] = {}
    end = 0
    for number, claim in claims.items():
        groups.setdefault(claim.storage.key, []).append(number)
        start, end = end, end + math.prod(claim.shape) * BYTES[claim.storage.dtype]
        entry = {"dtype": claim.dtype, "shape": claim.shape, "data_offsets": [start, end]}
        header[str(number)] = entry
    text = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(HEADER_LENGTH.pack(len(text)) + text)
        begin = stream.tell()
        for numbers in groups.values():
            content = claims[numbers[0]].storage.numbers(claims[numbers[0]].storage)
            for number in numbers:
                stream.seek(begin + header[str(number)]["data_offsets"][0])
                stream.write(claims[number].view(content))
            del content
