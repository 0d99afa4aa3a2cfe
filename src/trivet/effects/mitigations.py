"""What do mitigations of a disparity do to how well the rows of each group are known from training?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trivet.effects.auroc_change import mean_auroc_change
from trivet.effects.change import Change
from trivet.effects.mitigated import SelfGrouped
from trivet.effects.results import Intervention, Measurement
from trivet.effects.trained_pairs import attack_scores, halves_of, train_pairs
from trivet.fairness.columns import PROTECTED
from trivet.fairness.mitigation.registry import MITIGATIONS
from trivet.fairness.study.adult import PROTECTED_GROUP, SENSITIVE_COLUMN
from trivet.fairness.study.sample import Sample

__all__ = [
    "EXPOSURES",
    "MITIGATION_INTERVENTIONS",
    "drawn_rows",
    "mitigation_changes",
]

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
    """What is attacked, of whose rows."""

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
                format=".4f",
                interval="DeLong over rows and Student over pairs of models, added",
            )
            made.append(_Exposure(measurement, classifier, decisions, protected))
    return tuple(made)


_EXPOSURES: Final = _exposures()
#: The columns of the mitigations, in their order.
EXPOSURES: Final = tuple(exposure.measurement for exposure in _EXPOSURES)


def drawn_rows(sample: Sample, rows: int, *, seed: int) -> Sample:
    """Draw so many rows at random; all where there are fewer."""
    if rows >= len(sample):
        return sample
    return sample.take(np.sort(np.random.default_rng([seed, 2]).permutation(len(sample))[:rows]))


def mitigation_changes(
    sample: Sample,
    *,
    pairs: int,
    level: float,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> dict[tuple[str, str], Change]:
    """Train every classifier with and without every mitigation, and attack all of them.

    Parameters
    ----------
    sample
        Rows, not scaled, whose sensitive feature is among the features.
    pairs
        Pairs of models for each, from 3.
    level
        Of the intervals, in (0, 1).
    seed
        Of the halves and the models, which are the same with and without a mitigation.
    progress
        Told the finished share of the trainings, 0 to 1.

    Returns
    -------
    dict
        By names of `MITIGATION_INTERVENTIONS` and of `EXPOSURES`.
    """
    inside = halves_of(sample.labels, pairs, seed=seed)
    column = sample.names.index(SENSITIVE_COLUMN)
    groups = {False: None, True: sample.sensitive == PROTECTED}
    asked = {name: [each for each in _EXPOSURES if each.classifier == name] for name in _CLASSIFIERS}
    remedies = {
        name: [each for each in MITIGATION_INTERVENTIONS if _moves(each, exposures)]
        for name, exposures in asked.items()
    }
    trainings = len(inside) * sum(1 + len(each) for each in remedies.values())
    done = count(1)

    def attacked(estimator: Any) -> dict[bool, NDArray[np.float64]]:
        trained = train_pairs(
            estimator,
            sample.features,
            sample.labels,
            inside,
            seed=seed,
            progress=lambda: progress(next(done) / trainings),
        )
        return {False: attack_scores(trained, inside, seed=seed), True: trained.right.astype(np.float64)}

    changes: dict[tuple[str, str], Change] = {}
    for classifier, (_, make) in _CLASSIFIERS.items():
        without = attacked(make())
        for remedy in MITIGATION_INTERVENTIONS:
            moves = remedy in remedies[classifier]
            mitigated = SelfGrouped(make(), mitigation=remedy.name, column=column)
            with_it = attacked(mitigated) if moves else without
            for each in asked[classifier]:
                fixed = remedy.name == GROUP_THRESHOLDS and not each.decisions
                before = without[each.decisions]
                after = before if fixed else with_it[each.decisions]
                change = mean_auroc_change(before, after, inside, level=level, rows=groups[each.protected])
                changes[remedy.name, each.measurement.name] = (
                    replace(change, by_construction=_BY_CONSTRUCTION) if fixed else change
                )
    return changes


def _moves(remedy: Intervention, exposures: Sequence[_Exposure]) -> bool:
    """Tell whether a mitigation can change any of the exposures, and so has to be trained."""
    return remedy.name != GROUP_THRESHOLDS or any(each.decisions for each in exposures)
