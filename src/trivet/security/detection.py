"""Detection from trigger norms: the published rule and a calibrated one."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "PublishedDetection",
    "detect_published",
    "lead_probability",
    "log_scores",
    "modified_z",
    "tail_probability",
]


#: MAD times this estimates a Gaussian's standard deviation; 0.6745 is its inverse to four digits.
GAUSSIAN_MAD = 1.4826
PUBLISHED_FACTOR = 0.6745

BACKDOORED_BELOW = 0.01

#: Draws of the simulated null: as many as this, unless there are too many numbers to draw.
NULL_DRAWS = 100_000
MIN_NULL_DRAWS = 10_000
NULL_NUMBERS = 4_000_000


@dataclass(frozen=True)
class PublishedDetection:
    """Result of the published rule, which always names a label.

    Attributes
    ----------
    label
        The detected label.
    outlier
        Whether some modified z-score is at most -kappa; otherwise the smallest norm decided.
    modified_z
        Shape (labels,); zero for all where the MAD is zero.
    """

    label: int
    outlier: bool
    modified_z: NDArray[np.float64]


def modified_z(norms: ArrayLike) -> NDArray[np.float64]:
    """Return 0.6745 (s - median) / MAD for each norm, the study's equation 3; zero where the MAD is."""
    s = np.asarray(norms, dtype=np.float64)
    deviation = s - np.median(s)
    mad = np.median(np.abs(deviation))
    return PUBLISHED_FACTOR * deviation / mad if mad > 0 else np.zeros_like(s)


def detect_published(norms: ArrayLike, *, kappa: float = 3.5) -> PublishedDetection:
    """Apply the study's equation 15: the lowest score at or below -kappa, else the smallest norm."""
    s = np.asarray(norms, dtype=np.float64)
    z = modified_z(s)
    outlier = bool(z.min() <= -kappa)
    return PublishedDetection(int(np.argmin(z if outlier else s)), outlier, z)


def log_scores(norms: ArrayLike, *, references: ArrayLike | None = None) -> NDArray[np.float64] | None:
    """Return (log s - median) / (1.4826 MAD) for each norm; None where the MAD is zero, or of two labels."""
    logs = np.log(np.maximum(np.asarray(norms, dtype=np.float64), np.finfo(np.float64).tiny))
    drawn = logs if references is None else logs[np.asarray(references, dtype=bool)]
    if len(drawn) < 3:  # noqa: PLR2004 - two points have no outlier
        return None
    deviation = logs - np.median(drawn)
    mad = np.median(np.abs(drawn - np.median(drawn)))
    # Rounding alone leaves a MAD of this size between equal norms.
    if mad <= 1e-12:  # noqa: PLR2004
        return None
    return deviation / (GAUSSIAN_MAD * mad)


def tail_probability(score: float, labels: int, *, references: int | None = None, apart: int = 0) -> float:
    """Return the chance that Gaussian log norms of clean labels have a lowest score of `score` or less."""
    lowest, _ = _null_scores(labels, references, apart)
    return (1 + int(np.searchsorted(lowest, score, side="right"))) / (len(lowest) + 1)


def lead_probability(lead: float, labels: int, *, references: int | None = None, apart: int = 0) -> float:
    """Return the chance that clean labels' lowest score is below the next by `lead`, simulated likewise."""
    _, leads = _null_scores(labels, references, apart)
    return (1 + len(leads) - int(np.searchsorted(leads, lead, side="left"))) / (len(leads) + 1)


@lru_cache(maxsize=16)
def _null_scores(
    labels: int, references: int | None, apart: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lowest scores of clean labels, and by how much the next ones are higher, both sorted."""
    rng = np.random.default_rng(0)
    lowest: list[NDArray[np.float64]] = []
    leads: list[NDArray[np.float64]] = []
    rows = max(1, 2_000_000 // labels)
    wanted = min(NULL_DRAWS, max(MIN_NULL_DRAWS, NULL_NUMBERS // labels))
    for first in range(0, wanted, rows):
        draws = rng.standard_normal((min(rows, wanted - first), labels))
        reference = draws
        if references is not None:
            others = np.partition(draws, apart, axis=1)[:, apart:]
            reference = rng.permuted(others, axis=1)[:, :references]
        centre = np.median(reference, axis=1)
        mad = np.median(np.abs(reference - centre[:, np.newaxis]), axis=1)
        smallest, next_one = np.partition(draws, 1, axis=1)[:, :2].T
        lowest.append((smallest - centre) / (GAUSSIAN_MAD * mad))
        leads.append((next_one - smallest) / (GAUSSIAN_MAD * mad))
    return np.sort(np.concatenate(lowest)), np.sort(np.concatenate(leads))
