"""Audit of the user's system, leg by leg, without the built-in study."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trivet.audit.digests import code_digest, path_digest
from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import FairnessSection, SecuritySection
from trivet.earlier import read_fairness_audits
from trivet.errors import UsageError
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.fairness.own_results import OwnFairness
from trivet.record import STRIP_PIXELS, STRIP_STAMPED
from trivet.security.own_results import OwnSecurity, OwnStrip
from trivet.security.own_settings import ScanSettings
from trivet.security.scan_results import ScanResult

if TYPE_CHECKING:
    from trivet.security.own_system import StripPixels

__all__ = ["audit_own_fairness", "audit_own_security"]

#: Prefix for the names of a repaired network's weights, which are untrusted.
WEIGHT: Final = "weight."


def audit_own_security(
    section: SecuritySection, *, seed: int, parts: Parts, progress: Progress
) -> LegDone[OwnSecurity]:
    """Scan the network of ``[security.scan]``, and repair it where requested; each is a part."""
    import torch  # noqa: PLC0415 - each leg is loaded only when it runs

    from trivet.security.own_system import load_own, own_strip, repair_own, scan_again  # noqa: PLC0415
    from trivet.security.scan_job import images_sha256  # noqa: PLC0415
    from trivet.security.scanning import scan  # noqa: PLC0415

    settings = section.scan
    if settings is None:
        raise UsageError("there is no [security.scan]; name a checkpoint in it, or leave security out.")
    progress("security", "loading", None)
    subject = load_own(settings, seed=seed)

    def tell(step: str, share: float) -> None:
        progress("security", step, share)

    def find() -> Made[ScanResult]:
        found = scan(subject.checkpoint, subject.images, declared=subject.declared, seed=seed, progress=tell)
        return Made(found.result, {"mask": found.masks, "pattern": found.patterns})

    decides = {
        "settings": plain_settings(ScanSettings, replace(settings, repair=None)),
        "network": asdict(subject.checkpoint.info),
        "images": images_sha256(subject.images),
        "contract": None if subject.declared is None else asdict(subject.declared),
        "code": code_digest(settings.arch),
        "seed": seed,
        "threads": torch.get_num_threads(),
    }
    scanned = parts.take_or_make("security-scan", ScanResult, decides, find)
    masks, patterns = scanned.arrays["mask"], scanned.arrays["pattern"]
    found = scan_again(subject, scanned.value, masks, patterns)
    triggers = {"scan.mask": masks, "scan.pattern": patterns}
    method = settings.repair
    if scanned.value.suspected_label is None or method is None:
        rest = _stamped(OwnSecurity(scan=scanned.value), own_strip(subject, found, None))
    else:

        def mend() -> Made[OwnSecurity]:
            done = repair_own(subject, found, method, seed=seed, progress=tell)
            result = OwnSecurity(scan=scanned.value, repair=done.result)
            stamped = _stamped(result, own_strip(subject, found, done.model))
            weights = {} if done.model is None else done.model.weights()
            mended = {f"{WEIGHT}{name}": each.contiguous().numpy() for name, each in weights.items()}
            return Made(stamped.value, {**stamped.arrays, **mended})

        rest = parts.take_or_make("security-repair", OwnSecurity, {**decides, "method": method}, mend)
    strip = {name: array for name, array in rest.arrays.items() if not name.startswith(WEIGHT)}
    weights = {
        name.removeprefix(WEIGHT): array for name, array in rest.arrays.items() if name.startswith(WEIGHT)
    }
    info = subject.checkpoint.info
    return LegDone(rest.value, {info.name: info.sha256}, {**triggers, **strip}, weights)


def audit_own_fairness(section: FairnessSection, *, parts: Parts, progress: Progress) -> LegDone[OwnFairness]:
    """Audit the table of ``[fairness.table]``, or compare mitigations on it, and take in finished audits."""
    finished = read_fairness_audits(section.audits)  # first: it may be refused
    audit, comparison, inputs = finished.audit, finished.comparison, dict(finished.inputs)
    settings = section.table
    if settings is not None:
        fits = settings.estimator is not None
        if (comparison if fits else audit) is not None:
            raise UsageError(
                "[fairness] audits has what [fairness.table] asks for, and there is room for one of each; "
                "leave one of them out."
            )
        digest = None if settings.table == ADULT else path_digest(settings.table)
        decides = {
            "settings": plain_settings(TableSettings, settings),
            "table": digest,
            "seed": section.seed,
        }

        def ask() -> Made[Any]:
            from trivet.fairness.auditing.asking import ask_table  # noqa: PLC0415 - as above

            return Made(
                ask_table(
                    settings,
                    seed=section.seed,
                    progress=lambda step, share: progress("fairness", step, share),
                )
            )

        kind = FairnessComparison if fits else FairnessAudit
        found = parts.take_or_make("fairness-table", kind, decides, ask).value
        if isinstance(found, FairnessComparison):
            comparison = found
        else:
            audit = found
        if digest is not None:
            inputs[Path(settings.table).name] = digest
    if audit is None and comparison is not None:
        audit = comparison.baseline
    return LegDone(OwnFairness(audit, comparison), inputs)


def _stamped(result: OwnSecurity, strip: "tuple[OwnStrip, StripPixels] | None") -> Made[OwnSecurity]:
    if strip is None:
        return Made(result)
    recorded, pixels = strip
    return Made(replace(result, strip=recorded), {STRIP_PIXELS: pixels.clean, STRIP_STAMPED: pixels.stamped})
