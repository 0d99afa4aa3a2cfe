"""Bounds of a group's rate where an inferred group is wrong at known rates."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["group_shares", "misread_parts", "misread_rates"]

Floats = NDArray[np.float64]

#: Counts are of the numerator, of the denominator alone, and of neither.
HIT, MISS = 0, 1
_TINY: Final = 1e-12


def group_shares(counts: Floats, errors: Floats) -> Floats:
    """Return the share of each true group; negative ones say that the error rates do not fit the rows.

    Parameters
    ----------
    counts
        Rows by inferred group and part of the rate, shape (..., groups, 3).
    errors
        Share of each true group that is inferred to be each group, shape (groups, groups).
    """
    inferred = counts.sum(axis=-1) / counts.sum(axis=(-2, -1))[..., None]
    return inferred @ np.linalg.inv(errors)


def misread_rates(counts: Floats, errors: Floats, *, at: Floats | None = None) -> Floats:
    """Return the lowest and the highest rate of each true group, shape (..., groups, 2); NaN of no group."""
    n, m = misread_parts(counts, errors, at=at)
    found = np.divide(n, n + m, out=np.full(n.shape, np.nan), where=n + m > _TINY)
    wrong = group_shares(counts, errors).min(axis=-1, keepdims=True)[..., None] < -_TINY
    return np.where(wrong, np.nan, found)


def misread_parts(counts: Floats, errors: Floats, *, at: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the share of the rows that count for a rate, and that count for its denominator alone.

    Of the lowest and of the highest rate of each true group, each of shape (..., groups, 2). The bounds are
    Frechet's within each inferred group. `at` are the counts that say on which side of a minimum each
    inferred group is, by default these counts themselves.
    """
    chosen = counts if at is None else at
    r, whole = _posterior(counts, errors)
    own, _ = _posterior(chosen, errors)
    shares = _within(chosen)
    weight = whole[..., None, :]
    hit, miss = (_within(counts)[..., None, :, part] for part in (HIT, MISS))
    hit_at, miss_at = (shares[..., None, :, part] for part in (HIT, MISS))
    most = np.where(hit_at < own, hit, r)
    least = np.where(own - 1 + hit_at > 0, r - 1 + hit, 0.0)
    most_rest = np.where(miss_at < own, miss, r)
    least_rest = np.where(own - 1 + miss_at > 0, r - 1 + miss, 0.0)
    n, m = (
        np.stack([np.maximum((weight * each).sum(axis=-1), 0.0) for each in pair], axis=-1)
        for pair in ((least, most), (most_rest, least_rest))
    )
    return n, m


def _posterior(counts: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return P(group | inferred), shape (..., groups, inferred), and the share of each inferred group."""
    inferred = counts.sum(axis=-1) / counts.sum(axis=(-2, -1))[..., None]
    joint = group_shares(counts, errors)[..., :, None] * errors
    divided = np.divide(
        joint, inferred[..., None, :], out=np.zeros(joint.shape), where=inferred[..., None, :] > 0
    )
    return divided, inferred


def _within(counts: Floats) -> Floats:
    """Return the share of each part of the rate within each inferred group."""
    rows = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
