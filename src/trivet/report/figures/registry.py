"""Registry of the figures: all of them, those that a record has, their files, words and data."""

import csv
import io
import re
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from trivet.place import leaves, spelling
from trivet.record import AuditRecord, Triggers
from trivet.report.figures import (
    compared,
    effects,
    groups,
    measures,
    mitigations,
    outcomes,
    parts,
    plans,
    privacy_audits,
    scan,
    study_fairness,
    study_privacy,
    study_security,
    subgroups,
    watched,
)
from trivet.report.figures.figure import FigureRow, save_figure
from trivet.report.text.tree import Picture
from trivet.work.result_files import make_folder

__all__ = ["FIGURES", "MOST_VALUES", "available", "figure_csv", "pictures", "save_figures"]

#: In the order in which they are drawn.
FIGURES: Final[tuple[FigureRow, ...]] = (
    *study_security.FIGURES,
    *study_privacy.FIGURES,
    *study_fairness.FIGURES,
    *scan.FIGURES,
    *plans.FIGURES,
    *privacy_audits.FIGURES,
    *groups.FIGURES,
    *measures.FIGURES,
    *parts.FIGURES,
    *subgroups.FIGURES,
    *mitigations.FIGURES,
    *effects.FIGURES,
    *outcomes.FIGURES,
    *compared.FIGURES,
    *watched.FIGURES,
)


def available(record: object) -> tuple[FigureRow, ...]:
    """Rows of `FIGURES` that the record has what it takes for, in their order."""
    return tuple(row for row in FIGURES if row.part(record) is not None)


def pictures(record: object) -> dict[str, Picture | None]:
    """Return what stands beside the files of every figure, by name; None for one that the record lacks."""
    return {row.name: row.picture(record) for row in FIGURES}


def save_figures(
    record: AuditRecord, triggers: Triggers, folder: str | Path, *, executor: Executor | None = None
) -> tuple[Path, ...]:
    """Draw every available figure and write it as SVG, PDF and PNG.

    Parameters
    ----------
    record
        All results; the figures of a leg that it lacks are left out.
    triggers
        Trigger arrays as in `trivet.record.Triggers`; empty where there is no security study.
    folder
        Where to write; it is created where it is missing.
    executor
        Draws several figures at once, in processes: matplotlib knows no threads. None draws one
        after the other.

    Returns
    -------
    tuple of Path
        The files, in the order of `FIGURES`. The same input gives the same bytes.

    Raises
    ------
    ReportError
        A trigger array is missing.
    UsageError
        If the folder cannot be written.
    """
    folder = make_folder(Path(folder))
    draw = partial(_draw, record, triggers, folder)
    names = [row.name for row in available(record)]
    drawn = list(map(draw, names) if executor is None else executor.map(draw, names))
    return tuple(path for paths in drawn for path in paths)


def _draw(record: AuditRecord, triggers: Triggers, folder: Path, name: str) -> list[Path]:
    return save_figure(
        next(row for row in FIGURES if row.name == name).figure(record, triggers), folder / name
    )


#: A figure of more values than this has no table on the page: it would outgrow what it explains.
MOST_VALUES: Final = 5_000
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
#: A cell that begins so is a formula to a spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def figure_csv(record: Mapping[str, Any], name: str) -> str | None:
    """Write the values that a figure draws as CSV, in the columns ``place`` and ``value``."""
    patterns = (
        f"{row.of}.{place}" if place else row.of
        for row in FIGURES
        if row.name == name
        for place in row.places
    )
    found = dict(islice((leaf for pattern in patterns for leaf in leaves(record, pattern)), MOST_VALUES + 1))
    if not 0 < len(found) <= MOST_VALUES:
        return None
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(("place", "value"))
    writer.writerows((_cell(place), _cell(value)) for place, value in found.items())
    return stream.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return spelling(value)
