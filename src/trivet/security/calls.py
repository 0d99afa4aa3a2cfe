"""The calls of the security leg: a scan and a repair, of files or of what was loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import UsageError
from trivet.security.audit import repair_suspect
from trivet.security.checkpoint import Checkpoint, load_checkpoint
from trivet.security.contract import InputContract
from trivet.security.declaration import parse_contract
from trivet.security.repairs.repairing import Repair
from trivet.security.scanning import Scan
from trivet.security.scanning import scan as scan_network
from trivet.security.subject import Subject, existing_checkpoint, images_for, load_subject

__all__ = ["repair", "scan"]

Images = str | Path | ImageSet | tuple[ArrayLike, ArrayLike] | None
Progress = Callable[[str, float], None]


def scan(
    checkpoint: str | Path | Checkpoint,
    images: Images = None,
    *,
    arch: str | None = None,
    contract: str | InputContract | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> Scan:
    """Scan a network for a backdoor, as ``trivet scan`` does.

    Parameters
    ----------
    checkpoint
        A file of weights, or what `load_checkpoint` returned.
    images
        Clean images with true classes: a path or the name of an embedded set, an `ImageSet`, or arrays
        (pixels, labels), of shape (n, channels, height, width) in [0, 1] and (n,). None takes the embedded
        set of trivet's own architectures.
    arch
        What weights in a file belong to: mnist-cnn, package.module:factory, or timm:NAME.
    contract
        What the network expects of pixels; None or ``auto`` tries the usual ones.
    limit
        Images that are loaded at most.
    seed
        Of everything random: the same seed gives the same bits on one machine with as many threads.
    progress
        Called with a step's name and its finished share, 0 to 1.

    Returns
    -------
    Scan
        The result, and the triggers and images that a repair needs.

    Raises
    ------
    UsageError
        If something is missing, or is of another kind.
    DataError
        If there are fewer than three classes, or no usual contract brings the network above guessing.
    CheckpointError
        If the file is missing, unsafe or of another shape, or the network fails.
    """
    subject = _subject(checkpoint, images, arch, contract, limit=limit, seed=seed)
    return scan_network(
        subject.checkpoint, subject.images, declared=subject.declared, seed=seed, progress=progress
    )


def repair(
    checkpoint: str | Path | Checkpoint,
    images: Images = None,
    *,
    method: str = "auto",
    found: Scan | None = None,
    arch: str | None = None,
    contract: str | InputContract | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> Repair:
    """Remove the backdoor that a scan suspects, as ``trivet repair`` does.

    Parameters
    ----------
    checkpoint, images, arch, contract, limit, seed, progress
        As of `scan`.
    method
        A repair's name, or ``auto``: from cheap to costly, the one that loses least accuracy.
    found
        An earlier scan of the same network with the same images; None scans first.

    Returns
    -------
    Repair
        What was tried, and the repaired network where a method removed the backdoor.

    Raises
    ------
    TrivetError
        As `scan`, or if the scan suspects no label.
    """
    subject = _subject(checkpoint, images, arch, contract, limit=limit, seed=seed)
    if found is None:
        found = scan_network(
            subject.checkpoint, subject.images, declared=subject.declared, seed=seed, progress=progress
        )
    return repair_suspect(subject, found, method, seed=seed, progress=progress)


def _subject(
    checkpoint: Any,
    images: Any,
    arch: str | None,
    contract: str | InputContract | None,
    *,
    limit: int | None,
    seed: int,
) -> Subject:
    """Load what is a path, and keep what is loaded."""
    if not isinstance(checkpoint, str | Path | Checkpoint):
        raise UsageError(
            f"the network to scan is a {type(checkpoint).__name__}; expected a path, or a Checkpoint, as "
            "load_checkpoint returns it."
        )
    declared = parse_contract(contract) if isinstance(contract, str) else contract
    if isinstance(checkpoint, str | Path) and (images is None or isinstance(images, str | Path)):
        source = None if images is None else str(images)
        loaded = load_subject(Path(checkpoint), arch, source, "auto", limit=limit, seed=seed)
        return Subject(loaded.checkpoint, loaded.images, declared)
    known = checkpoint.info.architecture if isinstance(checkpoint, Checkpoint) else arch
    clean = _images(images, known, limit=limit, seed=seed)
    if isinstance(checkpoint, Checkpoint):
        return Subject(checkpoint, clean, declared)
    _, channels, height, width = clean.pixels.shape
    weights = load_checkpoint(
        existing_checkpoint(Path(checkpoint)),
        architecture=arch,
        input_shape=(channels, height, width),
        classes=clean.classes,
    )
    return Subject(weights, clean, declared)


def _images(images: Any, architecture: str | None, *, limit: int | None, seed: int) -> ImageSet:
    if isinstance(images, ImageSet):
        return images
    if images is None or isinstance(images, str | Path):
        source = images_for(architecture, None if images is None else str(images))
        return load_images(source, limit=limit, seed=seed)
    if not isinstance(images, tuple) or len(images) != 2:  # noqa: PLR2004 - pixels and labels
        raise UsageError(
            f"the images to scan with are a {type(images).__name__}; expected a path, an ImageSet, as "
            "trivet.datasets.load_images returns it, or arrays (pixels, labels)."
        )
    pixels, labels = np.asarray(images[0], dtype=np.float32), np.asarray(images[1], dtype=np.int64)
    if pixels.ndim != 4 or labels.shape != pixels.shape[:1] or not len(labels):  # noqa: PLR2004
        raise UsageError(
            f"the pixels have shape {pixels.shape} and the labels {labels.shape}; expected "
            "(n, channels, height, width) and (n,)."
        )
    if labels.min() < 0 or not (pixels.min() >= 0 and pixels.max() <= 1):
        raise UsageError("labels count from 0, and pixels lie in [0, 1].")
    return ImageSet("arrays", pixels, labels, int(labels.max()) + 1)
