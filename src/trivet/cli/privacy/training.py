"""``trivet privacy plan --mechanism dp-sgd``: noise multiplier and epsilon of private training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape

from trivet.audit import Progress
from trivet.cli.outputs import carry_out
from trivet.cli.terminal import figures_table
from trivet.errors import UsageError
from trivet.privacy.planning.training import TrainingSettings
from trivet.wording import one_line

if TYPE_CHECKING:
    from trivet.privacy.planning import TrainingPlan

__all__ = ["plan_loop", "refuse_training", "training_settings"]

#: Settings of which one is given: what the command line says takes the place of the other in the file.
_EITHER: Final = (("epochs", "steps"), ("epsilon", "noise_multiplier"))


def training_settings(
    config: Path | None,
    options: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    of_queries: Sequence[str],
    inverse: bool,
) -> TrainingSettings:
    """Lay what the command line chose over the file's table, or over nothing."""
    foreign = [*of_queries, *(name for name in options if name not in {"mechanism", "epsilon", "delta"})]
    if foreign:
        given = ", ".join(f"--{name}" for name in foreign)
        raise UsageError(f"{given}: of queries, and dp-sgd is training, which answers none; leave it out.")
    given = {**training, **{name: options[name] for name in ("epsilon", "delta") if name in options}}
    if "noise_multiplier" in given and not inverse:
        raise UsageError("--noise-multiplier gives the noise for --inverse, and needs that option.")
    if config is None:
        settings = TrainingSettings(**given)
    else:
        cleared = {
            other: None
            for pair in _EITHER
            for one, other in (pair, pair[::-1])
            if one in given and other not in given
        }
        settings = replace(_table_of(config), **cleared, **given)
    if inverse and settings.noise_multiplier is None:
        raise UsageError("--inverse asks what noise spends; give it with --noise-multiplier.")
    return settings


def refuse_training(training: Mapping[str, Any]) -> None:
    """Refuse options of training in a plan of queries."""
    if training:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in training)
        raise UsageError(f"{given}: of private training; name it with --mechanism dp-sgd.")


def _table_of(config: Path) -> TrainingSettings:
    from trivet.config import load_config  # noqa: PLC0415 - only a file needs it

    found = load_config(config).privacy.training
    if found is None:
        raise UsageError(
            f"{one_line(config.name)} has no [privacy.training] table; add one with dataset_size, batch, "
            "epochs or steps, delta, and epsilon or noise_multiplier."
        )
    return found


def plan_loop(settings: TrainingSettings, *, out: Path | None, curves: bool, json: bool) -> int:
    """Plan, write and print."""
    if curves and not json and out is None:
        raise UsageError("--curves are numbers; print them with --json, or give --out.")

    def run(progress: Progress) -> "TrainingPlan":
        from trivet.privacy import planning  # noqa: PLC0415 - loads SciPy

        return planning.plan_training(
            settings,
            curves=out is not None or (json and curves),
            progress=lambda part: progress("training", part, None),
        )

    files = ("training.json", "training.html")
    carry_out(run, _print_plan, "TRAINING", leg="training", files=files, out=out, json=json)
    return 0


def _print_plan(plan: "TrainingPlan", console: Console) -> None:
    """Print a section for each way to draw batches: its rows, its promise, its conditions."""
    console.print(
        f"{plan.steps:,} steps on {plan.dataset_size:,} examples in batches of {plan.batch:,} "
        f"({plan.epochs:,.4g} epochs), delta {plan.delta:g}"
    )
    lists = [guarantee.conditions for guarantee in plan.guarantees]
    shared = [each for each in lists[0] if len(lists) > 1 and all(each in others for others in lists)]
    for guarantee in plan.guarantees:
        console.print()
        batches = f"{guarantee.sampling.capitalize()} batches"
        table = figures_table(batches, "neighbours", "noise multiplier", "epsilon", names=2)
        for index, row in enumerate(plan.rows):
            if row.sampling != guarantee.sampling:
                continue
            mark = "▸ " if index == guarantee.row else "  "
            sigma = "-" if row.noise_multiplier is None else f"{row.noise_multiplier:.7g}"
            epsilon = "-" if row.epsilon is None else f"{row.epsilon:.5g}"
            table.add_row(f"{mark}{row.method.upper()}", row.adjacency, sigma, epsilon)
        console.print(table)
        for row in plan.rows:
            if row.sampling == guarantee.sampling and not row.applicable:
                console.print(f"  not applicable: {row.method.upper()} ({escape(row.reason)})")
        console.print(f"[bold green]{escape(guarantee.statement)}[/]")
        _print_list(console, "Only where", [each for each in guarantee.conditions if each not in shared])
    if shared:
        console.print()
        _print_list(console, "Each only where also", shared)
    if plan.remarks:
        console.print()
    for remark in plan.remarks:
        console.print(f"! {escape(one_line(remark, limit=300))}")


def _print_list(console: Console, heading: str, conditions: Sequence[str]) -> None:
    if conditions:
        console.print(f"{heading}:")
    for condition in conditions:
        console.print(f"  [ ] {condition}", markup=False)
