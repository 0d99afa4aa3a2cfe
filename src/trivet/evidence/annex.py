"""The testing part of a technical documentation after Annex IV of Regulation (EU) 2024/1689."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from trivet.evidence.cyclonedx import audits_of, harm_of, limits_of
from trivet.evidence.dossier import Dossier
from trivet.evidence.figures import MEASURES, Figure, written
from trivet.fairness.auditing.results import REFERENCE
from trivet.findings.summary import counted
from trivet.findings.taxonomies import FRAMEWORKS, REQUIREMENTS, items_of
from trivet.record import METRICS
from trivet.report.text.values import markdown_row, markdown_text
from trivet.wording import one_line, rounded

__all__ = ["annex_html", "annex_markdown"]

PROSE_CHARACTERS: Final = 2_000
TITLE: Final = "Testing part of the technical documentation"
#: Marks the page as trivet's.
GENERATOR: Final = '<meta name="generator" content="trivet evidence">'
#: A wide table scrolls by itself, and its edge is shaded on the side where it goes on.
STYLE: Final = (
    ":root{color-scheme:light dark;--paper:light-dark(#fff,#16191d);--edge:light-dark(#0003,#fff4)}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;"
    "color:light-dark(#111,#e4e6e8);background:var(--paper);overflow-wrap:anywhere}"
    "h1,h2,h3{line-height:1.2}h1,h2,h3,td:first-child{overflow-wrap:break-word}"
    "h1+p{font-size:1.3em;font-weight:bold}table{border-collapse:collapse;font-size:.9em}"
    ".wide{overflow-x:auto;background:"
    "linear-gradient(to right,var(--paper) 30%,transparent) left/2.5em 100% no-repeat local,"
    "linear-gradient(to left,var(--paper) 30%,transparent) right/2.5em 100% no-repeat local,"
    "linear-gradient(to right,var(--edge),transparent) left/.9em 100% no-repeat scroll,"
    "linear-gradient(to left,var(--edge),transparent) right/.9em 100% no-repeat scroll}"
    "th,td{border:1px solid #888;padding:.25em .5em;text-align:left;vertical-align:top;min-width:6.5em}"
    "th{background:light-dark(#eee,#22272e);overflow-wrap:normal}"
    "@media print{:root{color-scheme:light}.wide{overflow:visible;background:none}"
    "table{font-size:.7em}th,td{min-width:0}td:first-child{overflow-wrap:anywhere}tr{break-inside:avoid}}"
)
#: What Annex IV wants beside tests.
LEFT: Final = (
    "1 and 2(a) to 2(f): the system, its development, its data requirements and its human oversight",
    "2(g): test data that are the provider's own description, and signatures of the persons responsible",
    "2(h): cybersecurity measures other than those tested here",
    "3: intended purpose, degree of accuracy that is promised, and foreseeable misuse",
    "5 to 9: risk management, changes, standards applied, declaration of conformity, post-market monitoring",
)


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Listing:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Listing | Grid


def annex_markdown(dossier: Dossier) -> str:
    """Return the document as Markdown; no name in it can format, link or call anyone."""
    return "\n\n".join(map(_markdown, _blocks(dossier))) + "\n"


def annex_html(dossier: Dossier) -> str:
    """Return the document as a page without scripts, pictures and requests."""
    title = html.escape(f"{TITLE}: {dossier.title}")
    body = "\n".join(map(_html, _blocks(dossier)))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{GENERATOR}\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text):
            return _plain(text)
        case Listing(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Grid(header, rows):
            line = markdown_row(*("---" for _ in header))
            return "\n".join([_row(header), line, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return markdown_row(*map(_plain, cells))


def _plain(text: str) -> str:
    return markdown_text(text, limit=PROSE_CHARACTERS)


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{_escaped(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{_escaped(text)}</p>"
        case Listing(items):
            return "<ul>\n" + "\n".join(f"<li>{_escaped(item)}</li>" for item in items) + "\n</ul>"
        case Grid(header, rows):
            head = "".join(f'<th scope="col">{_escaped(each)}</th>' for each in header)
            body = "\n".join(
                "<tr>" + "".join(f"<td>{_escaped(each)}</td>" for each in row) + "</tr>" for row in rows
            )
            return (
                f'<div class="wide" tabindex="0" role="region" aria-label="Table: {_escaped(header[0])}">\n'
                f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
            )


def _escaped(text: str) -> str:
    return f"<bdi>{html.escape(one_line(text, limit=PROSE_CHARACTERS))}</bdi>"


def _blocks(dossier: Dossier) -> Iterator[Block]:
    yield Heading(1, f"{TITLE}: {dossier.title}")
    yield Paragraph(f"Result of all tests: {dossier.result} ({counted(dossier.findings)}).")
    yield Paragraph(
        f"Annex IV, points 2(g), 2(h), 3 and 4, of {FRAMEWORKS['eu-ai-act'].name}. Dated "
        f"{dossier.timestamp}, when the audit began. Subject: {dossier.subject}."
    )
    yield Paragraph(
        f"Every number below is read from {METRICS}, which has all its digits and whose SHA-256 is "
        f"{dossier.record_sha256}; the column "
        "“place” says where it stands there. This document is signed only if evidence.sig lies beside it, "
        "the signature of its folder."
    )
    yield Grid(("Made by", "Value"), tuple(_made(dossier)))
    yield from _testing(dossier)
    yield from _cybersecurity(dossier)
    yield from _limits(dossier)
    yield from _metrics(dossier)
    yield from _bearing(dossier)
    yield Heading(2, "Left to the provider")
    yield Listing(LEFT)


def _made(dossier: Dossier) -> Iterator[tuple[str, str]]:
    configuration, manifest = dossier.configuration, dossier.manifest
    yield "command", dossier.command or "not recorded"
    if configuration is not None:
        yield "configuration", f"{configuration.name}, SHA-256 {configuration.sha256}"
    yield "seed of the audit", str(dossier.record["audit"]["seed"])
    yield "trivet", dossier.version
    for name in ("python", "platform"):
        if isinstance(value := manifest.get(name), str):
            yield name, value
    libraries = manifest.get("libraries")
    if isinstance(libraries, Mapping):
        yield "libraries", ", ".join(f"{name} {version}" for name, version in libraries.items())
    for name, value in dossier.about_json().items():
        yield name.replace("_", " "), value


def _testing(dossier: Dossier) -> Iterator[Block]:
    yield Heading(2, "2(g) Validation and testing procedures")
    yield Heading(3, "Data and weights used")
    rows = tuple((source.name, source.sha256) for source in dossier.sources)
    yield (
        Grid(("Name", "SHA-256"), rows)
        if rows
        else Paragraph("The audit read no file but its configuration.")
    )
    yield Heading(3, "Test log")
    yield Grid(
        ("Test", "Outcome", "What was found", "Required"),
        tuple((each.id, each.level, each.sentence, each.required) for each in dossier.findings),
    )
    yield Heading(3, "Figures")
    known = [figure for figure in dossier.figures if figure.value is not None]
    yield Grid(
        ("Measure", "Of", "Value", "Interval", "Unit", "Method", "Seed", "Place"),
        tuple(map(_figure_row, known)),
    )
    if unknown := [figure for figure in dossier.figures if figure.value is None]:
        yield Heading(3, "What could not be measured")
        yield Grid(
            ("Measure", "Of", "Reason", "Place"),
            tuple((each.name, each.part, each.reason or "not recorded", each.place) for each in unknown),
        )
    yield Heading(3, "Potentially discriminatory impacts")
    rows = tuple(_groups(dossier.record))
    yield (
        Grid(("Group", "Rows", "What was found"), rows)
        if rows
        else Paragraph("Not tested: the record has no fairness audit.")
    )


def _figure_row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        figure.part,
        _shown(figure.value, figure),
        _interval(figure),
        figure.unit,
        figure.method,
        figure.seed.removeprefix("Seed "),
        figure.place,
    )


def _interval(figure: Figure) -> str:
    if figure.level is None:
        return "none recorded"
    ends = (_shown(each, figure) or "unbounded" for each in (figure.low, figure.high))
    return f"{' to '.join(ends)} ({figure.level:.0%})"


def _shown(value: float | None, figure: Figure) -> str:
    """Write a value or an end of a figure with the digits that its interval supports."""
    return "" if value is None else written(rounded(value, figure.low, figure.high))


def _groups(record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for audit in audits_of(record):
        for attribute in audit["attributes"]:
            for group in attribute["groups"]:
                if group["verdict"] != REFERENCE:
                    name = f"{attribute['name']} = {group['group']}"
                    yield name, f"{group['rows']:,}", harm_of(attribute, group)


def _cybersecurity(dossier: Dossier) -> Iterator[Block]:
    yield Heading(2, "2(h) Cybersecurity measures that were tested")
    tested = [each for each in dossier.findings if each.leg in {"security", "privacy"}]
    if not tested:
        yield Paragraph("Not tested: the record has neither the security nor the privacy leg.")
        return
    yield Listing(tuple(f"{each.level}: {each.sentence}" for each in tested))
    scan = (dossier.record["security"] or {}).get("scan")
    if scan is not None and scan["searches"]:
        yield Heading(3, "Kinds of backdoor triggers that were searched for")
        yield Grid(("Kind", "Looked for", "Outcome"), tuple(_searches(scan)))


def _searches(scan: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for search in scan["searches"]:
        yield search["kind"], search["looked_for"], search["outcome"]


def _limits(dossier: Dossier) -> Iterator[Block]:
    yield Heading(2, "3 Capabilities and limitations")
    accuracy = [each for each in dossier.figures if each.value is not None and "accuracy" in each.key]
    yield Heading(3, "Accuracy, of the whole and of parts")
    if accuracy:
        rows = tuple((each.name, each.part, _shown(each.value, each), _interval(each)) for each in accuracy)
        yield Grid(("Measure", "Of", "Value", "Interval"), rows)
    else:
        yield Paragraph("Not tested: the record has no figure of accuracy.")
    if limits := tuple(limits_of(dossier.record)):
        yield Heading(3, "What the tests cannot show")
        yield Listing(limits)
    unintended = [*dossier.at("breach"), *dossier.at("warning")]
    yield Heading(3, "Foreseeable unintended outcomes that the tests point to")
    if unintended:
        yield Grid(
            ("Test", "What was found", "Why it matters", "What to do"),
            tuple((each.id, each.sentence, each.why, each.action) for each in unintended),
        )
    else:
        yield Paragraph("The tests point to none. That does not rule any out.")


def _metrics(dossier: Dossier) -> Iterator[Block]:
    yield Heading(2, "4 Appropriateness of the metrics")
    used = {figure.key for figure in dossier.figures}
    yield Grid(
        ("Measure", "Unit", "What it measures", "What it does not show"),
        tuple(
            (key.replace("_", " ").replace(".", ", "), each.unit, each.meaning, each.limits)
            for key, each in MEASURES.items()
            if key in used
        ),
    )


def _bearing(dossier: Dossier) -> Iterator[Block]:
    found: list[tuple[str, ...]] = []
    for item in REQUIREMENTS.values():
        if on := [finding.id for finding in dossier.findings if item in items_of(finding)]:
            framework = FRAMEWORKS[item.framework]
            found.append((f"{framework.name} {framework.version}", item.id, item.title, ", ".join(on)))
    yield Heading(2, "Requirements and techniques that the tests bear on")
    yield Paragraph(
        "Whether a requirement is met is for an assessor to say; a test shows part of it. Ids change from "
        "one version of a framework to the next."
    )
    yield Grid(("Framework", "Id", "Title", "Tests"), tuple(found))
