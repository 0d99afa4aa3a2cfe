"""Plan of private training (DP-SGD): noise multiplier and epsilon, apart for each way to draw batches."""

import logging
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution, from_gaussian_mechanism
from dp_accounting.rdp import RdpAccountant
from numpy.typing import NDArray
from scipy.special import log_ndtr
from scipy.stats import binom

from trivet.errors import UsageError
from trivet.privacy import accountants
from trivet.privacy.accountants import LEAST_DELTA, ROUNDING, smallest_factor
from trivet.privacy.adjacency import OutOfReachError
from trivet.privacy.planning.settings import MOST_ANSWERS
from trivet.privacy.planning.training import (
    LEAST_NOISE,
    MOST_EPOCHS,
    MOST_NOISE,
    POISSON,
    SAMPLINGS,
    SHUFFLED,
    TrainingCurve,
    TrainingCurves,
    TrainingGuarantee,
    TrainingPlan,
    TrainingRow,
    TrainingSettings,
)
from trivet.privacy.planning.training_loop import conditions_of, remarks_on, statement_of
from trivet.privacy.releases.amounts import rounded

__all__ = [
    "plan_training",
    "poisson_pld",
    "poisson_rdp",
    "shuffled_at_least",
    "shuffled_exact",
    "shuffled_rdp",
]

Floats = NDArray[np.float64]

#: Steps of the grid within the root mean square of one step's loss. Twice as many move epsilon by less than
#: 1e-4 of it, always downwards: the distribution on a grid dominates the true one.
_CELLS: Final = 32
#: Points of one step's loss, and of the whole, that are worth their time; beyond them the grid grows coarser.
_POINTS_OF_ONE: Final = 200_000
_POINTS: Final = 1_000_000
#: Standard deviations that a convolution reaches to both sides together.
_REACH: Final = 24
#: Share of delta that tails may take which are cut off; it counts as an infinite loss.
_TAILS: Final = 1e-6
#: More than a convolution by FFT loses of a delta for each step: against exact Gaussians it lost 4e-17 of it.
_ROUNDING_PER_STEP: Final = 1e-15
#: Of a noise multiplier, relatively, where each try takes a convolution.
_TOLERANCE: Final = 1e-7
#: Digits of a planned noise multiplier, which is typed: it is rounded upwards, and all of them are shown.
_DIGITS: Final = 7


def poisson_rdp(noise_multiplier: float, steps: int, delta: float, *, rate: float) -> float:
    r"""Epsilon of Gaussian steps on Poisson samples, by Renyi differential privacy.

    Mironov, Talwar and Zhang 2019, Section 3.3, composed (Mironov 2017, Proposition 1) and converted
    (Canonne, Kamath and Steinke 2020, Proposition 12) by dp-accounting. It is what Abadi et al. 2016 called
    the moments accountant. Neighbours differ by one example that is added or removed.

    Parameters
    ----------
    noise_multiplier
        Standard deviation of the noise over the clipping norm, above 0.
    steps
        How many noisy sums are taken, at least 1.
    delta
        In (0, 1).
    rate
        Probability of each example to be in a sample, in (0, 1].

    Returns
    -------
    float
        An upper bound, not negative.
    """
    accountant = RdpAccountant()
    with _silenced():
        accountant.compose(PoissonSampledDpEvent(rate, GaussianDpEvent(noise_multiplier)), steps)
    return float(accountant.get_epsilon(delta))


@contextmanager
def _silenced() -> Generator[None]:
    """Keep dp-accounting from warning of each order that it leaves out, which loses nothing but tightness."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def poisson_pld(noise_multiplier: float, steps: int, delta: float, *, rate: float) -> float:
    r"""Epsilon of Gaussian steps on Poisson samples, by the privacy loss distribution.

    The loss of one step, :math:`\ln(1 - q + q e^{(2x - 1) / (2\sigma^2)})`, stands on a grid that dominates
    it (Doroshenko et al. 2022, connect the dots), is convolved by FFT (Koskela, Jälkö and Honkela 2020) for
    both directions of adding or removing an example, and is charged for what rounding and cut-off tails may
    hide: an upper bound within 1e-4 of the true epsilon, relatively, unless losses are very uneven.

    Parameters
    ----------
    noise_multiplier, steps, delta, rate
        As in `poisson_rdp`.

    Returns
    -------
    float
        An upper bound, not negative.

    Raises
    ------
    OutOfReachError
        If delta is too small for a convolution in floating point.
    """
    return _epsilon_of(_loss_of_one(noise_multiplier, steps, delta, rate=rate), steps, delta)


def _loss_of_one(sigma: float, steps: int, delta: float, *, rate: float) -> PrivacyLossDistribution:
    """Loss of one step on a grid that is fine enough for so many."""
    places = np.linspace(-12 * sigma, 1 + 12 * sigma, 4001)
    log_ratios = (2 * places - 1) / (2 * sigma**2)
    loss = np.logaddexp(math.log1p(-rate) if rate < 1 else -math.inf, math.log(rate) + log_ratios)
    weights = (1 - rate) * np.exp(-((places / sigma) ** 2) / 2)
    weights += rate * np.exp(-(((places - 1) / sigma) ** 2) / 2)
    root_mean_square = math.sqrt(float(weights @ loss**2 / weights.sum()))
    cells = min(_CELLS, _POINTS / (_REACH * math.sqrt(steps)))
    return from_gaussian_mechanism(
        sigma,
        sampling_prob=rate,
        value_discretization_interval=max(root_mean_square / cells, float(np.ptp(loss)) / _POINTS_OF_ONE),
        log_mass_truncation_bound=math.log(delta * _TAILS / steps),
    )


def _epsilon_of(one: PrivacyLossDistribution, steps: int, delta: float) -> float:
    rounding = max(ROUNDING, _ROUNDING_PER_STEP * steps)
    if delta < max(LEAST_DELTA, 10 * rounding):
        raise OutOfReachError(
            f"losses are convolved in floating point, which for {steps:,} steps needs a delta of "
            f"{max(LEAST_DELTA, 10 * rounding):.1g} or more"
        )
    return float(one.self_compose(steps).get_epsilon_for_delta(delta - rounding))


def shuffled_rdp(noise_multiplier: float, passes: int, delta: float) -> float:
    """Epsilon of shuffled batches as so many Gaussian answers, by Renyi differential privacy.

    As `shuffled_exact`, through Mironov 2017, Proposition 7, with the conversion of `poisson_rdp`.
    """
    accountant = RdpAccountant()
    accountant.compose(GaussianDpEvent(noise_multiplier), passes)
    return float(accountant.get_epsilon(delta))


def shuffled_exact(noise_multiplier: float, passes: int, delta: float) -> float:
    r"""Epsilon of shuffled batches as so many Gaussian answers, exactly.

    Whatever the order, an example is in at most one batch of a pass, so that it moves at most one noisy sum
    a pass, by at most the clipping norm. That holds for every order, and so for one that is drawn (Chua et
    al. 2024, arXiv 2403.17673: deterministic batches dominate shuffled ones). No amplification is taken
    credit for, since none of use is proved. Neighbours differ by one example whose gradient is
    replaced by zero; where it is replaced by another's, the noise counts half.

    Parameters
    ----------
    noise_multiplier
        Standard deviation of the noise over the clipping norm, above 0.
    passes
        Batches that an example is in at most.
    delta
        In (0, 1).

    Returns
    -------
    float
        The epsilon of `passes` Gaussian answers, the distribution of whose loss is known (Balle and Wang
        2018, Theorem 8): an upper bound on that of shuffled batches.
    """
    return accountants.gaussian(noise_multiplier, passes, delta)


#: Thresholds of the attack on shuffled batches, and the epochs that it looks at: more only raise its figure.
_THRESHOLDS: Final = 200
_MOST_ATTACKED: Final = 1_000


def shuffled_at_least(noise_multiplier: float, passes: int, delta: float, *, batches: int) -> float:
    r"""Epsilon that batches shuffled anew each pass spend at least in the worst case, by an attack.

    All gradients but one are :math:`-C`, and the one is :math:`C` or zero: of the `batches` sums of a pass,
    each moved by a constant, one is 2 or 1 and the others are 0, in units of C. Whether the largest of them
    exceeds a threshold is counted over the passes, and the two binomial distributions give epsilon. Chua et
    al. 2024 (arXiv 2403.17673) did so for one pass.

    Parameters
    ----------
    noise_multiplier, passes, delta
        As in `shuffled_exact`.
    batches
        Batches of a pass.

    Returns
    -------
    float
        A lower bound, 0 where the attack shows nothing.
    """
    passes = min(passes, _MOST_ATTACKED)
    # From where the largest is certain to exceed to where it never does.
    thresholds = np.linspace(-6.0, 12.0, _THRESHOLDS) * noise_multiplier + 1
    others = (batches - 1) * log_ndtr(thresholds / noise_multiplier)
    here = -np.expm1(log_ndtr((thresholds - 2) / noise_multiplier) + others)
    there = -np.expm1(log_ndtr((thresholds - 1) / noise_multiplier) + others)
    seen = np.arange(passes + 1)
    log_p, log_q = (binom.logpmf(seen, passes, each[:, None]) for each in (here, there))
    low, high = np.zeros(_THRESHOLDS), np.full(_THRESHOLDS, 1e4)
    for _ in range(60):
        middle = (low + high) / 2
        exceeds = _hockey_stick(log_p, log_q, middle) >= delta
        low, high = np.where(exceeds, middle, low), np.where(exceeds, high, middle)
    return float(low.max())


def _hockey_stick(log_p: Floats, log_q: Floats, epsilon: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        gap = log_q - log_p + epsilon[:, None]
        return np.sum(np.where((log_p > -math.inf) & (gap < 0), -np.exp(log_p) * np.expm1(gap), 0.0), axis=1)


@dataclass(frozen=True)
class _Accountant:
    """One accountant for a loop: epsilon from the noise."""

    sampling: str
    adjacency: str
    method: str
    name: str
    source: str
    epsilon: Callable[[float], float]
    tolerance: float = 1e-12


_CONVERSION: Final = "Canonne, Kamath and Steinke 2020"


@dataclass(frozen=True)
class _Loop:
    """A training loop: how often an example can enter it."""

    size: int
    batch: int
    steps: int
    epochs: float
    passes: int
    delta: float

    @property
    def rate(self) -> float:
        return self.batch / self.size

    @property
    def batches(self) -> int:
        """Batches of a pass, the incomplete last one included."""
        return math.ceil(self.size / self.batch)

    def accountants(self, sampling: str) -> tuple[_Accountant, ...]:
        """Return the accountants for one way to draw batches; the first ones are for its own adjacency."""
        delta, passes = self.delta, self.passes
        if sampling == POISSON:
            sampled = {"steps": self.steps, "delta": delta, "rate": self.rate}
            near = "add-or-remove-one"
            mironov = f"Abadi et al. 2016; Mironov, Talwar and Zhang 2019; {_CONVERSION}"
            koskela = "Koskela, Jälkö and Honkela 2020; Gopi, Lee and Wutschitz 2021; Doroshenko et al. 2022"
            return (
                _Accountant(sampling, near, "rdp", "Rényi", mironov, partial(poisson_rdp, **sampled)),
                _Accountant(sampling, near, "pld", "privacy loss distribution", koskela,
                            partial(poisson_pld, **sampled), _TOLERANCE),
            )  # fmt: skip
        mironov, exact = f"Mironov 2017; {_CONVERSION}", "Chua et al. 2024; Balle and Wang 2018"
        return tuple(
            _Accountant(sampling, near, method, name, source,
                        lambda sigma, spend=spend, reach=reach: spend(sigma / reach, passes, delta))
            for near, reach in (("zero-out", 1), ("replace-one", 2))
            for method, name, source, spend in (
                ("rdp", "Rényi", mironov, shuffled_rdp),
                ("pld", "privacy loss distribution, exact", exact, shuffled_exact),
            )
        )  # fmt: skip


def plan_training(
    settings: TrainingSettings,
    *,
    curves: bool = False,
    progress: Callable[[str], None] | None = None,
) -> TrainingPlan:
    r"""Plan private training: the least noise multiplier for an epsilon, or the epsilon of a given one.

    Each step clips the gradient of every example of a batch to an L2 norm of C, adds Gaussian noise of
    standard deviation :math:`\sigma C` to their sum and divides by the batch size (Abadi et al. 2016,
    Algorithm 1). What that proves depends on how batches are drawn. Poisson sampling, which amplifies
    privacy, and shuffled batches, for which every example counts once a pass, have separate rows and
    guarantees.

    Parameters
    ----------
    settings
        Sizes, length, delta, and either epsilon or the noise multiplier.
    curves
        Also compute epsilon over the epochs and over the size of a batch.
    progress
        Called with a short text as each way to draw batches begins.

    Returns
    -------
    TrainingPlan
        Rows by accountant, and for each sampling the best of them with what has to hold for it.

    Raises
    ------
    UsageError
        If numbers are out of range or do not go together, or no accountant reaches the epsilon.
    """
    loop = _loop_of(settings)
    wanted = SAMPLINGS if settings.sampling == "both" else (settings.sampling,)
    rows: list[TrainingRow] = []
    guarantees: list[TrainingGuarantee] = []
    for sampling in wanted:
        if progress is not None:
            progress(sampling)
        start = len(rows)
        for accountant in loop.accountants(sampling):
            rows.append(_row(accountant, loop, settings, before=rows[start:]))
        guarantees.append(_guarantee(rows, start, loop))
    if curves and progress is not None:
        progress("curves")
    return TrainingPlan(
        dataset_size=loop.size,
        batch=loop.batch,
        sampling=settings.sampling,
        sampling_rate=loop.rate,
        steps=loop.steps,
        epochs=loop.epochs,
        passes=loop.passes,
        epsilon=settings.epsilon,
        noise_multiplier=settings.noise_multiplier,
        delta=loop.delta,
        rows=tuple(rows),
        guarantees=tuple(guarantees),
        why=" ".join(each.statement for each in guarantees),
        remarks=remarks_on(guarantees, size=loop.size, batch=loop.batch, delta=loop.delta),
        curves=_curves(loop, guarantees) if curves else None,
    )


def _loop_of(settings: TrainingSettings) -> _Loop:
    size, batch = settings.dataset_size, settings.batch
    assert size is not None
    assert batch is not None
    if settings.epochs is not None:
        epochs = settings.epochs
        steps, passes = _steps(epochs, size=size, batch=batch), math.ceil(epochs)
    else:
        assert settings.steps is not None
        # A loader that drops an incomplete last batch comes back to an example sooner.
        steps, passes = settings.steps, math.ceil(settings.steps / (size // batch))
        epochs = steps * batch / size
    if epochs > MOST_EPOCHS or steps > MOST_ANSWERS:
        raise UsageError(
            f"training makes at most {MOST_EPOCHS:,.0f} passes and {MOST_ANSWERS:,} steps, found "
            f"{epochs:,.4g} and {steps:,}."
        )
    return _Loop(size, batch, steps, epochs, passes, settings.delta)


def _steps(epochs: float, *, size: int, batch: int) -> int:
    """Return the steps of so many epochs of Poisson samples, rounded upwards but for errors of arithmetic."""
    return max(1, math.ceil(epochs * size / batch * (1 - 1e-12)))


def _row(
    accountant: _Accountant, loop: _Loop, settings: TrainingSettings, *, before: list[TrainingRow]
) -> TrainingRow:
    sigma = epsilon = None
    reason = ""
    try:
        if settings.epsilon is None:
            sigma = settings.noise_multiplier
        else:
            known = next((row.noise_multiplier for row in before if row.noise_multiplier is not None), None)
            sigma = _least_noise(accountant, loop, settings.epsilon, start=known)
        assert sigma is not None
        epsilon = accountant.epsilon(sigma)
    except OutOfReachError as error:
        sigma, epsilon, reason = None, None, str(error)
    if epsilon is not None and not math.isfinite(epsilon):
        sigma, epsilon, reason = None, None, "the epsilon is beyond floating point"
    return TrainingRow(
        sampling=accountant.sampling,
        adjacency=accountant.adjacency,
        method=accountant.method,
        name=accountant.name,
        source=accountant.source,
        applicable=not reason,
        reason=reason,
        noise_multiplier=sigma,
        epsilon=epsilon,
    )


def _least_noise(accountant: _Accountant, loop: _Loop, epsilon: float, *, start: float | None) -> float:
    def spend(sigma: float) -> float:
        if sigma < LEAST_NOISE:
            raise OutOfReachError(
                f"a delta of {loop.delta:g} allows next to any noise here, since an example is hardly ever "
                "drawn; take a smaller delta"
            )
        if sigma > MOST_NOISE:
            raise OutOfReachError(f"no noise multiplier up to {MOST_NOISE:,.0f} proves so small an epsilon")
        return accountant.epsilon(sigma)

    touches = loop.rate * math.sqrt(loop.steps) if accountant.sampling == POISSON else math.sqrt(loop.passes)
    guess = touches * math.sqrt(2 * math.log(1.25 / loop.delta)) / epsilon
    least = smallest_factor(
        spend,
        epsilon=epsilon,
        start=start or min(max(guess, 2 * LEAST_NOISE), MOST_NOISE / 2),
        tolerance=accountant.tolerance,
    )
    return float(rounded(least, _DIGITS, upwards=True))


def _guarantee(rows: list[TrainingRow], start: int, loop: _Loop) -> TrainingGuarantee:
    """Take the best of the rows from `start` on that are about the sampling's own adjacency."""
    first = rows[start]
    usable = [
        (row.epsilon, row.noise_multiplier, index)
        for index, row in enumerate(rows[start:], start)
        if row.adjacency == first.adjacency and row.epsilon is not None and row.noise_multiplier is not None
    ]
    if not usable:
        raise UsageError(
            f"no noise can be planned for {first.sampling} batches of {loop.batch:,}: {first.reason}."
        )
    # Where epsilon is given, all spend it, and the least noise is the best.
    epsilon, sigma, index = min(usable, key=lambda each: (each[1], each[0]))
    least = None
    if first.sampling == SHUFFLED:
        whole = loop.passes if loop.epochs >= loop.passes else math.floor(loop.epochs)
        least = shuffled_at_least(sigma, whole, loop.delta, batches=loop.batches) if whole else 0.0
    row = rows[index]
    return TrainingGuarantee(
        sampling=row.sampling,
        adjacency=row.adjacency,
        method=row.method,
        noise_multiplier=sigma,
        epsilon=epsilon,
        row=index,
        epsilon_at_least=least,
        statement=statement_of(row, passes=loop.passes, delta=loop.delta, at_least=least),
        conditions=conditions_of(row.sampling, size=loop.size, batch=loop.batch, steps=loop.steps,
                                 passes=loop.passes, noise_multiplier=sigma, delta=loop.delta),
    )  # fmt: skip


#: Points of a curve.
_LENGTHS: Final = 16
#: Sizes of a batch that are drawn to both sides of the planned one, each twice the one before.
_DOUBLINGS: Final = 5


def _curves(loop: _Loop, guarantees: list[TrainingGuarantee]) -> TrainingCurves:
    epochs = sorted(
        {*(float(each) for each in np.linspace(0, 2 * loop.epochs, _LENGTHS + 1)[1:]), loop.epochs}
    )
    around = (loop.batch * 2.0**power for power in range(-_DOUBLINGS, _DOUBLINGS + 1))
    batches = sorted({min(max(1, round(each)), loop.size) for each in around})
    lines: list[TrainingCurve] = []
    for each in guarantees:
        sigma = each.noise_multiplier
        if each.sampling == SHUFFLED:
            over = tuple(shuffled_exact(sigma, math.ceil(passes), loop.delta) for passes in epochs)
            same = (shuffled_exact(sigma, loop.passes, loop.delta),) * len(batches)
        else:
            over = _over_epochs(loop, sigma, epochs)
            same = tuple(_sampled(loop, sigma, size) for size in batches)
        lines += [TrainingCurve(each.sampling, "epochs", over), TrainingCurve(each.sampling, "batch", same)]
    return TrainingCurves(tuple(epochs), tuple(batches), tuple(lines))


def _over_epochs(loop: _Loop, sigma: float, epochs: list[float]) -> tuple[float | None, ...]:
    counts = [_steps(each, size=loop.size, batch=loop.batch) for each in epochs]
    one = _loss_of_one(sigma, counts[-1], loop.delta, rate=loop.rate)
    return tuple(_or_none(partial(_epsilon_of, one, count, loop.delta)) for count in counts)


def _sampled(loop: _Loop, sigma: float, batch: int) -> float | None:
    steps = _steps(loop.epochs, size=loop.size, batch=batch)
    return _or_none(partial(poisson_pld, sigma, steps, loop.delta, rate=batch / loop.size))


def _or_none(epsilon: Callable[[], float]) -> float | None:
    try:
        found = epsilon()
    except OutOfReachError:
        return None
    return found if math.isfinite(found) else None
