"""Results of a scan of many checkpoints: one row a model, readable without any heavy import."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Failure", "ManyResult", "ManyRow", "Skipped", "row_of", "summary_document"]

SCANNED: Final = "scanned"
FAILED: Final = "failed"
VERDICTS: Final = ("backdoored", "suspicious", "no evidence")
#: What a row is counted as, in this order.
OUTCOMES: Final = (*VERDICTS, FAILED)


@dataclass(frozen=True)
class Failure:
    """Checkpoint that could not be scanned, with the reason.

    Attributes
    ----------
    kind
        The exception's type, or ``WorkerLost`` where a worker died of the file.
    message
        One line, without the path of the folder.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class ManyRow:
    """One checkpoint of the folder.

    Attributes
    ----------
    file
        Its path below the folder, with ``/``.
    result
        Name of its result file.
    verdict
        ``backdoored``, ``suspicious`` or ``no evidence``; None where it could not be scanned.
    suspected_label, p_value
        As in the scan; None where it could not be done.
    failure
        None where it was scanned.
    """

    file: str
    result: str
    verdict: str | None
    suspected_label: int | None
    p_value: float | None
    failure: Failure | None


@dataclass(frozen=True)
class Skipped:
    """File in the folder that is not a checkpoint, and is not scanned."""

    file: str
    content: str


@dataclass(frozen=True)
class ManyResult:
    """All rows of a run.

    Attributes
    ----------
    counts
        Rows by outcome: ``backdoored``, ``suspicious``, ``no evidence``, ``failed``.
    rows
        One a checkpoint, in the order of their paths.
    skipped
        One for each other file, and for each folder that is not entered.
    reused
        How many rows are taken from result files of an earlier run.
    summary
        The file that holds counts and rows.
    """

    counts: Mapping[str, int]
    rows: tuple[ManyRow, ...]
    skipped: tuple[Skipped, ...]
    reused: int
    summary: Path


def row_of(document: Mapping[str, Any], result: str) -> ManyRow:
    """Return the row of a result file's content."""
    if document["status"] == SCANNED:
        verdict = document["verdict"]
        return ManyRow(
            document["file"], result, verdict, document["suspected_label"], document["p_value"], None
        )
    return ManyRow(document["file"], result, None, None, None, Failure(**document["error"]))


def count_outcomes(rows: tuple[ManyRow, ...]) -> dict[str, int]:
    """Return how many rows there are of each outcome, zeros included."""
    counted = Counter(row.verdict or FAILED for row in rows)
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def summary_document(
    rows: tuple[ManyRow, ...], skipped: tuple[Skipped, ...], job: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of ``summary.json``: counts, the job, one entry a model, and one for what is not."""
    return {
        "counts": count_outcomes(rows),
        "job": dict(job),
        "models": [asdict(row) for row in rows],
        "skipped": [asdict(other) for other in skipped],
    }
