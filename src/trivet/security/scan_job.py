"""Scan of one checkpoint among many, on any worker."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trivet.datasets.images import ImageSet
from trivet.datasets.source import load_images
from trivet.errors import TrivetError
from trivet.security.checkpoint import load_checkpoint
from trivet.security.contract import InputContract
from trivet.security.many_results import FAILED, SCANNED, Failure
from trivet.security.scan_document import scan_document
from trivet.security.scanning import scan
from trivet.wording import one_line, told

__all__ = [
    "Document",
    "ScanJob",
    "failed_document",
    "file_sha256",
    "images_sha256",
    "job_identity",
    "run_job",
]

#: A result as plain JSON values.
Document = dict[str, Any]

#: Long enough for trivet's own errors, which say what to do.
MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, kw_only=True)
class ScanJob:
    """Settings of the scan of every checkpoint; plain values, so that any worker can take it."""

    architecture: str | None
    images: str
    declared: InputContract | None = None
    seed: int = 0
    limit: int | None = None


def run_job(job: ScanJob, path: Path) -> Document:
    """Scan one checkpoint with one thread; whatever is wrong with the file becomes a result."""
    images = _load_images(job.images, job.limit, job.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    sha256 = None
    try:
        sha256 = file_sha256(path)
        scanned = {"status": SCANNED, "sha256": sha256, **_scan(job, path, images)}
        return json.loads(json.dumps(scanned, allow_nan=False))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bad file costs its own row
        return failed_document(sha256, Failure(type(error).__name__, _message(error, path)))
    finally:
        torch.set_num_threads(threads)


def failed_document(sha256: str | None, failure: Failure) -> Document:
    """Return the result of a checkpoint that could not be scanned."""
    return {"status": FAILED, "sha256": sha256, "error": asdict(failure)}


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]


def job_identity(job: ScanJob, images: ImageSet) -> Document:
    """Return what results depend on besides the file, with a digest of it all.

    Images count by their content, wherever they lie. The code behind a ``package.module:factory``
    counts by its name.
    """
    identity = {
        "trivet": version("trivet"),
        "architecture": job.architecture,
        "images": {"name": images.name, "count": len(images), "sha256": images_sha256(images)},
        "declared": None if job.declared is None else asdict(job.declared),
        "seed": job.seed,
    }
    text = json.dumps(identity, sort_keys=True)
    return {"digest": hashlib.sha256(text.encode()).hexdigest(), **identity}


_load_images = lru_cache(maxsize=1)(
    lambda source, limit, seed: load_images(source, limit=limit, seed=seed)  # keyword-only there
)


def _scan(job: ScanJob, path: Path, images: ImageSet) -> Document:
    shape = images.pixels.shape
    checkpoint = load_checkpoint(
        path,
        architecture=job.architecture,
        input_shape=(shape[1], shape[2], shape[3]),
        classes=images.classes,
    )
    return scan_document(scan(checkpoint, images, declared=job.declared, seed=job.seed).result)


def images_sha256(images: ImageSet) -> str:
    """Return the SHA-256 of images by their content, wherever they lie."""
    told = (images.name, images.classes, images.class_names, images.pixels.shape)
    digest = hashlib.sha256(json.dumps(told).encode())
    for values in (images.pixels, images.labels):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _message(error: BaseException, path: Path) -> str:
    """Return one line that is the same wherever the folder lies."""
    if isinstance(error, OSError) and error.strerror:
        said = f"{path.name} cannot be read: {error.strerror}."
    else:
        said = str(error) if isinstance(error, TrivetError) else told(error)
        said = said.replace(f"{path.parent}{os.sep}", "").strip().partition("\n")[0]
        if not isinstance(error, TrivetError):
            said = f"{path.name} could not be scanned: {said}"
    return one_line(said or "no reason is given", limit=MESSAGE_CHARACTERS)
