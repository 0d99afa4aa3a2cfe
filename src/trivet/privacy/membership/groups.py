"""Exposure of members by group."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.stats import hypergeom, norm

from trivet.errors import DataError, UsageError
from trivet.estimate import Estimate
from trivet.privacy.mechanism.bounds import lower, upper
from trivet.privacy.membership.rates import (
    DELONG,
    allowed_accusations,
    auroc,
    checked_scores,
    proportion,
    rate_at,
    without_rate,
)
from trivet.privacy.membership.recipe import is_network, kind
from trivet.privacy.membership.results import AttackResult, GroupExposure, RateAtFpr
from trivet.settings import Share, require
from trivet.verdict import EXPOSED, NO_EVIDENCE, SLIGHT
from trivet.wording import describe_error, one_line, quote, row_count

__all__ = [
    "FEWEST_ROWS",
    "LARGE_AREA",
    "Relabelled",
    "chance",
    "checked_groups",
    "checked_members",
    "checked_rows",
    "checked_tossed",
    "checked_units",
    "first_rows",
    "group_exposures",
    "judge",
    "most_exposed",
    "population_rows",
    "unit_groups",
    "unit_scores",
]

#: Conventions: from here on an attack is no longer slight. An AUROC above this,
LARGE_AREA: Final = 0.55
#: or members found at more than so many times the rate at which others are accused.
LARGE_RATIO: Final = 2.0
GUESSING: Final = 0.5


def judge(attacks: Sequence[AttackResult], *, error_rate: float = 0.05) -> tuple[str, str]:
    """Say whether any attack tells members from non-members, and whether by much."""
    # AUROCs are bounded by DeLong's normal interval, rates by Clopper-Pearson on both sides; the test against
    # a random order is exact, since its first t + k rows hold at most k non-members with a hypergeometric
    # probability. `error_rate` is divided among all tests (Bonferroni).
    tests = len(attacks) + sum(rate.tpr.value is not None for attack in attacks for rate in attack.rates)
    each = error_rate / tests
    ranked = sorted(attacks, key=lambda attack: -attack.auroc.value)
    for verdict, area, ratio in ((EXPOSED, LARGE_AREA, LARGE_RATIO), (SLIGHT, GUESSING, 1.0)):
        reason = next(_evidence(ranked, each, area=area, ratio=ratio), None)
        if reason is not None:
            return verdict, reason
    best = ranked[0]
    reason = (
        f"No attack beats guessing measurably: the best, {best.attack}, has an AUROC of "
        f"{best.auroc:.3f} on {best.members} members and {best.non_members} others."
    )
    return NO_EVIDENCE, reason


def _evidence(
    attacks: Sequence[AttackResult], error_rate: float, *, area: float, ratio: float
) -> Iterator[str]:
    """Yield sentences on attacks that are shown to pass a bound, areas first."""
    for attack in attacks:
        bound = _area_bound(attack, error_rate)
        if bound is not None and bound > area:
            yield (
                f"{attack.attack} tells members from non-members: AUROC {attack.auroc:.3f}, at least "
                f"{bound:.3f} with every test corrected for, where guessing gives {GUESSING:g}."
            )
    for attack in attacks:
        for rate in attack.rates:
            shown = (
                chance(rate, attack) <= error_rate if ratio == 1 else _ratio(rate, attack, error_rate) > ratio
            )
            if shown:
                yield (
                    f"{attack.attack} finds {rate.tpr:.2%} of the members while it accuses "
                    f"{rate.realised_fpr:.2%} of the others, more than chance allows."
                )


def _ratio(rate: RateAtFpr, attack: AttackResult, error_rate: float) -> float:
    """Lower bound on true over false positive rate at a threshold; 0 where there is no figure."""
    if rate.true_positives is None or rate.false_positives is None:
        return 0.0
    found = float(lower(rate.true_positives, attack.members, error_rate / 2))
    return found / float(upper(rate.false_positives, attack.non_members, error_rate / 2))


def area_and_error(measured: GroupExposure | AttackResult) -> tuple[float, float] | None:
    """Return the AUROC and its standard error, read back from the interval; None where it has none."""
    area, low, high = measured.auroc.value, measured.auroc.low, measured.auroc.high
    if area is None or low is None or high is None:
        return None
    # An end may be cut at 0 or 1; the other one is not then.
    return area, max(area - low, high - area) / float(norm.ppf((1 + measured.auroc.level) / 2))


def chance(rate: RateAtFpr, attack: AttackResult) -> float:
    """Return how often a random order of the rows does as well as the attack did at a rate."""
    if rate.true_positives is None:
        return 1.0
    rows = attack.members + attack.non_members
    first = rate.true_positives + rate.allowed
    return float(hypergeom.cdf(rate.allowed, rows, attack.non_members, first))


def _area_bound(attack: AttackResult, error_rate: float) -> float | None:
    measured = area_and_error(attack)
    return None if measured is None else measured[0] - float(norm.isf(error_rate)) * measured[1]


#: Fewer members or non-members leave DeLong's normal interval without its ground.
FEWEST_ROWS = 30


def group_exposures(
    scores: ArrayLike,
    members: ArrayLike,
    groups: Mapping[str, ArrayLike],
    *,
    rate: float = 0.01,
    level: float = 0.95,
) -> tuple[GroupExposure, ...]:
    """Measure an attack on each group of each column; one with too few rows has a reason instead."""
    s, m = checked_scores(scores, members)
    require(Share, level=level, rate=rate)
    common = rate_at(rate, s[m], s[~m], level=level)
    found: list[GroupExposure] = []
    for column, names in checked_groups(groups, len(s)).items():
        for name in np.unique(names):
            row = names == name
            found.append(_exposure(column, str(name), s[row & m], s[row & ~m], common, level))
    return tuple(found)


def most_exposed(
    groups: Sequence[GroupExposure], *, level: float = 0.95
) -> tuple[tuple[str, str] | None, str]:
    """Name the group that is measurably more exposed than the rest of its column, and say so."""
    # Each AUROC is compared with the mean of its column's other groups, weighted by members, by a one-sided
    # normal test; Holm 1979 holds the error over all groups of all columns to 1 - `level`.
    if not groups:
        return None, ""
    tests = [(p, g, rest) for g in groups if (compared := _against_rest(g, groups)) for p, rest in [compared]]
    if not tests:
        return None, "No column has two groups with rows enough to compare."
    tests.sort(key=lambda test: test[0])
    passed: list[tuple[GroupExposure, float]] = []
    for place, (p, group, rest) in enumerate(tests):
        if p > (1 - level) / (len(tests) - place):
            break
        passed.append((group, rest))
    if not passed:
        columns = " and ".join(dict.fromkeys(one_line(g.column) for _, g, _ in tests))
        return None, f"No measurable difference between the groups of {columns}."
    named, rest = max(passed, key=lambda pair: pair[0].auroc.value or 0.0)
    sentence = (
        f"Members with {one_line(named.column)} {quote(named.group)} are exposed most: "
        f"AUROC {named.auroc.value:.3f} [{named.auroc.low:.3f}, {named.auroc.high:.3f}] "
        f"against {rest:.3f} for the rest."
    )
    return (named.column, named.group), sentence


def _exposure(
    column: str,
    group: str,
    inside: NDArray[np.float64],
    outside: NDArray[np.float64],
    common: RateAtFpr,
    level: float,
) -> GroupExposure:
    p, q = len(inside), len(outside)
    few = (
        f"{p} members and {q} non-members are too few for figures of the group: "
        f"{FEWEST_ROWS} of each are needed"
        if min(p, q) < FEWEST_ROWS
        else None
    )
    threshold = common.threshold
    own = None if few else rate_at(common.fpr, inside, outside, level=level)
    measured = None if few or threshold is None else _above(inside, outside, threshold, level=level)
    missing = replace(common.tpr, value=None, low=None, high=None, reason=few or common.tpr.reason)
    found, accused, tpr, realised = measured or (None, None, missing, missing)
    return GroupExposure(
        column=column,
        group=group,
        members=p,
        non_members=q,
        auroc=replace(missing, method=DELONG) if few else auroc(inside, outside, level=level),
        fpr=common.fpr,
        threshold=threshold,
        tpr=tpr,
        true_positives=found,
        false_positives=accused,
        realised_fpr=realised,
        own=own or without_rate(common.fpr, allowed_accusations(common.fpr, q), few or "", level=level),
    )


def _above(
    inside: NDArray[np.float64], outside: NDArray[np.float64], threshold: float, *, level: float
) -> tuple[int, int, Estimate, Estimate]:
    """Return how many members and others lie above a threshold, and which shares these are."""
    found, accused = int((inside > threshold).sum()), int((outside > threshold).sum())
    shares = (proportion(found, len(inside), level=level), proportion(accused, len(outside), level=level))
    return found, accused, *shares


def _against_rest(group: GroupExposure, groups: Sequence[GroupExposure]) -> tuple[float, float] | None:
    """Return the p value of "no more exposed than the rest of its column" and the rest's AUROC."""
    others = [g for g in groups if g.column == group.column and g.group != group.group]
    here = area_and_error(group)
    rest = [(g.members, measured) for g in others if (measured := area_and_error(g))]
    if here is None or not rest:
        return None
    total = sum(weight for weight, _ in rest)
    area = sum(weight * value for weight, (value, _) in rest) / total
    variance = sum((weight * error / total) ** 2 for weight, (_, error) in rest) + here[1] ** 2
    return float(norm.sf((here[0] - area) / math.sqrt(variance))), area


#: Fewer rows, in all or of a class, say nothing about anything.
FEWEST_AUDITED_ROWS: Final = 40
FEWEST_OF_CLASS: Final = 10
#: Fewer units, in all or of a class, cannot be divided into those inside and those outside.
FEWEST_UNITS: Final = 20
FEWEST_UNITS_OF_CLASS: Final = 2


def checked_rows(X: Any, y: ArrayLike) -> tuple[Any, NDArray[np.int64], NDArray[Any]]:
    """Return features and labels as arrays of numbers, and the classes that the labels stand for."""
    try:
        features: Any = sparse.csr_matrix(X) if sparse.issparse(X) else np.asarray(X)
        values: Any = features.data if sparse.issparse(X) else features
        finite = values.dtype.kind in "biuf" and bool(np.isfinite(values).all())
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the features are not numbers ({describe_error(error)}); encode them first."
        ) from error
    if not finite:
        raise DataError(
            "the features should be finite numbers, found other values; encode text and fill what is missing "
            "first."
        )
    column = np.asarray(y)
    if features.ndim < 2 or column.shape != features.shape[:1]:  # noqa: PLR2004 - rows and features
        raise DataError(
            f"expected features of shape (rows, ...) and one label a row, found shapes {features.shape} and "
            f"{column.shape}."
        )
    classes, labels = np.unique(column, return_inverse=True)
    if len(classes) < 2:  # noqa: PLR2004 - two classes
        found = one_line(column[0]) if len(column) else "missing"
        raise DataError(f"all labels are {found}; expected two classes or more.")
    if len(column) < FEWEST_AUDITED_ROWS:
        raise DataError(f"there are {len(column)} rows; expected {FEWEST_AUDITED_ROWS} or more.")
    counts = np.bincount(labels)
    if counts.min() < FEWEST_OF_CLASS:
        rare = one_line(classes[counts.argmin()])
        way = "Leave such rows out, or join classes."
        if (counts < FEWEST_OF_CLASS).mean() > 1 / 2:
            way = f"There are {len(counts):,} classes: if the labels are amounts, make a few classes of them."
        raise DataError(
            f"the class {rare} has {row_count(int(counts.min()))}; expected {FEWEST_OF_CLASS} or more of "
            f"each. {way}"
        )
    return features, labels.astype(np.int64), classes


def checked_groups(groups: Mapping[str, ArrayLike], rows: int) -> dict[str, NDArray[np.str_]]:
    """Return each protected attribute as texts, one a row."""
    columns = {name: np.asarray(values).astype(str) for name, values in groups.items()}
    for name, values in columns.items():
        if values.shape != (rows,):
            raise DataError(
                f"the groups {quote(name)} should have one entry for each of the {rows} rows, found shape "
                f"{values.shape}."
            )
    return columns


def checked_units(unit: Any, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the unit that each row belongs to, from 0 in the order of their first rows."""
    column = np.asarray(unit)
    if column.shape != labels.shape:
        raise DataError(
            f"the units should have one entry for each of the {len(labels)} rows, found shape {column.shape}."
        )
    values = column.tolist()
    missing = np.ma.getmaskarray(unit) if isinstance(unit, np.ma.MaskedArray) else False
    without = int(np.sum(np.fromiter(map(_is_missing, values), dtype=np.bool_, count=len(values)) | missing))
    if without:
        raise DataError(
            f"{without} of {len(values)} rows have no unit; one is needed in each, since rows of an unknown "
            "person may be on both sides. Leave such rows out, or give each a unit of its own."
        )
    numbers: dict[Any, int] = {}
    try:
        units = np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
    except TypeError as error:
        raise DataError("the units should be numbers or texts, found other values.") from error
    if len(numbers) < FEWEST_UNITS:
        raise DataError(
            f"there are {len(numbers)} units; expected {FEWEST_UNITS} or more, since all rows of one are "
            "inside or outside together."
        )
    for label in range(int(labels.max()) + 1):
        count = len(np.unique(units[labels == label]))
        if count < FEWEST_UNITS_OF_CLASS:
            raise DataError(
                f"all rows of a class belong to {count} unit; expected {FEWEST_UNITS_OF_CLASS} or more. "
                "Leave such rows out, or join classes."
            )
    return units


def _is_missing(value: Any) -> bool:
    """Return whether a cell is None, not a number or time, or a blank text."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value  # noqa: PLR0124


def checked_members(members: ArrayLike, units: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return who is a member, one boolean a row."""
    rows = len(units)
    mask = np.asarray(members)
    if mask.shape != (rows,) or mask.dtype != np.bool_:
        raise DataError(
            f"members should be one boolean for each of the {rows} rows, found shape {mask.shape} of "
            f"{mask.dtype}."
        )
    inside, outside = np.unique(units[mask]), np.unique(units[~mask])
    divided = len(np.intersect1d(inside, outside, assume_unique=True))
    if divided:
        raise DataError(
            f"members should hold all rows of a unit or none, found {divided} units with rows on both sides; "
            "a row's twins on the other side hide it."
        )
    few = min(len(inside), len(outside))
    if few < FEWEST_OF_CLASS:
        raise DataError(
            f"members and others are compared, and there are {few} of one kind; expected {FEWEST_OF_CLASS} "
            "or more."
        )
    return mask


def checked_tossed(
    tossed: ArrayLike | None, units: NDArray[np.int64], *, all_of_them: bool
) -> NDArray[np.bool_]:
    """Return the rows whose membership a coin decided; all where trivet tosses, none where nobody says so."""
    if tossed is None:
        return np.full(len(units), all_of_them)
    if all_of_them:
        raise UsageError(
            "tossed rows are those of a model with members; trivet tosses for all others itself."
        )
    mask = np.asarray(tossed)
    if mask.shape != units.shape or mask.dtype != np.bool_ or not mask.any():
        raise DataError(
            f"tossed should be one boolean for each of the {len(units)} rows, some of them true, found shape "
            f"{mask.shape} of {mask.dtype}."
        )
    divided = len(np.intersect1d(units[mask], units[~mask]))
    if divided:
        raise DataError(f"tossed should hold all rows of a unit or none, found {divided} units with some.")
    return mask


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A fitted model whose classes are called by their places among those of the data."""

    model: Any
    classes_: NDArray[np.int64]

    @classmethod
    def of(cls, model: Any, classes: NDArray[Any]) -> Self:
        """Wrap a model whose classes are among `classes`; a trained network has a logit for each of them."""
        try:
            if is_network(model):
                from trivet.privacy.membership.torch_classifier import trained_network  # noqa: PLC0415 - PyTorch

                return cls(trained_network(model, classes), np.arange(len(classes)))
            known = np.asarray(model.classes_)
            fits = known.ndim == 1 and callable(model.predict_proba)
            among = fits and bool(np.isin(known, classes).all())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the user's code can fail in any way, and exit
            raise DataError(
                "the target should be a fitted classifier with predict_proba and classes_, or a trained "
                f"torch.nn.Module; found a {kind(model)} ({describe_error(error)})."
            ) from error
        if not among:
            raise DataError(
                f"the target knows the classes {one_line(known.tolist())}, the data "
                f"{one_line(classes.tolist())}."
            )
        return cls(model, np.searchsorted(classes, known).astype(np.int64))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the model's probabilities."""
        return self.model.predict_proba(X)


def unit_scores(scores: NDArray[np.float64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean score of each unit's rows, shape (units,)."""
    # A sum would grow with the number of rows, inside or not, and so would the largest by chance.
    return np.bincount(units, scores) / np.bincount(units)


def first_rows(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each unit's first row, shape (units,)."""
    return np.unique(units, return_index=True)[1]


def unit_groups(
    groups: Mapping[str, NDArray[np.str_]], units: NDArray[np.int64]
) -> dict[str, NDArray[np.str_]]:
    """Return each unit's group: that of most of its rows, of equally many the first in the order of text."""
    found: dict[str, NDArray[np.str_]] = {}
    for column, values in groups.items():
        names, codes = np.unique(values, return_inverse=True)
        pairs, counts = np.unique(units * len(names) + codes, return_counts=True)
        owners = pairs // len(names)
        order = np.lexsort((pairs, -counts, owners))
        first = order[np.unique(owners[order], return_index=True)[1]]
        found[column] = names[pairs[first] % len(names)]
    return found


def population_rows(
    units: NDArray[np.int64], most: int, *, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw units, two or more, and return all their rows: at most `most`, or those of two units."""
    sizes = np.bincount(units)
    order = generator.permutation(len(sizes))
    kept = max(2, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[order[:kept]] = True
    return np.flatnonzero(chosen[units])
