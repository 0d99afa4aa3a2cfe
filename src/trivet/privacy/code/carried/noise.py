"""Numbers with noise in them: what the noise was added to, carried along until the sum is looked at."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from scipy import sparse

from trivet.privacy.code.carried.looking import Looking
from trivet.privacy.code.carried.rows import (
    Form,
    as_array,
    as_flat,
    as_float,
    as_whole,
    compact,
    expand,
    like,
    no_rows,
    rows_of_draws,
    stacked,
)
from trivet.privacy.code.tape import Floats, Tape, Whole

__all__ = ["Noisy", "known", "make_noise", "shaped"]


def _functions() -> Any:
    from trivet.privacy.code.carried import array_functions  # noqa: PLC0415 - it is made of Noisy

    return array_functions


def make_noise(
    tape: Tape, columns: Whole, *, loc: Any, scale: Any, shape: tuple[int, ...], scalar: bool
) -> "Noisy":
    """Return ``loc + scale * draw`` for draws of one call."""
    scales = np.broadcast_to(np.asarray(known(scale), dtype=np.float64), shape).reshape(-1)
    count = len(columns)
    rows = rows_of_draws(scales, columns)
    noise = Noisy(tape, np.zeros(count), rows, shape, as_float if scalar else as_array(shape))
    if isinstance(loc, Noisy) or np.any(np.asarray(loc)):
        return noise + loc
    return noise


known: Final = Looking.known


class Noisy(Looking):
    """``offset + rows @ draws``: stands for a number, an array or a column until its value is needed."""

    __array_priority__ = 1e6
    __pandas_priority__ = 1_000_000

    def __init__(self, tape: Tape, offset: Floats, rows: Any, shape: tuple[int, ...], form: Form) -> None:
        self.tape, self.offset, self.shape, self.form = tape, offset, shape, form
        self.rows: Any = rows
        self.seen: Any = None

    # Looking at it.

    def look(self, via: str) -> Any:
        """Return the value; from now on it is public."""
        if self.seen is None:
            flat = self.tape.event("value", via, self.offset, self.rows, lambda values: values)
            self.seen = self.form(np.array(flat))
        return self.seen

    def derive(self, function: Callable[..., Any], via: str, *others: Any, form: Form | None = None) -> Any:
        """Apply a function to each number: the result is noise of its own until more is known of it."""
        operands = [self, *others]
        shape = np.broadcast_shapes(*(np.shape(shaped(each)) for each in operands))
        settled = [each.settle(shape) for each in operands if isinstance(each, Noisy)]
        if all(settled):
            return function(*(_array(known(each)) for each in operands))
        operands = [
            known(each) if isinstance(each, Noisy) and each.seen is not None else each for each in operands
        ]
        spread = [each.spread(shape) if isinstance(each, Noisy) else each for each in operands]
        noisy = [each for each in spread if isinstance(each, Noisy)]
        count = int(np.prod(shape, dtype=np.int64))
        offset = np.concatenate([each.offset for each in noisy])
        rows = stacked([each.rows for each in noisy])

        def apply(values: Floats) -> Floats:
            parts = iter(np.split(values, len(noisy)))
            given = [next(parts) if isinstance(each, Noisy) else as_flat(each, shape) for each in spread]
            with np.errstate(all="ignore"):
                return np.asarray(function(*given), dtype=np.float64).reshape(-1)

        columns = self.tape.columns_of_function(via, shape, offset, rows, apply)
        own = form or (self.form if shape == self.shape else as_array(shape))
        return Noisy(self.tape, np.zeros(count), rows_of_draws(np.ones(count), columns), shape, own)

    # Its shape.

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As of an array."""
        return len(self.offset)

    @property
    def dtype(self) -> Any:
        """As of an array of floating-point numbers."""
        return np.dtype(np.float64)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """As of an array."""
        return _functions().structural(np.transpose, (self,), {})

    def settle(self, shape: tuple[int, ...]) -> bool:
        """Look at an answer that is to be spread over many numbers; True where its value is known."""
        # Noise that has its data already is an answer, and whoever computes with it and every row knows it.
        if self.seen is None and shape != self.shape and self._has_data():
            self.look("spread over an array")
        return self.seen is not None

    def _has_data(self) -> bool:
        units = self.tape.units
        return bool(self.rows.nnz) and all(column in units for column in self.rows.indices.tolist())

    def spread(self, shape: tuple[int, ...]) -> "Noisy":
        """Return it broadcast to a shape."""
        if shape == self.shape:
            return self
        places = np.broadcast_to(np.arange(self.size).reshape(self.shape), shape)
        return self.at_places(places.reshape(-1), shape, as_array(shape))

    def at_places(self, places: Whole, shape: tuple[int, ...], form: Form) -> "Noisy":
        """Return the numbers at some places, in a new form."""
        return Noisy(self.tape, self.offset[places], self.rows[places], shape, form)

    def scaled(self, factor: Floats) -> "Noisy":
        """Return it with each number multiplied."""
        rows = self.rows.copy()
        rows.data = rows.data * np.repeat(factor, np.diff(rows.indptr))
        return Noisy(self.tape, self.offset * factor, rows, self.shape, self.form)

    def _picked(self, key: Any) -> Any:
        places = self.form(np.arange(self.size))
        if np.ndim(places) == 0:
            raise TypeError("a single number cannot be indexed")
        return places[known(key)]

    def __getitem__(self, key: Any) -> Any:
        if self.seen is not None:
            return self.seen[key]
        places = self._picked(key)
        if np.ndim(places) == 0:
            return self.at_places(np.array([int(places)]), (), as_float)
        if hasattr(places, "to_numpy"):
            flat = places.to_numpy()
            return self.at_places(flat, flat.shape, like(places))
        return self.at_places(places.reshape(-1), places.shape, as_array(places.shape))

    def __setitem__(self, key: Any, value: Any) -> None:
        places = np.asarray(self._picked(key))
        if self.seen is not None:
            self.seen[key] = known(value)
            return
        flat = places.reshape(-1)
        if isinstance(value, Noisy) and value.seen is None:
            new = value.spread(places.shape)
        else:
            filled = as_flat(known(value), places.shape)
            new = Noisy(self.tape, filled, no_rows(len(flat)), places.shape, self.form)
        order = np.arange(self.size)
        order[flat] = self.size + np.arange(len(flat))
        self.offset = np.concatenate([self.offset, new.offset])[order]
        self.rows = stacked([self.rows, new.rows])[order]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("a single number cannot be iterated over")
        if self.seen is not None:
            return iter(self.seen)
        whole = np.arange(self.size).reshape(self.shape)
        return (self._item(whole[row]) for row in range(len(self)))

    def _item(self, places: Any) -> Any:
        if np.ndim(places) == 0:
            return self.at_places(np.array([int(places)]), (), as_float)
        return self.at_places(places.reshape(-1), places.shape, as_array(places.shape))

    # Affine arithmetic, in which noise stays what it is.

    def _plus(self, other: Any, sign: float) -> Any:
        if self.seen is not None:
            return self.seen + other if sign > 0 else self.seen - other
        if not isinstance(other, Noisy):
            if not is_numeric(other):
                return NotImplemented
            if type(other) is int and other == 0:  # where sum() starts
                return self
        shape = np.broadcast_shapes(self.shape, np.shape(shaped(other)))
        if isinstance(other, Noisy) and other.settle(shape):
            other = other.seen
        if self.settle(shape):
            return self._plus(other, sign)
        mine = self.spread(shape)
        form = _joint_form(self, other, shape)
        if isinstance(other, Noisy):
            theirs = other.spread(shape)
            (one, two), columns = compact(mine.rows, theirs.rows)
            rows = expand(one + sign * two, columns)
            return Noisy(self.tape, mine.offset + sign * theirs.offset, rows, shape, form)
        mine.add_units()
        return Noisy(self.tape, mine.offset + sign * as_flat(other, shape), mine.rows, shape, form)

    def add_units(self) -> None:
        """Note the scale of noise where data is first added to it."""
        single = np.diff(self.rows.indptr) == 1
        if single.all():
            pairs = zip(self.rows.indices.tolist(), np.abs(self.rows.data).tolist(), strict=True)
            units = self.tape.units
            for column, scale in pairs:
                units.setdefault(column, scale)

    def _times(self, other: Any, *, divide: bool = False) -> Any:
        if self.seen is not None:
            return self.seen / other if divide else self.seen * other
        if isinstance(other, Noisy):
            if other.seen is None:
                return self.derive(operator.truediv if divide else operator.mul, "product", other)
            other = other.seen
        if not is_numeric(other):
            return NotImplemented
        shape = np.broadcast_shapes(self.shape, np.shape(shaped(other)))
        if self.settle(shape):
            return self._times(other, divide=divide)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = as_flat(other, shape)
            factor = 1.0 / factor if divide else factor
        scaled = self.spread(shape).scaled(factor)
        scaled.form = _joint_form(self, other, shape)
        return scaled

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1.0)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1.0)

    def __rsub__(self, other: Any) -> Any:
        return other - self.seen if self.seen is not None else (-self)._plus(other, 1.0)

    def __mul__(self, other: Any) -> Any:
        return self._times(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._times(other, divide=True)

    def __rtruediv__(self, other: Any) -> Any:
        return self.derive(lambda value, over: over / value, "quotient", other)

    def __neg__(self) -> Any:
        return -self.seen if self.seen is not None else self.scaled(np.full(self.size, -1.0))

    def __pos__(self) -> Any:
        return self

    def __matmul__(self, other: Any) -> Any:
        return self._product(other, left=True)

    def __rmatmul__(self, other: Any) -> Any:
        return self._product(other, left=False)

    def _product(self, other: Any, *, left: bool) -> Any:
        other = known(other)
        if self.settle((0,)):
            return self.seen @ other if left else other @ self.seen
        matrix = np.asarray(other, dtype=np.float64)
        if self.ndim != 1 or matrix.ndim not in {1, 2}:
            seen = self.look("multiplied as a matrix")
            return seen @ other if left else other @ seen
        over = np.atleast_2d(matrix) if matrix.ndim == 1 else (matrix.T if left else matrix)
        return self._mixed(sparse.csr_array(over), () if matrix.ndim == 1 else (len(over),))

    def _mixed(self, mix: Any, shape: tuple[int, ...]) -> "Noisy":
        (mine,), columns = compact(self.rows)
        rows = expand(mix @ mine, columns)
        return Noisy(self.tape, mix @ self.offset, rows, shape, as_array(shape) if shape else as_float)

    def sum(self, axis: int | None = None, *_: Any, **__: Any) -> Any:
        """Add up, as of an array."""
        if self.seen is not None:
            return np.sum(self.seen, axis=axis)
        whole = np.arange(self.size).reshape(self.shape)
        if axis is None:
            labels, shape = np.zeros(self.size, dtype=np.int64), ()
        else:
            shape = tuple(np.delete(self.shape, axis))
            ids = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
            labels = np.broadcast_to(np.expand_dims(ids, axis), self.shape).reshape(-1)
        count = int(np.prod(shape, dtype=np.int64))
        mix = sparse.csr_array((np.ones(self.size), (labels, whole.reshape(-1))), shape=(count, self.size))
        return self._mixed(mix, shape)

    def mean(self, axis: int | None = None, *_: Any, **__: Any) -> Any:
        """Average, as of an array."""
        total = self.sum(axis)
        return total / (self.size / max(1, np.size(shaped(total))))

    # Tests, of which only the answer is seen.

    def _tested(self, other: Any, name: str) -> Any:
        compare = getattr(operator, name)
        if self.seen is not None or (isinstance(other, Noisy) and other.seen is not None):
            return compare(known(self), known(other))
        if not (isinstance(other, Noisy) or is_numeric(other)):
            return NotImplemented
        gap = self - other if not (type(other) is int and other == 0) else self
        form = gap.form if gap.ndim or hasattr(other, "shape") else as_float
        seen = self.tape.event(
            "signs", name, gap.offset, gap.rows, lambda values: compare(values, 0.0), {"test": name}
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
        if self.seen is not None or axis is not None:
            return np.argmax(np.asarray(self.look("argmax")), axis=axis)
        return self.tape.event(
            "argmax", "argmax", self.offset, self.rows, lambda values: int(np.argmax(values))
        )

    def argmin(self, axis: int | None = None, **_: Any) -> Any:
        """Return the place of the smallest."""
        return (-self).argmax(axis)

    def idxmax(self) -> Any:
        """Return the label of the largest, as of a pandas column."""
        return self.index[self.argmax()]

    def __copy__(self) -> "Noisy":
        return self if self.seen is not None else self.at_places(np.arange(self.size), self.shape, self.form)

    def copy(self, **_: Any) -> Any:
        """Copy, as of an array."""
        return self.__copy__()

    def __deepcopy__(self, _memo: Any) -> "Noisy":
        return self.__copy__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "index" and self.shape:  # labels, which say nothing of the values
            return self.form(np.zeros(self.size)).index
        return getattr(self.look(name), name)

    def item(self) -> Any:
        """Return the only number of an array."""
        return self._item(np.array(0)) if self.size == 1 else self.look("item").item()

    def reshape(self, *shape: Any, **_: Any) -> Any:
        """Arrange anew, as of an array."""
        wanted = shape[0] if len(shape) == 1 else shape
        return _functions().structural(np.reshape, (self, wanted), {})

    def ravel(self, *_: Any) -> Any:
        """Flatten, as of an array."""
        return _functions().structural(np.ravel, (self,), {})

    flatten = ravel

    def squeeze(self, *_: Any) -> Any:
        """Leave out axes of length 1, as of an array."""
        return _functions().structural(np.squeeze, (self,), {})

    def dot(self, other: Any) -> Any:
        """Multiply, as of an array."""
        return self @ other if np.ndim(shaped(other)) else self * other

    # NumPy's own functions.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return _functions().ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _functions().array_function(function, args, options)

    def become(self, other: Any) -> "Noisy":
        """Take over another's value, where the code changes an array in place."""
        new = other if isinstance(other, Noisy) and other.seen is None else None
        if new is None:
            flat = as_flat(known(other), self.shape)
            new = Noisy(self.tape, flat, no_rows(self.size), self.shape, self.form)
        self.offset, self.rows, self.seen = new.offset, new.rows, None
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
        same = isinstance(result, Noisy) and self.shape and result.shape == self.shape
        return self.become(result) if same and self.seen is None else result


def _joint_form(noisy: Noisy, other: Any, shape: tuple[int, ...]) -> Form:
    if not isinstance(other, Noisy) and hasattr(other, "to_numpy") and other.shape == shape:
        return like(other)
    if shape == noisy.shape and (shape or np.ndim(shaped(other)) == 0):
        return noisy.form if noisy.form is not as_whole else as_float
    if isinstance(other, Noisy) and shape == other.shape:
        return other.form
    return as_array(shape)


def is_numeric(value: Any) -> bool:
    if isinstance(value, (int, float, np.number, np.bool_)):
        return True
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None:
        return kind in "fiub"
    return isinstance(value, (list, tuple)) and np.asarray(value).dtype.kind in "fiub"


def shaped(value: Any) -> Any:
    """Return something of the same shape, of which NumPy takes no value."""
    return np.broadcast_to(np.float64(0), value.shape) if isinstance(value, Noisy) else value


def _array(value: Any) -> Any:
    return np.asarray(value) if np.ndim(value) else value
