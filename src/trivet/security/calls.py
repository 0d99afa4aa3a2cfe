"""The calls of the security leg: a scan and a repair, of files or of what was loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import DataError, UsageError
from trivet.security.checkpoint import (
    DEMO_TRIGGER,
    Checkpoint,
    ScanInput,
    images_for,
    load_demo_checkpoint,
    load_for,
    load_subject,
)
from trivet.security.contract import InputContract, chosen_contract, in_fitting_order, parse_contract
from trivet.security.device import CPU
from trivet.security.frozen import freeze
from trivet.security.networks import Classifier, Scorer
from trivet.security.repairs.repairing import Repair, repair_network
from trivet.security.repairs.results import RepairBounds
from trivet.security.repairs.training import Search
from trivet.security.repairs.unlearning import PATCH_SEARCH
from trivet.security.scanning.kinds import (
    FOUND,
    ONE_SOURCE,
    ONE_UNIT,
    PATCH,
    SETTINGS,
    WAYS,
    source_of,
)
from trivet.security.scanning.reference import Reference, load_reference
from trivet.security.scanning.results import KindSearch, ScanResult
from trivet.security.scanning.scan import Scan
from trivet.security.scanning.scan import scan as scan_network
from trivet.security.settings import DEFAULT_IMAGES, MAX_LOSS, ScanOptions, ScanProfileName, ScanSettings
from trivet.security.trigger import Stamp, Trigger

__all__ = [
    "SuspectedChange",
    "load_scanned",
    "repair",
    "repair_suspect",
    "scan",
    "scan_again",
    "suspected_change",
]


def load_scanned(settings: ScanSettings, *, seed: int) -> ScanInput:
    """Load the network and the images that ``[security.scan]`` names."""
    if settings.is_demo:
        checkpoint = load_demo_checkpoint()
        source = settings.images or DEFAULT_IMAGES[checkpoint.info.architecture]
        images = load_images(source, limit=settings.limit, seed=seed, fit=settings.fit())
        _check_shape(checkpoint, images)
        subject = ScanInput(checkpoint, images, parse_contract(settings.contract))
    else:
        subject = load_subject(settings.checkpoint, settings, seed=seed)
    if settings.class_names is None:
        return subject
    if len(settings.class_names) != subject.images.classes:
        raise DataError(
            f"[security.scan] class_names has {len(settings.class_names)} names; {subject.images.name} has "
            f"{subject.images.classes} classes. Give each class a name, by its number."
        )
    return replace(subject, images=replace(subject.images, class_names=settings.class_names))


def scan_again(
    subject: ScanInput, result: ScanResult, masks: NDArray[np.float32], patterns: NDArray[np.float32]
) -> Scan:
    """Return the scan that a result and its triggers came from, without scanning."""
    working, held_out = subject.images.split(0.5, seed=result.seed)
    contract = chosen_contract(result.contract, subject.declared)
    return Scan(result, contract, masks, patterns, working, held_out)


def repair_suspect(
    subject: ScanInput,
    found: Scan,
    method: str | Sequence[str],
    *,
    seed: int,
    max_loss: float = MAX_LOSS,
    budget: float | None = None,
    true_trigger: Trigger | None = None,
    reference: Reference | None = None,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> Repair:
    """Remove the backdoor that a scan suspects; see `trivet.security.repair_network`.

    A label that only another search than that for patches found is repaired and judged with the change that
    this search finds; one that was found without a trigger, with a patch that is made for it. The repaired
    network is scanned as the attacked one was, and ranked among the same clean networks.
    """
    if subject.checkpoint.info.source == "embedded":
        true_trigger = DEMO_TRIGGER
    label = found.result.suspected_label
    if label is None:
        raise DataError("the scan suspects no label, so there is nothing to repair.")

    change = suspected_change(subject, found)
    profile = cast("ScanProfileName", found.result.profile)

    def rescan(model: Classifier) -> ScanResult:
        checkpoint = Checkpoint(model, subject.checkpoint.info)
        return scan_network(
            checkpoint,
            subject.images,
            declared=found.contract if reference is None else subject.declared,
            profile=profile,
            reference=reference,
            seed=seed,
        ).result

    done = repair_network(
        subject.checkpoint.model,
        found.contract,
        found.working,
        found.held_out,
        trigger=change.trigger,
        target=label,
        method=method,
        source=change.source,
        kind=change.kind,
        search=change.search,
        rescan=rescan,
        bounds=RepairBounds(accuracy_loss=max_loss / 100),
        budget=budget,
        true_trigger=true_trigger,
        seed=seed,
        progress=progress,
    )
    if not (said := _said_of_stand_in(found.result)):
        return done
    return replace(done, result=replace(done.result, summary=f"{done.result.summary} {said}"))


@dataclass(frozen=True, eq=False)
class SuspectedChange:
    """A change of images that leads to the suspected label: a patch, or another kind that the scan found.

    `source` is the class that alone it works for, None where it works for all; `search` looks for what is
    left of it.
    """

    trigger: Stamp
    kind: str
    source: int | None
    search: Search


def suspected_change(subject: ScanInput, found: Scan) -> SuspectedChange:
    """Return the change that a scan suspects of its label, which has to be there."""
    label = found.result.suspected_label
    assert label is not None
    kind, source = _kind(found.result), source_of(found.result.searches, label)
    if kind == PATCH:
        return SuspectedChange(found.trigger(label), kind, source, PATCH_SEARCH)
    search = _change_search(kind, cast("ScanProfileName", found.result.profile))
    score = found.contract.bind(freeze(subject.checkpoint.model))
    trigger = search.find(score, found.working, label, found.result.seed)
    return SuspectedChange(trigger, kind, source, search)


def _kind(result: ScanResult) -> str:
    """Return which change of whole images the suspected label was found by; a patch wherever one was."""
    kinds = [each.kind for each in _found(result)]
    return PATCH if PATCH in kinds else next((kind for kind in kinds if kind in WAYS), PATCH)


def _found(result: ScanResult) -> list[KindSearch]:
    """Return the searches that found the suspected label."""
    found = [each for each in result.searches if each.outcome == FOUND]
    return [each for each in found if each.label == result.suspected_label]


#: Searches whose finding a repair can stamp images with.
_STAMPED: Final = frozenset({PATCH, ONE_SOURCE, ONE_UNIT, *WAYS})


def _said_of_stand_in(result: ScanResult) -> str:
    """Return what a patch does not show that stands in for a finding without a trigger; else nothing."""
    found = _found(result)
    if not found or any(each.kind in _STAMPED for each in found):
        return ""
    words = " and ".join(each.looked_for for each in found)
    return (
        f"The scan found label {result.suspected_label} by {words}; images cannot be stamped with that. All "
        "success rates are of a patch that was made for the label instead; only a second scan tells whether "
        "what was found is still there."
    )


def _change_search(kind: str, profile: ScanProfileName) -> Search:
    """Return the scan's search for a change of some kind, for one label."""
    settings, way = SETTINGS[profile], WAYS[kind]

    def find(score: Scorer, images: ImageSet, label: int, seed: int) -> Stamp:
        return way.reach(score, images, images, labels=[label], settings=settings, seed=seed).changes[0]

    return Search(find, way.image_steps(settings))


def _check_shape(checkpoint: Checkpoint, images: ImageSet) -> None:
    model = checkpoint.model
    expected, found = (model.classes, *model.input_shape), (images.classes, *images.pixels.shape[1:])
    if expected != found:
        raise DataError(
            f"the embedded network tells {expected[0]} classes of images of shape {expected[1:]} apart; "
            f"{images.name} has {found[0]} classes of shape {found[1:]}. Leave out images, for MNIST."
        )


Images = str | Path | ImageSet | tuple[ArrayLike, ArrayLike] | None
Progress = Callable[[str, float], None]


def scan(
    checkpoint: str | Path | Checkpoint,
    images: Images = None,
    *,
    arch: str | None = None,
    state_key: str | None = None,
    contract: str | InputContract | None = None,
    limit: int | None = None,
    device: str = CPU,
    profile: ScanProfileName = "standard",
    reference: str | Path | None = None,
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
        What weights in a file belong to: mnist-cnn, package.module:factory, timm:NAME, torchvision:NAME, or
        hf:FOLDER.
    state_key
        Where they stand in a file that holds several networks.
    contract
        What the network expects of pixels; None or ``auto`` tries the usual ones.
    limit
        Images that are loaded at most.
    device
        Where a network that is loaded here runs, as of ``--device``; one that is given runs where it is.
    profile
        How much work it takes: quick, standard or thorough.
    reference
        Folder that ``trivet zoo reference`` made of clean networks of the same architecture, scanned with the
        same images and settings; None leaves the verdict uncalibrated.
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
    subject = _subject(checkpoint, images, arch, state_key, contract, limit=limit, device=device, seed=seed)
    return scan_network(
        subject.checkpoint,
        subject.images,
        declared=subject.declared,
        profile=profile,
        reference=None if reference is None else load_reference(reference),
        seed=seed,
        progress=progress,
    )


def repair(
    checkpoint: str | Path | Checkpoint,
    images: Images = None,
    *,
    method: str = "auto",
    max_loss: float = MAX_LOSS,
    budget: float | None = None,
    found: Scan | None = None,
    arch: str | None = None,
    state_key: str | None = None,
    contract: str | InputContract | None = None,
    limit: int | None = None,
    device: str = CPU,
    profile: ScanProfileName = "standard",
    reference: str | Path | None = None,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> Repair:
    """Remove the backdoor that a scan suspects, as ``trivet repair`` does.

    Parameters
    ----------
    checkpoint, images, arch, state_key, contract, limit, device, profile, reference, seed, progress
        As of `scan`. The second scan has the profile and the reference of the first.
    method
        A repair's name, or ``auto``: one after the other until one removes the backdoor at a loss of at most
        0.2 points.
    max_loss
        Points of clean accuracy, 0 to 100, that it may cost; it fails where the whole interval of its loss
        lies above.
    budget
        Seconds that the methods may take; None is any.
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
    subject = _subject(checkpoint, images, arch, state_key, contract, limit=limit, device=device, seed=seed)
    clean = None if reference is None else load_reference(reference)
    if found is None:
        found = scan_network(
            subject.checkpoint,
            subject.images,
            declared=subject.declared,
            profile=profile,
            reference=clean,
            seed=seed,
            progress=progress,
        )
    return repair_suspect(
        subject,
        found,
        method,
        max_loss=max_loss,
        budget=budget,
        reference=clean,
        seed=seed,
        progress=progress,
    )


def _subject(
    checkpoint: Any,
    images: Any,
    arch: str | None,
    state_key: str | None,
    contract: str | InputContract | None,
    *,
    limit: int | None,
    device: str,
    seed: int,
) -> ScanInput:
    """Load what is a path, and keep what is loaded."""
    if not isinstance(checkpoint, str | Path | Checkpoint):
        raise UsageError(
            f"the network to scan is a {type(checkpoint).__name__}; expected a path, or a Checkpoint, as "
            "load_checkpoint returns it."
        )
    declared = parse_contract(contract) if isinstance(contract, str) else contract
    if isinstance(checkpoint, str | Path) and (images is None or isinstance(images, str | Path)):
        source = None if images is None else str(images)
        options = ScanOptions(arch=arch, state_key=state_key, images=source, limit=limit, device=device)
        loaded = load_subject(Path(checkpoint), options, seed=seed)
        return ScanInput(loaded.checkpoint, loaded.images, declared)
    known = checkpoint.info.architecture if isinstance(checkpoint, Checkpoint) else arch
    clean = _images(images, known, limit=limit, seed=seed)
    if isinstance(checkpoint, Checkpoint):
        if isinstance(images, str | Path):
            clean = in_fitting_order(checkpoint.model, clean, declared)
        return ScanInput(checkpoint, clean, declared)
    return load_for(
        Path(checkpoint),
        clean,
        declared,
        architecture=arch,
        state_key=state_key,
        device=device,
        class_order="number",
    )


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
    given, labels = np.asarray(images[0]), np.asarray(images[1], dtype=np.int64)
    pixels = given if given.dtype == np.uint8 else given.astype(np.float32)
    if pixels.ndim != 4 or labels.shape != pixels.shape[:1] or not len(labels):  # noqa: PLR2004
        raise UsageError(
            f"the pixels have shape {pixels.shape} and the labels {labels.shape}; expected "
            "(n, channels, height, width) and (n,)."
        )
    if labels.min() < 0 or not (pixels.dtype == np.uint8 or (pixels.min() >= 0 and pixels.max() <= 1)):
        raise UsageError("labels count from 0, and pixels lie in [0, 1], or are uint8.")
    return ImageSet("arrays", pixels, labels, int(labels.max()) + 1)
