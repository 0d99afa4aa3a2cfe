"""What does the record say of each leg, in a line or a few?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.fairness.auditing.results import DISPARATE, IN_BAND
from trivet.privacy.auditing.results import CONSISTENT
from trivet.privacy.membership.results import NO_EVIDENCE, SLIGHT
from trivet.report.values import Value, make_value

#: Shown before a verdict's word, so that colour alone never says it.
ICONS = {"good": "✓", "unsure": "?", "bad": "!"}
SECURITY_TONES = {"no evidence": "good", "suspicious": "unsure", "backdoored": "bad"}
_MEMBERSHIP_TONES: Final = {NO_EVIDENCE: "good", SLIGHT: "unsure"}
_FAIRNESS_TONES: Final = {IN_BAND: "good", DISPARATE: "bad"}
_BAND = (0.8, 1.25)  # the four-fifths rule, both ways round


@dataclass(frozen=True)
class Verdict:
    """A verdict of one leg.

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
    """Judge each leg that the record has: its corrected study, or all that was found out without it.

    Parameters
    ----------
    record
        The record as plain JSON values.
    """
    told: list[Verdict] = []
    for leg, (study, own) in _JUDGES.items():
        if record[leg] is not None:
            told += [study(record)] if "corrected" in record[leg] else own(record)
    return tuple(told)


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


def _own_security(record: Mapping[str, Any]) -> list[Verdict]:
    found = record["security"]
    told: list[Verdict] = []
    if (scan := found["scan"]) is not None:
        label = scan["suspected_label"]
        word = scan["verdict"] if label is None else f"{scan['verdict']}, label {label}"
        reason = (make_value(record, "security.scan.reason"),)
        told.append(Verdict("security", SECURITY_TONES[scan["verdict"]], word, reason))
    if (repair := found["repair"]) is not None:
        tone, word = (
            ("good", f"removed by {repair['chosen']}") if repair["removed"] else ("bad", "not removed")
        )
        told.append(Verdict("security", tone, word, (make_value(record, "security.repair.summary"),)))
    return told


def _own_privacy(record: Mapping[str, Any]) -> list[Verdict]:
    found = record["privacy"]
    told: list[Verdict] = []
    if (plan := found["plan"]) is not None:
        word = f"{plan['best_mechanism'].replace('-', ' ')} noise"
        told.append(Verdict("privacy", "good", word, (make_value(record, "privacy.plan.why"),)))
    for index, audit in enumerate(found["mechanisms"]):
        place = f"privacy.mechanisms.{index}"
        reason = (make_value(record, f"{place}.name"), ": ", make_value(record, f"{place}.reason"))
        tone = "good" if audit["verdict"] == CONSISTENT else "bad"
        told.append(Verdict("privacy", tone, audit["verdict"], reason))
    if (audit := found["membership"]) is not None:
        tone = _MEMBERSHIP_TONES.get(audit["verdict"], "bad")
        reason = (make_value(record, "privacy.membership.reason"),)
        told.append(Verdict("privacy", tone, audit["verdict"], reason))
    return told


def _own_fairness(record: Mapping[str, Any]) -> list[Verdict]:
    found = record["fairness"]
    audit, comparison = found["audit"], found["comparison"]
    told: list[Verdict] = []
    if audit is not None and (comparison is None or audit != comparison["baseline"]):
        tone = _FAIRNESS_TONES.get(audit["verdict"], "unsure")
        told.append(
            Verdict("fairness", tone, audit["verdict"], (make_value(record, "fairness.audit.reason"),))
        )
    if comparison is not None:
        verdict = comparison["baseline"]["verdict"]
        reason = (make_value(record, "fairness.comparison.statement"),)
        told.append(Verdict("fairness", _FAIRNESS_TONES.get(verdict, "unsure"), verdict, reason))
    return told


_JUDGES: Final = {
    "security": (_security, _own_security),
    "privacy": (_privacy, _own_privacy),
    "fairness": (_fairness, _own_fairness),
}
