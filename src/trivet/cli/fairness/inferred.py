"""``trivet fairness --inferred``: bounds of disparities between groups that are only inferred."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.fairness.output import (
    NAME,
    ends_text,
    name_text,
    refuse_idle,
    value_text,
)
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table, marked, verdict_text
from trivet.errors import UsageError
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.inferred.results import InferredAudit, InferredDisparity
from trivet.fairness.inferred.settings import InferredOptions
from trivet.verdict import DISPARATE, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bound_table", "print_bounds"]

_USED: Final = (
    "prediction", "score", "cut", "score_range", "favourable", "label", "positive", "privileged",
    "four_fifths", "level",
)  # fmt: skip


def bound_table(
    table: str, options: TableOptions, inferred: InferredOptions, *, seed: int, out: Path | None, json: bool
) -> int:
    """Bound the disparities of a table; exit code 1 if one is outside the band whatever the groups are."""
    given = _required(table, options, inferred)

    def bound(progress: Progress) -> InferredAudit:
        progress("fairness", "bounds", None)
        from trivet.fairness.inferred.reading import bound_disparities, parsed  # noqa: PLC0415 - DuckDB, SciPy
        from trivet.tables.opening import open_table  # noqa: PLC0415 - as above

        with open_table(table, reading=options.reading) as opened:
            return bound_disparities(opened, **given, **parsed(inferred), seed=seed)

    files = ("inferred.json", "inferred.html")
    found = carry_out(
        bound, print_bounds, "INFERRED", leg="fairness", files=files, out=out, json=json, drawn="page"
    )
    return 1 if found.verdict == DISPARATE else 0


def _required(table: str, options: TableOptions, inferred: InferredOptions) -> dict[str, Any]:
    """Return the options that are used, or say what is missing or idle."""
    used = {*_USED, "decimal", "thousands", "encoding"}
    used |= {"sensitive"} if inferred.error_rates is not None else set()
    refuse_idle(table, options, used, where="where groups are inferred")
    given = {name: getattr(options, name) for name in _USED}
    if inferred.error_rates is not None:
        if len(options.sensitive) != 1:
            raise UsageError("--error-rates needs --sensitive COL, the column of the inferred group.")
        given["sensitive"] = options.sensitive[0]
    return given


def print_bounds(found: InferredAudit, console: "Console") -> None:
    """Print what each disparity can be, the usual estimators, and the verdict."""
    reference = name_text(found.reference)
    known = (
        "the probability of its group"
        if found.known == "probabilities"
        else "an inferred group, and how often it is wrong"
    )
    console.print(
        f"{found.rows:,} rows; of each is known {known}. Against {reference} ({found.reference_why})."
    )
    for metric in dict.fromkeys(each.metric for each in found.disparities):
        console.print()
        shown = figures_table(
            metric.replace("_", " "), "ratio can be", "with sampling", "weighted", "thresholded", ""
        )
        for each in found.disparities:
            if each.metric == metric:
                shown.add_row(
                    name_text(each.group),
                    _ends(each.ratio.low, each.ratio.high),
                    _ends(each.ratio.sampled_low, each.ratio.sampled_high),
                    value_text(each.weighted),
                    value_text(each.thresholded),
                    marked(tone(each.verdict), each.verdict),
                )
        console.print(shown)
        for each in found.disparities:
            if each.metric == metric:
                console.print(escape(_difference(each)))
    console.print()
    console.print("weighted, thresholded: the usual estimators, which are biased.", style="dim")
    told = verdict_text(tone(found.verdict), found.verdict, on=one_line(found.data, limit=NAME))
    console.print(f"{told}. {escape(found.reason)}")
    console.print(found.limits, style="dim")


def _difference(each: InferredDisparity) -> str:
    reference, group = (one_line(name, limit=NAME) for name in (each.reference, each.group))
    known = "" if each.adjusted is None else f"{each.adjusted:.3f} if errors do not depend on the outcome"
    more = known and f"; the ratio is {known}"
    ends = _ends(each.difference.low, each.difference.high)
    return f"{group}: the difference, the rate of {reference} minus that of {group}, can be {ends}{more}."


def _ends(low: float | None, high: float | None) -> str:
    return ends_text(low, high, unknown="unknown")
