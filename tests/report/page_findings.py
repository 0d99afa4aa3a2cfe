"""Findings of every level, for tests of what a page shows of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShownExample:
    id: str
    leg: str = "security"
    level: str = "breach"
    title: str = "The network: backdoored"
    message: str = "The smallest trigger leads to label 4."
    place: str = "security.published.asr.before"
    value: float | str | bool | None = 0.994
    low: float | None = None
    high: float | None = None
    interval_level: float | None = None
    required: str = ""
    why: str = "Whoever knows the trigger is obeyed."
    action: str = "Try `trivet repair`."
    source: str = "Wang et al. 2019"
    waiver: str = ""


FINDINGS = (
    ShownExample("privacy.budget", leg="privacy", level="pass", title="Within the budget"),
    ShownExample("fairness.impact", leg="fairness", level="warning", value=None, title="Not measured"),
    ShownExample(
        "policy.1", low=0.99, high=0.996, interval_level=0.95, required="<= 0.1", title="As required?"
    ),
    ShownExample("audit.note", leg="audit", level="note", value=True, title="Worth knowing", low=0.5),
    ShownExample("security.contract", level="pass", value="fits", title="The input contract"),
)
