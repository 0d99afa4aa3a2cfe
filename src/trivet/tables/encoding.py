"""How a model sees a table's columns: numbers with gaps filled, texts one-hot."""

from typing import Final

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trivet.tables.features import Features

__all__ = ["MOST_VALUES", "column_encoder"]

#: A column of texts with more values than this gets one feature for all rare ones.
MOST_VALUES: Final = 50


def column_encoder(features: Features, *, standardise: bool = False) -> ColumnTransformer:
    """Return a transformer, not yet fitted, of `Features.values` into a dense matrix.

    Numbers get the median in place of what is missing and a mark where it was; texts get one feature a
    value, and values that were not seen when it was fitted count as rare ones.

    Parameters
    ----------
    features
        Whose columns are transformed, in their order.
    standardise
        Whether numbers are scaled to mean 0 and variance 1.
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
