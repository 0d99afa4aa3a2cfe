"""What does the record say in one line a leg?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trivet.report.values import Value, make_value

#: Shown before a verdict's word, so that colour alone never says it.
ICONS = {"good": "✓", "unsure": "?", "bad": "!"}
SECURITY_TONES = {"no evidence": "good", "suspicious": "unsure", "backdoored": "bad"}
_BAND = (0.8, 1.25)  # the four-fifths rule, both ways round


@dataclass(frozen=True)
class Verdict:
    """The verdict of one leg.

    Attributes
    ----------
    leg
        security, privacy or fairness.
    tone
        good, unsure or bad: a key of `ICONS`.
    word
        The verdict itself: "backdoored", "within budget".
    reason
        Why, as text and values of the record in turn.
    """

    leg: str
    tone: str
    word: str
    reason: tuple[str | Value, ...]

    @property
    def text(self) -> str:
        """The reason as plain text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.reason)


def verdicts(record: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """Judge each leg that the record has, from its corrected study.

    Parameters
    ----------
    record
        The record as plain JSON values.
    """
    judges = {"security": _security, "privacy": _privacy, "fairness": _fairness}
    return tuple(judge(record) for leg, judge in judges.items() if record[leg] is not None)


def _security(record: Mapping[str, Any]) -> Verdict:
    corrected = record["security"]["corrected"]
    label = "smallest_label" if corrected["suspected_label"] is None else "suspected_label"
    reason: list[str | Value] = [
        "the smallest trigger that works belongs to label ",
        make_value(record, f"security.corrected.{label}"),
        " and has ",
        make_value(record, "security.corrected.norm_ratio", ".2f"),
        " times the size of the median one",
    ]
    if corrected["asr"] is not None:
        reason += [
            "; the repair brings its success rate from ",
            make_value(record, "security.corrected.asr.before", ".1%"),
            " to ",
            make_value(record, "security.corrected.asr.after", ".1%"),
        ]
    return Verdict("security", SECURITY_TONES[corrected["verdict"]], corrected["verdict"], tuple(reason))


def _privacy(record: Mapping[str, Any]) -> Verdict:
    within = record["privacy"]["corrected"]["spent_epsilon"] <= record["privacy"]["epsilon"]
    reason = (
        "the published plan spends an epsilon of ",
        make_value(record, "privacy.corrected.spent_epsilon", ".3f"),
        " of ",
        make_value(record, "privacy.epsilon", "g"),
        " and adds ",
        make_value(record, "privacy.corrected.noise_ratio", ".2f"),
        " times the noise that the best theorem asks for",
    )
    return Verdict(
        "privacy", "good" if within else "bad", "within budget" if within else "over budget", reason
    )


def _fairness(record: Mapping[str, Any]) -> Verdict:
    baseline = record["fairness"]["published"]["baseline"]
    interval = baseline["disparate_impact_interval"]
    low, high = _BAND
    inside = low <= baseline["disparate_impact"] <= high
    sure = inside == (low <= interval["low"] and interval["high"] <= high)
    place = "fairness.published.baseline.disparate_impact"
    reason = (
        "before any mitigation the protected group is selected at ",
        make_value(record, place, ".2f"),
        " times the rate of the privileged one (",
        make_value(record, f"{place}_interval.low", ".2f"),
        " to ",
        make_value(record, f"{place}_interval.high", ".2f"),
        ")",
    )
    tone = ("good" if inside else "bad") if sure else "unsure"
    word = "within four fifths" if inside else "outside four fifths"
    return Verdict("fairness", tone, word, reason)
