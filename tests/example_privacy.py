"""Plausible plans and audits for tests of their pictures and pages: no data, no model, no training."""

import dataclasses
from functools import cache

import numpy as np

from trivet.estimate import Estimate, Known
from trivet.privacy.code.results import CodeAudit, CodeFinding, NoiseCall
from trivet.privacy.mechanism.results import EventFinding, MechanismAudit
from trivet.privacy.membership.results import (
    AttackResult,
    CanaryAudit,
    ClaimAudit,
    ClaimTest,
    Discoveries,
    ExposedRow,
    GroupExposure,
    MembershipAudit,
    RateAtFpr,
    RocPoints,
)
from trivet.privacy.planning.dp_sgd import plan_training
from trivet.privacy.planning.plan import plan_queries
from trivet.privacy.planning.results import Plan
from trivet.privacy.planning.settings import PlanSettings, QuerySettings
from trivet.privacy.planning.training import TrainingPlan, TrainingSettings
from trivet.record import PrivacyLeg
from trivet.study.privacy import PrivacySettings, publish_privacy, study_plan
from trivet.verdict import CONSISTENT, EXPOSED, NO_EVIDENCE, UNKNOWN, VIOLATES

HOSTILE = '<script>alert("x")</script> $x^2$ \x1b[31m \\input{secret} 猫 \u202e'
STUDY_QUERIES = (QuerySettings(count=92, sensitivity=1.0),)


@cache
def example_plan(*, mixed=False, pure=False, group=1, name="residents by district") -> Plan:
    """The study's counts, or three kinds of queries; with delta, or without."""
    queries = STUDY_QUERIES
    if mixed:
        queries = (
            QuerySettings(name=name, cells=92, touches=1, count=4),
            QuerySettings(name="total income", kind="sum", bounds=(0.0, 200_000.0), share=2.0),
            QuerySettings(name="households", sensitivity=1.0, count=12),
        )
    value, threshold = (None, None) if mixed else (500.0, 505.0)
    settings = PlanSettings(
        epsilon=0.1,
        delta=0.0 if pure else 1e-5,
        group=group,
        value=value,
        threshold=threshold,
        queries=queries,
    )
    return plan_queries(settings, curves=True)


@cache
def example_training(*, sampling="both") -> TrainingPlan:
    """A small loop with much noise, whose losses are few to convolve."""
    loop = TrainingSettings(
        dataset_size=5_000, batch=50, epochs=4, noise_multiplier=4.0, delta=1e-6, sampling=sampling
    )
    return plan_training(loop, curves=True)


def finding(family, epsilon_lower, description="answer > 0.9") -> EventFinding:
    return EventFinding(
        family=family,
        description=description,
        direction="B against A",
        p_count=27_210,
        p_trials=50_000,
        p=Known(0.5442, 0.53862, None, 0.999, "Clopper-Pearson, one-sided"),
        q_count=10_288,
        q_trials=50_000,
        q=Known(0.20576, None, 0.21031, 0.999, "Clopper-Pearson, one-sided"),
        epsilon_lower=epsilon_lower,
    )


def example_mechanism(*, violates=False, name="shop.noise:noisy_count", text="1.5") -> MechanismAudit:
    findings = (
        finding("grid" if violates else "thresholds", 7.893 if violates else 0.94),
        finding("intervals", 0.936, description=text),
        finding("significand", 0.0),
    )
    return MechanismAudit(
        name=name,
        epsilon=1.0,
        delta=0.0,
        input_a="0",
        input_b="1",
        trials=100_000,
        proposing_trials=25_000,
        choosing_trials=25_000,
        testing_trials=50_000,
        error_rate=0.05,
        seed=0,
        verdict=VIOLATES if violates else CONSISTENT,
        epsilon_lower=findings[0].epsilon_lower,
        best=findings[0],
        findings=findings,
        events_proposed=829,
        events_tested=3,
        level=0.05 / 6,
        ceiling=9.2,
        visible_probability=0.0005,
        examples_a=(text, "-0.25"),
        examples_b=(text, "1.75"),
        reason=f"{findings[0].description} is what shows it best.",
        limits="This does not prove privacy.",
    )


def example_code(*, violates=False, name="release.py:release", text="with one row more, 90.0") -> CodeAudit:
    call = NoiseCall(
        site=f"release.py:12, {name.rpartition(':')[2]}",
        family="laplace",
        draws=1,
        scale=2.0,
        seen=6.0 if violates else 1.0,
        spent=3.0 if violates else 0.5,
        claimed=1.0,
        neighbour=text,
    )
    unseen = NoiseCall(
        site="release.py:15, release",
        family="gamma",
        draws=3,
        scale=None,
        seen=None,
        spent=None,
        claimed=None,
        neighbour="",
    )
    found = CodeFinding(
        kind="sensitivity",
        violates=True,
        site=call.site,
        message=f"One record moves what laplace noise is added to by 6: {text}.",
        claimed=1.0,
        seen=6.0,
        neighbour=text,
    )
    return CodeAudit(
        name=name,
        epsilon=1.0,
        delta=0.0,
        adjacency="add-remove",
        data=text,
        rows=8,
        runs=3,
        neighbours=60,
        failed=0,
        seed=0,
        verdict=VIOLATES if violates else UNKNOWN,
        epsilon_seen=3.0 if violates else None,
        calls=(call, unseen),
        findings=(found,) if violates else (),
        not_followed=() if violates else (text,),
        notes=(),
        reason=f"{text} is what shows it." if violates else f"It could not be followed {text}.",
        limits="Other paths may spend more.",
    )


def share(value, reason=None) -> Estimate:
    ends = (None, None) if value is None else (0.9 * value, 1.1 * value)
    return Estimate(value, *ends, 0.95, "Clopper-Pearson", reason)


def rate(fpr, tpr) -> RateAtFpr:
    return RateAtFpr(
        fpr=fpr,
        allowed=int(fpr * 24_000),
        true_positives=int(tpr * 24_000),
        false_positives=int(fpr * 24_000),
        threshold=1.2,
        tpr=share(tpr),
        realised_fpr=share(fpr),
    )


def attack(name, strength) -> AttackResult:
    """An attack whose ROC curve is x to the power of 1 / strength."""
    fpr = np.concatenate([[0.0], np.geomspace(1 / 24_000, 1, 150)])
    tpr = fpr ** (1 / strength)
    auroc = strength / (1 + strength)
    return AttackResult(
        attack=name,
        members=24_421,
        non_members=24_421,
        auroc=Known(auroc, auroc - 0.005, auroc + 0.005, 0.95, "DeLong"),
        rates=(rate(0.001, 0.001 ** (1 / strength)), rate(0.01, 0.01 ** (1 / strength))),
        balanced_accuracy=0.5 + 0.1 * (strength - 1),
        advantage=0.2 * (strength - 1),
        roc=RocPoints(tuple(fpr.tolist()), tuple(tpr.tolist())),
    )


def group(name, tpr, *, column="gender") -> GroupExposure:
    if tpr is None:
        missing = share(None, "only 3 non-members")
        own = RateAtFpr(0.01, 0, None, None, None, missing, missing)
        return GroupExposure(column, name, 4, 3, missing, 0.01, 1.2, missing, None, None, missing, own)
    return GroupExposure(
        column=column,
        group=name,
        members=8_000,
        non_members=8_100,
        auroc=Estimate(0.6, 0.58, 0.62, 0.95, "DeLong"),
        fpr=0.01,
        threshold=1.2,
        tpr=share(tpr),
        true_positives=80,
        false_positives=81,
        realised_fpr=share(0.01),
        own=rate(0.01, tpr),
    )


def example_canaries() -> CanaryAudit:
    return CanaryAudit(
        canaries=1_000,
        included=497,
        guesses=200,
        correct=164,
        expected_by_chance=100.0,
        epsilon_lower=1.2,
        ceiling=4.2,
        claim="epsilon-delta",
        delta=0.0,
        level=0.95,
        tried=1,
        reason="164 of 200 guesses were right.",
    )


def example_claim() -> ClaimAudit:
    return ClaimAudit(
        epsilon=1.0,
        delta=1e-5,
        claim="gaussian",
        verdict=VIOLATES,
        epsilon_lower=1.2,
        best="canaries",
        ceiling=4.2,
        level=0.95,
        tests=(ClaimTest("canaries", example_canaries()),),
        reason="By canaries, 164 of 200 guesses are right: epsilon is at least 1.20, not 1.",
        limits="Consistent does not prove privacy.",
    )


def example_membership(*, exposed=True, groups=None, data="Adult", model="tree") -> MembershipAudit:
    """A model that gives its members away, or one that does not."""
    strength = 1.5 if exposed else 1.002
    if groups is None:
        groups = (group("Female", 0.06), group("Male", 0.03), group("other", None))
    return MembershipAudit(
        data=data,
        rows=48_842,
        features=108,
        classes=2,
        model=model,
        shadows=64,
        members=24_421,
        non_members=24_421,
        train_accuracy=0.9999,
        test_accuracy=0.8132,
        attacks=(
            attack("lira-online", strength),
            attack("lira-offline", strength - 0.001),
            attack("rmia", 1.3),
            attack("quantile", 1.2),
        ),
        best_attack="lira-online",
        groups=groups,
        most_exposed_column="gender" if exposed and groups else None,
        most_exposed_group=groups[0].group if exposed and groups else None,
        group_statement="The members of gender Female are found most often." if groups else "",
        canaries=example_canaries(),
        verdict=EXPOSED if exposed else NO_EVIDENCE,
        reason="The attack finds far more members than guessing.",
        limits="No evidence does not prove privacy.",
        exposed_rows=(ExposedRow(17, 9.5),),
        seed=0,
        claim=example_claim() if exposed else None,
        discoveries=Discoveries(
            0.05, "lira-online", 36_631, 6_105, 412 if exposed else 0, 20 if exposed else 0, ()
        ),
    )


def without_canaries(audit: MembershipAudit) -> MembershipAudit:
    return dataclasses.replace(audit, canaries=None)


@cache
def studied_privacy() -> PrivacyLeg:
    """The study's plan, and the published exercises beside it."""
    settings = PrivacySettings()
    plan = plan_queries(study_plan(settings), curves=True)
    return PrivacyLeg(plan, published=publish_privacy(settings, plan))


def hostile_membership():
    groups = tuple(group(HOSTILE[i:], 0.01 * (i + 1), column=HOSTILE) for i in range(3))
    return example_membership(groups=groups, data=HOSTILE, model=HOSTILE)
