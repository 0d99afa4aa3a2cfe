"""Theorems that apply to each mechanism, and why the others do not."""

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from trivet.privacy import accountants
from trivet.privacy.accountants import Counts, Scales
from trivet.privacy.composition import THEOREMS, Theorem
from trivet.privacy.planning.lines import Line
from trivet.privacy.planning.settings import MECHANISMS, MechanismName
from trivet.privacy.ranges import OutOfReachError

__all__ = [
    "LABELS",
    "NEEDS_DELTA",
    "Method",
    "lost_in_floating_point",
    "methods_for",
    "wanted_mechanisms",
]

#: Why a theorem that is not about pure privacy has no epsilon at a delta of 0.
NEEDS_DELTA = "needs delta > 0"
#: Mechanisms as they stand in a sentence.
LABELS = {
    "laplace": "Laplace noise",
    "discrete-laplace": "integer (discrete Laplace) noise",
    "gaussian": "Gaussian noise",
}


@contextmanager
def lost_in_floating_point() -> Generator[None]:
    """Turn what NumPy and the accountants raise far outside every sensible range into one reason."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (ArithmeticError, IndexError, ValueError) as error:
        raise OutOfReachError("the figure is lost in floating point") from error


@dataclass(frozen=True)
class Method:
    """A theorem for one mechanism and one set of lines.

    `obstacle` says why it cannot be used, and is empty where it can; `spend` is as in `Theorem`, and
    `deltas` the key of the function in `deltas.DELTAS` that goes with it.
    """

    mechanism: str
    theorem: Theorem
    spend: Callable[[Scales, Counts, float], float]
    deltas: str
    obstacle: str

    def epsilon(self, scale: Scales, queries: Counts, delta: float) -> float:
        """Return the total epsilon, infinite where it overflows."""
        with lost_in_floating_point():
            spent = self.spend(scale, queries, delta)
            if math.isnan(spent):
                raise FloatingPointError
        return spent


def wanted_mechanisms(mechanism: MechanismName) -> tuple[MechanismName, ...]:
    """Return the mechanisms that a name stands for."""
    return MECHANISMS if mechanism == "all" else (mechanism,)


def methods_for(mechanism: str, lines: tuple[Line, ...], *, delta: float) -> tuple[Method, ...]:
    """Return every theorem for one mechanism, from the crudest to the tightest.

    A theorem on pure mechanisms holds for both kinds of Laplace noise. The loss that Renyi privacy speaks
    of is that of continuous noise. Integer noise is what releases add, so its loss distribution is the one
    that their ledger accounts by: `accountants.whatever_noise`.
    """
    family = "gaussian" if mechanism == "gaussian" else "laplace"
    return tuple(
        _method(theorem, mechanism, lines, delta=delta) for theorem in THEOREMS if theorem.mechanism == family
    )


def _method(theorem: Theorem, mechanism: str, lines: tuple[Line, ...], *, delta: float) -> Method:
    spend, deltas, obstacle = theorem.spend, theorem.method, ""
    if delta == 0 and theorem.method != "basic":
        obstacle = NEEDS_DELTA
    if mechanism == "discrete-laplace":
        uneven = next((line for line in lines if not float(line.unit).is_integer()), None)
        if uneven is not None:
            obstacle = f"integer noise needs an integer sensitivity, not {uneven.unit!r}"
        elif theorem.method == "rdp" and not obstacle:
            obstacle = "the formula is for continuous Laplace noise"
        if theorem.method == "pld":
            spend, deltas = accountants.whatever_noise, "optimal_exact"
    return Method(mechanism, theorem, spend, deltas, obstacle)
