"""Results of the matrix of effects: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Final, Literal

from trivet.result import Table

__all__ = [
    "BETTER",
    "BY_CONSTRUCTION",
    "CHANGED",
    "NOT_MEASURED",
    "NO_EFFECT",
    "WORSE",
    "Change",
    "Effect",
    "EffectMatrix",
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


@dataclass(frozen=True, repr=False)
class EffectMatrix(
    Table,
    head=("statement",),
    rows="effects",
    columns=("row", "column", "before", "after", "change", "outcome"),
):
    """Every remedy of a leg against the figures of the other two; private training also against its own.

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
