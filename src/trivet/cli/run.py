"""``trivet run``: audit, record, report, and a table of what was found."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from trivet.audit import keep_parts, run_audit, save_audit
from trivet.audit.by_leg import path_digest
from trivet.audit.described import lacking
from trivet.audit.files import changed_since, invocation_of
from trivet.audited import has_study
from trivet.cli.options import Json, command
from trivet.cli.outputs import RECORD_FILES, draw, prepare_folder
from trivet.cli.terminal import (
    figures_table,
    keep_freed_memory,
    marked,
    print_card,
    print_files,
    print_json,
    print_text,
    report_progress,
    results_console,
)
from trivet.comparison.audits import read_manifest
from trivet.config import AuditOptions, NetworkOptions, PolicySection, load_config, sections_of
from trivet.errors import RecordError, UsageError
from trivet.findings import FINDINGS_FILES, Finding, breached, origin_of, refuse_other, write_findings
from trivet.findings.formats import kept_findings
from trivet.findings.rules import REQUIREMENT
from trivet.findings.severities import severities_in, severity_of
from trivet.findings.summary import Summary, made_of, summary_of
from trivet.place import find
from trivet.policy import Requirement, measured_places, parse_requirements, refuse_impossible
from trivet.record import (
    MANIFEST,
    METRICS,
    REPORT_FILES,
    as_json,
    load_record,
    make_manifest,
    refuse_unfinished,
    save_manifest,
)
from trivet.security.settings import ProfileName
from trivet.verdict import LEGS
from trivet.wording import as_entity, as_json_escape, inert, one_line
from trivet.work.result_files import remove_result

__all__ = ["gate", "shortened"]

if TYPE_CHECKING:
    from trivet.comparison import Tolerances
    from trivet.findings import Baseline, Finding

Several = Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False)]
FormatName = Literal["json", "junit", "sarif", "markdown", "github", "gitlab"]
#: How a character is written otherwise in a format; None where a CI system is to obey the whole.
_ESCAPES: Final[Mapping[FormatName, Callable[[str], str] | None]] = {
    "json": as_json_escape,
    "junit": as_entity,
    "sarif": as_json_escape,
    "markdown": as_entity,
    "github": None,
    "gitlab": as_json_escape,
}


@command
def gate(
    folder: Path,
    /,
    *,
    require: Several = (),
    severity: Several = (),
    baseline: Path | None = None,
    tolerance: Several = (),
    config: Path | None = None,
    out: Path | None = None,
    format: FormatName | None = None,  # noqa: A002 - the name of the option
    only_problems: bool = False,
    json: bool = False,
) -> int:
    """Judge a finished audit again, without running it.

    Exit code 1 where something is breached: a requirement, or what a leg found. A requirement replaces the
    default of what it measures and of nothing else; [[policy.waivers]] switches a default off for a while.
    With a baseline, only what is new or measurably worse is breached.

    Parameters
    ----------
    folder
        The folder of an audit, with metrics.json.
    require
        A measurement, a sign and a constant, such as "fairness.disparate_impact >= 0.8"; may be repeated.
    severity
        A rule, or a requirement as it is written, and what its findings are, note, warning or breach, such as
        fairness.caution=breach; may be repeated.
    baseline
        The folder of an accepted audit: a breach that it has too, and that is not worse here, is a warning.
    tolerance
        By how much a measure may be worse than in the baseline: 0.01, 5%, or of one measure as
        "fairness.disparate_impact=0.02"; may be repeated.
    config
        An audit.toml whose [policy] is required as well.
    out
        A folder that receives the findings in every format; without it nothing is written.
    format
        Print this format to standard output, and nothing else there.
    only_problems
        Leave passes and notes out of the printed format: code scanning takes them for alerts.
    json
        The same as --format json.
    """
    from trivet import findings  # noqa: PLC0415 - the report of a usage error needs none of it

    settings = None if config is None else load_config(config)
    policy = PolicySection() if settings is None else settings.policy
    gating = _gating(
        replace(
            policy,
            require=(*policy.require, *require),
            severity={**policy.severity, **findings.parse_severities(severity)},
            baseline=policy.baseline if baseline is None else baseline,
            tolerance=(*policy.tolerance, *tolerance),
        )
    )
    refuse_unfinished(folder)
    if gating.baseline is not None:
        _refuse_itself(folder, gating.policy)
    record = load_record(folder)
    plain = as_json(record)
    if settings is not None and config is not None:
        _refuse_lacking(folder, lacking(settings, sections_of(config), plain))
        _refuse_changed(folder, changed_since(settings, read_manifest(folder)))
    found = gating.findings(plain)
    if config is None:
        _say_own_policy(folder, gating.policy)
    summary = summary_of(plain, found, made_of(read_manifest(folder)))
    origin = findings.origin_of(folder / METRICS, config, title=record.audit.title, summary=summary)
    files: tuple[Path, ...] = ()
    if out is not None:
        prepare_folder(out, *findings.FINDINGS_FILES)
        files = findings.write_findings(found, out, origin=origin)
    if (chosen := "json" if json else format) is not None:
        shown = [each for each in found if not only_problems or each.level in {"breach", "warning"}]
        print_text(findings.FORMATS[chosen](shown, origin), _ESCAPES[chosen])
    else:
        console = results_console()
        print_card(console, summary, more_in="")
        print_actions(console, found)
        print_files(console, files)
    return int(findings.breached(found))


def _say_own_policy(folder: Path, policy: PolicySection) -> None:
    """Say what of the audit's own policy does not count here, where no audit.toml is named."""
    own: Sequence[Finding] = ()
    with suppress(RecordError):  # the record decides, whatever lies beside it
        own = kept_findings(folder) or ()
    here = {each.strip() for each in policy.require}
    left = [each.title for each in own if each.rule == REQUIREMENT and each.title not in here]
    severity = {rule: severity_of(rule, policy.severity) for rule in here} | {**policy.severity}
    left += [f"{rule}={level}" for rule, level in severities_in(own).items() if level != severity.get(rule)]
    if left:
        print(  # noqa: T201 - the command line talks
            inert(
                "trivet: of the audit's own policy this does not count here: "
                f"{'; '.join(map(one_line, left))}. Name its audit.toml with --config to judge by it."
            ),
            file=sys.stderr,
        )


def _refuse_lacking(folder: Path, missing: Sequence[str]) -> None:
    """Refuse the record of another audit, which has not looked at what the configuration describes."""
    if missing:
        raise RecordError(
            f"{one_line(folder, limit=500)} has {', '.join(missing)}, which the configuration describes, so "
            "nothing is known of it. Run the audit again, or give a file that has a [policy] alone."
        )


def _refuse_changed(folder: Path, changed: Sequence[str]) -> None:
    """Refuse the record of other weights, data or code than the configuration names now."""
    if changed:
        raise RecordError(
            f"{one_line(folder, limit=500)} is an audit of other content than these have by now, as the "
            f"SHA-256 in {MANIFEST} shows: {one_line(', '.join(changed), limit=500)}. Run the audit again, "
            "or give a file that has a [policy] alone."
        )


@dataclass(frozen=True)
class _Gating:
    """A policy that was read and found possible, and its baseline."""

    policy: PolicySection
    requirements: tuple[Requirement, ...]
    tolerances: "Tolerances | None"
    baseline: "Baseline | None"

    def findings(self, record: Mapping[str, Any]) -> tuple["Finding", ...]:
        """Judge a record."""
        from trivet.findings import findings_of, refuse_other  # noqa: PLC0415 - as above

        if self.baseline is not None:
            refuse_other(self.baseline, [leg for leg in LEGS if record[leg] is not None])
        return findings_of(
            record,
            self.requirements,
            self.policy.waivers,
            severity=self.policy.severity,
            baseline=self.baseline,
            tolerances=self.tolerances,
        )


def _gating(policy: PolicySection) -> _Gating:
    """Read a policy before anything runs, and refuse what it cannot ask for."""
    from trivet import findings  # noqa: PLC0415 - as above

    requirements = parse_requirements(policy.require)
    refuse_impossible(requirements)
    findings.refuse_severities(policy.severity, [each.text for each in requirements])
    findings.refuse_waivers(policy.waivers, policy.severity)
    tolerances = baseline = None
    if policy.tolerance:
        from trivet.comparison import parse_tolerances  # noqa: PLC0415 - as above

        tolerances = parse_tolerances(policy.tolerance, measured_places)
        if policy.baseline is None:
            raise UsageError(
                "a tolerance is by how much a measure may be worse than in the baseline; name the folder of "
                "an accepted audit with --baseline or baseline in [policy]."
            )
    if policy.baseline is not None:
        baseline = findings.read_baseline(policy.baseline)
    return _Gating(policy, requirements, tolerances, baseline)


def _refuse_itself(folder: Path, policy: PolicySection) -> None:
    """Refuse an audit as the baseline of itself: nothing in it would ever be new."""
    if policy.baseline is not None and folder.resolve() == policy.baseline.resolve():
        raise UsageError(
            f"{one_line(folder, limit=500)} is the baseline itself, so that nothing in it could be new or "
            "worse; keep the accepted audit in a folder of its own."
        )


def print_actions(console: Console, findings: Sequence["Finding"]) -> None:
    """Print of each breach what was found and what to do, and of others what the policy decided."""
    from trivet.findings import LEVEL_TONES  # noqa: PLC0415 - as above

    for finding in findings:
        waived = f"{finding.waiver[:1].upper()}{finding.waiver[1:]}." if finding.waiver else ""
        decided = " ".join(filter(None, (waived, finding.decision)))
        breach, on_baseline = finding.level == "breach", finding.id == "policy.baseline"
        if not (breach or decided or on_baseline):
            continue
        console.print(f"\n{marked(LEVEL_TONES[finding.level], finding.title)}")
        if breach or on_baseline:
            console.print(escape(finding.message))
        if decided:
            console.print(escape(decided))
        if breach:
            console.print(f"What to do: {escape(finding.action)}")


#: What is opened first, in this order.
SHOWN_FILES = ("report.html", "report.pdf", "report.tex", "metrics.json", "findings.md", "manifest.json")


@dataclass(frozen=True)
class Correction:
    """One published figure beside the sound one."""

    leg: str
    question: str
    published: str
    corrected: str
    why: str


#: What takes as many steps and images as the published study.
FULL_PROFILE = "high-fidelity"
#: Question, place and format of the published figure, of the corrected one, and why they differ.
_QUESTIONS = (
    (
        "clean accuracy as received",
        ("security.published.clean_accuracy.before", ".4f"),
        ("security.scan.contract.best.clean_accuracy", ".4f"),
        "input contract: fed as the network expects",
    ),
    (
        "verdict on the network",
        ("security.published.detected_label", "label {}"),
        ("security.scan.verdict", "{}"),
        "two methods, a joint p-value; may say none",
    ),
    (
        "ASR after repair",
        ("security.published.asr.after", ".4f"),
        ("security.repair.attempts.0.asr.after.value", ".4f"),
        "unseen images, target class left out",
    ),
    (
        "Laplace scale of all queries",
        ("privacy.published.counting.sequential.scale", ".1f"),
        ("privacy.published.correction.laplace.scale", ".1f"),
        "tight accounting at the delta allowed",
    ),
    (
        "disparate impact, labels swapped",
        ("fairness.published.promotion_demotion.disparate_impact.value", ".4f"),
        ("fairness.comparison.models[name=massaging].disparate_impact.value", ".4f"),
        "the protected group is promoted",
    ),
)


def corrections(record: Mapping[str, Any]) -> tuple[Correction, ...]:
    """Return the published and the corrected answer to each question of the studies in the record."""
    return tuple(
        Correction(
            published[0].partition(".")[0],
            question,
            _show(record, *published),
            _show(record, *corrected),
            why,
        )
        for question, published, corrected, why in _QUESTIONS
        if has_study(record, published[0].partition(".")[0])
    )


def print_summary(record: Mapping[str, Any], summary: Summary, folder: Path, seconds: float) -> None:
    """Print the card, corrections and files to standard output."""
    console = results_console()
    print_card(console, summary)
    console.print()
    table = figures_table("question", "published", "corrected")
    for row in corrections(record):
        table.add_row(row.question, row.published, row.corrected)
    if table.row_count:
        console.print(table)
        if note := shortened(record):
            console.print(escape(note))
        console.print()
    if effects := record["effects"]:
        for said in (effects["statement"], *(each["statement"] for each in effects["frontiers"])):
            console.print(escape(said))
        console.print()
    print_files(console, [folder / name for name in SHOWN_FILES])
    console.print(f"Done in {seconds:.0f} s.")


def shortened(record: Mapping[str, Any]) -> str:
    """Return what to say of a published search that took fewer steps or images than the published one."""
    if not has_study(record, "security"):
        return ""
    profile = find(record, "security.published.settings.profile")
    if profile == FULL_PROFILE:
        return ""
    return (
        f"The profile {profile} shortens the published search for triggers; its figures are the published "
        f"ones only with --profile {FULL_PROFILE}."
    )


def _show(record: Mapping[str, Any], path: str, form: str) -> str:
    value = find(record, path)
    if value is None:
        return "not measured"
    return form.format(value) if "{}" in form else format(value, form)


def _array_digests(files: Sequence[Path]) -> dict[str, str | None]:
    """Return the SHA-256 of each file of arrays, which have no record of their own."""
    return {file.name: path_digest(file) for file in files if file.suffix == ".safetensors"}


@command
def run(
    config: Path | None = None,
    /,
    *,
    audit: Annotated[Mapping[str, Any], AuditOptions],
    profile: ProfileName | None = None,
    network: Annotated[Mapping[str, Any], NetworkOptions],
    baseline: Path | None = None,
    json: Json = False,
) -> int:
    """Run an audit and write its record and report.

    Without a configuration and a checkpoint the built-in study runs on the embedded network. A run that was
    killed goes on where it was: start it again with the same arguments.

    Parameters
    ----------
    config
        An audit.toml; `trivet init` writes one.
    profile
        How much the published security procedure spends.
    baseline
        The folder of an accepted audit: only what is new or measurably worse is breached.
    """
    started, clock = datetime.now(UTC), perf_counter()
    options = {
        "audit": audit,
        "security": {"profile": profile, **network},
        "policy": {"baseline": baseline},
    }
    settings = load_config(config, options)
    gating = _gating(settings.policy)
    folder = settings.audit.out
    if gating.baseline is not None:
        _refuse_itself(folder, settings.policy)
        refuse_other(gating.baseline, settings.audit.legs)
    prepare_folder(folder, *RECORD_FILES, *REPORT_FILES)
    keep_freed_memory()
    with report_progress() as progress, keep_parts(folder, progress=progress) as parts:
        for name in (*FINDINGS_FILES, *REPORT_FILES):  # of an earlier run, whose verdict is not this one's
            remove_result(folder / name)
        done = run_audit(settings, progress=progress, parts=parts)
        origin_files = invocation_of(settings, config, options)  # now: drawing takes minutes
        record_files = save_audit(done, folder)
        plain = as_json(done.record)
        found = gating.findings(plain)
        made = made_of({"trivet": version("trivet"), "started": started.isoformat(), "inputs": done.inputs})
        summary = summary_of(plain, found, made)
        origin = origin_of(folder / METRICS, config, title=settings.audit.title, summary=summary)
        progress("report", "figures, PDF and page", None)
        drawing = perf_counter()
        drawn = draw(done.record, done.triggers, folder, findings=found, made=made)
        seconds = {**done.seconds, "report": perf_counter() - drawing, "all": perf_counter() - clock}
        manifest = make_manifest(
            inputs=done.inputs,
            seconds=seconds,
            pdf_engine=drawn.pdf_engine,
            started=started,
            origin={**origin_files, "arrays": _array_digests(record_files)},
        )
        manifest_file = save_manifest(manifest, folder)
        # Last: a run that fails has none.
        finding_files = write_findings(found, folder, origin=origin)
        files = (*drawn.files, *record_files, *finding_files, manifest_file)
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
        print_summary(plain, summary, folder, seconds["all"])
    return int(breached(found))
