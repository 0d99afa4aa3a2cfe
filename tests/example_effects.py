"""A plausible matrix of effects for tests of the report: real rows and columns, typed changes."""

from functools import cache

from trivet.effects.cells import effect_of, statement_of
from trivet.effects.matrix import LIMITS
from trivet.effects.results import Change, EffectMatrix, Intervention, Measurement, unmeasured

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
    )
