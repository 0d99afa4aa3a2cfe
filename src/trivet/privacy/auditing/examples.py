"""Mechanisms to try an audit on: two that are wrong, each in its own way, and one that is right.

All claim epsilon 1 for a query of sensitivity 1, on the inputs 0 and 1::

    trivet privacy audit-mechanism trivet.privacy.auditing.examples:numpy_laplace --epsilon 1
"""

from functools import cache
from typing import Any

import numpy as np

__all__ = ["half_scale_laplace", "numpy_laplace", "opendp_laplace"]

#: Not seeded: the noise of a mechanism is nobody's to know.
_generator = np.random.default_rng()


def numpy_laplace(value: float) -> float:
    """Textbook Laplace noise of scale 1, drawn in floating point; its low bits betray `value`.

    Mironov 2012, "On significance of the least significant bits for differential privacy".
    """
    return float(_generator.laplace(value, 1.0))


def half_scale_laplace(value: int) -> int:
    """Integer Laplace noise of scale 1/2 by OpenDP, which spends epsilon 2 and not 1."""
    return _integer_laplace(0.5)(int(value))


def opendp_laplace(value: float) -> float:
    """Laplace noise of scale 1 by OpenDP, whose doubles are rounded so that no bit tells."""
    return _float_laplace(1.0)(float(value))


@cache
def _float_laplace(scale: float) -> Any:
    return _make_laplace(scale, T=float, nan=False)


@cache
def _integer_laplace(scale: float) -> Any:
    return _make_laplace(scale, T=int)


def _make_laplace(scale: float, **domain: Any) -> Any:
    # OpenDP is slow to import, and NumPy's mechanism does without.
    from opendp.domains import atom_domain  # noqa: PLC0415
    from opendp.measurements import make_laplace  # noqa: PLC0415
    from opendp.metrics import absolute_distance  # noqa: PLC0415
    from opendp.mod import enable_features  # noqa: PLC0415

    enable_features("contrib")
    return make_laplace(atom_domain(**domain), absolute_distance(T=domain["T"]), scale=scale)
