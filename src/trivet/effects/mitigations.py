"""Effect of fairness mitigations on membership inference, by group."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets.adult import PROTECTED_GROUP, SENSITIVE_COLUMN, Sample
from trivet.effects.results import Change, Intervention, Measurement, unmeasured
from trivet.errors import DataError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.mitigation.drop_sensitive import DropSensitive
from trivet.fairness.mitigation.labels import Massaging
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.mitigation.reweighing import Reweighing
from trivet.fairness.mitigation.thresholds.classifier import GroupThresholds
from trivet.privacy.membership.attacks import rmia_scores
from trivet.privacy.membership.rates import auroc
from trivet.privacy.membership.recipe import recipe_of, train
from trivet.privacy.membership.shadows import model_seed, shadow_halves, signals_of

__all__ = [
    "EXPOSURES",
    "MITIGATED",
    "MITIGATION_INTERVENTIONS",
    "SelfGrouped",
    "Trained",
    "attack_scores",
    "auroc_change",
    "auroc_influence",
    "change_over_samples",
    "divided_rows",
    "halves_of",
    "mean_auroc",
    "mitigation_changes",
    "train_pairs",
]


def _drop_sensitive(estimator: Any, column: int, seed: int) -> Any:
    return DropSensitive(estimator, columns=[column], proxy_folds=2, random_state=seed)


def _reweighing(estimator: Any, _column: int, _seed: int) -> Any:
    return Reweighing(estimator)


def _massaging(estimator: Any, _column: int, _seed: int) -> Any:
    return Massaging(estimator, privileged=PRIVILEGED)


def _group_thresholds(estimator: Any, _column: int, seed: int) -> Any:
    # Fitted again on all rows, so that the scores are those of the classifier without thresholds.
    return GroupThresholds(estimator, privileged=PRIVILEGED, refit=True, random_state=seed)


#: From a classifier, the place of the group among the features, and a seed to a mitigated classifier.
MITIGATED: Final[Mapping[str, Callable[[Any, int, int], Any]]] = {
    "drop-sensitive": _drop_sensitive,
    "reweighing": _reweighing,
    "massaging": _massaging,
    "group-thresholds": _group_thresholds,
}


class SelfGrouped(ClassifierMixin, BaseEstimator):
    """A mitigated classifier that reads each row's group, 0 or 1, from one of the features."""

    def __init__(self, estimator: Any, *, mitigation: str, column: int, random_state: int = 0) -> None:
        self.estimator = estimator
        self.mitigation = mitigation
        self.column = column
        self.random_state = random_state

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> Self:
        """Fit the mitigation, shapes (rows, features) and (rows,)."""
        build = MITIGATED[self.mitigation]
        self.mitigated_ = build(self.estimator, self.column, self.random_state).fit(
            X, y, sensitive_features=self._groups(X)
        )
        self.classes_ = self.mitigated_.classes_
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class for each row, which no threshold changes."""
        return self.mitigated_.predict_proba(X)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the decision about each row, shape (rows,)."""
        if isinstance(self.mitigated_, GroupThresholds):
            return self.mitigated_.predict(X, sensitive_features=self._groups(X))
        return self.mitigated_.predict(X)

    def _groups(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        return X[:, self.column].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Trained:
    """Signals of the models on rows, shapes (models, rows)."""

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]


def halves_of(labels: NDArray[np.int64], pairs: int, *, seed: int) -> NDArray[np.bool_]:
    """Draw who trains which model: models 2k and 2k + 1 are trained on the two halves of one division."""
    return shadow_halves(labels, 2 * pairs, generator=np.random.default_rng([seed, 0]))


def train_pairs(
    estimator: Any,
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    inside: NDArray[np.bool_],
    *,
    seed: int,
) -> Trained:
    """Train one model on each half, on one thread, and ask it about every row."""
    recipe = recipe_of(estimator)
    probability = np.empty(inside.shape)
    right = np.empty(inside.shape, dtype=np.bool_)
    for model, half in enumerate(inside):
        fitted = train(recipe, features[half], labels[half], seed=model_seed(seed, model))
        probability[model] = signals_of(fitted, features, labels, 2).probability[0]
        right[model] = fitted.predict(features) == labels
    return Trained(probability, right)


def attack_scores(trained: Trained, inside: NDArray[np.bool_], *, seed: int) -> NDArray[np.float64]:
    """Attack each model by RMIA with all models but itself and the one trained on the other half."""
    models, rows = inside.shape
    population = np.random.default_rng([seed, 1]).permutation(rows)
    scores = np.empty(inside.shape)
    for model in range(models):
        # The other half's model would give the attack away: one fewer of the rest would know a member.
        others = np.arange(models) // 2 != model // 2
        scores[model] = rmia_scores(
            trained.probability[model], trained.probability[others], inside[others], population
        )
    return scores


GROUP_THRESHOLDS: Final = "group-thresholds"
MITIGATION_INTERVENTIONS: Final = tuple(
    Intervention(name=name, title=title, short=short, leg="fairness", note=MITIGATIONS[name].note)
    for name, title, short in (
        ("drop-sensitive", f"the omission of {SENSITIVE_COLUMN}", f"without {SENSITIVE_COLUMN}"),
        ("reweighing", "reweighing", "reweighing"),
        ("massaging", "massaging", "massaging"),
        (GROUP_THRESHOLDS, "group thresholds", "group thresholds"),
    )
)
#: Smaller leaves are learned by heart: no threshold is left between their scores of 0 and 1.
LEAF: Final = 5
_BY_CONSTRUCTION: Final = "thresholds change decisions and leave every score as it was"


@dataclass(frozen=True)
class _Exposure:
    """Models under attack, and the rows that are attacked."""

    measurement: Measurement
    classifier: str
    decisions: bool
    protected: bool


def _logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _tree() -> Any:
    return DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=0)


_CLASSIFIERS: Final[dict[str, tuple[str, Callable[[], Any]]]] = {
    "logistic": ("logistic regression", _logistic),
    "tree": ("a decision tree", _tree),
}


def _exposures() -> tuple[_Exposure, ...]:
    made: list[_Exposure] = []
    for classifier, decisions in (("logistic", False), ("tree", False), ("tree", True)):
        called = _CLASSIFIERS[classifier][0]
        what = "decisions" if decisions else "scores"
        attack = "an attack by wrong decisions" if decisions else "the attack RMIA"
        for protected in (False, True):
            whose = f"rows of {SENSITIVE_COLUMN} {PROTECTED_GROUP}" if protected else "all rows"
            short = PROTECTED_GROUP if protected else "all rows"
            measurement = Measurement(
                name=f"{classifier}-{what}-{'protected' if protected else 'all'}",
                title=f"membership exposure of {whose} by {what} of {called}",
                short=f"{short},\n{classifier} {what}",
                leg="privacy",
                unit=f"AUROC of {attack}, from 0 to 1; 0.5 is guessing",
                scale="AUROC",
                better="lower",
                interval="Student's, over samples that share no row",
            )
            made.append(_Exposure(measurement, classifier, decisions, protected))
    return tuple(made)


_BY_NAME: Final = {exposure.measurement.name: exposure for exposure in _exposures()}
#: The columns of the mitigations, in their order.
EXPOSURES: Final = tuple(exposure.measurement for exposure in _BY_NAME.values())


def divided_rows(sample: Sample, *, rows: int, samples: int, seed: int) -> list[Sample]:
    """Draw samples of equal size that share no row."""
    drawn = np.random.default_rng([seed, 2]).permutation(len(sample))
    size = min(rows, len(sample)) // samples
    return [sample.take(np.sort(drawn[turn * size : (turn + 1) * size])) for turn in range(samples)]


def mitigation_changes(
    samples: Sequence[Sample],
    *,
    pairs: int,
    level: float,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> dict[tuple[str, str], Change]:
    """Train every classifier with and without every mitigation on every sample, and attack all of them."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for turn, sample in enumerate(samples):
        own = int(np.random.SeedSequence([seed, turn]).generate_state(1)[0])
        for place, areas in _exposed(sample, pairs=pairs, seed=own).items():
            found.setdefault(place, []).append(areas)
        progress((turn + 1) / len(samples))
    changes: dict[tuple[str, str], Change] = {}
    for (remedy, exposure), areas in found.items():
        before, after = zip(*areas, strict=True)
        change = change_over_samples(before, after, level=level)
        fixed = _is_fixed(remedy, decisions=_BY_NAME[exposure].decisions)
        changes[remedy, exposure] = replace(change, by_construction=_BY_CONSTRUCTION) if fixed else change
    return changes


def _exposed(sample: Sample, *, pairs: int, seed: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Measure each exposure without and with each mitigation on one sample."""
    inside = halves_of(sample.labels, pairs, seed=seed)
    column = sample.names.index(SENSITIVE_COLUMN)
    protected = sample.sensitive == PROTECTED

    def areas(estimator: Any, asked: Sequence[_Exposure]) -> dict[str, float]:
        trained = train_pairs(estimator, sample.features, sample.labels, inside, seed=seed)
        scores = {False: attack_scores(trained, inside, seed=seed), True: trained.right.astype(np.float64)}
        return {
            each.measurement.name: mean_auroc(
                scores[each.decisions], inside, protected if each.protected else None
            )
            for each in asked
        }

    found: dict[tuple[str, str], tuple[float, float]] = {}
    for classifier, (_, make) in _CLASSIFIERS.items():
        asked = [each for each in _BY_NAME.values() if each.classifier == classifier]
        without = areas(make(), asked)
        for remedy in MITIGATION_INTERVENTIONS:
            moved = [each for each in asked if not _is_fixed(remedy.name, decisions=each.decisions)]
            mitigated = SelfGrouped(make(), mitigation=remedy.name, column=column)
            with_it = without | (areas(mitigated, moved) if moved else {})
            found |= {(remedy.name, name): (area, with_it[name]) for name, area in without.items()}
    return found


def _is_fixed(remedy: str, *, decisions: bool) -> bool:
    """Tell whether a mitigation cannot change what is attacked."""
    return remedy == GROUP_THRESHOLDS and not decisions


FEWEST_SAMPLES = 3


def auroc_influence(
    scores: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the AUROC of scores, and what each row adds to its error.

    The mean of the products of two scores' influences, divided by the number of rows, is near the
    covariance of their AUROCs that DeLong, DeLong and Clarke-Pearson 1988 give for the same rows.
    """
    members, others = scores[inside], scores[~inside]
    p, q = len(members), len(others)
    if not p or not q:
        raise DataError("an AUROC compares members with others, and there are none of one kind.")
    both = rankdata(np.concatenate([members, others]))
    beaten = (both[:p] - rankdata(members)) / q
    beating = 1 - (both[p:] - rankdata(others)) / p
    value = float(beaten.mean())
    influence = np.empty(p + q)
    influence[inside] = (beaten - value) * (p + q) / p
    influence[~inside] = (beating - value) * (p + q) / q
    return value, influence


def auroc_change(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], *, level: float
) -> Change:
    """Return the change of an AUROC when the same rows are scored anew.

    The interval is the normal one of DeLong, DeLong and Clarke-Pearson 1988 for two correlated AUROCs. Where
    one of them is 0 or 1 its variance is 0, which so many rows do not prove: there the intervals of the two
    are joined as those of independent figures (Zou and Donner 2008).
    """
    first, one = auroc_influence(before, inside)
    second, other = auroc_influence(after, inside)
    if np.array_equal(rankdata(before), rankdata(after)):
        return Change(first, second, 0.0, 0.0, 0.0)
    difference = other - one
    variance = sum(
        float(np.var(difference[side], ddof=1)) * int(side.sum()) / len(side) ** 2
        for side in (inside, ~inside)
        if side.sum() > 1
    )
    change = second - first
    if {first, second} & {0.0, 1.0} or variance == 0:
        return _joined(before, after, inside, level)
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return _cut(first, second, change, reach)


def mean_auroc(
    scores: NDArray[np.float64], inside: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None
) -> float:
    """Return the mean AUROC of the attacks on several models."""
    chosen = np.ones(scores.shape[1], dtype=np.bool_) if rows is None else rows
    areas = [
        auroc_influence(said[chosen], half[chosen])[0] for said, half in zip(scores, inside, strict=True)
    ]
    return float(np.mean(areas))


def change_over_samples(before: Sequence[float], after: Sequence[float], *, level: float) -> Change:
    """Return the mean change of a figure that was measured without and with a remedy on several samples."""
    differences = np.subtract(after, before)
    samples = len(differences)
    if samples < FEWEST_SAMPLES:
        raise DataError(f"expected {FEWEST_SAMPLES} samples or more, found {samples}.")
    reach = float(t.ppf((1 + level) / 2, samples - 1) * np.std(differences, ddof=1) / math.sqrt(samples))
    return _cut(float(np.mean(before)), float(np.mean(after)), float(np.mean(differences)), reach)


def _joined(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], level: float
) -> Change:
    one, other = (auroc(scores[inside], scores[~inside], level=level) for scores in (before, after))
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return unmeasured(one.reason or other.reason or "the AUROC has no interval")
    first, second = one.number, other.number
    change = second - first
    down = math.hypot(second - other.low, one.high - first)
    up = math.hypot(other.high - second, first - one.low)
    return Change(first, second, change, max(change - down, -1.0), min(change + up, 1.0))


def _cut(first: float, second: float, change: float, reach: float) -> Change:
    return Change(first, second, change, max(change - reach, -1.0), min(change + reach, 1.0))
