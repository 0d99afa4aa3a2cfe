"""Output files of a scan or a repair."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.numpy

from trivet.cli.outputs import save_weights
from trivet.record import STRIP_PIXELS, Triggers
from trivet.report.scan import write_scan
from trivet.security import (
    Checkpoint,
    Classifier,
    Repair,
    Scan,
    SecurityAudit,
    freeze,
    scan_document,
    strip_of,
)
from trivet.work.result_files import write_result, write_whole

__all__ = ["write_repair_files", "write_scan_files"]


def write_scan_files(found: Scan, checkpoint: Checkpoint, out: Path) -> tuple[Path, ...]:
    """Write ``scan.json``, ``scan-triggers.safetensors``, ``scan.html`` and the pictures."""
    drawn = write_scan(*_audited(found, checkpoint, None), out)
    return (drawn[0], *_scan_data(found, out), *drawn[1:])


def write_repair_files(found: Scan, checkpoint: Checkpoint, repair: Repair, out: Path) -> tuple[Path, ...]:
    """Write the scan's data, ``repair.json``, ``repair.html``, the pictures, and repaired weights.

    ``repaired.safetensors`` is written only where the backdoor was removed; one of an earlier repair
    is taken away otherwise.
    """
    drawn = write_scan(*_audited(found, checkpoint, repair), out)
    data = _scan_data(found, out)
    table = _write_json(out / "repair.json", asdict(repair.result))
    arrays = {} if repair.model is None else repair.model.weights()
    weights = save_weights({name: each.contiguous().numpy() for name, each in arrays.items()}, out)
    return (*weights, drawn[0], table, *data, *drawn[1:])


def _audited(found: Scan, checkpoint: Checkpoint, repair: Repair | None) -> tuple[SecurityAudit, Triggers]:
    def score_of(model: Classifier) -> Any:
        return found.contract.bind(freeze(model))

    repaired = None if repair is None or repair.model is None else score_of(repair.model)
    strip = strip_of(found, score_of(checkpoint.model), repaired=repaired)
    triggers = {"scan.mask": found.masks, "scan.pattern": found.patterns}
    if strip is not None:
        triggers[STRIP_PIXELS] = strip[1]
    result = None if repair is None else repair.result
    return SecurityAudit(found.result, None if strip is None else strip[0], result), triggers


def _scan_data(found: Scan, out: Path) -> tuple[Path, Path]:
    arrays = out / "scan-triggers.safetensors"
    write_whole(arrays, safetensors.numpy.save({"mask": found.masks, "pattern": found.patterns}))
    return _write_json(out / "scan.json", scan_document(found.result)), arrays


def _write_json(path: Path, document: Mapping[str, Any]) -> Path:
    write_result(path, document)
    return path
