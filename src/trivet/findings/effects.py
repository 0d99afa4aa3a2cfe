"""Findings about the effects of one leg's remedies on the others."""

from collections.abc import Iterator, Mapping
from typing import Any

from trivet.effects.results import WORSE
from trivet.findings.finding import Finding
from trivet.findings.making import make_finding
from trivet.policy import Measured

__all__ = ["effect_findings"]


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
            required="no measurable effect",
            number=number,
        )
