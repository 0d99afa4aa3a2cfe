"""Results of a membership audit: frozen values only, readable without any heavy import."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import MinLen

from trivet.estimate import Columns, Estimate, Known
from trivet.result import Table

__all__ = [
    "A_ROW",
    "BARE",
    "AttackResult",
    "CanaryAudit",
    "Claim",
    "ClaimAudit",
    "ClaimTest",
    "Discoveries",
    "ExposedRow",
    "GroupExposure",
    "MembershipAudit",
    "RateAtFpr",
    "RocPoints",
]


#: The unit of an audit that names none.
A_ROW = "a row"
#: What is claimed of a training: a bare (epsilon, delta), or to tell no more than Gaussian noise.
Claim = Literal["epsilon-delta", "gaussian"]
BARE: Final[Claim] = "epsilon-delta"


@dataclass(frozen=True)
class RateAtFpr:
    """True positive rate of an attack at a low false positive rate.

    Attributes
    ----------
    fpr : The requested false positive rate, in (0, 1): at most this share of the non-members is accused.
    allowed : Non-members that may be accused: ``floor(fpr * non_members)``.
    true_positives, false_positives : Members and non-members with a score above the threshold, or None.
    threshold : The largest score of a non-member not to be accused, ties included; None without a rate.
    tpr : Members found over members, in [0, 1], by Clopper-Pearson; without a value for its `reason`.
    realised_fpr : Non-members accused over non-members, in [0, `fpr`], likewise.
    """

    fpr: float
    allowed: int
    true_positives: int | None
    false_positives: int | None
    threshold: float | None
    tpr: Estimate
    realised_fpr: Estimate


@dataclass(frozen=True)
class RocPoints(Columns):
    """The attack's ROC curve, thinned to at most 200 points that are even on a logarithmic FPR axis.

    Attributes
    ----------
    fpr, tpr : Equally long, in [0, 1], neither ever falls; from (0, TPR without any false positive) to (1,
        1). Each is the highest point of its FPR: to be drawn as steps to the right.
    """

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]


@dataclass(frozen=True)
class AttackResult:
    """Performance of one attack in separating members from non-members.

    Attributes
    ----------
    attack : Key of the attack: ``lira-online``, ``lira-offline``, ``rmia`` or ``quantile``.
    members, non_members : Rows attacked of either kind, or units where these are attacked, each at least 1.
    auroc : Area under the ROC curve, in [0, 1], ties half; 0.5 is guessing. The interval is that of `auroc`.
    rates : TPR at each requested false positive rate, in that order.
    balanced_accuracy : Best share of right guesses, half members, in [0.5, 1]; it flatters the attack.
    advantage : ``2 balanced_accuracy - 1``: TPR less FPR at the best threshold, in [0, 1].
    roc : The curve.
    """

    attack: str
    members: int
    non_members: int
    auroc: Known
    rates: Annotated[tuple[RateAtFpr, ...], MinLen(2)]
    balanced_accuracy: float
    advantage: float
    roc: RocPoints


@dataclass(frozen=True)
class GroupExposure:
    """Exposure of the members of one group.

    Attributes
    ----------
    column, group : The attribute and its value, ``sex`` and ``Female``.
    members, non_members : Rows of the group of either kind.
    auroc : AUROC within the group, in [0, 1].
    fpr : The requested false positive rate, in (0, 1).
    threshold : The common threshold, taken from the non-members of all groups.
    tpr : Members of the group above the common threshold, with the Clopper-Pearson interval, in [0, 1].
    true_positives, false_positives : Members and non-members of the group above the common threshold.
    realised_fpr : Non-members of the group above the common threshold, likewise.
    own : The rate at a threshold taken from the group's own non-members.
    """

    column: str
    group: str
    members: int
    non_members: int
    auroc: Estimate
    fpr: float
    threshold: float | None
    tpr: Estimate
    true_positives: int | None
    false_positives: int | None
    realised_fpr: Estimate
    own: RateAtFpr


@dataclass(frozen=True)
class CanaryAudit:
    """A lower bound on epsilon from one training run with planted rows.

    Attributes
    ----------
    canaries, included : Planted rows, and how many of them the fair coins put into training.
    guesses : Rows guessed about, those with the highest and the lowest scores; the others are abstained on.
    correct : Right guesses.
    expected_by_chance : Guesses that a model without any leak lets be right on average: half of them.
    epsilon_lower : The true epsilon at `delta` is at least this, at confidence `level`; 0 shows nothing.
    ceiling : The bound that so many guesses give when all are right.
    claim : What is claimed of the training: ``epsilon-delta``, or ``gaussian`` for no more than its noise.
    delta : The delta of the guarantee that is tested, in [0, 1).
    level : Confidence of the bound, in (0, 1).
    tried : Numbers of guesses that were tried; the confidence is corrected for them (Bonferroni).
    reason : What the bound says, or why it is 0.
    """

    canaries: int
    included: int
    guesses: int
    correct: int
    expected_by_chance: float
    epsilon_lower: float
    ceiling: float
    claim: Claim
    delta: float
    level: float
    tried: int
    reason: str


@dataclass(frozen=True)
class ClaimTest:
    """A bound on epsilon from one kind of rows whose membership a fair coin decided.

    Attributes
    ----------
    by : ``canaries`` for planted rows, or the key of the attack that scored the rows of the data.
    bound : The bound, at a level that is corrected for the number of tests of the claim.
    """

    by: str
    bound: CanaryAudit


@dataclass(frozen=True)
class ClaimAudit:
    """Test of the (epsilon, delta) that is claimed for a training.

    Attributes
    ----------
    epsilon, delta : The claim; epsilon above 0, delta in [0, 1).
    claim : ``epsilon-delta``, or ``gaussian`` where it is the privacy of Gaussian noise.
    verdict : ``violates`` where `epsilon_lower` exceeds `epsilon`, else ``consistent``, which proves nothing.
    epsilon_lower : The largest bound: the true epsilon at `delta` is at least this, at confidence `level`.
    best : What shows it, as the `by` of its test.
    ceiling : The largest epsilon that the tests could have shown.
    level : Confidence of all bounds together, in (0, 1).
    tests : One for each kind of tossed rows.
    reason : The verdict in one sentence.
    limits : What the tests could have seen and what they cannot say.
    """

    epsilon: float
    delta: float
    claim: Claim
    verdict: str
    epsilon_lower: float
    best: str
    ceiling: float
    level: float
    tests: Annotated[tuple[ClaimTest, ...], MinLen(1)]
    reason: str
    limits: str


@dataclass(frozen=True)
class Discoveries:
    """Members whom the attacks name while few of those named are not members.

    Attributes
    ----------
    fdr : False discovery rate: on average at most this share of the named are not members, in (0, 1).
    attack : Key of the attack, chosen on a quarter of the non-members.
    candidates : Rows or units that could be named: all members, and half of the non-members.
    calibrating : A quarter of the non-members, which says how high a score may come about.
    members, others : Named candidates that are members, and that are not.
    rows : Numbers of the named members in the data, from 0; of a unit its first row. They are personal data:
        a record and ``membership.json`` have none of them, ``exposed-rows.json`` has them.
    """

    fdr: float
    attack: str
    candidates: int
    calibrating: int
    members: int
    others: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class ExposedRow:
    """A member whom the attack is surest of: where it stands in the data, never what it says.

    Attributes
    ----------
    row : Row number in the data, from 0; of a unit its first row.
    score : Score of the best attack; higher is surer.
    """

    row: int
    score: float


@dataclass(frozen=True, repr=False)
class MembershipAudit(
    Table, head=("verdict", "reason"), rows="attacks", columns=("attack", "auroc", "advantage")
):
    """Membership-inference audit of a model.

    Attributes
    ----------
    data, rows, features, classes : Name of the data, its rows, features after encoding, and classes.
    model : What was trained, in words or as ``package.module:factory``.
    shadows : Shadow models, each trained on a random `shadow_share` of the rows; 0 for `quantile` alone.
    members, non_members : Rows inside and outside the audited model's training data.
    train_accuracy, test_accuracy : The audited model's accuracy on members and on non-members, in [0, 1].
    attacks : One result for each attack, in the order given, by the mean score of a `unit`'s rows.
    best_attack : Key of the attack with the highest AUROC; its scores are those of the groups and the rows.
    groups : Exposure of each group of each protected attribute; empty where none was given.
    most_exposed_column, most_exposed_group : The group measurably more exposed than the rest, or None.
    group_statement : The comparison of the groups in one sentence; empty where there are none.
    canaries : The audit with planted rows; None where it was not requested.
    verdict : ``exposed``; ``slight``, measurable but little; ``no evidence``, which does not prove privacy.
    reason : The verdict in one sentence.
    limits : What the audit could have seen and what it cannot say.
    exposed_rows : The most exposed members, most exposed first.
    seed : Seed of the halves, the trainings and the canaries.
    unit : Unit of membership, inside or outside as a whole: ``a row``, or the name of the column that says.
    row_attacks : The attacks on single rows, where a unit is named; the intervals respect that rows of one
        unit are not independent (Obuchowski 1997 for areas; for rates Clopper-Pearson on `effective_rows`).
        Empty where a row is the unit.
    shadow_share : Share of the rows, or units, that a shadow model is trained on, near the audited model's; 0
        without shadow models.
    device : Where the networks ran.
    claim : The test of a claimed epsilon; None where none is claimed.
    discoveries : The members who are named at a false discovery rate; None in a record without them.
    """

    data: str
    rows: int
    features: int
    classes: int
    model: str
    shadows: int
    members: int
    non_members: int
    train_accuracy: float
    test_accuracy: float
    attacks: Annotated[tuple[AttackResult, ...], MinLen(1)]
    best_attack: str
    groups: tuple[GroupExposure, ...]
    most_exposed_column: str | None
    most_exposed_group: str | None
    group_statement: str
    canaries: CanaryAudit | None
    verdict: str
    reason: str
    limits: str
    exposed_rows: tuple[ExposedRow, ...]
    seed: int
    unit: str = A_ROW
    row_attacks: tuple[AttackResult, ...] = ()
    shadow_share: float = 0.5
    device: str = "cpu"
    claim: ClaimAudit | None = None
    discoveries: Discoveries | None = None
