"""The built-in study of each leg, published beside corrected."""

from dataclasses import fields, replace

from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import FairnessSection
from trivet.earlier import read_fairness_audits
from trivet.fairness.results import FairnessStudy
from trivet.fairness.settings import FairnessSettings

__all__ = ["study_fairness"]


def study_fairness(section: FairnessSection, *, parts: Parts, progress: Progress) -> LegDone[FairnessStudy]:
    """Make the fairness study, and take in finished audits."""
    from trivet import fairness  # noqa: PLC0415 - as above

    finished = read_fairness_audits(section.audits)  # first: it may be refused
    settings = FairnessSettings(
        **{each.name: getattr(section, each.name) for each in fields(FairnessSettings)}
    )
    made = parts.take_or_make(
        "fairness",
        FairnessStudy,
        {"settings": plain_settings(FairnessSettings, settings)},
        lambda: Made(fairness.run(settings, progress=lambda step: progress("fairness", step, None))),
    )
    study = replace(made.value, audit=finished.audit, comparison=finished.comparison)
    return LegDone(study, finished.inputs)
