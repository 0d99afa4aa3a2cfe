"""Bounds of disparities of a table's rows, whose groups are only inferred."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.design import score_range
from trivet.fairness.counting.files import read_columns
from trivet.fairness.counting.group_counts import group_counts, placed_cut
from trivet.fairness.inferred.misreading import bounds_by_errors
from trivet.fairness.inferred.probabilities import bounds_by_probability
from trivet.fairness.inferred.results import InferredAudit
from trivet.fairness.inferred.settings import InferredOptions, parse_pairs
from trivet.settings import SettingError
from trivet.tables.opening import Table, find_column, open_table, table_file
from trivet.tables.settings import Reading
from trivet.wording import one_line, quote

__all__ = ["bound_disparities"]

USUAL_CUT: Final = 0.5


def bound_disparities(
    table: Any,
    *,
    inferred: Mapping[str, str] | None = None,
    sensitive: str | None = None,
    error_rates: Mapping[tuple[str, str], float] | None = None,
    prediction: str | None = None,
    score: str | None = None,
    cut: Any = None,
    score_range: str | None = None,
    favourable: Any = TableOptions.favourable,
    label: str | None = None,
    positive: str | None = None,
    privileged: str | None = None,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    seed: int = 0,
    reading: Reading | None = None,
) -> InferredAudit:
    """Bound disparities between groups that are only inferred, as ``--inferred`` and ``--error-rates`` do.

    Parameters
    ----------
    table
        A file as of ``trivet fairness``, an open one, or any data frame that narwhals knows.
    inferred
        By group, the column of the probability that a row is of it.
    sensitive, error_rates
        In place of it, the column of an inferred group, and the shares of each true group (first) that are
        inferred to be another (second); what is not named is 0, and the rest is inferred rightly.
    prediction, score, cut, score_range, favourable, label, positive
        As of an audit; without a label selection rates alone are bounded.
    privileged, four_fifths, level, seed
        As of `trivet.fairness.inferred.probabilities.bounds_by_probability`.
    reading
        Of a CSV file: what its cells mean.

    Returns
    -------
    InferredAudit
        Bounds of each disparity, with sampling error, and the usual estimators.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    if (inferred is None) == (sensitive is None) or (sensitive is None) != (error_rates is None):
        raise UsageError("give either inferred, or sensitive with error_rates.")
    if (prediction is None) == (score is None):
        raise UsageError("give one of prediction and score.")
    if score is None and (
        cut is not None or score_range is not None or favourable != TableOptions.favourable
    ):
        raise UsageError("cut, score range and favourable are of a score; leave them out.")
    if score_range is not None and cut is None:
        raise UsageError("the score range has scores of its own; give a cut, a score or median.")
    if score is not None and label is None and positive is not None:
        raise UsageError("positive is of labels or predictions, and a score has neither; leave it out.")
    known: dict[str, Any] = {
        "privileged": privileged,
        "four_fifths": four_fifths,
        "level": level,
        "seed": seed,
        "prediction": prediction or score,
        "label": label,
    }
    asked = _Asked(prediction, score, cut, score_range, favourable, label, positive)
    with table_file(table) as file, open_table(file, reading=reading) as opened:
        known["data"] = opened.name if isinstance(table, str | Path | Table) else "the table"
        if inferred is not None:
            for column in inferred.values():
                find_column(opened.columns, column)
            decided, labels = asked.columns(opened)
            read = read_columns(opened, scores=tuple(inferred.values())).scores
            chances = {group: read[column] for group, column in inferred.items()}
            columns = tuple(inferred.values())
            return bounds_by_probability(chances, decided, labels, columns=columns, **known)
        counts = asked.counts(opened, sensitive or "")
    groups = [values[0] for values in counts.groups]
    errors = _matrix(groups, error_rates or {})
    table_ = counts.table
    return bounds_by_errors(
        table_, groups, errors, labelled=label is not None, columns=(sensitive or "",), **known
    )


class _Asked:
    """Columns of what was decided, and of labels."""

    def __init__(
        self,
        prediction: str | None,
        score: str | None,
        cut: Any,
        scores: str | None,
        favourable: Any,
        label: str | None,
        positive: str | None,
    ) -> None:
        self.prediction, self.score, self.label, self.positive = prediction, score, label, positive
        self.scale = score_range(scores, favourable)
        self.cut = USUAL_CUT if cut is None else cut

    def counts(self, table: Table, sensitive: str) -> GroupCounts:
        """Return counts by a sensitive column."""
        return group_counts(
            table,
            self.label,
            self.prediction or self.score,
            sensitive,
            positive=self.positive,
            cut=None if self.score is None else self.cut,
            scale=self.scale,
        )

    def columns(self, table: Table) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Return what was decided and the labels of all rows, 0 or 1."""
        coded = [name for name in (self.prediction, self.label) if name is not None]
        # Labels and predictions that the count takes are those that are meant.
        positive = self._positive(table) if coded else ()
        read = read_columns(table, coded=coded) if coded else None
        found: dict[str, NDArray[np.int64]] = {}
        for name in coded:
            assert read is not None
            column = read.coded[name]
            found[name] = np.isin(np.asarray(column.categories), positive)[column.codes].astype(np.int64)
        if self.score is not None:
            place = placed_cut(table, self.score, self.cut, scale=self.scale).place
            places = read_columns(table, scores=(self.score,), scale=self.scale).scores[self.score]
            decided = (places >= place).astype(np.int64)
        else:
            decided = found[self.prediction or ""]
        return decided, None if self.label is None else found[self.label]

    def _positive(self, table: Table) -> tuple[str, ...]:
        """Return the names of the positive value."""
        counted = self.prediction or self.label or ""
        counts = (
            group_counts(table, self.label, self.prediction, counted, positive=self.positive)
            if (self.prediction is not None)
            else group_counts(
                table, self.label, self.score, counted, positive=self.positive, cut=self.cut, scale=self.scale
            )
        )
        name = counts.classes[1]
        return (name, {"1": "true", "true": "1"}.get(name, name), *counts.also)


def _matrix(groups: list[str], rates: Mapping[tuple[str, str], float]) -> NDArray[np.float64]:
    """Return error rates as shares of each true group, what is not named being right."""
    matrix = np.zeros((len(groups), len(groups)))
    for (true, inferred), rate in rates.items():
        for name in (true, inferred):
            if name not in groups:
                listed = one_line(", ".join(groups), limit=200)
                raise UsageError(f"no row is inferred to be {quote(name)}; there are {listed}.")
        if not 0 <= rate <= 1:
            raise UsageError(f"an error rate is a share from 0 to 1, found {rate:g} of {quote(true)}.")
        if true == inferred:
            raise UsageError(f"{quote(true)} inferred to be itself is right; name the error rates alone.")
        matrix[groups.index(true), groups.index(inferred)] = rate
    np.fill_diagonal(matrix, 1 - matrix.sum(axis=1))
    if (np.diag(matrix) < 0).any():
        raise UsageError("the error rates of a group add up to more than 1.")
    return matrix


def parsed(options: InferredOptions) -> dict[str, Any]:
    """Return what the options say, as parameters of `bound_disparities`."""
    if options.inferred is not None:
        return {"inferred": parse_pairs(options.inferred, "inferred", "GROUP=COLUMN")}
    rates: dict[tuple[str, str], float] = {}
    for name, text in parse_pairs(options.error_rates or "", "error_rates", "TRUE:INFERRED=RATE").items():
        true, colon, inferred = (each.strip() for each in name.partition(":"))
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if not (true and colon and inferred and rate >= 0):
            raise SettingError(
                "{error_rates} has {found}; expected TRUE:INFERRED=RATE, such as f:m=0.08.",
                found=quote(f"{name}={text}"),
            )
        rates[true, inferred] = rate
    return {"error_rates": rates}
