"""Encoding of a table's columns for a model: numbers with gaps filled, texts one-hot."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trivet.tables.features import Features

__all__ = ["MOST_VALUES", "column_encoder", "encode_columns"]

#: A column of texts with more values than this gets one feature for all rare ones.
MOST_VALUES: Final = 50


def column_encoder(features: Features, *, standardise: bool = False) -> ColumnTransformer:
    """Return a transformer, not yet fitted, of `Features.values` into a dense matrix.

    Numbers get the median in place of what is missing and a mark where it was; texts get one feature a
    value, and values that were not seen when it was fitted count as rare ones.
    """
    numbers: list[tuple[str, object]] = [
        ("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    ]
    if standardise:
        numbers.append(("scale", StandardScaler()))
    texts = OneHotEncoder(
        max_categories=MOST_VALUES, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    is_text = [known is not None for known in features.categories]
    return ColumnTransformer(
        [
            ("numbers", Pipeline(numbers), [i for i, text in enumerate(is_text) if not text]),
            ("texts", texts, [i for i, text in enumerate(is_text) if text]),
        ],
        sparse_threshold=0.0,
    )


def encode_columns(features: Features) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return all columns as one matrix, and for each of its columns the one that it is made of."""
    blocks = [
        np.asarray(column_encoder(part).fit_transform(part.values))
        for part in (features.only([place]) for place in range(len(features.names)))
    ]
    names = [name for name, block in zip(features.names, blocks, strict=True) for _ in range(block.shape[1])]
    return np.hstack(blocks), tuple(names)
