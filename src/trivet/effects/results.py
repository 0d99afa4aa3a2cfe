"""Results of the matrix of effects: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Final, Literal

from trivet.estimate import Estimate
from trivet.result import Table

__all__ = [
    "BETTER",
    "BY_CONSTRUCTION",
    "CHANGED",
    "NOT_MEASURED",
    "NO_EFFECT",
    "WORSE",
    "Change",
    "ClassChange",
    "Effect",
    "EffectMatrix",
    "Frontier",
    "FrontierAxis",
    "FrontierPoint",
    "Intervention",
    "Leg",
    "Measurement",
    "Outcome",
    "unmeasured",
]

Leg = Literal["security", "privacy", "fairness"]
Outcome = Literal[
    "better", "worse", "changed", "no measurable effect", "no effect by construction", "not measured"
]

BETTER: Final = "better"
WORSE: Final = "worse"
CHANGED: Final = "changed"
NO_EFFECT: Final = "no measurable effect"
BY_CONSTRUCTION: Final = "no effect by construction"
NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True)
class Intervention:
    """A remedy of one leg.

    Attributes
    ----------
    name
        Tells it from the others.
    title
        As it is printed in the middle of a sentence.
    short
        The same beside a row.
    leg
        Whose remedy it is.
    note
        What is done, in a sentence.
    """

    name: str
    title: str
    short: str
    leg: Leg
    note: str


@dataclass(frozen=True)
class Measurement:
    """A figure of another leg.

    Attributes
    ----------
    name
        Tells it from the others.
    title
        As it is printed in the middle of a sentence, without an article.
    short
        The same above a column, on up to two lines.
    leg
        Whose figure it is.
    unit
        What it is a number of, and the range that it is in.
    scale
        Measurements of the same scale are drawn on the same axis.
    better
        Which way is better: ``higher``, ``lower``, or ``neither``.
    interval
        Of what the interval of a change is, and by which method.
    format
        Python's format of its values, ``.4f`` or the like.
    """

    name: str
    title: str
    short: str
    leg: Leg
    unit: str
    scale: str
    better: Literal["higher", "lower", "neither"]
    interval: str
    format: str = ".4f"


@dataclass(frozen=True)
class Effect:
    """One cell: a figure of one leg without and with a remedy of another.

    Attributes
    ----------
    leg
        Whose remedy it is.
    intervention, measurement
        Names of the row and of the column.
    row, column
        Their short titles, each on one line.
    before, after
        The figure without and with the remedy; None where it was not measured.
    change
        Their difference; of figures that are medians, the median difference.
    low, high
        Its interval.
    half_width
        Half the width of the interval: a smaller effect could have been missed.
    outcome
        What the interval says: ``better`` or ``worse`` where it leaves 0 out and the figure has a good
        direction, ``changed`` where it has none, ``no measurable effect`` where it holds 0.
    reason
        Why there is no effect by construction, or why nothing was measured; else None.
    sentence
        The cell in words.
    """

    leg: Leg
    intervention: str
    measurement: str
    row: str
    column: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    half_width: float | None
    outcome: Outcome
    reason: str | None
    sentence: str


@dataclass(frozen=True)
class ClassChange:
    """Accuracy on the images of one class without and with a repair.

    Attributes
    ----------
    intervention, row
        Name and short title of the repair.
    label, name
        Number of the class, and what it is called.
    images
        Held-out images of the class.
    before, after, change
        Shares of them that are right, from 0 to 1, and their difference.
    low, high
        Its interval; those of all classes of a repair hold at once.
    outcome
        As of `Effect`.
    """

    intervention: str
    row: str
    label: int
    name: str
    images: int
    before: float
    after: float
    change: float
    low: float
    high: float
    outcome: Outcome


@dataclass(frozen=True)
class FrontierAxis:
    """One figure in which remedies are weighed against each other.

    Attributes
    ----------
    name, title, short
        Tells it from the others, as it is printed in a sentence, and the same above a column.
    leg
        Whose figure it is; None for the accuracy of all.
    better
        Which way is better.
    """

    name: str
    title: str
    short: str
    leg: Leg | None
    better: Literal["higher", "lower"]


@dataclass(frozen=True)
class FrontierPoint:
    """One remedy, or the system as it is, in all figures of a frontier.

    Attributes
    ----------
    name, title
        The intervention's, or ``none`` and what the system is without one.
    leg
        Whose remedy it is; None for the system as it is.
    figures
        Of each axis, in their order; without a value where it was not measured.
    on_frontier
        No other point is as good in every figure and better in one, by the estimates; None where a figure is
        missing.
    """

    name: str
    title: str
    leg: Leg | None
    figures: tuple[Estimate, ...]
    on_frontier: bool | None


@dataclass(frozen=True)
class Frontier:
    """Remedies of one system in the figures of several legs at once.

    Attributes
    ----------
    name
        ``table`` or ``network``.
    axes
        The figures.
    points
        The system as it is first.
    statement
        Which points no other betters.
    """

    name: str
    axes: tuple[FrontierAxis, ...]
    points: tuple[FrontierPoint, ...]
    statement: str


@dataclass(frozen=True, repr=False)
class EffectMatrix(
    Table,
    head=("statement",),
    rows="effects",
    columns=("row", "column", "before", "after", "change", "low", "high", "outcome"),
):
    """Every remedy of a leg against the figures of the other two, and of accuracy.

    Attributes
    ----------
    interventions, measurements
        Rows and columns.
    effects
        The cells that there are, row by row.
    statement
        How many cells say what.
    limits
        What the matrix does not say.
    level
        Level of every interval.
    network, images, repair_images
        File name of the repaired network, how many images it was measured on, and how many others the
        repair used; None where no network was repaired.
    table, rows, samples, models
        The table of the mitigations, how many of its rows were used, into how many samples they were
        divided, and how many models were trained on halves of each sample for each mitigation; None where no
        mitigation was tried.
    counted_rows, draws
        Rows in the counts that noise was added to, and draws of the noise; None where there was no noise.
    seed
        What the matrix depends on besides the data.
    study
        True where it is of the built-in study's system.
    estimator
        What is trained on the table; None of the study, which trains two, and where nothing is trained.
    trained_rows
        Rows that each model is trained on, half of a sample; None where none is.
    member_images
        Training images of the network that were given; None where none were.
    classes
        Accuracy by class under each repair.
    frontiers
        Remedies of the table, and of the network, in all figures at once.
    notes
        What was left aside, and what the figures rest on, a sentence each.
    budget
        Seconds that the effects were given; None where none were named.
    heaviest
        Largest weight of a row, to which noise in sums of weights is scaled; None where each row counts once.
    """

    interventions: tuple[Intervention, ...]
    measurements: tuple[Measurement, ...]
    effects: tuple[Effect, ...]
    statement: str
    limits: str
    level: float
    network: str | None
    images: int | None
    repair_images: int | None
    table: str | None
    rows: int | None
    samples: int | None
    models: int | None
    counted_rows: int | None
    draws: int | None
    seed: int
    study: bool = True
    estimator: str | None = None
    trained_rows: int | None = None
    member_images: int | None = None
    classes: tuple[ClassChange, ...] = ()
    frontiers: tuple[Frontier, ...] = ()
    notes: tuple[str, ...] = ()
    budget: float | None = None
    heaviest: float | None = None


@dataclass(frozen=True)
class Change:
    """A paired difference, with the interval of `change` alone: no estimate of `before` or of `after`."""

    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    by_construction: str | None = None
    reason: str | None = None
    note: str = ""


def unmeasured(reason: str) -> Change:
    """Return the change of a figure that could not be measured."""
    return Change(None, None, None, None, None, reason=reason)
