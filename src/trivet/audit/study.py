"""The built-in study of each leg, published beside corrected."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import FairnessSection, SecuritySection
from trivet.earlier import read_fairness_audits
from trivet.fairness.results import FairnessStudy
from trivet.fairness.settings import FairnessSettings
from trivet.record import STRIP_PIXELS
from trivet.security.results import CorrectedSecurity, PublishedSecurity, SecurityStudy
from trivet.security.settings import SecuritySettings

if TYPE_CHECKING:
    from trivet.security import Checkpoint

__all__ = ["study_fairness", "study_security"]


def study_security(
    section: SecuritySection, *, seed: int, parts: Parts, progress: Progress
) -> LegDone[SecurityStudy]:
    """Study a checkpoint of the study's kind; each half is a part."""
    import torch  # noqa: PLC0415 - each leg is loaded only when it runs

    from trivet import security  # noqa: PLC0415 - as above
    from trivet.datasets import load_mnist  # noqa: PLC0415
    from trivet.security.study import join_halves, strip_pixels  # noqa: PLC0415

    progress("security", "checkpoint", None)
    checkpoint = load_studied_checkpoint(section)
    images = load_mnist("test")
    declared = security.contract_named(section.contract)
    decides = {
        "settings": plain_settings(SecuritySettings, section),
        "network": [checkpoint.info.sha256, checkpoint.info.source, checkpoint.info.expected_label],
        "name": checkpoint.info.name,
        "seed": seed,
        "threads": torch.get_num_threads(),
    }

    def half(name: str, kind: Any, study: Any) -> Made[Any]:
        def make() -> Made[Any]:
            result, inversion = study(
                checkpoint,
                images,
                declared,
                section,
                seed=seed,
                progress=lambda step, share: progress("security", step, share),
            )
            return Made(result, {"mask": inversion.masks, "pattern": inversion.patterns})

        return parts.take_or_make(name, kind, decides, make)

    published = half("security-published", PublishedSecurity, security.publish_security)
    corrected = half("security-corrected", CorrectedSecurity, security.audit_security)
    study = join_halves(checkpoint, images, published.value, corrected.value)
    triggers = {
        f"{name}.{array}": made.arrays[array]
        for name, made in (("published", published), ("corrected", corrected))
        for array in ("mask", "pattern")
    }
    pixels = strip_pixels(study, images, seed=seed)
    if pixels is not None:
        triggers[STRIP_PIXELS] = pixels
    return LegDone(study, {checkpoint.info.name: checkpoint.info.sha256}, triggers)


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


def load_studied_checkpoint(section: SecuritySection) -> "Checkpoint":
    from trivet import security  # noqa: PLC0415 - as above

    if section.archive is not None:
        index = section.model_index
        if index is None:
            index = security.index_from_student_id(section.student_id or "")
        return security.load_from_archive(section.archive, index)
    if section.checkpoint is not None:
        return security.load_checkpoint(section.checkpoint, expected_label=section.expected_label)
    return security.load_demo_checkpoint()
