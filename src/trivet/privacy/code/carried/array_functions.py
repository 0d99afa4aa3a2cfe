"""NumPy's own functions of noise: those that leave it what it is, and those that look at it."""

import operator
from typing import Any, Final

import numpy as np

from trivet.privacy.code.carried.noise import Noisy, known, shaped
from trivet.privacy.code.carried.rows import as_array, no_rows, same, stacked

__all__ = ["array_function", "structural", "ufunc"]


def _plain(value: Any, via: str) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each, via) for each in value)
    return value.look(via) if isinstance(value, Noisy) else value


_AFFINE: Final[dict[Any, Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.matmul: operator.matmul,
}
#: Of a noisy number the same as of what the noise was added to.
_SAME_AS_OFFSET: Final = frozenset({np.isnan, np.isfinite, np.isinf})
_MIRRORED: Final[dict[Any, str]] = {
    operator.add: "__radd__",
    operator.sub: "__rsub__",
    operator.mul: "__rmul__",
    operator.truediv: "__rtruediv__",
    operator.matmul: "__rmatmul__",
    operator.gt: "__lt__",
    operator.ge: "__le__",
    operator.lt: "__gt__",
    operator.le: "__ge__",
}


def ufunc(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply an elementwise function of which some inputs are noise."""
    out = options.pop("out", None)
    result = _apply(function, method, inputs, options)
    if out is None:
        return result
    if isinstance(out[0], Noisy):
        return out[0].become(result)
    np.copyto(out[0], known(result), casting="unsafe")
    return out[0]


def array_function(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply any other function of arrays of which some are noise."""
    if function in _STRUCTURAL and not options.get("out"):
        return structural(function, args, options)
    if function in _OWN_METHODS and isinstance(args[0], Noisy):
        return getattr(args[0], function.__name__.replace("around", "round"))(*args[1:], **options)
    if function in {np.dot, np.inner} and len(args) == 2:  # noqa: PLR2004 - both operands
        return args[0] @ args[1] if np.ndim(shaped(args[1])) else args[0] * args[1]
    if function in _SHAPES:
        return function(*(shaped(each) for each in args), **options)
    via = function.__name__
    return function(
        *(_plain(each, via) for each in args), **{name: _plain(value, via) for name, value in options.items()}
    )


def _apply(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if method == "reduce" and function is np.add and isinstance(inputs[0], Noisy):
        return inputs[0].sum(options.get("axis", 0))
    if method != "__call__" or options.get("where", True) is not True:
        via = f"{function.__name__}.{method}"
        return getattr(function, method)(*(_plain(each, via) for each in inputs), **options)
    first = next(each for each in inputs if isinstance(each, Noisy))
    if function in _AFFINE:
        act = _AFFINE[function]
        return act(*inputs) if first is inputs[0] else getattr(first, _MIRRORED[act])(inputs[0])
    if function in _SAME_AS_OFFSET:
        return first.form(function(first.offset))
    if first is inputs[0]:
        return first.derive(function, function.__name__, *inputs[1:])
    return first.derive(lambda value, other: function(other, value), function.__name__, *inputs[:1])


#: They move numbers about and leave them as they are.
_STRUCTURAL: Final = frozenset(
    {
        *(np.concatenate, np.stack, np.vstack, np.hstack, np.column_stack, np.reshape, np.ravel),
        *(np.transpose, np.squeeze, np.expand_dims, np.atleast_1d, np.atleast_2d, np.flip, np.roll),
        *(np.repeat, np.tile, np.broadcast_to, np.diag, np.triu, np.tril, np.take, np.moveaxis),
        *(np.where, np.append, np.copy, np.split, np.array_split),
    }
)
_OWN_METHODS: Final = frozenset({np.sum, np.mean, np.argmax, np.argmin, np.round, np.around, np.clip})
_SHAPES: Final = frozenset(
    {np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like}
)


def structural(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply a function to the places of numbers instead of the numbers, and fetch them from there."""
    parts: list[Noisy] = []
    ends = [1]  # place 0 is the zero that some of these functions fill in
    tape = _first(args).tape

    def places_of(value: Any) -> Any:
        if isinstance(value, Noisy):
            if value.seen is not None:
                value = value.seen
            else:
                parts.append(value)
                ends.append(ends[-1] + value.size)
                return np.arange(ends[-2], ends[-1]).reshape(value.shape)
        array = np.asarray(value, dtype=np.float64)
        parts.append(Noisy(tape, array.reshape(-1), no_rows(array.size), array.shape, same))
        ends.append(ends[-1] + array.size)
        return np.arange(ends[-2], ends[-1]).reshape(array.shape)

    moved = list(args)
    if function is np.where:
        moved = [np.asarray(known(args[0])), *map(places_of, args[1:])]
    elif function is np.append:
        moved[:2] = [places_of(args[0]), places_of(args[1])]
    elif isinstance(args[0], (list, tuple)):
        moved[0] = [places_of(each) for each in args[0]]
    else:
        moved[0] = places_of(args[0])
    places = function(*moved, **options)
    offset = np.concatenate([[0.0], *(part.offset for part in parts)])
    rows = stacked([no_rows(1), *(part.rows for part in parts)])
    whole = Noisy(tape, offset, rows, offset.shape, same)
    if isinstance(places, list):
        return [whole.at_places(each.reshape(-1), each.shape, as_array(each.shape)) for each in places]
    return whole.at_places(places.reshape(-1), places.shape, as_array(places.shape))


def _first(args: Any) -> Noisy:
    for each in args:
        if isinstance(each, Noisy):
            return each
        if isinstance(each, (list, tuple)) and any(isinstance(part, Noisy) for part in each):
            return _first(each)
    raise TypeError("no noise among the arguments")
