"""``trivet privacy audit-mechanism``: test a mechanism against the epsilon that it claims."""

import json as json_text
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import print_files, print_json, report_progress, results_console
from trivet.errors import UsageError
from trivet.wording import one_line
from trivet.work.own_code import load_callable

if TYPE_CHECKING:
    from trivet.privacy.auditing.results import EventFinding, MechanismAudit

__all__ = ["audit_mechanism"]

RESULT = "mechanism.json"


def audit_mechanism(
    mechanism: str,
    /,
    *,
    epsilon: float,
    delta: float = 0.0,
    inputs: Annotated[tuple[str, str], Parameter(negative="")] = ("0", "1"),
    trials: int = 100_000,
    error_rate: float = 0.05,
    seed: int = 0,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Test whether a mechanism keeps its claim: exit code 0 if nothing speaks against it, 1 if it violates.

    The mechanism is called as it is, one call an answer, and its noise is its own: nothing seeds it.

    Parameters
    ----------
    mechanism
        package.module:function of your own, which takes one input and returns one answer, each call on
        its own; try
        trivet.privacy.auditing.examples:numpy_laplace.
    epsilon
        The epsilon that it claims.
    delta
        The delta that it claims.
    inputs
        Two neighbouring inputs in JSON, as two arguments: --inputs 0 1, --inputs '[1,2,3]' '[1,2]'.
    trials
        Calls on each input.
    error_rate
        How often a mechanism that keeps its claim may be said to violate it, at most.
    seed
        Seed of the order of the calls.
    out
        Folder for the result, mechanism.json, its page and its picture.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    from trivet.privacy.auditing.mechanism import audit_mechanism as audit  # noqa: PLC0415 - imports SciPy

    first, second = (_from_json(text) for text in inputs)
    if json_text.dumps(first) == json_text.dumps(second):
        raise UsageError(
            f"both inputs are {one_line(inputs[0])}; expected two that differ, such as --inputs 0 1."
        )
    if out is not None:
        prepare_folder(out, RESULT, "mechanism.html")
    function = load_callable(mechanism, role="mechanism")
    started = perf_counter()
    with report_progress() as progress:
        found = audit(
            function,
            epsilon=epsilon,
            delta=delta,
            inputs=(first, second),
            trials=trials,
            error_rate=error_rate,
            seed=seed,
            name=mechanism,
            progress=lambda step, share: progress("audit", step, share),
        )
    seconds = perf_counter() - started
    files = () if out is None else _write(found, out)
    if json:
        print_json({**asdict(found), "seconds": seconds, "files": list(map(str, files))})
    else:
        _print(found, seconds, files)
    return 1 if found.verdict == "violates" else 0


def _from_json(text: str) -> Any:
    try:
        return json_text.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the input {one_line(repr(text))} is not JSON; expected two values such as --inputs 0 1 or "
            "--inputs '[1,2,3]' '[1,2]', and strings in double quotes."
        ) from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _write(found: "MechanismAudit", out: Path) -> tuple[Path, ...]:
    from trivet.report.own import write_mechanism_page  # noqa: PLC0415 - draws, so it is heavy
    from trivet.work.result_files import write_result  # noqa: PLC0415 - only --out needs it

    path = out / RESULT
    write_result(path, asdict(found))
    page, *pictures = write_mechanism_page(found, out)
    return page, path, *pictures


def _print(found: "MechanismAudit", seconds: float, files: tuple[Path, ...]) -> None:
    console = results_console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("event")
    for heading in ("on A", "on B", "epsilon ≥"):
        table.add_column(heading, justify="right", no_wrap=True)
    for finding in found.findings:
        on_a, on_b = _by_input(finding)
        mark = "▸ " if finding.epsilon_lower > found.epsilon else "  "
        table.add_row(
            escape(mark + finding.description), f"{on_a:.3%}", f"{on_b:.3%}", f"{finding.epsilon_lower:.2f}"
        )
    console.print(table)
    console.print(f"\nA is {escape(found.input_a)}, B is {escape(found.input_b)}.")
    violates = found.verdict == "violates"
    icon, tone, verdict = ("✗", "red", "violates") if violates else ("✓", "green", "consistent with")
    claim = f"epsilon {found.epsilon:g}" + (f", delta {found.delta:g}" if found.delta else "")
    console.print(f"{icon} {escape(found.name)}: [bold {tone}]{verdict}[/] {claim}. {escape(found.reason)}")
    console.print(escape(found.limits))
    console.print(
        f"{found.trials} answers on each input, {found.testing_trials} of them to test "
        f"{found.events_tested} events out of {found.events_proposed}; {seconds:.1f} s."
    )
    print_files(console, files)


def _by_input(finding: "EventFinding") -> tuple[float, float]:
    p, q = finding.p_frequency, finding.q_frequency
    return (p, q) if finding.direction.startswith("A") else (q, p)
