"""Noise of the standard library and of SciPy, and functions of one number that noise may go through."""

import json
import math
import os
import random
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final

import numpy as np

from trivet.privacy.code.carried.noise import Noisy, known
from trivet.privacy.code.sources.recording import Patches, active, choose, noise_of, uncovered
from trivet.privacy.code.tape import Call

__all__ = ["put_math", "put_random", "put_scipy"]


def _from_random(call: Call, loc: Any, scale: Any, sample: Callable[[], float]) -> Any:
    tape = active()
    assert tape is not None
    return noise_of(tape, call, lambda _shape: sample(), loc=loc, scale=scale)


def _rv(family: str, sample: Callable[[random.Random], float], loc_scale: Callable[..., Any]) -> Any:
    def drawn(self: random.Random, *args: Any, **options: Any) -> Any:
        loc, scale = loc_scale(*args, **options)
        return _from_random(Call(family, "random"), loc, scale, lambda: sample(self))

    return drawn


def _py_choice(self: random.Random, seq: Any) -> Any:
    return seq[_py_picked(self, "choice", len(seq), 1)[0]]


def _py_picked(self: random.Random, name: str, total: int, count: int) -> list[int]:
    tape = active()
    assert tape is not None
    return choose(tape, name, count, lambda: [_PY["randrange"](self, total) for _ in range(count)]).tolist()


def _py_choices(
    self: random.Random, population: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1
) -> list[Any]:
    tape = active()
    assert tape is not None
    if cum_weights is not None:
        weights = np.diff(np.asarray(known(cum_weights), dtype=float), prepend=0.0)
    if weights is None:
        return [population[place] for place in _py_picked(self, "choices", len(population), k)]
    shares = np.asarray([known(each) for each in weights], dtype=float)
    shares = shares / shares.sum()
    indices = range(len(population))
    pick = lambda: _PY["choices"](self, indices, weights=shares.tolist(), k=k)  # noqa: E731
    return [population[place] for place in choose(tape, "choices", k, pick, shares).tolist()]


def _py_order(self: random.Random, total: int, count: int, name: str) -> list[int]:
    tape = active()
    assert tape is not None
    if tape.recorded is not None and len(tape.draws) < len(tape.recorded.draws):
        before = tape.recorded.draws[len(tape.draws)]
        if before.call.parameter is not None and before.call.parameter != total:
            raise tape.stop(
                f"chooses among {total} rows, and {before.call.parameter} on the data", name, chosen=True
            )
    with uncovered():
        call = Call("selection", name, total)
        tape.draw(call, (count,), lambda: _PY["sample"](self, range(total), count))
    return tape.drawn[-1].astype(int).tolist()


def _py_sample(self: random.Random, population: Any, k: int, **_: Any) -> list[Any]:
    return [population[place] for place in _py_order(self, len(population), k, "sample")]


def _py_shuffle(self: random.Random, x: Any) -> None:
    x[:] = [x[place] for place in _py_order(self, len(x), len(x), "shuffle")]


def _py_whole(name: str) -> Callable[..., Any]:
    def drawn(self: random.Random, *args: Any, **options: Any) -> int:
        tape = active()
        assert tape is not None
        return int(choose(tape, name, 1, lambda: _PY[name](self, *args, **options))[0])

    return drawn


_PY: Final = {
    name: getattr(random.Random, name)
    for name in (
        *("random", "uniform", "gauss", "normalvariate", "expovariate", "choice", "choices", "sample"),
        *("shuffle", "randint", "randrange"),
    )
}
_PY_DRAWN: Final[dict[str, Callable[..., Any]]] = {
    "random": _rv("uniform", _PY["random"], lambda: (0.0, 1.0)),
    "uniform": _rv("uniform", lambda own: own.random(), lambda a, b: (a, b - a)),
    "gauss": _rv("normal", lambda own: _PY["gauss"](own, 0.0, 1.0), lambda mu=0.0, sigma=1.0: (mu, sigma)),
    "normalvariate": _rv(
        "normal", lambda own: _PY["normalvariate"](own, 0.0, 1.0), lambda mu=0.0, sigma=1.0: (mu, sigma)
    ),
    "expovariate": _rv(
        "exponential", lambda own: _PY["expovariate"](own, 1.0), lambda lambd=1.0: (0.0, 1.0 / lambd)
    ),
    "choice": _py_choice,
    "choices": _py_choices,
    "sample": _py_sample,
    "shuffle": _py_shuffle,
    "randint": _py_whole("randint"),
    "randrange": _py_whole("randrange"),
}


def _py_recorded(original: Callable[..., Any], drawn: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def method(self: random.Random, *args: Any, **options: Any) -> Any:
        if active() is None:
            return original(self, *args, **options)
        return drawn(self, *args, **options)

    return method


def _bytes(original: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Draw bytes of the operating system, of which `secrets` makes what it draws."""

    @wraps(original)
    def urandom(size: int, /) -> bytes:
        tape = active()
        if tape is None:
            return original(size)
        return bytes(choose(tape, "urandom", size, lambda: list(original(size))).tolist())

    return urandom


def put_random(patches: Patches) -> None:
    """Record what the module random draws."""
    shared: random.Random = getattr(random, "_inst")  # noqa: B009 - it draws for all functions of the module
    for name, drawn in _PY_DRAWN.items():
        method = _py_recorded(_PY[name], drawn)
        patches.put(random.Random, name, method)
        patches.put(random, name, partial(method, shared))
    for owner, name in ((os, "urandom"), (random, "_urandom")):
        patches.put(owner, name, _bytes(getattr(owner, name)))
    system = random.SystemRandom.random
    unit = _rv("uniform", system, lambda: (0.0, 1.0))  # pyright: ignore[reportArgumentType]
    patches.put(random.SystemRandom, "random", _py_recorded(system, unit))


#: Functions of one number, and the same of NumPy.
_MATH: Final = {
    **{name: getattr(np, name) for name in ("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "sin")},
    **{
        name: getattr(np, name) for name in ("cos", "tan", "sinh", "cosh", "tanh", "fabs", "copysign", "fmod")
    },
    **{name: getattr(np, name) for name in ("isnan", "isinf", "isfinite")},
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "pow": np.power,
    "erf": None,
    "erfc": None,
}


def put_math(patches: Patches) -> None:
    """Let functions of math, and json, take noise."""
    for name, of_numpy in _MATH.items():
        if of_numpy is not None:
            patches.put(math, name, _also_of_noise(getattr(math, name), of_numpy))
    default = json.JSONEncoder.default

    def encode(self: json.JSONEncoder, o: Any) -> Any:
        return o.look("json") if isinstance(o, Noisy) else default(self, o)

    patches.put(json.JSONEncoder, "default", encode)


def _also_of_noise(plain: Callable[..., Any], of_numpy: Any) -> Callable[..., Any]:
    @wraps(plain)
    def function(*args: Any) -> Any:
        if any(isinstance(each, Noisy) for each in args):
            result = of_numpy(*args)
            return result if isinstance(result, Noisy) else np.asarray(result).item()
        return plain(*args)

    return function


_SCIPY: Final = {
    "laplace": "laplace",
    "norm": "normal",
    "expon": "exponential",
    "gumbel_r": "gumbel",
    "logistic": "logistic",
    "uniform": "uniform",
    "cauchy": "cauchy",
    "geom": "geometric",
    "dlaplace": "discrete_laplace",
}


def put_scipy(patches: Patches) -> None:
    """Record what distributions of scipy.stats draw."""
    from scipy.stats._distn_infrastructure import rv_generic  # noqa: PLC0415 - slow, and loaded already

    patches.put(rv_generic, "rvs", _scipy_rvs(rv_generic.rvs))


def _scipy_rvs(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def rvs(self: Any, *args: Any, **options: Any) -> Any:
        tape = active()
        if tape is None:
            return original(self, *args, **options)
        options = dict(options)
        discrete = options.pop("discrete", None)
        state = options.pop("random_state", None)
        given = {} if state is None else {"random_state": state}
        shapes, loc, scale, size = self._parse_args_rvs(*args, **options)
        size = size if options.get("size") is not None else None
        family = _SCIPY.get(self.name, str(self.name))
        known_family = self.name in _SCIPY and all(np.ndim(known(each)) == 0 for each in shapes)
        parameter = float(known(shapes[0])) if known_family and shapes else None
        if not known_family:
            parameter = repr(tuple(map(known, shapes)))
        unit = {"discrete": discrete} if discrete else {}

        def sample(shape: tuple[int, ...]) -> Any:
            return original(self, *map(known, shapes), size=shape or 1, **given, **unit)

        return noise_of(tape, Call(family, "scipy", parameter), sample, loc=loc, scale=scale, size=size)

    return rvs
