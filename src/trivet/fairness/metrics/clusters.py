"""The study's cluster proxy: how far selection rates differ among people who are alike.

It is called Zemel proxy in the study. It is not the measure of Zemel et al. (2013), which is the
demographic parity difference.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from trivet.errors import DataError
from trivet.fairness.columns import binary_column

__all__ = ["Clusters", "cluster_disparity", "cluster_rows"]


@dataclass(frozen=True)
class Clusters:
    """A sample of rows and the cluster of each.

    Attributes
    ----------
    rows
        Indices of the sampled rows, shape (sample,).
    labels
        Cluster of each, shape (sample,).
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


def cluster_rows(
    features: NDArray[np.float64], *, clusters: int = 5, limit: int = 4000, starts: int = 5, seed: int = 0
) -> Clusters:
    """Group a sample of rows by k-means.

    Parameters
    ----------
    features
        Shape (rows, features), standardised.
    clusters
        Number of clusters.
    limit
        Rows sampled at most, without replacement.
    starts
        Initialisations of k-means, of which the best is kept.
    seed
        Of the sample and of k-means.

    Raises
    ------
    DataError
        If there are fewer rows than clusters.
    """
    size = min(limit, len(features))
    if size < clusters:
        raise DataError(f"{clusters} clusters need as many rows, found {size}. Ask for fewer clusters.")
    # The published sample comes from NumPy's legacy generator; a Generator would draw other rows.
    sample = np.random.RandomState(seed).choice(len(features), size=size, replace=False)
    # More threads sum in another order, and labels would vary from machine to machine.
    with threadpool_limits(1):
        model = KMeans(
            n_clusters=clusters,
            random_state=seed,
            n_init=starts,  # pyright: ignore[reportArgumentType] -- typed as its default "auto" alone
        )
        labels = model.fit_predict(features[sample])
    return Clusters(sample, labels.astype(np.int64))


def cluster_disparity(clusters: Clusters, y_pred: ArrayLike, sensitive: ArrayLike) -> float:
    """Mean over clusters of the mean difference of selection rates over pairs of groups.

    Pairs are ordered and equal pairs count, so that for two groups a cluster contributes half of the
    absolute difference; a cluster with rows of one group only is left out.

    Parameters
    ----------
    clusters
        From `cluster_rows` on the features that the model sees.
    y_pred, sensitive
        Prediction and group of every row (not of the sample alone), 0 or 1.

    Returns
    -------
    float
        In [0, 0.5]; 0 where the groups are selected alike in every cluster.

    Raises
    ------
    DataError
        If no cluster holds both groups.
    """
    predictions = binary_column(y_pred, "y_pred")[clusters.rows]
    groups = binary_column(sensitive, "sensitive")[clusters.rows]
    disparities: list[float] = []
    for label in np.unique(clusters.labels):
        members = clusters.labels == label
        present = np.unique(groups[members])
        if len(present) > 1:
            rates = np.array([predictions[members & (groups == group)].mean() for group in present])
            disparities.append(float(np.abs(rates[:, np.newaxis] - rates).mean()))
    if not disparities:
        raise DataError("no cluster holds rows of both groups, so there is nothing to compare.")
    return float(np.mean(disparities))
