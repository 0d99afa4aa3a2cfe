"""``trivet run``: audit, record, report, and a table of what was found."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Annotated

from cyclopts import Parameter

from trivet.audit import keep_parts, run_audit
from trivet.cli.memory import keep_freed_memory
from trivet.cli.outputs import RECORD_FILES, REPORT_FILES, draw, prepare_folder, save_weights
from trivet.cli.summary import corrections, print_summary
from trivet.cli.terminal import print_json, report_progress
from trivet.config import load_config
from trivet.findings import breached, findings_of, origin_of, refuse_waivers, write_findings
from trivet.manifest import make_manifest, save_manifest
from trivet.policy import parse_requirements, refuse_impossible
from trivet.record import METRICS, as_json, save_record
from trivet.security.settings import ProfileName


def run(
    config: Path | None = None,
    /,
    *,
    out: Path | None = None,
    profile: ProfileName | None = None,
    checkpoint: Path | None = None,
    archive: Path | None = None,
    student_id: str | None = None,
    model_index: int | None = None,
    seed: int | None = None,
    effects: Annotated[bool | None, Parameter(negative="")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run an audit and write its record and report.

    Without a configuration and a checkpoint the built-in study runs on the embedded network. A run that was
    killed goes on where it was: start it again with the same arguments.

    Parameters
    ----------
    config
        An audit.toml; `trivet init` writes one.
    out
        Folder that receives everything.
    profile
        How much the published security procedure spends.
    checkpoint
        Weights to study instead of the embedded ones.
    archive
        A rar, zip or tar archive of the study's checkpoints.
    student_id
        Chooses the archive's model by the last digit.
    model_index
        Chooses the archive's model by its number.
    seed
        Seed of everything random.
    effects
        Measure what the remedies of each leg do to the other legs as well.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    started, clock = datetime.now(UTC), perf_counter()
    settings = load_config(
        config,
        {
            "audit": {"out": out, "seed": seed, "effects": effects},
            "security": {
                "profile": profile,
                "checkpoint": checkpoint,
                "archive": archive,
                "student_id": student_id,
                "model_index": model_index,
            },
        },
    )
    requirements = parse_requirements(settings.policy.require)
    refuse_impossible(requirements)
    refuse_waivers(settings.policy.waivers)
    folder = settings.audit.out
    prepare_folder(folder, *RECORD_FILES, *REPORT_FILES)
    keep_freed_memory()
    with report_progress() as progress, keep_parts(folder, progress=progress) as parts:
        audit = run_audit(settings, progress=progress, parts=parts)
        record_files = save_record(audit.record, audit.triggers, folder)
        weights = save_weights(audit.weights, folder)
        plain = as_json(audit.record)
        found = findings_of(plain, requirements, settings.policy.waivers)
        origin = origin_of(folder / METRICS, config, title=settings.audit.title)
        finding_files = write_findings(found, folder, origin=origin)
        progress("report", "figures, PDF and page", None)
        drawing = perf_counter()
        drawn = draw(audit.record, audit.triggers, folder, findings=found)
        seconds = {**audit.seconds, "report": perf_counter() - drawing, "all": perf_counter() - clock}
        manifest = make_manifest(
            inputs=audit.inputs, seconds=seconds, pdf_engine=drawn.pdf_engine, started=started
        )
        files = (*drawn.files, *record_files, *finding_files, *weights, save_manifest(manifest, folder))
        parts.remove()
    if json:
        print_json(
            {
                "out": str(folder),
                "seconds": manifest["seconds"],
                "corrections": [vars(row) for row in corrections(plain)],
                "findings": [asdict(finding) for finding in found],
                "files": [str(path) for path in files],
                "metrics": plain,
            }
        )
    else:
        print_summary(plain, found, folder, seconds["all"])
    return int(breached(found))
