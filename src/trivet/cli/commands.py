"""Commands, each with its place in the code, one line of help, examples, and what its exit codes mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cyclopts import App, Group

__all__ = ["COMMANDS", "GROUPS", "Command", "add_command", "command_of_commands"]

#: Characters of a line of an example.
WIDTH: Final = 74
_DONE: Final = "done"
_VERDICT: Final = "no group is shown to be treated otherwise"
_DISPARATE: Final = "a group is disparate"


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    Attributes
    ----------
    place
        ``module:name`` below ``trivet.cli``; it is imported when the command is called.
    help
        One line.
    examples
        What is done, and the command line that does it; none for a command of commands.
    ended
        What exit code 0 says.
    found
        What exit code 1 says; empty for a command that finds nothing.
    """

    place: str
    help: str
    examples: tuple[tuple[str, str], ...] = ()
    ended: str = _DONE
    found: str = ""


#: Commands by who uses them first, with an example.
GROUPS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "Start here",
        "trivet audit people.csv --label hired --prediction guess --sensitive sex",
        ("audit", "init", "run"),
    ),
    (
        "You were handed a checkpoint",
        "trivet scan weights.pth --arch mnist-cnn --images photos/",
        ("scan", "repair", "zoo"),
    ),
    (
        "You own a table",
        "trivet privacy plan --queries 92 --sensitivity 1 --epsilon 1 --delta 1e-6",
        ("privacy",),
    ),
    (
        "You judge predictions",
        "trivet fairness people.csv --label hired --prediction guess --sensitive sex,town",
        ("fairness",),
    ),
    (
        "You keep audits",
        "trivet gate trivet-out --require 'fairness.disparate_impact >= 0.8'",
        ("gate", "compare", "evidence", "log", "view", "report", "card", "schema", "completion"),
    ),
)
#: Every command by the words that call it.
COMMANDS: Final[Mapping[str, Command]] = {
    "audit": Command(
        "audit:audit",
        "Audit a checkpoint, a table or a plan: the front door.",
        (
            (
                "predictions in a table, with the groups to compare",
                "trivet audit people.csv --label hired --prediction guess --sensitive sex",
            ),
            (
                "a checkpoint from a stranger, with clean images, a folder a class",
                "trivet audit weights.pth --arch timm:resnet18 --images photos/",
            ),
        ),
        ended="nothing breached",
        found="something breached: a backdoor, or a group that is treated otherwise",
    ),
    "init": Command(
        "small:init",
        "Write a commented audit.toml to start from.",
        (
            ("a system of your own", "trivet init --own"),
            ("the built-in study", "trivet init study.toml"),
        ),
    ),
    "run": Command(
        "run:run",
        "Run an audit.toml, or the built-in study.",
        (
            ("the system that audit.toml describes", "trivet run audit.toml --out trivet-out"),
            ("the built-in study, in a hurry", "trivet run --profile smoke"),
        ),
        ended="nothing breached",
        found="a requirement of [policy] or a default of the gate is breached",
    ),
    "scan": Command(
        "scan:scan",
        "Scan a checkpoint, or many, for a backdoor.",
        (
            (
                "one network; clean images in a folder with a subfolder a class",
                "trivet scan weights.pth --arch mnist-cnn --images photos/",
            ),
            (
                "a folder of networks; goes on where it stopped",
                "trivet scan --many models/ --arch mnist-cnn --out scans",
            ),
        ),
        ended="no evidence of a backdoor",
        found="backdoored or suspicious",
    ),
    "repair": Command(
        "repair:repair",
        "Remove a backdoor from a checkpoint.",
        (
            (
                "all methods, judged on images that none has seen",
                "trivet repair weights.pth --arch mnist-cnn --out repaired",
            ),
            (
                "one method, with a bound on the accuracy that it may cost",
                "trivet repair weights.pth --arch mnist-cnn --method clp --max-loss 0.02",
            ),
        ),
        ended="removed, or no evidence of a backdoor",
        found="not removed",
    ),
    "zoo": Command("small:zoo", "Train small networks, clean and attacked in known ways."),
    "zoo train": Command(
        "small:train",
        "Train one network from the embedded data; write its weights and its recipe.",
        (
            ("a network with a blended trigger", "trivet zoo train --attack blended --target 3"),
            ("a clean one", "trivet zoo train --attack none --seed 7"),
        ),
    ),
    "zoo reference": Command(
        "small:reference",
        "Train and scan clean networks, for trivet scan --reference.",
        (
            (
                "99 clean networks, so that p can be 0.01",
                "trivet zoo reference --arch mnist-cnn --count 99 --out reference",
            ),
            (
                "clean networks that you have",
                "trivet zoo reference --clean models/ --arch mnist-cnn",
            ),
        ),
    ),
    "privacy": Command(
        "privacy:privacy", "Plan noise, release answers under a budget, audit mechanisms, models and code."
    ),
    "privacy plan": Command(
        "privacy.plan:plan",
        "Say how much noise a set of queries really needs.",
        (
            (
                "92 counts",
                "trivet privacy plan --queries 92 --sensitivity 1 --epsilon 1 --delta 1e-6",
            ),
            (
                "private training",
                (
                    "trivet privacy plan --mechanism dp-sgd --dataset-size 60000 --batch 256 "
                    "--epochs 60 --epsilon 3 --delta 1e-5"
                ),
            ),
        ),
    ),
    "privacy check": Command(
        "privacy.check:check",
        "Show a table's owner, before anything is charged, how a release would read it.",
        (
            ("a table", "trivet privacy check visits.csv"),
            ("with decimal commas", "trivet privacy check visits.csv --decimal comma"),
        ),
        ended="the table is read as it is",
        found="something needs an option, or is lost",
    ),
    "privacy release": Command(
        "privacy.release:release",
        "Answer a query with noise, and charge a ledger.",
        (
            (
                "how many are 40 or older",
                (
                    "trivet privacy release visits.csv --query units --where 'age >= 40' --epsilon 0.1 "
                    "--ledger budget.db"
                ),
            ),
            (
                "several questions as one",
                "trivet privacy release visits.csv --plan audit.toml --ledger budget.db",
            ),
        ),
    ),
    "privacy ledger": Command(
        "privacy.release:ledger",
        "Show what a ledger spent, and what is left.",
        (
            (
                "a new one that protects all rows of a person",
                "trivet privacy ledger budget.db --create --epsilon 1 --unit patient",
            ),
            ("what is left", "trivet privacy ledger budget.db"),
        ),
    ),
    "privacy audit-mechanism": Command(
        "privacy.audits:audit_mechanism",
        "Test whether a mechanism is as private as it says.",
        (
            (
                "a function of yours that adds noise",
                "trivet privacy audit-mechanism shop.noise:noisy_count --epsilon 1",
            ),
            (
                "more runs, for a smaller violation",
                "trivet privacy audit-mechanism shop.noise:noisy_count --epsilon 1 --trials 1000000",
            ),
        ),
        ended="consistent with its claim",
        found="it violates its claim",
    ),
    "privacy audit-model": Command(
        "privacy.audits:audit_model",
        "Measure how well an attacker can infer whose rows a model was trained on.",
        (
            (
                "a model that your function builds, by group",
                "trivet privacy audit-model people.csv --label hired --group sex --model shop.models:build",
            ),
            (
                "a claim of private training, tested with planted rows",
                (
                    "trivet privacy audit-model people.csv --label hired --model shop.models:build "
                    "--canaries 1000 --epsilon 3 --delta 1e-5"
                ),
            ),
        ),
        ended="not exposed",
        found="exposed, or it violates its claim",
    ),
    "privacy audit-code": Command(
        "privacy.code:audit_code",
        "Replay code that adds noise on neighbouring data, and see whether it keeps its claim.",
        (
            (
                "a function of a file, on a table",
                "trivet privacy audit-code shop/noise.py:release --table visits.csv --epsilon 1",
            ),
            (
                "more neighbours",
                (
                    "trivet privacy audit-code shop/noise.py:release --table visits.csv --epsilon 1 "
                    "--neighbours 50"
                ),
            ),
        ),
        ended="consistent with its claim, or unknown",
        found="it violates its claim",
    ),
    "fairness": Command(
        "fairness.audit:fairness",
        "Audit predictions, or fit and compare mitigations.",
        (
            (
                "predictions in a table",
                "trivet fairness people.csv --label hired --prediction guess --sensitive sex,town",
            ),
            (
                "a model that is fitted here, without and with each mitigation",
                "trivet fairness people.csv --label hired --sensitive sex --estimator logistic",
            ),
        ),
        ended=_VERDICT,
        found=_DISPARATE,
    ),
    "fairness watch": Command(
        "fairness.watch:watch",
        "Watch a disparity over time: intervals and an alarm that hold at every look.",
        (
            (
                "a file a month",
                "trivet fairness watch may.csv june.csv july.csv --prediction hired --sensitive sex",
            ),
            (
                "in the order of a date, a look a month",
                (
                    "trivet fairness watch decisions.csv --prediction hired --sensitive sex --time decided "
                    "--period month"
                ),
            ),
        ),
        ended=_VERDICT,
        found=_DISPARATE,
    ),
    "gate": Command(
        "run:gate",
        "Judge a finished audit again, without running it.",
        (
            (
                "one more requirement",
                "trivet gate trivet-out --require 'fairness.disparate_impact >= 0.8'",
            ),
            (
                "only what is new or worse since an accepted audit, for code scanning",
                "trivet gate trivet-out --config audit.toml --baseline accepted --format sarif",
            ),
        ),
        ended="nothing breached",
        found="something breached",
    ),
    "compare": Command(
        "compare:compare",
        "Compare two audits: what changed, and what of it is more than noise.",
        (
            ("on the terminal", "trivet compare before after"),
            (
                "a page, and a comment for a pull request",
                "trivet compare before after --out compared --markdown",
            ),
        ),
        ended="nothing got measurably worse",
        found="a verdict or a headline measurement got measurably worse",
    ),
    "evidence": Command(
        "evidence:evidence",
        "Write evidence of an audit for others, sign it, and verify it.",
        (
            ("four files, unsigned", "trivet evidence trivet-out"),
            ("signed", "trivet evidence trivet-out --sign private.pem"),
        ),
        ended="written, whatever the audit found",
    ),
    "evidence verify": Command(
        "evidence:verify",
        "Check signatures and digests of evidence, and run the audit again.",
        (
            ("digests and signatures", "trivet evidence verify trivet-out --key public.pem"),
            ("and the audit once more", "trivet evidence verify trivet-out --key public.pem --again"),
        ),
        ended="all of it was checked and holds",
        found="something does not hold",
    ),
    "evidence keygen": Command(
        "evidence:keygen",
        "Write a pair of keys for signing.",
        (
            ("into this folder", "trivet evidence keygen private.pem"),
            ("beside other keys", "trivet evidence keygen keys/audit.pem"),
        ),
    ),
    "log": Command("log:log", "Log an audit to MLflow or Weights & Biases."),
    "log mlflow": Command(
        "log:mlflow",
        "Log numbers, verdicts, digests, findings and report to MLflow.",
        (
            ("into a database of this folder", "trivet log mlflow trivet-out --uri sqlite:///mlflow.db"),
            ("into a run that exists", "trivet log mlflow trivet-out --run 0a1b2c3d4e5f"),
        ),
        ended="logged, whatever the audit found",
    ),
    "log wandb": Command(
        "log:wandb",
        "Log numbers, verdicts, digests, findings and report to Weights & Biases.",
        (
            ("a new run of a project", "trivet log wandb trivet-out --project credit"),
            ("into a run that exists", "trivet log wandb trivet-out --project credit --run 1a2b3c"),
        ),
        ended="logged, whatever the audit found",
    ),
    "view": Command(
        "small:view",
        "Open a report, or one page of all audits in a folder.",
        (
            ("the report of an audit", "trivet view trivet-out"),
            ("one page of all audits below a folder", "trivet view audits --no-browser"),
        ),
    ),
    "report": Command(
        "small:report",
        "Draw the report again from the record alone.",
        (
            ("where it is", "trivet report trivet-out"),
            ("its paths as JSON", "trivet report trivet-out --json"),
        ),
    ),
    "card": Command(
        "small:card",
        "Write a model card with an audit's numbers.",
        (
            ("to the terminal", "trivet card trivet-out"),
            ("for a model hub", "trivet card trivet-out --out README.md"),
        ),
    ),
    "schema": Command(
        "small:schema",
        "Print the JSON Schema of metrics.json.",
        (
            ("to the terminal", "trivet schema"),
            ("into a file", "trivet schema > metrics.schema.json"),
        ),
    ),
    "completion": Command(
        "completion:completion",
        "Print what lets a shell complete commands and options.",
        (
            ("of this shell, now", 'eval "$(trivet completion bash)"'),
            ("of zsh, for good", "trivet completion zsh > ~/.zfunc/_trivet"),
        ),
    ),
}


def command_of_commands(words: str) -> App:
    """Return a command with the commands below it, each imported when it is called."""
    made = App(name=words, help=COMMANDS[words].help, help_epilogue=_epilogue(words))
    for below in _below(words):
        add_command(made, below)
    return made


def add_command(app: App, words: str, *, group: Group | None = None) -> None:
    """Add a command to the one above it; it is imported when it is called."""
    known = COMMANDS[words]
    ending = {} if _below(words) else {"help_epilogue": _epilogue(words)}
    app.command(
        f"trivet.cli.{known.place}", name=words.rsplit(maxsplit=1)[-1], help=known.help, group=group, **ending
    )


def _below(words: str) -> list[str]:
    return [each for each in COMMANDS if each.rpartition(" ")[0] == words]


def _lines(typed: str) -> list[str]:
    """Divide a command line before its options, where it is longer than a terminal is wide."""
    lines: list[str] = []
    for part in re.split(r" (?=--)", typed):
        if lines and len(lines[-1]) + len(part) < WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}" if lines else part)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _epilogue(words: str) -> str:
    """Return examples and exit codes of a command, as its help ends."""
    known = COMMANDS[words]
    more = f"`trivet {words} COMMAND --help` has examples of each command."
    if not known.examples:
        return more
    found = f"; 1 {known.found}" if known.found else ""
    lines = [line for what, typed in known.examples for line in (f"# {what}", *_lines(typed))]
    codes = f"Exit codes: 0 {known.ended}{found}; 2 usage or configuration; 3 it could not be done."
    parts = ["Examples", "\n".join(["```sh", *lines, "```"]), *([more] if _below(words) else []), codes]
    return "\n\n".join(parts)
