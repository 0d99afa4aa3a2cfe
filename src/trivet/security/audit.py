"""Load the network of an audit, resume its scan from the result, and repair it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import DataError
from trivet.security.checkpoint import DEMO_TRIGGER, Checkpoint, load_demo_checkpoint
from trivet.security.classifier import Classifier
from trivet.security.contract import chosen_contract
from trivet.security.declaration import parse_contract
from trivet.security.repairs.repairing import Repair, repair_network
from trivet.security.scan_results import ScanResult
from trivet.security.scan_settings import ScanSettings
from trivet.security.scanning import Scan, scan
from trivet.security.subject import DEFAULT_IMAGES, Subject, load_subject

__all__ = ["load_scanned", "repair_suspect", "scan_again"]


def load_scanned(settings: ScanSettings, *, seed: int) -> Subject:
    """Load the network and the images that ``[security.scan]`` names."""
    if settings.is_demo:
        checkpoint = load_demo_checkpoint()
        source = settings.images or DEFAULT_IMAGES[checkpoint.info.architecture]
        images = load_images(source, limit=settings.limit, seed=seed)
        _check_shape(checkpoint, images)
        subject = Subject(checkpoint, images, parse_contract(settings.contract))
    else:
        subject = load_subject(
            settings.checkpoint,
            settings.arch,
            settings.images,
            settings.contract,
            limit=settings.limit,
            seed=seed,
        )
    if settings.class_names is None:
        return subject
    if len(settings.class_names) != subject.images.classes:
        raise DataError(
            f"[security.scan] class_names has {len(settings.class_names)} names; {subject.images.name} has "
            f"{subject.images.classes} classes. Give each class a name, by its number."
        )
    return replace(subject, images=replace(subject.images, class_names=settings.class_names))


def scan_again(
    subject: Subject, result: ScanResult, masks: NDArray[np.float32], patterns: NDArray[np.float32]
) -> Scan:
    """Return the scan that a result and its triggers came from, without scanning."""
    working, held_out = subject.images.split(0.5, seed=result.seed)
    contract = chosen_contract(result.contract, subject.declared)
    return Scan(result, contract, masks, patterns, working, held_out)


def repair_suspect(
    subject: Subject,
    found: Scan,
    method: str | Sequence[str],
    *,
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Repair:
    """Remove the backdoor that a scan suspects; see `trivet.security.repair_network`."""
    label = found.result.suspected_label
    if label is None:
        raise DataError("the scan suspects no label, so there is nothing to repair.")

    def rescan(model: Classifier) -> ScanResult:
        checkpoint = Checkpoint(model, subject.checkpoint.info)
        return scan(checkpoint, subject.images, declared=found.contract, seed=seed).result

    return repair_network(
        subject.checkpoint.model,
        found.contract,
        found.working,
        found.held_out,
        trigger=found.trigger(label),
        target=label,
        method=method,
        rescan=rescan,
        true_trigger=DEMO_TRIGGER if subject.checkpoint.info.source == "embedded" else None,
        seed=seed,
        progress=progress,
    )


def _check_shape(checkpoint: Checkpoint, images: ImageSet) -> None:
    model = checkpoint.model
    expected, found = (model.classes, *model.input_shape), (images.classes, *images.pixels.shape[1:])
    if expected != found:
        raise DataError(
            f"the embedded network tells {expected[0]} classes of images of shape {expected[1:]} apart; "
            f"{images.name} has {found[0]} classes of shape {found[1:]}. Leave out images, for MNIST."
        )
