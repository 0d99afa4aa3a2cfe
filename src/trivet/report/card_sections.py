"""The sections of a model card: the numbers of each leg, and what they do not show."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from trivet.audited import has_study, network_of
from trivet.comparison import interval_text, measured, value_text
from trivet.places import find
from trivet.report.markdown_text import code_span, markdown_row, markdown_text

__all__ = ["SHOWS_NOT", "fairness_section", "privacy_section", "security_section"]

#: Groups of an attribute that are listed, those farthest from parity.
MOST_GROUPS: Final = 20
#: More than any sentence of a record has.
PROSE_CHARACTERS: Final = 5_000
#: What the numbers of each leg do not show.
SHOWS_NOT: Final[Mapping[str, str]] = {
    "security": (
        "No evidence does not certify a network: a search for small triggers, one target label at a time, "
        "does not find triggers that are spread over the image, depend on it, or change with the label."
    ),
    "privacy": (
        "A plan is of noise that is to be added, not of noise that was. A mechanism that keeps its claim on "
        "one pair of inputs may break it on another, and an attack that fails does not prove privacy."
    ),
    "fairness": (
        "Equal rates on the rows that were tested are not equal treatment: the intervals are of sampling "
        "alone, labels can be biased themselves, and groups that nobody recorded are not measured."
    ),
}
#: Facts about the study's repair, and about one attempt on the user's network: a name and a place.
_REPAIR: Final = (
    ("ASR as received", "asr.before"),
    ("ASR after the repair", "asr.after"),
    ("Robust accuracy after the repair", "robust_accuracy.after"),
    ("Clean accuracy after the repair", "clean_accuracy.after"),
    ("ASR of the attacker's own trigger, as received", "true_trigger_asr.before"),
    ("ASR of the attacker's own trigger, after the repair", "true_trigger_asr.after"),
)
#: What is said of the study: a name and a place, in the order of the card.
_STUDY: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "privacy": (
        ("Epsilon that the published plan spends", "privacy.published.correction.spent_epsilon"),
        ("Its noise over the least that is needed", "privacy.published.correction.noise_ratio"),
    ),
    "fairness": (
        ("Accuracy of the study's baseline", "fairness.published.baseline.accuracy"),
        ("Disparate impact of the baseline", "fairness.published.baseline.disparate_impact"),
        ("Disparate impact after massaging", "fairness.corrected.massaging.disparate_impact"),
        ("Accuracy after massaging", "fairness.corrected.massaging.accuracy"),
        ("Disparate impact with group thresholds", "fairness.corrected.group_thresholds.disparate_impact"),
        ("Accuracy with group thresholds", "fairness.corrected.group_thresholds.accuracy"),
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
        yield from _table(record, rows)
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
        place = "privacy.plan.recommended"
        yield from _table(
            record,
            (
                ("Answers", "privacy.plan.answers"),
                ("Scale of the noise", f"{place}.scale"),
                ("Standard deviation of the noise", f"{place}.typical_deviation"),
            ),
        )
        yield ""
    if privacy["published"] is not None:
        yield "The study's published plan for the same queries:"
        yield ""
        yield from _table(record, _STUDY["privacy"])
        yield ""
    for number, mechanism in enumerate(privacy["mechanisms"]):
        yield f"### Mechanism {code_span(mechanism['name'])}: {markdown_text(mechanism['verdict'])}"
        yield ""
        place = f"privacy.mechanisms.{number}"
        rows = [("Claimed epsilon", f"{place}.epsilon"), ("Claimed delta", f"{place}.delta")]
        rows += [("Epsilon that is shown, at least", f"{place}.epsilon_lower")]
        yield from _told(record, mechanism, rows)
        yield ""
    if (membership := privacy["membership"]) is not None:
        model = code_span(membership["model"])
        yield f"### Membership in the training data of {model}: {markdown_text(membership['verdict'])}"
        yield ""
        yield from _told(record, membership, list(_attack_rows(membership)))


def fairness_section(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about the study's classifiers, and about the user's own predictions and mitigations."""
    fairness = record["fairness"]
    if has_study(record, "fairness"):
        groups = (
            f"{markdown_text(fairness['protected_group'])} against "
            f"{markdown_text(fairness['privileged_group'])}"
        )
        yield (
            f"The study's classifiers on {markdown_text(fairness['dataset'])}, {fairness['test_rows']:,} "
            f"test rows, {groups}; a disparate impact of one is parity:"
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
            yield from _groups(record, attribute, f"fairness.audit.attributes.{number}.groups")
        yield ""
        yield _sentences(audit["reason"], audit["limits"])
        yield ""
    if (comparison := fairness["comparison"]) is not None:
        yield f"### Mitigations on {code_span(comparison['baseline']['data'])}"
        yield ""
        yield from _models(record, comparison)
        yield ""
        yield _sentences(comparison["statement"])


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
            _number(record, f"{place}.accuracy.estimate"),
            _number(record, f"{place}.disparate_impact.estimate"),
            markdown_text(model["verdict"]),
        )


def _attack_rows(membership: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    place = "privacy.membership"
    yield "Accuracy on members", f"{place}.train_accuracy"
    yield "Accuracy on others", f"{place}.test_accuracy"
    for number, attack in enumerate(membership["attacks"]):
        yield f"AUROC of {attack['attack']}", f"{place}.attacks.{number}.auroc"
        for which, rate in enumerate(attack["rates"]):
            name = f"Members that {attack['attack']} finds at a false positive rate of {rate['fpr']:g}"
            yield name, f"{place}.attacks.{number}.rates.{which}.tpr"
    if membership["canaries"] is not None:
        yield "Epsilon that the canaries show, at least", f"{place}.canaries.epsilon_lower"


def _told(
    record: Mapping[str, Any], audit: Mapping[str, Any], rows: Sequence[tuple[str, str]]
) -> Iterator[str]:
    yield from _table(record, rows)
    yield ""
    yield _sentences(audit["reason"], audit["limits"])


def _sentences(*texts: str) -> str:
    return " ".join(markdown_text(text, limit=PROSE_CHARACTERS) for text in texts)


def _groups(record: Mapping[str, Any], attribute: Mapping[str, Any], place: str) -> Iterator[str]:
    yield markdown_row("Group", "Rows", "Selection rate", "Disparate impact", "Verdict")
    yield markdown_row(":---", "---:", "---:", "---:", ":---")
    numbered = sorted(enumerate(attribute["groups"]), key=lambda each: _nearness(each[1]))
    for number, group in numbered[:MOST_GROUPS]:
        yield markdown_row(
            code_span(group["group"]),
            f"{group['rows']:,}",
            _number(record, f"{place}.{number}.selection_rate.estimate"),
            _number(record, f"{place}.{number}.disparate_impact.estimate"),
            markdown_text(group["verdict"]),
        )
    if len(numbered) > MOST_GROUPS:
        yield ""
        yield f"{len(numbered) - MOST_GROUPS} more groups are nearer to parity."


def _nearness(group: Mapping[str, Any]) -> float:
    """Return how near to parity a group is, 1 where it is there; the reference group comes last."""
    impact = group["disparate_impact"]
    if impact is None:
        return 2.0
    ratio = impact["estimate"]
    return 0.0 if not ratio else min(ratio, 1 / ratio)


def _table(record: Mapping[str, Any], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield markdown_row("Measurement", "Value", "95 % interval")
    yield markdown_row(":---", "---:", ":---")
    for name, place in rows:
        found = measured(record, place)
        if found is not None:
            interval = interval_text(found.low, found.high).strip("()")
            yield markdown_row(markdown_text(name), value_text(found.value), interval)


def _number(record: Mapping[str, Any], place: str) -> str:
    found = measured(record, place)
    if found is None:
        return "-"
    return f"{value_text(found.value)} {interval_text(found.low, found.high)}".strip()
