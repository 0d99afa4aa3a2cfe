"""Settings of the effects: how much work they take, and what they are measured on besides the audit's own."""

import math
from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Interval, Le, MinLen

from trivet.errors import UsageError
from trivet.settings import Positive, SettingError, Settings, Share

__all__ = ["ALL", "AUTO", "EffectSettings"]

#: Stand for all repairs that can be tried, and for those that take least.
ALL: Final = "all"
AUTO: Final = "auto"
Epsilon = Annotated[float, Interval(gt=0, lt=math.inf)]
Name = Annotated[str, MinLen(1)]


@dataclass(frozen=True, kw_only=True)
class EffectSettings(Settings):
    """``[effects]``: how much work the effects may take.

    Attributes
    ----------
    rows
        Rows of the table that models are trained on, drawn at random; all where there are fewer.
    samples
        Samples without a common row into which they are divided; fewer of a small table.
    pairs
        Pairs of models on each sample for each mitigation: one is trained on a random half of the sample, the
        other on the other half.
    epsilons
        Of the noise in the counts.
    draws
        Of that noise.
    level
        Confidence level of every interval.
    private
        Train networks privately too, and measure them. None: on a table of the user's, and not in the study.
    repairs
        Names of repairs to measure on the user's network, or ``all``. ``auto`` is clp, fst, i-bau and anp,
        which take least, and unlearn where a label is suspected.
    metric
        Metrics of fairness that are measured as the largest gap between groups, such as
        ``false_positive_rate`` or ``equalized_odds``; by default those of ``[fairness.table]``. Selection is
        measured in any case.
    members
        Training images of the user's network, as `images` of ``[security.scan]``: how far a repair gives
        them away is then measured.
    budget
        Seconds that the effects may take; what is not measured by then says so. Without it the repairs of
        ``auto`` are those that fit into a counted amount of work, and the rest takes as long as it takes.
    """

    rows: Annotated[int, Ge(1_000)] = 50_000
    samples: Annotated[int, Ge(3), Le(100)] = 10
    pairs: Annotated[int, Ge(2), Le(512)] = 4
    epsilons: Annotated[tuple[Epsilon, ...], MinLen(1)] = (1.0, 0.1, 0.01)
    draws: Annotated[int, Ge(200)] = 2_000
    level: Share = 0.95
    private: bool | None = None
    repairs: tuple[Name, ...] | Name = AUTO
    metric: tuple[Name, ...] = ()
    members: Name | None = None
    budget: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric:
            from trivet.fairness.measures.registry import measures_named  # noqa: PLC0415 - NumPy

            try:
                measures_named(self.metric)
            except UsageError as error:
                raise SettingError("{said}", said=str(error)) from error
