"""A model card of an audit: Hugging Face's Markdown, every number from the record."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.audited import has_study, network_of
from trivet.comparison import ReadAudit
from trivet.report.card_sections import (
    PROSE_CHARACTERS,
    SHOWS_NOT,
    fairness_section,
    privacy_section,
    security_section,
)
from trivet.report.markdown_text import code_span, markdown_row, markdown_text
from trivet.report.model_index import front_matter
from trivet.report.verdicts import ICONS, Verdict, verdicts

__all__ = ["model_card"]

LEGS: Final = {
    "security": ("Security", security_section),
    "privacy": ("Privacy", privacy_section),
    "fairness": ("Fairness", fairness_section),
}
#: What a part of a record is called, and whether a name follows.
_SUBJECTS: Final[Mapping[str, tuple[str, bool]]] = {
    "study": ("the study", False),
    "scan": ("the network", True),
    "repair": ("the repair", False),
    "published": ("the published plan", False),
    "plan": ("the plan", False),
    "mechanisms": ("mechanism", True),
    "membership": ("membership in", True),
    "audit": ("predictions", True),
    "comparison": ("mitigations on", True),
}


def model_card(audit: ReadAudit) -> str:
    """Write a model card: front matter with a model index, then what was found, leg by leg."""
    return "\n".join((front_matter(audit.record), "", *_body(audit))) + "\n"


def _body(audit: ReadAudit) -> Iterator[str]:
    record = audit.record
    found = verdicts(record)
    yield f"# {markdown_text(record['audit']['title'])}"
    yield ""
    yield "An audit by trivet of security, privacy and fairness."
    if has_study(record):
        yield (
            "Where the text says *the study*, the numbers are of trivet's built-in study on public data and "
            "not of this model."
        )
    yield ""
    yield "## Bias, Risks, and Limitations"
    yield ""
    for leg in LEGS:
        of_leg = [verdict for verdict in found if verdict.leg == leg]
        for verdict in of_leg:
            text = markdown_text(verdict.text, limit=PROSE_CHARACTERS)
            yield f"- {ICONS[verdict.tone]} **{_subject(verdict)}: {markdown_text(verdict.word)}**: {text}"
        if of_leg:
            yield f"  {SHOWS_NOT[leg]}"
    missing = [leg for leg in LEGS if record[leg] is None]
    if missing:
        yield f"- Not audited: {', '.join(missing)}."
    yield ""
    yield "## Evaluation"
    yield ""
    yield (
        "Intervals are of sampling, at the level of 95 % unless the audit chose another; a number "
        "without one has no known error. Verdicts:"
    )
    yield ""
    yield markdown_row("Verdict on", "Verdict")
    yield markdown_row(":---", ":---")
    for verdict in found:
        yield markdown_row(_subject(verdict), f"{ICONS[verdict.tone]} {markdown_text(verdict.word)}")
    for leg, (heading, section) in LEGS.items():
        if record[leg] is not None:
            yield ""
            yield f"## {heading}"
            yield ""
            yield from section(record)
    yield ""
    yield "## How to Reproduce"
    yield ""
    yield from _reproduction(audit)


def _subject(verdict: Verdict) -> str:
    """Name what a verdict is on, as Markdown."""
    part = verdict.judged
    if part is None:
        return verdict.leg
    word, named = _SUBJECTS[part.part]
    if part.leg == "security" and part.part == "study":
        return "security"  # of the network that was given
    name = f" {code_span(part.name)}" if named else ""
    return f"{part.leg}, {word}{name}"


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
    network = network_of(record)
    if network is not None:
        yield "Checkpoint", network.checkpoint["name"]
        yield "Its SHA-256", network.checkpoint["sha256"]
    for name, digest in audit.notes("inputs").items():
        if network is None or digest != network.checkpoint["sha256"]:
            yield f"SHA-256 of {markdown_text(name)}", digest
    for name, version in audit.notes("libraries").items():
        yield markdown_text(name), version
