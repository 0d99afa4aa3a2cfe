"""Findings of a record by the defaults, without any policy."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from trivet.audited import chosen_attempt, demonstrates, has_study, network_of
from trivet.effects.results import WORSE
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import most_unlike
from trivet.fairness.auditing.results import MISSING_OUTCOME
from trivet.fairness.counting.counts import SMALLEST_SHARE
from trivet.fairness.measures.registry import SELECTION
from trivet.findings.finding import Finding, Level, level_of, make_finding, measured_at
from trivet.findings.rules import IMPACT, METRIC
from trivet.policy import Measured
from trivet.verdict import DISPARATE, IN_BAND, NO_EVIDENCE
from trivet.wording import beside, one_line

__all__ = ["built_in"]


def effect_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a note for each remedy that makes a figure of another leg measurably worse."""
    matrix = record.get("effects")
    if matrix is None:
        return
    worse = [(place, each) for place, each in enumerate(matrix["effects"]) if each["outcome"] == WORSE]
    for number, (place, effect) in enumerate(worse, start=1):
        yield make_finding(
            "effects.worse",
            level="note",
            title=f"{effect['row']}: {effect['column']}",
            message=effect["sentence"],
            measured=Measured(
                f"effects.effects.{place}.change",
                effect["change"],
                effect["low"],
                effect["high"],
                matrix["level"],
            ),
            required="not measurably worse",
            number=number,
        )


def correction_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a note for each correction of the legs of which the record has the study."""
    if has_study(record, "security"):
        yield from _security(record, record["security"])
    if has_study(record, "privacy"):
        yield _composition(record, record["privacy"])
    if has_study(record, "fairness"):
        yield _direction(record, record["fairness"])


def _security(record: Mapping[str, Any], security: Mapping[str, Any]) -> Iterator[Finding]:
    published, scan, repair = security["published"], security["scan"], security["repair"]
    contract = scan["contract"]
    best = contract["best"]
    yield make_finding(
        "correction.input-contract",
        level="note",
        message=f"The clean accuracy before the repair is {published['clean_accuracy']['before']:.4f} as "
        f"published, under {contract['declared']['name']}, and {best['clean_accuracy']:.4f} under "
        f"{best['name']}.",
        measured=measured_at(record, "security.scan.contract.best.clean_accuracy"),
    )
    yield make_finding(
        "correction.decision-rule",
        level="note",
        message=f"The published rule names label {published['detected_label']}, as it names some label on "
        f"every network; the verdict of the scan is “{scan['verdict']}”.",
        measured=measured_at(record, "security.scan.verdict"),
    )
    if repair is None or not repair["attempts"]:
        after = "not measured (no single label is suspected, so there is nothing to repair)"
    else:
        asr = repair["attempts"][0]["asr"]["after"]["value"]
        after = f"{asr:.4f} on images that the repair did not see"
    yield make_finding(
        "correction.evaluation",
        level="note",
        message=f"The success rate after the repair is {published['asr']['after']:.4f} as published, and "
        f"{after}.",
        measured=measured_at(record, "security.repair.attempts.0.asr.after"),
    )


def _composition(record: Mapping[str, Any], privacy: Mapping[str, Any]) -> Finding:
    counting, sound = privacy["published"]["counting"], privacy["published"]["correction"]["laplace"]
    return make_finding(
        "correction.composition",
        level="note",
        message=f"The Laplace scale of {counting['queries']} queries is "
        f"{counting['sequential']['scale']:.1f} as published, and "
        f"{sound['scale']:.1f} by {sound['method']} ({sound['source']}).",
        measured=measured_at(record, "privacy.published.correction.laplace.scale"),
    )


def _direction(record: Mapping[str, Any], fairness: Mapping[str, Any]) -> Finding:
    published, models = fairness["published"], fairness["comparison"]["models"]
    place = next(place for place, model in enumerate(models) if model["name"] == "massaging")
    return make_finding(
        "correction.promotion-demotion",
        level="note",
        message=f"Swapped labels bring the disparate impact from "
        f"{_ratio(published['baseline']['disparate_impact']['value'])} to "
        f"{_ratio(published['promotion_demotion']['disparate_impact']['value'])} as published, and to "
        f"{_ratio(models[place]['disparate_impact']['value'])} in the right direction.",
        measured=measured_at(record, f"fairness.comparison.models.{place}.disparate_impact"),
    )


def _ratio(ratio: float | None) -> str:
    return "an unknown one" if ratio is None else f"{ratio:.4f}"


def security_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the security leg.

    The embedded network is backdoored for demonstration, so what is wrong with it is a warning only.
    """
    security = record["security"]
    scan, repair = security["scan"], security["repair"]
    worst: Level = "breach" if scan is None else _worst(scan["checkpoint"])
    if scan is not None:
        yield _verdict(record, "security.scan", scan["checkpoint"], scan["reason"])
        yield _contract(record, "security.scan.contract", scan["contract"])
    if repair is not None and repair["attempts"]:
        yield from _repair(record, repair, worst)


def _name(record: Mapping[str, Any]) -> str:
    network = network_of(record)
    return "" if network is None else network.checkpoint["name"]


def _worst(checkpoint: Mapping[str, Any]) -> Level:
    return "warning" if checkpoint["source"] == "embedded" else "breach"


def _verdict(record: Mapping[str, Any], place: str, checkpoint: Mapping[str, Any], reason: str) -> Finding:
    measured = measured_at(record, f"{place}.verdict")
    name = one_line(checkpoint["name"])
    return make_finding(
        "security.verdict",
        level=level_of(measured.value, worst=_worst(checkpoint)),
        title=f"{name}: {measured.value}",
        message=reason,
        measured=measured,
        required=NO_EVIDENCE,
        subject=checkpoint["name"],
    )


def _contract(record: Mapping[str, Any], place: str, contract: Mapping[str, Any]) -> Finding:
    declared, best = contract["declared"], contract["best"]
    loss = _beside(max(contract["loss"], 0.0), contract["tolerance"], ".4f")
    fits = (
        f"The declared input contract {one_line(declared['name'])} loses {loss} of "
        f"clean accuracy against the one that fits best, {one_line(best['name'])}."
    )
    return make_finding(
        "security.input-contract",
        level="warning" if contract["mismatch"] else "pass",
        message=contract["finding"] or fits,
        measured=measured_at(record, f"{place}.loss"),
        required=_held("<=", contract["tolerance"], contract["loss"]),
    )


def _accuracy(record: Mapping[str, Any], place: str, rates: Mapping[str, Any], bound: float) -> Finding:
    before, after = (rates["clean_accuracy"][when]["value"] for when in ("before", "after"))
    loss = rates["accuracy_loss"]
    within = "" if loss is None else f", a loss between {loss['low']:.4f} and {loss['high']:.4f}"
    left = _beside(after, before - bound, ".4f")
    low, high = (before - after,) * 2 if loss is None else (loss["low"], loss["high"])
    return make_finding(
        "security.accuracy-lost",
        level="warning" if low >= bound else "pass" if high < bound else "note",
        message=f"The repair changed the clean accuracy from {before:.4f} to {left}{within}, on images "
        "that it did not see.",
        measured=measured_at(record, f"{place}.clean_accuracy.after"),
        required=_held(">", before - bound, after, spec=".4f"),
    )


def _repair(record: Mapping[str, Any], repair: Mapping[str, Any], worst: Level) -> Iterator[Finding]:
    number = chosen_attempt(repair)
    attempt = repair["attempts"][number]
    place = f"security.repair.attempts.{number}"
    natural = attempt["unstamped"]["after"]["value"] if attempt["unstamped"] else 0.0
    yield make_finding(
        "security.backdoor-removed",
        level="pass" if repair["removed"] else worst,
        title="The repair removed the backdoor" if repair["removed"] else "No repair removed the backdoor",
        message=repair["summary"],
        measured=measured_at(record, f"{place}.asr.after"),
        required=_held("<", repair["bounds"]["asr"] + natural, *_ends(attempt["asr"]["after"]), spec=".4g"),
        subject=_name(record),
    )
    yield _accuracy(record, place, attempt, repair["bounds"]["accuracy_loss"])


def privacy_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the privacy leg."""
    privacy = record["privacy"]
    if privacy["published"] is not None:
        yield _budget(record)
        yield _noise(record)
    if privacy["plan"] is not None:
        yield _plan(record)
    if privacy["training"] is not None:
        yield from _training(record)
    for place in range(len(privacy["mechanisms"])):
        yield _mechanism(record, place)
    if privacy["membership"] is not None:
        yield _membership(record)
        if privacy["membership"]["claim"] is not None:
            yield _claim(record)
    for place in range(len(privacy["code"])):
        yield _code(record, place)


def _budget(record: Mapping[str, Any]) -> Finding:
    privacy = record["privacy"]
    counting, correction = privacy["published"]["counting"], privacy["published"]["correction"]
    spent = _beside(correction["spent_epsilon"], privacy["plan"]["epsilon"], ".4f")
    return make_finding(
        "privacy.budget",
        level=level_of(correction["verdict"]),
        message=f"{counting['queries']} queries at a Laplace scale of "
        f"{counting['sequential']['scale']:.1f} spend an epsilon of {spent} at a "
        f"delta of {privacy['plan']['delta']:g}.",
        measured=measured_at(record, "privacy.published.correction.spent_epsilon"),
        required=_held("<=", privacy["plan"]["epsilon"], correction["spent_epsilon"]),
    )


def _noise(record: Mapping[str, Any]) -> Finding:
    correction = record["privacy"]["published"]["correction"]
    return make_finding(
        "privacy.noise",
        level="note" if correction["saves_noise"] else "pass",
        message=f"The published plan adds {correction['noise_ratio']:.2f} times the noise that the best "
        f"theorem asks for, which is a Laplace scale of {correction['laplace']['scale']:.1f}.",
        measured=measured_at(record, "privacy.published.correction.noise_ratio"),
    )


def _plan(record: Mapping[str, Any]) -> Finding:
    plan = record["privacy"]["plan"]
    shown = "scale" if plan["recommended"]["scale"] is not None else "typical_deviation"
    return make_finding(
        "privacy.plan",
        level="note",
        message=f"{plan['answers']} answer{'s'[: plan['answers'] != 1]} within an epsilon of "
        f"{plan['epsilon']:g} and a delta of {plan['delta']:g}: {plan['why']}",
        measured=measured_at(record, f"privacy.plan.recommended.{shown}"),
    )


def _training(record: Mapping[str, Any]) -> Iterator[Finding]:
    training = record["privacy"]["training"]
    for number, guarantee in enumerate(training["guarantees"]):
        yield make_finding(
            "privacy.training",
            level="note",
            message=f"With {guarantee['sampling']} batches a noise multiplier of "
            f"{guarantee['noise_multiplier']:.4g} spends an epsilon of {guarantee['epsilon']:.4g} at a delta "
            f"of {training['delta']:g}; neighbours are {guarantee['adjacency']}.",
            measured=measured_at(record, f"privacy.training.guarantees.{number}.epsilon"),
            number=number + 1,
            subject=guarantee["sampling"],
        )


def _mechanism(record: Mapping[str, Any], place: int) -> Finding:
    audit = record["privacy"]["mechanisms"][place]
    least = _beside(audit["epsilon_lower"], audit["epsilon"], ".3f")
    return make_finding(
        "privacy.mechanism",
        level=level_of(audit["verdict"]),
        title=f"{one_line(audit['name'])}: {audit['verdict']}",
        message=f"The epsilon of {one_line(audit['name'])} is at least {least}, and "
        f"{audit['epsilon']:g} is claimed: {audit['reason']}",
        measured=measured_at(record, f"privacy.mechanisms.{place}.epsilon_lower"),
        required=_held("<=", audit["epsilon"], audit["epsilon_lower"]),
        number=place + 1,
        subject=audit["name"],
    )


def _code(record: Mapping[str, Any], place: int) -> Finding:
    audit = record["privacy"]["code"][place]
    return make_finding(
        "privacy.code",
        level=level_of(audit["verdict"]),
        title=f"{one_line(audit['name'])}: {audit['verdict']}",
        message=f"{one_line(audit['name'])} claims an epsilon of {audit['epsilon']:g}: {audit['reason']}",
        measured=measured_at(record, f"privacy.code.{place}.epsilon_seen"),
        required=_held("<=", audit["epsilon"], audit["epsilon_seen"]),
        number=place + 1,
        subject=audit["name"],
    )


def _membership(record: Mapping[str, Any]) -> Finding:
    audit = record["privacy"]["membership"]
    best = next(
        place for place, attack in enumerate(audit["attacks"]) if attack["attack"] == audit["best_attack"]
    )
    return make_finding(
        "privacy.membership",
        level=level_of(audit["verdict"]),
        title=f"The model trained on {one_line(audit['data'])}: {audit['verdict']}",
        message=f"{audit['best_attack']} tells members from others with an area under the ROC curve of "
        f"{audit['attacks'][best]['auroc']['value']:.3f}: {audit['reason']}",
        measured=measured_at(record, f"privacy.membership.attacks.{best}.auroc"),
        required=NO_EVIDENCE,
        subject=audit["model"],
    )


def _claim(record: Mapping[str, Any]) -> Finding:
    audit = record["privacy"]["membership"]
    claim = audit["claim"]
    least = _beside(claim["epsilon_lower"], claim["epsilon"], ".3f")
    return make_finding(
        "privacy.claim",
        level=level_of(claim["verdict"]),
        title=f"The epsilon that is claimed for {one_line(audit['model'])}: {claim['verdict']}",
        message=f"The epsilon of the training is at least {least} at a delta of "
        f"{claim['delta']:g}, and {claim['epsilon']:g} is claimed: {claim['reason']}",
        measured=measured_at(record, "privacy.membership.claim.epsilon_lower"),
        required=_held("<=", claim["epsilon"], claim["epsilon_lower"]),
        subject=audit["model"],
    )


#: Kinds of cautions without which the figures mislead.
_SERIOUS = frozenset(
    {
        *("leakage", MISSING_OUTCOME, "nobody selected", "labels alike", "spelling"),
        *("tells the prediction", "reversed"),
    }
)


def fairness_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the fairness leg.

    The built-in study's data are for demonstration, so that a disparity in them is a warning only.
    """
    fairness = record["fairness"]
    own = None
    if fairness["audit"] is not None:
        own = "fairness.audit", fairness["audit"]
    elif fairness["comparison"] is not None:
        own = "fairness.comparison.baseline", fairness["comparison"]["baseline"]
    if own is not None:
        yield from _attributes(record, *own, demonstration=demonstrates(fairness))
        yield from _subgroups(record, *own)
        yield from _cautions(*own)
    if fairness["comparison"] is not None:
        yield _mitigations(record)


def _subgroups(record: Mapping[str, Any], place: str, audit: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a search for subgroups found: a warning, for a difference is not a verdict."""
    searched = audit.get("subgroups")
    if searched is None:
        return
    strongest = f"{place}.subgroups.found.0.gap"
    yield make_finding(
        "fairness.subgroup",
        level="warning" if searched["found"] else "pass",
        message=searched["statement"],
        measured=measured_at(record, strongest if searched["found"] else f"{place}.subgroups.beyond"),
        required="no subgroup that differs",
    )


def _attributes(
    record: Mapping[str, Any], place: str, audit: Mapping[str, Any], *, demonstration: bool
) -> Iterator[Finding]:
    """Yield a finding for each metric that the verdict on an attribute is about."""
    worst: Level = "warning" if demonstration else "breach"
    others = itertools.count(1)
    for number, attribute in enumerate(audit["attributes"]):
        here = f"{place}.attributes.{number}"
        judged = [*enumerate(attribute["measures"])]
        if len(judged) < 2:  # noqa: PLR2004 - the verdict on the attribute is that on one metric
            judged = [
                (which, {**one, "verdict": attribute["verdict"], "reason": attribute["reason"]})
                for which, one in judged
            ]
        for which, one in judged or [(0, attribute)]:
            band = one.get("difference_band")
            if one.get("metric", SELECTION) == SELECTION and band is None:
                yield make_finding(
                    IMPACT,
                    title=f"{one_line(attribute['name'])}: {one['verdict']}",
                    measured=_farthest(record, here, attribute, "disparate_impact"),
                    required=_band(audit["four_fifths"]),
                    number=number + 1,
                    **_judged(attribute, one, worst),
                )
                continue
            compared = "ratio" if band is None else "difference"
            yield make_finding(
                METRIC,
                title=f"{one_line(attribute['name'])}, {one_line(one['title'])}: {one['verdict']}",
                measured=_farthest(record, f"{here}.measures.{which}", one, compared),
                required=_band(audit["four_fifths"]) if band is None else f"within {-band:g} to {band:g}",
                number=next(others),
                **_judged(attribute, one, worst),
            )


def _judged(attribute: Mapping[str, Any], one: Mapping[str, Any], worst: Level) -> dict[str, Any]:
    level = level_of(one["verdict"], worst=worst)
    return {"level": level, "message": one["reason"], "subject": attribute["name"]}


def _farthest(record: Mapping[str, Any], place: str, judged: Mapping[str, Any], compared: str) -> Measured:
    """Return the figure of the group that the verdict rests on, and its ends; the verdict where none is."""
    groups, verdict = judged["groups"], judged["verdict"]
    least = SMALLEST_SHARE * sum(group["rows"] for group in groups)
    # As the reason chooses: the most unlike of those with the verdict, large ones or disparate ones.
    concerned = [
        (number, Estimate(**group[compared]))
        for number, group in enumerate(groups)
        if group["verdict"] == verdict
        and group[compared] is not None
        and (group["rows"] >= least or verdict == DISPARATE)
    ]
    rows = [groups[number]["rows"] for number, _ in concerned]
    chosen = most_unlike([figure for _, figure in concerned], rows, differences=compared == "difference")
    if chosen is None:
        return Measured(f"{place}.verdict", verdict)
    number = concerned[chosen][0]
    found = measured_at(record, f"{place}.groups.{number}.{compared}")
    # The verdict uses the ends that hold for all comparisons at once.
    ends = "difference" if compared == "difference" else "simultaneous"
    low, high = (groups[number][f"{ends}_{end}"] for end in ("low", "high"))
    return found if low is None and high is None else replace(found, low=low, high=high)


def _cautions(place: str, audit: Mapping[str, Any]) -> Iterator[Finding]:
    for number, caution in enumerate(audit["cautions"]):
        yield make_finding(
            "fairness.caution",
            level="warning" if caution["kind"] in _SERIOUS else "note",
            title=f"Caution: {one_line(caution['kind'])}",
            message=caution["message"],
            measured=Measured(f"{place}.cautions.{number}.kind", one_line(caution["kind"])),
            number=number + 1,
        )


def _mitigations(record: Mapping[str, Any]) -> Finding:
    """Tell of the most accurate model in the band; of the baseline where none is in it."""
    comparison = record["fairness"]["comparison"]
    models = [(place, model) for place, model in enumerate(comparison["models"]) if not model["failed"]]
    inside = [(place, model) for place, model in models if model["verdict"] == IN_BAND]
    place, best = max(inside, key=lambda found: found[1]["accuracy"]["value"] or 0.0, default=models[0])
    return make_finding(
        "fairness.mitigation",
        level="pass" if inside else "note",
        title=f"{one_line(best['title'])}: {best['verdict']}",
        message=f"{len(inside)} of {len(models)} models lie in the band with their whole interval. "
        f"{comparison['statement']}",
        measured=measured_at(record, f"fairness.comparison.models.{place}.disparate_impact"),
        required=_band(comparison["baseline"]["four_fifths"]),
    )


def _beside(value: float, bound: float, spec: str) -> str:
    """Write a number so that its comparison with a bound reads as it is."""
    return beside(value, [bound], lambda number: format(number, spec))


def _held(sign: str, bound: float, *figures: float | None, spec: str = "g") -> str:
    """Write a sign and a bound, so that its comparison with the figures held against it reads as it is."""
    known = [figure for figure in figures if figure is not None]
    return f"{sign} {beside(bound, known, lambda number: format(number, spec))}"


def _ends(rate: Mapping[str, Any]) -> tuple[float | None, ...]:
    return rate["value"], rate.get("low"), rate.get("high")


def _band(low: float) -> str:
    return f"within {low:g} to {1 / low:g}"


_LEGS = {"security": security_findings, "privacy": privacy_findings, "fairness": fairness_findings}


def built_in(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of the defaults: of each leg, of its remedies, and the corrections."""
    for leg, findings in _LEGS.items():
        if record[leg] is not None:
            yield from findings(record)
    yield from effect_findings(record)
    yield from correction_findings(record)
