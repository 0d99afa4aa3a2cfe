"""Judgement of one value between two audits: changed, within noise or equal; better or worse."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from trivet.audited import network_of
from trivet.comparison.audits import ReadAudit
from trivet.comparison.pairs import ABSENT, Pair, Parts
from trivet.comparison.results import (
    ADDED,
    BETTER,
    CHANGE,
    DIFFERS,
    EXACT,
    NOISE,
    REMOVED,
    SAME,
    WITHIN,
    WORSE,
    Change,
    Plain,
)
from trivet.comparison.tolerance import EXACTLY, Tolerance
from trivet.estimate import Estimate
from trivet.fairness.intervals.comparisons import difference_interval
from trivet.fairness.intervals.shares import share_interval
from trivet.paired import normal_quantile
from trivet.place import EVERY, Step, find, join, parse, pattern_of, spelling
from trivet.ratios import figure_at
from trivet.verdict import rank
from trivet.wording import one_line

__all__ = [
    "LEVEL",
    "TOWARDS_ONE",
    "Share",
    "belongs_to_an_estimate",
    "difference_of_estimates",
    "difference_of_shares",
    "estimate_in",
    "has_interval",
    "is_asked",
    "is_noise",
    "is_same",
    "is_verdict",
    "is_within",
    "judge_pair",
    "manifest_changes",
    "measured",
    "share_of",
]

#: Name of the figure in an `Estimate`.
VALUE: Final = "value"
USUAL_LEVEL: Final = 0.95
#: Nobody asks for an interval that is as often wrong as right.
LOWEST_LEVEL: Final = 0.5


#: What only says how sure a value beside it is, and of what comparison the ends for all at once are.
_OF_VALUE: Final = frozenset({"low", "high", "level", "method"})
_OF_ROW: Final = frozenset({"numerator", "denominator", "reference"})
_ENDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "simultaneous_low": ("disparate_impact", "ratio"),
    "simultaneous_high": ("disparate_impact", "ratio"),
    "difference_low": ("difference",),
    "difference_high": ("difference",),
}


def belongs_to_an_estimate(name: str, around: Mapping[str, Any]) -> bool:
    """Tell whether `name` only says how sure a figure of `around` is: an end, a method or a count."""
    if name in _OF_ROW:
        return VALUE in around
    if name in _ENDS_OF:
        return any(each in around for each in _ENDS_OF[name])
    return name in _OF_VALUE and estimate_in(around) is not None


def is_number(value: object) -> bool:
    """Tell whether a value of a record is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def estimate_in(part: Mapping[str, Any]) -> Estimate | None:
    """Return a part of a record as an estimate; None where it has no bound."""
    value, low, high, level = (part.get(name) for name in (VALUE, "low", "high", "level"))
    known = [bound for bound in (low, high) if bound is not None]
    if not is_number(value) or not known or not all(map(is_number, known)):
        return None
    if not isinstance(level, float) or not LOWEST_LEVEL <= level < 1:
        level = USUAL_LEVEL
    return Estimate(value, low, high, level, part.get("method", ""))


_Record = Mapping[str, Any]
_Rate = tuple[str, ...]

#: Numerators and denominators of the rates of one group, as fields of its confusion counts.
_POSITIVE: Final = ("true_positive", "false_negative")
_NEGATIVE: Final = ("false_positive", "true_negative")
_SELECTED: Final = ("true_positive", "false_positive")
_RATES: Final[Mapping[str, tuple[_Rate, _Rate]]] = {
    "rates": (_SELECTED, (*_POSITIVE, *_NEGATIVE)),
    "true_positive_rates": (("true_positive",), _POSITIVE),
    "false_positive_rates": (("false_positive",), _NEGATIVE),
}


@dataclass(frozen=True)
class Share:
    """`successes` of `trials`, both whole numbers."""

    successes: int
    trials: int


def share_of(names: tuple[str, ...], parts: Parts) -> Share | None:
    """Return the counts of the share at a place; None for other values and unknown counts."""
    around, last = parts[-1], names[-1]
    if names[:2] == ("security", "published") and names[2] in {"clean_accuracy", "asr"}:
        images = parts[0]["security"]["published"]["settings"]["images"]
        return _share(round(around[last] * images), images)
    if last == VALUE and is_number(around.get("numerator")) and around.get("denominator"):
        return _share(around["numerator"], around["denominator"])
    if last == VALUE and names[-2] in {"p", "q"}:
        return _share(parts[-2][f"{names[-2]}_count"], parts[-2][f"{names[-2]}_trials"])
    if last == "accuracy" and isinstance(counts := around.get("counts"), Mapping):
        return _right(counts)
    if len(names) > 1 and names[-2] in _RATES and isinstance(counts := parts[-2].get("counts"), Mapping):
        hits, rows = (sum(counts[last][name] for name in part) for part in _RATES[names[-2]])
        return _share(hits, rows)
    return None


def _right(counts: _Record) -> Share | None:
    """Return the rows of both groups whose label is predicted."""
    groups = tuple(counts.values())
    right = sum(group["true_positive"] + group["true_negative"] for group in groups)
    return _share(right, sum(sum(group.values()) for group in groups))


def _share(successes: int, trials: int) -> Share | None:
    """Return a share; None of what cannot be one."""
    return Share(successes, trials) if 0 <= successes <= trials else None


#: Two machines' last bits, as an optimisation adds them up: relative, and around 0.
ROUNDING: Final = 1e-6
NOTHING: Final = 1e-8


def is_noise(difference: Estimate, margin: float = 0.0) -> bool:
    """Return True if the interval of a difference does not lie wholly beyond a margin to either side."""
    low, high = difference.low, difference.high
    return (low is None or low <= margin) and (high is None or high >= -margin)


def is_within(difference: Estimate, margin: float) -> bool:
    """Return True if the whole interval of a difference lies within a margin above 0."""
    low, high = difference.low, difference.high
    return margin > 0 and low is not None and high is not None and -margin <= low and high <= margin


def difference_of_shares(before: Share, after: Share, *, level: float) -> Estimate | None:
    """Return the difference of two independent shares with Newcombe's interval, exact where few succeed."""
    if not before.trials or not after.trials:
        return None
    return difference_interval(before.successes, before.trials, after.successes, after.trials, level=level)


def difference_of_estimates(before: Estimate, after: Estimate, *, level: float) -> Estimate:
    """Return the difference of two independent estimates, from their intervals alone.

    Each end of the difference takes the distances of the two estimates to the bounds that lead there,
    and adds their squares (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008, equation 3), which
    for symmetrical intervals is the root of the squared half-widths. An interval of another level than
    `level` is first stretched as a normal one would be.
    """
    low = _together(_reach(after, "low", level), _reach(before, "high", level))
    high = _together(_reach(after, "high", level), _reach(before, "low", level))
    found = after.number - before.number
    ends = None if low is None else found - low, None if high is None else found + high
    return Estimate(found, *ends, level, "Zou and Donner")


def is_same(before: float, after: float) -> bool:
    """Tell whether two numbers differ by no more than machines do."""
    return math.isclose(before, after, rel_tol=ROUNDING, abs_tol=NOTHING)


def _reach(estimate: Estimate, side: str, level: float) -> float | None:
    bound = estimate.low if side == "low" else estimate.high
    if bound is None:
        return None
    stretch = normal_quantile(level) / normal_quantile(estimate.level)
    return abs(estimate.number - bound) * stretch


def _together(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else math.hypot(first, second)


@dataclass(frozen=True, eq=False)
class Direction:
    """Distance of a value from the best one, and the value at that distance on the other side."""

    name: str
    badness: Callable[[float], float]
    best: float | None = None
    mirrored: Callable[[Estimate], Estimate] | None = None


def _mirrored(estimate: Estimate, turned: Callable[[float], float | None]) -> Estimate:
    """Return an estimate under a function that falls, so that its ends change places."""
    low, high = (None if end is None else turned(end) for end in (estimate.high, estimate.low))
    return replace(estimate, value=turned(estimate.number), low=low, high=high)


def _inverse(estimate: Estimate) -> Estimate:
    return _mirrored(estimate, lambda value: 1 / value if value else None)


def _negative(estimate: Estimate) -> Estimate:
    return _mirrored(estimate, operator.neg)


UP: Final = Direction("up", lambda value: -value)
DOWN: Final = Direction("down", lambda value: value)
TOWARDS_ONE: Final = Direction(
    "towards 1", lambda value: abs(math.log(value)) if value > 0 else math.inf, 1.0, _inverse
)
TOWARDS_ZERO: Final = Direction("towards 0", abs, 0.0, _negative)

#: By the name of the measurement, in any leg.
_ANYWHERE: Final[Mapping[str, Direction]] = {
    "accuracy": UP,
    "clean_accuracy": UP,
    "robust_accuracy": UP,
    "train_accuracy": UP,
    "test_accuracy": UP,
    "recall": UP,
    "best_accuracy": UP,
    "best_clean_accuracy": UP,
    "asr": DOWN,
    "true_trigger_asr": DOWN,
    "best_asr": DOWN,
    "disparate_impact": TOWARDS_ONE,
    "gap": DOWN,
    "best_gap": DOWN,
    "demographic_parity_difference": TOWARDS_ZERO,
}
#: By leg and name.
_IN_LEG: Final[Mapping[str, Mapping[str, Direction]]] = {
    "security": {"norm_ratio": UP, "p_value": UP, "loss": DOWN},
    "privacy": {
        "spent_epsilon": DOWN,
        "group_epsilon": DOWN,
        "epsilon_lower": DOWN,
        "noise_ratio": DOWN,
        "auroc": DOWN,
        "tpr": DOWN,
        "advantage": DOWN,
        "balanced_accuracy": DOWN,
    },
    "fairness": {
        "parity": UP,
        "difference": TOWARDS_ZERO,
        "ratio": TOWARDS_ONE,
        "equalized_odds": DOWN,
        "expected_error": DOWN,
        "in_the_large": TOWARDS_ZERO,
    },
}
#: Parts whose values have no better of their own: changes against a baseline, and what was tried out.
_NEUTRAL: Final = frozenset({"change", "labels", "declared", "candidates"})
#: Names below which the name of the measurement is the one above.
_INNER: Final = (VALUE, "before", "after")


def direction_of(steps: tuple[Step, ...], metric: str | None = None) -> Direction | None:
    """Return which way the measurement at a place is better; None where that is not known."""
    names = [step.name for step in steps]
    if metric is not None and names[-1:] == [VALUE]:
        return _of_metric(metric)
    while names and names[-1] in _INNER:
        names.pop()
    if not names or _NEUTRAL.intersection(names[:-1]):
        return None
    return _IN_LEG.get(names[0], {}).get(names[-1]) or _ANYWHERE.get(names[-1])


def _of_metric(metric: str) -> Direction | None:
    if metric == "disparate_impact" or metric.endswith("_ratio"):
        return TOWARDS_ONE
    if metric.endswith(("_difference", "_spread")):
        return TOWARDS_ZERO
    return _ANYWHERE.get(metric)


LEVEL: Final = 0.95
#: A number's interval, and its counts where it is a share of them.
Sure = tuple[Estimate | None, Share | None]


#: Change that a remedy makes, with the ends of its interval beside it and the level of the whole matrix.
EFFECT: Final = ("effects", "change")


def _effect_in(parts: Parts) -> Estimate | None:
    effect = parts[-1]
    return estimate_in({**effect, VALUE: effect["change"], "level": parts[-2]["level"], "method": ""})


def how_sure(names: tuple[str, ...], value: Any, parts: Parts) -> Sure:
    """Return the interval of a number, and its counts where it is a share of them."""
    if not is_number(value):
        return None, None
    share = share_of(names, parts)
    estimate = _effect_in(parts) if names[-2:] == EFFECT else None
    if names[-1] == VALUE:
        estimate = estimate_in({**parts[-1], VALUE: value})
    if estimate is None and share is not None and share.trials:
        estimate = replace(share_interval(share.successes, share.trials, level=LEVEL), value=value)
    return estimate, share


def measured(record: Mapping[str, Any], path: str) -> Estimate | None:
    """Return the number at a path, items of lists by their index, infinity of an infinite ratio; else None.

    Raises
    ------
    LookupError
        The path names no place in the record.
    """
    value = figure_at(record, path)
    if not is_number(value):
        return None
    steps = parse(path)
    inner = [find(record, join(steps[:count])) for count in range(len(steps))]
    parts = tuple(part for part in inner if isinstance(part, Mapping))
    estimate, _ = how_sure(tuple(name for name in pattern_of(path) if name != EVERY), value, parts)
    return estimate or Estimate(value, None, None, LEVEL, "")


VERDICT: Final = "verdict"


def is_verdict(steps: tuple[Step, ...]) -> bool:
    """Tell whether a verdict stands at a place."""
    return bool(steps) and steps[-1].name == VERDICT


_AUDIT: Final = (
    "data rows label positive negative prediction cut four_fifths level "
    "favourable weight strata cluster count suppressed_below left_out"
)
_COMPARISON: Final = (
    "estimator features columns reference train_rows test_rows validation repeats kept seed weight"
)
_STUDY: Final = (
    "dataset rows train_rows test_rows test_protected test_privileged features sensitive_feature "
    "protected_group privileged_group positive_class"
)
_MECHANISM: Final = "epsilon delta input_a input_b trials error_rate seed"
_CODE: Final = "epsilon delta adjacency data rows runs seed"
_MEMBERSHIP: Final = "data rows features classes model shadows members non_members seed unit shadow_share"
#: Names of the inputs, by their place.
_ASKED: Final = {
    ("audit",): "seed",
    ("security", "published"): "expected_label",
    ("security", "scan"): "seed threads device profile",
    ("security", "scan", "checkpoint"): "source name sha256 architecture parameters expected_label",
    ("security", "scan", "images"): "name count classes shape sha256",
    ("security", "scan", "calibration"): "reference sha256 networks",
    ("security", "scan", "contract", "best"): "name",
    ("security", "scan", "contract"): "tolerance",
    ("security", "repair"): "requested working_images held_out_images seed",
    ("security", "repair", "bounds"): "asr true_trigger_asr accuracy_loss good_enough",
    ("privacy", "plan"): "epsilon delta adjacency group answers value threshold",
    ("privacy", "plan", "queries"): "count share cells touches l1 l2 scale",
    ("privacy", "training"): "dataset_size batch sampling steps epsilon noise_multiplier delta",
    ("privacy", "mechanisms"): _MECHANISM,
    ("privacy", "membership"): _MEMBERSHIP,
    ("privacy", "membership", "claim"): "epsilon delta claim",
    ("privacy", "code"): _CODE,
    ("fairness", "published"): _STUDY,
    ("fairness", "audit"): _AUDIT,
    ("fairness", "audit", "attributes"): "reference",
    ("fairness", "audit", "attributes", "measures"): "difference_band",
    ("fairness", "comparison"): _COMPARISON,
    ("fairness", "comparison", "baseline"): _AUDIT,
    ("fairness", "comparison", "baseline", "attributes"): "reference",
    ("fairness", "comparison", "baseline", "attributes", "measures"): "difference_band",
}
_NAMES: Final[Mapping[tuple[str, ...], frozenset[str]]] = {
    place: frozenset(names.split()) for place, names in _ASKED.items()
}
#: Parts of the privacy leg that were sampled; the rest of it is computed, without error.
_SAMPLED: Final = ("mechanisms", "membership", "code")
#: What a manifest says of the machinery, one value each and several by name.
_NOTED: Final = ("trivet", "python", "platform")
_LIBRARIES: Final = "libraries"
_INPUTS: Final = "inputs"


def is_asked(names: tuple[str, ...]) -> bool:
    """Return True if a place, given by its names without items of lists, holds an input."""
    return "settings" in names[:-1] or names[-1] in _NAMES.get(names[:-1], ())


def is_exact(names: tuple[str, ...]) -> bool:
    """Return True if the value at a place has no error: an input, or computed from inputs."""
    return is_asked(names) or (names[0] == "privacy" and names[1:2] not in {(part,) for part in _SAMPLED})


def manifest_changes(before: ReadAudit, after: ReadAudit) -> Iterator[Change]:
    """Yield what two manifests say differently: versions, the machine, and inputs by their digests."""
    if not before.manifest or not after.manifest:
        return
    for name in _NOTED:
        yield from _change(name, before.noted(name), after.noted(name))
    for group in (_LIBRARIES, _INPUTS):
        old, new = before.notes(group), after.notes(group)
        if group == _INPUTS:
            old, new = _others(old, before), _others(new, after)
        for name in dict.fromkeys((*old, *new)):
            yield from _change(f"{group}.{name}", old.get(name), new.get(name))


def _others(inputs: dict[str, str], audit: ReadAudit) -> dict[str, str]:
    network = network_of(audit.record)
    known = None if network is None else network.checkpoint["sha256"]
    return {name: digest for name, digest in inputs.items() if digest != known}


def _change(name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before != after:
        outcome = ADDED if before is None else REMOVED if after is None else EXACT
        yield Change(f"manifest.{name}", name.replace(".", ": ", 1), before, after, outcome)


#: Characters of a list that are shown.
LIST_CHARACTERS: Final = 60


def list_text(values: Sequence[Any]) -> str:
    """Write a list on one line, cut where it is long."""
    written = (f"{value:.4g}" if isinstance(value, float) else spelling(value) for value in _flat(values))
    return one_line(", ".join(written), limit=LIST_CHARACTERS)


def how_lists_differ(before: Sequence[Any], after: Sequence[Any]) -> str:
    """Say how many entries differ and by how much, or which were added and removed; empty for the same."""
    old, new = list(_flat(before)), list(_flat(after))
    if len(old) == len(new) and all(map(is_number, chain(old, new))):
        apart = [
            abs(first - second) for first, second in zip(old, new, strict=True) if not is_same(first, second)
        ]
        return f"{len(apart)} of {len(old)} differ, by at most {max(apart):.4g}" if apart else ""
    if old == new:
        return ""
    first, second = (list(dict.fromkeys(map(spelling, values))) for values in (old, new))
    added = [text for text in second if text not in set(first)]
    removed = [text for text in first if text not in set(second)]
    said = [
        f"{what}: {list_text(texts)}" for what, texts in (("added", added), ("removed", removed)) if texts
    ]
    return "; ".join(said) or f"{len(old)} entries, and then {len(new)}, in another order or number"


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


#: A longer text is cut.
TEXT_CHARACTERS: Final = 120
#: What a number's name ends with where it is the name of a class.
LABEL: Final = "label"


def has_interval(pair: Pair) -> bool:
    """Return True if noise can be separated from change: both values have an interval or counts."""
    return all(any(how_sure(pair.names, value, parts)) for value, parts in _sides(pair))


def judge_pair(
    pair: Pair,
    *,
    title: str | None = None,
    level: float = LEVEL,
    tolerance: Tolerance = EXACTLY,
    paired: Estimate | None = None,
) -> Change:
    """Return what became of one value; a verdict, a text or a setting has no tolerance.

    `paired` is the difference where it is known from the same rows; else the two are independent.
    """
    before, after = _plain(pair.before), _plain(pair.after)
    sure = [how_sure(pair.names, value, parts) for value, parts in _sides(pair)]
    (before_low, before_high), (after_low, after_high) = map(_bounds, sure)
    change = Change(
        pair.place, title or pair.place, before, after, SAME, before_low, before_high, after_low, after_high
    )
    if before is None or after is None:
        if before is after:
            return change
        return replace(change, outcome=ADDED if before is None else REMOVED)
    if is_number(pair.before) and is_number(pair.after) and not pair.names[-1].endswith(LABEL):
        first, second = sure
        apart = paired or _difference(first, second, level)
        return _judge_numbers(change, pair, first, second, difference=apart, tolerance=tolerance)
    differs = EXACT if is_exact(pair.names) or is_verdict(pair.steps) else DIFFERS
    if isinstance(pair.before, list) and isinstance(pair.after, list):
        detail = how_lists_differ(pair.before, pair.after)
        return replace(change, outcome=differs, detail=detail) if detail else change
    if pair.before == pair.after:
        return change
    old, new = rank(pair.before), rank(pair.after)
    worse = new - old if is_verdict(pair.steps) and old is not None and new is not None else 0
    judged = WORSE if worse > 0 else BETTER if worse < 0 else None
    return replace(change, outcome=differs, judged=judged)


def _judge_numbers(
    change: Change,
    pair: Pair,
    before: Sure,
    after: Sure,
    *,
    difference: Estimate | None,
    tolerance: Tolerance,
) -> Change:
    level = LEVEL if difference is None else difference.level
    apart = pair.after - pair.before
    if difference is None:
        change = replace(change, difference=apart)
    else:
        low, high = difference.low, difference.high
        change = replace(
            change, difference=apart, difference_low=low, difference_high=high, level=difference.level
        )
    asked = is_asked(pair.names)  # a setting is another one by its last bit
    if pair.before == pair.after or (not asked and is_same(pair.before, pair.after)):
        return change
    margin = 0.0 if asked else tolerance.margin(pair.before)
    outcome = _outcome(pair, difference, margin)
    if outcome in {NOISE, WITHIN}:
        return replace(change, outcome=outcome)
    direction = direction_of(pair.steps, pair.after_in[-1].get("metric"))
    judged = None if direction is None else _judged(direction, pair, before[0], after[0], level, margin)
    return replace(change, outcome=outcome, judged=judged)


def _outcome(pair: Pair, difference: Estimate | None, margin: float) -> str:
    """Return what became of a number that is another one."""
    if difference is not None:
        within, noise = is_within(difference, margin), is_noise(difference, margin)
        return WITHIN if within else NOISE if noise else CHANGE
    if abs(pair.after - pair.before) <= margin:
        return WITHIN
    return EXACT if is_exact(pair.names) else DIFFERS


def _judged(
    direction: Direction,
    pair: Pair,
    before: Estimate | None,
    after: Estimate | None,
    level: float,
    margin: float,
) -> str | None:
    """Return better or worse; None where the values lie about as far to either side of the best one."""
    old, new = pair.before, pair.after
    if (best := direction.best) is not None and (old - best) * (new - best) < 0:
        if before is None or after is None or direction.mirrored is None:
            return None
        first, second = (before, after) if old < new else (after, before)
        apart = difference_of_estimates(first, direction.mirrored(second), level=level)
        if is_noise(apart, margin):
            return None
    worse = direction.badness(new) - direction.badness(old)
    return WORSE if worse > 0 else BETTER if worse < 0 else None


def _difference(before: Sure, after: Sure, level: float) -> Estimate | None:
    if before[1] is not None and after[1] is not None:
        return difference_of_shares(before[1], after[1], level=level)
    if before[0] is not None and after[0] is not None:
        return difference_of_estimates(before[0], after[0], level=level)
    return None


def _sides(pair: Pair) -> tuple[tuple[Any, Parts], tuple[Any, Parts]]:
    return (pair.before, pair.before_in), (pair.after, pair.after_in)


def _bounds(sure: Sure) -> tuple[float | None, float | None]:
    return (None, None) if sure[0] is None else (sure[0].low, sure[0].high)


def _plain(value: Any) -> Plain:
    """Return a value as it is shown: a text on one line, a list cut, of a part only that it is there."""
    if value is ABSENT or value is None:
        return None
    if isinstance(value, Mapping):
        return "there"
    if isinstance(value, list):
        return (
            list_text(value) if not any(isinstance(row, Mapping) for row in value) else f"{len(value)} items"
        )
    return one_line(value, limit=TEXT_CHARACTERS) if isinstance(value, str) else value
