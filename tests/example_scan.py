"""A plausible scan for tests of its pictures and its page: any number of labels, no network, no data."""

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np

from trivet.estimate import known
from trivet.fairness.intervals.shares import share_interval
from trivet.paired import paired_difference_interval
from trivet.record import STRIP_PIXELS
from trivet.report.figures.scan import Scanned
from trivet.security.repairs.results import (
    Relearning,
    RepairAttempt,
    RepairBounds,
    RepairedRate,
    RepairResult,
)
from trivet.security.results import CheckpointInfo, ContractCandidate, ContractCheck
from trivet.security.scanning.results import (
    BenchmarkRate,
    Calibration,
    DetectorResult,
    ImagesInfo,
    KindSearch,
    LabelScan,
    ScanResult,
    SecurityAudit,
    StampCell,
    Strip,
)

SUSPECT = 4
HOSTILE_NAMES = (
    '<script>alert("x")</script>',
    "$x^2$",
    "\x1b[31mred\x07\nand more",
    "a" * 300,
    "猫は可愛い",
    "\u202eright to left\u2066",
    r"\$100 \input{secret} $",
    "--> ]]> ''' \"",
    "עברית",
    "",
)


def rate(kind, count, networks) -> BenchmarkRate:
    return BenchmarkRate(kind, count, networks, known(share_interval(count, networks)), "an attack")


def example_calibration(score, *, reference) -> Calibration:
    """The score is the highest of 40, where there is a reference."""
    return Calibration(
        score=score,
        strongest="patch",
        networks=39 if reference else 0,
        as_strong=0,
        p_value=0.025 if reference else None,
        decides=reference,
        reference="reference" if reference else None,
        sha256="cd" * 32 if reference else None,
        accuracy=(0.96, 0.98) if reference else None,
        clean=rate("clean", 0, 7),
        not_searched=(rate("of many parts", 0, 2),),
        summary="calibrated against 39 clean networks."
        if reference
        else "uncalibrated: it rests on a model.",
    )


def contract(*, mismatch=False) -> ContractCheck:
    unit = ContractCandidate("[0,1]", 1.0, (0.0,), (1.0,), 0.3518, 500)
    half = ContractCandidate("(x-0.5)/0.5", 1.0, (0.5,), (0.5,), 0.9827, 500)
    finding = "The declared input contract [0,1] gives clean accuracy 0.3518; (x-0.5)/0.5 gives 0.9827."
    return ContractCheck(
        declared=unit if mismatch else half,
        best=half,
        candidates=(unit, half),
        loss=0.6309 if mismatch else 0.0,
        tolerance=0.05,
        mismatch=mismatch,
        finding=finding if mismatch else None,
    )


@dataclass(frozen=True, eq=False)
class ExampleScan(Scanned):
    """A scan, and the strip, its pixels and the repair that go with it."""

    strip: Strip | None = None
    pixels: np.ndarray | None = None
    repair: RepairResult | None = None

    @property
    def audit(self):
        """The security leg of a record, and its triggers."""
        triggers = {"scan.mask": self.masks, "scan.pattern": self.patterns}
        if self.pixels is not None:
            triggers[STRIP_PIXELS] = self.pixels
        return SecurityAudit(self.result, self.strip, self.repair), triggers


@cache
def example_scan(
    *,
    classes=10,
    suspected=True,
    names=None,
    channels=1,
    size=(28, 28),
    repaired=False,
    empty=False,
    mismatch=False,
) -> ExampleScan:
    """Label 4's trigger is a small bright square; where there are many labels, most are left early."""
    rng = np.random.default_rng(classes)
    compared = set(range(classes)) if classes <= 24 else {*range(0, classes, 5), SUSPECT}
    norms = rng.normal(math.log(90), 0.2, classes)
    norms[[label not in compared for label in range(classes)]] += 1
    if suspected:
        norms[SUSPECT] -= 2
    early = [label not in compared for label in range(classes)]
    log_scores = np.where(early, scores(norms, range(classes)), scores(norms, sorted(compared)))
    margins = rng.normal(20, 4, classes)
    margins[SUSPECT] = 70 if suspected else 10
    margin_scores = scores(margins, range(classes))
    height, width = size
    masks = np.clip(rng.normal(0.1, 0.1, (classes, 1, height, width)), 0, 1)
    if suspected:
        masks[SUSPECT] = 0
        masks[SUSPECT, 0, -6:-2, -6:-2] = 1
    if empty:
        masks, norms = masks * 0, norms * 0 - 40
    named = {SUSPECT} if suspected else {int(np.argmin(norms)), int(np.argmax(margins))}
    labels = tuple(
        LabelScan(
            label=label,
            name=names[label] if names else str(label),
            l1=0.0 if empty else float(np.exp(norms[label])),
            log_score=None if empty else float(log_scores[label]),
            asr=0.99,
            margin=float(margins[label]),
            margin_score=float(margin_scores[label]),
            refined_l1=16.0 if label in named else None,
            steps=(60 if label in compared else 20) + 80 * (label in named),
        )
        for label in range(classes)
    )
    first, second = (SUSPECT, SUSPECT) if suspected else (int(np.argmin(norms)), int(np.argmax(margins)))
    result = ScanResult(
        checkpoint=CheckpointInfo("file", "network.safetensors", "ab" * 32, "mnist-cnn", 598_282, None),
        images=ImagesInfo("mnist/test", 10_000, classes, (channels, height, width)),
        contract=contract(mismatch=mismatch),
        verdict="backdoored" if suspected else "no evidence",
        suspected_label=SUSPECT if suspected else None,
        p_value=0.0001 if suspected else 0.61,
        reason="Both methods name label 4 (p below 0.001)." if suspected else "No label stands out (p 0.61).",
        limits="No evidence is not a certificate.",
        opinions=(
            DetectorResult(
                "trigger inversion", first, float(log_scores[first]), 0.0003 if suspected else 0.8
            ),
            DetectorResult(
                "maximum margin", second, float(margin_scores[second]), 0.0002 if suspected else 0.7
            ),
        ),
        labels=labels,
        looks=1 if classes <= 24 else 2,
        seeds=(0,),
        image_steps=8_192,
        seed=0,
        threads=1,
        searches=(
            KindSearch(
                "patch",
                "a small mask",
                "found",
                SUSPECT,
                0.99,
                0.2,
                8_192,
                2.5,
                benchmark=rate("patch", 11, 12),
            ),
            KindSearch("spread", "a change of every pixel", "not run", None, None, None, 0),
            KindSearch(
                "any label",
                "at most 9 cells",
                "found",
                None,
                0.93,
                None,
                8_388,
                1.4,
                stamp=tuple(StampCell(1, column, 1, (1.0,) * channels) for column in (1, 2)),
            ),
        )
        if suspected
        else (
            KindSearch("patch", "a small mask", "not found", None, 0.99, None, 8_192, 0.4),
            KindSearch("spread", "a change of every pixel", "not found", 3, 0.21, 0.19, 1_866, 0.1),
        ),
        calibration=example_calibration(2.5 if suspected else 0.4, reference=suspected),
    )
    masks = masks.astype(np.float32)
    patterns = rng.random((classes, channels, height, width)).astype(np.float32)
    if suspected:
        patterns[SUSPECT] = 1
    shown = strip(masks, patterns, repaired=repaired) if suspected else (None, None)
    return ExampleScan(result, masks, patterns, *shown, example_repair() if repaired else None)


def example_repair(*, removed=True) -> RepairResult:
    """Pruning fails, unlearning works, or fails as well; the attacker's trigger is known."""
    failed = attempt("clp", 0.62, reason="the reconstructed trigger still succeeds on 62.0% of the images")
    second = attempt("unlearn", 0.003) if removed else attempt("unlearn", 0.31, reason="it still succeeds")
    return RepairResult(
        requested="auto",
        target=SUSPECT,
        removed=removed,
        chosen="unlearn" if removed else None,
        attempts=(failed, second),
        summary="unlearn removed the backdoor." if removed else "The backdoor was not removed.",
        bounds=RepairBounds(),
        working_images=5_000,
        held_out_images=4_999,
        seed=0,
        outcome="removed" if removed else "not removed",
    )


def rate_of(value, images=4_499):
    """A rate that a repair is judged by, with its interval."""
    return known(dataclasses.replace(share_interval(round(value * images), images), value=value))


def repaired_rate(before, after):
    return RepairedRate(rate_of(before), rate_of(after))


def attempt(method, asr, *, reason=None) -> RepairAttempt:
    return RepairAttempt(
        method=method,
        removed=reason is None,
        reason=reason,
        work="three epochs on stamped images with their true labels",
        image_steps=15_360,
        clean_accuracy=repaired_rate(0.9827, 0.9791),
        asr=repaired_rate(0.9989, asr),
        robust_accuracy=repaired_rate(0.0011, 0.9712),
        true_trigger_asr=repaired_rate(0.9996, 0.0058),
        second_verdict=None if reason else "no evidence",
        outcome="not removed" if reason else "removed",
        accuracy_loss=known(paired_difference_interval(4_880, 33, 15, 71)),
        unstamped=repaired_rate(0.0019, 0.0017),
        relearning=None
        if reason
        else Relearning(
            asr=rate_of(0.0613),
            true_trigger_asr=rate_of(0.0921),
            attacked=rate_of(0.9984),
            unknown=rate_of(0.0204),
            stamped=5,
            clean=315,
            steps=40,
            learning_rate=1e-4,
        ),
    )


def scores(values, references):
    drawn = [values[label] for label in references]
    centre = median(drawn)
    return (values - centre) / (1.4826 * median(abs(value - centre) for value in drawn))


def strip(masks, patterns, *, repaired):
    """All clean images are right but the last; all stamped ones get label 4, until the repair."""
    rng = np.random.default_rng(1)
    labels = tuple(label for label in range(min(len(masks), 9)) if label != SUSPECT)
    pixels = rng.random((len(labels), *patterns.shape[1:])).astype(np.float32)
    clean = (*labels[:-1], 0)
    shown = Strip(
        target=SUSPECT,
        labels=labels,
        clean_before=clean,
        stamped_before=(SUSPECT,) * len(labels),
        clean_after=labels if repaired else None,
        stamped_after=clean if repaired else None,
        images=len(labels),
        sent_before=len(labels),
        sent_after=0 if repaired else None,
    )
    return shown, pixels
