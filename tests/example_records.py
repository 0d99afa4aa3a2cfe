"""Plausible records, of the study and of a system without it: no network, no data, no study but privacy's.

Security and fairness are typed in from the published figures and what lies near them; what follows
from other values (scores, rates, intervals) is computed, so that the parts agree with each other.
"""

import dataclasses
from functools import cache
from statistics import median

import numpy as np

from example_effects import example_effects
from example_fairness import example_audit, example_comparison
from example_privacy import (
    example_code,
    example_mechanism,
    example_membership,
    example_plan,
    example_training,
    studied_privacy,
)
from example_scan import attempt, example_scan
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import judged
from trivet.fairness.auditing.mitigations import comparison_statement, model_outcome
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.results import (
    FairnessComparison,
    FittedThresholds,
    GroupThreshold,
    ModelOutcome,
)
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.comparisons import difference_interval, ratio_interval
from trivet.record import SCHEMA_VERSION, AuditInfo, AuditRecord, FairnessLeg, PrivacyLeg
from trivet.security.results import (
    BeforeAfter,
    CheckpointInfo,
    ConfusionPair,
    FractionSweep,
    PublishedSecurity,
    PublishedSettings,
)
from trivet.security.scanning.results import SecurityAudit
from trivet.study.fairness_results import (
    ConfusionCounts,
    FairnessCorrection,
    FairnessSettings,
    GroupConfusion,
    GroupRates,
    ModelChange,
    PublishedFairness,
    PublishedModel,
    SwapSweep,
    ThresholdFit,
)

TARGET = 4
NORMS = (135.8, 74.4, 96.8, 74.3, 9.8, 107.8, 164.0, 83.4, 178.7, 145.0)


@cache
def example_record() -> AuditRecord:
    """All three legs, the suspect being label 4."""
    return AuditRecord(
        schema_version=SCHEMA_VERSION,
        audit=AuditInfo(title="An example audit", seed=0),
        security=example_security(),
        privacy=studied_privacy(),
        fairness=example_fairness(),
    )


@cache
def example_own_record() -> AuditRecord:
    """The same, with another plan, and audits of privacy and of fairness of the user's own."""
    record = example_record()
    privacy = dataclasses.replace(
        record.privacy,
        plan=example_plan(mixed=True, group=3),
        mechanisms=(example_mechanism(), example_mechanism(violates=True)),
        membership=example_membership(),
        training=example_training(),
        code=(example_code(), example_code(violates=True)),
    )
    comparison = dataclasses.replace(record.fairness.comparison, repeats=8)
    fairness = dataclasses.replace(record.fairness, audit=example_audit(), comparison=comparison)
    return dataclasses.replace(record, privacy=privacy, fairness=fairness, effects=example_effects())


@cache
def example_triggers() -> dict[str, np.ndarray]:
    """Those of the scan, and published ones: a small bright square for label 4, else spread blobs."""
    generator = np.random.default_rng(4)
    masks, patterns = [], []
    for label, norm in enumerate(NORMS):
        mask = _square() if label == TARGET else _blob(generator)
        for _ in range(8):  # a norm near the record's, within [0, 1]
            mask = np.clip(mask * norm / mask.sum(), 0, 1)
        masks.append(mask)
        patterns.append(np.clip(generator.normal(0.5, 0.25, (28, 28)) + 0.5 * (mask > 0.5), 0, 1))
    return {
        "published.mask": np.stack(masks)[:, None].astype(np.float32),
        "published.pattern": np.stack(patterns)[:, None].astype(np.float32),
        **example_scan(repaired=True).audit[1],
    }


def example_security() -> SecurityAudit:
    """Read the published figures of model 4, beside a scan and a repair that worked."""
    audit, _ = example_scan(repaired=True, mismatch=True).audit
    checkpoint = CheckpointInfo(
        source="archive",
        name="poisened_model_4.pth",
        sha256="5d" * 32,
        architecture="mnist-cnn",
        parameters=1_199_882,
        expected_label=TARGET,
    )
    centre = median(NORMS)
    spread = median(abs(norm - centre) for norm in NORMS)
    return dataclasses.replace(
        audit,
        scan=dataclasses.replace(audit.scan, checkpoint=checkpoint),
        repair=dataclasses.replace(
            audit.repair,
            requested="unlearn, fine-tune",
            attempts=(attempt("unlearn", 0.0031), attempt("fine-tune", 0.812, reason="it still succeeds")),
        ),
        published=PublishedSecurity(
            settings=PublishedSettings(
                profile="high-fidelity",
                steps=500,
                images=10_000,
                batch_size=128,
                learning_rate=0.1,
                mask_penalty=0.01,
                pattern_penalty=0.001,
                kappa=3.5,
                unlearning_fraction=0.2,
                unlearning_epochs=1,
                unlearning_learning_rate=1e-3,
            ),
            expected_label=TARGET,
            detected_label=TARGET,
            agrees=True,
            outlier=False,
            norms=NORMS,
            modified_z=tuple(0.6745 * (norm - centre) / spread for norm in NORMS),
            detected_norm=NORMS[TARGET],
            detected_z=0.6745 * (NORMS[TARGET] - centre) / spread,
            median_norm=centre,
            norm_ratio=NORMS[TARGET] / centre,
            runner_up_label=3,
            runner_up_norm=NORMS[3],
            z_floor=-0.6745 * centre / spread,
            z_floor_above_bound=True,
            mask_pixels=8,
            target_share=0.0982,
            clean_accuracy=BeforeAfter(before=0.3518, after=0.9637),
            asr=BeforeAfter(before=0.9940, after=0.1083),
            asr_fell=True,
            confusion=ConfusionPair(
                before=_confusion(0.35, towards=1),
                after=_confusion(0.9637),
                recall=BeforeAfter(before=0.415, after=0.9637),
                favourite_label_before=1,
                favourite_share_before=0.451,
                favourite_share_after=0.1,
            ),
            fraction_sweep=FractionSweep(
                images=3_000,
                fraction=(0.0, 0.1, 0.2, 0.3, 0.4),
                clean_accuracy=(0.3577, 0.9313, 0.9300, 0.9257, 0.9207),
                asr=(0.9927, 0.2107, 0.1560, 0.1630, 0.1573),
                best_fraction=0.2,
                best_asr=0.1560,
                best_clean_accuracy=0.93,
                repeats_published=True,
                monotone=False,
            ),
            image_steps=640_000,
            same_as_scan=True,
        ),
    )


def example_fairness() -> FairnessLeg:
    """Table I, with the sound comparison beside it."""
    comparison = studied_comparison()
    return FairnessLeg(comparison.baseline, comparison, published_fairness())


def published_fairness() -> PublishedFairness:
    return PublishedFairness(
        dataset="Adult",
        rows=48_842,
        train_rows=34_189,
        test_rows=14_653,
        test_protected=4_917,
        test_privileged=9_736,
        features=("age", "fnlwgt", "educational-num", "race", "gender", "hours-per-week"),
        sensitive_feature="gender",
        protected_group="Female",
        privileged_group="Male",
        positive_class=">50K",
        settings=FairnessSettings(),
        baseline=_model(0.82106, 0.036404, 0.203985, zemel=0.0407),
        promotion_demotion=_model(0.81983, 0.032337, 0.207988, zemel=0.0438),
        no_gender=_model(0.81451, 0.084401, 0.165160, zemel=0.0197),
        reweighed=_model(0.81403, 0.093756, 0.157310, zemel=0.1102),
        group_thresholds=_model(0.79949, 0.164328, 0.159670, zemel=0.1133),
        swaps=10,
        thresholds=GroupRates(protected=0.175, privileged=0.575),
        thresholds_fit=ThresholdFit(rows=34_189, accuracy=0.8003, disparate_impact=0.9992),
        swap_sweep=SwapSweep(
            k=(0, 5, 10, 20, 50, 100, 200, 500, 1000),
            promoted=(0, 5, 10, 20, 50, 100, 200, 500, 1000),
            demoted=(0, 5, 10, 20, 50, 100, 200, 430, 430),
            accuracy=(0.8211, 0.8206, 0.8198, 0.8189, 0.8171, 0.8146, 0.8098, 0.7993, 0.7902),
            disparate_impact=(0.1785, 0.1681, 0.1555, 0.1402, 0.1018, 0.0702, 0.0421, 0.0108, 0.0081),
            gap=(0.8215, 0.8319, 0.8445, 0.8598, 0.8982, 0.9298, 0.9579, 0.9892, 0.9919),
            tolerance=0.03,
            best_k=0,
            best_accuracy=0.8211,
            best_gap=0.8215,
        ),
        promotion_widens_gap=True,
        best_by_gap="the model with group thresholds",
        best_by_proxy="the model without the sensitive feature",
        worst_by_proxy="the model with group thresholds",
        proxy_ranks_alike=False,
        correction=FairnessCorrection(
            massaging_swaps=1485,
            massaging_narrows_gap=True,
            massaging_sweep=SwapSweep(
                k=(0, 250, 500, 750, 1000, 1250, 1485, 1500, 1750, 2000),
                promoted=(0, 250, 500, 750, 1000, 1250, 1485, 1500, 1750, 2000),
                demoted=(0, 250, 500, 750, 1000, 1250, 1485, 1500, 1750, 2000),
                accuracy=(0.8211, 0.8196, 0.8167, 0.8122, 0.8071, 0.8012, 0.7960, 0.7956, 0.7889, 0.7811),
                disparate_impact=(0.1785, 0.271, 0.388, 0.516, 0.652, 0.803, 0.944, 0.953, 1.118, 1.302),
                gap=(0.8215, 0.729, 0.612, 0.484, 0.348, 0.197, 0.056, 0.047, 0.118, 0.302),
                tolerance=0.03,
                best_k=1500,
                best_accuracy=0.7956,
                best_gap=0.047,
            ),
            base_rates=GroupRates(protected=0.1092, privileged=0.3038),
            fit_rows=25_641,
            proxy_auc=0.7312,
        ),
    )


@cache
def studied_comparison() -> FairnessComparison:
    """The sound comparison on the study's test rows, measured on counts that are made up."""
    baseline = _group_counts(0.82106, 0.036404, 0.203985)
    thresholds = FittedThresholds(
        8_548,
        0.8102,
        0.8003,
        (GroupThreshold("Female", (0.2131,)), GroupThreshold("Male", (0.5637,))),
    )
    models = (
        _outcome("baseline", "without mitigation", baseline, None),
        _outcome("massaging", "massaging", _group_counts(0.7960, 0.159446, 0.168905), -0.0251),
        dataclasses.replace(
            _outcome(
                "group-thresholds", "group thresholds", _group_counts(0.8092, 0.136871, 0.166443), -0.0119
            ),
            thresholds=thresholds,
            needs_group=True,
        ),
    )
    return FairnessComparison(
        baseline=audit_counts(baseline, data="Adult, test rows", label="income", privileged="Male"),
        estimator="logistic",
        features=("age", "fnlwgt", "educational-num", "race", "gender", "hours-per-week"),
        columns=("gender",),
        reference="Male",
        train_rows=34_189,
        test_rows=14_653,
        validation=0.25,
        repeats=0,
        kept=0.8,
        seed=0,
        models=models,
        statement=comparison_statement(models, four_fifths=0.8),
    )


def _outcome(name: str, title: str, counts: GroupCounts, change: float | None) -> ModelOutcome:
    return model_outcome(
        ModelOutcome(name, title, "before", "", needs_group=False, note="As it was fitted.", failed=False),
        counts,
        [],
        1,
        change=None
        if change is None
        else Estimate(change, change - 0.004, change + 0.004, 0.95, "Newcombe paired hybrid score"),
        four_fifths=0.8,
        level=0.95,
    )


def _group_counts(accuracy: float, protected: float, privileged: float) -> GroupCounts:
    confusion = _group_confusion(accuracy, protected, privileged)
    table = [
        [[each.true_negative, each.false_positive], [each.false_negative, each.true_positive]]
        for each in (confusion.protected, confusion.privileged)
    ]
    return GroupCounts(("gender",), (("Female",), ("Male",)), ("<=50K", ">50K"), np.array(table))


def _confusion(accuracy: float, towards: int | None = None) -> tuple[tuple[float, ...], ...]:
    """Rows with `accuracy` on the diagonal; the rest spread evenly, or mostly on one label."""
    rows = []
    for true in range(10):
        row = np.full(10, (1 - accuracy) / 9)
        row[true] = accuracy
        if towards not in {None, true}:
            row = 0.4 * row
            row[towards] += 0.6
        rows.append(tuple(float(each) for each in row / row.sum()))
    return tuple(rows)


def _group_confusion(accuracy: float, protected: float, privileged: float) -> GroupConfusion:
    """Counts of given accuracy and selection rates on 4,917 women and 9,736 men."""
    return GroupConfusion(
        protected=_counts(4_917, positives=537, selected=round(protected * 4_917), accuracy=accuracy + 0.08),
        privileged=_counts(
            9_736, positives=2_960, selected=round(privileged * 9_736), accuracy=accuracy - 0.04
        ),
    )


def _model(accuracy: float, protected: float, privileged: float, *, zemel: float) -> PublishedModel:
    counts = _group_confusion(accuracy, protected, privileged)
    shares = _selected(counts.protected), 4_917, _selected(counts.privileged), 9_736
    impact, difference = ratio_interval(*shares), difference_interval(*shares)
    r0, r1 = shares[0] / 4_917, shares[2] / 9_736
    return PublishedModel(
        accuracy=accuracy,
        disparate_impact=impact,
        gap=abs(1 - r0 / r1),
        demographic_parity_difference=difference,
        zemel_proxy=zemel,
        counts=counts,
        rates=GroupRates(protected=r0, privileged=r1),
        true_positive_rates=_rates(counts, "true_positive", "false_negative"),
        false_positive_rates=_rates(counts, "false_positive", "true_negative"),
        verdict=judged(impact, four_fifths=0.8),
        change=ModelChange(
            accuracy=accuracy - 0.82106,
            disparate_impact=r0 / r1 - 0.1785,
            gap=abs(1 - r0 / r1) - 0.8215,
            protected=r0 - 0.036404,
            privileged=r1 - 0.203985,
        ),
    )


def _counts(rows: int, *, positives: int, selected: int, accuracy: float) -> ConfusionCounts:
    errors = round((1 - accuracy) * rows)
    hits = min(max((selected + positives - errors) // 2, 1), selected - 1, positives - 1)
    return ConfusionCounts(
        true_positive=hits,
        false_positive=selected - hits,
        true_negative=rows - positives - selected + hits,
        false_negative=positives - hits,
    )


def _selected(counts: ConfusionCounts) -> int:
    return counts.true_positive + counts.false_positive


def _rates(counts: GroupConfusion, hit: str, miss: str) -> GroupRates:
    shares = {}
    for name in ("protected", "privileged"):
        hits, misses = (getattr(getattr(counts, name), field) for field in (hit, miss))
        shares[name] = hits / (hits + misses)
    return GroupRates(**shares)


def _square() -> np.ndarray:
    mask = np.full((28, 28), 1e-3)
    mask[23:27, 23:27] = np.outer((0.5, 0.8, 0.8, 0.5), (0.5, 1.0, 1.0, 0.5))
    return mask


def _blob(generator: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[0:28, 0:28]
    mask = np.full((28, 28), 1e-3)
    for _ in range(5):
        row, column = generator.uniform(6, 22, 2)
        mask += np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 14)
    return mask


def own_record(security=None, privacy=None, fairness=None):
    """A record without the study."""
    return AuditRecord(SCHEMA_VERSION, AuditInfo("Ours", 3), security, privacy, fairness)


@cache
def whole_own_record():
    """Everything that a record without the study can have, and its triggers."""
    security, triggers = example_scan(repaired=True).audit
    privacy = PrivacyLeg(
        example_plan(),
        (example_mechanism(), example_mechanism(violates=True)),
        example_membership(),
        training=example_training(),
        code=(example_code(), example_code(violates=True)),
    )
    return own_record(security, privacy, FairnessLeg(example_audit(), example_comparison())), triggers
