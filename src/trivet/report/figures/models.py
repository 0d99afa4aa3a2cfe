"""Models in the fairness figures: choice, order, names and colours."""

from dataclasses import dataclass

from trivet.fairness.results import FairnessStudy, ModelFairness
from trivet.report.figures.style import CORRECTED, PUBLISHED, PUBLISHED_TEXT

__all__ = ["ModelRow", "rows_of"]


@dataclass(frozen=True)
class ModelRow:
    """One model of the comparison, published or corrected."""

    name: str
    model: ModelFairness
    corrected: bool

    @property
    def color(self) -> str:
        """Of its marks."""
        return CORRECTED if self.corrected else PUBLISHED

    @property
    def text_color(self) -> str:
        """Of its name."""
        return CORRECTED if self.corrected else PUBLISHED_TEXT


def rows_of(study: FairnessStudy) -> tuple[ModelRow, ...]:
    """List the published models in the order of Table I, then the corrected ones."""
    published, corrected = study.published, study.corrected
    return (
        ModelRow("baseline", published.baseline, corrected=False),
        ModelRow("promotion/demotion", published.promotion_demotion, corrected=False),
        ModelRow(f"no {study.sensitive_feature}", published.no_gender, corrected=False),
        ModelRow("reweighed", published.reweighed, corrected=False),
        ModelRow("group thresholds", published.group_thresholds, corrected=False),
        ModelRow("massaging", corrected.massaging, corrected=True),
        ModelRow("thresholds, validated", corrected.group_thresholds, corrected=True),
    )
