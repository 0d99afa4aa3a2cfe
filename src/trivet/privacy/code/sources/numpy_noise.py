"""Noise of NumPy: its generators, old and new, and the functions of ``numpy.random``."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final

import numpy as np

from trivet.privacy.code.carried.noise import known, make_noise
from trivet.privacy.code.sources.recording import Patches, active, choose, noise_of, uncovered
from trivet.privacy.code.tape import Call, Tape

__all__ = ["put_numpy", "recorded_generator"]


def _owner(generator: Any) -> Any:
    """Return the class whose methods draw unrecorded."""
    return _State if isinstance(generator, _State) else _Generator


def _standard(family: str, generator: Any, parameter: Any = None) -> Callable[[tuple[int, ...]], Any]:
    owner = _owner(generator)
    named = {
        "uniform": ("random_sample" if owner is _State else "random", ()),
        "geometric": ("geometric", (parameter,)),
        "cauchy": ("standard_cauchy", ()),
        "normal": ("standard_normal", ()),
        "exponential": ("standard_exponential", ()),
    }
    name, given = named.get(family, (family, (0.0, 1.0)))
    return lambda shape: getattr(owner, name)(generator, *given, size=shape)


_Generator: Final = np.random.Generator
_State: Final = np.random.mtrand.RandomState


def _loc_scale(family: str) -> Callable[..., Any]:
    def drawn(self: Any, tape: Tape, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return noise_of(tape, Call(family, "numpy"), _standard(family, self), loc=loc, scale=scale, size=size)

    return drawn


def _exponential(self: Any, tape: Tape, scale: Any = 1.0, size: Any = None) -> Any:
    call = Call("exponential", "numpy")
    return noise_of(tape, call, _standard("exponential", self), scale=scale, size=size)


def _unit(family: str) -> Callable[..., Any]:
    def drawn(self: Any, tape: Tape, size: Any = None, *_: Any, **__: Any) -> Any:
        return noise_of(tape, Call(family, "numpy"), _standard(family, self), size=size)

    return drawn


def _unit_of_shape(family: str) -> Callable[..., Any]:
    def drawn(self: Any, tape: Tape, *shape: int) -> Any:
        return noise_of(tape, Call(family, "numpy"), _standard(family, self), size=shape or None)

    return drawn


def _uniform(self: Any, tape: Tape, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    low, high = known(low), known(high)
    width = np.subtract(high, low)
    return noise_of(
        tape, Call("uniform", "numpy"), _standard("uniform", self), loc=low, scale=width, size=size
    )


def _geometric(self: Any, tape: Tape, p: Any, size: Any = None) -> Any:
    p = known(p)
    if np.ndim(p):
        return _other("geometric")(self, tape, p, size=size)
    call = Call("geometric", "numpy", float(p))
    return noise_of(tape, call, _standard("geometric", self, p), size=size)


def _multivariate_normal(self: Any, tape: Tape, mean: Any, cov: Any, size: Any = None, **_: Any) -> Any:
    if size is not None:
        return _other("multivariate_normal")(self, tape, mean, cov, size=size)
    root = np.linalg.cholesky(np.asarray(known(cov), dtype=np.float64))
    draws = noise_of(tape, Call("normal", "numpy"), _standard("normal", self), size=len(root))
    return mean + (root @ draws)


def _other(name: str) -> Callable[..., Any]:
    """Draw from a distribution whose loss is not known here; what it is added to is followed all the same."""

    def drawn(self: Any, tape: Tape, *args: Any, **options: Any) -> Any:
        args, options = tuple(map(known, args)), {key: known(value) for key, value in options.items()}
        owner = _owner(self)
        with uncovered():
            values = getattr(owner, name)(self, *args, **options)
            call = Call(name, "numpy", repr((args, options)))
            columns = tape.draw(call, np.shape(values), lambda: values)
        scalar = np.ndim(values) == 0
        return make_noise(tape, columns, loc=0, scale=1, shape=np.shape(values), scalar=scalar)

    return drawn


def _integers(self: Any, tape: Tape, *args: Any, name: str, **options: Any) -> Any:
    owner = _owner(self)
    args, options = tuple(map(known, args)), {key: known(value) for key, value in options.items()}
    size = inspect.Signature(_INTEGERS).bind(*args, **options).arguments.get("size")
    shape = () if size is None else tuple(np.atleast_1d(size))
    picked = choose(
        tape, name, int(np.prod(shape, dtype=np.int64)), lambda: getattr(owner, name)(self, *args, **options)
    )
    return int(picked[0]) if size is None else picked.reshape(shape)


_INTEGERS: Final = [
    inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    for each in ("low", "high", "size", "dtype", "endpoint")
]


def _choice(
    self: Any, tape: Tape, a: Any, size: Any = None, replace: Any = 1, p: Any = None, *_: Any, **__: Any
) -> Any:
    owner = _owner(self)
    a, p = known(a), known(p)
    total = int(a) if np.ndim(a) == 0 else len(a)
    shape = () if size is None else tuple(np.atleast_1d(size))
    count = int(np.prod(shape, dtype=np.int64))
    if p is not None and count > 1 and not replace:
        p, counted = None, p  # draws without replacement are not independent: followed as a selection
    else:
        counted = p
    pick = lambda: owner.choice(self, total, size=count, replace=bool(replace), p=counted)  # noqa: E731
    picked = choose(tape, "choice", count, pick, p)
    picked = picked[0] if size is None else picked.reshape(shape)
    return picked if np.ndim(a) == 0 else np.asarray(a)[picked]


def _permutation(self: Any, tape: Tape, x: Any, **_: Any) -> Any:
    owner = _owner(self)
    total = int(x) if np.ndim(x) == 0 else len(x)
    order = choose(tape, "permutation", total, lambda: owner.permutation(self, total))
    return order if np.ndim(x) == 0 else np.asarray(x)[order]


def _shuffle(self: Any, tape: Tape, x: Any, **_: Any) -> None:
    order = _permutation(self, tape, len(x))
    if isinstance(x, np.ndarray):
        x[:] = x[order]
    else:
        x[:] = [x[place] for place in order.tolist()]


_OTHERS: Final = (
    *("beta", "binomial", "chisquare", "dirichlet", "f", "gamma", "hypergeometric", "lognormal"),
    *("logseries", "multinomial", "negative_binomial", "pareto", "poisson", "power", "rayleigh"),
    *("standard_gamma", "standard_t", "triangular", "vonmises", "wald", "weibull", "zipf"),
)
_COMMON: Final[dict[str, Callable[..., Any]]] = {
    **{name: _loc_scale(name) for name in ("laplace", "normal", "gumbel", "logistic")},
    **{name: _other(name) for name in _OTHERS},
    "exponential": _exponential,
    "standard_normal": _unit("normal"),
    "standard_exponential": _unit("exponential"),
    "standard_cauchy": _unit("cauchy"),
    "uniform": _uniform,
    "random": _unit("uniform"),
    "geometric": _geometric,
    "multivariate_normal": _multivariate_normal,
    "choice": _choice,
    "permutation": _permutation,
    "shuffle": _shuffle,
}
_OF_GENERATOR: Final = {**_COMMON, "integers": partial(_integers, name="integers")}
_OF_STATE: Final = {
    **_COMMON,
    "rand": _unit_of_shape("uniform"),
    "randn": _unit_of_shape("normal"),
    "random_sample": _unit("uniform"),
    "randint": partial(_integers, name="randint"),
}


class _Stands(type):
    """Passes for the class that it stands for."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


def _recorded(base: type, name: str, drawn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(getattr(base, name))
    def method(self: Any, *args: Any, **options: Any) -> Any:
        tape = active()
        if tape is None:
            return getattr(base, name)(self, *args, **options)
        return drawn(self, tape, *args, **options)

    return method


_RecordedGenerator: Final = _Stands(
    "Generator",
    (_Generator,),
    {
        **{name: _recorded(_Generator, name, drawn) for name, drawn in _OF_GENERATOR.items()},
        "spawn": lambda self, n: [
            _RecordedGenerator(each.bit_generator) for each in _Generator.spawn(self, n)
        ],
    },
)
_RecordedState: Final = _Stands(
    "RandomState", (_State,), {name: _recorded(_State, name, drawn) for name, drawn in _OF_STATE.items()}
)


def recorded_generator(value: Any) -> Any:
    """Return what stands for a generator of NumPy that exists already; None of anything else."""
    if type(value) is _Generator:
        return _RecordedGenerator(value.bit_generator)
    if type(value) is _State:
        return _of_state(value)
    return None


def _of_state(state: Any) -> Any:
    return _RecordedState(state._bit_generator)  # noqa: SLF001 - it has no other name for it


def _seeding(original: Callable[[int], int]) -> Callable[[int], int]:
    """Take what seeds a generator for no draw of the code."""

    @wraps(original)
    def randbits(count: int, /) -> int:
        with uncovered():
            return original(count)

    return randbits


def put_numpy(patches: Patches) -> None:
    """Record what NumPy draws."""
    patches.stand_ins.append(recorded_generator)
    module, legacy = np.random, np.random.mtrand
    make = module.default_rng

    def default_rng(seed: Any = None) -> Any:
        return (
            seed
            if isinstance(seed, _RecordedGenerator) and type(seed) is _RecordedGenerator
            else (_RecordedGenerator(make(seed).bit_generator))
        )

    shared = _of_state(legacy._rand)  # noqa: SLF001 - it draws for all functions of numpy.random
    patches.put(module.bit_generator, "randbits", _seeding(module.bit_generator.randbits))
    patches.put(module, "default_rng", default_rng)
    patches.put(module, "Generator", _RecordedGenerator)
    patches.put(module, "RandomState", _RecordedState)
    patches.put(legacy, "_rand", shared)
    for name in _OF_STATE:
        patches.put(module, name, getattr(shared, name))
