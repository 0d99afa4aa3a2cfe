"""The security leg: a network's scan and repair, and with the built-in study the published procedure."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from trivet.audit.digests import code_digest
from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import SecuritySection
from trivet.errors import UsageError
from trivet.record import STRIP_PIXELS
from trivet.security.audit_results import SecurityAudit
from trivet.security.results import PublishedSecurity
from trivet.security.scan_results import ScanResult
from trivet.security.scan_settings import ScanSettings
from trivet.security.settings import SecuritySettings

if TYPE_CHECKING:
    from trivet.security import Checkpoint, Classifier, Scan
    from trivet.security.subject import Subject

__all__ = ["audit_security", "load_studied_checkpoint"]

#: Before the names of a repaired network's weights, which come from a file.
WEIGHT: Final = "weight."
#: The study's repair, and its control: training as long on clean images.
STUDY_REPAIRS: Final = ("unlearn", "fine-tune")


def audit_security(
    section: SecuritySection, *, study: bool, seed: int, parts: Parts, progress: Progress
) -> LegDone[SecurityAudit]:
    """Scan a network and repair what is suspected; each step is a part."""
    import torch  # noqa: PLC0415 - each leg is loaded only when it runs

    from trivet.security.audit import load_scanned, repair_suspect, scan_again  # noqa: PLC0415 - as above
    from trivet.security.scan_job import images_sha256  # noqa: PLC0415
    from trivet.security.scanning import scan  # noqa: PLC0415

    settings = section.scan
    if not study and settings is None:
        raise UsageError("there is no [security.scan]; name a checkpoint in it, or leave security out.")
    progress("security", "loading", None)
    subject = _studied(section) if settings is None else load_scanned(settings, seed=seed)
    method = STUDY_REPAIRS if settings is None else settings.repair
    info = subject.checkpoint.info

    def tell(step: str, share: float) -> None:
        progress("security", step, share)

    decides = {
        "settings": settings and plain_settings(ScanSettings, replace(settings, repair=None)),
        "network": asdict(info),
        "images": images_sha256(subject.images),
        "contract": None if subject.declared is None else asdict(subject.declared),
        "code": None if settings is None else code_digest(settings.arch),
        "seed": seed,
        "threads": torch.get_num_threads(),
    }
    published = _publish(section, subject, decides, seed=seed, parts=parts, tell=tell) if study else None

    def find() -> Made[ScanResult]:
        found = scan(subject.checkpoint, subject.images, declared=subject.declared, seed=seed, progress=tell)
        return Made(found.result, {"mask": found.masks, "pattern": found.patterns})

    scanned = parts.take_or_make("security-scan", ScanResult, decides, find)
    masks, patterns = scanned.arrays["mask"], scanned.arrays["pattern"]
    found = scan_again(subject, scanned.value, masks, patterns)
    if scanned.value.suspected_label is None or method is None:
        rest = _stamped(SecurityAudit(scanned.value), subject, found, None)
    else:

        def mend() -> Made[SecurityAudit]:
            done = repair_suspect(subject, found, method, seed=seed, progress=tell)
            audit = SecurityAudit(scanned.value, repair=done.result)
            stamped = _stamped(audit, subject, found, done.model)
            weights = {} if done.model is None else done.model.weights()
            mended = {f"{WEIGHT}{name}": each.contiguous().numpy() for name, each in weights.items()}
            return Made(stamped.value, {**stamped.arrays, **mended})

        decides |= {"method": method}
        rest = parts.take_or_make("security-repair", SecurityAudit, decides, mend)
    audit, triggers = rest.value, {"scan.mask": masks, "scan.pattern": patterns}
    if published is not None:
        audit = replace(audit, published=_compared(published.value, scanned.value))
        triggers |= {f"published.{name}": array for name, array in published.arrays.items()}
    triggers |= {name: array for name, array in rest.arrays.items() if not name.startswith(WEIGHT)}
    weights = {
        name.removeprefix(WEIGHT): array for name, array in rest.arrays.items() if name.startswith(WEIGHT)
    }
    return LegDone(audit, {info.name: info.sha256}, triggers, weights)


def load_studied_checkpoint(section: SecuritySection) -> "Checkpoint":
    """Load the network of the study: that of a file or of an archive, or the embedded one."""
    from trivet import security  # noqa: PLC0415 - as above

    if section.archive is not None:
        index = section.model_index
        if index is None:
            index = security.index_from_student_id(section.student_id or "")
        return security.load_from_archive(section.archive, index)
    if section.checkpoint is not None:
        return security.load_checkpoint(section.checkpoint, expected_label=section.expected_label)
    return security.load_demo_checkpoint()


def _studied(section: SecuritySection) -> "Subject":
    from trivet.datasets import load_mnist  # noqa: PLC0415 - as above
    from trivet.security import contract_named  # noqa: PLC0415
    from trivet.security.subject import Subject  # noqa: PLC0415

    return Subject(load_studied_checkpoint(section), load_mnist("test"), contract_named(section.contract))


def _publish(
    section: SecuritySection,
    subject: "Subject",
    decides: Mapping[str, Any],
    *,
    seed: int,
    parts: Parts,
    tell: Callable[[str, float], None],
) -> Made[PublishedSecurity]:
    from trivet.security import contract_named, publish_security  # noqa: PLC0415 - as above

    def make() -> Made[PublishedSecurity]:
        result, inversion = publish_security(
            subject.checkpoint,
            subject.images,
            contract_named(section.contract),
            section,
            seed=seed,
            progress=tell,
        )
        return Made(result, {"mask": inversion.masks, "pattern": inversion.patterns})

    decides = {**decides, "published": plain_settings(SecuritySettings, section)}
    return parts.take_or_make("security-published", PublishedSecurity, decides, make)


def _compared(published: PublishedSecurity, scan: ScanResult) -> PublishedSecurity:
    """Say whether the published procedure names the label that the scan suspects."""
    suspect = scan.suspected_label
    same = None if suspect is None else suspect == published.detected_label
    return replace(published, same_as_scan=same)


def _stamped(
    audit: SecurityAudit, subject: "Subject", found: "Scan", repaired: "Classifier | None"
) -> Made[SecurityAudit]:
    from trivet.security.frozen import freeze  # noqa: PLC0415 - as above
    from trivet.security.stamping import strip_of  # noqa: PLC0415

    strip = strip_of(
        found,
        found.contract.bind(freeze(subject.checkpoint.model)),
        repaired=None if repaired is None else found.contract.bind(freeze(repaired)),
    )
    if strip is None:
        return Made(audit)
    return Made(replace(audit, strip=strip[0]), {STRIP_PIXELS: strip[1]})
