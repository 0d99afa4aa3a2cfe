"""Results of a scan and of an audit of a checkpoint: frozen values, readable without any heavy import."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from annotated_types import MinLen

from trivet.estimate import Columns, Known
from trivet.result import Table
from trivet.security.repairs.results import RepairResult
from trivet.security.results import CheckpointInfo, ContractCheck, PublishedSecurity
from trivet.verdict import ORDERS

__all__ = [
    "SCAN",
    "BenchmarkRate",
    "Calibration",
    "DetectorResult",
    "Failure",
    "ImagesInfo",
    "KindSearch",
    "LabelScan",
    "ManyResult",
    "ManyRow",
    "SameImages",
    "ScanResult",
    "SecurityAudit",
    "Skipped",
    "StampCell",
    "Strip",
    "row_of",
    "scan_version",
    "summary_document",
]

#: Number of the scan. It rises with each change that may change a verdict or a score: what was scanned before
#: is then scanned again, and a reference made again.
SCAN: Final = 6


def scan_version() -> str:
    """Return the version of trivet, and of its scan, whose results can be compared."""
    return f"{version('trivet')}, scan {SCAN}"


@dataclass(frozen=True)
class ImagesInfo:
    """Clean images of the scan; `notes` say what may surprise in their files, and how it was read."""

    name: str
    count: int
    classes: int
    shape: tuple[int, int, int]  # channels, height, width
    notes: tuple[str, ...] = ()
    sha256: str | None = None  # of pixels and labels, whatever the file; None in earlier results


@dataclass(frozen=True)
class SameImages:
    """A baseline's network and this one on the same images.

    Attributes
    ----------
    baseline
        SHA-256 of the baseline's ``metrics.json``.
    images
        Those of the clean accuracy under the best contract.
    counts
        Images that both classify rightly, the baseline's alone, this one alone, and neither.
    """

    baseline: str
    images: int
    counts: tuple[int, int, int, int]


@dataclass(frozen=True)
class DetectorResult:
    """Result of one method for all labels.

    Attributes
    ----------
    method
        ``trigger inversion`` or ``maximum margin``.
    label
        The label that stands out most, whether or not it is suspected; None without a score.
    score
        Its robust score: negative is unusual for inversion, positive for the margin; None where
        the labels do not spread or are too few.
    p_value
        Chance that the most unusual of as many clean labels is as unusual; None without a score.
    lead_p_value
        Chance that it is as far from the next one; None without a score, and in earlier results.
    """

    method: str
    label: int | None
    score: float | None
    p_value: float | None
    lead_p_value: float | None = None


@dataclass(frozen=True)
class LabelScan:
    """Measurements of one target label.

    Attributes
    ----------
    label
        The class number.
    name
        Its name, where the images have names; otherwise the number as text.
    l1
        Mask norm |m|_1 in pixels, at the last step that the label was compared at; at the start, with no
        steps, where a quick scan did not look at it.
    log_score
        (log l1 - median) / (1.4826 MAD) over the labels of that step; None if undefined.
    asr
        Share of held-out images of other classes that the reconstructed trigger sends to the
        label; None where it was not tried, as of most labels in a quick scan of many.
    margin, margin_score
        Largest margin f_y - max f_j that some input reaches, and its robust score.
    refined_l1
        Mask norm of the label's trigger after it was made as small as it still works; None for
        labels that no method names.
    steps
        Optimisation steps spent on the label's trigger.
    """

    label: int
    name: str
    l1: float
    log_score: float | None
    asr: float | None
    margin: float
    margin_score: float | None
    refined_l1: float | None
    steps: int


@dataclass(frozen=True)
class BenchmarkRate:
    """Success of the scan with one kind of network on this project's benchmark.

    Attributes
    ----------
    kind
        A kind of trigger, or ``clean``.
    count, networks
        Networks with such a trigger that the scan found, with the attacker's label where there is one, or
        clean ones that it accused; of how many.
    share
        The same as a share, with its interval.
    attacks
        The attacks, and the counts of each, in words; empty for clean networks.
    """

    kind: str
    count: int
    networks: int
    share: Known
    attacks: str = ""


@dataclass(frozen=True)
class Calibration:
    """The score of a network, and what the rate of false alarms of its verdict rests on.

    Attributes
    ----------
    score
        Strength of the strongest search.
    strongest
        Its kind.
    networks
        Clean networks of the reference; 0 without one.
    as_strong
        How many of them score at least as much.
    p_value
        (1 + as_strong) / (1 + networks): the chance that a clean network of their kind scores as much; None
        without a reference.
    decides
        Whether the verdict rests on that p-value. A reference can be too small for it.
    reference, sha256
        Name of the reference's folder, and digest of its ``reference.json``; None without.
    accuracy
        Lowest and highest clean accuracy of the reference; None without.
    clean
        How often the scan accused clean networks on this project's benchmark.
    not_searched
        Kinds of triggers of the benchmark that no search is for.
    summary
        All that in a sentence or two, from ``calibrated`` or ``uncalibrated`` on.
    measured_with
        The profile that the scan had on the benchmark, which is ``standard`` where that of this scan was not
        measured.
    """

    score: float
    strongest: str
    networks: int
    as_strong: int
    p_value: float | None
    decides: bool
    reference: str | None
    sha256: str | None
    accuracy: tuple[float, float] | None
    clean: BenchmarkRate
    not_searched: tuple[BenchmarkRate, ...]
    summary: str
    measured_with: str = "standard"


@dataclass(frozen=True)
class StampCell:
    """Square of a stamp: its upper left pixel, its side, and the value of each channel."""

    row: int
    column: int
    side: int
    value: tuple[float, ...]


@dataclass(frozen=True)
class KindSearch:
    """Search for one kind of trigger, and what it came to.

    Attributes
    ----------
    kind : ``patch``, ``spread``, ``striped``, ``moved``, ``image-dependent`` for changes of each image by
        itself, ``one unit`` for a unit that leads to a label by itself, ``any label`` for a stamp that each
        class goes wrong by, or ``one source`` for one that moves a class
    looked_for : the trigger, in words
    outcome : ``found``, ``not found``, or ``not run``, where another had decided, images were too few,
        classes too many, or the network has no units or layers that the search is for
    label : the label that most images went to; None where they went to many
    success : share of held-out images of other classes that went there, or, for ``any label``, went wrong
    runner_up : the same for the label that came next; None for ``one unit``
        and ``image-dependent``, which compare what units gain, and margins
    image_steps : images pushed forward and back
    strength : smallest ratio of its evidence to a bound that it must reach, at least 1 where it has found
        something; shares count by their odds. None where it was not run, and in earlier results
    source : the class that goes there, for ``one source``
    benchmark : how often the scan finds such triggers on this project's benchmark; None where none was tried
    stamp : cells of the stamp to any label that was found; empty for other searches, and in earlier results
    """

    kind: str
    looked_for: str
    outcome: Literal["found", "not found", "not run"]
    label: int | None
    success: float | None
    runner_up: float | None
    image_steps: int
    strength: float | None = None
    source: int | None = None
    benchmark: BenchmarkRate | None = None
    stamp: tuple[StampCell, ...] = ()


@dataclass(frozen=True, repr=False)
class ScanResult(
    Table,
    head=("verdict", "suspected_label", "p_value", "reason"),
    rows="labels",
    columns=("name", "l1", "log_score", "asr", "margin"),
):
    """The verdict on one checkpoint, and what it rests on.

    Attributes
    ----------
    verdict
        ``backdoored``, ``suspicious`` or ``no evidence``.
    suspected_label
        None with ``no evidence``, and where images go to many labels.
    p_value
        Of both opinions together, corrected for looking more than once; None where no score is
        defined.
    reason
        Why this verdict, in one or two sentences.
    limits
        What the method cannot see, in words.
    contract
        Which preprocessing the network was fed with, and what else was tried.
    opinions
        Trigger inversion first, then the maximum margin.
    searches
        Kinds of triggers that were looked for, and what was found of each.
    calibration
        The score, its p-value against clean networks, and how often clean ones are accused; None in
        earlier results.
    labels
        One entry a class, in order.
    image_steps
        Images pushed forward and back in all, by both methods: the cost that does not depend on
        the machine.
    seed, threads, device, profile
        What the result depends on besides the inputs.
    """

    checkpoint: CheckpointInfo
    images: ImagesInfo
    contract: ContractCheck
    verdict: str
    suspected_label: int | None
    p_value: float | None
    reason: str
    limits: str
    opinions: Annotated[tuple[DetectorResult, ...], MinLen(1)]
    labels: Annotated[tuple[LabelScan, ...], MinLen(1)]
    looks: int  # comparisons of all labels before the decision
    seeds: tuple[int, ...]  # a second one where the first leaves doubt
    image_steps: int
    seed: int
    threads: int
    device: str = "cpu"
    profile: str = "standard"
    searches: tuple[KindSearch, ...] = ()
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Strip(Columns):
    """Predictions for a few held-out images, with and without the suspected label's trigger.

    Attributes
    ----------
    target
        The suspected label; none of the images is of this class.
    labels
        True classes, by image, as all that follows.
    clean_before, stamped_before
        Predicted classes without and with the trigger, by the network as it came.
    clean_after, stamped_after
        By the repaired network; None where there is none.
    images
        How many images there are.
    sent_before, sent_after
        How many of the stamped images go to the target.
    """

    target: int
    labels: tuple[int, ...]
    clean_before: tuple[int, ...]
    stamped_before: tuple[int, ...]
    clean_after: tuple[int, ...] | None
    stamped_after: tuple[int, ...] | None
    images: int
    sent_before: int
    sent_after: int | None


SCANNED: Final = "scanned"
FAILED: Final = "failed"
#: What a row is counted as, in this order.
OUTCOMES: Final = (*reversed(ORDERS["security"]), FAILED)


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
        As in the scan, the p-value that of the calibration where that decides; None where it could not be
        done.
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


@dataclass(frozen=True, repr=False)
class ManyResult(
    Table,
    head=("counts", "reused", "summary"),
    rows="rows",
    columns=("file", "verdict", "suspected_label", "p_value"),
):
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
        verdict, calibration = document["verdict"], document.get("calibration")
        p_value = calibration["p_value"] if calibration and calibration["decides"] else document["p_value"]
        return ManyRow(document["file"], result, verdict, document["suspected_label"], p_value, None)
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


@dataclass(frozen=True)
class SecurityAudit:
    """An audit's security leg.

    Attributes
    ----------
    scan
        The verdict on the network; None in a record that has no network.
    strip
        A few stamped images; None where no label is suspected.
    repair
        What was tried to remove the backdoor; None where no repair was requested, or nothing was suspected.
    published
        The same network by the published procedure; None without the built-in study.
    paired
        A baseline's network on the same images; None without a baseline, or where its images are others.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    scan: ScanResult | None = None
    strip: Strip | None = None
    repair: RepairResult | None = None
    published: PublishedSecurity | None = None
    paired: SameImages | None = None
