"""A bias audit as a CSV file that can be published: a row a category, then what the summary states."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from trivet.fairness.law.results import BiasAudit, CategoryFigures, CategoryTable, FourFifths
from trivet.wording import one_line

__all__ = [
    "HEADER",
    "MOST_SELECTED",
    "NAME",
    "beside_rows",
    "category_rows",
    "figure_text",
    "published_csv",
    "rate_sentence",
    "table_notes",
]

#: Stands where a number is suppressed.
SUPPRESSED: Final = "withheld"
#: Verdict of the category that the others are divided by.
MOST_SELECTED: Final = "most selected"
#: Longer names are not read on a terminal or a page; shorter ones are never cut.
NAME: Final = 500

HEADER: Final = (
    "table", "sex", "race_ethnicity", "applicants", "percent_of_applicants", "selected", "rate",
    "impact_ratio", "note",
)  # fmt: skip
#: A cell that begins so is a formula to a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def published_csv(audit: BiasAudit) -> str:
    """Return the summary as CSV: shares, rates and ratios with four digits after the point."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([_cell(value) for value in row] for row in _rows(audit))
    return stream.getvalue()


def category_note(audit: BiasAudit, figures: CategoryFigures) -> str:
    """Say what is to be known of a category: why it has no ratio, or that it is the most selected."""
    notes = [note for note in (figures.excluded, figures.reason) if note]
    if figures.statistics is not None and figures.statistics.impact_ratio is None:
        notes.append(MOST_SELECTED if audit.kind == "selection" else "highest scoring")
    return "; ".join(notes)


def rate_sentence(audit: BiasAudit) -> str:
    """Say what a rate is the share of."""
    column = one_line(audit.measured, limit=NAME)
    if audit.median is None:
        return f"The selection rate is the share of a category that is selected ({column})."
    return (
        f"The scoring rate is the share of a category whose score ({column}) is above the median of all "
        f"individuals, {audit.median:g}."
    )


def table_notes(table: CategoryTable) -> tuple[str, ...]:
    """Say of a table which categories have no ratio and why, and how many individuals are not in it."""
    notes = [
        f"{one_line(each.name, limit=NAME)}: {why}."
        for each in table.categories
        if (why := each.excluded or each.reason)
    ]
    unknown = SUPPRESSED if table.unknown is None else f"{table.unknown:,}"
    notes.append(f"Not in the calculations by {table.name}, as unknown: {unknown} individuals.")
    return tuple(notes)


def category_rows(table: CategoryTable) -> list[dict[str, str]]:
    """Return the rows of one table of the law as texts."""
    return [
        {
            "name": one_line(each.name, limit=NAME),
            "sex": one_line(each.sex or "", limit=NAME),
            "race": one_line(each.race or "", limit=NAME),
            "applicants": figure_text(each.applicants, ",d"),
            "percent": figure_text(None if each.share is None else 100 * each.share, ".1f"),
            "selected": figure_text(each.selected, ",d"),
            "rate": figure_text(each.rate, ".3f"),
            "ratio": "not calculated"
            if each.excluded or each.reason
            else figure_text(each.impact_ratio, ".3f"),
        }
        for each in table.categories
    ]


def beside_rows(table: CategoryTable) -> list[dict[str, str]]:
    """Return what stands beside the figures of one table as texts."""
    below = {True: "yes", False: "no", None: ""}
    return [
        {
            "table": table.name,
            "name": one_line(each.name, limit=NAME),
            "ratio": figure_text(each.impact_ratio, ".3f"),
            "interval": "" if found.impact_ratio is None else _interval_text(found),
            "below": below[found.below],
            "verdict": found.verdict if found.impact_ratio is not None else MOST_SELECTED,
        }
        for each in table.categories
        if (found := each.statistics) is not None
    ]


def figure_text(value: float | None, spec: str) -> str:
    """Return a figure, or that it is withheld."""
    return SUPPRESSED if value is None else format(value, spec)


def _interval_text(found: FourFifths) -> str:
    """Write the interval that holds for all pairs at once."""
    if found.low is None:
        return "none"
    return f"{found.low:.3f} or more" if found.high is None else f"{found.low:.3f}-{found.high:.3f}"


def _rows(audit: BiasAudit) -> Iterator[tuple[object, ...]]:
    for table in audit.tables:
        for each in table.categories:
            yield (
                table.name, each.sex, each.race, each.applicants, _percent(each.share), each.selected,
                _rounded(each.rate), _rounded(each.impact_ratio), category_note(audit, each),
            )  # fmt: skip
    for table in audit.tables:
        note = "unknown, and not in the calculations of this table"
        if table.unknown is None and audit.suppressed_below is not None:
            note += "; suppressed"
        yield (table.name, None, None, table.unknown, None, None, None, None, note)
    for name, value in (
        ("date of the bias audit", audit.audit_date),
        ("distribution date of the tool", audit.distribution_date),
        ("source and explanation of the data", audit.data_source),
        ("rate", rate_sentence(audit)),
        ("limits", audit.limits),
    ):
        yield ("about", None, None, None, None, None, None, None, f"{name}: {value or 'not stated'}")


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
