"""Suppression of small cells in a bias audit: categories without counts below a number or ways to them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.fairness.law.ll144 import beside
from trivet.fairness.law.protection import WITHHELD, Line, protect
from trivet.fairness.law.results import BiasAudit, CategoryFigures, CategoryTable
from trivet.fairness.law.suppression import LEFT_OUT, published_note, suppression_reason
from trivet.settings import Count, require

__all__ = ["suppressed_bias_audit"]

SEX, RACE, BOTH = 0, 1, 2
_Name = tuple[str | None, str | None]
_NOBODY: Final = (0, 0)


def suppressed_bias_audit(audit: BiasAudit, fewest: int) -> BiasAudit:
    """Return a bias audit without counts of categories below a number, and without what would reveal them.

    A category with fewer individuals, selected or not selected ones is withheld, and so is a number of
    unknown ones; then more are, until no sum or difference over the three tables determines a withheld one.

    Parameters
    ----------
    audit
        A finished bias audit.
    fewest
        Smaller counts are withheld, 1 or more.

    Returns
    -------
    BiasAudit
        The same with `suppressed_below`, and None in the place of withheld figures.

    Raises
    ------
    UsageError
        If `fewest` is below 1.
    """
    require(Count, suppress=fewest)
    cells = _cells(audit)
    names = list(cells)
    counts = np.array([cells[name] for name in names], dtype=np.int64)
    lines, places = _lines(audit, names)
    levels = protect(counts, lines, fewest=fewest)
    hidden = {place for place, level in zip(places, levels, strict=True) if level == WITHHELD}
    tables = tuple(
        _table(
            table,
            [(number, place) in hidden for place in range(len(table.categories))],
            (number, None) in hidden,
            suppression_reason(fewest),
            audit,
        )
        for number, table in enumerate(audit.tables)
    )
    told = [published_note(note, fewest, hidden=bool(hidden)) for note in audit.notes]
    notes = tuple(note for note in told if note is not None)
    if None in told:
        notes += (LEFT_OUT.format(fewest=fewest),)
    return replace(audit, tables=tables, unknown=tables[-1].unknown, suppressed_below=fewest, notes=notes)


def _cells(audit: BiasAudit) -> dict[_Name, tuple[int, int]]:
    """Return how many are not selected and selected, by sex and race, one of them None where unknown."""
    sex, race, both = audit.tables
    found = {(each.sex, each.race): _counts(each) for each in both.categories}
    rest: dict[_Name, tuple[int, int]] = {}
    for table in (sex, race):
        for each in table.categories:
            known = [
                counts
                for (own, other), counts in found.items()
                if each.sex in (None, own) and each.race in (None, other)
            ]
            own = _counts(each)
            left = tuple(whole - sum(part[kind] for part in known) for kind, whole in enumerate(own))
            if any(left):
                rest[each.sex, each.race] = (left[0], left[1])
    both_unknown = audit.applicants - sum(map(sum, (*found.values(), *rest.values())))
    return found | rest | ({(None, None): (both_unknown, 0)} if both_unknown else {})


def _counts(each: CategoryFigures) -> tuple[int, int]:
    if each.applicants is None or each.selected is None:
        return _NOBODY
    return each.applicants - each.selected, each.selected


def _lines(audit: BiasAudit, names: Sequence[_Name]) -> tuple[list[Line], list[tuple[int, int | None]]]:
    """Return each category of each table, and the unknown ones of each, as sums of cells."""
    lines: list[Line] = []
    places: list[tuple[int, int | None]] = []
    for number, table in enumerate(audit.tables):
        for place, each in enumerate(table.categories):
            cells = tuple(
                cell
                for cell, (sex, race) in enumerate(names)
                if (each.sex is None or each.sex == sex) and (each.race is None or each.race == race)
            )
            lines.append(Line(number, cells, each.name == table.most_selected))
            places.append((number, place))
        unknown = tuple(
            cell
            for cell, (sex, race) in enumerate(names)
            if (sex is None and number != RACE) or (race is None and number != SEX)
        )
        if unknown:
            lines.append(Line(number, unknown, kept=True, rows_only=True))
            places.append((number, None))
    return lines, places


def _table(
    table: CategoryTable,
    hidden: Sequence[bool],
    hides_unknown: bool,  # noqa: FBT001 - as `hidden`, of the unknown ones
    reason: str,
    audit: BiasAudit,
) -> CategoryTable:
    """Return a table without the figures that are withheld."""
    if not any(hidden) and not hides_unknown:
        return table
    pairs = list(zip(table.categories, hidden, strict=True))
    # A ratio would tell the rate that others are divided by, and a share the number of all.
    without = any(own and each.name == table.most_selected for each, own in pairs)
    categories = [
        CategoryFigures(each.sex, each.race, None, None, None, None, None, reason=reason) if own else each
        for each, own in pairs
    ]
    if without:
        categories = [
            each
            if each.impact_ratio is None
            else replace(each, impact_ratio=None, statistics=None, reason=reason)
            for each in categories
        ]
    elif any(hidden):
        categories = [_for_all_pairs(each, table, audit) for each in categories]
    if hides_unknown:
        categories = [replace(each, share=None) for each in categories]
    return replace(
        table,
        applicants=None if hides_unknown else table.applicants,
        unknown=None if hides_unknown else table.unknown,
        most_selected=None if without else table.most_selected,
        categories=tuple(categories),
    )


def _for_all_pairs(each: CategoryFigures, table: CategoryTable, audit: BiasAudit) -> CategoryFigures:
    """Return a category with intervals that hold for all pairs of the table, and not of those that count.

    Their number would tell how many of the withheld categories are above two percent.
    """
    if each.statistics is None or each.impact_ratio is None or each.statistics.verdict == REFERENCE:
        return each
    best = next(one for one in table.categories if one.statistics and one.statistics.verdict == REFERENCE)
    own, other = (_counts(one) for one in (each, best))
    number = len(table.categories)
    statistics = beside(
        (own[1], sum(own)),
        (other[1], sum(other)),
        each.impact_ratio,
        is_best=False,
        four_fifths=audit.four_fifths,
        levels=(audit.level, simultaneous_level(audit.level, number * (number - 1) // 2)),
    )
    return replace(each, statistics=statistics)
