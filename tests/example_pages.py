"""Every page that this program writes, of example results and small tables made here."""

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from example_audits import MANIFEST, audit_of, changed, write_audit
from example_evidence import saved
from example_fairness import example_audit, example_comparison, many_groups_audit
from example_privacy import (
    example_code,
    example_mechanism,
    example_membership,
    example_plan,
    example_training,
)
from example_records import example_own_record, example_record, example_triggers, whole_own_record
from example_scan import example_scan, rate_of
from trivet.cli.main import main
from trivet.comparison import compare_audits
from trivet.findings import findings_of, write_findings
from trivet.record import as_json
from trivet.report import pages, write_report
from trivet.report.figures import pictures, save_figures
from trivet.report.index import find_audits, write_index


def write_every_page(out: Path) -> dict[str, Path]:
    """Write all pages below a folder and return them by the name of what each is about."""
    return {
        **dict(_reports(out)),
        **dict(_single_results(out)),
        **dict(_of_tables(out)),
        "compare": _comparison(out),
        "annex": _annex(out),
        "index": write_history(out / "index"),
    }


def write_example_report(record, triggers, folder: Path) -> Path:
    """Write the report of an example record, with findings and the PDF by Typst."""
    folder.mkdir(parents=True, exist_ok=True)
    save_figures(record, triggers, folder / "figures")
    plain = as_json(record)
    written = write_report(
        plain,
        folder / "figures",
        folder,
        engine="typst",
        pictures=pictures(record),
        findings=findings_of(plain),
    )
    return written.html


def _reports(out: Path) -> Iterator[tuple[str, Path]]:
    yield "study", write_example_report(example_record(), example_triggers(), out / "study")
    yield "both", write_example_report(example_own_record(), example_triggers(), out / "both")
    yield "own", write_example_report(*whole_own_record(), out / "own")


def _single_results(out: Path) -> Iterator[tuple[str, Path]]:
    for name, page, found in (
        ("plan", pages.PLAN, example_plan()),
        ("training", pages.TRAINING, example_training()),
        ("mechanism", pages.MECHANISM, example_mechanism(violates=True)),
        ("membership", pages.MEMBERSHIP, example_membership()),
        ("code", pages.CODE, example_code(violates=True)),
        ("fairness", pages.FAIRNESS, example_audit()),
        ("many-groups", pages.FAIRNESS, many_groups_audit()),
        ("mitigations", pages.MITIGATIONS, example_comparison()),
    ):
        yield name, pages.write_page(page, found, out / name)[0]
    for name, page, repaired in (("scan", pages.SCAN, False), ("repair", pages.REPAIR, True)):
        audit, triggers = example_scan(repaired=repaired).audit
        yield name, pages.write_page(page, audit, out / name, triggers)[0]


def _of_tables(out: Path) -> Iterator[tuple[str, Path]]:
    table = str(_write_people(out / "people.csv"))
    sex, hired = ("--sensitive", "sex"), ("--prediction", "hired", "--positive", "yes")
    for name, file, more in (
        ("amounts", "fairness", (*sex, "--outcome", "wage")),
        ("ranking", "fairness", (*sex, "--rank", "place")),
        ("classes", "fairness", (*sex, "--multiclass", "--label", "grade", "--prediction", "guess")),
        ("search", "fairness", (*sex, *hired, "--label", "fit", "--search")),
        ("law", "ll144", ("--sensitive", "sex,race", *hired, "--template", "ll144")),
        ("inferred", "inferred", (*hired, "--inferred", "f=p_f")),
    ):
        _run("fairness", table, *more, "--out", str(out / name))
        yield name, out / name / (f"{file}.html" if file != "inferred" else "inferred.html")
    _run(
        "fairness",
        "watch",
        table,
        *sex,
        *hired,
        "--time",
        "day",
        "--period",
        "month",
        "--out",
        str(out / "watch"),
    )
    yield "watch", out / "watch" / "watch.html"


def _run(*arguments: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main([*arguments])


def _write_people(path: Path, rows: int = 4_000) -> Path:
    """Write a table of people, of whom women are hired more seldom from the summer on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ("sex", "race", "region", "fit", "hired", "wage", "place", "grade", "guess", "p_f", "day")
        )
        for number in range(rows):
            woman = rng.random() < 0.5
            month = 1 + 12 * number // rows
            fit = rng.random() < 0.45
            hired = rng.random() < (0.7 if fit else 0.2) * (0.6 if woman and month > 6 else 1)
            grade = rng.choice(["low", "middle", "high"], p=(0.5, 0.3, 0.2) if woman else (0.3, 0.4, 0.3))
            writer.writerow(
                (
                    "Female" if woman else "Male",
                    rng.choice(["Asian", "Black", "Hispanic", "White"], p=(0.1, 0.2, 0.2, 0.5)),
                    rng.choice(["north", "south"]),
                    "yes" if fit else "no",
                    "yes" if hired else "no",
                    round(float(rng.lognormal(10.2 if woman else 10.4, 0.4))),
                    number + 1,
                    grade,
                    grade if rng.random() < 0.8 else "middle",
                    round(float(rng.beta(8, 2) if woman else rng.beta(2, 8)), 3),
                    f"2026-{month:02}-15",
                )
            )
    return path


def _comparison(out: Path) -> Path:
    before = changed(example_own_record(), "privacy.membership.verdict", "slight")
    after = changed(example_own_record(), "security.repair.attempts.0.asr.after", rate_of(0.25))
    after = changed(after, "privacy.membership.verdict", "exposed")
    found = compare_audits(audit_of(before, folder="june"), audit_of(after, folder="july"))
    return pages.write_page(pages.COMPARED, found, out / "compare")[0]


def _annex(out: Path) -> Path:
    audited = saved(example_own_record(), out / "audited")
    _run("evidence", str(audited), "--out", str(out / "annex"))
    return out / "annex" / "annex-iv.html"


def write_history(folder: Path) -> Path:
    """Write a folder of audits of two systems over some months, one of them broken, and its index."""
    for system, verdicts in (
        ("Loan model", ("backdoored", "suspicious", "no evidence", "no evidence")),
        ("Statistics of the office", ("no evidence", "no evidence")),
    ):
        for month, verdict in enumerate(verdicts, 1):
            record = changed(example_record(), "audit.title", system)
            for place in ("security.scan.suspected_label", "security.strip", "security.repair"):
                record = changed(record, place, None)
            record = changed(record, "security.scan.verdict", verdict)
            record = changed(record, "security.scan.contract.best.clean_accuracy", 0.94 + 0.01 * month)
            started = f"2026-{month:02}-03T08:00:00+00:00"
            name = f"{system.split()[0].lower()}-{month}"
            place = write_audit(folder / name, record, manifest={**MANIFEST, "started": started})
            write_findings(findings_of(as_json(record)), place)
    (folder / "broken").mkdir(parents=True, exist_ok=True)
    (folder / "broken" / "metrics.json").write_text("{")
    return write_index(find_audits(folder), folder, folder / "index.html")
