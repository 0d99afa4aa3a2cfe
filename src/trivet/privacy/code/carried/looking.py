"""Uses of a noisy number that are the same for all: those that look at its value, and functions of it."""

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.code.carried.rows import as_whole, same

__all__ = ["Looking"]


class Looking:
    """A number, array or column whose value becomes public when it is looked at."""

    shape: tuple[int, ...]

    @abstractmethod
    def look(self, via: str) -> Any:
        """Return the value; from now on it is public."""

    @abstractmethod
    def derive(self, function: Callable[..., Any], via: str, *others: Any, form: Any = None) -> Any:
        """Apply a function to each number."""

    @abstractmethod
    def copy(self, **_: Any) -> Any:
        """Copy, as of an array."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    @staticmethod
    def known(value: Any) -> Any:
        """Return a value without its noise carried along: what the code sees from here on."""
        return value.look("used as a plain number") if isinstance(value, Looking) else value

    def __eq__(self, other: object) -> Any:
        return self.look("==") == self.known(other)

    def __ne__(self, other: object) -> Any:
        return self.look("!=") != self.known(other)

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
        form = as_whole if digits is None else None
        return self.derive(lambda value: np.round(value, digits or 0), "round", form=form)

    def __floor__(self) -> Any:
        return self.derive(np.floor, "floor", form=as_whole)

    def __ceil__(self) -> Any:
        return self.derive(np.ceil, "ceil", form=as_whole)

    def __trunc__(self) -> Any:
        return self.derive(np.trunc, "trunc", form=as_whole)

    def __abs__(self) -> Any:
        return self.derive(np.abs, "absolute")

    def __pow__(self, other: Any) -> Any:
        return self.derive(np.power, "power", other)

    def __rpow__(self, other: Any) -> Any:
        return self.derive(lambda value, base: np.power(base, value), "power", other)

    def __mod__(self, other: Any) -> Any:
        return self.derive(np.mod, "mod", other)

    def __floordiv__(self, other: Any) -> Any:
        return self.derive(np.floor_divide, "floor_divide", other)

    def __reduce__(self) -> Any:
        return same, (self.look("pickle"),)

    def astype(self, dtype: Any, **_: Any) -> Any:
        """Convert, as of an array."""
        if np.issubdtype(np.dtype(dtype), np.floating):
            return self.copy()
        return self.derive(lambda value: value.astype(dtype), "astype")

    def round(self, decimals: int = 0) -> Any:
        """Round, as of an array."""
        return self.derive(lambda value: np.round(value, decimals), "round")

    def clip(self, lower: Any = None, upper: Any = None, **_: Any) -> Any:
        """Clip, as of an array or a pandas column."""
        return self.derive(lambda value: np.clip(value, lower, upper), "clip")

    def tolist(self) -> Any:
        """Return lists of single numbers, as of an array."""
        return (
            [part.tolist() if getattr(part, "shape", ()) else part for part in self] if self.shape else self
        )

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yield labels and single numbers, as of a pandas column."""
        return zip(self.index, self, strict=True)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]

    def to_dict(self) -> dict[Any, Any]:
        """Return single numbers by label, as of a pandas column."""
        return dict(self.items())
