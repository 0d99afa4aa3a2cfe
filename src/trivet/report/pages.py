"""Pages of single results: what each is made of, and the one way in which all are written."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from pydantic_core import to_jsonable_python

from trivet.comparison import Comparison, outcome_text, sides_text
from trivet.findings.summary import LegSummary, Made, Summary, leg_summaries
from trivet.privacy.planning.training import TrainingGuarantee, TrainingPlan
from trivet.record import FairnessLeg, PrivacyLeg, Triggers
from trivet.report.facts import page_facts, scan_facts
from trivet.report.fairness_facts import bias_audit_facts, inferred_facts, lowest_ratio, watch_facts
from trivet.report.figures.figure import save_figure
from trivet.report.figures.registry import FIGURES
from trivet.report.figures.style import written_name
from trivet.report.text.document import make_document, read_prose
from trivet.report.verdicts import Verdict
from trivet.report.write.html import html_page
from trivet.security.scanning.results import SecurityAudit
from trivet.verdict import LEGS, NOT_REMOVED, REMOVED, repair_word
from trivet.verdict import tone as tone_of
from trivet.wording import noise_name, one_line
from trivet.work.result_files import make_folder, make_subfolder, remove_result, write_result, write_text

__all__ = []

#: Folder of the figures, and what each is written as.
FOLDER: Final = "figures"
FORMATS: Final = ("svg", "png")
#: Characters of a file's, a data set's or a contract's name.
NAME_CHARACTERS: Final = 80


@dataclass(frozen=True)
class Page:
    """Everything about the page of one kind of result."""

    file: str
    prose: tuple[str, ...]
    parts: tuple[str, ...]
    title: Callable[[Any], str]
    record: Callable[[Any], dict[str, Any]]
    verdicts: Callable[[Any], list[Verdict]]
    facts: Callable[[Any], dict[str, Any]] = lambda _: {}
    moved: Mapping[str, str] = field(default_factory=dict)


def write_page(
    page: Page, result: object, folder: str | Path, triggers: Triggers | None = None
) -> tuple[Path, ...]:
    """Write a page that opens offline, and its figures beside it."""
    path = make_folder(Path(folder)) / page.file
    legs = page.record(result)
    record = SimpleNamespace(**legs)
    rows = [row for row in FIGURES if row.of in page.parts]
    figures = make_subfolder(path.parent, FOLDER) if rows else path.parent / FOLDER
    pictures = {row.name: row.picture(record) for row in rows}
    files: list[Path] = []
    for row in rows:
        if pictures[row.name] is None:
            for suffix in FORMATS:
                remove_result(figures / f"{row.name}.{suffix}")
        else:
            drawn = row.figure(record, triggers or {})
            files += save_figure(drawn, figures / row.name, formats=FORMATS)
    facts = {
        "audit": {"title": page.title(result)},
        **to_jsonable_python(legs),
        **page.facts(result),
    }
    made = {"version": version("trivet"), "data": path.with_suffix(".json").name, "told": None}
    facts["page"] = made | facts.get("page", {})
    prose = read_prose(*page.prose)
    prose = {name: prose[name] for name in sorted(prose, key=lambda name: page.moved.get(name, name))}
    document = make_document(facts, prose, pictures=pictures)
    source = html_page(document, _summary(page, result, facts), figures, record=facts)
    return write_text(path, source), *files


def _summary(page: Page, result: object, facts: Mapping[str, Any]) -> Summary:
    """Summarise one result: no policy, and so its verdict stands in the place of an outcome."""
    verdicts = page.verdicts(result)
    known = {leg: facts[leg] for leg in LEGS if isinstance(facts.get(leg), Mapping)}
    audited = [replace(leg, word="", tone="note") for leg in leg_summaries(known, Made()) if leg.parts]
    judged = [LegSummary(each.leg, each.tone, each.word, (), each.text) for each in verdicts]
    first, *others = judged
    return Summary(
        title=facts["audit"]["title"],
        word=first.word,
        tone=first.tone,
        against=first.reason,
        counted="",
        made=Made(version("trivet")),
        seed=None,
        legs=(*others, *audited),
    )


def write_with_result(page: Page, result: Any, folder: Path) -> tuple[Path, ...]:
    """Write a page, and the result as JSON beside it; return the page first, then the result."""
    path = (folder / page.file).with_suffix(".json")
    write_result(path, asdict(result))
    shown, *pictures = write_page(page, result, folder)
    return shown, path, *pictures


def _judged(what: str, word: str, reason: str) -> Verdict:
    return Verdict(what, tone_of(word), word, (reason,))


def _own_verdict(audit: Any) -> list[Verdict]:
    return [_judged("audit", audit.verdict, audit.reason)]


def _training_terms(plan: TrainingPlan, guarantee: TrainingGuarantee) -> str:
    noise = f"{guarantee.noise_multiplier:.4g}"
    batches = guarantee.sampling.replace("poisson", "Poisson")
    return f"With {batches} batches, a noise multiplier of {noise} and a delta of {plan.delta:g}."


PLAN: Final = Page(
    "plan.html",
    prose=("privacy", "privacy_pages"),
    parts=("privacy.plan", "privacy.training", "privacy.mechanisms", "privacy.membership", "privacy.code"),
    title=lambda _: "A plan for private answers",
    record=lambda plan: {"privacy": PrivacyLeg(plan=plan)},
    verdicts=lambda plan: [Verdict("plan", "good", f"{noise_name(plan.best_mechanism)} noise", (plan.why,))],
    facts=lambda _: {"page": {"mechanism": None, "code": None}},
)
TRAINING: Final = replace(
    PLAN,
    file="training.html",
    title=lambda _: "A plan for private training",
    record=lambda plan: {"privacy": PrivacyLeg(training=plan)},
    verdicts=lambda plan: [
        Verdict(each.sampling, "note", f"epsilon {each.epsilon:.3g}", (_training_terms(plan, each),))
        for each in plan.guarantees
    ],
)
MECHANISM: Final = replace(
    PLAN,
    file="mechanism.html",
    title=lambda audit: f"Privacy audit of {one_line(audit.name.rpartition(':')[2])}",
    record=lambda audit: {"privacy": PrivacyLeg(mechanisms=(audit,))},
    verdicts=_own_verdict,
    facts=lambda audit: {"page": {"mechanism": asdict(audit), "code": None}},
)
MEMBERSHIP: Final = replace(
    PLAN,
    file="membership.html",
    title=lambda audit: f"Membership audit of {one_line(audit.model)}",
    record=lambda audit: {"privacy": PrivacyLeg(membership=audit)},
    verdicts=lambda audit: [
        *_own_verdict(audit),
        *([_judged("claimed epsilon", audit.claim.verdict, audit.claim.reason)] if audit.claim else ()),
    ],
    facts=lambda _: {"page": {"mechanism": None, "code": None, "told": True}},
)
CODE: Final = replace(
    PLAN,
    file="code.html",
    title=lambda audit: f"Privacy audit of {one_line(audit.name)}",
    record=lambda audit: {"privacy": PrivacyLeg(code=(audit,))},
    verdicts=_own_verdict,
    facts=lambda audit: {"page": {"mechanism": None, "code": asdict(audit)}},
)
FAIRNESS: Final = Page(
    "fairness.html",
    prose=("fairness", "fairness_pages"),
    parts=("fairness.audit", "fairness.comparison"),
    title=lambda audit: f"Fairness audit of {one_line(audit.data)}",
    record=lambda audit: {"fairness": FairnessLeg(audit)},
    verdicts=_own_verdict,
)
#: Of a comparison of mitigations; what was requested comes first, and behind it the audit without any.
MITIGATIONS: Final = replace(
    FAIRNESS,
    title=lambda found: FAIRNESS.title(found.baseline),
    record=lambda found: {"fairness": FairnessLeg(found.baseline, found)},
    verdicts=lambda found: [_judged("baseline", found.baseline.verdict, found.statement)],
    moved={"66-own-fairness.md": "68-own-fairness.md", "66-own-subgroups.md": "68-own-subgroups.md"},
)
#: Of a table in the layout of a law: its rows are texts, since a number in it can be withheld.
BIAS_AUDIT: Final = Page(
    "ll144.html",
    prose=("bias_audit",),
    parts=(),
    title=lambda audit: f"Bias audit of {one_line(audit.data)}",
    record=lambda _: {},
    verdicts=lambda audit: [Verdict("summary", "note", *lowest_ratio(audit))],
    facts=bias_audit_facts,
)
#: Of a disparity over time.
WATCH: Final = Page(
    "watch.html",
    prose=("watch",),
    parts=("watch",),
    title=lambda watch: f"Watch over {one_line(', '.join(watch.data))}",
    record=lambda watch: {"watch": watch},
    verdicts=_own_verdict,
    facts=watch_facts,
)
#: Of groups that are only inferred.
INFERRED: Final = Page(
    "inferred.html",
    prose=("inferred",),
    parts=(),
    title=lambda audit: f"Inferred groups of {one_line(audit.data)}",
    record=lambda _: {},
    verdicts=_own_verdict,
    facts=inferred_facts,
)

#: The kinds of other outcomes, and the field that tells each; a record has no part for them.
_OUTCOMES: Final = {"amounts": "outcome", "ranking": "queries", "classes": "classes"}
OUTCOME: Final = replace(
    FAIRNESS,
    prose=("outcomes",),
    parts=tuple(_OUTCOMES),
    record=lambda audit: {
        kind: audit if hasattr(audit, field) else None for kind, field in _OUTCOMES.items()
    },
    facts=lambda audit: {"page": {"limits": audit.limits}},
)


def _shortened(audit: SecurityAudit) -> dict[str, Any]:
    """Return the facts with shortened names of what comes from files."""
    facts = asdict(audit)
    scan = facts["scan"]
    contract = scan["contract"]
    contracts = (contract["declared"], contract["best"], *contract["candidates"])
    for each in (scan["checkpoint"], scan["images"], *contracts):
        each["name"] = one_line(each["name"], limit=NAME_CHARACTERS)
    return facts


def _scan_title(audit: SecurityAudit) -> str:
    assert audit.scan is not None
    what = "Scan" if audit.repair is None else "Repair"
    return f"{what} of {one_line(audit.scan.checkpoint.name, limit=NAME_CHARACTERS)}"


def _scan_verdicts(audit: SecurityAudit) -> list[Verdict]:
    scan, repair = audit.scan, audit.repair
    assert scan is not None
    label = scan.suspected_label
    named = "" if label is None else f", label {written_name(label, scan.labels[label].name)}"
    when = "verdict" if repair is None else "before"
    found = [Verdict(when, tone_of(scan.verdict), f"{scan.verdict}{named}", (scan.reason,))]
    if repair is None:
        return found
    word = repair.outcome or (REMOVED if repair.removed else NOT_REMOVED)
    told = repair_word(word, repair.chosen)
    found.insert(0, Verdict("repair", tone_of(word), told, (repair.summary,)))
    second = next((each.second_verdict for each in repair.attempts if each.method == repair.chosen), None)
    if second is not None:
        found.append(_judged("after", second, "What a second scan says of the repaired network."))
    return found


SCAN: Final = Page(
    "scan.html",
    prose=("security", "security_pages"),
    parts=("security",),
    title=_scan_title,
    record=lambda audit: {"security": audit},
    verdicts=_scan_verdicts,
    facts=lambda audit: {"security": _shortened(audit), "page": scan_facts(audit.scan)},
)
REPAIR: Final = replace(SCAN, file="repair.html")


def _changes(comparison: Comparison) -> list[Verdict]:
    count = len(comparison.regressions)
    word = f"{count} regression{'s'[: count > 1]}" if count else "no regression"
    word = word if comparison.is_of_something else "nothing compared"
    doubtful = comparison.lacks_a_leg or not comparison.is_of_something
    tone = "bad" if count else "unsure" if doubtful else "good"
    # The statement begins with the word.
    told = comparison.statement.removeprefix(word).lstrip(";, ")
    found = [Verdict("overall", tone, word, (told[:1].upper() + told[1:],))]
    for change in comparison.verdicts:
        if change.title in LEGS:
            before, after = sides_text(change)
            moved = f"{before} → {after}" if before != after else after
            reason = "As before." if before == after else f"What became of it: {outcome_text(change)}."
            found.append(Verdict(change.title, tone_of(after), moved, (reason,)))
    return found


COMPARED: Final = Page(
    "compare.html",
    prose=("compared",),
    parts=("headline",),
    title=lambda found: f"{found.before.folder} and {found.after.folder}: what changed",
    record=lambda found: {"headline": found.headline},
    verdicts=_changes,
    facts=page_facts,
)
