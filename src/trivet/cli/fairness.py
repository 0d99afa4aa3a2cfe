"""``trivet fairness``: do predictions treat groups alike, and what does each mitigation cost?"""

import os
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from trivet.cli.fairness_tables import print_audit, print_comparison
from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.fairness.auditing.results import DISPARATE, FairnessAudit, FairnessComparison

if TYPE_CHECKING:
    from trivet.audit import Progress

__all__ = ["fairness"]

RESULT = "fairness.json"
#: From more rows on only counts are taken, unless --rows asks for more.
MOST_LOOKED_AT = 10_000_000


def fairness(
    table: str | None = None,
    /,
    *,
    label: str | None = None,
    positive: str | None = None,
    sensitive: str | None = None,
    privileged: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    cut: float = 0.5,
    estimator: Literal["logistic", "boosting"] | None = None,
    mitigate: str = "all",
    repeats: int = 10,
    four_fifths: float = 0.8,
    level: float = 0.95,
    ignore: str | None = None,
    rows: int | None = None,
    counts_only: Annotated[bool, Parameter(negative="")] = False,
    workers: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Audit predictions, or fit and compare mitigations: exit code 1 if a group is treated otherwise.

    A group is called disparate if the whole interval of its disparate impact lies outside the band
    [0.8, 1.25], for all groups at once.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE; without it Adult with the features of the study, for
        --estimator.
    label
        Column of the true labels.
    positive
        The label that counts as positive; not needed for 0 and 1, or true and false.
    sensitive
        Columns of the groups, COL or COL,COL; several are looked at one by one and together.
    privileged
        Value that the others are compared with, V or V,V; by default the group with the largest share of
        positive labels.
    prediction
        Audit the predictions in this column.
    score
        Audit the scores in this column, from 0 to 1.
    cut
        Score from which a row is predicted positive.
    estimator
        Fit this classifier on a part of the rows instead, with and without mitigations.
    mitigate
        all, or names: drop-sensitive, reweighing, massaging, exponentiated-gradient, group-thresholds,
        equalized-odds.
    repeats
        Trainings anew on other rows, for the spread of training.
    four_fifths
        Lower end of the band; the upper end is its inverse.
    level
        Confidence level of every interval.
    ignore
        Columns that are no features, COL or COL,COL, such as a number of each row or another prediction.
    rows
        Look at that many rows at most, drawn at random, for all that counts do not tell.
    counts_only
        Audit counts alone: no columns, no scores within groups. As fast as the file can be read.
    workers
        Processes, one a core by default.
    seed
        Seed of everything random.
    out
        Folder for the result, the page and the pictures.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    _require_one(table, prediction, score, estimator)
    for option, number in (("--rows", rows), ("--workers", workers)):
        if number is not None and number < 1:
            raise UsageError(f"{option} is {number}; expected 1 or more.")
    if out is not None:
        prepare_folder(out)
    started = perf_counter()
    columns = None if sensitive is None else _names(sensitive)
    ignored = () if ignore is None else _names(ignore)
    with report_progress() as progress:
        found: FairnessAudit | FairnessComparison
        if estimator is not None:
            found = _compare(
                table,
                progress,
                label=label,
                positive=positive,
                columns=columns,
                privileged=privileged,
                estimator=estimator,
                mitigate=mitigate,
                repeats=repeats,
                four_fifths=four_fifths,
                level=level,
                ignored=ignored,
                rows=rows,
                workers=workers,
                seed=seed,
            )
        else:
            found = _audit(
                table or "",
                progress,
                label=label,
                positive=positive,
                columns=columns,
                privileged=privileged,
                prediction=prediction or score or "",
                cut=None if score is None else cut,
                four_fifths=four_fifths,
                level=level,
                ignored=ignored,
                rows=rows,
                counts_only=counts_only,
                seed=seed,
            )
        files: tuple[Path, ...] = ()
        if out is not None:
            progress("fairness", "pictures and page", None)
            files = _write(found, out)
    seconds = perf_counter() - started
    if json:
        print_json({**asdict(found), "seconds": seconds, "files": list(map(str, files))})
    else:
        console = results_console()
        if isinstance(found, FairnessAudit):
            print_audit(found, console)
        else:
            print_comparison(found, console)
        print_files(console, files)
        console.print(f"{_audited(found).rows:,} rows in {seconds:.1f} s.")
    return 1 if _audited(found).verdict == DISPARATE else 0


def _require_one(table: str | None, prediction: str | None, score: str | None, estimator: str | None) -> None:
    given = [
        option
        for option, value in (("--prediction", prediction), ("--score", score), ("--estimator", estimator))
        if value is not None
    ]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise UsageError(
            f"expected one of --prediction COL, --score COL and --estimator NAME, found {found}: what is to "
            "be audited, or should models be fitted?"
        )
    if table is None and estimator is None:
        raise UsageError("a table is missing; only --estimator goes without one, on the embedded Adult data.")


def _names(listed: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in listed.split(","))


def _columns(label: str | None, columns: tuple[str, ...] | None) -> tuple[str, tuple[str, ...]]:
    if label is None or columns is None:
        raise UsageError(
            "a table needs --label, the column of the true labels, and --sensitive, those of the groups."
        )
    return label, columns


def _audit(
    table: str,
    progress: "Progress",
    *,
    label: str | None,
    positive: str | None,
    columns: tuple[str, ...] | None,
    privileged: str | None,
    prediction: str,
    cut: float | None,
    four_fifths: float,
    level: float,
    ignored: tuple[str, ...],
    rows: int | None,
    counts_only: bool,
    seed: int,
) -> FairnessAudit:
    # These load DuckDB and scikit-learn.
    from trivet.fairness.auditing.loading import read_predicted  # noqa: PLC0415
    from trivet.fairness.auditing.predictions import audit_counts  # noqa: PLC0415
    from trivet.fairness.auditing.results import Caution  # noqa: PLC0415
    from trivet.fairness.counting.grouping import group_counts  # noqa: PLC0415

    label, columns = _columns(label, columns)
    progress("fairness", "counting", None)
    counts = group_counts(table, label, prediction, columns, positive=positive, cut=cut)
    predicted, cautions = None, ()
    if counts_only or (rows is None and counts.rows > MOST_LOOKED_AT):
        why = "" if counts_only else f" of more than {MOST_LOOKED_AT:,} rows; --rows N looks at N drawn ones"
        message = f"The other columns, and scores within groups, were not looked at{why}."
        cautions = (Caution("not looked at", message),)
    else:
        progress("fairness", "columns", None)
        predicted = read_predicted(
            table, counts, label=label, prediction=prediction, cut=cut, ignored=ignored, limit=rows, seed=seed
        )
        if len(predicted.places) < counts.rows:
            cautions = (
                Caution(
                    "rows",
                    f"What columns and scores tell is of {len(predicted.places):,} rows, drawn at random; "
                    "the rest is of all.",
                ),
            )
    progress("fairness", "audit", None)
    return audit_counts(
        counts,
        privileged=privileged,
        data=Path(table).name,
        label=label,
        prediction=prediction,
        cut=cut,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        predicted=predicted,
        cautions=cautions,
    )


def _compare(
    table: str | None,
    progress: "Progress",
    *,
    label: str | None,
    positive: str | None,
    columns: tuple[str, ...] | None,
    privileged: str | None,
    estimator: str,
    mitigate: str,
    repeats: int,
    four_fifths: float,
    level: float,
    ignored: tuple[str, ...],
    rows: int | None,
    workers: int | None,
    seed: int,
) -> FairnessComparison:
    # These load DuckDB and scikit-learn.
    from trivet.fairness.auditing.comparing import chosen_mitigations, compare_mitigations  # noqa: PLC0415
    from trivet.fairness.auditing.loading import adult_rows, read_rows  # noqa: PLC0415
    from trivet.fairness.auditing.reference_group import named_values  # noqa: PLC0415

    names = chosen_mitigations(mitigate)
    progress("fairness", "loading", None)
    if table is None:
        if label is not None or positive is not None or rows is not None or ignored:
            raise UsageError(
                "--label, --positive, --ignore and --rows belong to a table; give one, or leave them out for "
                "Adult."
            )
        data = adult_rows(columns or ("gender",))
    else:
        label, columns = _columns(label, columns)
        data = read_rows(
            table, label=label, sensitive=columns, positive=positive, ignored=ignored, limit=rows, seed=seed
        )
    return compare_mitigations(
        data,
        estimator=estimator,
        mitigations=names,
        privileged=named_values(data.columns, privileged),
        repeats=repeats,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        workers=workers or os.cpu_count() or 1,
        progress=lambda step, share: progress("fairness", step, share),
    )


def _audited(found: FairnessAudit | FairnessComparison) -> FairnessAudit:
    return found if isinstance(found, FairnessAudit) else found.baseline


def _write(found: FairnessAudit | FairnessComparison, out: Path) -> tuple[Path, ...]:
    from trivet.report.own import write_comparison_page, write_fairness_page  # noqa: PLC0415 - draws
    from trivet.work.result_files import write_result  # noqa: PLC0415 - as above

    result = out / RESULT
    write_result(result, asdict(found))
    page, *pictures = (
        write_fairness_page(found, out)
        if isinstance(found, FairnessAudit)
        else write_comparison_page(found, out)
    )
    return page, result, *pictures
