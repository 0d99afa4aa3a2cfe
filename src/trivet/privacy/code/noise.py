"""Numbers with noise in them: what the noise was added to, carried along until the sum is looked at."""

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trivet.privacy.code.tape import Call, Floats, Tape, Whole

__all__ = ["Noisy", "known", "make_noise", "no_rows"]

#: Columns of every matrix of rows: more than draws will ever be. It costs nothing, being sparse.
COLUMNS: Final = 2**50
Form = Callable[[NDArray[Any]], Any]


def _as_float(flat: NDArray[Any]) -> Any:
    return flat[0].item()


def _as_array(shape: tuple[int, ...]) -> Form:
    return lambda flat: flat.reshape(shape)


def make_noise(
    tape: Tape, call: Call, columns: Whole, *, loc: Any, scale: Any, shape: tuple[int, ...], scalar: bool
) -> "Noisy":
    """Return ``loc + scale * draw`` for draws of one call."""
    scales = np.broadcast_to(np.asarray(known(scale), dtype=np.float64), shape).reshape(-1)
    count = len(columns)
    rows = _rows(scales, columns)
    noise = Noisy(tape, np.zeros(count), rows, shape, _as_float if scalar else _as_array(shape))
    if isinstance(loc, Noisy) or np.any(np.asarray(loc)):
        return noise + loc
    return noise


def _rows(coefficients: Floats, columns: Whole) -> Any:
    count = len(columns)
    ends = np.arange(count + 1, dtype=np.int64)
    data = np.array(coefficients, dtype=np.float64)
    return sparse.csr_array((data, columns.astype(np.int64), ends), shape=(count, COLUMNS))


def _compact(*matrices: Any) -> tuple[list[Any], Whole]:
    """Return matrices of the columns that occur in any, and these columns: work is in their number."""
    columns, places = np.unique(np.concatenate([each.indices for each in matrices]), return_inverse=True)
    parts = np.split(places, np.cumsum([each.nnz for each in matrices])[:-1])
    small = [
        sparse.csr_array((each.data, part, each.indptr), shape=(each.shape[0], len(columns)))
        for each, part in zip(matrices, parts, strict=True)
    ]
    return small, columns


def _expand(small: Any, columns: Whole) -> Any:
    small = sparse.csr_array(small)
    small.sum_duplicates()
    small.eliminate_zeros()
    wide = columns[small.indices].astype(np.int64)
    return sparse.csr_array((small.data, wide, small.indptr), shape=(small.shape[0], COLUMNS))


def known(value: Any) -> Any:
    """Return a value without its noise carried along: what the code sees from here on."""
    return value.look("used as a plain number") if isinstance(value, Noisy) else value


class Noisy:
    """``offset + rows @ draws``: stands for a number, an array or a column until its value is needed."""

    __array_priority__ = 1e6
    __pandas_priority__ = 1_000_000

    def __init__(self, tape: Tape, offset: Floats, rows: Any, shape: tuple[int, ...], form: Form) -> None:
        self._tape, self._offset, self._rows, self._shape, self._form = tape, offset, rows, shape, form
        self._seen: Any = None

    # Looking at it.

    def look(self, via: str) -> Any:
        """Return the value; from now on it is public."""
        if self._seen is None:
            flat = self._tape.event("value", via, self._offset, self._rows, lambda values: values)
            self._seen = self._form(np.array(flat))
        return self._seen

    def _derive(self, function: Callable[..., Any], via: str, *others: Any, form: Form | None = None) -> Any:
        """Apply a function to each number: the result is noise of its own until more is known of it."""
        operands = [self, *others]
        shape = np.broadcast_shapes(*(np.shape(_shaped(each)) for each in operands))
        settled = [each._settle(shape) for each in operands if isinstance(each, Noisy)]
        if all(settled):
            return function(*(_array(known(each)) for each in operands))
        operands = [known(each) if isinstance(each, Noisy) and each._seen is not None else each for each in operands]
        spread = [each._spread(shape) if isinstance(each, Noisy) else each for each in operands]
        noisy = [each for each in spread if isinstance(each, Noisy)]
        count = int(np.prod(shape, dtype=np.int64))
        offset = np.concatenate([each._offset for each in noisy])
        rows = sparse.vstack([each._rows for each in noisy], format="csr")

        def apply(values: Floats) -> Floats:
            parts = iter(np.split(values, len(noisy)))
            given = [next(parts) if isinstance(each, Noisy) else _flat(each, shape) for each in spread]
            with np.errstate(all="ignore"):
                return np.asarray(function(*given), dtype=np.float64).reshape(-1)

        columns = self._tape.columns_of_function(via, shape, offset, rows, apply)
        own = form or (self._form if shape == self._shape else _as_array(shape))
        return Noisy(self._tape, np.zeros(count), _rows(np.ones(count), columns), shape, own)

    # Its shape.

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return self._shape

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """As of an array."""
        return len(self._offset)

    @property
    def dtype(self) -> Any:
        """As of an array of floating-point numbers."""
        return np.dtype(np.float64)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """As of an array."""
        return _structural(np.transpose, (self,), {})

    def _settle(self, shape: tuple[int, ...]) -> bool:
        """Look at an answer that is to be spread over many numbers; True where its value is known."""
        # Noise that has its data already is an answer, and whoever computes with it and every row knows it.
        if self._seen is None and shape != self._shape and self._has_data():
            self.look("spread over an array")
        return self._seen is not None

    def _has_data(self) -> bool:
        units = self._tape.units
        return bool(self._rows.nnz) and all(column in units for column in self._rows.indices.tolist())

    def _spread(self, shape: tuple[int, ...]) -> "Noisy":
        if shape == self._shape:
            return self
        places = np.broadcast_to(np.arange(self.size).reshape(self._shape), shape)
        return self._take(places.reshape(-1), shape, _as_array(shape))

    def _take(self, places: Whole, shape: tuple[int, ...], form: Form) -> "Noisy":
        return Noisy(self._tape, self._offset[places], self._rows[places], shape, form)

    def _scaled(self, factor: Floats) -> "Noisy":
        rows = self._rows.copy()
        rows.data = rows.data * np.repeat(factor, np.diff(rows.indptr))
        return Noisy(self._tape, self._offset * factor, rows, self._shape, self._form)

    def _picked(self, key: Any) -> Any:
        places = self._form(np.arange(self.size))
        if np.ndim(places) == 0:
            raise TypeError("a single number cannot be indexed")
        return places[known(key)]

    def __getitem__(self, key: Any) -> Any:
        if self._seen is not None:
            return self._seen[key]
        places = self._picked(key)
        if np.ndim(places) == 0:
            return self._take(np.array([int(places)]), (), _as_float)
        if hasattr(places, "to_numpy"):
            flat = places.to_numpy()
            return self._take(flat, flat.shape, _like(places))
        return self._take(places.reshape(-1), places.shape, _as_array(places.shape))

    def __setitem__(self, key: Any, value: Any) -> None:
        places = np.asarray(self._picked(key))
        if self._seen is not None:
            self._seen[key] = known(value)
            return
        flat = places.reshape(-1)
        if isinstance(value, Noisy) and value._seen is None:
            new = value._spread(places.shape)
        else:
            filled = _flat(known(value), places.shape)
            new = Noisy(self._tape, filled, no_rows(len(flat)), places.shape, self._form)
        order = np.arange(self.size)
        order[flat] = self.size + np.arange(len(flat))
        self._offset = np.concatenate([self._offset, new._offset])[order]
        self._rows = sparse.vstack([self._rows, new._rows], format="csr")[order]

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("a single number has no length")
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self._shape:
            raise TypeError("a single number cannot be iterated over")
        if self._seen is not None:
            return iter(self._seen)
        whole = np.arange(self.size).reshape(self._shape)
        return (self._item(whole[row]) for row in range(len(self)))

    def _item(self, places: Any) -> Any:
        if np.ndim(places) == 0:
            return self._take(np.array([int(places)]), (), _as_float)
        return self._take(places.reshape(-1), places.shape, _as_array(places.shape))

    # Affine arithmetic, in which noise stays what it is.

    def _plus(self, other: Any, sign: float) -> Any:
        if self._seen is not None:
            return self._seen + other if sign > 0 else self._seen - other
        if not isinstance(other, Noisy):
            if not _is_numeric(other):
                return NotImplemented
            if type(other) is int and other == 0:  # where sum() starts
                return self
        shape = np.broadcast_shapes(self._shape, np.shape(_shaped(other)))
        if isinstance(other, Noisy) and other._settle(shape):
            other = other._seen
        if self._settle(shape):
            return self._plus(other, sign)
        mine = self._spread(shape)
        form = _joint_form(self, other, shape)
        if isinstance(other, Noisy):
            theirs = other._spread(shape)
            (one, two), columns = _compact(mine._rows, theirs._rows)
            rows = _expand(one + sign * two, columns)
            return Noisy(self._tape, mine._offset + sign * theirs._offset, rows, shape, form)
        mine._add_units()
        return Noisy(self._tape, mine._offset + sign * _flat(other, shape), mine._rows, shape, form)

    def _add_units(self) -> None:
        single = np.diff(self._rows.indptr) == 1
        if single.all():
            pairs = zip(self._rows.indices.tolist(), np.abs(self._rows.data).tolist(), strict=True)
            units = self._tape.units
            for column, scale in pairs:
                units.setdefault(column, scale)

    def _times(self, other: Any, *, divide: bool = False) -> Any:
        if self._seen is not None:
            return self._seen / other if divide else self._seen * other
        if isinstance(other, Noisy):
            if other._seen is None:
                return self._derive(operator.truediv if divide else operator.mul, "product", other)
            other = other._seen
        if not _is_numeric(other):
            return NotImplemented
        shape = np.broadcast_shapes(self._shape, np.shape(_shaped(other)))
        if self._settle(shape):
            return self._times(other, divide=divide)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = _flat(other, shape)
            factor = 1.0 / factor if divide else factor
        scaled = self._spread(shape)._scaled(factor)
        scaled._form = _joint_form(self, other, shape)
        return scaled

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1.0)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1.0)

    def __rsub__(self, other: Any) -> Any:
        return other - self._seen if self._seen is not None else (-self)._plus(other, 1.0)

    def __mul__(self, other: Any) -> Any:
        return self._times(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._times(other, divide=True)

    def __rtruediv__(self, other: Any) -> Any:
        return self._derive(lambda value, over: over / value, "quotient", other)

    def __neg__(self) -> Any:
        return -self._seen if self._seen is not None else self._scaled(np.full(self.size, -1.0))

    def __pos__(self) -> Any:
        return self

    def __matmul__(self, other: Any) -> Any:
        return self._product(other, left=True)

    def __rmatmul__(self, other: Any) -> Any:
        return self._product(other, left=False)

    def _product(self, other: Any, *, left: bool) -> Any:
        other = known(other)
        if self._settle((0,)):
            return self._seen @ other if left else other @ self._seen
        matrix = np.asarray(other, dtype=np.float64)
        if self.ndim != 1 or matrix.ndim not in {1, 2}:
            seen = self.look("multiplied as a matrix")
            return seen @ other if left else other @ seen
        over = np.atleast_2d(matrix) if matrix.ndim == 1 else (matrix.T if left else matrix)
        return self._mixed(sparse.csr_array(over), () if matrix.ndim == 1 else (len(over),))

    def _mixed(self, mix: Any, shape: tuple[int, ...]) -> "Noisy":
        (mine,), columns = _compact(self._rows)
        rows = _expand(mix @ mine, columns)
        return Noisy(self._tape, mix @ self._offset, rows, shape, _as_array(shape) if shape else _as_float)

    def sum(self, axis: int | None = None, *_: Any, **__: Any) -> Any:
        """Add up, as of an array."""
        if self._seen is not None:
            return np.sum(self._seen, axis=axis)
        whole = np.arange(self.size).reshape(self._shape)
        if axis is None:
            labels, shape = np.zeros(self.size, dtype=np.int64), ()
        else:
            shape = tuple(np.delete(self._shape, axis))
            ids = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
            labels = np.broadcast_to(np.expand_dims(ids, axis), self._shape).reshape(-1)
        count = int(np.prod(shape, dtype=np.int64))
        mix = sparse.csr_array((np.ones(self.size), (labels, whole.reshape(-1))), shape=(count, self.size))
        return self._mixed(mix, shape)

    def mean(self, axis: int | None = None, *_: Any, **__: Any) -> Any:
        """Average, as of an array."""
        total = self.sum(axis)
        return total / (self.size / max(1, np.size(_shaped(total))))

    # Tests, of which only the answer is seen.

    def _tested(self, other: Any, name: str) -> Any:
        compare = getattr(operator, name)
        if self._seen is not None or (isinstance(other, Noisy) and other._seen is not None):
            return compare(known(self), known(other))
        if not (isinstance(other, Noisy) or _is_numeric(other)):
            return NotImplemented
        gap = self - other if not (type(other) is int and other == 0) else self
        form = gap._form if gap.ndim or hasattr(other, "shape") else _as_float
        seen = self._tape.event(
            "signs", name, gap._offset, gap._rows, lambda values: compare(values, 0.0), {"test": name}
        )
        return form(np.array(seen))

    def __lt__(self, other: Any) -> Any:
        return self._tested(other, "lt")

    def __le__(self, other: Any) -> Any:
        return self._tested(other, "le")

    def __gt__(self, other: Any) -> Any:
        return self._tested(other, "gt")

    def __ge__(self, other: Any) -> Any:
        return self._tested(other, "ge")

    def argmax(self, axis: int | None = None, **_: Any) -> Any:
        """Return the place of the largest, as of an array: it is all that is seen."""
        if self._seen is not None or axis is not None:
            return np.argmax(np.asarray(self.look("argmax")), axis=axis)
        return self._tape.event(
            "argmax", "argmax", self._offset, self._rows, lambda values: int(np.argmax(values))
        )

    def argmin(self, axis: int | None = None, **_: Any) -> Any:
        """Return the place of the smallest."""
        return (-self).argmax(axis)

    def idxmax(self) -> Any:
        """Return the label of the largest, as of a pandas column."""
        return self.index[self.argmax()]

    # Everything else looks at the value, or is a function of it.

    def __eq__(self, other: object) -> Any:
        return self.look("==") == known(other)

    def __ne__(self, other: object) -> Any:
        return self.look("!=") != known(other)

    def __hash__(self) -> int:
        return hash(self.look("hash"))

    def __bool__(self) -> bool:
        return bool(self.look("bool"))

    def __float__(self) -> float:
        return float(self.look("float"))

    def __int__(self) -> int:
        return int(self.look("int"))

    def __complex__(self) -> complex:
        return complex(self.look("complex"))

    def __index__(self) -> int:
        return operator.index(self.look("index"))

    def __format__(self, spec: str) -> str:
        return format(self.look("format"), spec)

    def __str__(self) -> str:
        return str(self.look("str"))

    def __repr__(self) -> str:
        return repr(self.look("repr"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - its form
        return np.array(self.look("array"), dtype=dtype)

    def __round__(self, digits: int | None = None) -> Any:
        form = _as_whole if digits is None else None
        return self._derive(lambda value: np.round(value, digits or 0), "round", form=form)

    def __floor__(self) -> Any:
        return self._derive(np.floor, "floor", form=_as_whole)

    def __ceil__(self) -> Any:
        return self._derive(np.ceil, "ceil", form=_as_whole)

    def __trunc__(self) -> Any:
        return self._derive(np.trunc, "trunc", form=_as_whole)

    def __abs__(self) -> Any:
        return self._derive(np.abs, "absolute")

    def __pow__(self, other: Any) -> Any:
        return self._derive(np.power, "power", other)

    def __rpow__(self, other: Any) -> Any:
        return self._derive(lambda value, base: np.power(base, value), "power", other)

    def __mod__(self, other: Any) -> Any:
        return self._derive(np.mod, "mod", other)

    def __floordiv__(self, other: Any) -> Any:
        return self._derive(np.floor_divide, "floor_divide", other)

    def __copy__(self) -> "Noisy":
        return self if self._seen is not None else self._take(np.arange(self.size), self._shape, self._form)

    def __deepcopy__(self, _memo: Any) -> "Noisy":
        return self.__copy__()

    def __reduce__(self) -> Any:
        return _same, (self.look("pickle"),)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "index" and self._shape:  # labels, which say nothing of the values
            return self._form(np.zeros(self.size)).index
        return getattr(self.look(name), name)

    def astype(self, dtype: Any, **_: Any) -> Any:
        """Convert, as of an array."""
        if np.issubdtype(np.dtype(dtype), np.floating):
            return self.__copy__()
        return self._derive(lambda value: value.astype(dtype), "astype")

    def copy(self, **_: Any) -> Any:
        """Copy, as of an array."""
        return self.__copy__()

    def round(self, decimals: int = 0) -> Any:
        """Round, as of an array."""
        return self._derive(lambda value: np.round(value, decimals), "round")

    def clip(self, lower: Any = None, upper: Any = None, **_: Any) -> Any:
        """Clip, as of an array or a pandas column."""
        return self._derive(lambda value: np.clip(value, lower, upper), "clip")

    def tolist(self) -> Any:
        """Return lists of single numbers, as of an array."""
        return [part.tolist() if part.ndim else part for part in self] if self.ndim else self

    def item(self) -> Any:
        """Return the only number of an array."""
        return self._item(np.array(0)) if self.size == 1 else self.look("item").item()

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yield labels and single numbers, as of a pandas column."""
        return zip(self.index, self, strict=True)

    def to_dict(self) -> dict[Any, Any]:
        """Return single numbers by label, as of a pandas column."""
        return dict(self.items())

    def reshape(self, *shape: Any, **_: Any) -> Any:
        """Arrange anew, as of an array."""
        wanted = shape[0] if len(shape) == 1 else shape
        return _structural(np.reshape, (self, wanted), {})

    def ravel(self, *_: Any) -> Any:
        """Flatten, as of an array."""
        return _structural(np.ravel, (self,), {})

    flatten = ravel

    def squeeze(self, *_: Any) -> Any:
        """Leave out axes of length 1, as of an array."""
        return _structural(np.squeeze, (self,), {})

    def dot(self, other: Any) -> Any:
        """Multiply, as of an array."""
        return self @ other if np.ndim(_shaped(other)) else self * other

    # NumPy's own functions.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.pop("out", None)
        result = _apply(ufunc, method, inputs, options)
        if out is None:
            return result
        if isinstance(out[0], Noisy):
            return out[0]._become(result)
        np.copyto(out[0], known(result), casting="unsafe")
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function in _STRUCTURAL and not options.get("out"):
            return _structural(function, args, options)
        if function in _OWN_METHODS and isinstance(args[0], Noisy):
            return getattr(args[0], function.__name__.replace("around", "round"))(*args[1:], **options)
        if function in {np.dot, np.inner} and len(args) == 2:  # noqa: PLR2004 - both operands
            return args[0] @ args[1] if np.ndim(_shaped(args[1])) else args[0] * args[1]
        if function in _SHAPES:
            return function(*(_shaped(each) for each in args), **options)
        return function(*map(_plain, args), **{name: _plain(value) for name, value in options.items()})

    def _become(self, other: Any) -> "Noisy":
        """Take over another's value, where the code changes an array in place."""
        new = other if isinstance(other, Noisy) and other._seen is None else None
        if new is None:
            flat = _flat(known(other), self._shape)
            new = Noisy(self._tape, flat, no_rows(self.size), self._shape, self._form)
        self._offset, self._rows, self._seen = new._offset, new._rows, None
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(self + other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(self / other)

    def _in_place(self, result: Any) -> Any:
        same = isinstance(result, Noisy) and self._shape and result._shape == self._shape
        return self._become(result) if same and self._seen is None else result


def _same(value: Any) -> Any:
    return value


def _as_whole(flat: NDArray[Any]) -> Any:
    value = flat[0].item()
    return int(value) if math.isfinite(value) else value


def _like(column: Any) -> Form:
    """Return what makes a pandas column with the labels of another."""
    return lambda flat: type(column)(flat, index=column.index, name=column.name)


def _joint_form(noisy: Noisy, other: Any, shape: tuple[int, ...]) -> Form:
    if not isinstance(other, Noisy) and hasattr(other, "to_numpy") and other.shape == shape:
        return _like(other)
    if shape == noisy._shape and (shape or np.ndim(_shaped(other)) == 0):
        return noisy._form if noisy._form is not _as_whole else _as_float
    if isinstance(other, Noisy) and shape == other._shape:
        return other._form
    return _as_array(shape)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (int, float, np.number, np.bool_)):
        return True
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None:
        return kind in "fiub"
    return isinstance(value, (list, tuple)) and np.asarray(value).dtype.kind in "fiub"


def _shaped(value: Any) -> Any:
    """Return something of the same shape that NumPy can be asked about without looking at noise."""
    return np.broadcast_to(np.float64(0), value.shape) if isinstance(value, Noisy) else value


def _array(value: Any) -> Any:
    return np.asarray(value) if np.ndim(value) else value


def _flat(value: Any, shape: tuple[int, ...]) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).reshape(-1)


def no_rows(count: int) -> Any:
    """Return rows without noise."""
    return sparse.csr_array((count, COLUMNS), dtype=np.float64)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each) for each in value)
    return known(value)


_AFFINE: Final = {
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
_MIRRORED: Final = {
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


def _apply(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if method == "reduce" and ufunc is np.add and isinstance(inputs[0], Noisy):
        return inputs[0].sum(options.get("axis", 0))
    if method != "__call__" or options.get("where", True) is not True:
        return getattr(ufunc, method)(*map(_plain, inputs), **options)
    if ufunc in _AFFINE:
        act = _AFFINE[ufunc]
        if not isinstance(inputs[0], Noisy):
            return getattr(inputs[1], _MIRRORED[act])(inputs[0])
        return act(*inputs)
    first = next(each for each in inputs if isinstance(each, Noisy))
    if ufunc in _SAME_AS_OFFSET:
        return first._form(ufunc(first._offset))
    if first is inputs[0]:
        return first._derive(ufunc, ufunc.__name__, *inputs[1:])
    return first._derive(lambda value, other: ufunc(other, value), ufunc.__name__, *inputs[:1])


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


def _structural(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Apply a function to the places of numbers instead of the numbers, and fetch them from there."""
    parts: list[Noisy] = []
    ends = [1]  # place 0 is the zero that some of these functions fill in
    tape = _first(args)._tape

    def places_of(value: Any) -> Any:
        if isinstance(value, Noisy):
            if value._seen is not None:
                value = value._seen
            else:
                parts.append(value)
                ends.append(ends[-1] + value.size)
                return np.arange(ends[-2], ends[-1]).reshape(value._shape)
        array = np.asarray(value, dtype=np.float64)
        parts.append(Noisy(tape, array.reshape(-1), no_rows(array.size), array.shape, _same))
        ends.append(ends[-1] + array.size)
        return np.arange(ends[-2], ends[-1]).reshape(array.shape)

    moved = list(args)
    if function is np.where:
        moved = [known(args[0]), *map(places_of, args[1:])]
    elif function is np.append:
        moved[:2] = [places_of(args[0]), places_of(args[1])]
    elif isinstance(args[0], (list, tuple)):
        moved[0] = [places_of(each) for each in args[0]]
    else:
        moved[0] = places_of(args[0])
    places = function(*moved, **options)
    offset = np.concatenate([[0.0], *(part._offset for part in parts)])
    rows = sparse.vstack([no_rows(1), *(part._rows for part in parts)], format="csr")
    whole = Noisy(tape, offset, rows, offset.shape, _same)
    if isinstance(places, list):
        return [whole._take(each.reshape(-1), each.shape, _as_array(each.shape)) for each in places]
    return whole._take(places.reshape(-1), places.shape, _as_array(places.shape))


def _first(args: Any) -> Noisy:
    for each in args:
        if isinstance(each, Noisy):
            return each
        if isinstance(each, (list, tuple)) and any(isinstance(part, Noisy) for part in each):
            return _first(each)
    raise TypeError("no noise among the arguments")
