import numpy as np
import pytest

from trivet.errors import DataError
from trivet.study.fairness import Clusters, cluster_disparity, cluster_rows


def clusters_of(labels):
    return Clusters(np.arange(len(labels)), np.asarray(labels))


def test_two_groups_contribute_half_of_their_difference():
    groups = [0, 0, 1, 1, 0, 0, 1, 1]
    predictions = [0, 0, 1, 1, 0, 1, 1, 1]
    # Differences 1 in the first cluster and 1/2 in the second, halved and averaged.
    assert cluster_disparity(clusters_of([0] * 4 + [1] * 4), predictions, groups) == pytest.approx(3 / 8)


def test_a_cluster_of_one_group_is_left_out():
    groups = [0, 0, 1, 1, 0, 0]
    predictions = [0, 0, 1, 1, 1, 0]
    assert cluster_disparity(clusters_of([0, 0, 0, 0, 1, 1]), predictions, groups) == pytest.approx(0.5)


def test_equal_rates_in_every_cluster_are_no_disparity():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 2, 200), rng.integers(0, 4, 200)
    assert cluster_disparity(clusters_of(labels), labels % 2, groups) == 0


def test_only_sampled_rows_count():
    sample = Clusters(np.array([1, 2]), np.array([0, 0]))
    assert cluster_disparity(sample, [1, 1, 0, 0], [0, 0, 1, 1]) == pytest.approx(0.5)


def test_nothing_to_compare_is_said():
    with pytest.raises(DataError, match="no cluster holds rows of both groups"):
        cluster_disparity(clusters_of([0, 0, 1, 1]), [0, 1, 0, 1], [0, 0, 1, 1])


def test_k_means_finds_separate_clouds_and_is_repeatable():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 100)
    features = 10 * np.eye(3)[truth] + rng.normal(size=(300, 3))
    found, again = (cluster_rows(features, clusters=3) for _ in range(2))
    np.testing.assert_array_equal(found.labels, again.labels)
    np.testing.assert_array_equal(found.rows, again.rows)
    assert len({(a, b) for a, b in zip(truth[found.rows], found.labels, strict=True)}) == 3


def test_the_sample_is_limited_and_without_replacement():
    features = np.random.default_rng(0).normal(size=(50, 2))
    assert len(set(cluster_rows(features, limit=20).rows)) == 20
    assert sorted(cluster_rows(features, limit=1000).rows) == list(range(50))


def test_fewer_rows_than_clusters_are_refused():
    with pytest.raises(DataError, match="5 clusters need as many rows, found 3"):
        cluster_rows(np.zeros((3, 2)))
