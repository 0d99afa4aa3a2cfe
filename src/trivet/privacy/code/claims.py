"""Claims that code makes of its noise, and what an audit of code reads of them."""

from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Self

from trivet.errors import UsageError
from trivet.settings import Positive, require

__all__ = ["Claims", "claims", "claims_here"]


class Claims(ContextDecorator):
    """Claims of the noise that is drawn within; see `claims`."""

    def __init__(self, sensitivity: float | None, epsilon: float | None) -> None:
        self.sensitivity, self.epsilon = sensitivity, epsilon
        self._tokens: list[Token[tuple[Claims, ...]]] = []

    def _recreate_cm(self) -> "Claims":
        return Claims(self.sensitivity, self.epsilon)

    def __enter__(self) -> Self:
        self._tokens.append(_here.set((*_here.get(), self)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _here.reset(self._tokens.pop())


_here: Final[ContextVar[tuple[Claims, ...]]] = ContextVar("claims", default=())


def claims_here() -> tuple[Claims, ...]:
    """Return the claims that hold where the code is, the innermost last."""
    return _here.get()


def claims(*, sensitivity: float | None = None, epsilon: float | None = None) -> Claims:
    """State the sensitivity or epsilon of noise, as a ``with`` block or a decorator; `audit_code` tests it.

    Without an audit it does nothing.

    Parameters
    ----------
    sensitivity
        How far one record moves what each call of noise within is added to, above 0: in L1 norm, of Gaussian
        noise in L2, in the units in which the noise is added.
    epsilon
        What all noise within spends together, above 0, at the delta of the audit.

    Returns
    -------
    Claims
        A context manager that is also a decorator.

    Raises
    ------
    UsageError
        Neither is given, or one is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> with claims(sensitivity=1):
    ...     noisy = 41 + np.random.default_rng().laplace(scale=2)
    """
    if sensitivity is None and epsilon is None:
        raise UsageError("claims() has nothing to claim; expected sensitivity=, epsilon=, or both.")
    given = {"sensitivity": sensitivity, "epsilon": epsilon}
    made = {name: None if value is None else float(value) for name, value in given.items()}
    require(Positive, **{name: value for name, value in made.items() if value is not None})
    return Claims(made["sensitivity"], made["epsilon"])
