"""Cells of the matrix: what an interval says, in a word and in one sentence."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from trivet.effects.results import (
    BETTER,
    BY_CONSTRUCTION,
    CHANGED,
    NO_EFFECT,
    NOT_MEASURED,
    WORSE,
    Change,
    Effect,
    Intervention,
    Measurement,
    Outcome,
)

__all__ = ["effect_of", "outcome_of", "signed", "smallest", "statement_of"]

#: What each outcome is called where cells are counted.
_COUNTED: Final[tuple[tuple[Outcome, str], ...]] = (
    (WORSE, "measurably worse"),
    (BETTER, "measurably better"),
    (CHANGED, "measurably changed"),
    (NO_EFFECT, "without a measurable effect"),
    (BY_CONSTRUCTION, "without an effect by construction"),
    (NOT_MEASURED, "not measured"),
)
_ENDS: Final = {BETTER: ", for the better", WORSE: ", for the worse", CHANGED: ""}


def effect_of(intervention: Intervention, measurement: Measurement, change: Change) -> Effect:
    """Put a change into words."""
    outcome = outcome_of(measurement, change)
    half_width = None if change.low is None or change.high is None else (change.high - change.low) / 2
    return Effect(
        leg=intervention.leg,
        intervention=intervention.name,
        measurement=measurement.name,
        row=intervention.short,
        column=measurement.short.replace("\n", " "),
        before=change.before,
        after=change.after,
        change=change.change,
        low=change.low,
        high=change.high,
        half_width=half_width,
        outcome=outcome,
        reason=change.by_construction or change.reason,
        sentence=_sentence(intervention, measurement, change, outcome, half_width),
    )


def statement_of(effects: Sequence[Effect], *, level: float) -> str:
    """Count the cells by what they say, and say how many would say something by chance."""
    if not effects:
        return "No remedy of one leg was measured on another."
    counts = Counter(effect.outcome for effect in effects)
    found = [f"{counts[outcome]} {words}" for outcome, words in _COUNTED if counts[outcome]]
    tested = sum(effect.half_width is not None and effect.outcome != BY_CONSTRUCTION for effect in effects)
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return (
        f"{len(effects)} figures were compared without and with a remedy: {listed}. Even if no remedy had "
        f"any effect, about {tested * (1 - level):.1f} of the {tested} intervals would leave out 0 by chance."
    )


def outcome_of(measurement: Measurement, change: Change) -> Outcome:
    """Return what the interval of a change says."""
    if change.by_construction is not None:
        return BY_CONSTRUCTION
    if change.low is None or change.high is None:
        return NOT_MEASURED
    if change.low <= 0 <= change.high:
        return NO_EFFECT
    if measurement.better == "neither":
        return CHANGED
    return BETTER if (change.low > 0) == (measurement.better == "higher") else WORSE


def _sentence(
    intervention: Intervention,
    measurement: Measurement,
    change: Change,
    outcome: Outcome,
    half_width: float | None,
) -> str:
    remedy, figure = intervention.title, f"the {measurement.title}"
    if outcome == BY_CONSTRUCTION:
        return f"No effect of {remedy} on {figure} by construction: {change.by_construction}."
    if outcome == NOT_MEASURED or change.before is None or change.after is None or change.change is None:
        return f"What {remedy} does to {figure} was not measured: {change.reason}."
    before, after = (format(value, measurement.format) for value in (change.before, change.after))
    moved = _interval(measurement, change)
    if outcome == NO_EFFECT:
        missed = format(max(half_width or 0.0, smallest(measurement.format)), measurement.format)
        text = (
            f"No measurable effect of {remedy} on {figure}: {before} without it and {after} with it, "
            f"{moved}; an effect smaller than {missed} could have been missed."
        )
    else:
        text = f"With {remedy}, {figure} is {after} instead of {before}: {moved}{_ENDS[outcome]}."
    return f"{text} {change.note}".rstrip()


def _interval(measurement: Measurement, change: Change) -> str:
    moved, low, high = (
        "none" if value is None else signed(value, measurement.format)
        for value in (change.change, change.low, change.high)
    )
    return f"a change of {moved} ({low} to {high})"


def signed(value: float, spec: str) -> str:
    """Write a number with its sign, a minus rather than a hyphen, and zero with none."""
    text = format(value, f"+{spec}")
    return text[1:] if not text.strip("+-0.%") else text.replace("-", "\N{MINUS SIGN}")


def smallest(spec: str) -> float:
    """Return the smallest number above 0 that a format such as ``.4f`` writes as one."""
    return 10.0 ** -int(spec.strip(".f"))
