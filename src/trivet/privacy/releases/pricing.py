"""Prices of several questions that share a budget, by the accounting of the ledger that pays them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final, cast

from trivet.errors import UsageError
from trivet.privacy.releases.amounts import in_short, known, require_delta, rounded, written
from trivet.privacy.releases.answers import Cost, measurements_of
from trivet.privacy.releases.charges import Budget, Charge, fits, spent_of
from trivet.privacy.releases.question import Prepared
from trivet.privacy.releases.settings import AskedQuestion, ReleaseSettings

__all__ = ["Price", "prices_of"]


@dataclass(frozen=True)
class Price:
    """Price of a question, decimal text, and the standard deviation of each part's noise in steps."""

    epsilon: str
    delta: str
    rho: str
    gaussian: bool
    deviations: tuple[float, ...]

    @property
    def cost(self) -> Cost:
        """The price as fractions."""
        return Cost(known(self.epsilon), known(self.delta), known(self.rho))


#: Digits of a price, and of one that comes out as a short decimal but for what the search misses of it.
_DIGITS: Final = 12
_SHORT: Final = 9
_MISSED: Final = 1e-9
#: Of the search for the largest prices, on the logarithm.
_CLOSE: Final = 1e-11
#: Logarithm of a factor that no budget is too small for.
_LEAST_LOG: Final = -28.0
#: A price below it is that of no question.
_LEAST: Final = 1e-28
#: Less of a budget than this is nothing to share out.
_NOTHING: Final = 1e-6
_SQRT2: Final = math.sqrt(2)


def prices_of(
    settings: ReleaseSettings,
    prepared: Sequence[Prepared],
    *,
    budget: Budget,
    before: Sequence[Charge],
    table: str,
) -> tuple[Price, ...]:
    """Return the largest prices, in the ratios of the shares, that fit a budget beside earlier charges.

    `table` is that of `Charge`.
    """
    within = {each.question.within or "" for each in prepared}
    if "" not in within:
        # Who is in another part of the table pays for none of these questions.
        before = [each for each in before if each.table != table or each.within in ("", *within)]
    names = ("laplace", "gaussian") if settings.noise == "best" else (settings.noise,)
    if budget.accounting == "basic":
        if settings.noise == "gaussian":
            raise UsageError("Gaussian noise needs a ledger with --accounting pld or zcdp.")
        names = ("laplace",)
    found: list[tuple[Price, ...]] = []
    for name in names:
        try:
            found.append(_priced(name == "gaussian", settings, prepared, budget, tuple(before), table))
        except UsageError:
            # Of two kinds of noise one may do.
            if not found and name == names[-1]:
                raise
    return min(found, key=lambda prices: _typical([price.deviations for price in prices]))


def _typical(deviations: Sequence[Sequence[float]]) -> float:
    """Mean of the logarithms: whatever the units of the answers are, the order of two choices is the same."""
    return math.fsum(math.fsum(map(math.log, each)) / len(each) for each in deviations)


def _priced(
    gaussian: bool,  # noqa: FBT001 - one of two
    settings: ReleaseSettings,
    prepared: Sequence[Prepared],
    budget: Budget,
    before: tuple[Charge, ...],
    table: str,
) -> tuple[Price, ...]:
    largest = max(query.share for query in settings.queries)
    shares = [query.share / largest for query in settings.queries]

    def at(factor: float, *, decimal: bool = False) -> list[Price]:
        return [
            _price(factor * share, query, each, budget, gaussian=gaussian, decimal=decimal)
            for share, query, each in zip(shares, settings.queries, prepared, strict=True)
        ]

    def charged(prices: list[Price]) -> list[Charge]:
        return [_charge(price, each, table) for price, each in zip(prices, prepared, strict=True)]

    def charges(factor: float) -> list[Charge]:
        return charged(at(factor))

    limit = float(budget.rho if budget.accounting == "zcdp" else budget.epsilon)

    def excess(log_factor: float) -> float:
        return min(spent_of((*before, *charges(math.exp(log_factor))), budget) / limit, 4.0) - 1.0

    if spent_of(before, budget) > limit * (1 - _NOTHING):
        raise UsageError("the budget that is left is too small for these questions. Nothing was charged.")
    deltas = [Charge(Fraction(0), each.delta, within=each.within, table=table) for each in charges(1.0)]
    if not fits((*before, *deltas), budget):
        raise UsageError("these questions spend more delta than the budget has. Nothing was charged.")
    factor = _largest(excess, lambda factor: fits((*before, *charges(factor)), budget))
    found = at(factor, decimal=True)
    if not fits((*before, *charged(found)), budget):
        found = at(factor)
    return tuple(
        replace(price, deviations=_deviations(price, each))
        for price, each in zip(found, prepared, strict=True)
    )


def _largest(excess: Callable[[float], float], fit: Callable[[float], bool]) -> float:
    """Return the largest factor that fits, nearly: the search errs by less than 1e-9 of it."""
    from scipy.optimize import brentq  # noqa: PLC0415 - SciPy takes its time

    low = high = 0.0
    while excess(low) > 0:
        if low < _LEAST_LOG:
            raise UsageError(
                "these questions leave too little of the budget's delta for any noise. Nothing was charged."
            )
        low, high = low - 2.0, low
    while low == high or excess(high) <= 0:
        low, high = high, high + 1.0
    factor, step = math.exp(cast("float", brentq(excess, low, high, xtol=_CLOSE))), _CLOSE
    while not fit(factor):
        factor, step = factor * (1 - step), 2 * step
    return factor


def _price(
    factor: float,
    query: AskedQuestion,
    prepared: Prepared,
    budget: Budget,
    *,
    gaussian: bool,
    decimal: bool,
) -> Price:
    require_delta(query.delta)
    delta = written(query.delta) if query.delta else "0"
    if gaussian and prepared.candidates and budget.accounting == "zcdp":
        # The exponential mechanism of an epsilon: Cesar and Rogers 2021, Lemma 3.2.
        return Price("0", delta, _in_digits(factor**2 / 8, decimal=decimal), gaussian=False, deviations=())
    if gaussian and not prepared.candidates and not prepared.threshold_for:
        return Price("0", delta, _in_digits(factor**2 / 2, decimal=decimal), gaussian=True, deviations=())
    return Price(_in_digits(factor, decimal=decimal), delta, "0", gaussian=False, deviations=())


def _in_digits(number: float, *, decimal: bool) -> str:
    """Round a price down; with `decimal` it is the short decimal that it misses by a rounding, if it does."""
    if number < _LEAST:
        raise UsageError(
            "the share of a question is too small beside those of the others; the noise would have no "
            "sensible size. Nothing was charged."
        )
    short = f"{number:.{_SHORT}g}"
    if decimal and abs(float(short) / number - 1) < _MISSED:
        return in_short(Decimal(short))
    return rounded(number, _DIGITS, upwards=False)


def _charge(price: Price, prepared: Prepared, table: str) -> Charge:
    cost = price.cost
    within = prepared.question.within or ""
    return Charge(cost.epsilon, cost.delta, len(prepared.parts), cost.rho, price.gaussian, within, table)


def _deviations(price: Price, prepared: Prepared) -> tuple[float, ...]:
    """Return the standard deviation of the noise of each part, or the scale of a choice, in steps."""
    return tuple(
        each.scale * (1.0 if price.gaussian or prepared.candidates else _SQRT2)
        for each in measurements_of(prepared, price.cost)
    )
