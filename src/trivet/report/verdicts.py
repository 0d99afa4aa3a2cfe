"""The verdicts of a record with their reasons, in a line or a few."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.audited import JudgedPart, verdicts_of
from trivet.findings.summary import HEADINGS
from trivet.report.text.values import Value, make_value
from trivet.verdict import Tone

__all__ = ["HEADINGS", "Verdict", "verdicts"]

_Reason = tuple[str | Value, ...]


@dataclass(frozen=True)
class Verdict:
    """A verdict of one leg.

    Attributes
    ----------
    leg
        security, privacy or fairness.
    tone
        good, unsure, bad or note.
    word
        The verdict itself: "backdoored", "within budget".
    reason
        Why, as text and values of the record in turn.
    judged
        What was judged; None for a verdict that no record holds.
    """

    leg: str
    tone: Tone
    word: str
    reason: _Reason
    judged: JudgedPart | None = None

    @property
    def text(self) -> str:
        """The reason as plain text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.reason)


def verdicts(record: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """Return every verdict of a record, of the study and of the user's system, with its reason.

    Parameters
    ----------
    record
        The record as plain JSON values.
    """
    return tuple(
        Verdict(part.leg, part.tone, part.word, _REASONS[part.leg, part.part](record, part), part)
        for part in verdicts_of(record)
    )


def _privacy(record: Mapping[str, Any], _part: JudgedPart) -> _Reason:
    return (
        "The published plan spends an epsilon of ",
        make_value(record, "privacy.published.correction.spent_epsilon", ".3f"),
        " of ",
        make_value(record, "privacy.plan.epsilon", "g"),
        " and adds ",
        make_value(record, "privacy.published.correction.noise_ratio", ".2f"),
        " times the noise that the best theorem asks for.",
    )


def _mechanism(record: Mapping[str, Any], part: JudgedPart) -> _Reason:
    return make_value(record, f"{part.place}.name"), ": ", make_value(record, f"{part.place}.reason")


def _told(below: str) -> Callable[[Mapping[str, Any], JudgedPart], _Reason]:
    """Take the sentence at a place below the part."""
    return lambda record, part: (make_value(record, f"{part.place}.{below}"),)


_REASONS: Final[Mapping[tuple[str, str], Callable[[Mapping[str, Any], JudgedPart], _Reason]]] = {
    ("security", "scan"): _told("reason"),
    ("security", "repair"): _told("summary"),
    ("privacy", "published"): _privacy,
    ("privacy", "plan"): _told("why"),
    ("privacy", "training"): _told("why"),
    ("privacy", "mechanisms"): _mechanism,
    ("privacy", "membership"): _told("reason"),
    ("privacy", "claim"): _told("reason"),
    ("privacy", "code"): _mechanism,
    ("fairness", "audit"): _told("reason"),
    ("fairness", "comparison"): _told("statement"),
}
