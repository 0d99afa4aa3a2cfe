"""Private training: gradients clipped example by example, its noise, and what it does to the other legs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from trivet.datasets import load_adult, load_mnist
from trivet.effects.private_sgd import Loop, clipped_sums, train_privately
from trivet.effects.private_training import (
    BATCH,
    DELTA,
    EPSILONS,
    IMAGE_MEASUREMENTS,
    PRIVATE,
    SALT,
    TABLE_STEPS,
    PrivateNetwork,
    image_changes,
    noise_for,
    private_trainings,
)
from trivet.effects.study import study_table
from trivet.effects.table import PublicScales
from trivet.effects.trainings import (
    Trained,
    changes_of,
    divided_rows,
    figures_of,
    halves_of,
    measure_trainings,
)
from trivet.errors import UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.privacy.planning.dp_sgd import poisson_pld
from trivet.security.networks import build_architecture
from trivet.tables.features import Features
from trivet.work.device import seeded


def network(*layers):
    with seeded(0):
        return nn.Sequential(*(make() for make in layers))


NETWORKS = {
    "linear": (lambda: network(lambda: nn.Linear(5, 7), nn.Tanh, lambda: nn.Linear(7, 3, bias=False)), (5,)),
    "convolutions": (
        lambda: network(
            lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1),
            nn.ReLU,
            lambda: nn.Conv2d(4, 3, 2, dilation=2, bias=False),
            nn.Flatten,
            lambda: nn.Linear(12, 3),
        ),
        (2, 8, 8),
    ),
    "the study's": (lambda: build_architecture("mnist-cnn", seed=0).eval().requires_grad_(True), (1, 28, 28)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("clip", [None, 0.5, 1e6])
def test_clipped_sums_are_those_of_the_examples_one_by_one(name, clip):
    build, shape = NETWORKS[name]
    model = build()
    scores = getattr(model, "logits", model)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((6, *shape), generator=generator)
    labels = torch.randint(3, (6,), generator=generator)
    expected = [torch.zeros_like(each) for each in model.parameters()]
    for row, label in zip(inputs, labels, strict=True):
        loss = functional.cross_entropy(scores(row[None]), label[None])
        one = torch.autograd.grad(loss, list(model.parameters()))
        norm = torch.cat([each.flatten() for each in one]).norm()
        share = 1.0 if clip is None else min(1.0, clip / float(norm))
        expected = [total + share * each for total, each in zip(expected, one, strict=True)]
    found = clipped_sums(model, scores, inputs, labels, clip=clip)
    for parameter, total in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(found[parameter], total, rtol=1e-4, atol=1e-5)


def test_one_example_moves_the_sum_by_the_clipping_norm_at_most():
    build, shape = NETWORKS["convolutions"]
    model = build()
    inputs = 100 * torch.randn((9, *shape), generator=torch.Generator().manual_seed(2))
    labels = torch.zeros(9, dtype=torch.int64)
    whole = clipped_sums(model, model, inputs, labels, clip=0.3)
    for left_out in range(9):
        kept = torch.arange(9) != left_out
        part = clipped_sums(model, model, inputs[kept], labels[kept], clip=0.3)
        moved = torch.cat([(whole[each] - part[each]).flatten() for each in whole])
        assert float(moved.norm()) <= 0.3 * (1 + 1e-4)


def test_an_empty_sample_is_a_step_of_noise_alone():
    model = nn.Linear(50, 40)
    before = model.weight.detach().clone()
    loop = Loop(batch=4, steps=1, clip=2.0, noise_multiplier=3.0, rate=1.0)
    sums = clipped_sums(model, model, torch.zeros((0, 50)), torch.zeros(0, dtype=torch.int64), clip=2.0)
    assert all(not each.any() for each in sums.values())
    # Of one example, which is hardly ever drawn, and whose gradient is zero anyway.
    labels = torch.zeros(1, dtype=torch.int64)
    train_privately(model, lambda x: 0 * model(x), torch.zeros((1, 50)), labels, loop, seed=0)
    moved = (model.weight - before).detach() * loop.batch
    assert float(moved.std()) == pytest.approx(3.0 * 2.0, rel=0.05)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (lambda: nn.Linear(3, 3), lambda: nn.BatchNorm1d(3)),
            "BatchNorm1d is not known to treat each example",
        ),
        ((lambda: nn.Conv2d(2, 2, 1, groups=2),), "convolutions without groups"),
    ],
)
def test_what_mixes_examples_or_is_not_known_is_refused(layers, message):
    model = network(*layers)
    with pytest.raises(UsageError, match=message):
        clipped_sums(model, model, torch.zeros((2, 3)), torch.zeros(2, dtype=torch.int64), clip=1.0)


def test_a_layer_that_is_applied_twice_is_refused():
    layer = nn.Linear(3, 3)
    with pytest.raises(UsageError, match="applied once"):
        clipped_sums(
            nn.Sequential(layer, layer),
            lambda x: layer(layer(x)),
            torch.zeros((2, 3)),
            torch.zeros(2, dtype=torch.int64),
            clip=1.0,
        )


@pytest.mark.parametrize(
    "epsilon", [EPSILONS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in EPSILONS[1:])]
)
def test_the_noise_keeps_its_epsilon(epsilon):
    sigma = noise_for(2_442, steps=TABLE_STEPS, epsilon=epsilon)
    spent = poisson_pld(sigma, TABLE_STEPS, DELTA, rate=BATCH / 2_442)
    assert epsilon * 0.999 < spent <= epsilon


@pytest.fixture(scope="module")
def subject():
    return study_table(load_adult())


@pytest.fixture(scope="module")
def samples(subject):
    return divided_rows(subject.rows, rows=1_800, samples=3, seed=0)


def test_numbers_and_texts_become_numbers_from_0_to_1_by_the_ranges_of_the_whole_table():
    values = np.array([[2.0, 0.0, 5.0], [4.0, 1.0, 5.0], [np.nan, 1.0, 5.0]])
    features = Features(("age", "kind", "same"), values, (None, ("a", "b"), None))
    scales = PublicScales.of(features)
    assert scales.inputs == 4
    behind = np.column_stack([values, [7.0, 8.0, 9.0]])  # the number of the group, which is not looked at
    np.testing.assert_array_equal(scales(behind), [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(scales(np.array([[9.0, 7.0, 5.0]])), [[1, 0, 0, 0]])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network_and_privacy_another(subject, samples):
    sample = samples[0]
    said = [
        PrivateNetwork(scales=subject.scales, epsilon=epsilon, random_state=5)
        .fit(sample.features, sample.labels)
        .predict_proba(sample.features)
        for epsilon in (None, None, 8.0, 8.0)
    ]
    np.testing.assert_array_equal(said[0], said[1])
    np.testing.assert_array_equal(said[2], said[3])
    assert not np.allclose(said[0], said[2])
    assert np.mean(said[0].argmax(axis=1) == sample.labels) > 0.78


def test_figures_of_a_sample_are_of_the_rows_that_a_network_did_not_see(subject, samples):
    sample, generator = samples[0], np.random.default_rng(3)
    inside = halves_of(sample.labels, 2, seed=0)
    said = generator.integers(2, size=inside.shape)
    trained = Trained(generator.random(inside.shape), said == sample.labels)
    found = figures_of(sample, trained, inside, subject.private_figures, reference=PRIVILEGED, seed=0)
    seen = ~inside
    women, men = (np.mean([*said[seen & (sample.groups == group)]]) for group in (PROTECTED, PRIVILEGED))
    assert found["private-impact"] == pytest.approx(women / men)
    assert found["private-accuracy-all"] == pytest.approx(np.mean((said == sample.labels)[seen]))
    # Scores without a relation to who was trained on tell nothing.
    assert found["private-exposure-all"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_every_remedy_meets_every_figure_of_the_table(subject, samples):
    trainings, figures = private_trainings(subject.scales), subject.private_figures
    found = measure_trainings(
        samples, trainings, figures, pairs=2, reference=PRIVILEGED, seed=0, salt=(SALT,)
    )
    changes = changes_of(found, trainings, figures, level=0.95)
    assert set(changes) == {(row.name, each.measurement.name) for row in PRIVATE for each in figures}
    for (_, name), change in changes.items():
        if change.reason is None:
            assert change.low <= change.change <= change.high
        else:
            assert name == "private-impact"
    accuracy = changes["dp-sgd-8", "private-accuracy-all"]
    assert accuracy.before > 0.75


@pytest.mark.slow
def test_private_training_on_a_tenth_of_poisoned_images_hinders_the_backdoor():
    train, test = load_mnist("train"), load_mnist("test").take(np.arange(1_000))
    changes = image_changes(train, test, level=0.95, seed=0)
    assert set(changes) == {(row.name, column.name) for row in PRIVATE for column in IMAGE_MEASUREMENTS}
    asr, accuracy = (changes["dp-sgd-8", name] for name in ("private-asr", "private-clean-accuracy"))
    assert asr.before > 0.9
    assert asr.high < 0
    assert accuracy.high < 0
    assert accuracy.after > 0.6
