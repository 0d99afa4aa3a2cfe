import numpy as np
import pytest

from trivet.datasets import Sample, adult_sample, load_adult
from trivet.study.fairness import logistic, logistic_scores, scores_of, split_sample, standardise


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    sensitive = rng.integers(0, 2, 400)
    features = np.column_stack([rng.normal(5, 3, 400) + sensitive, sensitive])
    labels = (features[:, 0] + rng.normal(size=400) > 5).astype(np.int64)
    return Sample(features, ("score", "group"), labels, sensitive)


def test_a_split_is_a_partition_and_repeatable(sample):
    first, second = split_sample(sample, size=0.25, seed=1)
    assert (len(first), len(second)) == (300, 100)
    together = np.concatenate([first.features[:, 0], second.features[:, 0]])
    np.testing.assert_array_equal(np.sort(together), np.sort(sample.features[:, 0]))
    again, _ = split_sample(sample, size=0.25, seed=1)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_rows_stay_together(sample):
    for part in split_sample(sample, size=0.5, seed=0):
        np.testing.assert_array_equal(part.features[:, 1], part.sensitive)


def test_scaling_is_that_of_the_first_part(sample):
    first, second = split_sample(sample, size=0.5, seed=0)
    scaled, other = standardise(first, second)
    np.testing.assert_allclose(scaled.features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.features.std(axis=0), 1, rtol=1e-12)
    mean, deviation = first.features.mean(axis=0), first.features.std(axis=0)
    np.testing.assert_allclose(other.features, (second.features - mean) / deviation)


def test_dropping_a_feature_leaves_the_groups(sample):
    blind = sample.drop("group")
    assert blind.names == ("score",)
    np.testing.assert_array_equal(blind.features, sample.features[:, :1])
    np.testing.assert_array_equal(blind.sensitive, sample.sensitive)


def test_weights_count_as_repeated_rows(sample):
    (train,) = standardise(sample)
    weights = np.where(sample.labels == 1, 2.0, 1.0)
    repeated = train.take(np.repeat(np.arange(len(sample)), weights.astype(int)))
    (weighted,) = scores_of(logistic().fit(train.features, train.labels, sample_weight=weights), train)
    np.testing.assert_allclose(weighted, logistic_scores(repeated, train)[1], atol=1e-4)


def test_adult_has_the_nine_published_features():
    adult = adult_sample(load_adult())
    assert adult.features.shape == (48_842, 9)
    assert adult.names[4] == "gender"
    np.testing.assert_array_equal(adult.features[:, 4], adult.sensitive)
    assert adult.labels.sum() == 7_841 + 3_846
    assert np.isfinite(adult.features).all()
    # The first row of adult.test: a 25-year-old black man of the United States.
    assert adult.features[0].tolist() == [25, 226802, 7, 0, 1, 0, 0, 40, 1]
