"""Settings of the matrix of effects."""

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval, Le, MinLen

__all__ = ["EffectSettings"]


@dataclass(frozen=True, kw_only=True)
class EffectSettings:
    """Settings of the matrix: how much work it may take.

    Attributes
    ----------
    rows
        Rows of Adult that models are trained on, drawn at random; all where there are fewer.
    samples
        Samples without a common row into which they are divided.
    pairs
        Pairs of models on each sample for each mitigation: one is trained on a random half of the sample, the
        other on the other half.
    epsilons
        Of the noise in the counts.
    draws
        Of that noise.
    level
        Confidence level of every interval.
    """

    rows: Annotated[int, Ge(1_000)] = 50_000
    samples: Annotated[int, Ge(3), Le(100)] = 10
    pairs: Annotated[int, Ge(2), Le(512)] = 4
    epsilons: Annotated[tuple[Annotated[float, Interval(gt=0, lt=math.inf)], ...], MinLen(1)] = (
        1.0,
        0.1,
        0.01,
    )
    draws: Annotated[int, Ge(200)] = 2_000
    level: Annotated[float, Gt(0), Interval(lt=1)] = 0.95
