"""Results of the privacy leg: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.privacy.auditing.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit
from trivet.privacy.planning.results import Plan


@dataclass(frozen=True)
class IncomeQuery:
    """One noisy income statistic, with every intermediate quantity."""

    epsilon: float
    sensitivity: float
    true_value: float
    noise_sample: float
    scale: float
    noisy_value: float


@dataclass(frozen=True)
class IncomeScenario:
    """Average and total income, each under the whole budget and under half of it."""

    average: IncomeQuery
    total: IncomeQuery
    average_split: IncomeQuery
    total_split: IncomeQuery


@dataclass(frozen=True)
class CountingCase:
    """One row of the counting exercise."""

    epsilon: float
    delta: float
    sensitivity: float
    scale: float
    exceedance: float


@dataclass(frozen=True)
class CountingScenario:
    """A count of `true_value`, released with Laplace noise and compared with `threshold`."""

    true_value: float
    threshold: float
    queries: int
    population: int
    change_fraction: float
    base: CountingCase
    sequential: CountingCase
    unbounded: CountingCase


@dataclass(frozen=True)
class TailCurves:
    """P(noisy > t) over `thresholds`, for each case of the counting exercise.

    `planned` is at the corrected scale, `CorrectedPrivacy.best_scale`.
    """

    thresholds: tuple[float, ...]
    base: tuple[float, ...]
    sequential: tuple[float, ...]
    unbounded: tuple[float, ...]
    planned: tuple[float, ...]


@dataclass(frozen=True)
class EpsilonSweep:
    """Scale and exceedance of a single query as functions of epsilon."""

    epsilon: tuple[float, ...]
    scale: tuple[float, ...]
    exceedance: tuple[float, ...]


@dataclass(frozen=True)
class Composition:
    """Noise of each of k Laplace queries by one theorem.

    `scale` is the Laplace scale b, in units of the answer; for the Gaussian mechanism
    `epsilon_per_query` is None and `scale` is sigma. Where the figure cannot be computed, `reason` says
    why, and `scale` and `standard_deviation` are None too.
    """

    method: str  # basic, advanced, zcdp, optimal_bound, rdp, optimal_exact, pld, gaussian
    name: str  # for people: "optimal, exact"
    source: str  # "Kairouz, Oh, Viswanath 2015, Thm 3.3"
    mechanism: str  # laplace or gaussian
    epsilon_per_query: float | None
    scale: float | None
    standard_deviation: float | None
    reason: str = ""


@dataclass(frozen=True)
class CorrectedPrivacy:
    """The counting exercise answered soundly.

    Attributes
    ----------
    best_method, best_scale
        The Laplace plan that needs the least noise (by PLD, in the study) and its scale.
    advanced_pays_from
        Smallest number of queries at which advanced composition asks for less noise than basic.
    noise_ratio, saves_noise
        Published sequential scale over `best_scale`: how much noise is wasted, and whether that is
        more than the accountant's discretisation could feign.
    spent_epsilon
        What the published sequential scale really spends at the study's delta, by `best_method`.
    exceedance
        P(noisy > threshold) at `best_scale`.
    gaussian_sigma, gaussian_ratio, gaussian_better
        Sigma of the Gaussian mechanism for the same budget, the standard deviation of the
        PLD-planned Laplace over it, and whether that is above one.
    adjacency, count_sensitivity_add_remove, count_sensitivity_replace_one,
    histogram_sensitivity_replace_one
        The two neighbouring relations named, and what one record moves under each.
    group_size, group_epsilon, group_delta
        What "a fraction p of the population changes" is: group privacy of size ceil(p n), for a
        release that is (epsilon, delta)-DP for one record.
    discrete_exceedance
        The tail of the integer-valued (discrete) Laplace at the base scale.
    """

    best_method: str
    best_scale: float
    advanced_pays_from: int
    noise_ratio: float
    saves_noise: bool
    spent_epsilon: float
    exceedance: float
    gaussian_sigma: float
    gaussian_ratio: float
    gaussian_better: bool
    adjacency: str
    count_sensitivity_add_remove: float
    count_sensitivity_replace_one: float
    histogram_sensitivity_replace_one: float
    group_size: int
    group_epsilon: float
    group_delta: float
    discrete_exceedance: float


@dataclass(frozen=True)
class PrivacyStudy:
    """Everything the report says about privacy.

    Attributes
    ----------
    epsilon, delta, income, counting, tail_curves, epsilon_sweep, composition, corrected
        The study: its budget, its exercises, and what is sound.
    plan
        The user's plan, with its curves; None where none was requested.
    mechanisms, membership
        Finished audits of the user's mechanisms and of a model, taken in; empty and None without.
    """

    epsilon: float
    delta: float
    income: IncomeScenario
    counting: CountingScenario
    tail_curves: TailCurves
    epsilon_sweep: EpsilonSweep
    composition: tuple[Composition, ...]
    corrected: CorrectedPrivacy
    plan: Plan | None = None
    mechanisms: tuple[MechanismAudit, ...] = ()
    membership: MembershipAudit | None = None
