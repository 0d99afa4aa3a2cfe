"""Effects of each leg's remedies on the other legs, computed after the study."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.audit.security import load_studied_checkpoint
from trivet.config import AuditConfig
from trivet.effects.results import EffectMatrix
from trivet.fairness.settings import FairnessSettings

__all__ = ["study_effects"]


def study_effects(
    config: AuditConfig, legs: Mapping[str, LegDone[Any]], *, parts: Parts, progress: Progress
) -> EffectMatrix:
    """Measure the matrix of effects on what the study found; it is one part."""
    from trivet.effects import EffectSettings, measure_effects  # noqa: PLC0415 - as the legs

    settings, fairness = (
        EffectSettings(),
        FairnessSettings(
            **{each.name: getattr(config.fairness, each.name) for each in fields(FairnessSettings)}
        ),
    )

    def make() -> Made[EffectMatrix]:
        suspect = None
        if "security" in legs:
            from trivet.effects import suspect_of  # noqa: PLC0415 - PyTorch

            done = legs["security"]
            suspect = suspect_of(
                load_studied_checkpoint(config.security),
                done.result.scan,
                masks=done.triggers["scan.mask"],
                patterns=done.triggers["scan.pattern"],
                declared=config.security.contract,
            )
        return Made(
            measure_effects(
                settings,
                legs=config.audit.legs,
                suspect=suspect,
                fairness=fairness,
                seed=config.audit.seed,
                progress=lambda step, share: progress("effects", step, share),
            )
        )

    threads = None
    if "security" in legs:
        import torch  # noqa: PLC0415 - only the network's repair needs it

        threads = torch.get_num_threads()
    decides = {
        "threads": threads,
        "settings": plain_settings(EffectSettings, settings),
        "fairness": plain_settings(FairnessSettings, fairness),
        "legs": list(config.audit.legs),
        "seed": config.audit.seed,
        "inputs": dict(legs["security"].inputs) if "security" in legs else {},
    }
    return parts.take_or_make("effects", EffectMatrix, decides, make).value
