"""Plausible audits of fairness for tests of their pictures and pages: no data, no model, no training."""

import dataclasses
import math
from functools import cache

import numpy as np

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import below_four_fifths
from trivet.fairness.auditing.results import (
    REFERENCE,
    AttributeAudit,
    Caution,
    FairnessAudit,
    FairnessComparison,
    GroupAudit,
    GroupOutcome,
    ModelOutcome,
    ScoreAudit,
    TrainingSpread,
)
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.explain.results import (
    BASE_RATES,
    EXPLAINED,
    SELECTION,
    SENSITIVE,
    UNEXPLAINED,
    WHOLE,
    ColumnStrength,
    Decomposition,
    Part,
    ProxyStrength,
)
from trivet.fairness.measures.judging import audit_metric
from trivet.fairness.measures.registry import MEASURES
from trivet.fairness.measures.sides import Sides
from trivet.fairness.metrics.results import CalibrationBin, GroupCalibration, MetricValue
from trivet.fairness.search.results import (
    CalibrationSearch,
    Condition,
    Detectable,
    ExplainedSubgroup,
    LeftOutColumn,
    MiscalibratedSubgroup,
    SearchedColumn,
    SearchedMetric,
    Subgroup,
    SubgroupSearch,
)
from trivet.verdict import DISPARATE, IN_BAND, UNSETTLED

HOSTILE = '<script>alert("x")</script> $x^2$ \x1b[31m \\input{secret} 猫 \u202e'
LEVEL = 0.95
Z = 1.96
NOTHING_SELECTED = "no row of the reference group is predicted positive"
NO_POSITIVES = "no row of the group has a positive label"
VERDICTS = (IN_BAND, UNSETTLED, DISPARATE)


def share(count, rows, *, reason=NO_POSITIVES) -> Estimate:
    """A share with Wilson's interval, undefined where there are no rows."""
    if not rows:
        return Estimate(None, None, None, LEVEL, "Wilson", reason)
    rate = count / rows
    centre = (rate + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    reach = Z * math.sqrt(rate * (1 - rate) / rows + Z**2 / (4 * rows**2)) / (1 + Z**2 / rows)
    return Estimate(rate, max(centre - reach, 0.0), min(centre + reach, 1.0), LEVEL, "Wilson")


def ratio(one, other, *, z=Z) -> Estimate:
    """Katz's interval of the ratio of two selection rates, each (selected, rows)."""
    (x0, n0), (x1, n1) = one, other
    if not x1:
        return Estimate(None, None, None, LEVEL, "Katz", NOTHING_SELECTED)
    value = (x0 / n0) / (x1 / n1)
    if not x0:
        return Estimate(0.0, 0.0, 3.0 / n0 / (x1 / n1), LEVEL, "Katz")
    error = z * math.sqrt(1 / x0 - 1 / n0 + 1 / x1 - 1 / n1)
    return Estimate(value, value * math.exp(-error), value * math.exp(error), LEVEL, "Katz")


def scores(name, rows, base_rate, *, tilt=0.0) -> ScoreAudit:
    bins = []
    for place in range(5):
        middle = 0.1 + 0.2 * place
        positives = round(min(max(middle * (0.6 + base_rate) + tilt, 0.0), 1.0) * rows / 5)
        observed = share(positives, rows // 5)
        if rows >= 5:
            bins.append(CalibrationBin(middle - 0.1, middle + 0.1, rows // 5, positives, middle, observed))
    calibration = GroupCalibration(name, rows, tuple(bins), 0.021 + abs(tilt), -0.01, None)
    within, negatives, positives = (
        Estimate(area, area - 0.02, area + 0.02, LEVEL, "DeLong") for area in (0.84, 0.88, 0.79)
    )
    return ScoreAudit(within, negatives, positives, calibration)


def group(name, rows, selected, positives, reference, *, hits=None, scored=True) -> GroupAudit:
    """One group; `reference` is the (selected, rows) of the reference group, None for that group itself."""
    hits = min(selected, positives) * 3 // 4 if hits is None else hits
    impact = None if reference is None else ratio((selected, rows), reference)
    wide = None if reference is None else ratio((selected, rows), reference, z=2.6)
    verdict, difference = REFERENCE, None
    if reference is not None:
        verdict = UNSETTLED
        if impact.value is not None and (impact.high < 0.8 or impact.low > 1.25):
            verdict = DISPARATE
        elif impact.value is not None and impact.low >= 0.8 and impact.high <= 1.25:
            verdict = IN_BAND
        gap = reference[0] / reference[1] - selected / rows
        difference = Estimate(gap, gap - 0.01, gap + 0.01, LEVEL, "Newcombe")
    return GroupAudit(
        group=name,
        rows=rows,
        positives=positives,
        selected=selected,
        selection_rate=share(selected, rows),
        base_rate=share(positives, rows),
        true_positive_rate=share(hits, positives),
        false_positive_rate=share(selected - hits, rows - positives),
        positive_predictive_value=share(hits, selected, reason="no row of the group is predicted positive"),
        accuracy=share(rows - positives - selected + 2 * hits, rows),
        false_negative_rate=share(positives - hits, positives),
        below_four_fifths=None if impact is None else below_four_fifths(impact, 0.8),
        disparate_impact=impact,
        simultaneous_low=None if wide is None else wide.low,
        simultaneous_high=None if wide is None else wide.high,
        difference=difference,
        p_value=None if reference is None else 0.0004,
        p_adjusted=None if reference is None else 0.0012,
        test=None if reference is None else "two-proportion score test",
        smallest_detectable=None if reference is None or rows < 100 else 0.93,
        scores=scores(name, rows, positives / rows) if scored else None,
        verdict=verdict,
    )


def part(name, kind, value, whole, *, columns=(), error=0.006, reason=None) -> Part:
    if value is None:
        return Part(name, kind, columns, None, None, None, LEVEL, None, reason)
    return Part(name, kind, columns, value, value - error, value + error, LEVEL, value / whole)


def by_class(name, against, whole=0.168, *, undefined=False) -> Decomposition:
    missing = "no row of the group has a positive label" if undefined else None
    return Decomposition(
        method="Kitagawa",
        interval_method="multinomial bootstrap, percentile",
        outcome="selection rate",
        group=name,
        reference=against,
        rows=14_653,
        whole=part("difference", WHOLE, whole, whole),
        parts=(
            part("base rates", BASE_RATES, None if undefined else 0.1, whole, reason=missing),
            part("selection of positives", SELECTION, None if undefined else 0.05, whole, reason=missing),
            part("selection of negatives", SELECTION, None if undefined else 0.018, whole, reason=missing),
        ),
        statement=f"Of the difference between {against} and {name}, the base rates account for 60 %.",
        limits="No part is a judgement.",
    )


def by_feature(name, against, whole=0.168, *, columns=14) -> Decomposition:
    shares = (0.06, -0.03, 0.04, 0.02, 0.015, 0.01, *([0.0004] * (columns - 6)))
    explained = [
        part(f"column {place}", EXPLAINED, value, whole, columns=(f"column {place}",), error=0.004)
        for place, value in enumerate(shares)
    ]
    explained[0] = part(
        "relationship, marital-status", EXPLAINED, 0.06, whole, columns=("relationship", "marital-status")
    )
    rest = whole - sum(shares) - 0.01
    return Decomposition(
        method="Oaxaca-Blinder",
        interval_method="normal, robust covariance",
        outcome="mean score",
        group=name,
        reference=against,
        rows=14_653,
        whole=part("difference", WHOLE, whole, whole),
        parts=(
            *explained,
            part("gender", SENSITIVE, 0.01, whole, columns=("gender",)),
            part("unexplained", UNEXPLAINED, rest, whole),
        ),
        statement="The columns explain 70 % of the difference.",
        limits="What they do not explain is no proof of bias.",
    )


def proxies() -> ProxyStrength:
    return ProxyStrength(
        auc=0.93,
        columns=(ColumnStrength("relationship", 0.9), ColumnStrength("occupation", 0.74)),
        model="gradient boosting",
        rows=14_653,
        folds=5,
        seed=0,
        statement="The other columns tell the group apart well.",
    )


def measures_of(columns, groups, against, metrics, *, difference_band=None):
    """The audits of some metrics of such groups, as the audit itself makes them."""
    tables = []
    for each in groups:
        hits = round((each.true_positive_rate.value or 0) * each.positives)
        wrong = each.selected - hits
        tables.append([[each.rows - each.positives - wrong, wrong], [each.positives - hits, hits]])
    values = tuple((each.group,) for each in groups)
    counts = GroupCounts((" x ".join(columns),), values, ("no", "yes"), np.array(tables))
    place = [each.group for each in groups].index(against)
    return tuple(
        audit_metric(
            Sides(counts, place),
            MEASURES[metric],
            four_fifths=0.8,
            level=LEVEL,
            comparisons=2 * len(groups),
            difference_band=difference_band,
        )
        for metric in metrics
    )


METRICS = ("selection_rate", "false_positive_rate", "equalized_odds")


def attribute(
    columns,
    groups,
    against,
    *,
    name=None,
    by_classes=None,
    by_features=None,
    proxy=None,
    metrics=("selection_rate",),
):
    found = [each for each in groups if each.disparate_impact and each.disparate_impact.value is not None]
    most = max(found, key=lambda each: abs(math.log(each.disparate_impact.value or 1e-9)), default=None)
    undefined = most is None
    return AttributeAudit(
        columns=columns,
        name=name or " x ".join(columns),
        reference=against,
        reference_why="the largest group",
        groups=groups,
        metrics=(
            MetricValue("selection_rate", groups[0].group, None, 0.1, None, 10, 100),
            MetricValue("demographic_parity_difference", None, None, 0.168, None),
            MetricValue(
                "equal_opportunity_difference",
                None,
                None,
                None if undefined else 0.1,
                NO_POSITIVES if undefined else None,
                left_out=(groups[0].group,) if not undefined else (),
            ),
        ),
        most_disparate=None if most is None else most.group,
        by_class=by_classes,
        by_feature=by_features,
        proxies=proxy,
        verdict=max((each.verdict for each in groups if each.verdict in VERDICTS), key=VERDICTS.index),
        reason="what it rests on is told here.",
        measures=measures_of(columns, groups, against, metrics),
    )


@cache
def searched(first, second) -> SubgroupSearch:
    """Two subgroups that differ, one of them within the other's column, and one out of calibration."""
    one, two = Condition("gender", first), Condition("race", second)
    both = f"{first} and {second}"
    return SubgroupSearch(
        rows=14_653,
        mode="simultaneous",
        metrics=(
            SearchedMetric("selection_rate", 14_653, share(2_165, 14_653), 210),
            SearchedMetric("false_positive_rate", 11_156, share(700, 11_156), 190),
        ),
        columns=(SearchedColumn("gender", (first,)), SearchedColumn("race", (second,))),
        left_out=(LeftOutColumn(first, "it has a value of its own in every row"),),
        depth=3,
        fewest=30,
        subgroups=(14, 70, 126),
        not_searched="12 longer conjunctions were not looked at.",
        level=LEVEL,
        critical=3.71,
        bonferroni=3.86,
        draws=2000,
        blocks=1832,
        seed=0,
        beyond=5,
        found=(
            Subgroup(
                both,
                (one, two),
                "selection_rate",
                1_200,
                1_200 / 14_653,
                share(40, 1_200),
                share(2_125, 13_453),
                Estimate(-0.1246, -0.1478, -0.0963, LEVEL, "Newcombe, all at once"),
                -11.7,
                2e-29,
                3,
            ),
            Subgroup(
                second,
                (two,),
                "false_positive_rate",
                900,
                900 / 11_156,
                share(98, 900),
                share(602, 10_256),
                Estimate(0.0502, 0.0138, 0.0941, LEVEL, "Newcombe, all at once"),
                5.21,
                0.00008,
            ),
        ),
        explained=(ExplainedSubgroup(first, "selection_rate", 4_917, -0.1113, both),),
        detectable=(
            Detectable("selection_rate", 0.01, 180, 0.0712, 0.1304),
            Detectable("false_positive_rate", 0.01, 170, 0.0653, None),
        ),
        calibration=CalibrationSearch(
            190,
            20.0,
            2,
            (MiscalibratedSubgroup(both, (one, two), 1_200, 0.08, 0.05, 0.031, 4.6, 2e-5, 0.0038),),
            f"Out of calibration: {both}.",
        ),
        statement=f"A difference is shown by 5 of 400 comparisons. The strongest is of {both}.",
        limits="A gap is not a cause.",
    )


@cache
def example_audit(*, scored=True, sexes=("Female", "Male"), races=("Black", "Eskimo", "White")):
    """Two attributes and both together: a disparate group, one in the band, and groups too small."""
    female, male = sexes
    black, eskimo, white = races
    men, whites = (1_986, 9_736), (2_000, 12_000)
    gender = attribute(
        ("gender",),
        (
            group(female, 4_917, 179, 537, men, scored=scored),
            group(male, 9_736, 1_986, 2_960, None, scored=scored),
        ),
        male,
        by_classes=by_class(female, male),
        by_features=by_feature(female, male),
        proxy=proxies(),
        metrics=METRICS,
    )
    race = attribute(
        ("race",),
        (
            group(black, 2_600, 420, 300, whites, scored=scored),
            group(eskimo, 53, 0, 0, whites, scored=scored),
            group(white, 12_000, 2_000, 3_197, None, scored=scored),
        ),
        white,
        by_classes=by_class(eskimo, white, 0.16, undefined=True),
        metrics=METRICS,
    )
    both = attribute(
        ("gender", "race"),
        (
            group(f"{female}, {black}", 1_200, 40, 60, (1_800, 8_500), scored=scored),
            group(f"{female}, {eskimo}", 20, 0, 0, (1_800, 8_500), scored=False),
            group(f"{female}, {white}", 3_697, 139, 477, (1_800, 8_500), scored=scored),
            group(f"{male}, {black}", 1_203, 240, 240, (1_800, 8_500), scored=scored),
            group(f"{male}, {eskimo}", 33, 6, 5, (1_800, 8_500), scored=scored),
            group(f"{male}, {white}", 8_500, 1_800, 2_715, None, scored=scored),
        ),
        f"{male}, {white}",
        metrics=METRICS,
    )
    return FairnessAudit(
        data="adult.csv",
        rows=14_653,
        label="class",
        positive=">50K",
        negative="<=50K",
        prediction="score" if scored else "predicted",
        cut=0.5 if scored else None,
        four_fifths=0.8,
        level=LEVEL,
        attributes=(gender, race, both),
        cautions=(
            Caution("small group", "The group Eskimo has 53 rows only."),
            Caution("leakage", "The column fnlwgt tells the label apart almost alone."),
        ),
        law=("The four-fifths rule is a test of employment law in one country only.",),
        verdict=DISPARATE,
        reason="Female is selected at 0.18 times the rate of Male (0.15 to 0.21), all of it below 0.8.",
        limits="It says nothing of how the labels came about.",
        other_metrics=("false positive rate", "equalized odds"),
        subgroups=searched(f"gender = {female}", f"race = {black}"),
    )


@cache
def hostile_audit() -> FairnessAudit:
    """Every name a stranger's, and two that begin alike."""
    audit = example_audit(sexes=(HOSTILE, f"{HOSTILE}2"), races=("a" * 200, HOSTILE[3:], "$\\frac{1}{0}$"))
    attributes = tuple(dataclasses.replace(each, name=HOSTILE[i:]) for i, each in enumerate(audit.attributes))
    cautions = (*audit.cautions, Caution(HOSTILE, HOSTILE))
    return dataclasses.replace(
        audit,
        data=HOSTILE,
        label=HOSTILE,
        positive=HOSTILE,
        prediction=HOSTILE,
        attributes=attributes,
        cautions=cautions,
        law=(HOSTILE,),
        reason=HOSTILE,
    )


@cache
def undefined_audit() -> FairnessAudit:
    """Nobody is selected: no disparate impact exists, and little else."""
    nobody = (0, 40)
    groups = (group("a", 10, 0, 0, nobody, scored=False), group("b", 40, 0, 3, None, scored=False))
    only = attribute(("letter",), groups, "b", by_classes=by_class("a", "b", 0.1, undefined=True))
    only = dataclasses.replace(
        only,
        by_class=dataclasses.replace(only.by_class, parts=(), reason="no row is predicted positive"),
        verdict=UNSETTLED,
    )
    return dataclasses.replace(
        example_audit(scored=False),
        rows=50,
        attributes=(only,),
        cautions=(),
        law=(),
        verdict=UNSETTLED,
        other_metrics=(),
        subgroups=None,
    )


@cache
def many_groups_audit(count=60) -> FairnessAudit:
    """More groups than a picture holds."""
    reference = (400, 1_000)
    groups = (
        *(group(f"group {i}", 1_000, 40 + 5 * i, 300, reference) for i in range(count)),
        group("reference", 1_000, 400, 300, None),
    )
    return dataclasses.replace(
        example_audit(),
        attributes=(attribute(("district",), groups, "reference"),),
        verdict=DISPARATE,
        other_metrics=(),
        subgroups=None,
    )


def spread_of(value, deviation, *, repeats=8) -> TrainingSpread:
    values = tuple(value + deviation * (0.4 * ((3 * i) % repeats) / repeats - 0.2) for i in range(repeats))
    ends = value - 2.4 * deviation, value + 2.4 * deviation
    return TrainingSpread(value, *ends, 0.95, "Student's t", None, values, deviation)


def model(name, accuracy, impact, **other) -> ModelOutcome:
    """A model of the comparison; an impact of None is undefined."""
    title = other.pop("title", name.replace("-", " "))
    measured = (
        Estimate(None, None, None, LEVEL, "Katz", NOTHING_SELECTED)
        if impact is None
        else Estimate(impact, impact * 0.9, impact / 0.9, LEVEL, "Katz")
    )
    spread = None if impact is None else spread_of(impact, 0.06 * impact)
    accuracy_spread = spread_of(accuracy, 0.003)
    return ModelOutcome(
        **{
            "name": name,
            "title": title,
            "kind": "before",
            "source": "Kamiran and Calders (2012)",
            "needs_group": False,
            "note": f"{title} did what it does.",
            "failed": False,
            "accuracy": Estimate(accuracy, accuracy - 0.006, accuracy + 0.006, LEVEL, "Wilson"),
            "accuracy_training": accuracy_spread,
            "accuracy_change": Estimate(accuracy - 0.853, accuracy - 0.856, accuracy - 0.85, LEVEL, "paired"),
            "group": None if impact is None else "Female",
            "disparate_impact": measured,
            "disparate_impact_training": spread,
            "parity": None if impact is None else min(impact, 1 / impact),
            "difference": 0.17,
            "equalized_odds": 0.09,
            "groups": (
                GroupOutcome("Female", 4_917, share(179, 4_917), measured, spread),
                GroupOutcome("Male", 9_736, share(1_986, 9_736), None, None),
            ),
            "on_frontier": False,
            "verdict": UNSETTLED if impact is None else DISPARATE if impact < 0.8 else IN_BAND,
            **other,
        }
    )


def failed_model(name="learned", note="The solver found no model within the constraint.") -> ModelOutcome:
    return ModelOutcome(
        name=name,
        title=name,
        kind="while",
        source="Agarwal et al. (2018)",
        needs_group=False,
        note=note,
        failed=True,
    )


@cache
def example_comparison() -> FairnessComparison:
    """The baseline, mitigations at either side of parity, one without a ratio, and one that failed."""
    baseline = model(
        "baseline", 0.853, 0.32, kind="baseline", source="", accuracy_change=None, on_frontier=True
    )
    return FairnessComparison(
        baseline=example_audit(),
        estimator="logistic",
        features=("age", "education", "hours-per-week"),
        columns=("gender",),
        reference="Male",
        train_rows=34_189,
        test_rows=14_653,
        validation=0.25,
        repeats=8,
        kept=0.5,
        seed=0,
        models=(
            baseline,
            model("blind", 0.851, 0.36, title="without the sensitive columns", on_frontier=True),
            model("reweighing", 0.846, 0.72, on_frontier=True),
            model("massaging", 0.838, 0.94, on_frontier=True),
            model("thresholds", 0.845, 0.81, kind="after", needs_group=True, on_frontier=True),
            model("reductions", 0.84, 1.09, kind="while", title="exponentiated gradient", on_frontier=True),
            model("suppression", 0.76, None),
            failed_model(),
        ),
        statement="Thresholds cost 0.8 points of accuracy and bring the disparate impact into the band.",
    )


@cache
def hostile_comparison() -> FairnessComparison:
    """Names of strangers wherever there are names, and no repeats."""
    models = [
        dataclasses.replace(
            each, title=HOSTILE[i:], note=HOSTILE, accuracy_training=None, disparate_impact_training=None
        )
        for i, each in enumerate(example_comparison().models)
    ]
    return dataclasses.replace(
        example_comparison(),
        baseline=hostile_audit(),
        features=(HOSTILE, "age"),
        columns=(HOSTILE,),
        reference=HOSTILE,
        repeats=0,
        models=tuple(models),
        statement=HOSTILE,
    )


@cache
def lonely_comparison() -> FairnessComparison:
    """Nothing but a baseline that selects nobody, and a mitigation that failed."""
    baseline = model("baseline", 0.76, None, kind="baseline", source="", accuracy_change=None)
    return dataclasses.replace(
        example_comparison(), baseline=undefined_audit(), models=(baseline, failed_model(note=HOSTILE))
    )
