"""Findings of the fairness leg: groups of each attribute, cautions, and mitigations."""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.audited import has_study, study_fairness_verdict
from trivet.fairness.auditing.results import DISPARATE, IN_BAND, UNSETTLED
from trivet.findings.finding import Finding, Level
from trivet.findings.making import make_finding, measured_at
from trivet.places import find
from trivet.policy import Measured
from trivet.wording import one_line

__all__ = ["fairness_findings"]

_LEVELS: Mapping[str, Level] = {DISPARATE: "breach", UNSETTLED: "warning", IN_BAND: "pass"}
#: Kinds of cautions without which the figures mislead.
_SERIOUS = frozenset({"leakage", "nobody selected", "spelling", "tells the prediction", "reversed"})


def fairness_findings(record: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a record that has the fairness leg.

    The built-in study's data are for demonstration, so what is wrong with them is a warning only.
    """
    fairness = record["fairness"]
    own = None
    if fairness["audit"] is not None:
        own = "fairness.audit", fairness["audit"]
    elif fairness["comparison"] is not None:
        own = "fairness.comparison.baseline", fairness["comparison"]["baseline"]
    if own is not None:
        yield from _attributes(record, *own)
        yield from _cautions(*own)
    if fairness["comparison"] is not None:
        yield _mitigations(record)
    if has_study(record, "fairness"):
        yield _study(record)
        yield _study_mitigations(record)


def _attributes(record: Mapping[str, Any], place: str, audit: Mapping[str, Any]) -> Iterator[Finding]:
    for number, attribute in enumerate(audit["attributes"]):
        here = f"{place}.attributes.{number}"
        groups = [group["group"] for group in attribute["groups"]]
        measured = Measured(f"{here}.verdict", attribute["verdict"])
        if attribute["most_disparate"] is not None:
            group = groups.index(attribute["most_disparate"])
            measured = measured_at(record, f"{here}.groups.{group}.disparate_impact")
        yield make_finding(
            "fairness.disparate-impact",
            level=_LEVELS.get(attribute["verdict"], "warning"),
            title=f"{one_line(attribute['name'])}: {attribute['verdict']}",
            message=attribute["reason"],
            measured=measured,
            required=_band(audit["four_fifths"]),
            number=number + 1,
            subject=attribute["name"],
        )


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
    place, best = max(inside, key=lambda found: found[1]["accuracy"]["estimate"] or 0.0, default=models[0])
    return make_finding(
        "fairness.mitigation",
        level="pass" if inside else "note",
        title=f"{one_line(best['title'])}: {best['verdict']}",
        message=f"{len(inside)} of {len(models)} models lie in the band with their whole interval. "
        f"{comparison['statement']}",
        measured=measured_at(record, f"fairness.comparison.models.{place}.disparate_impact"),
        required=_band(comparison["baseline"]["four_fifths"]),
    )


def _study(record: Mapping[str, Any]) -> Finding:
    fairness = record["fairness"]
    measured = measured_at(record, "fairness.published.baseline.disparate_impact")
    verdict = study_fairness_verdict(record)
    return make_finding(
        "fairness.study",
        level="pass" if verdict == IN_BAND else "warning",
        title=f"{fairness['sensitive_feature']} in the built-in study: {verdict}",
        message=f"Before any mitigation {fairness['protected_group']} is selected at "
        f"{_times(measured)} the rate of {fairness['privileged_group']}.",
        measured=measured,
        required=_band(fairness["settings"]["four_fifths"]),
    )


def _study_mitigations(record: Mapping[str, Any]) -> Finding:
    """Tell of the most accurate model in the band; of the baseline where none is in it."""
    fairness = record["fairness"]
    inside, surely = fairness["corrected"]["four_fifths"], fairness["corrected"]["four_fifths_interval"]
    best = max(
        surely or inside,
        key=lambda name: find(fairness, f"{name}.accuracy"),
        default="published.baseline",
    )
    names = ", ".join(name.replace(".", " ").replace("_", " ") for name in inside) or "none"
    return make_finding(
        "fairness.study-mitigation",
        level="pass" if surely else "note",
        message=f"In the four-fifths band: {names}. With their whole interval: {len(surely)}.",
        measured=measured_at(record, f"fairness.{best}.disparate_impact"),
        required=_band(fairness["settings"]["four_fifths"]),
    )


def _times(measured: Measured) -> str:
    if measured.value is None:
        return f"an unknown multiple ({measured.reason}) of"
    low, high = ("…" if end is None else f"{end:.2f}" for end in (measured.low, measured.high))
    return f"{measured.value:.2f} times ({low} to {high})"


def _band(low: float) -> str:
    return f"within {low:g} to {1 / low:g}"
