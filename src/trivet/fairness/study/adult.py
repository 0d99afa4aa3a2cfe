"""Adult as the study sees it: nine numeric features, income as the label, gender as the group."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from trivet.datasets import AdultTable

__all__ = [
    "FEATURES",
    "POSITIVE_CLASS",
    "PRIVILEGED_GROUP",
    "PROTECTED_GROUP",
    "SENSITIVE_COLUMN",
    "Sample",
    "adult_sample",
    "logistic",
    "logistic_scores",
    "scores_of",
    "split_sample",
    "standardise",
]


@dataclass(frozen=True)
class Sample:
    """Some rows of a table."""

    features: NDArray[np.float64]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    sensitive: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """Return the rows with these indices, in this order."""
        return replace(
            self, features=self.features[rows], labels=self.labels[rows], sensitive=self.sensitive[rows]
        )

    def drop(self, name: str) -> "Sample":
        """Return all rows without one feature."""
        place = self.names.index(name)
        return replace(
            self,
            features=np.delete(self.features, place, axis=1),
            names=self.names[:place] + self.names[place + 1 :],
        )


def split_sample(sample: Sample, *, size: float, seed: int) -> tuple[Sample, Sample]:
    """Divide rows at random in two parts, the second with a share `size` of them."""
    rows = np.arange(len(sample))
    first, second = (np.asarray(part) for part in train_test_split(rows, test_size=size, random_state=seed))
    return sample.take(first), sample.take(second)


def standardise(fit: Sample, *others: Sample) -> tuple[Sample, ...]:
    """Scale every feature to mean 0 and variance 1 on `fit`, and the others in the same way."""
    scaler = StandardScaler().fit(fit.features)
    return tuple(replace(part, features=scaler.transform(part.features)) for part in (fit, *others))


SENSITIVE_COLUMN, PROTECTED_GROUP, PRIVILEGED_GROUP = "gender", "Female", "Male"
POSITIVE_CLASS = ">50K"

#: Each feature's column, and the value that counts as 1 where the column is not a number.
_FEATURES = (
    ("age", None),
    ("fnlwgt", None),
    ("educational-num", None),
    ("race", "White"),
    (SENSITIVE_COLUMN, PRIVILEGED_GROUP),
    ("capital-gain", None),
    ("capital-loss", None),
    ("hours-per-week", None),
    ("native-country", "United-States"),
)

#: Names of the features, in the order of a sample's columns.
FEATURES = tuple(column for column, _ in _FEATURES)


def adult_sample(table: AdultTable) -> Sample:
    """Return features, labels and groups of all rows of Adult, in their order.

    A missing native country counts as another than the United States, as published.
    """
    columns = [table[column] if value is None else (table[column] == value) for column, value in _FEATURES]
    return Sample(
        features=np.column_stack([column.astype(np.float64) for column in columns]),
        names=FEATURES,
        labels=(table["income"] == POSITIVE_CLASS).astype(np.int64),
        sensitive=(table[SENSITIVE_COLUMN] == PRIVILEGED_GROUP).astype(np.int64),
    )


def logistic(max_iter: int = 1000) -> LogisticRegression:
    """Return the study's classifier, not fitted."""
    return LogisticRegression(max_iter=max_iter)


def scores_of(model: Any, *parts: Sample) -> tuple[NDArray[np.float64], ...]:
    """Return the probability of the positive class that a fitted model gives the rows of each part."""
    return tuple(model.predict_proba(part.features)[:, 1] for part in parts)


def logistic_scores(
    train: Sample, *others: Sample, labels: NDArray[np.int64] | None = None, max_iter: int = 1000
) -> tuple[NDArray[np.float64], ...]:
    """Fit a logistic regression and return the probability of the positive class."""
    target = train.labels if labels is None else labels
    return scores_of(logistic(max_iter).fit(train.features, target), train, *others)
