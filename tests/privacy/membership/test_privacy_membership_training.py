"""What is trained and planted: networks as classifiers, recipes that tell themselves apart, canaries."""

import numpy as np
import pytest
import torch
from audited_models import deep_tree, noisy_rows
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from fake_device import FakeDevice
from trivet.errors import DataError, UsageError
from trivet.privacy import TorchClassifier
from trivet.privacy.membership.recipe import class_probabilities, recipe_of, train
from trivet.privacy.membership.shadows import plant
from trivet.work import device as device_module


def network():
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


def test_a_network_learns_what_can_be_learnt_and_the_seed_decides():
    X, _ = noisy_rows(400)
    built = network()
    names = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
    before = torch.random.get_rng_state()
    one, same, other = (
        TorchClassifier(built, epochs=30, random_state=seed).fit(X, names).predict_proba(X)
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (one == same).all()
    assert (one != other).any()
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-12)
    fitted = TorchClassifier(built, epochs=30, learning_rate=0.01).fit(X, names)
    assert (fitted.predict(X) == names).mean() > 0.95


def test_a_network_is_trained_from_new_weights_each_time():
    X, y = noisy_rows(200)
    given_network = network()
    with torch.no_grad():
        given_network[2].weight.fill_(1e6)
    fitted = TorchClassifier(given_network, epochs=1).fit(X, y)
    assert fitted.network_[2].weight.abs().max() < 10
    assert (given_network[2].weight == 1e6).all()


def test_a_network_with_too_few_outputs_is_refused():
    X, y = noisy_rows(60)
    with pytest.raises(DataError, match=r"should return logits of shape \(60, 2\)"):
        TorchClassifier(torch.nn.Linear(6, 1), epochs=1).fit(X, y)


def test_a_network_trains_and_scores_where_it_is_put_and_answers_on_the_processor(monkeypatch):
    X, y = noisy_rows(60)
    monkeypatch.setattr(device_module, "find_device", torch.device)
    recipe = recipe_of(network(), "meta")
    assert recipe.device == "meta"
    assert recipe.description != recipe_of(network()).description
    with FakeDevice():
        fitted = train(recipe, X, y, seed=3)
        assert {weight.device.type for weight in fitted[-1].network_.parameters()} == {"meta"}
        said = class_probabilities(fitted, X, 2)
    assert said.shape == (60, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-12)


def test_a_device_is_for_networks_and_has_to_be_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="a DecisionTreeClassifier runs on the processor"):
        recipe_of("tree", "cuda")
    with pytest.raises(UsageError, match="finds no device 'cuda' here"):
        recipe_of(network(), "cuda")
    assert recipe_of("tree", "auto").device == "cpu"
    own = make_pipeline(StandardScaler(), TorchClassifier(network(), device="cuda:1"))
    assert recipe_of(own).device == "cuda:1"


def test_recipes_are_told_apart_by_settings_and_weights():
    said = [
        recipe_of(each).description
        for each in (
            "tree",
            DecisionTreeClassifier(),
            DecisionTreeClassifier(max_depth=3),
            make_pipeline(StandardScaler(), LogisticRegression()),
            make_pipeline(StandardScaler(), LogisticRegression(C=2)),
            network(),
            network(),
        )
    ]
    assert len(set(said)) == len(said)
    assert recipe_of("tree").description == recipe_of("tree").description
    assert recipe_of(deep_tree).description == recipe_of(deep_tree).description


def test_a_seed_reaches_every_random_part():
    X, y = noisy_rows(200)
    recipe = recipe_of(make_pipeline(StandardScaler(), DecisionTreeClassifier(max_features=1, max_depth=3)))
    one, same, other = (class_probabilities(train(recipe, X, y, seed=seed), X, 2) for seed in (3, 3, 4))
    assert (one == same).all()
    assert (one != other).any()


def test_a_class_that_a_model_has_not_seen_has_probability_nought():
    X, y = noisy_rows(100)
    model = DecisionTreeClassifier().fit(X, y)
    found = class_probabilities(model, X, 4)
    assert found.shape == (100, 4)
    assert (found[:, 2:] == 0).all()


@given(st.integers(2, 5), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_a_canary_has_a_wrong_label_and_values_that_its_columns_have(classes, canaries, seed):
    labels = np.arange(60) % classes
    # A row's number stands in each cell, and the column's in the tens of thousands.
    features = np.arange(60)[:, None] + 10_000 * np.arange(1, 4)
    dense, wrong = plant(features, labels, canaries, classes=classes, generator=np.random.default_rng(seed))
    scarce, same = plant(
        sparse.csr_matrix(features), labels, canaries, classes=classes, generator=np.random.default_rng(seed)
    )
    assert (scarce.toarray() == dense).all()
    assert (wrong == same).all()
    assert (dense // 10_000 == np.arange(1, 4)).all()
    assert set(wrong) <= set(range(classes))


def test_pictures_keep_their_pixels_and_lose_their_label():
    images = np.arange(40, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 2, 2), dtype=np.float32)
    labels = np.arange(40) % 2
    found, wrong = plant(images, labels, 20, classes=2, generator=np.random.default_rng(0))
    rows = found[:, 0, 0, 0].astype(int)
    assert len(set(rows)) == 20
    assert (wrong != labels[rows]).all()
