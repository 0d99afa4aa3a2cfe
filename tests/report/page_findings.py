"""Findings of every level, for tests of what a page shows of them."""

from trivet.findings import Finding


def shown_example(name, **changes):
    usual = {
        "rule": name,
        "leg": "security",
        "level": "breach",
        "title": "The network: backdoored",
        "message": "The smallest trigger leads to label 4.",
        "place": "security.published.asr.before",
        "value": 0.994,
        "low": None,
        "high": None,
        "interval_level": None,
        "required": "",
        "why": "Whoever knows the trigger is obeyed.",
        "action": "Try `trivet repair`.",
        "source": "Wang et al. 2019",
    }
    return Finding(name, **{**usual, **changes})


FINDINGS = (
    shown_example("privacy.budget", leg="privacy", level="pass", title="Within the budget"),
    shown_example("fairness.impact", leg="fairness", level="warning", value=None, title="Not measured"),
    shown_example(
        "policy.1", low=0.99, high=0.996, interval_level=0.95, required="<= 0.1", title="As required?"
    ),
    shown_example("audit.note", leg="audit", level="note", value=True, title="Worth knowing", low=0.5),
    shown_example("security.contract", level="pass", value="fits", title="The input contract"),
)
