"""``trivet privacy audit-mechanism``: test a mechanism against the epsilon that it claims."""

import json as json_text
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.options import Json, RandomSeed, Workers, command
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table, verdict_text
from trivet.errors import UsageError
from trivet.privacy.mechanism.results import MechanismSettings
from trivet.privacy.membership.settings import ModelOptions
from trivet.privacy.membership.subject import load_subject
from trivet.verdict import CONSISTENT, EXPOSED, VIOLATES, tone
from trivet.wording import one_line, quote
from trivet.work.own_code import load_callable
from trivet.work.result_files import make_subfolder, write_result, write_whole

__all__ = ["audit_mechanism", "audit_model", "from_json", "print_claim"]

if TYPE_CHECKING:
    from rich.console import Console

    from trivet.estimate import Estimate
    from trivet.privacy.code.results import CodeAudit
    from trivet.privacy.mechanism.results import EventFinding, MechanismAudit
    from trivet.privacy.membership.audit import AuditedModel
    from trivet.privacy.membership.results import AttackResult, ClaimAudit, MembershipAudit, RateAtFpr


@command
def audit_mechanism(
    mechanism: str,
    /,
    *,
    settings: MechanismSettings,
    inputs: Annotated[list[str] | None, Parameter(negative="", n_tokens=2, json_list=False)] = None,
    queries: int | None = None,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Test whether a mechanism keeps its claim: exit code 0 if nothing speaks against it, 1 if it violates.

    The mechanism is called as it is, one call an answer, and its noise is its own: nothing seeds it.

    Parameters
    ----------
    mechanism
        package.module:function of your own, which takes one input and returns one answer, each call on
        its own; try
        trivet.privacy.mechanism.audit:numpy_laplace.
    inputs
        Two neighbouring inputs in JSON, as two arguments: --inputs 0 1, --inputs '[1,2,3]' '[1,2]'. Given
        several times, the pair that shows most is tested, on fresh answers.
    queries
        Try patterns of so many answers of queries, in lists in which each differs by 1 at most, such as one
        above, or half below and half above.
    out
        Folder for the result, mechanism.json, its page and its picture.
    """
    from trivet.privacy.mechanism.audit import audit_mechanism as audit  # noqa: PLC0415 - imports SciPy

    if inputs and queries is not None:
        raise UsageError("--inputs and --queries both say which inputs to try; give one of them.")
    inputs = inputs or ["0", "1"]
    pairs = [
        (from_json(first), from_json(second)) for first, second in zip(inputs[::2], inputs[1::2], strict=True)
    ]
    for first, second in pairs:
        if json_text.dumps(first) == json_text.dumps(second):
            raise UsageError(
                f"both inputs are {one_line(json_text.dumps(first))}; expected two that differ, such as "
                "--inputs 0 1."
            )

    def run(progress: Progress) -> "MechanismAudit":
        return audit(
            load_callable(mechanism, role="mechanism"),
            neighbours=None if queries is not None else pairs,
            queries=queries,
            name=mechanism,
            progress=lambda step, share: progress("audit", step, share),
            **vars(settings),
        )

    found = carry_out(
        run,
        _print,
        "MECHANISM",
        leg="audit",
        files=("mechanism.json", "mechanism.html"),
        out=out,
        json=json,
        timed=lambda found: (
            f"{found.trials} answers on each input, {found.testing_trials} of them to test "
            f"{found.events_tested} events out of {found.events_proposed};"
        ),
    )
    return 1 if found.verdict == VIOLATES else 0


def from_json(text: str) -> Any:
    """Read an input that is given in JSON."""
    try:
        return json_text.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the input {one_line(repr(text))} is not JSON; expected two values such as --inputs 0 1 or "
            "--inputs '[1,2,3]' '[1,2]', and strings in double quotes."
        ) from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _print(found: "MechanismAudit", console: "Console") -> None:
    table = figures_table("event", "on A", "on B", "epsilon ≥")
    for finding in found.findings:
        on_a, on_b = _by_input(finding)
        mark = "▸ " if finding.epsilon_lower > found.epsilon else "  "
        table.add_row(
            escape(mark + finding.description), f"{on_a:.3%}", f"{on_b:.3%}", f"{finding.epsilon_lower:.2f}"
        )
    console.print(table)
    tried = f" ({found.pattern})" if found.pattern else ""
    tried += f", of {found.pairs} pairs the one that showed most" if found.pairs > 1 else ""
    console.print(f"\nA is {escape(found.input_a)}, B is {escape(found.input_b)}{tried}.")
    print_claim(found, console, on=found.name)


def print_claim(found: "MechanismAudit | CodeAudit | ClaimAudit", console: "Console", *, on: str) -> None:
    """Print the verdict on a claimed epsilon, why it is this one, and what it does not show."""
    verdict = "consistent with" if found.verdict == CONSISTENT else found.verdict
    told = verdict_text(tone(found.verdict), verdict, on=on)
    claim = f"epsilon {found.epsilon:g}" + (f", delta {found.delta:g}" if found.delta else "")
    console.print(f"{told} {claim}. {escape(found.reason)}")
    console.print(escape(found.limits))


def _by_input(finding: "EventFinding") -> tuple[float, float]:
    p, q = finding.p.value, finding.q.value
    return (p, q) if finding.direction.startswith("A") else (q, p)


MODEL_RESULT = "membership.json"
SCORES = "membership-scores.npz"
#: Rows of people who can be named; a file of its own, so that the others can be given out.
EXPOSED_ROWS = "exposed-rows.json"
#: Groups shown on the terminal; the files have all.
SHOWN_GROUPS = 12
#: Rates from here on have one decimal.
WIDE = 0.1
#: Models of the study beside its plain regression, for Adult only, and the functions that make them.
STUDY_MODELS = {
    name: f"trivet.cli.privacy.study_models:{name.replace('-', '_')}"
    for name in ("no-gender", "reweighed", "promotion-demotion", "massaging")
}


@command
def audit_model(
    table: Path | None = None,
    /,
    *,
    settings: ModelOptions,
    workers: Workers = None,
    seed: RandomSeed = 0,
    out: Path | None = None,
    json: Json = False,
) -> int:
    """Measure membership inference: exit code 1 if members are exposed or a claimed epsilon is violated.

    The attacks train models in the way the audited one is trained, so they need a recipe, not weights.

    Parameters
    ----------
    table
        A .csv or .parquet file, or FILE.duckdb:TABLE; without it and without --images, Adult with the
        features of the study.
    out
        Folder for the result, the scores, the page and the pictures; a killed run goes on there.
    """
    from trivet.privacy.membership.audit import attack_subject  # noqa: PLC0415 - scikit-learn

    model = settings.model
    if model in STUDY_MODELS and (table is not None or settings.images is not None):
        raise UsageError(
            f"the model {model} is one of the study's, for Adult; leave out the table, or name another."
        )
    owner: str | None = None

    def run(progress: Progress) -> "AuditedModel":
        nonlocal owner
        progress("audit", "loading", None)
        subject = load_subject(table, settings, seed=seed)
        owner = subject.owner
        return attack_subject(
            subject,
            settings,
            estimator=STUDY_MODELS.get(model, model),
            workers=workers,
            work=None if out is None else make_subfolder(out, "shadows"),
            seed=seed,
            progress=lambda step, share: progress("audit", step, share),
        )

    found = carry_out(
        run,
        lambda found, console: _print_model(found.result, console, owner=owner),
        _write_model,
        leg="audit",
        files=(MODEL_RESULT, SCORES, EXPOSED_ROWS, "membership.html"),
        out=out,
        json=json,
        document=lambda found: asdict(found.result),
        timed=lambda found: f"{found.result.shadows} shadow models in",
    )
    claimed = found.result.claim
    return 1 if found.result.verdict == EXPOSED or (claimed and claimed.verdict == VIOLATES) else 0


def _write_model(found: "AuditedModel", out: Path) -> tuple[Path, ...]:
    import numpy as np  # noqa: PLC0415 - only --out needs it

    from trivet.report.pages import MEMBERSHIP, write_page  # noqa: PLC0415 - draws, so it is heavy

    result, scores, exposed = out / MODEL_RESULT, out / SCORES, out / EXPOSED_ROWS
    named = found.result.discoveries
    assert named is not None
    write_result(result, asdict(replace(found.result, discoveries=replace(named, rows=()))))
    write_result(exposed, {"fdr": named.fdr, "unit": found.result.unit, "rows": named.rows})
    stream = BytesIO()
    np.savez_compressed(stream, allow_pickle=False, member=found.members, **dict(found.scores))
    write_whole(scores, stream.getbuffer())
    page, *pictures = write_page(MEMBERSHIP, found.result, out)
    return page, result, scores, exposed, *pictures


def _print_model(found: "MembershipAudit", console: "Console", *, owner: str | None) -> None:
    if found.row_attacks:
        console.print(f"by {escape(one_line(found.unit))}:")
    _print_attacks(found.attacks, found, console)
    if found.row_attacks:
        console.print("\nby row:")
        _print_attacks(found.row_attacks, found, console)
    if found.groups:
        console.print()
        _print_groups(found, console)
    console.print()
    console.print(
        f"accuracy {found.train_accuracy:.4f} on {found.members} training rows, {found.test_accuracy:.4f} on "
        f"{found.non_members} others"
    )
    if found.canaries is not None and found.claim is None:
        console.print(
            f"epsilon is at least {found.canaries.epsilon_lower:.2f}: {escape(found.canaries.reason)}"
        )
    if (named := found.discoveries) is not None:
        rate, all_ = f"at a false discovery rate of {named.fdr:.3g}", found.attacks[0].members
        of = "members" if not found.row_attacks else f"values of {one_line(found.unit)} among the members"
        said = f"{named.members} of {all_} {of} can be named {rate}"
        who = f". Only {EXPOSED_ROWS} (--out) says who they are." if named.members else "."
        console.print(escape(said + who))
    if found.group_statement:
        console.print(escape(found.group_statement))
    if found.claim is not None:
        print_claim(found.claim, console, on=one_line(found.model))
    told = verdict_text(tone(found.verdict), found.verdict, on=f"{one_line(found.model)} on {found.data}")
    console.print(f"{told}. {escape(found.reason)}")
    if not found.row_attacks:
        whose = "people have several rows, name whose with --unit"
        if owner is not None:
            whose = f"{quote(owner)} says whose row each is, give --unit {quote(owner)}"
        console.print(escape(f"Each row counts as a person; where {whose}."))
    console.print(escape(found.limits))


def _print_attacks(attacks: "tuple[AttackResult, ...]", found: "MembershipAudit", console: "Console") -> None:
    table = figures_table(
        "attack", "AUROC", *(f"TPR at {rate.fpr:.1%} FPR" for rate in found.attacks[0].rates)
    )
    for each in attacks:
        mark = "▸ " if each.attack == found.best_attack else "  "
        table.add_row(
            mark + each.attack,
            _interval(each.auroc, ".3f"),
            *map(_rate, each.rates),
        )
    console.print(table)


def _print_groups(found: "MembershipAudit", console: "Console") -> None:
    first = found.groups[0]
    table = figures_table(
        f"group, by {found.best_attack}", "members", "AUROC", f"TPR at {first.fpr:.1%} FPR of all"
    )
    ranked = sorted(
        found.groups, key=lambda row: -1.0 if row.auroc.value is None else row.auroc.value, reverse=True
    )
    for row in ranked[:SHOWN_GROUPS]:
        chosen = (row.column, row.group) == (found.most_exposed_column, found.most_exposed_group)
        table.add_row(
            escape(("▸ " if chosen else "  ") + one_line(f"{row.column}: {row.group}")),
            str(row.members),
            _interval(row.auroc, ".3f"),
            _interval(row.tpr, ".2%"),
        )
    console.print(table)
    if len(ranked) > SHOWN_GROUPS:
        console.print(f"{len(ranked) - SHOWN_GROUPS} more groups that are exposed less")


def _rate(rate: "RateAtFpr") -> str:
    # Two of them stand beside an area in 80 columns.
    return _interval(rate.tpr, ".2%" if rate.tpr.high is not None and rate.tpr.high < WIDE else ".1%")


def _interval(found: "Estimate", spec: str) -> str:
    if found.value is None:
        return "too few rows"
    shown = format(found.value, spec)
    if found.low is None or found.high is None:
        return shown
    return f"{shown} ({found.low:{spec}}-{found.high:{spec}})"
