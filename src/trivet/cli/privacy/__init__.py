"""``trivet privacy``: how much noise is needed, a release that is safe to run, and proof of both."""

from trivet.cli.commands import command_of_commands

__all__ = ["privacy"]

privacy = command_of_commands("privacy")
