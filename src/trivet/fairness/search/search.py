"""Search of rows for subgroups whose rates differ, and whose scores are not what they say."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from threadpoolctl import threadpool_limits

from trivet.errors import DataError, UsageError
from trivet.fairness.intervals.shares import holm, share_interval
from trivet.fairness.search.binning import BinnedColumn, bin_columns
from trivet.fairness.search.bitsets import Blocks, Words
from trivet.fairness.search.calibration import Scored, search_calibration
from trivet.fairness.search.exact import exact_quantiles, score_quantiles
from trivet.fairness.search.found import (
    Difference,
    choose_differences,
    conditions_of,
    described,
    detectable,
    excludes_zero,
)
from trivet.fairness.search.rates import Rates, outcome_masks, searched_rates
from trivet.fairness.search.results import (
    CalibrationSearch,
    Condition,
    Detectable,
    ExplainedSubgroup,
    LeftOutColumn,
    SearchedColumn,
    SearchedMetric,
    Subgroup,
    SubgroupSearch,
    description_of,
)
from trivet.fairness.search.simultaneous import DRAWS, Compared, compare_groups, count_groups
from trivet.fairness.search.tree import Groups, find_groups
from trivet.fairness.search.wording import LIMITS, split_statement, statement
from trivet.settings import Count, Seed, Share, require
from trivet.tables.features import Features

__all__ = ["FEWEST", "MOST_GROUPS", "differences_beyond", "search_rows", "usual_fewest"]

Progress = Callable[[str, float | None], object]

#: Rows at least of a subgroup, however few there are in all; and of many rows this share.
FEWEST: Final = 30
LEAST_SHARE: Final = 0.001
DEEPEST: Final = 3
MOST_GROUPS: Final = 100_000
MOST_EXPLAINED: Final = 200
#: Subgroups that one half of the rows proposes and the other tests.
PROPOSED: Final = 20
#: A proposal whose difference is below this, others held fixed, is the same proposal again.
SAME: Final = 2.5
#: Differences this far below the critical value are not made exact.
MARGIN: Final = 1.0


@dataclass(frozen=True, eq=False)
class _Space:
    """Conditions that subgroups are made of, before the rows are put in an order."""

    columns: tuple[BinnedColumn, ...]
    conditions: tuple[Condition, ...]
    places: NDArray[np.int64]
    codes: tuple[int, ...]
    left_out: tuple[LeftOutColumn, ...]

    def words(self, pack: Callable[[NDArray[np.bool_]], Words], order: NDArray[np.int64]) -> Words:
        """Return the rows that meet each condition, in an order."""
        found: list[Words] = []
        for place, column in enumerate(self.columns):
            codes = column.codes[order]
            found += [
                pack(codes == code)
                for own, code in zip(self.places.tolist(), self.codes, strict=True)
                if own == place
            ]
        return np.stack(found)


def usual_fewest(rows: int) -> int:
    """Return how many rows a subgroup has at least where nothing else is said."""
    return max(FEWEST, math.ceil(LEAST_SHARE * rows))


def search_rows(
    features: Features,
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    *,
    scores: NDArray[np.float64] | None = None,
    metrics: tuple[str, ...] = (),
    left_out: Sequence[LeftOutColumn] = (),
    fewest: int | None = None,
    depth: int = DEEPEST,
    most: int = MOST_GROUPS,
    split: bool = False,
    level: float = 0.95,
    seed: int = 0,
    draws: int = DRAWS,
    workers: int | None = None,
    progress: Progress = lambda _step, _share: None,
) -> SubgroupSearch:
    """Search all conjunctions of up to three conditions for rates that differ from those of the rest.

    Parameters
    ----------
    features
        Columns that subgroups are made of, of shape (rows, columns).
    predictions, labels
        0 or 1, shape (rows,); labels are None where there are none.
    scores
        Probabilities in [0, 1], shape (rows,), for a search of their calibration as well.
    metrics
        Names of rates that are shares of rows; by default selection rate, and true and false positive rate
        where there are labels. Intervals and p-values hold for all of them at once.
    left_out
        Columns that are not among the features, and why, for the result.
    fewest
        Rows at least of a subgroup and of the rest: by default 30, or a thousandth of the rows.
    depth
        Conditions at most, 1 to 3.
    most
        Subgroups at most; the largest are extended first.
    split
        Propose subgroups on one half of the rows and test them on the other by exact tests, rather than find
        and test them on all rows by the multiplier bootstrap.
    level
        Confidence level of all intervals and p-values together.
    seed
        Of the order of the rows, the draws and the halves.
    draws
        Of the multiplier bootstrap.
    workers
        Threads; the result does not depend on them.

    Returns
    -------
    SubgroupSearch

    Raises
    ------
    UsageError, DataError
        If a metric is unknown or needs labels; if there are too few rows, or no column has two values.
    """
    require(Share, level=level)
    require(Seed, seed=seed)
    require(Count, most=most, draws=draws)
    rows = len(predictions)
    fewest = usual_fewest(rows) if fewest is None else fewest
    require(Count, fewest=fewest)
    if not 1 <= depth <= DEEPEST:
        raise UsageError(f"depth is {depth}; expected 1 to {DEEPEST}.")
    parts = 2 if split else 1
    if rows < 2 * fewest * parts:
        raise DataError(
            f"a search for subgroups of {fewest} rows and more needs {2 * fewest * parts:,} rows, found "
            f"{rows:,}."
        )
    search = _Search(
        space=_space(features, fewest, tuple(left_out)),
        rates=searched_rates(metrics, labelled=labels is not None),
        selected=predictions > 0,
        labels=None if labels is None else labels > 0,
        order=np.random.default_rng(seed).permutation(rows),
        fewest=fewest,
        depth=depth,
        most=most,
        level=level,
        seed=seed,
        draws=draws,
        workers=workers or os.cpu_count() or 1,
    )
    # More threads of the linear algebra only get in each other's way, and sum in another order.
    with threadpool_limits(1):
        progress("subgroups", None)
        found = search.split() if split else search.together()
        if scores is None or labels is None:
            return found
        progress("calibration of subgroups", None)
        return replace(found, calibration=search.calibration(scores))


def _space(features: Features, fewest: int, left_out: tuple[LeftOutColumn, ...]) -> _Space:
    """Bin the columns, and leave out those of which no value divides the rows."""
    columns: list[BinnedColumn] = []
    conditions: list[Condition] = []
    places: list[int] = []
    codes: list[int] = []
    useless: list[LeftOutColumn] = []
    for column in bin_columns(features, fewest):
        rows = np.bincount(column.codes, minlength=len(column.conditions))
        useful = np.flatnonzero((rows >= fewest) & (rows <= len(features) - fewest)).tolist()
        if not useful:
            reason = f"no value of it divides the rows into parts of {fewest:,} or more"
            useless.append(LeftOutColumn(column.name, reason))
            continue
        places += [len(columns)] * len(useful)
        codes += useful
        conditions += [column.conditions[code] for code in useful]
        columns.append(column)
    if not columns:
        raise DataError(
            f"no column has a value that divides the rows into parts of {fewest:,} or more; name other "
            "columns, or take fewer rows for a subgroup."
        )
    return _Space(tuple(columns), tuple(conditions), np.array(places), tuple(codes), (*left_out, *useless))


@dataclass(frozen=True, eq=False)
class _Search:
    """The rows and the settings of a search."""

    space: _Space
    rates: Rates
    selected: NDArray[np.bool_]
    labels: NDArray[np.bool_] | None
    order: NDArray[np.int64]
    fewest: int
    depth: int
    most: int
    level: float
    seed: int
    draws: int
    workers: int

    def together(self) -> SubgroupSearch:
        """Find and test on all rows."""
        blocks = Blocks.of(len(self.order))
        words, masks = self._sets(blocks, self.order)
        groups = self._groups(words, len(self.order))
        compared = compare_groups(
            words,
            groups,
            masks,
            self.rates,
            blocks,
            fewest=self.fewest,
            seed=self.seed,
            draws=self.draws,
            workers=self.workers,
        )
        critical = compared.critical(self.level)
        differences = differences_beyond(compared, critical)
        chosen = choose_differences(differences, words, groups, masks, self.rates.rates, critical=critical)
        found = tuple(
            self._subgroup(
                groups,
                each,
                compared.counts(each.rate, each.group),
                compared.adjusted(each.z),
                critical,
                stands_for=len(explained),
            )
            for each, explained in zip(chosen.listed, chosen.explained, strict=True)
        )
        explained = [
            ExplainedSubgroup(
                description_of(self._conditions(groups, each)),
                by.metric,
                int(compared.n[each.rate, each.group]),
                _gap(*compared.counts(each.rate, each.group)),
                by.description,
            )
            for by, others in zip(found, chosen.explained, strict=True)
            for each in others
        ]
        gaps = tuple(
            each
            for place, rate in enumerate(self.rates.rates)
            for each in detectable(
                rate.name,
                compared.n[place, compared.tested[place]],
                int(compared.all_x[place]),
                int(compared.all_n[place]),
                critical,
            )
        )
        return self._result(
            "simultaneous",
            groups,
            compared,
            critical=critical,
            bonferroni=compared.bonferroni(self.level),
            blocks=blocks.blocks,
            beyond=len(differences),
            found=found,
            explained=tuple(explained[:MOST_EXPLAINED]),
            gaps=gaps,
            said=statement(
                found,
                len(differences),
                compared.comparisons,
                gaps,
                level=self.level,
                searched={
                    rate.name: self.fewest / max(int(n), 1)
                    for rate, n in zip(self.rates.rates, compared.all_n, strict=True)
                },
                whole=groups.unsearched == 0,
            ),
        )

    def split(self) -> SubgroupSearch:
        """Propose subgroups on one half of the rows, and test them on the other."""
        halves = np.array_split(self.order, 2)
        (words, masks), (other_words, other_masks) = (
            self._sets(Blocks.of(len(half)), half) for half in halves
        )
        groups = self._groups(words, len(halves[0]))
        first = _counted(words, groups, masks, self.rates, self.fewest, self.workers)
        differences = differences_beyond(first, SAME)
        shown = math.ceil(PROPOSED / len(self.rates.rates))
        proposals = choose_differences(
            differences, words, groups, masks, self.rates.rates, critical=SAME, shown=shown
        ).listed
        second = _counted(other_words, groups, other_masks, self.rates, self.fewest, self.workers)
        # A proposal whose rows are too few in the other half is tested by as few: exact tests allow that.
        z = [_exact(second, each) for each in proposals]
        adjusted = holm([2 * float(ndtr(-abs(each))) for each in z])
        critical = float(-ndtri((1 - self.level) / 2 / max(len(proposals), 1)))
        confirmed = sorted(
            (
                place
                for place, (first_z, second_z) in enumerate(
                    zip((each.z for each in proposals), z, strict=True)
                )
                if (adjusted[place] or 0.0) <= 1 - self.level and first_z * second_z > 0
            ),
            key=lambda place: -abs(z[place]),
        )
        found = tuple(
            self._subgroup(
                groups,
                proposals[place],
                second.counts(proposals[place].rate, proposals[place].group),
                float(adjusted[place] or 0.0),
                critical,
                z=z[place],
            )
            for place in confirmed
        )
        return self._result(
            "split",
            groups,
            first,
            critical=critical,
            bonferroni=first.bonferroni(self.level),
            blocks=0,
            beyond=len(found),
            found=found,
            explained=(),
            gaps=(),
            said=split_statement(found, len(proposals), first.comparisons, level=self.level),
        )

    def calibration(self, scores: NDArray[np.float64]) -> CalibrationSearch:
        """Test the calibration of the scores in each subgroup."""
        assert self.labels is not None
        # Rows with equal scores stay in the random order.
        order = self.order[np.argsort(scores[self.order], kind="stable")]
        scored = Scored.of(self.labels[order], scores[order])
        words = self.space.words(scored.blocks.pack_in_order, order)
        groups = self._groups(words, len(order))
        return search_calibration(
            scored, words, groups, self.space.conditions, level=self.level, workers=self.workers
        )

    def _sets(self, blocks: Blocks, order: NDArray[np.int64]) -> tuple[Words, Words]:
        labels = None if self.labels is None else self.labels[order]
        masks = blocks.pack(outcome_masks(self.rates, self.selected[order], labels))
        return self.space.words(blocks.pack, order), masks

    def _groups(self, words: Words, rows: int) -> Groups:
        return find_groups(
            words,
            self.space.places,
            rows,
            fewest=self.fewest,
            depth=self.depth,
            most=self.most,
            workers=self.workers,
        )

    def _conditions(self, groups: Groups, each: Difference) -> tuple[Condition, ...]:
        return conditions_of(groups.members[each.group], self.space.conditions)

    def _subgroup(
        self,
        groups: Groups,
        each: Difference,
        counts: tuple[int, int, int, int],
        p_adjusted: float,
        critical: float,
        *,
        z: float | None = None,
        stands_for: int = 0,
    ) -> Subgroup:
        return described(
            self._conditions(groups, each),
            self.rates.rates[each.rate].name,
            counts,
            z=each.z if z is None else z,
            p_adjusted=p_adjusted,
            critical=critical,
            level=self.level,
            stands_for=stands_for,
        )

    def _result(
        self,
        mode: str,
        groups: Groups,
        compared: Compared,
        *,
        critical: float,
        bonferroni: float,
        blocks: int,
        beyond: int,
        found: tuple[Subgroup, ...],
        explained: tuple[ExplainedSubgroup, ...],
        gaps: tuple[Detectable, ...],
        said: str,
    ) -> SubgroupSearch:
        space = self.space
        return SubgroupSearch(
            rows=len(self.order),
            mode=mode,
            metrics=tuple(
                SearchedMetric(rate.name, n, share_interval(x, n, level=self.level), int(tested.sum()))
                for rate, x, n, tested in zip(
                    self.rates.rates,
                    compared.all_x.tolist(),
                    compared.all_n.tolist(),
                    compared.tested,
                    strict=True,
                )
            ),
            columns=tuple(
                SearchedColumn(
                    column.name, tuple(each.text for each in space.conditions if each.column == column.name)
                )
                for column in space.columns
            ),
            left_out=space.left_out,
            depth=self.depth,
            fewest=self.fewest,
            subgroups=tuple(np.bincount(groups.lengths, minlength=self.depth + 1)[1:].tolist()),
            not_searched=None
            if groups.unsearched == 0
            else (
                f"{groups.unsearched:,} longer conjunctions, of the smaller subgroups, were not looked at: "
                f"no more than {self.most:,} subgroups are."
            ),
            level=self.level,
            critical=critical,
            bonferroni=bonferroni,
            draws=self.draws if blocks else 0,
            blocks=blocks,
            seed=self.seed,
            beyond=beyond,
            found=found,
            explained=explained,
            detectable=gaps,
            calibration=None,
            statement=said,
            limits=LIMITS,
        )


def _counted(words: Words, groups: Groups, masks: Words, rates: Rates, fewest: int, workers: int) -> Compared:
    """Count without a bootstrap."""
    x, n = count_groups(words, groups, masks, rates, workers=workers)
    all_x, all_n = x[:, -1], n[:, -1]
    x, n = x[:, :-1], n[:, :-1]
    tested = (n >= fewest) & (all_n[:, None] - n >= fewest) & ((all_x > 0) & (all_x < all_n))[:, None]
    return Compared(x, n, all_x, all_n, tested, np.array([]))


def differences_beyond(compared: Compared, critical: float) -> list[Difference]:
    """Return differences whose exact quantile is beyond a critical value, and whose interval agrees."""
    found: list[Difference] = []
    for place in range(len(compared.all_n)):
        all_x, all_n = int(compared.all_x[place]), int(compared.all_n[place])
        scores = score_quantiles(compared.x[place], compared.n[place], all_x, all_n)
        near = np.flatnonzero(compared.tested[place] & (np.abs(scores) > critical - MARGIN))
        x, n = compared.x[place, near], compared.n[place, near]
        z = exact_quantiles(x, n, all_x, all_n)
        out = (np.abs(z) > critical) & excludes_zero(x, n, all_x, all_n, critical)
        found += [
            Difference(group, place, float(each))
            for group, each in zip(near[out].tolist(), z[out].tolist(), strict=True)
        ]
    return found


def _exact(compared: Compared, each: Difference) -> float:
    """Return the exact quantile of one difference."""
    x, n, all_x, all_n = compared.counts(each.rate, each.group)
    return float(exact_quantiles(np.array([x]), np.array([n]), all_x, all_n)[0])


def _gap(x: int, n: int, all_x: int, all_n: int) -> float:
    return x / n - (all_x - x) / (all_n - n)
