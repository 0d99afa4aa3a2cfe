"""Making of a reference: clean networks of one architecture, trained or the user's own, and their scores."""

import json
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Final

import safetensors.torch
import torch

from trivet.datasets.fitting import AS_THEY_ARE, Fit
from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import DataError, TrivetError, UsageError
from trivet.security.contract import InputContract, contract_named, numbered_by
from trivet.security.networks import FOLDER
from trivet.security.results import CheckpointInfo
from trivet.security.scanning.many import ScanJob, scan_many
from trivet.security.scanning.reference import (
    REFERENCE,
    SCHEMA_VERSION,
    Conditions,
    Reference,
    conditions_of,
    load_reference,
    pixels_sha256,
)
from trivet.security.scanning.results import ManyRow
from trivet.security.settings import Recipe, ReferenceOptions
from trivet.security.zoo import FAMILIES, TrainingSettings, drawn_images, train_classifier
from trivet.wording import describe_error, quote
from trivet.work.result_files import make_folder, make_subfolder, read_result, write_result, write_whole
from trivet.work.worker_pool import WorkerPool

__all__ = ["MadeReference", "make_reference"]

NETWORKS: Final = "networks"
SCANS: Final = "scans"
#: Passes over the training images of an architecture that is not trivet's own.
EPOCHS: Final = 10
#: Called with what is done, and the finished share of it.
Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class MadeReference:
    """A finished reference, and what an earlier call had trained and scanned of it.

    `failed` could not be scanned, and `copies` hold the bytes of another file: both are left out.
    """

    reference: Reference
    file: Path
    reused: tuple[int, int]
    failed: tuple[ManyRow, ...]
    copies: int

    @property
    def middle(self) -> float:
        """Median score."""
        return median(self.reference.scores)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training of the clean networks, but for the seed; plain values, so that any worker can do it."""

    architecture: str
    images: str | None  # None stands for those of the zoo
    limit: int | None
    fit: Fit = AS_THEY_ARE
    class_order: str = "auto"
    contract: InputContract
    settings: TrainingSettings
    device: str


def make_reference(
    options: ReferenceOptions,
    out: Path,
    *,
    clean: Path | None = None,
    seed: int = 0,
    workers: int = 1,
    initializer: Callable[[], object] | None = None,
    progress: Progress = lambda _step, _share: None,
) -> MadeReference:
    """Train clean networks, unless the user has some, scan them alike, and keep their scores.

    What a call that was stopped has trained and scanned is not done again.

    Parameters
    ----------
    options
        Architecture, images and settings of the scans, and how the networks are trained.
    out
        Receives ``networks/``, ``scans/`` and ``reference.json``.
    clean
        A folder of clean checkpoints that takes the place of the training.
    seed
        Of every scan. The networks are trained with the seeds 1 to `count`.
    workers
        Processes that train and scan, with one thread each.
    initializer
        Called in each process first; has to be picklable.
    progress
        Called with a step's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If something is missing or belongs to one file, images to train on are those of the scan, or `out`
        holds networks that were trained in another way.
    DataError
        If training images and images are not of one kind, or no network could be scanned.
    """
    job = ScanJob.of(options, seed=seed, every_search=True)
    training, trained, names = None, 0, None
    make_folder(out)
    if clean is None:
        training = _training(options, job)
        clean = make_subfolder(out, NETWORKS)
        trained = _train_all(training, options.count, clean, workers, initializer, progress)
        names = {_files(number, clean)[0].name for number in range(1, options.count + 1)}
    found = scan_many(
        clean,
        make_subfolder(out, SCANS),
        job,
        names=names,
        workers=workers,
        initializer=initializer,
        on_result=lambda _row, done, total: progress("scans of clean networks", done / total),
    )
    scanned = [_document(out, row) for row in found.rows if row.failure is None]
    # Copies of one network are not exchangeable with another one: each network counts once.
    single: dict[str, dict[str, Any]] = {}
    for document in scanned:
        single.setdefault(document["sha256"], document)
    documents = list(single.values())
    copies = len(scanned) - len(documents)
    failed = tuple(row for row in found.rows if row.failure is not None)
    if not documents:
        raise DataError(
            f"none of {len(found.rows)} clean networks could be scanned; the first: "
            f"{failed[0].failure.message if failed[0].failure else ''}"
        )
    content = {
        "schema_version": SCHEMA_VERSION,
        "conditions": asdict(_common(documents, job)),
        "kinds": [search["kind"] for search in documents[0]["searches"]],
        "images": documents[0]["images"],
        "training": None if training is None else _plain(training),
        "networks": [_row(document) for document in documents],
        "left_out": [asdict(row) for row in failed],
        "copies": copies,
    }
    write_result(out / REFERENCE, content)
    return MadeReference(load_reference(out), out / REFERENCE, (trained, found.reused), failed, copies)


def _training(options: ReferenceOptions, job: ScanJob) -> Training:
    """Return how the networks are trained, once it is known that they can be."""
    architecture, own = options.arch, options.arch in FAMILIES
    if architecture is None or architecture.startswith(FOLDER):
        raise UsageError(
            "clean networks to train need an architecture that builds without weights: give --arch, such as "
            "package.module:factory, or a folder of clean checkpoints with --clean."
        )
    if options.train is None and not own:
        raise UsageError(
            f"the clean networks of {quote(architecture)} need images to train on, other than the scan's: "
            "give --train, a folder with a subfolder a class, an .npz or an IDX file."
        )
    settings = FAMILIES[architecture].training if own else TrainingSettings(epochs=EPOCHS)
    if options.epochs is not None:
        settings = replace(settings, epochs=options.epochs)
    limit = options.train_limit
    if limit is None and options.train is None:
        limit = Recipe().images
    training = Training(
        architecture=architecture,
        images=options.train,
        limit=limit,
        fit=job.fit,
        class_order=job.class_order,
        contract=job.declared or contract_named(Recipe().contract),
        settings=settings,
        device=job.device,
    )
    theirs = _training_images(training)
    scanned = numbered_by(
        load_images(job.images, limit=job.limit, seed=job.seed, fit=job.fit), job.class_order
    )
    for what, one, other in (
        ("shape", theirs.pixels.shape[1:], scanned.pixels.shape[1:]),
        ("number of classes", theirs.classes, scanned.classes),
    ):
        if one != other:
            raise DataError(
                f"the training images have the {what} {one}, the images of the scan {other}; give images of "
                "one kind with --train and --images."
            )
    if shared := int(scanned.among(theirs).sum()):
        raise UsageError(
            f"{shared} of the {len(scanned)} images of the scan are also among those to train on; a network "
            "knows those that it was trained on, so the scores would be those of no other. Give images to "
            "--train that are not in --images."
        )
    return training


@lru_cache(maxsize=1)
def _training_images(training: Training) -> ImageSet:
    if training.images is None:
        return FAMILIES[training.architecture].load("train")
    return numbered_by(load_images(training.images, fit=training.fit), training.class_order)


def _train_all(
    training: Training,
    count: int,
    folder: Path,
    workers: int,
    initializer: Callable[[], object] | None,
    progress: Progress,
) -> int:
    """Train what is missing; return how many networks were there."""
    missing = [seed for seed in range(1, count + 1) if not _is_there(training, seed, folder)]
    step = f"training of clean networks, {training.architecture}"
    progress(step, 1 - len(missing) / count)
    if not missing:
        return count
    with WorkerPool(min(workers, len(missing)), initializer=initializer) as pool:
        futures = [pool.submit(train_one, training, seed, folder) for seed in missing]
        for done, future in enumerate(as_completed(futures), count - len(missing) + 1):
            try:
                future.result()
            except TrivetError:
                raise
            except Exception as error:
                raise TrivetError(
                    f"a clean network of {quote(training.architecture)} cannot be trained: "
                    f"{describe_error(error)}. What is finished is kept; the same call goes on from there."
                ) from error
            progress(step, done / count)
    return count - len(missing)


def train_one(training: Training, seed: int, folder: Path) -> None:
    """Train one clean network with one thread; write how it was trained, and then its weights."""
    torch.set_num_threads(1)
    images = drawn_images(_training_images(training), training.limit, seed=seed)
    network = train_classifier(
        training.architecture, training.contract, images, training.settings, seed=seed, device=training.device
    )
    weights, card = _files(seed, folder)
    state = {name: value.contiguous() for name, value in network.weights().items()}
    write_result(card, {"training": _plain(training), "seed": seed})
    write_whole(weights, safetensors.torch.save(state))


def _is_there(training: Training, seed: int, folder: Path) -> bool:
    """Tell whether a network is trained; refuse one of others, or that was trained in another way."""
    weights, card = _files(seed, folder)
    kept = read_result(card)
    if not weights.exists():
        return False
    if kept is None:
        raise UsageError(
            f"{quote(weights.name)} in {quote(str(folder))} is in the way: no readable {card.name} beside it "
            "says how it was trained. Choose another --out, move it away, or give its folder with --clean."
        )
    if kept.get("training") != _plain(training):
        raise UsageError(
            f"{quote(str(weights))} was trained in another way than this call asks for; choose another "
            "--out, or remove the networks."
        )
    return True


def _files(seed: int, folder: Path) -> tuple[Path, Path]:
    weights = folder / f"clean-{seed:05}.safetensors"
    return weights, weights.with_suffix(".json")


@lru_cache(maxsize=1)
def _plain(training: Training) -> dict[str, Any]:
    """Return what a network depends on besides its seed, as JSON has it; where it was trained is not part."""
    plain, images = asdict(training), _training_images(training)
    del plain["device"]
    plain["images"] = {"name": images.name, "sha256": pixels_sha256(images)}
    return json.loads(json.dumps(plain))


def _document(out: Path, row: ManyRow) -> dict[str, Any]:
    document = read_result(out / SCANS / row.result)
    if document is None:
        raise TrivetError(f"the result {quote(row.result)} was changed while it was in use; call again.")
    return document


def _common(documents: list[dict[str, Any]], job: ScanJob) -> Conditions:
    """Return the conditions that all scans have in common, or raise what two of them differ in."""
    first = documents[0]
    for document in documents:
        for name, key in (("architecture", "checkpoint"), ("parameters", "checkpoint"), ("sha256", "images")):
            if document[key][name] != first[key][name]:
                raise DataError(
                    f"the {name} of {quote(document['file'])} is {document[key][name]}, that of "
                    f"{quote(first['file'])} {first[key][name]}; a reference has networks of one kind only."
                )
    return conditions_of(
        CheckpointInfo(**first["checkpoint"]),
        first["images"]["sha256"],
        profile=job.profile,
        declared=job.declared,
        seed=job.seed,
    )


def _row(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": document["file"],
        "sha256": document["sha256"],
        "clean_accuracy": document["contract"]["clean_accuracy"],
        "verdict": document["verdict"],
        "p_value": document["p_value"],
        "score": document["calibration"]["score"],
        "strengths": {search["kind"]: search["strength"] for search in document["searches"]},
    }
