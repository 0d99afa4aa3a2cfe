"""A plausible matrix of effects for tests of the report: real rows and columns, typed changes."""

from functools import cache

from trivet.effects.cells import effect_of, statement_of
from trivet.effects.frontier import Weighed, frontier_of
from trivet.effects.matrix import LIMITS, TABLE_AXES
from trivet.effects.results import (
    Change,
    ClassChange,
    EffectMatrix,
    FrontierAxis,
    Intervention,
    Measurement,
    unmeasured,
)
from trivet.estimate import Estimate

_ROWS = (
    Intervention("unlearning", "unlearning", "unlearning", "security", "A trigger is unlearned."),
    Intervention("reweighing", "reweighing", "reweighing", "fairness", "Rows are weighed."),
    Intervention(
        "group-thresholds", "group thresholds", "group thresholds", "fairness", "Cut-offs by group."
    ),
    Intervention("noise-1", "noise at epsilon 1", "noise, epsilon 1", "privacy", "Counts get noise."),
    Intervention("noise-0.1", "noise at epsilon 0.1", "noise, epsilon 0.1", "privacy", "Counts get noise."),
)


def _column(name, title, short, leg, scale, better):
    return Measurement(name, title, short, leg, "a share", scale, better, "some")


_COLUMNS = (
    _column(
        "worst-class-accuracy",
        "accuracy of the worst class",
        "worst class,\naccuracy",
        "fairness",
        "accuracy",
        "higher",
    ),
    _column(
        "tree-scores-protected",
        "membership exposure of rows of gender Female",
        "Female,\ntree scores",
        "privacy",
        "AUROC",
        "lower",
    ),
    _column(
        "tree-decisions-all",
        "membership exposure of all rows by decisions",
        "all rows,\ntree decisions",
        "privacy",
        "AUROC",
        "lower",
    ),
    _column(
        "impact-Other",
        "disparate impact of Other against White",
        "Other,\ndisparate impact",
        "fairness",
        "impact",
        "neither",
    ),
)
_CHANGES = {
    ("unlearning", "worst-class-accuracy"): Change(0.985, 0.970, -0.015, -0.030, -0.003),
    ("reweighing", "tree-scores-protected"): Change(0.564, 0.583, 0.019, 0.014, 0.024),
    ("reweighing", "tree-decisions-all"): Change(0.547, 0.543, -0.004, -0.006, -0.002),
    ("group-thresholds", "tree-scores-protected"): Change(
        0.564, 0.564, 0.0, 0.0, 0.0, by_construction="thresholds leave every score as it was"
    ),
    ("group-thresholds", "tree-decisions-all"): unmeasured("there are too few rows"),
    ("noise-1", "impact-Other"): Change(0.209, 0.210, 0.001, -0.001, 0.003),
    ("noise-0.1", "impact-Other"): Change(0.209, 0.435, 0.226, 0.189, 0.267, note="These are medians."),
}


@cache
def example_effects() -> EffectMatrix:
    """Give every outcome once or more."""
    rows = {row.name: row for row in _ROWS}
    columns = {column.name: column for column in _COLUMNS}
    effects = tuple(
        effect_of(rows[row], columns[column], change) for (row, column), change in _CHANGES.items()
    )
    return EffectMatrix(
        interventions=_ROWS,
        measurements=_COLUMNS,
        effects=effects,
        statement=statement_of(effects, level=0.95),
        limits=LIMITS,
        level=0.95,
        network="demo.safetensors",
        images=5_000,
        repair_images=5_000,
        table="adult",
        rows=48_840,
        samples=10,
        models=8,
        counted_rows=14_653,
        draws=2_000,
        seed=0,
        classes=_classes(),
        frontiers=(*_table_frontier(), *_network_frontier()),
        notes=("Groups without figures of their own: Other (406).",),
    )


def _estimate(value, reach=0.01):
    return Estimate(value, value - reach, value + reach, 0.95, "some")


def _weighed(name, title, leg, *values):
    missing = Estimate(None, None, None, 0.95, "some", "there are too few rows")
    return Weighed(name, title, leg, tuple(missing if each is None else _estimate(each) for each in values))


def _table_frontier():
    return frontier_of(
        "table",
        TABLE_AXES,
        [
            _weighed("none", "the model as it is", None, 0.82, 0.16, 0.56),
            _weighed("reweighing", "reweighing", "fairness", 0.81, 0.55, 0.58),
            _weighed("massaging", "massaging", "fairness", 0.80, 0.15, 0.57),
            _weighed("group-thresholds", "group thresholds", "fairness", 0.80, None, 0.56),
        ],
    )


def _network_frontier():
    axes = (
        FrontierAxis("accuracy", "accuracy", "accuracy", None, "higher"),
        FrontierAxis("asr", "attack success rate", "trigger,\nASR", "security", "lower"),
    )
    return frontier_of(
        "network",
        axes,
        [
            _weighed("none", "the network as it is", None, 0.99, 0.98),
            _weighed("unlearning", "unlearning", "security", 0.97, 0.01),
        ],
    )


def _classes():
    """Of twelve classes one loses, one gains, and one has a name that no font has."""
    changes = [(-0.05, -0.08, -0.02, "worse"), (0.04, 0.01, 0.07, "better")]
    changes += [(0.001 * label, -0.02, 0.03, "no measurable effect") for label in range(10)]
    return tuple(
        ClassChange(
            "unlearning",
            "unlearning",
            label,
            "\u732b $x$" if label == 2 else f"class {label}",
            100,
            0.9,
            0.9 + change,
            change,
            low,
            high,
            outcome,
        )
        for label, (change, low, high, outcome) in enumerate(changes)
    )
