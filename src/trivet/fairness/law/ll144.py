"""The summary of results that New York City's Local Law 144 of 2021 asks for (6 RCNY 5-300 to 5-304)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from trivet.errors import DataError, UsageError
from trivet.fairness.auditing.band import judged
from trivet.fairness.auditing.group_names import caution_groups
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.counting.counts import SMALLEST_SHARE
from trivet.fairness.counting.naming import in_order
from trivet.fairness.intervals.comparisons import ratio_interval
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.fairness.law.results import BiasAudit, CategoryFigures, CategoryTable, FourFifths
from trivet.fairness.law.tallies import Cells, Tallies, read_counts, read_scores, read_selections
from trivet.fairness.shaping import Shape, shape_table
from trivet.settings import Share, require
from trivet.tables.opening import Table, open_table, table_file
from trivet.tables.settings import Reading
from trivet.wording import quote

__all__ = ["LL144", "bias_audit", "summary_of"]

LL144: Final = "ll144"
SEX, RACE, BOTH = "sex", "race/ethnicity", "sex x race/ethnicity"
LIMITS: Final = (
    "This is a calculation and not legal advice: whether the law applies, who is an independent auditor and "
    "what has to be published is for a lawyer to say. The most selected category is chosen by its rate in "
    "these rows, and a ratio of small categories is unsure: the intervals say how much. No ratio is a legal "
    "finding."
)
_NAMES_RACE: Final = re.compile(r"race|ethni", re.IGNORECASE)
_NAMES_SEX: Final = re.compile(r"\bsex\b|gender", re.IGNORECASE)
_Name = tuple[str | None, str | None]


def bias_audit(
    table: Any,
    *,
    sex: str,
    race: str,
    prediction: str | None = None,
    score: str | None = None,
    selected: str | None = None,
    total: str | None = None,
    positive: str | None = None,
    unknown: Sequence[str] = (),
    audit_date: str | None = None,
    distribution_date: str | None = None,
    data_source: str | None = None,
    justification: str | None = None,
    keep_small: bool = False,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    one_hot: str | None = None,
    exclude: str | None = None,
    reading: Reading | None = None,
) -> BiasAudit:
    """Summarise a table as New York City's Local Law 144 requires, as ``--template ll144`` does.

    Parameters
    ----------
    table
        A file as of ``trivet fairness``, an open one, or any data frame that narwhals knows.
    sex, race
        Names of the columns of sex and of race or ethnicity.
    prediction, score
        Name of the column of decisions, or of scores, of a table with a row an individual.
    selected, total
        Names of the columns of numbers, of a table with a row a category.
    positive
        The decision that says that an individual was selected; not needed for 0 and 1, or true and false.
    unknown
        Values of sex or race that count as unknown, beside empty cells and the usual words.
    audit_date, distribution_date, data_source
        What the summary states; None leaves it out, and says so.
    justification
        Why categories below two percent are left out of impact ratios.
    keep_small
        Leave none of them out.
    four_fifths, level
        Of what stands beside the law's figures.
    one_hot, exclude, reading
        Columns made of marked ones, values whose rows are left out, and what the cells of a CSV file mean.

    Returns
    -------
    BiasAudit
        Tables by sex, by race or ethnicity, and by both.

    Raises
    ------
    UsageError, DataError
        Something that was named does not exist, or the table cannot be used.
    """
    given = [prediction is not None, score is not None, selected is not None or total is not None]
    if sum(given) != 1 or (selected is None) != (total is None):
        raise UsageError("give one of prediction, score, and selected with total.")
    if positive is not None and prediction is None:
        raise UsageError("positive is a decision, and scores and counts have none; leave it out.")
    _require_order(sex, race)
    shape = Shape.typed((sex, race), one_hot=one_hot, exclude=exclude)
    with table_file(table) as file, open_table(file, reading=reading) as whole:
        opened, notes = shape_table(whole, shape, total)
        if prediction is not None:
            tallies = read_selections(
                opened, sex=sex, race=race, prediction=prediction, positive=positive, unknown=unknown
            )
        elif score is not None:
            tallies = read_scores(opened, sex=sex, race=race, score=score, unknown=unknown)
        else:
            tallies = read_counts(
                opened, sex=sex, race=race, selected=selected or "", total=total or "", unknown=unknown
            )
    return summary_of(
        tallies,
        data=opened.name if isinstance(table, str | Path | Table) else "the table",
        sex=sex,
        race=race,
        measured=prediction or score or selected or "",
        audit_date=audit_date,
        distribution_date=distribution_date,
        data_source=data_source,
        justification=justification,
        smallest_share=0.0 if keep_small else SMALLEST_SHARE,
        four_fifths=four_fifths,
        level=level,
        notes=(*whole.notes, *notes),
    )


def _spellings(sex: str, race: str, cells: Cells) -> Iterator[str]:
    """Name categories that differ in spelling alone."""
    named = [(own[0] or "", own[1] or "") for own in cells]
    yield from (each.message for each in caution_groups((sex, race), named) if each.kind == "spelling")


def summary_of(
    tallies: Tallies,
    *,
    data: str,
    sex: str = "sex",
    race: str = "race",
    measured: str = "selected",
    audit_date: str | None = None,
    distribution_date: str | None = None,
    data_source: str | None = None,
    justification: str | None = None,
    smallest_share: float = SMALLEST_SHARE,
    four_fifths: float = TableOptions.four_fifths,
    level: float = TableOptions.level,
    notes: tuple[str, ...] = (),
) -> BiasAudit:
    """Summarise numbers by sex and race."""
    require(Share, level=level)
    cells = tallies.cells
    everybody = sum(count for _, count in cells.values())
    chosen = {
        SEX: lambda own: (own[0], None) if own[0] is not None else None,
        RACE: lambda own: (None, own[1]) if own[1] is not None else None,
        BOTH: lambda own: own if None not in own else None,
    }
    tables = tuple(
        _table(
            name,
            cells,
            place,
            everybody=everybody,
            smallest_share=smallest_share,
            justification=justification,
            four_fifths=four_fifths,
            level=level,
        )
        for name, place in chosen.items()
    )
    stated = {
        "The distribution date of the tool is not stated: --distribution-date.": distribution_date,
        "The date of the bias audit is not stated: --audit-date.": audit_date,
        "The source and explanation of the data are not stated: --data-source.": data_source,
    }
    return BiasAudit(
        template=LL144,
        kind="selection" if tallies.median is None else "scoring",
        data=data,
        sex=sex,
        race=race,
        measured=measured,
        median=tallies.median,
        applicants=everybody,
        unknown=tables[-1].unknown,
        unknown_values=tallies.unknown_values,
        audit_date=audit_date,
        distribution_date=distribution_date,
        data_source=data_source,
        smallest_share=smallest_share,
        four_fifths=four_fifths,
        level=level,
        tables=tables,
        missing=tuple(sentence for sentence, value in stated.items() if value is None),
        limits=LIMITS,
        notes=(*notes, *_spellings(sex, race, cells)),
    )


def _table(
    name: str,
    cells: Cells,
    place: Callable[[_Name], _Name | None],
    *,
    everybody: int,
    smallest_share: float,
    justification: str | None,
    four_fifths: float,
    level: float,
) -> CategoryTable:
    """Make one table: rates of all categories, and their ratios to the highest of those that count."""
    counts: dict[_Name, tuple[int, int]] = {}
    for own, (some, whole) in cells.items():
        if (key := place(own)) is not None:
            before = counts.get(key, (0, 0))
            counts[key] = before[0] + some, before[1] + whole
    known = sum(whole for _, whole in counts.values())
    if not known:
        raise DataError(f"no individual has a known {name}; name another column, or give the values.")
    # A quotient is rounded as the literal is, so that two percent are two percent.
    small = {key for key, (_, whole) in counts.items() if whole / known < smallest_share}
    compared = {key: counts[key] for key in counts if key not in small}
    best = max(
        compared, key=lambda key: (compared[key][0] / compared[key][1], compared[key][1]), default=None
    )
    pairs = max(1, len(compared) * (len(compared) - 1) // 2)
    order = in_order(tuple(value or "" for value in key) for key in counts)
    by_text = {tuple(value or "" for value in key): key for key in counts}
    categories = tuple(
        _category(
            by_text[text],
            counts[by_text[text]],
            known,
            None if best is None else compared[best],
            is_best=by_text[text] == best,
            excluded=_excluded(counts[by_text[text]][1], smallest_share, justification)
            if by_text[text] in small
            else None,
            four_fifths=four_fifths,
            levels=(level, simultaneous_level(level, pairs)),
        )
        for text in order
    )
    nobody = best is None or compared[best][0] == 0
    called = None if nobody or best is None else ", ".join(value for value in best if value is not None)
    return CategoryTable(name, known, everybody - known, called, categories)


def _category(
    key: _Name,
    counts: tuple[int, int],
    known: int,
    best: tuple[int, int] | None,
    *,
    is_best: bool,
    excluded: str | None,
    four_fifths: float,
    levels: tuple[float, float],
) -> CategoryFigures:
    some, whole = counts
    ratio = statistics = reason = None
    if excluded is None and best is not None and best[0] > 0:
        ratio = (some / whole) / (best[0] / best[1])
        statistics = beside(counts, best, ratio, is_best=is_best, four_fifths=four_fifths, levels=levels)
    elif excluded is None:
        reason = "nobody in any category is selected, and 0/0 is unknown"
    return CategoryFigures(
        *key, whole, whole / known, some, some / whole, ratio, excluded, reason, statistics
    )


def beside(
    counts: tuple[int, int],
    best: tuple[int, int],
    ratio: float,
    *,
    is_best: bool,
    four_fifths: float,
    levels: tuple[float, float],
) -> FourFifths:
    """Return what stands beside the law's figures."""
    if is_best:
        return FourFifths(None, None, None, None, REFERENCE)
    own, wide = (ratio_interval(*counts, *best, level=level) for level in levels)
    # A rate cannot be above the highest: only the lower end of the band matters.
    high = None if wide.high is None else min(wide.high, 1.0)
    verdict = judged(replace(wide, high=high), four_fifths=four_fifths)
    return FourFifths(own, wide.low, wide.high, ratio < four_fifths, verdict)


def _excluded(whole: int, smallest_share: float, justification: str | None) -> str:
    """Say why a category is left out of the calculation."""
    number = "1 individual is" if whole == 1 else f"{whole:,} individuals are"
    why = justification or (
        f"its {number} less than {smallest_share:.0%} of the data, too few for a meaningful ratio"
    )
    return f"left out of impact ratios (6 RCNY 5-301): {why.rstrip('.')}"


def _require_order(sex: str, race: str) -> None:
    """Refuse columns that are named the other way round."""
    if sex == race:
        raise UsageError(f"{quote(sex)} is named for sex and for race; name two columns.")
    if _NAMES_RACE.search(sex) and _NAMES_SEX.search(race):
        raise UsageError(
            f"{quote(sex)} looks like the column of race and {quote(race)} like that of sex; name sex first."
        )
