import numpy as np
import pytest

from trivet import security
from trivet.security.checkpoint import DEMO_TARGET
from trivet.security.frozen import freeze
from trivet.security.scanning.refine import RefinementSettings, refine_triggers
from trivet.security.scanning.search import SearchSettings, TriggerSearch

TARGET = DEMO_TARGET


@pytest.fixture(scope="module")
def score():
    model = freeze(security.load_demo_checkpoint().model)
    return security.contract_named("(x-0.5)/0.5").bind(model)


@pytest.fixture(scope="module")
def search(score, mnist_test):
    found = TriggerSearch(score, mnist_test.take(np.arange(1_000)), SearchSettings(), seed=0)
    found.advance(20, range(10))
    return found


def refine(score, mnist_test, search, labels, settings):
    images = mnist_test.take(np.arange(1_000))
    return refine_triggers(score, images, [search.stack(label) for label in labels], settings, seed=1)


def test_the_mask_gets_small_and_still_works_on_unseen_images(score, mnist_test, search):
    refined = refine(score, mnist_test, search, [TARGET], RefinementSettings())
    trigger = refined.triggers[TARGET]
    assert trigger.l1 < 0.4 * search.norms[TARGET]
    assert refined.reached[TARGET]
    unseen = mnist_test.take(np.arange(2_000, 4_000))
    assert security.attack_success_rate(score, unseen, trigger, TARGET) > 0.95


def test_a_converged_label_leaves_the_batch(score, mnist_test, search):
    settings = RefinementSettings(steps=120, patience=2)
    refined = refine(score, mnist_test, search, [TARGET, 1, 7], settings)
    steps = [refined.steps[label] for label in (TARGET, 1, 7)]
    assert refined.image_steps == sum(steps) * settings.batch_size
    assert min(steps) < settings.steps
    assert len(set(steps)) > 1


def test_a_bound_that_nothing_reaches_is_said(score, mnist_test, search):
    refined = refine(score, mnist_test, search, [1], RefinementSettings(steps=4, success_bound=1.01))
    assert not refined.reached[1]
    assert refined.steps[1] == 4


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(score, mnist_test, search):
    first, again = (
        refine(score, mnist_test, search, [TARGET], RefinementSettings(steps=12)) for _ in range(2)
    )
    assert np.array_equal(first.triggers[TARGET].mask, again.triggers[TARGET].mask)
