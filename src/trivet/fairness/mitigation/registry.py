"""Registry of the mitigations: what each does, and how it wraps a classifier."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from trivet.fairness.mitigation.descriptions import (
    changed_labels,
    drawn_classifiers,
    proxies,
    thresholds,
    weights,
)
from trivet.fairness.mitigation.sensitive import Group

__all__ = ["MITIGATIONS", "Builder", "Mitigation"]


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
    name
        As it is typed.
    title
        As it is printed.
    kind
        Whether it acts before, while or after the classifier is trained.
    source
        The paper.
    needs_group_at_prediction
        Whether its predict takes `sensitive_features` as well.
    drops_sensitive
        Whether the classifier sees the features without the sensitive ones.
    note
        What it does, in a sentence.
    build
        Puts it around a classifier.
    describe
        From the fitted estimator to what it did, in a few words.
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
    return _of("massaged:Massaging")(estimator, privileged=privileged)


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
    return _of("thresholds_classifier:GroupThresholds")(
        estimator, constraint="ratio", privileged=privileged, random_state=random_state
    )


def _equalized_odds(estimator: Any, /, *, privileged: Group | None, random_state: int, **_others: Any) -> Any:
    return _of("thresholds_classifier:GroupThresholds")(
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
