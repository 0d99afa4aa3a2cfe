"""Noisy answers: exact numbers covered by noise, and what they mean in units of the column."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

from trivet.privacy import laplace
from trivet.privacy.releases.noise import (
    Measurement,
    calibrate,
    calibrate_choice,
    calibrate_gaussian,
    half_width,
    normal_half_width,
)
from trivet.privacy.releases.question import Exact, Part, Prepared
from trivet.privacy.releases.results import Cell

__all__ = [
    "CONFIDENCE",
    "Answer",
    "Cost",
    "answer_from",
    "error_of",
    "measurements_of",
    "rank_error",
    "threshold_of",
]

#: Probability with which the noise moves an answer by no more than its half-width.
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Cost:
    """Price of one answer: an epsilon, pays Laplace noise, or a rho, pays Gaussian noise; and a delta."""

    epsilon: Fraction = Fraction(0)
    delta: Fraction = Fraction(0)
    rho: Fraction = Fraction(0)


@dataclass(frozen=True)
class Answer:
    """Fields as in `Release`."""

    value: float | int | None
    cells: tuple[Cell, ...]
    half_width: float | None
    message: str | None


def measurements_of(prepared: Prepared, cost: Cost) -> tuple[Measurement, ...]:
    """Return the noise of each part, for an equal share of the cost."""
    return tuple(_measurement(prepared, part, cost) for part in prepared.parts)


def _measurement(prepared: Prepared, part: Part, cost: Cost) -> Measurement:
    share = len(prepared.parts)
    if part.choice is not None:
        if cost.rho:
            return calibrate_choice(sensitivity=part.moves.l1, rho=cost.rho / share)
        return calibrate_choice(sensitivity=part.moves.l1, epsilon=cost.epsilon / share)
    if cost.rho:
        return calibrate_gaussian(squared=part.moves.l2_squared, rho=cost.rho / share)
    vector = prepared.groups != (None,)
    return calibrate(sensitivity=part.moves.l1, epsilon=cost.epsilon / share, vector=vector)


def threshold_of(prepared: Prepared, measurement: Measurement, delta: Fraction) -> int:
    """Smallest noisy number of units with which a group is shown.

    A group that one unit alone is in has the number 1, and it may be in `threshold_for` such groups: all of
    them together are shown with a probability of at most delta.
    """
    allowed = float(delta) / prepared.threshold_for * (1 - 1e-9)
    # P(1 + X >= t) = P(X > t - 2) = a^(t - 1) / (1 + a), a = exp(-1 / b).
    weight = 1 + math.exp(-1 / measurement.scale)
    above = max(2, math.floor(1 - measurement.scale * math.log(allowed * weight)))
    while laplace.discrete_tail(above - 2, scale=measurement.scale) > allowed:
        above += 1
    return above


def error_of(measurement: Measurement, *, gaussian: bool, probability: float) -> float:
    """Return the steps that the noise of one number exceeds with a probability of at most this."""
    if gaussian:
        return normal_half_width(measurement.scale, probability=probability)
    return half_width(measurement.scale, probability=probability)


def rank_error(prepared: Prepared, part: Part, measurement: Measurement) -> float:
    """Rows by which the rank of a quantile is off with a probability of at most 0.05.

    McSherry and Talwar 2007, Theorem 6: a score falls below the best by more than t times the scale with a
    probability of at most n exp(-t), n being the number of candidates.
    """
    assert part.choice is not None, "of a quantile"
    likely = math.log(len(prepared.candidates) / (1 - CONFIDENCE))
    return measurement.scale * likely / part.choice.denominator


@dataclass(frozen=True)
class _Noisy:
    """Numbers of one group with their errors, in steps."""

    numbers: tuple[float, ...]
    errors: tuple[float, ...]


def answer_from(
    prepared: Prepared, exact: Exact, measurements: Sequence[Measurement], *, cost: Cost
) -> Answer:
    """Add noise to exact answers and say what they mean."""
    gaussian, question = bool(cost.rho), prepared.question
    if prepared.candidates:
        return _chosen(prepared, exact, measurements)
    parts, groups = list(prepared.parts), list(exact)
    present: dict[str | None, float] = {}
    if prepared.threshold_for:
        units = measurements[0].add([exact[group][0][0] for group in groups]) if groups else ()
        least = threshold_of(prepared, measurements[0], cost.delta)
        present = {group: found for group, found in zip(groups, units, strict=True) if found >= least}
        groups = sorted(present, key=str)
        if len(parts) == 1:
            wrong = error_of(measurements[0], gaussian=False, probability=1 - CONFIDENCE)
            return _answered(prepared, [(group, present[group], wrong, None) for group in groups])
        parts, measurements = parts[1:], measurements[1:]
    skipped = len(prepared.parts) - len(parts)
    wrong = (1 - CONFIDENCE) / len(parts)
    errors = tuple(error_of(each, gaussian=gaussian, probability=wrong) for each in measurements)
    columns = [
        each.add([exact[group][place + skipped][0] for group in groups]) if groups else ()
        for place, each in enumerate(measurements)
    ]
    found: list[_Row] = []
    for place, group in enumerate(groups):
        noisy = _Noisy(tuple(column[place] for column in columns), errors)
        found.append((group, *_VALUES[question.query](prepared, noisy)))
    return _answered(prepared, found)


_Row = tuple[str | None, float | int | None, float | None, str | None]
_Value = tuple[float | int | None, float | None, str | None]


def _answered(prepared: Prepared, found: list[_Row]) -> Answer:
    if prepared.question.non_negative:
        found = _non_negative(found)
    if prepared.groups == (None,):
        ((_, value, error, message),) = found
        return Answer(value, (), error, message)
    cells = tuple(Cell(str(group), value, error, message) for group, value, error, message in found)
    errors = {each.half_width for each in cells}
    return Answer(None, cells, errors.pop() if len(errors) == 1 else None, None)


def _chosen(prepared: Prepared, exact: Exact, measurements: Sequence[Measurement]) -> Answer:
    """Choose quantiles, in the order of their values where several are of the same rows."""
    places = [
        [int(each.add(scores)[0]) for each, scores in zip(measurements, exact[group], strict=True)]
        for group in prepared.groups
    ]
    values = [[prepared.candidates[place] * prepared.grid for place in some] for some in places]
    if prepared.groups != (None,):
        return Answer(
            None,
            tuple(Cell(str(key), of[0], None, None) for key, of in zip(prepared.groups, values, strict=True)),
            None,
            None,
        )
    asked = prepared.question.at
    if len(asked) == 1:
        return Answer(values[0][0], (), None, None)
    ordered = dict(zip(sorted(asked), sorted(values[0]), strict=True))
    return Answer(None, tuple(Cell(f"{at:g}", ordered[at], None, None) for at in asked), None, None)


def _count(prepared: Prepared, noisy: _Noisy) -> _Value:  # noqa: ARG001 - as the others
    (number,), (error,) = noisy.numbers, noisy.errors
    if isinstance(number, int):
        return number, error, None
    # Rounded to a whole number afterwards.
    return round(number), error + 0.5, None


def _sum(prepared: Prepared, noisy: _Noisy) -> _Value:
    (number,), (error,) = noisy.numbers, noisy.errors
    return _in_units(number, prepared.grid), _in_units(error, prepared.grid), None


def _mean(prepared: Prepared, noisy: _Noisy) -> _Value:
    """Divide a noisy sum by a noisy count; both stay within their errors with probability 0.95."""
    total, rows = noisy.numbers
    total_error, rows_error = noisy.errors
    if rows <= rows_error:
        return None, None, _too_few(prepared, rows, rows_error)
    low, high = prepared.lower - prepared.centre, prepared.upper - prepared.centre

    def within(quotient: float) -> float:
        return max(low, min(high, quotient))

    value = within(total / rows)
    corners = product((total - total_error, total + total_error), (rows - rows_error, rows + rows_error))
    error = max(abs(within(each / count) - value) for each, count in corners)
    return (prepared.centre + value) * prepared.grid, error * prepared.grid, None


def _variance(prepared: Prepared, noisy: _Noisy) -> _Value:
    """Return the mean of the squares less the square of the mean, with what the errors of all three allow."""
    total, squares, rows = noisy.numbers
    total_error, squares_error, rows_error = noisy.errors
    if rows <= rows_error:
        return None, None, _too_few(prepared, rows, rows_error)
    largest = ((prepared.upper - prepared.lower) / 2) ** 2

    def within(total: float, squares: float, rows: float) -> float:
        return max(0.0, min(largest, squares / rows - (total / rows) ** 2))

    value = within(total, squares, rows)
    totals = [total - total_error, total + total_error]
    if totals[0] < 0 < totals[1]:
        totals.append(0.0)
    corners = product(
        totals,
        (squares - squares_error, squares + squares_error),
        (rows - rows_error, rows + rows_error),
    )
    error = max(abs(within(*corner) - value) for corner in corners)
    return value * prepared.grid**2, error * prepared.grid**2, None


_VALUES: Final = {
    "count": _count,
    "units": _count,
    "histogram": _count,
    "sum": _sum,
    "mean": _mean,
    "proportion": _mean,
    "variance": _variance,
}


def _too_few(prepared: Prepared, rows: float, error: float) -> str:
    query = prepared.question.query
    return f"the noisy count is {rows:g}, within its noise of {error:g}: too few rows for a {query}."


def _in_units(steps: float, grid: float) -> float | int:
    return steps if grid == 1 else steps * grid


def _non_negative(found: list[_Row]) -> list[_Row]:
    """Make counts whole and at least 0; those of groups are the nearest ones with the same sum."""
    values = [float(value or 0) for _, value, _, _ in found]
    sum_ = max(0, round(math.fsum(values)))
    if len(values) > 1:
        values = _projected(values, sum_)
    whole = [max(0, math.floor(value)) for value in values]
    if len(values) == 1:
        whole = [max(0, round(values[0]))]
    # What the fractions make together goes to the largest ones.
    order = sorted(range(len(values)), key=lambda place: values[place] - whole[place], reverse=True)
    for place in order[: sum_ - sum(whole) if len(values) > 1 else 0]:
        whole[place] += 1
    return [
        (group, number, error, message)
        for (group, _, error, message), number in zip(found, whole, strict=True)
    ]


def _projected(values: list[float], sum_: int) -> list[float]:
    """Nearest numbers of at least 0 with a given sum (Duchi, Shalev-Shwartz, Singer and Chandra 2008)."""
    above, taken = 0.0, 0.0
    for place, value in enumerate(sorted(values, reverse=True), start=1):
        taken += value
        if value > (taken - sum_) / place:
            above = (taken - sum_) / place
    return [max(0.0, value - above) for value in values]
