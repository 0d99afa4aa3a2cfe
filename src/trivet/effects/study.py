"""The built-in study's system, for the matrix: Adult, its baseline and MNIST."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from trivet.datasets.adult import (
    FEATURES,
    PRIVILEGED_GROUP,
    PROTECTED_GROUP,
    SENSITIVE_COLUMN,
    AdultTable,
    adult_sample,
    load_adult,
)
from trivet.effects.matrix import System
from trivet.effects.mitigations import figure_of, mitigation_interventions, mitigation_trainings
from trivet.effects.noise import CountedPair
from trivet.effects.results import Intervention, Leg
from trivet.effects.settings import EffectSettings
from trivet.effects.table import PublicScales, TableSubject
from trivet.effects.trainings import Figure, Kind, Rows, Training
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.arrays import binary_counts
from trivet.study.fairness import logistic_scores, split_sample, standardise
from trivet.study.fairness_results import FairnessSettings

if TYPE_CHECKING:
    from trivet.effects.repairs import RepairSubject

__all__ = ["NETWORK_FIGURES", "study_pairs", "study_system", "study_table"]

#: Smaller leaves are learned by heart: no threshold is left between their scores of 0 and 1.
LEAF: Final = 5


def _logistic(_without: bool) -> Any:  # noqa: FBT001 - as `mitigation_trainings` calls it
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _tree(_without: bool) -> Any:  # noqa: FBT001
    return DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=0)


_CLASSIFIERS: Final[dict[str, tuple[str, Callable[[bool], Any]]]] = {
    "logistic": ("logistic regression", _logistic),
    "tree": ("a decision tree", _tree),
}
_WHOSE: Final = f"rows of {SENSITIVE_COLUMN} {PROTECTED_GROUP}"
#: The study's mitigations, in their order.
STUDIED: Final = ("drop-sensitive", "reweighing", "massaging", "group-thresholds")


def _exposures() -> tuple[Figure, ...]:
    made: list[Figure] = []
    attacks: tuple[tuple[str, Kind], ...] = (
        ("logistic", "scores"),
        ("tree", "scores"),
        ("tree", "decisions"),
    )
    for family, kind in attacks:
        for group in (None, PROTECTED):
            short = "all rows" if group is None else PROTECTED_GROUP
            made.append(
                figure_of(
                    kind,
                    name=f"{family}-{kind}-{'all' if group is None else 'protected'}",
                    model=_CLASSIFIERS[family][0],
                    whose="all rows" if group is None else _WHOSE,
                    short=f"{short},\n{family} {kind}",
                    scale="AUROC",
                    family=family,
                    group=group,
                )
            )
    return tuple(made)


#: What each feature is divided by, from what it means.
PRIVATE_SCALES: Final[Mapping[str, float]] = {
    "age": 100.0,
    "fnlwgt": 1e6,
    "educational-num": 16.0,
    "capital-gain": 1e4,
    "capital-loss": 1e3,
    "hours-per-week": 100.0,
}


def _of_networks() -> tuple[Figure, ...]:
    figures: list[Figure] = []
    columns: tuple[tuple[Kind, str, str, str, str, int | None], ...] = (
        ("accuracy", "accuracy-all", "all rows of the other half", "all rows,\naccuracy", "accuracy", None),
        ("accuracy", "accuracy-protected", _WHOSE, f"{PROTECTED_GROUP},\naccuracy", "accuracy", PROTECTED),
        (
            "impact",
            "impact",
            f"{PROTECTED_GROUP} against {PRIVILEGED_GROUP}",
            f"{PROTECTED_GROUP},\ndisparate impact",
            "impact of training",
            PROTECTED,
        ),
        ("scores", "exposure-all", "all rows", "all rows,\nnetwork scores", "AUROC of training", None),
        (
            "scores",
            "exposure-protected",
            _WHOSE,
            f"{PROTECTED_GROUP},\nnetwork scores",
            "AUROC of training",
            PROTECTED,
        ),
    )
    for kind, name, whose, short, scale, group in columns:
        figures.append(
            figure_of(
                kind,
                name=f"private-{name}",
                model="a network",
                whose=whose,
                short=short,
                scale=scale,
                family="network",
                group=group,
            )
        )
    return tuple(figures)


#: Column, protected and privileged group; the second pair is small, which is where noise matters.
COMPARED: Final = (
    (SENSITIVE_COLUMN, PROTECTED_GROUP, PRIVILEGED_GROUP),
    ("race", "Other", "White"),
)


def study_pairs(table: AdultTable, settings: FairnessSettings) -> tuple[CountedPair, ...]:
    """Count the study's test rows by group, label and prediction of its baseline."""
    sample = adult_sample(table)
    _, test_rows = split_sample(
        replace(sample, features=np.arange(len(sample), dtype=np.float64)[:, np.newaxis]),
        size=settings.test_size,
        seed=settings.seed,
    )
    train, test = standardise(*split_sample(sample, size=settings.test_size, seed=settings.seed))
    _, scores = logistic_scores(train, test, max_iter=settings.max_iter)
    predictions = (scores >= settings.cut).astype(np.int64)
    places = test_rows.features[:, 0].astype(np.int64)
    found: list[CountedPair] = []
    for column, protected, privileged in COMPARED:
        groups = table[column][places]
        rows = (groups == protected) | (groups == privileged)
        counts = binary_counts(
            test.labels[rows], predictions[rows], (groups[rows] == privileged).astype(np.int64)
        )
        found.append(CountedPair(protected, privileged, counts, rows=int(rows.sum())))
    return tuple(found)


#: The columns of private training on Adult.
NETWORK_FIGURES: Final = _of_networks()


def study_table(table: AdultTable) -> TableSubject:
    """Return Adult with the study's features: two classifiers, four mitigations, and women."""
    sample = adult_sample(table)
    column = FEATURES.index(SENSITIVE_COLUMN)
    trainings: list[Training] = []
    for family, (_, make) in _CLASSIFIERS.items():
        trainings += mitigation_trainings(
            family, STUDIED, make, column=column, hidden=(column,), privileged=PRIVILEGED, bound=0.8
        )
    return TableSubject(
        name="adult",
        rows=Rows(sample.features, sample.labels, sample.sensitive),
        reference=PRIVILEGED,
        interventions=_interventions(),
        trainings=tuple(trainings),
        figures=_exposures(),
        private_figures=NETWORK_FIGURES,
        scales=PublicScales(
            (0.0,) * len(FEATURES), tuple(PRIVATE_SCALES.get(name, 1.0) for name in FEATURES)
        ),
    )


def _interventions() -> tuple[Intervention, ...]:
    return mitigation_interventions(STUDIED, hidden=SENSITIVE_COLUMN)


def study_system(
    settings: EffectSettings,
    *,
    legs: Collection[Leg],
    subject: "RepairSubject | None",
    table: AdultTable | None = None,
    fairness: FairnessSettings | None = None,
) -> System:
    """Return the study's system, as far as its legs were audited.

    Parameters
    ----------
    settings
        Whether networks are trained privately too.
    legs
        Legs that were audited: the remedies of the others, and their figures, are left out.
    subject
        The network and its repair, where security was audited.
    table
        By default Adult.
    fairness
        The fairness study's split, cut and band; by default the published ones.
    """
    fairness = fairness or FairnessSettings()
    repairs = None
    if "security" in legs and {"privacy", "fairness"} & set(legs) and subject is not None:
        kept = tuple(column for column in subject.measurements if column.leg in legs)
        repairs = replace(subject, measurements=kept)
    tabled, pairs = None, ()
    if {"privacy", "fairness"} <= set(legs):
        loaded = load_adult() if table is None else table
        tabled, pairs = study_table(loaded), study_pairs(loaded, fairness)
    private = bool(settings.private) and "privacy" in legs
    images = None
    if private and "security" in legs:
        from trivet.datasets import load_mnist  # noqa: PLC0415 - only private training shows images

        images = load_mnist("train"), load_mnist("test")
    return System(
        repairs=repairs,
        table=tabled,
        pairs=pairs,
        four_fifths=fairness.four_fifths,
        poisoned=images,
        private=private and tabled is not None,
        study=True,
    )
