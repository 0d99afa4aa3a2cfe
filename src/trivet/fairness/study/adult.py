"""Adult as the study sees it: nine numeric features, income as the label, gender as the group."""

import numpy as np

from trivet.datasets import AdultTable
from trivet.fairness.study.sample import Sample

__all__ = [
    "FEATURES",
    "POSITIVE_CLASS",
    "PRIVILEGED_GROUP",
    "PROTECTED_GROUP",
    "SENSITIVE_COLUMN",
    "adult_sample",
]

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
