"""``trivet fairness``: disparities between groups, and the effect of each mitigation."""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from trivet.cli.fairness_tables import print_audit, print_comparison
from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.fairness.auditing.results import DISPARATE, FairnessAudit, FairnessComparison
from trivet.fairness.auditing.settings import ADULT, TableSettings

__all__ = ["fairness"]

RESULT = "fairness.json"


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
        Columns that are not features, COL or COL,COL, such as a row number or another prediction.
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
        prepare_folder(out, RESULT, "fairness.html")
    started = perf_counter()
    settings = _settings(
        table,
        label=label,
        positive=positive,
        sensitive=sensitive,
        privileged=privileged,
        prediction=prediction,
        score=score,
        cut=cut,
        estimator=estimator,
        mitigate=mitigate,
        repeats=repeats,
        four_fifths=four_fifths,
        level=level,
        ignore=ignore,
        rows=rows,
        counts_only=counts_only,
    )
    with report_progress() as progress:
        from trivet.fairness.auditing.asking import ask_table  # noqa: PLC0415 - DuckDB and scikit-learn

        found = ask_table(
            settings,
            seed=seed,
            workers=workers,
            progress=lambda step, share: progress("fairness", step, share),
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


def _settings(table: str | None, *, sensitive: str | None, ignore: str | None, **asked: Any) -> TableSettings:
    """Say of options what `TableSettings` says of keys of audit.toml."""
    columns = () if sensitive is None else _names(sensitive)
    ignored = () if ignore is None else _names(ignore)
    if table is None and (ignored or any(asked[name] is not None for name in ("label", "positive", "rows"))):
        raise UsageError(
            "--label, --positive, --ignore and --rows belong to a table; give one, or leave them out for "
            "Adult."
        )
    if table is not None and (asked["label"] is None or sensitive is None):
        raise UsageError(
            "a table needs --label, the column of the true labels, and --sensitive, those of the groups."
        )
    try:
        return TableSettings(table=table or ADULT, sensitive=columns, ignore=ignored, **asked)
    except ValueError as error:  # a table that is called adult
        raise UsageError(f"{error}.") from error


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
