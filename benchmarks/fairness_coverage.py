"""Coverage of the intervals of every fairness metric, by simulation.

Draws surveys and plain tables from populations whose figures are known, 2,000 of each by default, and
counts how often the interval of each metric holds its figure. Writes docs/data/fairness-coverage.json, from
which docs/fairness-metrics.md has its table.

Usage: python benchmarks/fairness_coverage.py [SIMULATIONS]
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from trivet.estimate import Estimate
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.weights import WeightSums
from trivet.fairness.explain.classes import decompose_counts
from trivet.fairness.intervals.bootstrap import bootstrap_bounds
from trivet.fairness.intervals.shares import area_interval
from trivet.fairness.measures.comparing import _compared as compared
from trivet.fairness.measures.comparing import metric_by_group
from trivet.fairness.measures.registry import MEASURES
from trivet.fairness.measures.sides import Sides
from trivet.fairness.metrics.comparisons import SPREADS
from trivet.fairness.metrics.scores import group_aucs
from trivet.fairness.outcomes.amounts import _Ordered as Ordered
from trivet.fairness.outcomes.by_group import by_group
from trivet.fairness.outcomes.classes import _macro as macro
from trivet.fairness.outcomes.distances import kolmogorov_smirnov, wasserstein
from trivet.fairness.outcomes.means import GroupMeans, RowDesign
from trivet.fairness.outcomes.quantiles import SHARES, quantile_difference, quantile_ratio
from trivet.fairness.outcomes.rankings import _top as top_shares
from trivet.fairness.outcomes.reading import NumberRows

DATA = Path(__file__).parent.parent / "docs" / "data" / "fairness-coverage.json"
SIMULATIONS, LEVEL = 2_000, 0.95
ROUNDING = 1e-9


@dataclass
class Tally:
    """Intervals of one figure: how many there are, and how many miss it on either side."""

    simulations: int = 0
    none: int = 0
    below: int = 0
    above: int = 0
    methods: Counter[str] = field(default_factory=Counter)

    def add(self, estimate: Estimate, truth: float) -> None:
        """Count one interval."""
        self.simulations += 1
        if estimate.low is None and estimate.high is None:
            self.none += 1
            return
        self.methods[estimate.method] += 1
        slack = ROUNDING * max(1.0, abs(truth))
        self.below += estimate.high is not None and truth > estimate.high + slack
        self.above += estimate.low is not None and truth < estimate.low - slack


class Tallies:
    """All figures of one kind of sample."""

    def __init__(self, kind: str, sample: str) -> None:
        self.kind, self.sample, self.found = kind, sample, dict[tuple[str, str], Tally]()

    def add(self, metric: str, figure: str, estimate: Estimate | None, truth: float) -> None:
        """Count an interval of a metric, where its figure is known."""
        if estimate is not None and np.isfinite(truth):
            self.found.setdefault((metric, figure), Tally()).add(estimate, float(truth))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what is written of each figure."""
        for (metric, figure), tally in self.found.items():
            known = tally.simulations - tally.none
            if known:
                yield {
                    "kind": self.kind,
                    "sample": self.sample,
                    "metric": metric,
                    "figure": figure,
                    "simulations": tally.simulations,
                    "intervals": known,
                    "without": tally.none,
                    "covered": (known - tally.below - tally.above) / known,
                    "below": tally.below / known,
                    "above": tally.above / known,
                    "methods": [name for name, _ in tally.methods.most_common(2)],
                }


NAMES = (("a",), ("b",), ("c",))


def counted(table: np.ndarray, weights: WeightSums | None = None, classes: int = 2) -> GroupCounts:
    """Return counts of groups a, b, ..."""
    return GroupCounts(("group",), NAMES[: len(table)], tuple("0123"[:classes]), table, weights=weights)


def add_measures(tallies: Tallies, counts: GroupCounts, truth: GroupCounts) -> None:
    """Count every measure of groups, against those of the population's counts."""
    mine, known = Sides(counts, 0), Sides(truth, 0)
    for name, measure in MEASURES.items():
        if measure.combine != "worst":
            rates = metric_by_group(measure, counts, level=LEVEL)
            true = KNOWN.rates(measure, truth)
            for place in range(len(rates)):
                tallies.add(name, "rate", rates[place], true[place])
        found = compared(mine, measure, level=LEVEL)
        for place, (ratio, difference, _) in found.items():
            true_ratio, true_difference = KNOWN.compared(known, measure)[place]
            tallies.add(name, "ratio", ratio, true_ratio)
            tallies.add(name, "difference", difference, true_difference)


class Known:
    """Figures of populations, each computed once."""

    def __init__(self) -> None:
        self.by_group: dict[tuple[str, int], list[float]] = {}
        self.against: dict[tuple[str, int], dict[int, tuple[float, float]]] = {}

    def rates(self, measure: Any, truth: GroupCounts) -> list[float]:
        """Return a metric of each group."""
        key = measure.name, id(truth)
        if key not in self.by_group:
            found = metric_by_group(measure, truth, level=LEVEL)
            self.by_group[key] = [each.number for each in found]
        return self.by_group[key]

    def compared(self, sides: Sides, measure: Any) -> dict[int, tuple[float, float]]:
        """Return the ratio and the difference of each group."""
        key = measure.name, id(sides.counts)
        if key not in self.against:
            found = compared(sides, measure, level=LEVEL)
            self.against[key] = {
                place: (ratio.number, difference.number) for place, (ratio, difference, _) in found.items()
            }
        return self.against[key]


KNOWN = Known()


def plain_tables(simulations: int) -> Iterator[Tallies]:
    """Tables of rows that count alike."""
    # Label 1 and prediction 1 by group: base rate, true and false positive rate.
    rates = np.array([[0.5, 0.7, 0.25], [0.4, 0.6, 0.2], [0.45, 0.5, 0.3]])
    cells = np.stack(
        [
            np.stack([(1 - rates[:, 0]) * (1 - rates[:, 2]), (1 - rates[:, 0]) * rates[:, 2]], axis=1),
            np.stack([rates[:, 0] * (1 - rates[:, 1]), rates[:, 0] * rates[:, 1]], axis=1),
        ],
        axis=1,
    )
    truth = counted(np.round(cells * 10**7).astype(np.int64))
    for sample, sizes in (("800, 500 and 500 rows", (800, 500, 500)), ("60, 30 and 30 rows", (60, 30, 30))):
        rng, tallies = np.random.default_rng(sizes[0]), Tallies("rates", f"plain tables, {sample}")
        known = decompose_counts(truth.table[[1, 0]], replicates=1).parts
        for _ in range(simulations):
            drawn = [
                rng.multinomial(size, own.ravel()).reshape(2, 2)
                for size, own in zip(sizes, cells, strict=True)
            ]
            counts = counted(np.stack(drawn))
            add_measures(tallies, counts, truth)
            if sizes[0] > 100:
                for spread in SPREADS[:1]:
                    bounds = bootstrap_bounds(counts.table, spread, replicates=400)
                    tallies.add(spread.name, "bootstrap", bounds, float(spread(truth.table)))
                parts = decompose_counts(counts.table[[1, 0]], replicates=400).parts
                for part, true in zip(parts, known, strict=True):
                    bounds = Estimate(part.value, part.low, part.high, LEVEL, "bootstrap")
                    tallies.add(f"part of a difference: {part.name}", "difference", bounds, true.value or 0.0)
        yield tallies


@dataclass
class Population:
    """Rows in clusters in strata, by group, with a label, a prediction and an amount."""

    strata: np.ndarray
    cluster: np.ndarray
    group: np.ndarray
    label: np.ndarray
    prediction: np.ndarray
    amount: np.ndarray
    clusters: int
    size: int

    @classmethod
    def of(
        cls, rng: np.random.Generator, strata: int = 8, clusters: int = 500, size: int = 60
    ) -> "Population":
        """Draw a population whose clusters are alike within."""
        rows = strata * clusters * size
        cluster = np.repeat(np.arange(strata * clusters), size)
        stratum = cluster // clusters
        shared = rng.normal(0, 0.35, strata * clusters)[cluster] + np.linspace(-0.6, 0.6, strata)[stratum]
        group = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
        label = (rng.random(rows) < 1 / (1 + np.exp(-shared))).astype(np.int64)
        logit = np.array([0.3, -0.1, -0.4])[group] + shared + 1.2 * label - 0.6
        prediction = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
        amount = np.exp(7 + 0.4 * shared + rng.normal(0, 0.5, rows) - 0.15 * group)
        return cls(stratum, cluster, group, label, prediction, amount, clusters, size)

    def counts(self) -> GroupCounts:
        """Count the whole population."""
        cells = np.ravel_multi_index((self.group, self.label, self.prediction), (3, 2, 2))
        return counted(np.bincount(cells, minlength=12).reshape(3, 2, 2))

    def chance(self, rows: np.ndarray) -> np.ndarray:
        """Return how much likelier a row is drawn: those that are selected, and large amounts, the more."""
        return 1 + 0.8 * self.prediction[rows] + 0.5 * (self.amount[rows] > np.exp(7))

    def by_rows(self, rng: np.random.Generator, expected: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows within strata with unequal chances."""
        drawn, weights = [], []
        for stratum in range(int(self.strata.max()) + 1):
            start = stratum * self.clusters * self.size
            rows = np.arange(start, start + self.clusters * self.size)
            wanted = expected / 8 * (0.6 + 0.2 * (stratum % 5))
            few = rng.choice(rows, int(wanted * 4), replace=False)
            chance = np.minimum(self.chance(few) / 6, 1)
            kept = rng.random(len(few)) < chance
            drawn.append(few[kept])
            weights.append(len(rows) / len(few) / chance[kept])
        return np.concatenate(drawn), np.concatenate(weights)

    def by_clusters(
        self, rng: np.random.Generator, clusters: int, rows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw clusters within strata, and rows within them with unequal chances."""
        drawn, weights = [], []
        for stratum in range(int(self.strata.max()) + 1):
            number = clusters + 2 * (stratum % 3)
            chosen = rng.choice(self.clusters, number, replace=False) + stratum * self.clusters
            own = (chosen[:, None] * self.size + np.arange(self.size)).ravel()
            chance = np.minimum(self.chance(own) * rows / self.size / 1.6, 1)
            kept = rng.random(len(own)) < chance
            drawn.append(own[kept])
            weights.append(self.clusters / number / chance[kept])
        return np.concatenate(drawn), np.concatenate(weights)

    def sample(self, rows: np.ndarray, weights: np.ndarray, *, clustered: bool) -> GroupCounts:
        """Count drawn rows."""
        unit = self.cluster[rows] if clustered else self.strata[rows]
        parts, part = np.unique(unit, return_inverse=True)
        shape = len(parts), 3, 2, 2
        cells = np.ravel_multi_index((part, self.group[rows], self.label[rows], self.prediction[rows]), shape)

        def added(values: np.ndarray) -> np.ndarray:
            return np.bincount(cells, values, minlength=int(np.prod(shape))).reshape(shape)

        table = added(np.ones(len(rows))).astype(np.int64)
        sums = WeightSums(
            "weight",
            parts // self.clusters if clustered else parts,
            table,
            added(weights),
            None if clustered else added(weights**2),
        )
        return counted(table.sum(axis=0), sums)


def surveys(simulations: int) -> Iterator[Tallies]:
    """Stratified samples of rows and of clusters, with weights that go with what is measured."""
    population = Population.of(np.random.default_rng(16))
    truth = population.counts()
    plans: list[tuple[str, bool, Callable[[np.random.Generator], Any]]] = [
        ("strata, 2,300 rows", False, lambda rng: population.by_rows(rng, 2_000)),
        ("strata, 80 clusters, 2,000 rows", True, lambda rng: population.by_clusters(rng, 8, 20)),
        ("strata, 40 clusters, 300 rows", True, lambda rng: population.by_clusters(rng, 3, 6)),
    ]
    for sample, clustered, draw in plans:
        rng = np.random.default_rng(17)
        rates = Tallies("rates", f"surveys, {sample}")
        amounts = Tallies("amounts", f"surveys, {sample}")
        for _ in range(simulations):
            rows, weights = draw(rng)
            add_measures(rates, population.sample(rows, weights, clustered=clustered), truth)
            design = RowDesign(
                weights, population.strata[rows], population.cluster[rows] if clustered else None
            )
            add_amounts(
                amounts,
                population.amount[rows],
                population.group[rows],
                [np.sort(population.amount[population.group == k]) for k in range(3)] if _ == 0 else [],
                design=design,
            )
        yield from (rates, amounts)


TRUE_AMOUNTS: dict[int, tuple[list[float], np.ndarray]] = {}


def add_amounts(
    tallies: Tallies,
    values: np.ndarray,
    groups: np.ndarray,
    whole: list[np.ndarray],
    *,
    design: RowDesign | None = None,
    seed: int = 0,
) -> None:
    """Count means and quantiles of amounts; `whole` is the population, given once."""
    number = int(groups.max()) + 1
    if whole:
        TRUE_AMOUNTS[id(tallies)] = (
            [float(each.mean()) for each in whole],
            np.array([np.quantile(each, SHARES) for each in whole]),
        )
    true_means, true_quantiles = TRUE_AMOUNTS[id(tallies)]
    means = GroupMeans.of(values, groups, number, design=design, seed=seed)
    rows = NumberRows(values, groups, ("group",), NAMES[:number], design, None, ())
    ordered = Ordered.of(rows, groups, number)
    for k in range(number):
        tallies.add("mean", "value", means.mean(k, LEVEL), true_means[k])
        if k:
            tallies.add("mean", "ratio", means.ratio(k, 0, LEVEL), true_means[k] / true_means[0])
            tallies.add("mean", "difference", means.difference(k, 0, LEVEL), true_means[0] - true_means[k])
    for place, share in enumerate(SHARES):
        found = [ordered.quantile(k, share, LEVEL) for k in range(number)]
        name = f"{share:.0%} quantile"
        for k in range(number):
            own, other = true_quantiles[k, place], true_quantiles[0, place]
            tallies.add(name, "value", found[k], own)
            if k:
                tallies.add(name, "ratio", quantile_ratio(found[k], found[0]), own / other)
                tallies.add(name, "difference", quantile_difference(found[k], found[0]), other - own)


def plain_amounts(simulations: int) -> Iterator[Tallies]:
    """Amounts of log-normal and normal distributions."""
    grid = ndtri((np.arange(200_000) + 0.5) / 200_000)
    for sample, sizes, spread in (
        ("log-normal (sigma 0.6), 400 and 250 rows", (400, 250), 0.6),
        ("log-normal (sigma 0.6), 60 and 40 rows", (60, 40), 0.6),
        ("log-normal (sigma 1), 400 and 250 rows", (400, 250), 1.0),
    ):
        rng, tallies = np.random.default_rng(sizes[0]), Tallies("amounts", f"plain tables, {sample}")
        groups = np.repeat([0, 1], sizes)
        centres = np.array([0.0, -0.2])
        distance = np.exp(spread**2 / 2) * (1 - np.exp(-0.2))
        apart = 2 * ndtr(0.1 / spread) - 1
        for simulation in range(simulations):
            values = np.exp(centres[groups] + rng.normal(0, spread, len(groups)))
            whole = [np.exp(each + spread * grid) for each in centres] if simulation == 0 else []
            add_amounts(tallies, values, groups, whole, seed=simulation)
            ordered = [np.sort(values[groups == k]) for k in (1, 0)]
            tallies.add("Kolmogorov-Smirnov", "distance", kolmogorov_smirnov(*ordered, level=LEVEL), apart)
            if simulation < simulations // 4:
                found = wasserstein(*ordered, level=LEVEL, seed=simulation)
                tallies.add("Wasserstein", "distance", found, distance)
        yield tallies


def scores(simulations: int) -> Iterator[Tallies]:
    """Areas under the ROC curve of normal scores, within groups and across them."""
    shift, apart = np.array([1.2, 0.9]), np.array([0.0, -0.3])
    for sample, sizes in (("600 and 400 rows", (600, 400)), ("60 and 40 rows", (60, 40))):
        rng, tallies = np.random.default_rng(sizes[0]), Tallies("scores", f"plain tables, {sample}")
        groups = np.repeat([0, 1], sizes)
        for _ in range(simulations):
            labels = rng.integers(0, 2, len(groups))
            values = apart[groups] + shift[groups] * labels + rng.normal(size=len(groups))
            for area in group_aucs(labels, values, groups, names=("a", "b")):
                own = "ab".index(area.group)
                positive, negative = {
                    "auc": (own, own),
                    "bpsn_auc": (1 - own, own),
                    "bnsp_auc": (own, 1 - own),
                }[area.metric]
                gap = apart[positive] + shift[positive] - apart[negative]
                if area.value is not None:
                    bounds = area_interval(
                        area.value, area.positives, area.negatives, area.standard_error, level=LEVEL
                    )
                    tallies.add(area.metric, "area", bounds, ndtr(gap / np.sqrt(2)))
        yield tallies


def classes(simulations: int) -> Iterator[Tallies]:
    """Accuracy, and means of recall and precision over three classes."""
    right = np.array([[0.7, 0.6, 0.5], [0.6, 0.6, 0.4]])
    share = np.array([[0.5, 0.3, 0.2], [0.4, 0.3, 0.3]])
    cells = np.stack(
        [
            np.diag(share[k] * right[k]) + (1 - np.eye(3)) * (share[k] * (1 - right[k]) / 2)[:, None]
            for k in range(2)
        ]
    )
    truth = counted(np.round(cells * 10**8).astype(np.int64), classes=3)
    true = {(each.metric, each.group): each for each in macro(truth, 0, LEVEL)}
    for sample, sizes in (("600 and 400 rows", (600, 400)), ("80 and 60 rows", (80, 60))):
        for weighted in (False, True):
            rng = np.random.default_rng(sizes[0])
            kind = "surveys with weights" if weighted else "plain tables"
            tallies = Tallies("several classes", f"{kind}, {sample}")
            for _ in range(simulations):
                table = np.stack(
                    [
                        rng.multinomial(n, own.ravel()).reshape(3, 3)
                        for n, own in zip(sizes, cells, strict=True)
                    ]
                )
                sums = None
                if weighted:
                    # Of each cell's rows some weigh 1 and some 3.
                    heavy = rng.binomial(table, 0.4)
                    amount = (table + 2 * heavy).astype(np.float64)
                    squares = (table + 8 * heavy).astype(np.float64)
                    sums = WeightSums("w", np.zeros(1, np.int64), table[None], amount[None], squares[None])
                for each in macro(counted(table, sums, classes=3), 0, LEVEL):
                    known = true[each.metric, each.group]
                    tallies.add(each.metric, "rate", each.rate, known.rate.number)
                    if known.ratio is not None and known.difference is not None:
                        tallies.add(each.metric, "ratio", each.ratio, known.ratio.number)
                        tallies.add(each.metric, "difference", each.difference, known.difference.number)
            yield tallies


def rankings(simulations: int) -> Iterator[Tallies]:
    """Exposure, and the share among the first ten, of two groups with shifted scores."""

    def ranked(
        rng: np.random.Generator, queries: int, items: int, *, several: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        groups = (rng.random((queries, items)) < 0.4).astype(np.int64)
        # Of one ranking nothing is known of others.
        shared = rng.normal(0, 0.3 * several, (queries, 1))
        values = rng.normal(size=groups.shape) - (0.3 + shared) * groups
        order = (-values).argsort(axis=1).argsort(axis=1) + 1
        return order, groups

    for sample, queries, items in (
        ("60 queries of 30 rows", 60, 30),
        ("15 queries of 30 rows", 15, 30),
        ("one ranking of 300 rows", 1, 300),
    ):
        rng, tallies = np.random.default_rng(queries), Tallies("rankings", sample)
        ranks, groups = ranked(rng, max(200_000 // items, 20_000), items, several=queries > 1)
        exposure = 1 / np.log2(1 + ranks)
        true = [float(exposure[groups == k].mean()) for k in (0, 1)]
        top = [float((ranks <= 10)[groups == k].mean()) for k in (0, 1)]
        for simulation in range(simulations):
            ranks, groups = ranked(rng, queries, items, several=queries > 1)
            flat, own = ranks.ravel().astype(np.float64), groups.ravel()
            query = np.repeat(np.arange(queries), items)
            nothing = np.zeros(len(flat), dtype=np.int64)
            design = RowDesign(np.ones(len(flat)), nothing, query) if queries > 1 else None
            means = GroupMeans.of(1 / np.log2(1 + flat), own, 2, design=design, seed=simulation)
            rows = NumberRows(flat, own, ("group",), NAMES[:2], None, query if queries > 1 else None, ())
            shares, ratios = top_shares(rows, own, ("a", "b"), (flat <= 10).astype(np.int64), 0, LEVEL)
            tallies.add("exposure", "value", means.mean(1, LEVEL), true[1])
            tallies.add("exposure", "ratio", means.ratio(1, 0, LEVEL), true[1] / true[0])
            tallies.add("share in the first ten", "rate", shares[1], top[1])
            tallies.add("share in the first ten", "ratio", ratios[1], top[1] / top[0])
        yield tallies


def own_metrics(simulations: int) -> Iterator[Tallies]:
    """Metrics as functions, of three groups: accuracy, and the mean error."""

    def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
        return float((truth == (predicted > 0)).mean())

    def error(truth: np.ndarray, predicted: np.ndarray) -> float:
        return float(np.abs(truth - predicted).mean())

    for sample, sizes, chances in (
        ("groups that differ, 150, 100 and 80 rows", (150, 100, 80), (0.8, 0.7, 0.65)),
        ("groups that are equal, 150, 100 and 80 rows", (150, 100, 80), (0.75, 0.75, 0.75)),
    ):
        rng, tallies = np.random.default_rng(len(sample)), Tallies("own metrics", sample)
        groups = np.repeat(list("abc"), sizes)
        chance = np.repeat(chances, sizes)
        for simulation in range(simulations // 4):
            truth = rng.integers(0, 2, len(groups))
            right = rng.random(len(groups)) < chance
            size = rng.exponential(size=len(groups))
            predicted = np.where(right == (truth == 1), size, -size)
            found = by_group(
                {"accuracy": accuracy, "mean error": error},
                truth,
                predicted,
                groups,
                replicates=400,
                seed=simulation,
            )
            # The error of a right row is |1 - size| or |0 + size|, of a wrong one 1 + size or size.
            e = 2 / np.e
            one = {True: (e + 1) / 2, False: (2 + 1) / 2}
            true = {
                "accuracy": np.array(chances),
                "mean error": np.array([c * one[True] + (1 - c) * one[False] for c in chances]),
            }
            weight = np.array(sizes) / sum(sizes)
            for each in found.by_group:
                tallies.add(each.metric, "value", each.value, true[each.metric]["abc".index(each.group)])
            for gap in found.gaps:
                known = true[gap.metric]
                tallies.add(gap.metric, "of all rows", gap.overall, float(known @ weight))
                tallies.add(gap.metric, "difference", gap.difference, float(known.max() - known.min()))
                tallies.add(gap.metric, "ratio", gap.ratio, float(known.min() / known.max()))
        yield tallies


KINDS = (plain_tables, surveys, scores, plain_amounts, classes, rankings, own_metrics)


def main() -> None:
    """Simulate, print and write; rows of what is not simulated now stay as they are."""
    arguments = sys.argv[1:]
    simulations = int(arguments[0]) if arguments else SIMULATIONS
    wanted = arguments[1:] or [kind.__name__ for kind in KINDS]
    rows = json.loads(DATA.read_text(encoding="utf-8"))["rows"] if DATA.exists() else []
    for kind in KINDS:
        if kind.__name__ not in wanted:
            continue
        started = time.perf_counter()
        for tallies in kind(simulations):
            own = list(tallies.rows())
            covered = [row["covered"] for row in own]
            span = f"{min(covered):.3f} to {max(covered):.3f}"
            seconds = time.perf_counter() - started
            print(f"{tallies.kind}, {tallies.sample}: {span}, {seconds:.0f} s", flush=True)
            place = tallies.kind, tallies.sample
            rows = [row for row in rows if (row["kind"], row["sample"]) != place] + own
            found = {"level": LEVEL, "rows": rows}
            text = json.dumps(found, indent=1, ensure_ascii=False)
            DATA.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
