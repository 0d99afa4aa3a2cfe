"""Is this network backdoored: contract, margins, a sequential comparison of labels, a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.classes import in_turns
from trivet.datasets.images import ImageSet
from trivet.errors import DataError, UsageError
from trivet.result import Table
from trivet.security.checkpoint import Checkpoint
from trivet.security.contract import (
    InputContract,
    check_contract,
    chosen_contract,
    is_near_chance,
    least_above_chance,
)
from trivet.security.device import device_of
from trivet.security.evaluation import attack_success_rate, predict
from trivet.security.frozen import freeze
from trivet.security.networks import Scorer
from trivet.security.notebook import scan_html
from trivet.security.results import ContractCheck
from trivet.security.scanning.kinds import (
    FOUND,
    NOT_RUN,
    WITHOUT_TRIGGER,
    look_further,
    not_needed,
    patch_search,
    said_of,
    source_of,
    trigger_of,
)
from trivet.security.scanning.reference import (
    Reference,
    calibrated,
    conditions_of,
    judged_against,
    pixels_sha256,
    with_benchmark,
)
from trivet.security.scanning.refine import Refined, RefinementSettings, refine_triggers
from trivet.security.scanning.results import (
    DetectorResult,
    ImagesInfo,
    KindSearch,
    LabelScan,
    ScanResult,
    Strip,
)
from trivet.security.scanning.sequential import (
    LIMITS,
    SCAN_PROFILES,
    WEAK_BELOW,
    Evidence,
    Judgement,
    Progress,
    SequentialTest,
    judge_scan,
)
from trivet.security.settings import ScanProfileName
from trivet.security.trigger import Trigger
from trivet.verdict import NO_EVIDENCE
from trivet.wording import listed

__all__ = ["Scan", "scan", "scan_document", "strip_of"]

MIN_CLASSES: Final = 3
BACKDOORED: Final = "backdoored"
#: Held-out images that the triggers are tried on: of a named label, and of all labels together.
GATE_IMAGES: Final = 1_000
ALL_GATE_IMAGES: Final = 5_000
MIN_GATE_IMAGES: Final = 50


@dataclass(frozen=True, eq=False, repr=False)
class Scan(Table, of="result"):
    """The result of a scan, with the triggers and images that a repair or a figure needs.

    Attributes
    ----------
    result
        Plain values.
    contract
        What the network was fed with.
    masks, patterns
        Shape (classes, 1, h, w) and (classes, channels, h, w): each label's trigger as it was when
        the label was last worked on; refined for the labels that a verdict could name.
    working, held_out
        The two halves of the images: triggers come from the first, rates from the second.
    """

    result: ScanResult
    contract: InputContract
    masks: NDArray[np.float32]
    patterns: NDArray[np.float32]
    working: ImageSet
    held_out: ImageSet

    def trigger(self, label: int) -> Trigger:
        """Return the trigger of a label."""
        return Trigger(self.masks[label], self.patterns[label])

    def _repr_html_(self) -> str:
        return scan_html(self)


def scan(
    checkpoint: Checkpoint,
    images: ImageSet,
    *,
    declared: InputContract | None = None,
    profile: ScanProfileName = "standard",
    reference: Reference | None = None,
    every_search: bool = False,
    seed: int = 0,
    progress: Progress = lambda _step, _share: None,
) -> Scan:
    """Scan one network for a backdoor.

    Parameters
    ----------
    checkpoint
        The network.
    images
        Clean images with true classes, of the kind that the network was made for; a few hundred are
        enough, 1,000 to 10,000 are better.
    declared
        The input contract; None tries the usual ones and takes the best.
    profile
        How much work it takes: quick, standard or thorough.
    reference
        Clean networks of the same kind, scanned with the same images and settings: the verdict is an alarm
        exactly where the network's score ranks among their highest. None leaves it uncalibrated.
    every_search
        Make the searches that the verdict does not depend on, too, for the score: where the network is to be
        one of a reference.
    seed
        Draws the halves, the batches and the starting images. The same seed gives the same result,
        bit for bit, on one machine with the same number of threads.
    progress
        Called with a step's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If `checkpoint` or `images` is something else, or the reference was made under other conditions.
    DataError
        If there are fewer than three classes, or if no usual contract brings the network above
        guessing.
    CheckpointError
        If the network fails.
    """
    _check_kinds(checkpoint, images)
    classes = images.classes
    if classes < MIN_CLASSES:
        raise DataError(
            f"a scan compares labels with each other and needs at least {MIN_CLASSES} classes; "
            f"{images.name} has {classes}. Networks with two classes cannot be scanned."
        )
    sha256 = pixels_sha256(images)
    if reference is not None:
        reference.require(
            conditions_of(checkpoint.info, sha256, profile=profile, declared=declared, seed=seed)
        )
        reference = reference.without(checkpoint.info.sha256)
    network = freeze(checkpoint.model)
    progress("input contract", 0.0)
    working, held_out = images.split(0.5, seed=seed)
    if min(len(np.unique(part.labels)) for part in (working, held_out)) < 2:  # noqa: PLR2004 - others than a label
        raise DataError(
            f"half of the images of {images.name} are of one class; a scan needs images of at least two in "
            "each half. Add images of the other classes."
        )
    work = SCAN_PROFILES[profile]
    if least_above_chance(classes, len(held_out)) > 1:
        raise DataError(
            f"{len(images)} images of {images.name} are too few: on half of them a network of {classes} "
            "classes that is always right cannot be distinguished from one that guesses. Give more."
        )
    probe = probed(held_out, profile)
    check = check_contract(network, probe, declared, screened=work.screened)
    if is_near_chance(check, classes, len(probe)):
        raise DataError(
            f"under none of the usual input contracts is {checkpoint.info.name} much better than guessing "
            f"on {images.name} (best: {check.best.clean_accuracy:.1%} under {check.best.name}). Give images "
            "of the kind that it was made for, with its class numbers, or declare its preprocessing with "
            "--contract."
        )
    contract = chosen_contract(check, declared)
    search = SequentialTest(contract.bind(network), working, seed=seed, progress=progress, profile=work)
    search.run()
    return _conclude(
        search,
        checkpoint,
        ImagesInfo(images.name, len(images), images.classes, _shape(images), images.notes, sha256),
        images.class_names,
        check,
        contract,
        working,
        held_out,
        reference,
        every_search=every_search,
        profile=profile,
        seed=seed,
        progress=progress,
    )


def probed(held_out: ImageSet, profile: ScanProfileName) -> ImageSet:
    """Return the images that the input contract, and the clean accuracy under it, are measured on."""
    return held_out.take(np.arange(min(SCAN_PROFILES[profile].probed, len(held_out))))


def _check_kinds(checkpoint: object, images: object) -> None:
    """Raise what a caller without a type checker needs to read."""
    if not isinstance(checkpoint, Checkpoint):
        raise UsageError(
            f"the network to scan is a {type(checkpoint).__name__}; expected a Checkpoint, as "
            "load_checkpoint returns it."
        )
    if not isinstance(images, ImageSet):
        raise UsageError(
            f"the images to scan with are a {type(images).__name__}; expected an ImageSet, as "
            "trivet.datasets.load_images returns it."
        )


def _conclude(
    found: SequentialTest,
    checkpoint: Checkpoint,
    images: ImagesInfo,
    names: tuple[str, ...] | None,
    check: ContractCheck,
    contract: InputContract,
    working: ImageSet,
    held_out: ImageSet,
    reference: Reference | None,
    *,
    every_search: bool,
    profile: ScanProfileName,
    seed: int,
    progress: Progress,
) -> Scan:
    """Refine the triggers of the named labels, try all triggers on held-out images, and judge."""
    named = _named(found.opinions)
    progress("refinement", 0.0)
    suspects = named if found.p_value is not None and found.p_value < WEAK_BELOW else []
    starts = [found.search.stack(label) for label in suspects if found.stands_alone(label)]
    refined = refine_triggers(found.score, working, starts, RefinementSettings(), seed=seed)
    masks, patterns = found.search.triggers()
    for label, trigger in refined.triggers.items():
        masks[label], patterns[label] = trigger.mask, trigger.pattern
    progress("success on held-out images", 0.0)
    tried = range(images.classes) if profile != "quick" else sorted({*found.followed.tolist(), *named})
    success = _success(found.score, held_out, masks, patterns, named, tried)
    evidence = {label: found.evidence(label, asr=success[label]) for label in named}
    judgement = judge_scan(found.opinions, evidence, found.p_value)
    steps = found.image_steps + found.search.image_steps + refined.image_steps
    strength = max((each.strength(found.p_value) for each in evidence.values()), default=0.0)
    patch = _patch_search(judgement, success, strength, steps)
    decided = judgement.verdict == BACKDOORED and not every_search
    if decided and (reference is None or reference.is_alarm(strength)):
        searches, further = (patch, *not_needed()), None
    else:
        further = look_further(
            found.score,
            working,
            held_out,
            found.followed.tolist(),
            profile,
            seed=seed,
            progress=progress,
        )
        searches = (patch, *further.searches)
        judgement = _judged_with(further.searches, judgement, found, evidence)
    calibration = calibrated(searches, check.best.clean_accuracy, profile, reference)
    strongest = max(evidence.values(), key=lambda each: each.strength(found.p_value), default=None)
    judgement = judged_against(
        calibration, judgement, searches, None if strongest is None else strongest.label
    )
    label, own = judgement.label, None
    made = None if label is None or further is None else trigger_of(further, searches, label)
    if label is not None and made is not None:
        own = Refined({label: made}, {}, {}, 0)
    elif label is not None and label not in refined.triggers:  # another search named it: its patch must work
        own = refine_triggers(
            found.score, working, [found.search.stack(label)], RefinementSettings(), seed=seed
        )
    if label is not None and own is not None:
        masks[label], patterns[label] = own.triggers[label].mask, own.triggers[label].pattern
        success |= _success(found.score, held_out, masks, patterns, [label], [label])
        refined = Refined(
            refined.triggers | own.triggers,
            refined.reached | own.reached,
            refined.steps | own.steps,
            refined.image_steps + own.image_steps,
        )
        searches = (replace(patch, image_steps=patch.image_steps + own.image_steps), *searches[1:])
    result = ScanResult(
        checkpoint=checkpoint.info,
        images=images,
        contract=check,
        verdict=judgement.verdict,
        suspected_label=judgement.label,
        p_value=found.p_value,
        reason=f"{judgement.reason}{'' if further is None else _not_looked_for(searches)}",
        limits=LIMITS,
        opinions=found.opinions,
        labels=_labels(found, refined, success, names or tuple(map(str, range(images.classes)))),
        looks=found.looks,
        seeds=found.seeds,
        image_steps=sum(search.image_steps for search in searches),
        seed=seed,
        threads=torch.get_num_threads(),
        device=device_of(checkpoint.model),
        profile=profile,
        searches=with_benchmark(searches, profile),
        calibration=calibration,
    )
    return Scan(result, contract, masks, patterns, working, held_out)


def _not_looked_for(searches: Sequence[KindSearch]) -> str:
    """Say which kinds of trigger could not be looked for, though nothing else had decided."""
    kinds = [search.kind for search in searches if search.outcome == NOT_RUN]
    if not kinds:
        return ""
    of = f"kind{'s'[: len(kinds) > 1]} {listed(kinds)}"
    return (
        f" Nothing is known of triggers of the {of}: for such a search "
        "the images are too few, the classes too many, or the network has no part that it is for."
    )


def _patch_search(
    judgement: Judgement, success: Mapping[int, float], strength: float, steps: int
) -> KindSearch:
    """Return what the search for patches came to."""
    if judgement.label is None:
        return patch_search(None, max(success.values()), None, strength, steps=steps)
    others = max((rate for label, rate in success.items() if label != judgement.label), default=None)
    return patch_search(judgement.label, success[judgement.label], others, strength, steps=steps)


def _judged_with(
    further: Sequence[KindSearch],
    judgement: Judgement,
    found: SequentialTest,
    evidence: Mapping[int, Evidence],
) -> Judgement:
    """Judge again with the labels that other searches reach alone; what they find is suspicious by itself."""
    hits = [search for search in further if search.outcome == FOUND]
    hits.sort(key=lambda search: search.kind in WITHOUT_TRIGGER)  # what can be shown names the label
    if not hits:
        return judgement
    words = " ".join(said_of(search) for search in hits)
    if judgement.verdict == BACKDOORED:
        return replace(judgement, reason=f"{judgement.reason} {words}")
    labels = {search.label for search in hits}
    whole = {search.label for search in hits if search.source is None and search.kind not in WITHOUT_TRIGGER}
    led = {label: replace(each, led=each.led or label in whole) for label, each in evidence.items()}
    again = judge_scan(found.opinions, led, found.p_value)
    if again.verdict != NO_EVIDENCE and again.label in labels:
        return replace(again, reason=f"{again.reason} {words}")
    label = judgement.label if judgement.label is not None else hits[0].label
    earlier = "" if judgement.verdict == NO_EVIDENCE else f" {judgement.reason}"
    return Judgement("suspicious", label, f"{words}{earlier} That is an effect without a p-value.")


def _named(opinions: tuple[DetectorResult, DetectorResult]) -> list[int]:
    return sorted({opinion.label for opinion in opinions if opinion.label is not None})


def _shape(images: ImageSet) -> tuple[int, int, int]:
    return images.pixels.shape[1], images.pixels.shape[2], images.pixels.shape[3]


def _success(
    score: Scorer,
    held_out: ImageSet,
    masks: NDArray[np.float32],
    patterns: NDArray[np.float32],
    named: Sequence[int],
    tried: Sequence[int],
) -> dict[int, float]:
    """Return the success rate of the triggers that are tried, on more images for the named ones."""
    share = max(MIN_GATE_IMAGES, min(GATE_IMAGES // 2, ALL_GATE_IMAGES // len(masks)))
    rates: dict[int, float] = {}
    for label in tried:
        trigger = Trigger(masks[label], patterns[label])
        others = np.flatnonzero(held_out.labels != label)[: GATE_IMAGES if label in named else share]
        rates[label] = attack_success_rate(score, held_out.take(others), trigger, label)
    return rates


def _labels(
    found: SequentialTest, refined: Refined, success: Mapping[int, float], names: Sequence[str]
) -> tuple[LabelScan, ...]:
    return tuple(
        LabelScan(
            label=label,
            name=names[label],
            l1=float(found.norms[label]),
            log_score=found.log_scores[label],
            asr=success.get(label),
            margin=float(found.margins[label]),
            margin_score=None if found.margin_scores is None else float(found.margin_scores[label]),
            refined_l1=refined.triggers[label].l1 if label in refined.triggers else None,
            steps=int(found.search.steps[label]) + refined.steps.get(label, 0),
        )
        for label in range(len(names))
    )


SCHEMA_VERSION = 1


def scan_document(result: ScanResult) -> dict[str, Any]:
    """Return a result as a dictionary of plain values.

    What users look for first comes first; `contract` holds the name of the contract that was used
    and the accuracies under all that were tried. No times: those are the caller's.
    """
    plain = asdict(result)
    checked = plain.pop("contract")
    used = checked["best"]
    first = ("verdict", "suspected_label", "p_value", "reason", "calibration", "limits")
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: plain.pop(key) for key in first},
        "contract": {**used, "declared": checked["declared"]["name"], **_check(checked)},
        **plain,
    }


def _check(checked: dict[str, Any]) -> dict[str, Any]:
    return {key: checked[key] for key in ("loss", "tolerance", "mismatch", "finding", "candidates")}


#: Images of a strip.
STRIP_IMAGES: Final = 8


def strip_of(
    scan: Scan, score: Scorer, *, repaired: Scorer | None = None, count: int = STRIP_IMAGES, seed: int = 0
) -> tuple[Strip, NDArray[np.float32]] | None:
    """Stamp some held-out images with the suspected label's trigger and classify them.

    Where the trigger was found for one class alone, they are of that class. Neither the search for the
    trigger nor a repair has seen these images.

    Parameters
    ----------
    scan
        Whose trigger and images to use.
    score
        The scanned network under the contract that the scan used: ``scan.contract.bind(model)``.
    repaired
        The repaired network in the same way.
    count, seed
        As for `varied_rows`.

    Returns
    -------
    tuple of Strip and ndarray, or None
        The predictions, and the images without the trigger, shape (n, channels, height, width), float32
        in [0, 1]. None where no label is suspected.
    """
    target = scan.result.suspected_label
    if target is None:
        return None
    labels = scan.held_out.labels
    source = source_of(scan.result.searches, target)
    if source is None:
        rows = varied_rows(labels, target, count=count, seed=seed)
    else:
        rows = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(labels == source))[:count])
    images, trigger = scan.held_out.take(rows), scan.trigger(target)
    clean_before, stamped_before = _said(score, images, trigger)
    clean_after, stamped_after = (None, None) if repaired is None else _said(repaired, images, trigger)
    strip = Strip(
        target=target,
        labels=tuple(map(int, images.labels)),
        clean_before=clean_before,
        stamped_before=stamped_before,
        clean_after=clean_after,
        stamped_after=stamped_after,
        images=len(images),
        sent_before=stamped_before.count(target),
        sent_after=None if stamped_after is None else stamped_after.count(target),
    )
    return strip, images.unit()


def varied_rows(
    labels: NDArray[np.int64], target: int, *, count: int = STRIP_IMAGES, seed: int
) -> NDArray[np.int64]:
    """Draw rows of images from as many classes as there are, and never from the target."""
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(labels != target))
    chosen = drawn[in_turns(labels[drawn])[:count]]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _said(score: Scorer, images: ImageSet, trigger: Trigger) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the predicted classes without and with the trigger."""
    clean, stamped = predict(score, images), predict(score, images, trigger)
    return tuple(map(int, clean)), tuple(map(int, stamped))
