"""``trivet gate``: a finished audit judged again, for a person or for another tool."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import print_files, print_text, results_console
from trivet.config import PolicySection, load_config
from trivet.policy import parse_requirements, refuse_impossible
from trivet.record import METRICS, as_json, load_record
from trivet.wording import as_entity, as_json_escape

if TYPE_CHECKING:
    from trivet.findings import Finding

__all__ = ["gate", "print_findings"]

FormatName = Literal["json", "junit", "sarif", "markdown"]
_FILES: Final[Mapping[FormatName, str]] = {
    "json": "findings.json",
    "junit": "findings.junit.xml",
    "sarif": "findings.sarif",
    "markdown": "findings.md",
}
_ESCAPES: Final[Mapping[FormatName, Callable[[str], str]]] = {
    "json": as_json_escape,
    "junit": as_entity,
    "sarif": as_json_escape,
    "markdown": as_entity,
}
_ICONS: Final = {"breach": "✗", "warning": "?", "note": "·", "pass": "✓"}
_TONES: Final = {"breach": "red", "warning": "yellow", "note": "cyan", "pass": "green"}


def gate(
    folder: Path,
    /,
    *,
    require: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=False)] = (),
    config: Path | None = None,
    out: Path | None = None,
    format: FormatName | None = None,  # noqa: A002 - the name of the option
    only_problems: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Judge a finished audit again, without running it.

    Exit code 1 where something is breached: a requirement, or what a leg found. A requirement replaces the
    default of what it measures and of nothing else; [[policy.waivers]] switches a default off for a while.

    Parameters
    ----------
    folder
        The folder of an audit, with metrics.json.
    require
        A measurement, a sign and a constant, such as "fairness.disparate_impact >= 0.8"; may be repeated.
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

    policy = PolicySection() if config is None else load_config(config).policy
    requirements = parse_requirements((*policy.require, *require))
    refuse_impossible(requirements)
    findings.refuse_waivers(policy.waivers)
    record = load_record(folder)
    found = findings.findings_of(as_json(record), requirements, policy.waivers)
    origin = findings.origin_of(folder / METRICS, config, title=record.audit.title)
    files: tuple[Path, ...] = ()
    if out is not None:
        prepare_folder(out, *findings.FINDINGS_FILES)
        files = findings.write_findings(found, out, origin=origin)
    if (chosen := "json" if json else format) is not None:
        shown = [each for each in found if not only_problems or each.level in {"breach", "warning"}]
        print_text(findings.FINDINGS_FILES[_FILES[chosen]](shown, origin), _ESCAPES[chosen])
    else:
        console = results_console()
        print_findings(console, found)
        print_files(console, files)
    return int(findings.breached(found))


def print_findings(
    console: Console, findings: Sequence["Finding"], *, of: Sequence["Finding"] | None = None
) -> None:
    """Print each finding with its level, the most serious last, and how many there are of each level.

    What to do stands below a breach. `of` are all that are counted, where some are not shown.
    """
    from trivet.findings import LEVELS, counts  # noqa: PLC0415 - as above

    for finding in sorted(findings, key=lambda each: LEVELS.index(each.level)):
        tone = _TONES[finding.level]
        console.print(f"[{tone}]{_ICONS[finding.level]} {finding.level}[/] {escape(finding.sentence)}")
        if finding.level == "breach":
            console.print(f"  What to do: {escape(finding.action)}")
    console.print()
    console.print(", ".join(f"{level}: {number}" for level, number in counts(of or findings).items()))
