"""``trivet privacy plan``: noise for a set of queries, and the privacy loss of a given noise."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from trivet.cli.outputs import prepare_folder
from trivet.cli.terminal import print_json, report_progress
from trivet.errors import UsageError
from trivet.privacy.planning.settings import AdjacencyName, MechanismName
from trivet.privacy.ranges import require_at_least_one
from trivet.wording import one_line, quoted

if TYPE_CHECKING:
    from trivet.privacy.planning import PlanSettings, QuerySettings

__all__ = ["plan"]

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")
Switch = Annotated[bool, Parameter(negative="")]


def plan(
    config: Path | None = None,
    /,
    *,
    epsilon: float | None = None,
    delta: float | None = None,
    queries: str | None = None,
    sensitivity: str | None = None,
    adjacency: AdjacencyName | None = None,
    group: int | None = None,
    mechanism: MechanismName | None = None,
    value: float | None = None,
    threshold: float | None = None,
    inverse: Switch = False,
    scale: str | None = None,
    out: Path | None = None,
    curves: Switch = False,
    json: Switch = False,
) -> int:
    """Say how much noise a set of queries needs, by every composition theorem, and which is best.

    Parameters
    ----------
    config
        An audit.toml with a [privacy.plan] table, for queries that differ; the options below override it.
    epsilon
        Total epsilon that may be spent; with --inverse, the epsilon at which delta is computed.
    delta
        Total delta. Without it only pure methods apply.
    queries
        Number of queries: K, or K,K,... for several kinds.
    sensitivity
        How far one record moves an answer under the adjacency that is named: S, or S,S,...
    adjacency
        What neighbouring datasets are: add-remove (the default) or replace-one.
    group
        Protect that many records together.
    mechanism
        laplace, discrete-laplace (for integers), gaussian, or all.
    value
        A true answer, for the chance that its noisy one exceeds --threshold.
    threshold
        What the noisy answer is compared with.
    inverse
        Say instead what noise of --scale spends; name its --mechanism.
    scale
        With --inverse: noise of each answer, Laplace b or sigma: B, or B,B,...
    out
        Folder for the result with its curves, a page and pictures; with --inverse for the result alone.
    curves
        With --json: also how the spending grows with the queries, and how delta falls with epsilon.
    json
        Print one JSON document to standard output, and nothing else there.
    """
    if scale is not None and not inverse:
        raise UsageError("--scale gives the noise for --inverse, and needs that option.")
    if inverse and (value is not None or threshold is not None or curves):
        raise UsageError("--value, --threshold and --curves are about a plan; leave them out with --inverse.")
    if curves and not json and out is None:
        raise UsageError("--curves are numbers; print them with --json, or give --out.")
    chosen: dict[str, Any] = {
        "epsilon": epsilon,
        "delta": delta,
        "adjacency": adjacency,
        "group": group,
        "mechanism": mechanism,
        "value": value,
        "threshold": threshold,
    }
    settings = _settings(
        config,
        {name: given for name, given in chosen.items() if given is not None},
        queries=queries,
        sensitivity=sensitivity,
        scale=scale,
        inverse=inverse,
    )
    if out is not None:
        prepare_folder(out, *(("spending.json",) if inverse else ("plan.json", "plan.html")))
    from trivet.privacy import planning  # noqa: PLC0415 - loads SciPy

    with report_progress() as progress:
        if inverse:
            progress("spending", settings.mechanism, None)
            result = planning.spending_of(settings)
        else:
            result = planning.plan_queries(
                settings,
                curves=out is not None or (json and curves),
                progress=lambda part: progress("plan", part, None),
            )
    document = asdict(result)
    files: tuple[Path, ...] = ()
    if out is not None:
        from trivet.work.result_files import write_result  # noqa: PLC0415 - only --out needs it

        files = (out / ("spending.json" if inverse else "plan.json"),)
        write_result(files[0], document)
        if isinstance(result, planning.Plan):
            from trivet.report.own import write_plan_page  # noqa: PLC0415 - draws, so it is heavy

            page, *pictures = write_plan_page(result, out)
            files = (page, *files, *pictures)
    if json:
        print_json({**document, "files": [str(path) for path in files]})
        return 0
    from trivet.cli.privacy.plan_tables import print_plan, print_spending  # noqa: PLC0415 - not for JSON

    if isinstance(result, planning.Plan):
        print_plan(result, files)
    else:
        print_spending(result, files)
    return 0


def _settings(
    config: Path | None,
    chosen: dict[str, Any],
    *,
    queries: str | None,
    sensitivity: str | None,
    scale: str | None,
    inverse: bool,
) -> "PlanSettings":
    """Lay what the command line chose over the file's table, or over nothing."""
    from trivet.privacy.planning import PlanSettings  # noqa: PLC0415 - as above

    if config is not None:
        if queries is not None or sensitivity is not None or scale is not None:
            raise UsageError(
                "the queries are those of the file; leave out --queries, --sensitivity and --scale."
            )
        from trivet.config import load_config  # noqa: PLC0415 - only a file needs it

        found = load_config(config).privacy.plan
        if found is None:
            raise UsageError(
                f"{one_line(config.name)} has no [privacy.plan] table; "
                "add one with epsilon, delta and [[privacy.plan.queries]]."
            )
    elif queries is None or sensitivity is None:
        raise UsageError("give --queries and --sensitivity, or an audit.toml with a [privacy.plan] table.")
    else:
        if inverse and scale is None:
            raise UsageError("--inverse asks what noise spends; give it with --scale.")
        found = None
        chosen["queries"] = _queries(queries, sensitivity, scale)
    try:
        settings = PlanSettings(**chosen) if found is None else replace(found, **chosen)
    except ValueError as error:
        raise UsageError(f"{error}.") from error
    if settings.epsilon is None and not inverse:
        raise UsageError("a plan needs a budget; give --epsilon, the total that may be spent.")
    return settings


def _queries(queries: str, sensitivity: str, scale: str | None) -> "tuple[QuerySettings, ...]":
    """One line a kind of query."""
    from trivet.privacy.planning import QuerySettings  # noqa: PLC0415 - as above

    counts = _numbers("queries", queries, int)
    moves = _numbers("sensitivity", sensitivity, float)
    scales: list[float | None] = [None] if scale is None else [*_numbers("scale", scale, float)]
    if len(counts) == 1 and max(len(moves), len(scales)) > 1:
        # K queries that differ: one sensitivity or scale each.
        length = max(len(moves), len(scales))
        if counts[0] != length:
            raise UsageError(
                f"--queries is {counts[0]}, but there are {length} values of "
                f"--{'sensitivity' if len(moves) > 1 else 'scale'}; give one for all, one a query, "
                "or as many --queries, K,K,..., as kinds."
            )
        counts = [1] * length
    for count in counts:
        require_at_least_one(queries=count)
    moves = _one_a_kind("sensitivity", moves, len(counts))
    scales = _one_a_kind("scale", scales, len(counts))
    return tuple(
        QuerySettings(count=count, sensitivity=move, scale=noise)
        for count, move, noise in zip(counts, moves, scales, strict=True)
    )


def _one_a_kind(option: str, values: list[Value], kinds: int) -> list[Value]:
    if len(values) not in {1, kinds}:
        raise UsageError(
            f"--{option} has {len(values)} values, but --queries names {kinds} kinds of queries; "
            "give one for all, or one a kind."
        )
    return values * kinds if len(values) == 1 else values


def _numbers(option: str, text: str, kind: Callable[[str], Number]) -> list[Number]:
    """Read numbers between commas."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        expected = "whole numbers, such as 92 or 90,2" if kind is int else "numbers, such as 1 or 1,2.5"
        raise UsageError(f"--{option} is {quoted(text)}; expected {expected}.") from None
