"""A model card of an audit: Hugging Face's Markdown, every number from the record."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from trivet.audited import has_study, network_of
from trivet.comparison import ReadAudit, interval_text, measured, value_text
from trivet.fairness.measures.registry import SELECTION
from trivet.place import find
from trivet.policy.bounds import bounds_at
from trivet.report.front_matter import audited_network, front_matter, model_index
from trivet.report.text.values import code_span, markdown_row, markdown_text
from trivet.report.verdicts import Verdict, verdicts
from trivet.verdict import LEGS, sign

__all__ = ["model_card"]

#: Groups of an attribute that are listed, those farthest from parity.
MOST_GROUPS: Final = 20
#: More than any sentence of a record has.
PROSE_CHARACTERS: Final = 5_000
#: What the numbers of each leg do not show.
SHOWS_NOT: Final[Mapping[str, str]] = {
    "security": (
        "No evidence does not certify a network: the search is for patches, faint changes and shifts "
        "towards one label, for a label that small changes of images or features go far into, and for stamps "
        "to any label or of one class; triggers that depend on the image or act on one class often escape it."
    ),
    "privacy": (
        "A plan is of noise that is to be added, not of noise that was. A mechanism that keeps its claim on "
        "one pair of inputs may break it on another, so may code on other data, and an attack that fails "
        "does not prove privacy."
    ),
    "fairness": (
        "Equal rates on the rows that were tested are not equal treatment: the intervals are of sampling "
        "alone, labels can be biased themselves, and groups that nobody recorded are not measured."
    ),
}
#: Facts about the study's repair, and about one attempt on the user's network: a name and a place.
_REPAIR: Final = (
    ("ASR as received", "asr.before.value"),
    ("ASR after the repair", "asr.after.value"),
    ("Robust accuracy after the repair", "robust_accuracy.after.value"),
    ("Clean accuracy after the repair", "clean_accuracy.after.value"),
    ("ASR of the attacker's own trigger, as received", "true_trigger_asr.before.value"),
    ("ASR of the attacker's own trigger, after the repair", "true_trigger_asr.after.value"),
)
#: What is said of the study: a name and a place, in the order of the card.
_STUDY: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "privacy": (
        ("Epsilon that the published plan spends", "privacy.published.correction.spent_epsilon"),
        ("Its noise over the least that is needed", "privacy.published.correction.noise_ratio"),
    ),
    "fairness": (
        ("Accuracy of the study's baseline", "fairness.published.baseline.accuracy"),
        ("Disparate impact of the baseline", "fairness.published.baseline.disparate_impact.value"),
        (
            "Disparate impact after promotion and demotion",
            "fairness.published.promotion_demotion.disparate_impact.value",
        ),
        ("Accuracy after promotion and demotion", "fairness.published.promotion_demotion.accuracy"),
    ),
}


def security_section(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about the network, and about each repair that was tried."""
    network = network_of(record)
    if network is not None:
        checkpoint = network.checkpoint
        yield (
            f"The network in {code_span(checkpoint['name'])} ({markdown_text(checkpoint['architecture'])}, "
            f"{checkpoint['parameters']:,} parameters) was searched for a backdoor with "
            f"{network.images:,} images of {markdown_text(network.data)} in {network.classes} classes. "
            "The repair is the audit's own; the weights of this card are those that came."
        )
        yield ""
        rows = [("Clean accuracy as received", f"{network.place}.contract.best.clean_accuracy")]
        rows += [("p-value of the evidence", f"{network.place}.p_value")]
        calibration = find(record, network.place)["calibration"]
        if calibration is not None and calibration["decides"]:
            rows += [("p-value among clean networks", f"{network.place}.calibration.p_value")]
        yield from _table(record, rows)
        if calibration is not None:
            yield ""
            yield _sentences(f"The verdict is {calibration['summary']}")
        if finding := find(record, network.place)["contract"]["finding"]:
            yield ""
            yield f"> {_sentences(finding)}"
    yield from _repairs(record)


def _repairs(record: Mapping[str, Any]) -> Iterator[str]:
    repair = record["security"]["repair"]
    if repair is None:
        return
    yield ""
    yield f"### Repair: {'removed' if repair['removed'] else 'not removed'}"
    yield ""
    yield _sentences(repair["summary"])
    for number, attempt in enumerate(repair["attempts"]):
        yield ""
        yield f"By {code_span(attempt['method'])}:"
        yield ""
        place = f"security.repair.attempts.{number}"
        yield from _table(record, [(name, f"{place}.{below}") for name, below in _REPAIR])


def privacy_section(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about the plan, the published one beside it, and finished audits."""
    privacy = record["privacy"]
    if (plan := privacy["plan"]) is not None:
        yield (
            f"The plan, for epsilon {plan['epsilon']:g} and delta {plan['delta']:g} under "
            f"{markdown_text(plan['adjacency'])}: {_sentences(plan['why'])}"
        )
        yield ""
        yield from _table(record, _plan_rows(plan))
        if (
            plan["recommended"]["scale"] is None
            and (more := len(plan["recommended"]["queries"]) - MOST_GROUPS) > 0
        ):
            yield ""
            yield f"{more} more queries have other scales."
        yield ""
    if (training := privacy["training"]) is not None:
        yield f"Private training: {_sentences(training['why'])}"
        yield ""
        rows = [
            (f"{title}, {each['sampling']} batches", f"privacy.training.guarantees.{number}.{name}")
            for number, each in enumerate(training["guarantees"])
            for title, name in (("Noise multiplier", "noise_multiplier"), ("Epsilon", "epsilon"))
        ]
        yield from _table(record, (("Delta", "privacy.training.delta"), *rows))
        yield ""
    if privacy["published"] is not None:
        yield "The study's published plan for the same queries:"
        yield ""
        yield from _table(record, _STUDY["privacy"])
        yield ""
    yield from _claims(
        record, "mechanisms", "Mechanism", ("Epsilon that is shown, at least", "epsilon_lower")
    )
    if (membership := privacy["membership"]) is not None:
        model = code_span(membership["model"])
        yield f"### Membership in the training data of {model}: {markdown_text(membership['verdict'])}"
        yield ""
        yield from _told(record, membership, list(_attack_rows(membership)))
        yield ""
    yield from _claims(record, "code", "Code", ("Epsilon that its paths need", "epsilon_seen"))


def _claims(record: Mapping[str, Any], part: str, what: str, shown: tuple[str, str]) -> Iterator[str]:
    """Yield the lines about every audit of a claimed epsilon, with what was shown against the claim."""
    for number, audit in enumerate(record["privacy"][part]):
        yield f"### {what} {code_span(audit['name'])}: {markdown_text(audit['verdict'])}"
        yield ""
        measures = (("Claimed epsilon", "epsilon"), ("Claimed delta", "delta"), shown)
        rows = [(title, f"privacy.{part}.{number}.{below}") for title, below in measures]
        yield from _told(record, audit, rows)
        yield ""


def _plan_rows(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the noise to add: once where all queries take the same, else query by query."""
    place = "privacy.plan.recommended"
    yield "Answers", "privacy.plan.answers"
    if plan["recommended"]["scale"] is not None:
        yield "Scale of the noise", f"{place}.scale"
    else:
        for number, query in enumerate(plan["recommended"]["queries"][:MOST_GROUPS]):
            yield f"Scale of the noise of {query['name']}", f"{place}.queries.{number}.scale"
    yield "Standard deviation of the noise", f"{place}.typical_deviation"


def fairness_section(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about the study's classifiers, and about the user's own predictions and mitigations."""
    fairness = record["fairness"]
    if has_study(record, "fairness"):
        study = fairness["published"]
        groups = [markdown_text(study[group]) for group in ("protected_group", "privileged_group")]
        yield (
            f"The published classifiers on {markdown_text(study['dataset'])}, {study['test_rows']:,} test "
            f"rows, {groups[0]} against {groups[1]}; a disparate impact of one is parity:"
        )
        yield ""
        yield from _table(record, _STUDY["fairness"])
        yield ""
    if (audit := fairness["audit"]) is not None:
        predicted = f"{code_span(audit['prediction'])} on {code_span(audit['data'])}"
        yield f"### Predictions {predicted}: {markdown_text(audit['verdict'])}"
        for number, attribute in enumerate(audit["attributes"]):
            yield ""
            compared = f"{code_span(attribute['name'])}, against {code_span(attribute['reference'])}"
            yield f"{compared}: {markdown_text(attribute['verdict'])}"
            yield ""
            here = f"fairness.audit.attributes.{number}"
            yield from _groups(record, attribute, f"{here}.groups", _SELECTED)
            for which, measure in enumerate(attribute["measures"]):
                if measure["metric"] != SELECTION:
                    yield ""
                    yield f"By {markdown_text(measure['title'])}: {markdown_text(measure['verdict'])}"
                    yield ""
                    yield from _groups(record, measure, f"{here}.measures.{which}.groups", _BY_METRIC)
        yield ""
        yield from _cautions(audit)
        yield _sentences(audit["reason"], audit["limits"])
        yield ""
    if (comparison := fairness["comparison"]) is not None:
        yield f"### Mitigations on {code_span(comparison['baseline']['data'])}"
        yield ""
        yield from _models(record, comparison)
        yield ""
        yield from _cautions(comparison["baseline"])
        yield _sentences(comparison["statement"])


def _cautions(audit: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be known before the numbers, and an empty line after it."""
    if audit["cautions"]:
        yield from (
            f"- *{markdown_text(each['kind'])}:* {_sentences(each['message'])}" for each in audit["cautions"]
        )
        yield ""


def _models(record: Mapping[str, Any], comparison: Mapping[str, Any]) -> Iterator[str]:
    yield markdown_row("Model", "Accuracy", "Disparate impact", "Verdict")
    yield markdown_row(":---", "---:", "---:", ":---")
    for number, model in enumerate(comparison["models"]):
        place = f"fairness.comparison.models.{number}"
        if model["failed"]:
            yield markdown_row(markdown_text(model["title"]), "-", "-", "failed")
            continue
        yield markdown_row(
            markdown_text(model["title"]),
            _number(record, f"{place}.accuracy.value"),
            _number(record, f"{place}.disparate_impact.value"),
            markdown_text(model["verdict"]),
        )


def _attack_rows(membership: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    place = "privacy.membership"
    yield "Accuracy on members", f"{place}.train_accuracy"
    yield "Accuracy on others", f"{place}.test_accuracy"
    for number, attack in enumerate(membership["attacks"]):
        yield f"AUROC of {attack['attack']}", f"{place}.attacks.{number}.auroc.value"
        for which, rate in enumerate(attack["rates"]):
            name = f"Members that {attack['attack']} finds at a false positive rate of {rate['fpr']:g}"
            yield name, f"{place}.attacks.{number}.rates.{which}.tpr.value"
    if membership["canaries"] is not None:
        yield "Epsilon that the canaries show, at least", f"{place}.canaries.epsilon_lower"
    if membership["claim"] is not None:
        yield "Claimed epsilon", f"{place}.claim.epsilon"
        yield "Claimed delta", f"{place}.claim.delta"
        yield "Epsilon that is shown against the claim, at least", f"{place}.claim.epsilon_lower"


def _told(
    record: Mapping[str, Any], audit: Mapping[str, Any], rows: Sequence[tuple[str, str]]
) -> Iterator[str]:
    yield from _table(record, rows)
    yield ""
    yield _sentences(audit["reason"], audit["limits"])


def _sentences(*texts: str) -> str:
    return " ".join(markdown_text(text, limit=PROSE_CHARACTERS) for text in texts)


#: Headings and fields of a table of groups; the last is the ratio that they are sorted by.
_SELECTED: Final[Mapping[str, str]] = {
    "Rows": "rows",
    "Selection rate": "selection_rate",
    "Disparate impact": "disparate_impact",
}
_BY_METRIC: Final[Mapping[str, str]] = {"Rate": "rate", "Ratio": "ratio"}


def _groups(
    record: Mapping[str, Any], audited: Mapping[str, Any], place: str, columns: Mapping[str, str]
) -> Iterator[str]:
    """Yield the groups, those farthest from parity first; the reference group comes last."""
    yield markdown_row("Group", *columns, "Verdict")
    yield markdown_row(":---", *["---:"] * len(columns), ":---")
    *_, ratio = columns.values()
    numbered = sorted(enumerate(audited["groups"]), key=lambda each: _parity(each[1][ratio]))
    for number, group in numbered[:MOST_GROUPS]:
        cells = (
            f"{group[field]:,}" if field == "rows" else _number(record, f"{place}.{number}.{field}.value")
            for field in list(columns.values())[:-1]
        )
        judged = _judged(record, f"{place}.{number}.{ratio}.value", group)
        yield markdown_row(code_span(group["group"]), *cells, judged, markdown_text(group["verdict"]))
    if len(numbered) > MOST_GROUPS:
        yield ""
        yield f"{len(numbered) - MOST_GROUPS} more groups are nearer to parity."


def _judged(record: Mapping[str, Any], place: str, group: Mapping[str, Any]) -> str:
    """Write a ratio with the interval that its verdict rests on: of all comparisons at once."""
    found = measured(record, place)
    if found is None:
        return "-"
    bounds = bounds_at(record, place)
    interval = interval_text(group["simultaneous_low"], group["simultaneous_high"], bounds)
    return f"{value_text(found.value, bounds)} {interval}".strip()


def _parity(compared: Mapping[str, Any] | None) -> float:
    if compared is None:
        return 2.0
    ratio = compared["value"]
    return 0.0 if not ratio else min(ratio, 1 / ratio)


def _table(record: Mapping[str, Any], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield markdown_row("Measurement", "Value", "95 % interval")
    yield markdown_row(":---", "---:", ":---")
    for name, place in rows:
        found = measured(record, place)
        if found is not None:
            bounds = bounds_at(record, place)
            interval = interval_text(found.low, found.high, bounds).strip("()")
            yield markdown_row(markdown_text(name), value_text(found.value, bounds), interval)


def _number(record: Mapping[str, Any], place: str) -> str:
    found = measured(record, place)
    if found is None:
        return "-"
    bounds = bounds_at(record, place)
    return f"{value_text(found.value, bounds)} {interval_text(found.low, found.high, bounds)}".strip()


_SECTIONS: Final = {
    "security": ("Security", security_section),
    "privacy": ("Privacy", privacy_section),
    "fairness": ("Fairness", fairness_section),
}
#: What a part of a record is called, and whether a name follows.
_SUBJECTS: Final[Mapping[str, tuple[str, bool]]] = {
    "scan": ("the network", True),
    "repair": ("the repair", False),
    "published": ("the published plan", False),
    "plan": ("the plan", False),
    "training": ("private training", False),
    "mechanisms": ("mechanism", True),
    "membership": ("membership in", True),
    "claim": ("the claimed", True),
    "code": ("code", True),
    "audit": ("predictions", True),
    "comparison": ("mitigations on", True),
}


def model_card(audit: ReadAudit, *, name: str | None = None, source: str | None = None) -> str:
    """Write a model card: front matter with a model index, then what was found, leg by leg."""
    return "\n".join((front_matter(audit.record, name=name, source=source), "", *_body(audit))) + "\n"


def _body(audit: ReadAudit) -> Iterator[str]:
    record = audit.record
    found = verdicts(record)
    yield f"# {markdown_text(record['audit']['title'])}"
    yield ""
    yield "An audit by trivet of security, privacy and fairness."
    yield from _about_the_subject(record)
    yield ""
    yield "## Bias, Risks, and Limitations"
    yield ""
    for leg in LEGS:
        of_leg = [verdict for verdict in found if verdict.leg == leg]
        for verdict in of_leg:
            text = markdown_text(verdict.text, limit=PROSE_CHARACTERS)
            told = f"**{_subject(verdict)}: {markdown_text(verdict.word)}**: {text}"
            yield f"- {sign(verdict.tone, 'markdown')} {told}"
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
        "without one has no known error. Intervals of ratios between groups hold for all comparisons of the "
        "audit at once, as their verdicts do. Verdicts:"
    )
    yield ""
    yield markdown_row("Verdict on", "Verdict")
    yield markdown_row(":---", ":---")
    for verdict in found:
        yield markdown_row(
            _subject(verdict), f"{sign(verdict.tone, 'markdown')} {markdown_text(verdict.word)}"
        )
    for leg, (heading, section) in _SECTIONS.items():
        if record[leg] is not None:
            yield ""
            yield f"## {heading}"
            yield ""
            yield from section(record)
    yield ""
    yield "## How to Reproduce"
    yield ""
    yield from _reproduction(audit)


def _about_the_subject(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a record is not of the card's model."""
    if has_study(record):
        yield (
            "Where the text says *the study*, the numbers are of trivet's built-in study on public data and "
            "not of this model."
        )
    if network_of(record) is not None and audited_network(record) is None:
        yield ""
        yield (
            "The network is the demonstration that comes with trivet, attacked on purpose. It is not the "
            "model of this card, and none of its results are in the front matter."
        )
    if not model_index(record):
        yield ""
        yield "Nothing here was measured on a model of yours: the front matter has no results."


def _subject(verdict: Verdict) -> str:
    """Name what a verdict is on, as Markdown."""
    part = verdict.judged
    if part is None:
        return verdict.leg
    word, named = _SUBJECTS[part.part]
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
