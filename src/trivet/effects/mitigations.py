"""Effect of fairness mitigations on membership inference, by group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trivet.effects.auroc_change import change_over_samples, mean_auroc
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
    "divided_rows",
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
                format=".4f",
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
