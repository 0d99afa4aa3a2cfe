"""The state dict that fits the layers of a network, and what makes it fit.

This runs in the child process of `trivet.work.confined` and imports neither PyTorch nor NumPy.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.states import LONGEST_PLACE, TOP, Script, State, joined
from trivet.security.reading.torchfile import FLOATING, LazyTensor, Opaque
from trivet.wording import one_line, quote

__all__ = ["COUNTER", "Layer", "Match", "match"]

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
#: Problems that a message names.
SHOWN_PROBLEMS: Final = 4
#: Prefixes and parts that are tried, and how many layers are looked for in all, to see which prefixes.
MOST_PREFIXES: Final = 64
MOST_PARTS: Final = 64
MOST_LOOKS: Final = 200_000
#: In the names of what no layer can take, what that is, and what to do.
NOT_PLAIN: Final = (
    ("_rebuild_sparse", "is a sparse tensor; save what its to_dense() returns"),
    ("_rebuild_qtensor", "is a quantised tensor; save what its dequantize() returns"),
    ("_rebuild_nested", "is a nested tensor, of rows of their own lengths; save a plain one"),
    ("_rebuild_meta", "has no numbers, being of the device meta; save it once it has some"),
    ("Uninitialized", "belongs to a lazy layer that never saw an image; run the network once, then save it"),
    ("Complex", "has complex numbers; expected real ones"),
)
#: What to do where several networks fit.
MEANT: Final = "name the prefix that is meant with --state-key, or save its layers alone"
#: What is wrong with the tensors of another network.
MISSING: Final = "is missing"
OTHER: Final = "is not a layer of it"
SHAPED: Final = "has shape"
PARAMETRISED: Final = (
    "Take parametrisations and pruning off before saving (torch.nn.utils.parametrize."
    "remove_parametrizations, prune.remove), or give an architecture that has them."
)
#: In the name of a file with a part of the weights.
SHARD: Final = re.compile(r"-\d+-of-\d+\.")
#: In the names of weights, what they belong to, and what to do.
ADVICE: Final = (
    (re.compile(r"(^|\.)parametrizations\.|weight_(g|v|u|orig|mask)$"), PARAMETRISED),
    (re.compile(r"(^|\.)lora_"), "Merge the adapter into its network, and save that."),
    (re.compile(r"(^|[._])flat_param"), "Gather FSDP's full state dict, and save that."),
    (re.compile(r"_packed_params|\.zero_point$"), "Save the network from before it was quantised."),
    (re.compile(""), "Give the architecture that it was saved from."),
)


@dataclass(frozen=True)
class Layer:
    """An entry of a network's own state dict; `dtype` as safetensors calls it, `twins` share its numbers."""

    key: str
    shape: tuple[int, ...]
    dtype: str
    twins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """Tensors of a file by the numbers of a network's layers, and what was done to make them fit."""

    claims: dict[int, LazyTensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Fit:
    """A state dict with other names: how it falls short of the layers, what was done, and its own names."""

    state: State
    problems: list[str]
    notes: list[str]
    own: frozenset[str] = frozenset()


def match(
    layers: Sequence[Layer],
    states: Mapping[str, State],
    name: str,
    architecture: str,
    key: str | None = None,
) -> Match:
    """Return a claim for each layer, by its number, out of the state dict that fits, at or below `key`."""
    fits = {place: _fitted(state, layers) for place, state in states.items()}
    if all(fit.problems for fit in fits.values()):
        fits |= _in_parts(states, layers)
    whole = [place for place, fit in fits.items() if not fit.problems]
    if key is not None and "" in whole:
        whole = [""]
    different = _different({place: fits[place].state for place in whole})
    if len(different) > 1:
        above = "" if key in {None, TOP} else one_line(key, limit=LONGEST_PLACE)
        offered = [joined(above, place) or TOP for place in different]
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
            f"{_advice(name, state, problems)}"
        )
    claims = {
        number: state[layer.key]
        for number, layer in enumerate(layers)
        if layer.key in state and not (layer.key.endswith(COUNTER) and _other(state[layer.key], layer))
    }
    under = [f"The weights are those under '{best}'."] if best else []
    return Match(claims, (*under, *fits[best].notes))


def _advice(name: str, state: State, problems: Sequence[str]) -> str:
    """Return what to do about tensors that are other than a network's layers, by their names."""
    if not any(problem.endswith((MISSING, OTHER)) or SHAPED in problem for problem in problems):
        return ""
    if SHARD.search(name):
        return " It is one of several parts; name the file that ends in .index.json beside it."
    return next(f" {advice}" for mark, advice in ADVICE if any(mark.search(key) for key in state))


def _in_parts(states: Mapping[str, State], layers: Sequence[Layer]) -> dict[str, _Fit]:
    """Return, by the place above them, state dicts that are each a part of the network."""
    modules = {".".join(steps[:end]) for steps in _steps(layers) for end in range(1, len(steps))}
    keys = {layer.key for layer in layers}
    above = {
        ".".join(steps[:end]) for steps in (place.split(".") for place in states) for end in range(len(steps))
    }
    fits: dict[str, _Fit] = {}
    for place in sorted(above) if len(states) <= MOST_PARTS else ():
        below = {
            each.removeprefix(f"{place}.") if place else each: state
            for each, state in states.items()
            if not place or each.startswith(f"{place}.")
        }
        named = {
            part: {f"{part}.{key}": each for key, each in state.items()} for part, state in below.items()
        }
        for parts in (
            {part: state for part, state in named.items() if part in modules},
            {part: state for part, state in below.items() if keys.issuperset(state)},
        ):
            joined = {key: each for state in parts.values() for key, each in state.items()}
            if len(parts) > 1 and len(joined) == sum(map(len, parts.values())):
                fit = _fitted(joined, layers)
                told = (
                    f"They are in {len(parts)} parts: {', '.join(map(quote, list(parts)[:SHOWN_PROBLEMS]))}."
                )
                fits[place] = _Fit(fit.state, fit.problems, [told, *fit.notes])
    return fits


def _steps(layers: Sequence[Layer]) -> list[list[str]]:
    return [layer.key.split(".") for layer in layers]


def _different(states: Mapping[str, State]) -> list[str]:
    """Return the places of state dicts that differ; equal copies count once, wherever their numbers are."""
    found = list(states)
    for seen_as in (_identity, _content):
        if len(found) > 1:
            first: dict[frozenset[tuple[object, ...]], str] = {}
            for place in found:
                first.setdefault(seen_as(states[place]), place)
            found = list(first.values())
    return found


def _identity(state: State) -> frozenset[tuple[object, ...]]:
    """Return which numbers of a file each layer has, in which order."""
    return frozenset(
        (key, each.storage.key, each.offset, each.shape, each.stride)
        for key, each in state.items()
        if type(each) is LazyTensor and not key.endswith(COUNTER)
    )


def _content(state: State) -> frozenset[tuple[object, ...]]:
    """Return a digest of each layer's numbers; each storage is read once, and only one is held at a time."""
    groups: dict[str, list[tuple[str, LazyTensor]]] = {}
    for key, each in state.items():
        if type(each) is LazyTensor and each.dtype is not None and not key.endswith(COUNTER):
            groups.setdefault(each.storage.key, []).append((key, each))
    found: set[tuple[object, ...]] = set()
    for group in groups.values():
        storage = group[0][1].storage
        content = storage.numbers(storage)
        found |= {
            (key, each.dtype, each.shape, hashlib.sha256(each.view(content)).digest()) for key, each in group
        }
    return frozenset(found)


def _fitted(state: State, layers: Sequence[Layer]) -> _Fit:
    """Return a state dict under the names that fit the layers best: as they are, or without a prefix."""
    expected = [layer.key for layer in layers]
    loose = isinstance(state, Script)
    best = _named(state, layers, "", "", loose=loose)
    if best.problems:
        unwrapped, clashing = _unwrapped(state)
        fitting: list[tuple[str, _Fit]] = []
        clashes: list[str] = []
        both = (state, unwrapped) if unwrapped.keys() != state.keys() else (state,)
        for names, ways in (*((names, _prefixes) for names in both), (unwrapped, _exchanges)):
            if ways is _exchanges and not best.problems:
                break
            whole: dict[str, _Fit] = {}
            likely, complete = _likeliest(names, layers, ways(names, expected))
            if complete > MOST_PREFIXES:
                return _Fit(best.state, [f"the layers fit under {complete} prefixes; {MEANT}"], [])
            for taken, put in likely:
                fit = _named(names, layers, taken, put, loose=loose)
                if not fit.problems:
                    whole[taken] = fit
                    clashes += [
                        clash for key, clash in clashing.items() if key in fit.own and names is unwrapped
                    ]
                if len(fit.problems) < len(best.problems) and not (put and fit.problems):
                    wrapped = (
                        ["What wrappers put into the names was taken off."]
                        if len(both) > 1 and names is unwrapped
                        else []
                    )
                    best = _Fit(fit.state, fit.problems, wrapped + fit.notes)
            plain = {key: each for key, each in names.items() if not key.startswith(tuple(whole))}
            if whole and plain and not (alone := _named(plain, layers, "", "", loose=loose)).problems:
                whole[""] = alone
            fitting += whole.items()
        if several := clashes or _several(fitting):
            return _Fit(best.state, several[:1], [])
    return best


def _likeliest(
    state: State, layers: Sequence[Layer], ways: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], int]:
    """Return the ways to name layers that have the most of them, and how many ways have all.

    A file may have thousands of layers that are called as a network's first one is, and to try a way takes as
    long as the file has layers. So only the likeliest are tried; names and shapes show which these are.
    """
    looked = [layer for layer in layers if not layer.key.endswith(COUNTER)]
    looked = looked[: max(1, MOST_LOOKS // max(len(ways), 1))]
    found = {
        (taken, put): sum(
            layer.key.startswith(put)
            and not any(_misfit(state.get(taken + layer.key.removeprefix(put)), layer))
            for layer in looked
        )
        for taken, put in ways
    }
    complete = sum(number == len(looked) for number in found.values())
    return sorted(found, key=lambda way: -found[way])[:MOST_PREFIXES], complete


def _several(fitting: Sequence[tuple[str, _Fit]]) -> list[str]:
    """Return what is wrong where different weights fit, each under the prefix beside it."""
    different = _different({str(number): fit.state for number, (_, fit) in enumerate(fitting)})
    if len(different) <= 1:
        return []
    prefixes = list(dict.fromkeys(fitting[int(number)][0] for number in different))
    under = " and ".join(quote(prefix) if prefix else "no prefix" for prefix in prefixes[:2])
    return [f"the layers fit under {under}, with different weights; {MEANT}"]


def _unwrapped(state: State) -> tuple[State, dict[str, str]]:
    """Return a state dict without what wrappers put into names, and what is wrong where two become one."""
    names: dict[str, str] = {}
    clashing: dict[str, str] = {}
    for key, each in state.items():
        name = WRAPPER.sub("", key)
        first = names.setdefault(name, key)
        if first != key and len(_different({"1": {"": state[first]}, "2": {"": each}})) > 1:
            clashing[name] = (
                f"{quote(first)} and {quote(key)} are one layer without what wrappers put into names, with "
                "different weights; save the one that is meant"
            )
    return {name: state[key] for name, key in names.items()}, clashing


def _prefixes(state: State, expected: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may have to be taken off the names, or put before them, for the first layer to fit."""
    first = next((key for key in expected if not key.endswith(COUNTER)), "")
    before = dict.fromkeys(key.removesuffix(first) for key in state if first and key.endswith(first))
    numbered = first[:1].isdigit()  # 10.weight is another layer, and not 0.weight below 1
    taken = [(prefix, "") for prefix in before if not (numbered and prefix[-1:].isdigit())]
    put = [("", first.removesuffix(key)) for key in state if first.endswith(f".{key}")]
    return list(dict.fromkeys((*taken, *put)))


def _exchanges(state: State, expected: Sequence[str]) -> list[tuple[str, str]]:
    """Return prefixes of the names with what may have to stand for them, for the first layer to fit."""
    first = next((key for key in expected if not key.endswith(COUNTER)), "")
    ends = [first[step.end() :] for step in re.finditer(r"\.", first)]  # the longest first
    found = (
        (key.removesuffix(end), first.removesuffix(end))
        for end in ends
        for key in state
        if key.endswith(f".{end}")
    )
    return list(dict.fromkeys(found))


def _named(state: State, layers: Sequence[Layer], taken: str, put: str, *, loose: bool) -> _Fit:
    """Return a state dict with a prefix taken off or another put for it, and what is wrong with it then."""
    names = {put + key.removeprefix(taken): key for key in state if key.startswith(taken)}
    notes = [f"{_done(taken, put)} the names of the layers."] if taken != put else []
    outside = {key for key, each in state.items() if not key.startswith(taken) and type(each) is LazyTensor}
    if rest := _rest(names, outside, layers):
        names |= rest
        outside.difference_update(rest.values())
        notes.append(f"{_done(_above(rest.values()), _above(rest))} the names of {len(rest)} more.")
    renamed = {name: state[key] for name, key in names.items()}
    expected = {layer.key for layer in layers}
    beside = {
        key: None
        for key, each in renamed.items()
        if key not in expected
        and (loose or type(each) is not LazyTensor or _is_beside(key.removeprefix(put)))
    }
    kept = {key: each for key, each in renamed.items() if key not in beside}
    left = [
        *(key for key in state if key in outside and not key.endswith(COUNTER)),
        *(key for key in beside if type(renamed[key]) is LazyTensor and not key.endswith(COUNTER)),
    ]
    if left:
        shown = ", ".join(quote(key) for key in left[:SHOWN_PROBLEMS])
        more = "…" if len(left) > SHOWN_PROBLEMS else ""
        notes.append(f"{len(left)} tensors beside the layers were left out: {shown}{more}.")
    problems = list(_problems(kept, layers))
    if any(problem.endswith(MISSING) for problem in problems):
        found = (f"{quote(key)} {OTHER}" for key in left if key in outside)
        problems = [each for pair in itertools.zip_longest(problems, found) for each in pair if each]
    return _Fit(kept, problems, notes, frozenset(names[key] for key in kept))


def _done(taken: str, put: str) -> str:
    if taken and put:
        return f"{quote(put)} was put for {quote(taken)} in" if taken != put else f"{quote(put)} stayed in"
    return f"{quote(taken)} was taken off" if taken else f"{quote(put)} was put before"


def _is_beside(key: str) -> bool:
    return key.rpartition(".")[2] in BESIDE or key.partition(".")[0] in LOSSES


def _rest(names: Mapping[str, str], outside: Iterable[str], layers: Sequence[Layer]) -> dict[str, str]:
    """Return the names in the file of what is missing where all else in it is that, under another prefix.

    So a head is found that somebody put beside a trunk. Where anything else is left over, nobody knows
    whether the network computes with it.
    """
    missing = {
        layer.key
        for layer in layers
        if layer.key not in names
        and not layer.key.endswith(COUNTER)
        and not any(twin in names for twin in layer.twins)
    }
    spare = {key for key in outside if not _is_beside(key)}
    ours, theirs = _above(missing), _above(spare)
    if not missing or {key.removeprefix(ours) for key in missing} != {
        key.removeprefix(theirs) for key in spare
    }:
        return {}
    return {layer.key: theirs + layer.key.removeprefix(ours) for layer in layers if layer.key in missing}


def _above(keys: Iterable[str]) -> str:
    """Return the name of the module, with its full stop, that all keys are in."""
    above: list[str] = []
    for steps in zip(*(key.split(".")[:-1] for key in keys), strict=False):
        if len(set(steps)) > 1:
            break
        above.append(f"{steps[0]}.")
    return "".join(above)


def _problems(state: State, layers: Sequence[Layer]) -> Iterator[str]:
    expected = {layer.key for layer in layers}
    missing = (
        f"{one_line(layer.key)} {MISSING}"
        for layer in layers
        if layer.key not in state
        and not layer.key.endswith(COUNTER)
        and not any(twin in state for twin in layer.twins)
    )
    others = (f"{quote(key)} {OTHER}" for key in state if key not in expected)
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
        known = (what for mark, what in NOT_PLAIN if mark in kind)
        yield next(known, f"is a {one_line(kind)} and not a plain tensor; save it as one")
    elif claim.shape != layer.shape:
        yield f"{SHAPED} {one_line(claim.shape)} instead of {layer.shape}"
    elif claim.dtype is None:
        yield "is saved as a type that is not read; save it as float32"
    elif layer.dtype in FLOATING and claim.dtype not in FLOATING:
        yield f"is saved as whole numbers ({claim.dtype}); save it as float32"


def _other(claim: Any, layer: Layer) -> bool:
    """Return True if a tensor is of another type than a layer, or of another shape."""
    return type(claim) is not LazyTensor or claim.shape != layer.shape or claim.dtype != layer.dtype
