"""Pareto frontier of models by performance and disparity."""

from collections.abc import Mapping

__all__ = ["frontier", "parity"]


def parity(disparate_impact: float) -> float:
    """Return the smaller of a ratio of rates and its inverse, in [0, 1]: 1 where they are equal."""
    return min(disparate_impact, 1 / disparate_impact) if disparate_impact > 0 else 0.0


def frontier(models: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Return the models that no other dominates."""
    return tuple(
        name
        for name, own in models.items()
        if not any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in models.values())
    )
