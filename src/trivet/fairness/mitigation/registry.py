"""Registry of the mitigations: what each does, and how it wraps a classifier."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final, Literal

from trivet.fairness.columns import Group
from trivet.fairness.counting.naming import group_name
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
    """Say how many classifiers a fitted `Reduction` draws from."""
    number = len(reduction.estimator_.estimators)
    return "one classifier" if number == 1 else f"draws one of {number} classifiers for each row"


def thresholds(mitigated: Any) -> str:
    """Say which thresholds a fitted `GroupThresholds` applies, and how many rows they were fitted on."""
    found = mitigated.thresholds_
    rows = f"fitted on {len(mitigated.validation_rows_):,} validation rows"
    if len(found) > MOST_THRESHOLDS:
        return f"{len(found)} thresholds {rows}"
    between = "; " if any(isinstance(group, tuple) for group in found) else ", "
    shown = between.join(f"{_called(group)}: {_threshold(value)}" for group, value in found.items())
    return f"thresholds {shown}, {rows}"


def _called(group: Any) -> str:
    return one_line(group_name([str(value) for value in group] if isinstance(group, tuple) else [str(group)]))


def _threshold(value: Any) -> str:
    """Return a threshold, or those that are drawn between at random."""
    cuts = (value,) if isinstance(value, float) else value.thresholds
    return " or ".join(EXTREMES.get(cut, f"{cut:.3f}") for cut in cuts)


@dataclass(frozen=True, kw_only=True)
class Mitigation:
    """A mitigation that can be chosen by name.

    Attributes
    ----------
    name, title : As it is typed, and as it is printed.
    kind : Whether it acts before, while or after the classifier is trained.
    source : The paper.
    note : What it does, in a sentence.
    path : Its estimator below this package, ``module:class``, imported on first use: no scikit-learn before.
    takes : Which of ``columns``, ``privileged``, ``random_state`` and ``constraint`` the estimator takes.
    describe : From the fitted estimator to what it did, in a few words.
    constraint : What it takes, where it takes one.
    """

    name: str
    title: str
    kind: Literal["before", "while", "after"]
    source: str
    note: str
    path: str
    takes: tuple[str, ...]
    describe: Callable[[Any], str]
    constraint: str = ""

    @property
    def needs_group_at_prediction(self) -> bool:
        """True if its predict takes `sensitive_features` as well."""
        return self.kind == "after"

    @property
    def drops_sensitive(self) -> bool:
        """True if the classifier sees the features without the sensitive ones."""
        return "columns" in self.takes

    def build(
        self,
        estimator: Any,
        /,
        *,
        sensitive_columns: Sequence[str | int],
        privileged: Group | None,
        random_state: int,
    ) -> Any:
        """Return an estimator that is not fitted, whose fit takes `sensitive_features`."""
        given = {
            "columns": list(sensitive_columns),
            "privileged": privileged,
            "random_state": random_state,
            "constraint": self.constraint,
        }
        kind = resolve_name(f"trivet.fairness.mitigation.{self.path}")
        return kind(estimator, **{name: given[name] for name in self.takes})


_KAMIRAN: Final = "F. Kamiran, T. Calders, Knowledge and Information Systems 33, 2012"
_HARDT: Final = "M. Hardt, E. Price, N. Srebro, NeurIPS 2016"
_ROWS: Final = (
    Mitigation(
        name="drop-sensitive",
        title="dropping the sensitive feature",
        kind="before",
        source="D. Pedreschi, S. Ruggieri, F. Turini, KDD 2008",
        note="The classifier does not see the sensitive feature; the others may tell it.",
        path="drop_sensitive:DropSensitive",
        takes=("columns", "random_state"),
        describe=proxies,
    ),
    Mitigation(
        name="reweighing",
        title="reweighing",
        kind="before",
        source=_KAMIRAN,
        note="Training rows are weighed so that group and label are independent.",
        path="reweighing:Reweighing",
        takes=(),
        describe=weights,
    ),
    Mitigation(
        name="massaging",
        title="massaging",
        kind="before",
        source=_KAMIRAN,
        note="Training labels next to the decision boundary are changed until base rates are equal.",
        path="labels:Massaging",
        takes=("privileged",),
        describe=changed_labels,
    ),
    Mitigation(
        name="exponentiated-gradient",
        title="exponentiated gradient",
        kind="while",
        source="A. Agarwal et al., ICML 2018",
        note="Classifiers are fitted to equal selection rates, and one of them is drawn for each row.",
        path="reduction:Reduction",
        takes=("random_state",),
        describe=drawn_classifiers,
    ),
    Mitigation(
        name="group-thresholds",
        title="group thresholds",
        kind="after",
        source=_HARDT,
        note="Each group has its own cut-off, the most accurate that meet the four-fifths band.",
        path="thresholds.classifier:GroupThresholds",
        takes=("privileged", "random_state", "constraint"),
        describe=thresholds,
        constraint="ratio",
    ),
    Mitigation(
        name="equalized-odds",
        title="equalized odds",
        kind="after",
        source=_HARDT,
        note="Each group has its own cut-offs and a lot between them, so that error rates are equal.",
        path="thresholds.classifier:GroupThresholds",
        takes=("privileged", "random_state", "constraint"),
        describe=thresholds,
        constraint="equalized_odds",
    ),
)
#: By name, in the order in which they are compared.
MITIGATIONS: Final[Mapping[str, Mitigation]] = MappingProxyType({row.name: row for row in _ROWS})
