"""Scan and repair of the user's network, as an audit runs them, step by step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import DataError
from trivet.security.checkpoint import Checkpoint, load_demo_checkpoint
from trivet.security.classifier import Classifier
from trivet.security.contract import chosen_contract
from trivet.security.declaration import parse_contract
from trivet.security.frozen import freeze
from trivet.security.own_results import OwnStrip
from trivet.security.own_settings import ScanSettings
from trivet.security.repairs.repairing import Repair, repair_network
from trivet.security.scan_results import ScanResult
from trivet.security.scanning import Scan, scan
from trivet.security.stamping import strip_of
from trivet.security.subject import DEFAULT_IMAGES, Subject, load_subject

__all__ = ["StripPixels", "load_own", "own_strip", "repair_own", "scan_again"]


@dataclass(frozen=True, eq=False)
class StripPixels:
    """The images of a strip, without and with the trigger: shape (n, channels, height, width)."""

    clean: NDArray[np.float32]
    stamped: NDArray[np.float32]


def load_own(settings: ScanSettings, *, seed: int) -> Subject:
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


def repair_own(
    subject: Subject,
    found: Scan,
    method: str,
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
        seed=seed,
        progress=progress,
    )


def own_strip(
    subject: Subject, found: Scan, repaired: Classifier | None
) -> tuple[OwnStrip, StripPixels] | None:
    """Stamp a few held-out images and classify them; None where no label is suspected."""
    strip = strip_of(
        found,
        found.contract.bind(freeze(subject.checkpoint.model)),
        repaired=None if repaired is None else found.contract.bind(freeze(repaired)),
    )
    if strip is None:
        return None
    after = strip.stamped_after
    recorded = OwnStrip(
        target=strip.target,
        labels=_plain(strip.labels),
        clean_before=_plain(strip.clean_before),
        stamped_before=_plain(strip.stamped_before),
        clean_after=None if strip.clean_after is None else _plain(strip.clean_after),
        stamped_after=None if after is None else _plain(after),
        images=len(strip),
        sent_before=int((strip.stamped_before == strip.target).sum()),
        sent_after=None if after is None else int((after == strip.target).sum()),
    )
    return recorded, StripPixels(strip.pixels, strip.stamped)


def _plain(labels: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(map(int, labels))


def _check_shape(checkpoint: Checkpoint, images: ImageSet) -> None:
    model = checkpoint.model
    expected, found = (model.classes, *model.input_shape), (images.classes, *images.pixels.shape[1:])
    if expected != found:
        raise DataError(
            f"the embedded network tells {expected[0]} classes of images of shape {expected[1:]} apart; "
            f"{images.name} has {found[0]} classes of shape {found[1:]}. Leave out images, for MNIST."
        )
