"""Shared parts of the fairness commands: refused options, and the cells of their tables."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from trivet.cli.terminal import marked, verdict_text
from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.results import REFERENCE
from trivet.fairness.auditing.settings import ADULT, TableOptions
from trivet.ratios import INFINITE, is_infinite, ratio_figure
from trivet.verdict import tone
from trivet.wording import beside, one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "FILES",
    "NAME",
    "band_of",
    "ends_text",
    "name_text",
    "print_notes",
    "print_verdict",
    "print_withheld",
    "ratio_text",
    "refuse_idle",
    "value_text",
    "verdict_cell",
]

#: What an audit writes.
FILES = ("fairness.json", "fairness.html")
#: Longer names are not read on a terminal; shorter ones are never cut.
NAME = 500


def refuse_idle(table: str, options: TableOptions, used: AbstractSet[str], *, where: str) -> None:
    """Raise a UsageError where there is no table, or an option is given that does nothing `where` it is."""
    if table == ADULT:
        raise UsageError("a table is missing: name a .csv or .parquet file, or FILE.duckdb:TABLE.")
    defaults = {each.name: each.default for each in fields(TableOptions)}
    idle = [name for name in defaults if name not in used and getattr(options, name) != defaults[name]]
    if idle:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UsageError(f"{named}: nothing is done with it {where}; leave it out.")


def print_verdict(found: Any, console: "Console") -> None:
    """Print the verdict of an audit with its reason, above the tables that it rests on."""
    console.print(
        f"{verdict_text(tone(found.verdict), found.verdict, on=found.data)}. {escape(found.reason)}"
    )
    console.print()


def print_notes(found: Any, console: "Console", *, more: Iterable[str] = ()) -> None:
    """Print the cautions of an audit, then what it leaves out and `more` of that kind."""
    for caution in found.cautions:
        console.print(f"[yellow]![/] [bold]{caution.kind}[/]: {escape(caution.message)}")
    for line in (found.limits, *more):
        console.print(escape(line), style="dim")


def name_text(name: str) -> str:
    """Return the name of a group, a column or a table as markup, in one line."""
    return escape(one_line(name, limit=NAME))


def verdict_cell(word: str) -> str:
    """Return a group's verdict as markup; that of the reference group has no sign."""
    return word if word == REFERENCE else marked(tone(word), word)


def value_text(found: Estimate | float | None, spec: str = ".3f", *, bounds: Sequence[float] = ()) -> str:
    """Return a figure as it stands to bounds, or that there is none."""
    value = found.value if isinstance(found, Estimate) else found
    return "none" if value is None else beside(value, bounds, lambda number: format(number, spec))


def ratio_text(ratio: Estimate | None, *, bounds: Sequence[float] = ()) -> str:
    """Return a ratio as it stands to bounds, that it is infinite, or that there is none."""
    figure = None if ratio is None else ratio_figure(ratio.value, ratio.low)
    return INFINITE if is_infinite(figure) else value_text(figure, bounds=bounds)


def ends_text(
    low: float | None,
    high: float | None,
    *,
    unknown: str = "none",
    between: str = " to ",
    bounds: Sequence[float] = (),
) -> str:
    """Return an interval that may have no upper end, each end as it stands to bounds."""
    if low is None:
        return unknown
    shown = value_text(low, bounds=bounds)
    return f"{shown} or more" if high is None else f"{shown}{between}{value_text(high, bounds=bounds)}"


def band_of(four_fifths: float) -> tuple[float, float]:
    """Return the ends of the band of ratios, as they are printed."""
    return four_fifths, 1 / four_fifths


def print_withheld(attribute: Any, console: "Console") -> None:
    """Print which groups have no figures, or none of errors, since these are suppressed."""
    for whole, what in ((True, "withheld"), (False, "figures of errors withheld")):
        names = [name_text(each.group) for each in attribute.withheld if each.whole == whole]
        if names:
            console.print(f"{'; '.join(names)}: {what} ({attribute.withheld[0].reason}).", style="dim")
    shown = [group.verdict for group in attribute.groups]
    if attribute.withheld and shown and REFERENCE not in shown:
        message = "What the others are compared with is withheld, and so are their ratios to it."
        console.print(message, style="dim")
