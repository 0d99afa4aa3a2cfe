"""``trivet fairness``: disparities between groups, and the effect of each mitigation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.commands import command_of_commands
from trivet.cli.fairness.outcomes import audit_and_print
from trivet.cli.fairness.output import (
    FILES,
    band_of,
    ends_text,
    name_text,
    print_notes,
    print_verdict,
    print_withheld,
    ratio_text,
    value_text,
    verdict_cell,
)
from trivet.cli.fairness.search import print_search
from trivet.cli.options import Json, Out, RandomSeed, Workers, command
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table
from trivet.errors import UsageError
from trivet.fairness.auditing.band import below_four_fifths
from trivet.fairness.auditing.results import (
    REFERENCE,
    AttributeAudit,
    FairnessAudit,
    FairnessComparison,
    GroupAudit,
    GroupMeasure,
    MetricAudit,
)
from trivet.fairness.auditing.settings import ADULT, TableOptions, TableSettings
from trivet.fairness.inferred.settings import InferredOptions
from trivet.fairness.law.settings import LawOptions
from trivet.fairness.measures.registry import NO_LABELS, SELECTION
from trivet.verdict import DISPARATE, rank

__all__ = ["fairness"]

if TYPE_CHECKING:
    from rich.console import Console

    from trivet.estimate import Estimate

#: Groups shown on the terminal; the files have all.
SHOWN_GROUPS = 12
_OVERALL = (
    ("accuracy", "accuracy"),
    ("base_rate", "base rate"),
    ("selection_rate", "selection rate"),
    ("true_positive_rate", "TPR"),
    ("false_positive_rate", "FPR"),
)


def print_audit(audit: FairnessAudit, console: "Console") -> None:
    """Print the verdict, the figures of all rows, each attribute's groups, cautions and limits."""
    print_verdict(audit, console)
    _print_overall(audit, console)
    for attribute in audit.attributes:
        _print_attribute(attribute, console, audit.four_fifths)
    _print_marks(audit.attributes, console, audit.four_fifths)
    if audit.subgroups is not None:
        print_search(audit.subgroups, console)
    _print_end(audit, console)


def print_comparison(comparison: FairnessComparison, console: "Console") -> None:
    """Print the verdict on the baseline, each model with its intervals, and what they come to."""
    print_verdict(comparison.baseline, console)
    band = band_of(comparison.baseline.four_fifths)
    table = figures_table("model", "accuracy", "±s", "±t", "DI", "s", "t")
    for model in comparison.models:
        name = ("▸" if model.on_frontier else " ") + model.name
        if model.failed:
            table.add_row(name, "none")
            continue
        table.add_row(
            name,
            value_text(model.accuracy),
            _reach(model.accuracy),
            _reach(model.accuracy_training),
            ratio_text(model.disparate_impact, bounds=band),
            _interval(model.disparate_impact, band),
            _interval(model.disparate_impact_training, band),
        )
    console.print(table)
    console.print(
        f"DI: {_worst(comparison)} against {name_text(comparison.reference)}. s: other "
        f"test rows (sampling). t: other training rows ({comparison.repeats} repeats). ▸: no model is better "
        "in both.",
        style="dim",
    )
    console.print()
    for model in comparison.models:
        if model.note:
            console.print(f"{model.name}: {escape(model.note.rstrip('.'))}.")
    console.print(escape(comparison.statement))
    console.print()
    _print_overall(comparison.baseline, console)
    *others, last = comparison.baseline.attributes
    # The models are compared by all columns together; the verdict may rest on one of them.
    rests = next((each for each in others if each.verdict == comparison.baseline.verdict), None)
    shown = [each for each in (rests, last) if each is not None]
    for attribute in shown:
        _print_attribute(attribute, console, comparison.baseline.four_fifths)
    _print_marks(shown, console, comparison.baseline.four_fifths)
    _print_end(comparison.baseline, console)


def _worst(comparison: FairnessComparison) -> str:
    """Name the group whose disparate impact is shown, if it is the same for all models."""
    groups = {model.group for model in comparison.models if model.group is not None}
    return name_text(groups.pop()) if len(groups) == 1 else "worst group"


def _print_overall(audit: FairnessAudit, console: "Console") -> None:
    if audit.overall is None:
        return
    told = [
        f"{name} {bounds.value:.3f} ({_interval(bounds)})"
        for field, name in _OVERALL
        if (bounds := getattr(audit.overall, field)).value is not None
    ]
    console.print(f"{audit.rows:,} rows: {', '.join(told)}.")
    console.print()


def _print_attribute(attribute: AttributeAudit, console: "Console", four_fifths: float) -> None:
    labelled = any(group.true_positive_rate.reason != NO_LABELS for group in attribute.groups)
    rates = (("TPR", _tpr), ("FPR", _fpr), ("FNR", _fnr)) if labelled else ()
    named = _named(attribute)
    rated = [name for name, _ in rates]
    table = figures_table(name_text(attribute.name), "rows", "rate", "DI", "interval", *rated, "")
    shown, more = _worst_first(attribute.groups)
    marks = {group.group: _mark(group.disparate_impact, four_fifths) for group in shown}
    judged = not attribute.measures or any(one.metric == SELECTION for one in attribute.measures)
    for group in shown:
        table.add_row(
            name_text(group.group),
            f"{group.rows:,}",
            value_text(group.selection_rate),
            ""
            if group.disparate_impact is None
            else ratio_text(group.disparate_impact, bounds=band_of(four_fifths))
            # A blank where there is no mark keeps the points below each other.
            + ((marks.get(group.group) or " ") if any(marks.values()) else ""),
            _between(group.simultaneous_low, group.simultaneous_high, band_of(four_fifths)),
            *(value_text(of(group)) for _, of in rates),
            verdict_cell(group.verdict) if judged or group.verdict == REFERENCE else "",
        )
    console.print(table)
    if more:
        console.print(f"{more} more groups are in the files of --out, and in --json.")
    print_withheld(attribute, console)
    for one in named:
        _print_measure(attribute, one, console, four_fifths)
    if attribute.by_class is not None:
        console.print(escape(attribute.by_class.statement))
    if attribute.by_feature is not None:
        console.print(escape(attribute.by_feature.statement))
    console.print()


def _print_marks(attributes: Sequence[AttributeAudit], console: "Console", four_fifths: float) -> None:
    """Say once below all tables what their arrows mean."""
    shown = (group for attribute in attributes for group in _worst_first(attribute.groups)[0])
    if any(_mark(group.disparate_impact, four_fifths) for group in shown):
        share = _share(four_fifths)
        console.print(
            f"DI: disparate impact. By the estimate alone, {BELOW}: below {share} of the reference; {ABOVE}: "
            f"the reference is below {share} of it.",
            style="dim",
        )
        console.print()


def _print_measure(
    attribute: AttributeAudit, one: MetricAudit, console: "Console", four_fifths: float
) -> None:
    """Print one metric by group, and what its verdict rests on."""
    console.print()
    has_rate = any(group.rate.value is not None for group in one.groups)
    many = any(group.among is not None for group in one.groups)
    headings = [
        *(["of"] if many else []),
        *(["rate"] if has_rate else []),
        "ratio",
        "interval",
        "difference",
        "4/5" if four_fifths == FOUR_FIFTHS else f"{four_fifths:g}",
        "",
    ]
    table = figures_table(f"{one.title}, {name_text(attribute.name)}", *headings)
    reach = () if one.difference_band is None else (-one.difference_band, one.difference_band)
    shown, more = _worst_first(one.groups)
    for group in shown:
        other = group.verdict != REFERENCE
        known = {None: "unknown", True: "below", False: "met"}[group.below_four_fifths]
        table.add_row(
            name_text(group.group),
            *([f"{group.among or 0:,}"] if many else []),
            *([value_text(group.rate)] if has_rate else []),
            ratio_text(group.ratio, bounds=band_of(four_fifths)) if other else "",
            _between(group.simultaneous_low, group.simultaneous_high, band_of(four_fifths)),
            value_text(group.difference, "+.3f" if group.worst is None else ".3f", bounds=reach)
            if other
            else "",
            known if other else "",
            verdict_cell(group.verdict),
        )
    console.print(table)
    if more:
        console.print(f"{more} more groups are in the files of --out, and in --json.")
    console.print(escape(one.reason))


def _share(four_fifths: float) -> str:
    return "four fifths" if four_fifths == FOUR_FIFTHS else f"{four_fifths:g}"


FOUR_FIFTHS = 0.8
BELOW, ABOVE = "↓", "↑"
_Compared = TypeVar("_Compared", GroupAudit, GroupMeasure)


def _worst_first(groups: Sequence[_Compared]) -> tuple[list[_Compared], int]:
    """Return the reference and the worst of the other groups, and how many more there are."""
    others = [group for group in groups if group.verdict != REFERENCE]
    # Of equally bad ones the largest first.
    others.sort(key=lambda group: (-(rank(group.verdict) or 0), -group.rows))
    shown = [group for group in groups if group.verdict == REFERENCE] + others[:SHOWN_GROUPS]
    return shown, max(0, len(others) - SHOWN_GROUPS)


def _named(attribute: AttributeAudit) -> list[MetricAudit]:
    """Return the metrics that have a table of their own."""
    return [one for one in attribute.measures if one.metric != SELECTION or one.difference_band is not None]


def _mark(ratio: "Estimate | None", four_fifths: float) -> str:
    """Return an arrow where by the estimate alone the four-fifths rule is broken, and which way."""
    if ratio is None or not below_four_fifths(ratio, four_fifths):
        return ""
    return BELOW if ratio.value is not None and ratio.value < 1 else ABOVE


def _tpr(group: GroupAudit) -> "Estimate | None":
    return group.true_positive_rate


def _fpr(group: GroupAudit) -> "Estimate | None":
    return group.false_positive_rate


def _fnr(group: GroupAudit) -> "Estimate | None":
    return group.false_negative_rate


def _print_end(audit: FairnessAudit, console: "Console") -> None:
    parts = [part for each in audit.attributes for part in (each.by_class, each.by_feature) if part]
    print_notes(audit, console, more=(*dict.fromkeys(part.limits for part in parts), *audit.law))


def _interval(ends: "Estimate | None", bounds: Sequence[float] = ()) -> str:
    return "" if ends is None else _between(ends.low, ends.high, bounds)


def _between(low: float | None, high: float | None, bounds: Sequence[float] = ()) -> str:
    return ends_text(low, high, unknown="", between="-", bounds=bounds)


def _reach(ends: "Estimate | None") -> str:
    if ends is None or ends.low is None or ends.high is None:
        return ""
    return f"{(ends.high - ends.low) / 2:.3f}"


fairness = command_of_commands("fairness")


@fairness.default
@command
def audit(
    table: str = ADULT,
    /,
    *,
    options: TableOptions,
    law: LawOptions,
    inferred: InferredOptions,
    workers: Workers = None,
    seed: RandomSeed = 0,
    out: Out = None,
    json: Json = False,
) -> int:
    """Audit predictions, or fit and compare mitigations: exit code 1 if a group is treated otherwise.

    A group is called disparate if the whole interval of its disparate impact, or of its ratio by another
    --metric, lies outside the band [0.8, 1.25], for all groups and metrics at once.

    Parameters
    ----------
    table
        A .csv, .tsv or .txt file, also as .gz, .bz2, .xz or .zip; a .parquet, .feather, .xlsx or .ods file
        (FILE.xlsx:SHEET), or FILE.duckdb:TABLE; without it Adult with the features of the study, for
        --estimator.
    """
    if law.template is not None:
        if inferred.given:
            raise UsageError(
                "--inferred and --error-rates: nothing is done with them in a table of --template; leave "
                "them out."
            )
        from trivet.cli.fairness.law import write_template  # noqa: PLC0415 - an audit needs none of it

        return write_template(table, options, law, out=out, json=json)
    if inferred.given:
        from trivet.cli.fairness.inferred import bound_table  # noqa: PLC0415 - as above

        return bound_table(table, options, inferred, seed=seed, out=out, json=json)
    settings = TableSettings(table=table, **vars(options))
    if settings.of_outcomes:
        return audit_and_print(settings, seed=seed, out=out, json=json)

    def run(progress: Progress) -> FairnessAudit | FairnessComparison:
        from trivet.fairness.auditing.table import audit_table  # noqa: PLC0415 - DuckDB and scikit-learn

        return audit_table(
            settings,
            seed=seed,
            workers=workers,
            progress=lambda step, share: progress("fairness", step, share),
        )

    found = carry_out(
        run,
        _print,
        _write,
        leg="fairness",
        files=FILES,
        out=out,
        json=json,
        timed=lambda found: f"{_audited(found).rows:,} rows in",
    )
    return 1 if _audited(found).verdict == DISPARATE else 0


def _print(found: FairnessAudit | FairnessComparison, console: "Console") -> None:
    if isinstance(found, FairnessAudit):
        print_audit(found, console)
    else:
        print_comparison(found, console)


def _audited(found: FairnessAudit | FairnessComparison) -> FairnessAudit:
    return found if isinstance(found, FairnessAudit) else found.baseline


def _write(found: FairnessAudit | FairnessComparison, out: Path) -> tuple[Path, ...]:
    from trivet.report.pages import FAIRNESS, MITIGATIONS, write_with_result  # noqa: PLC0415 - draws

    return write_with_result(FAIRNESS if isinstance(found, FairnessAudit) else MITIGATIONS, found, out)
