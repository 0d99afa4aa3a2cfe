"""Effect of noise in the counts on the disparity between two groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from trivet.effects.results import Change, Intervention, Measurement, unmeasured
from trivet.fairness.auditing.results import REFERENCE, AttributeAudit, FairnessAudit, GroupAudit
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.metrics.comparisons import within_band
from trivet.privacy import laplace
from trivet.privacy.membership.rates import proportion_interval
from trivet.wording import one_line

__all__ = [
    "CountedPair",
    "audited_pairs",
    "impact_changes",
    "impact_measurements",
    "impact_of",
    "noise_changes",
    "noise_interventions",
    "noisy_impacts",
]

#: A row that is added or removed changes one of the counts by one.
SENSITIVITY = 1
#: Resamplings of the draws for the interval of a width.
RESAMPLINGS = 400
#: Fewer draws that give a ratio say nothing about the middle of them.
FEWEST_RATIOS = 100


@dataclass(frozen=True)
class ImpactChanges:
    """Changes caused by noise."""

    impact: Change
    width: Change
    verdict: Change


def impact_of(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the ratio of the two groups' selection rates, NaN where noise leaves none."""
    held = np.maximum(counts, 0).sum(axis=-2).astype(np.float64)  # [group, prediction]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = held[..., 1] / held.sum(axis=-1)
        ratio = rates[..., PROTECTED] / rates[..., PRIVILEGED]
    return np.where(np.isfinite(ratio), ratio, np.nan)


def noisy_impacts(
    counts: NDArray[Any],
    *,
    epsilon: float,
    draws: int,
    generator: np.random.Generator,
    heaviest: float | None = None,
) -> NDArray[np.float64]:
    """Return the ratio of each of so many releases of counts with discrete Laplace noise, NaN where none.

    Sums of weights, of which `heaviest` is the largest, get continuous noise of as much larger a scale.
    """
    scale = laplace.scale(sensitivity=heaviest or SENSITIVITY, epsilon=epsilon)
    shape = draws, *counts.shape[-3:]
    if heaviest is not None:
        return impact_of(counts + generator.laplace(0.0, scale, shape))
    noise = laplace.perturb_integer(0, scale=scale, generator=generator, size=math.prod(shape))
    return impact_of(counts + noise.reshape(shape))


def impact_changes(
    pair: "CountedPair",
    *,
    epsilon: float,
    draws: int,
    four_fifths: float,
    level: float,
    samples: np.random.Generator,
    noise: np.random.Generator,
) -> ImpactChanges:
    """Compare a disparate impact read off noisy counts with the exact one."""
    counts = pair.counts
    if counts is None:
        gone = unmeasured(pair.reason or "there are no counts")
        return ImpactChanges(gone, gone, gone)
    exact = float(impact_of(counts))
    if not np.isfinite(exact):
        gone = unmeasured("the exact counts give no ratio")
        return ImpactChanges(gone, gone, gone)
    release = partial(noisy_impacts, epsilon=epsilon, draws=draws, generator=noise, heaviest=pair.heaviest)
    released = release(counts)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    drawn = _resampled(pair, draws, samples)
    return ImpactChanges(
        impact=_impact(exact, released, tails, level),
        width=unmeasured("the rows come in clusters, and samples here are of single rows")
        if drawn is None
        else _width(impact_of(drawn), release(drawn), tails, noise),
        verdict=_verdict(exact, released, four_fifths, level),
    )


def _resampled(pair: "CountedPair", draws: int, generator: np.random.Generator) -> NDArray[Any] | None:
    """Return counts of samples of as many rows, shape (draws, 2, labels, 2); None where nothing says how.

    A sum of weights is as many times the mean weight as a Poisson variable says, both of which are chosen so
    that mean and variance are right: the sum of the weights, and that of their squares.
    """
    counts = pair.counts
    assert counts is not None
    if pair.heaviest is None:
        sampled = generator.multinomial(counts.sum(), counts.ravel() / counts.sum(), size=draws)
        return sampled.reshape(draws, *counts.shape)
    if pair.squares is None:
        return None
    mean = np.divide(pair.squares, counts, out=np.zeros_like(counts), where=counts > 0)
    rows = np.divide(counts, mean, out=np.zeros_like(counts), where=mean > 0)
    return mean * generator.poisson(rows, size=(draws, *counts.shape))


def _impact(exact: float, released: NDArray[np.float64], tails: NDArray[np.float64], level: float) -> Change:
    ratios = np.sort(released[np.isfinite(released)])
    draws = len(ratios)
    if draws < FEWEST_RATIOS:
        return unmeasured(f"only {draws} of {len(released)} releases give a ratio")
    # Of so many draws, how many lie below the median is binomial: no shape is taken for granted.
    below = int(binom.ppf(tails[0], draws, 0.5)) - 1
    low, high = ratios[below] - exact, ratios[draws - 1 - below] - exact
    median = float(np.median(ratios))
    least, most = np.quantile(ratios, tails).tolist()
    note = f"These are medians; {level:.0%} of the releases lie between {least:.3f} and {most:.3f}."
    if draws < len(released):
        note += f" In {1 - draws / len(released):.1%} of them there is no ratio; they are left out."
    return Change(exact, median, median - exact, float(low), float(high), note=note)


def _width(
    sampled: NDArray[np.float64],
    both: NDArray[np.float64],
    tails: NDArray[np.float64],
    generator: np.random.Generator,
) -> Change:
    usable = np.isfinite(sampled), np.isfinite(both)
    fewest = min(int(side.sum()) for side in usable)
    if fewest < FEWEST_RATIOS:
        return unmeasured(f"only {fewest} of {len(both)} releases give a ratio")
    (low_before, high_before), (low_after, high_after) = (
        np.nanquantile(ratios, tails).tolist() for ratios in (sampled, both)
    )
    drawn = np.empty(RESAMPLINGS)
    for turn in range(RESAMPLINGS):
        rows = generator.integers(len(both), size=len(both))
        ends = [
            np.quantile(ratios[rows][side[rows]], tails)
            for ratios, side in ((sampled, usable[0]), (both, usable[1]))
        ]
        drawn[turn] = np.diff(ends[1])[0] - np.diff(ends[0])[0]
    before, after = high_before - low_before, high_after - low_after
    low, high = np.quantile(drawn, tails).tolist()
    change = after - before
    note = (
        f"Sampling alone gives {low_before:.3f} to {high_before:.3f}, sampling and noise {low_after:.3f} to "
        f"{high_after:.3f} around a median of {float(np.nanmedian(both)):.3f}."
    )
    return Change(before, after, change, min(low, change), max(high, change), note=note)


def _verdict(exact: float, released: NDArray[np.float64], four_fifths: float, level: float) -> Change:
    held = bool(within_band(exact, four_fifths=four_fifths))
    ratios = np.isfinite(released)
    same = np.zeros(len(released), dtype=np.bool_)
    same[ratios] = within_band(released[ratios], four_fifths=four_fifths) == held
    other = int((~same).sum())
    low, high = proportion_interval(other, len(released), level=level)
    share = other / len(released)
    note = f"The exact ratio lies {'inside' if held else 'outside'} the band."
    return Change(0.0, share, share, low, high, note=note)


@dataclass(frozen=True, eq=False)
class CountedPair:
    """Two groups, and how many rows they have by label and prediction.

    Attributes
    ----------
    protected, privileged
        The groups.
    counts
        Shape (2, labels, 2), protected first; without labels there is one entry for them. Of rows with
        weights the sums of these. None where they are not known.
    reason
        Why they are not; else None.
    heaviest, squares
        The largest weight of a row, and the sums of squared weights, of the shape of `counts`; None where
        each row counts once, the squares also where rows come in clusters.
    rows
        Rows of both groups.
    """

    protected: str
    privileged: str
    counts: NDArray[Any] | None
    reason: str | None = None
    heaviest: float | None = None
    squares: NDArray[np.float64] | None = None
    rows: int = 0


def audited_pairs(
    audit: FairnessAudit, weighted: tuple[GroupCounts, float] | None = None
) -> tuple[tuple[CountedPair, ...], tuple[str, ...]]:
    """Return every group of an audit beside its reference group, and a sentence on those left aside.

    `weighted` are the counts and the largest weight where rows have weights.
    """
    pairs: list[CountedPair] = []
    few: list[str] = []
    said: list[str] = []
    single = [each for each in audit.attributes if len(each.columns) == 1]
    for attribute in single:
        known = {group.group: group for group in attribute.groups}
        reference = known.get(attribute.reference)
        if reference is None:
            said.append(
                f"Noise was not added to the counts by {one_line(attribute.name)}: it is of two groups, and "
                f"here the others are compared with {one_line(attribute.reference)}."
            )
        for group in attribute.groups:
            if group.verdict == REFERENCE or reference is None:
                continue
            if group.rows < SMALLEST * audit.rows:
                few.append(f"{one_line(attribute.name)} {one_line(group.group)} ({group.rows:,})")
                continue
            pairs.append(_pair(audit, attribute, group, reference, weighted, named=len(single) > 1))
    if few:
        said.append(f"Left aside in the counts, with less than two percent of the rows: {', '.join(few)}.")
    if len(audit.attributes) > len(single):
        said.append("Noise was added to the counts of each attribute by itself, not of several together.")
    return tuple(pairs), tuple(said)


def _pair(
    audit: FairnessAudit,
    attribute: AttributeAudit,
    group: GroupAudit,
    reference: GroupAudit,
    weighted: tuple[GroupCounts, float] | None,
    *,
    named: bool,
) -> CountedPair:
    protected = f"{one_line(attribute.name)} {one_line(group.group)}" if named else one_line(group.group)
    names, rows = (protected, one_line(reference.group)), group.rows + reference.rows
    if attribute.withheld or audit.suppressed_below is not None:
        return CountedPair(*names, None, "small counts are suppressed")
    if weighted is None:
        counts = np.stack([_counts(each, labelled=audit.labelled) for each in (group, reference)])
        return CountedPair(*names, counts, rows=rows)
    counted, heaviest = weighted
    own = counted.over(*attribute.columns)
    assert own.weights is not None
    places, labels = [own.names.index(each.group) for each in (group, reference)], 2 if audit.labelled else 1
    sums = own.weights.sums.sum(axis=0)[places, :labels]
    squares = None if own.weights.squares is None else own.weights.squares.sum(axis=0)[places, :labels]
    return CountedPair(*names, sums, None, heaviest, squares, rows)


def _counts(group: GroupAudit, *, labelled: bool) -> NDArray[np.int64]:
    """Return a group's rows by label and prediction, shape (labels, 2)."""
    if not labelled:
        return np.array([[group.rows - group.selected, group.selected]], dtype=np.int64)
    hits = round((group.true_positive_rate.value or 0.0) * group.positives)
    alarms = group.selected - hits
    negatives = group.rows - group.positives
    return np.array([[negatives - alarms, alarms], [group.positives - hits, hits]], dtype=np.int64)


#: Smaller groups, as a share of the rows, are left aside.
SMALLEST: Final = 0.02


def _impacts(protected: str, privileged: str) -> tuple[Measurement, ...]:
    whom = f"of {protected} against {privileged}"
    measured = partial(Measurement, leg="fairness")
    return (
        measured(
            name=f"impact-{protected}",
            title=f"disparate impact {whom}",
            short=f"{protected},\ndisparate impact",
            unit="ratio of selection rates, from 0 up",
            scale=f"impact-{protected}",
            better="neither",
            interval="order statistics of the median over the draws",
        ),
        measured(
            name=f"width-{protected}",
            title=f"width of the interval of the disparate impact {whom}",
            short=f"{protected}, width\nof its interval",
            unit="difference of ratios, from 0 up",
            scale=f"width-{protected}",
            better="lower",
            interval="bootstrap over the draws; the width is of sampling and noise together",
        ),
        measured(
            name=f"verdict-{protected}",
            title=f"share of releases with another four-fifths verdict on {protected} against {privileged}",
            short=f"{protected},\nother verdicts",
            unit="share of releases, from 0 to 1; one that gives no ratio counts",
            scale="verdict",
            better="lower",
            interval="Clopper-Pearson over the draws",
        ),
    )


def impact_measurements(pairs: Sequence[CountedPair]) -> tuple[Measurement, ...]:
    """Return the columns of the noise, in their order."""
    return tuple(each for pair in pairs for each in _impacts(pair.protected, pair.privileged))


def noise_interventions(epsilons: Sequence[float]) -> tuple[Intervention, ...]:
    """Return a row for each epsilon, from the least noise to the most."""
    return tuple(
        Intervention(
            name=f"noise-{epsilon:g}",
            title=f"noise at epsilon {epsilon:g}",
            short=f"noise, epsilon {epsilon:g}",
            leg="privacy",
            note="Each count by group, label and prediction gets discrete Laplace noise; sums of weights get "
            "Laplace noise.",
        )
        for epsilon in sorted(set(epsilons), reverse=True)
    )


def noise_changes(
    pairs: Sequence[CountedPair],
    epsilons: Sequence[float],
    *,
    draws: int,
    four_fifths: float,
    level: float,
    seed: int,
) -> dict[tuple[str, str], Change]:
    """Simulate the noise at each epsilon on each pair of groups."""
    changes: dict[tuple[str, str], Change] = {}
    for row, intervention in enumerate(noise_interventions(epsilons)):
        epsilon = sorted(set(epsilons), reverse=True)[row]
        for place, pair in enumerate(pairs):
            found = impact_changes(
                pair,
                epsilon=epsilon,
                draws=draws,
                four_fifths=four_fifths,
                level=level,
                samples=np.random.default_rng([seed, place]),
                noise=np.random.default_rng([seed, place, 1 + row]),
            )
            for name, change in (
                ("impact", found.impact),
                ("width", found.width),
                ("verdict", found.verdict),
            ):
                changes[intervention.name, f"{name}-{pair.protected}"] = change
    return changes
