"""What does a model card say of an audit? Hugging Face's Markdown, every number from the record."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.comparison import ReadAudit, verdict_tone
from trivet.report.card_sections import (
    PROSE_CHARACTERS,
    SHOWS_NOT,
    fairness_section,
    own_verdicts,
    privacy_section,
    security_section,
)
from trivet.report.markdown_text import code_span, markdown_row, markdown_text
from trivet.report.model_index import front_matter
from trivet.report.verdicts import ICONS, Verdict, verdicts

__all__ = ["model_card"]

LEGS: Final = {
    "security": security_section,
    "privacy": privacy_section,
    "fairness": fairness_section,
}


def model_card(audit: ReadAudit) -> str:
    """Write a model card: front matter with a model index, then what was found, leg by leg.

    Parameters
    ----------
    audit
        As `trivet.comparison.read_audit` reads it.

    Returns
    -------
    str
        Markdown with a front matter in YAML; the same for the same audit. Strangers' names are escaped.
    """
    return "\n".join((front_matter(audit.record), "", *_body(audit))) + "\n"


def _body(audit: ReadAudit) -> Iterator[str]:
    record = audit.record
    found = verdicts(record)
    yield f"# {markdown_text(record['audit']['title'])}"
    yield ""
    yield (
        "An audit by trivet of security, privacy and fairness. Where the text says *the study*, the "
        "numbers are of trivet's built-in study on public data and not of this model."
    )
    yield ""
    yield "## Bias, Risks, and Limitations"
    yield ""
    for verdict in found:
        yield f"- {_verdict(verdict)}"
        yield f"  {SHOWS_NOT[verdict.leg]}"
    missing = [leg for leg in LEGS if record[leg] is None]
    if missing:
        yield f"- Not audited: {', '.join(missing)}."
    yield ""
    yield "## Evaluation"
    yield ""
    yield (
        "Intervals are of sampling, at the level of 95 % unless the audit was asked for another; a number "
        "without one has no known error. Verdicts:"
    )
    yield ""
    yield markdown_row("Verdict on", "Verdict")
    yield markdown_row(":---", ":---")
    for verdict in found:
        yield markdown_row(_subject(verdict.leg), f"{ICONS[verdict.tone]} {verdict.word}")
    for subject, word in own_verdicts(record):
        yield markdown_row(subject, f"{ICONS[verdict_tone(word)]} {markdown_text(word)}")
    for leg, section in LEGS.items():
        if record[leg] is not None:
            yield ""
            yield f"## {leg.capitalize()}"
            yield ""
            yield from section(record)
    yield ""
    yield "## How to Reproduce"
    yield ""
    yield from _reproduction(audit)


def _verdict(verdict: Verdict) -> str:
    text = markdown_text(verdict.text, limit=PROSE_CHARACTERS)
    word = f"{_subject(verdict.leg)}: {verdict.word}"
    return f"{ICONS[verdict.tone]} **{word}.** {text[:1].upper()}{text[1:]}."


def _subject(leg: str) -> str:
    """Name what a leg's verdict is on: the network, or the built-in study."""
    return leg if leg == "security" else f"{leg}, the study"


def _reproduction(audit: ReadAudit) -> Iterator[str]:
    record = audit.record
    yield markdown_row("What", "Value")
    yield markdown_row(":---", ":---")
    for name, value in _provenance(audit, record):
        yield markdown_row(name, code_span(value))
    if not audit.manifest:
        yield ""
        yield "There is no manifest beside the record: version, time and digests of inputs are not known."


def _provenance(audit: ReadAudit, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, key in (
        ("trivet", "trivet"),
        ("Begun", "started"),
        ("Python", "python"),
        ("Platform", "platform"),
    ):
        if (noted := audit.noted(key)) is not None:
            yield name, noted
    yield "Seed", str(record["audit"]["seed"])
    yield "Schema of the record", str(record["schema_version"])
    security = record["security"]
    if security is not None:
        yield "Checkpoint", security["checkpoint"]["name"]
        yield "Its SHA-256", security["checkpoint"]["sha256"]
    for name, digest in audit.notes("inputs").items():
        if security is None or digest != security["checkpoint"]["sha256"]:
            yield f"SHA-256 of {markdown_text(name)}", digest
    for name, version in audit.notes("libraries").items():
        yield markdown_text(name), version
