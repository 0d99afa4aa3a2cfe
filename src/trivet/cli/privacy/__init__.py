"""``trivet privacy``: how much noise is needed, a release that is safe to run, and proof of both."""

from cyclopts import App

__all__ = ["privacy"]

privacy = App(
    name="privacy", help="Plan noise, release answers under a budget, audit mechanisms, models and code."
)
privacy.command(
    "trivet.cli.privacy.plan:plan", name="plan", help="Say how much noise a set of queries really needs."
)
privacy.command(
    "trivet.cli.privacy.check:check",
    name="check",
    help="Show a table's owner, before anything is charged, how a release would read it.",
)
privacy.command(
    "trivet.cli.privacy.release:release",
    name="release",
    help="Answer a query with noise, and charge a ledger.",
)
privacy.command(
    "trivet.cli.privacy.release:ledger", name="ledger", help="Show what a ledger spent, and what is left."
)
privacy.command(
    "trivet.cli.privacy.audits:audit_mechanism",
    name="audit-mechanism",
    help="Test whether a mechanism is as private as it says.",
)
privacy.command(
    "trivet.cli.privacy.audits:audit_model",
    name="audit-model",
    help="Measure how much a model betrays of who it was trained on.",
)
privacy.command(
    "trivet.cli.privacy.code:audit_code",
    name="audit-code",
    help="Replay code that adds noise on neighbouring data, and see whether it keeps its claim.",
)
