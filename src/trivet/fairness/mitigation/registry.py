"""Registry of the mitigations: what each does, and how it wraps a classifier."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from trivet.fairness.columns import Group
from trivet.wording import one_line

__all__ = ["MITIGATIONS", "changed_labels", "drawn_classifiers", "proxies", "thresholds", "weights"]

#: Thresholds of more groups are too many for a line.
MOST_THRESHOLDS = 4
#: Selections of the two infinite thresholds.
EXTREMES = {math.inf: "nobody", -math.inf: "everybody"}


def changed_labels(massaging: Any) -> str:
    """Say how many labels a fitted `Massaging` changed."""
    return f"promoted {len(massaging.promoted_):,} and demoted {len(massaging.demoted_):,} training labels"


def weights(reweighing: Any) -> str:
    """Say how far apart the weights of a fitted `Reweighing` are."""
    return f"weights from {reweighing.weights_.min():.3f} to {reweighing.weights_.max():.3f}"


def proxies(dropped: Any) -> str:
    """Say how well the features of a fitted `DropSensitive` tell the group."""
    if dropped.proxy_auc_ is None:
        return f"how well the other features tell the group is not known: {dropped.proxy_reason_}"
    return f"the other features tell the group with an AUC of {dropped.proxy_auc_:.3f}"


def drawn_classifiers(reduction: Any) -> str:
    """Say how many classifiers a fitted `FairlearnReduction` draws from."""
    number = len(reduction.estimator_.estimators)
    return "one classifier" if number == 1 else f"draws one of {number} classifiers for each row"


def thresholds(mitigated: Any) -> str:
    """Say which thresholds a fitted `GroupThresholds` applies, and how many rows they were fitted on."""
    found = mitigated.thresholds_
    rows = f"fitted on {len(mitigated.validation_rows_):,} validation rows"
    if len(found) > MOST_THRESHOLDS:
        return f"{len(found)} thresholds {rows}"
    shown = ", ".join(f"{one_line(group)}: {_threshold(value)}" for group, value in found.items())
    return f"thresholds {shown}, {rows}"


def _threshold(value: Any) -> str:
    """Return a threshold, or those that are drawn between at random."""
    cuts = (value,) if isinstance(value, float) else value.thresholds
    return " or ".join(EXTREMES.get(cut, f"{cut:.3f}") for cut in cuts)


class Builder(Protocol):
    """From a classifier to the estimator that mitigates it."""

    def __call__(
        self,
        estimator: Any,
        /,
        *,
        sensitive_columns: Sequence[str | int],
        privileged: Group | None,
        random_state: int,
    ) -> Any:
        """Return an estimator that is not fitted, whose fit takes `sensitive_features`."""
        ...


@dataclass(frozen=True)
class Mitigation:
    """A mitigation that can be chosen by name.

    Attributes
    ----------
    name : As it is typed.
    title : As it is printed.
    kind : Whether it acts before, while or after the classifier is trained.
    source : The paper.
    needs_group_at_prediction : Whether its predict takes `sensitive_features` as well.
    drops_sensitive : Whether the classifier sees the features without the sensitive ones.
    note : What it does, in a sentence.
    build : Puts it around a classifier.
    describe : From the fitted estimator to what it did, in a few words.
    """

    name: str
    title: str
    kind: Literal["before", "while", "after"]
    source: str
    needs_group_at_prediction: bool
    drops_sensitive: bool
    note: str
    build: Builder
    describe: Callable[[Any], str]


def _massaging(estimator: Any, /, *, privileged: Group | None, **_others: Any) -> Any:
    return _of("labels:Massaging")(estimator, privileged=privileged)


def _reweighing(estimator: Any, /, **_others: Any) -> Any:
    return _of("reweighing:Reweighing")(estimator)


def _drop_sensitive(
    estimator: Any, /, *, sensitive_columns: Sequence[str | int], random_state: int, **_others: Any
) -> Any:
    return _of("drop_sensitive:DropSensitive")(
        estimator, columns=list(sensitive_columns), random_state=random_state
    )


def _exponentiated_gradient(estimator: Any, /, *, random_state: int, **_others: Any) -> Any:
    return _of("fairlearn_reduction:FairlearnReduction")(estimator, random_state=random_state)


def _group_thresholds(
    estimator: Any, /, *, privileged: Group | None, random_state: int, **_others: Any
) -> Any:
    return _of("thresholds.classifier:GroupThresholds")(
        estimator, constraint="ratio", privileged=privileged, random_state=random_state
    )


def _equalized_odds(estimator: Any, /, *, privileged: Group | None, random_state: int, **_others: Any) -> Any:
    return _of("thresholds.classifier:GroupThresholds")(
        estimator, constraint="equalized_odds", privileged=privileged, random_state=random_state
    )


def _of(path: str) -> Any:
    """Import a builder on first use, so that names and notes load no scikit-learn."""
    return resolve_name(f"trivet.fairness.mitigation.{path}")


#: By name, in the order in which they are compared.
MITIGATIONS: Final[Mapping[str, Mitigation]] = MappingProxyType(
    {
        mitigation.name: mitigation
        for mitigation in (
            Mitigation(
                name="drop-sensitive",
                title="dropping the sensitive feature",
                kind="before",
                source="D. Pedreschi, S. Ruggieri, F. Turini, KDD 2008",
                needs_group_at_prediction=False,
                drops_sensitive=True,
                note="The classifier does not see the sensitive feature; the others may tell it.",
                build=_drop_sensitive,
                describe=proxies,
            ),
            Mitigation(
                name="reweighing",
                title="reweighing",
                kind="before",
                source="F. Kamiran, T. Calders, Knowledge and Information Systems 33, 2012",
                needs_group_at_prediction=False,
                drops_sensitive=False,
                note="Training rows are weighed so that group and label are independent.",
                build=_reweighing,
                describe=weights,
            ),
            Mitigation(
                name="massaging",
                title="massaging",
                kind="before",
                source="F. Kamiran, T. Calders, Knowledge and Information Systems 33, 2012",
                needs_group_at_prediction=False,
                drops_sensitive=False,
                note="Training labels next to the decision boundary are changed until base rates are equal.",
                build=_massaging,
                describe=changed_labels,
            ),
            Mitigation(
                name="exponentiated-gradient",
                title="exponentiated gradient",
                kind="while",
                source="A. Agarwal et al., ICML 2018",
                needs_group_at_prediction=False,
                drops_sensitive=False,
                note="Fairlearn fits classifiers to equal selection rates, and one is drawn for each row.",
                build=_exponentiated_gradient,
                describe=drawn_classifiers,
            ),
            Mitigation(
                name="group-thresholds",
                title="group thresholds",
                kind="after",
                source="M. Hardt, E. Price, N. Srebro, NeurIPS 2016",
                needs_group_at_prediction=True,
                drops_sensitive=False,
                note="Each group has its own cut-off, the most accurate that meet the four-fifths band.",
                build=_group_thresholds,
                describe=thresholds,
            ),
            Mitigation(
                name="equalized-odds",
                title="equalized odds",
                kind="after",
                source="M. Hardt, E. Price, N. Srebro, NeurIPS 2016",
                needs_group_at_prediction=True,
                drops_sensitive=False,
                note="Each group has its own cut-offs and a lot between them, so that error rates are equal.",
                build=_equalized_odds,
                describe=thresholds,
            ),
        )
    }
)
