"""Effects of remedies across the legs of one audit: of the study's system, or of the user's."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trivet.audit.by_leg import (
    code_digest,
    fairness_settings,
    load_studied_checkpoint,
    path_digest,
    settings_as_json,
)
from trivet.audit.parts import LegDone, Made, Parts, Progress
from trivet.config import AuditConfig
from trivet.effects.results import EffectMatrix
from trivet.effects.settings import EffectSettings
from trivet.fairness.auditing.settings import TableSettings
from trivet.security.settings import ScanSettings
from trivet.study.fairness_results import FairnessSettings

__all__ = ["audit_effects"]


def audit_effects(
    config: AuditConfig, legs: Mapping[str, LegDone[Any]], *, parts: Parts, progress: Progress
) -> EffectMatrix:
    """Measure the matrix of effects on what the legs found; it is one part."""
    settings = config.effects
    if config.audit.private_training:
        settings = replace(settings, private=True)
    threads = None
    if "security" in legs:
        import torch  # noqa: PLC0415 - only the network's repair needs it

        threads = torch.get_num_threads()
    key = {
        "threads": threads,
        "settings": settings_as_json(EffectSettings, settings),
        "legs": list(config.audit.legs),
        "seed": config.audit.seed,
        "inputs": {name: digest for done in legs.values() for name, digest in done.inputs.items()},
        **(_study_key(config) if config.audit.study else _own_key(config)),
    }

    def make() -> Made[EffectMatrix]:
        from trivet.effects import measure_effects  # noqa: PLC0415 - as the legs

        make_system = _study_system if config.audit.study else _own_system
        progress("effects", "loading", None)
        return Made(
            measure_effects(
                settings,
                make_system(config, settings, legs),
                seed=config.audit.seed,
                workers=os.cpu_count() or 1,
                progress=lambda step, share: progress("effects", step, share),
            )
        )

    return parts.cached("effects", EffectMatrix, key, make).value


def _study_key(config: AuditConfig) -> dict[str, Any]:
    return {"fairness": settings_as_json(FairnessSettings, fairness_settings(config.fairness))}


def _own_key(config: AuditConfig) -> dict[str, Any]:
    scan, table = config.security.scan, config.fairness.table
    members = config.effects.members
    return {
        "scan": scan and settings_as_json(ScanSettings, scan),
        "table": table and settings_as_json(TableSettings, table),
        "members": members and path_digest(members),
        "code": [code_digest(scan and scan.arch), code_digest(table and table.estimator)],
    }


def _study_system(config: AuditConfig, settings: EffectSettings, legs: Mapping[str, LegDone[Any]]) -> Any:
    from trivet.effects import study_system  # noqa: PLC0415 - as above

    subject = None
    if "security" in legs:
        from trivet.datasets import load_mnist  # noqa: PLC0415 - as above
        from trivet.effects import suspect_of  # noqa: PLC0415 - PyTorch

        done = legs["security"]
        subject = suspect_of(
            load_studied_checkpoint(config.security),
            done.result.scan,
            load_mnist("test"),
            masks=done.triggers["scan.mask"],
            patterns=done.triggers["scan.pattern"],
            declared=config.security.contract,
        )
    return study_system(
        settings, legs=config.audit.legs, subject=subject, fairness=fairness_settings(config.fairness)
    )


def _own_system(config: AuditConfig, settings: EffectSettings, legs: Mapping[str, LegDone[Any]]) -> Any:
    from trivet.effects.own import own_system  # noqa: PLC0415 - as above

    scanned = members = mended = None
    scan = config.security.scan
    if "security" in legs and scan is not None:
        from trivet.security.calls import load_scanned, scan_again  # noqa: PLC0415

        done = legs["security"]
        subject = load_scanned(scan, seed=config.audit.seed)
        masks, patterns = (done.triggers[f"scan.{name}"] for name in ("mask", "pattern"))
        scanned = subject, scan_again(subject, done.result.scan, masks, patterns)
        if done.weights and (repair := done.result.repair) is not None and repair.chosen is not None:
            mended = repair.chosen, done.weights
        if settings.members is not None:
            members = _members(settings.members, scan, *scanned, seed=config.audit.seed)
    fairness = "fairness" in legs and config.fairness.table is not None
    return own_system(
        settings,
        scanned=scanned,
        members=members,
        mended=mended,
        table=config.fairness.table if fairness else None,
        audit=legs["fairness"].result.audit if fairness else None,
        seed=config.fairness.seed if fairness else config.audit.seed,
    )


def _members(source: str, scan: ScanSettings, subject: Any, found: Any, *, seed: int) -> Any:
    """Load training images, with their classes numbered as those of the scan are."""
    from trivet.datasets.source import load_images  # noqa: PLC0415 - as above
    from trivet.security.contract import AS_READ, in_fitting_order, numbered_by  # noqa: PLC0415

    read = load_images(source, limit=scan.limit, seed=seed, fit=scan.fit())
    images = numbered_by(read, scan.class_order)
    if scan.class_order != AS_READ:
        return images
    return in_fitting_order(subject.checkpoint.model, images, found.contract)
