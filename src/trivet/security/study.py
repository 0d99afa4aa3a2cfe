"""The security leg of the study: one checkpoint, as published and as it should be."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import contract_named
from trivet.security.corrected import audit_security, halves
from trivet.security.inversion import Inversion
from trivet.security.published import publish_security
from trivet.security.results import CorrectedSecurity, PublishedSecurity, SecurityStudy
from trivet.security.settings import SecuritySettings

__all__ = ["SecurityRun", "join_halves", "run", "strip_pixels"]


@dataclass(frozen=True, eq=False)
class SecurityRun:
    """The study's result, and what is too large for JSON: triggers, and the pixels of the strip.

    `strip_pixels` has shape (n, channels, height, width); None where no label is suspected.
    """

    study: SecurityStudy
    published: Inversion
    corrected: Inversion
    strip_pixels: NDArray[np.float32] | None = None


def run(
    checkpoint: Checkpoint,
    images: ImageSet,
    settings: SecuritySettings,
    *,
    seed: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> SecurityRun:
    """Study one checkpoint twice: by the published procedure, then by the sound one.

    Parameters
    ----------
    checkpoint
        The network under study.
    images
        Clean images with true classes.
    settings
        Profile, declared contract, and constants.
    seed
        Seed of everything random; the published figures have 0.
    progress
        Called with a step's name and its finished share, 0 to 1.
    """
    declared = contract_named(settings.contract)
    published, published_triggers = publish_security(
        checkpoint, images, declared, settings, seed=seed, progress=progress
    )
    corrected, corrected_triggers = audit_security(
        checkpoint, images, declared, settings, seed=seed, progress=progress
    )
    study = join_halves(checkpoint, images, published, corrected)
    pixels = strip_pixels(study, images, seed=seed)
    return SecurityRun(study, published_triggers, corrected_triggers, pixels)


def join_halves(
    checkpoint: Checkpoint, images: ImageSet, published: PublishedSecurity, corrected: CorrectedSecurity
) -> SecurityStudy:
    """Put the two halves of the study side by side."""
    if corrected.suspected_label is not None:
        same = corrected.suspected_label == published.detected_label
        corrected = replace(corrected, same_as_published=same)
    return SecurityStudy(images.name, len(images), images.classes, checkpoint.info, published, corrected)


def strip_pixels(study: SecurityStudy, images: ImageSet, *, seed: int) -> NDArray[np.float32] | None:
    """Return the pixels of the strip, shape (n, channels, height, width); None where there is none."""
    strip = study.corrected.strip
    return None if strip is None else halves(images, seed=seed)[1].take(strip.rows).pixels
