"""Search for subgroups in the rows of a table: which columns make them, and which are left out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.features import telling_columns
from trivet.fairness.auditing.rows import Predicted, read_predicted
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.measures.registry import measures_named
from trivet.fairness.search.rates import SEARCHED
from trivet.fairness.search.results import LeftOutColumn, SubgroupSearch
from trivet.fairness.search.search import DEEPEST, search_rows
from trivet.tables.features import Features
from trivet.tables.opening import Table, find_column
from trivet.wording import listed, quote

__all__ = ["search_predicted", "search_subgroups", "search_table"]

Progress = Callable[[str, float | None], object]

_WHY: Final = {
    "label": "it alone tells the label almost always",
    "prediction": "it alone tells the prediction almost always",
    "keys": "it has a value of its own in every row",
}


def search_table(
    opened: Table,
    counts: GroupCounts,
    settings: TableSettings,
    predicted: Predicted | None,
    *,
    seed: int,
    workers: int | None,
    progress: Progress,
) -> SubgroupSearch:
    """Search the rows of a table that was counted; they are read where `predicted` has none."""
    for name in settings.search_columns:
        find_column(opened.columns, name)
    labelled = predicted is not None
    if predicted is None:
        if settings.label is not None or settings.prediction is None:
            raise UsageError(
                "the rows of this table are not looked at one by one, so that no subgroups can be searched "
                "for; see the audit without a search for the reason, or name a number of rows."
            )
        # Rows without labels are read with the predictions in their place, and searched without.
        predicted = read_predicted(
            opened,
            counts,
            label=settings.prediction,
            prediction=settings.prediction,
            cut=None,
            ignored=settings.ignore,
            limit=settings.rows,
            seed=seed,
        )
    return search_predicted(
        predicted,
        labelled=labelled,
        # Scores of another scale are not shares of positives, and have no calibration.
        calibrated=settings.score_range is None and settings.favourable == "high",
        columns=settings.search_columns,
        metrics=settings.metric,
        fewest=settings.search_rows,
        split=settings.search_split,
        level=settings.level,
        seed=seed,
        workers=workers,
        progress=progress,
    )


def search_predicted(
    predicted: Predicted,
    *,
    labelled: bool = True,
    calibrated: bool = True,
    columns: Sequence[str] = (),
    metrics: Sequence[str] = (),
    fewest: int | None = None,
    split: bool = False,
    level: float = 0.95,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = lambda _step, _share: None,
) -> SubgroupSearch:
    """Search rows, in some columns or in all that do not tell label or prediction or number the rows."""
    rows = predicted.rows
    left_out: list[LeftOutColumn] = []
    wanted = set(columns or rows.features.names)
    if not columns:
        telling = telling_columns(predicted, seed=seed)
        left_out = [
            LeftOutColumn(name, why)
            for field, why in _WHY.items()
            for name in getattr(telling, field)
            if labelled or field != "label"
        ]
        wanted -= {each.column for each in left_out}
    wanted.discard(rows.label)
    kept = [place for place, name in enumerate(rows.features.names) if name in wanted]
    if not kept:
        raise DataError("there is no column left that subgroups could be made of.")
    return search_rows(
        rows.features.only(kept).take(predicted.places),
        predicted.predictions,
        rows.labels[predicted.places] if labelled else None,
        scores=predicted.scores if labelled and calibrated else None,
        metrics=searched_names(metrics),
        left_out=left_out,
        fewest=fewest,
        split=split,
        level=level,
        seed=seed,
        workers=workers,
        progress=progress,
    )


def searched_names(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the rates that some metrics are made of; a UsageError where one is not made of rates."""
    if not metrics:
        return ()
    names: list[str] = []
    for each in measures_named(metrics):
        own = [rate.name for rate in each.rates if rate.name in SEARCHED]
        if not own:
            raise UsageError(
                f"no subgroups can be searched for by {each.name}; expected some of "
                f"{listed(tuple(SEARCHED))}."
            )
        names += own
    return tuple(dict.fromkeys(names))


def search_subgroups(
    columns: Mapping[str, ArrayLike],
    *,
    prediction: ArrayLike | None = None,
    score: ArrayLike | None = None,
    label: ArrayLike | None = None,
    cut: float = 0.5,
    metric: str | Sequence[str] = (),
    rows: int | None = None,
    depth: int = DEEPEST,
    split: bool = False,
    level: float = 0.95,
    seed: int = 0,
    workers: int | None = None,
) -> SubgroupSearch:
    """Search arrays for subgroups whose rates differ, as ``trivet fairness --search`` does for a table.

    Parameters
    ----------
    columns
        What subgroups are made of: arrays of shape (rows,) by name, or a data frame that is a mapping of its
        columns. Numbers are binned; other values are taken as texts.
    prediction, score
        Exactly one of them, shape (rows,): predictions of 0 and 1, or probabilities, whose calibration is
        searched as well.
    label
        True labels of 0 and 1, shape (rows,); without them only selection rates are searched.
    cut
        Score from which a row is predicted positive.
    metric
        Rates to search; by default selection rate, and true and false positive rate where there are labels.
    rows
        Rows at least of a subgroup and of the rest: by default 30, or a thousandth of all.
    depth
        Conditions at most, 1 to 3.
    split
        Search one half of the rows and test on the other.
    level
        Confidence level of all intervals and p-values together.
    seed, workers
        Of everything random; threads, on which the result does not depend.

    Returns
    -------
    SubgroupSearch
        All columns given are searched, also those that determine the label.

    Raises
    ------
    UsageError, DataError
        If not exactly one of `prediction` and `score` is given, a metric is unknown or needs labels; if
        lengths differ, values are not 0 and 1, scores not in [0, 1], or there are too few rows.

    Examples
    --------
    >>> import numpy as np
    >>> from trivet import fairness
    >>> generator = np.random.default_rng(0)
    >>> town, old = generator.integers(0, 3, 3000), generator.integers(0, 2, 3000)
    >>> chosen = generator.random(3000) < np.where((town == 1) & (old == 1), 0.6, 0.3)
    >>> found = fairness.search_subgroups({"town": town, "old": old}, prediction=chosen)
    >>> found.found[0].description
    'town = 1 and old = 1'
    """
    if (prediction is None) == (score is None):
        raise UsageError("give one of prediction and score.")
    features = _features(columns)
    scores = None if score is None else _shares(score, len(features))
    labels = None if label is None else _binary(label, "label", len(features))
    if scores is not None:
        predictions = (scores >= cut).astype(np.int64)
    else:
        assert prediction is not None
        predictions = _binary(prediction, "prediction", len(features))
    return search_rows(
        features,
        predictions,
        labels,
        scores=scores,
        metrics=searched_names((metric,) if isinstance(metric, str) else tuple(metric)),
        fewest=rows,
        depth=depth,
        split=split,
        level=level,
        seed=seed,
        workers=workers,
    )


def _features(columns: Mapping[str, ArrayLike]) -> Features:
    """Return columns as numbers, and texts as codes."""
    arrays = {str(name): np.asarray(columns[name]) for name in columns}
    if not arrays:
        raise UsageError("there is no column that subgroups could be made of.")
    lengths = {len(each) if each.ndim == 1 else -1 for each in arrays.values()}
    if len(lengths) > 1 or -1 in lengths:
        raise DataError("the columns should be arrays of one dimension and of one length.")
    values = np.empty((lengths.pop(), len(arrays)))
    categories: list[tuple[str, ...] | None] = []
    for place, array in enumerate(arrays.values()):
        if array.dtype.kind in "biuf":
            values[:, place] = array
            values[np.isinf(values[:, place]), place] = np.nan
            categories.append(None)
        else:
            texts = np.array(
                ["" if _is_missing(each) else str(each) for each in array.tolist()], dtype=object
            )
            known = tuple(sorted(set(texts.tolist())))
            codes = {text: code for code, text in enumerate(known)}
            values[:, place] = [codes[text] for text in texts.tolist()]
            categories.append(known)
    return Features(tuple(arrays), values, tuple(categories))


def _is_missing(value: Any) -> bool:
    """Return True for None, NaN and their like, which are not equal to themselves."""
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN


def _binary(values: ArrayLike, name: str, rows: int) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.shape != (rows,):
        raise DataError(f"{name} should have shape ({rows},) as the columns, found {array.shape}.")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise DataError(f"{name} should be 0 or 1 in every row; compare it with the value that counts as 1.")
    return array.astype(np.int64)


def _shares(values: ArrayLike, rows: int) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.shape != (rows,):
        raise DataError(f"score should have shape ({rows},) as the columns, found {array.shape}.")
    if array.dtype.kind not in "biuf" or not ((array >= 0) & (array <= 1)).all():
        raise DataError(f"scores should be numbers from 0 to 1; scale {quote('score')} first.")
    return array.astype(np.float64)
