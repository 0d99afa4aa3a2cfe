import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.errors import UsageError
from trivet.security import ATTACKS, attack_success_rate, contract_named, load_demo_checkpoint, make_attack
from trivet.security.checkpoint import DEMO_TARGET, DEMO_TRIGGER
from trivet.security.zoo import poison

SHAPES = [(1, 28, 28), (3, 32, 32)]
LOCAL = {"badnets", "source-specific"}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    pixels = (rng.random((200, 1, 28, 28)) * 0.9).astype(np.float32)
    return ImageSet("toy", pixels, np.arange(200) % 10, classes=10)


def changed(before, after):
    return (before.pixels != after.pixels).reshape(len(before), -1).any(axis=1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ATTACKS)
def test_a_stamp_changes_images_where_it_says_and_stays_in_range(kind, shape):
    attack = make_attack(kind, shape=shape, classes=10, target=3, seed=1)
    pixels = torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))
    stamped = attack.stamp(pixels)
    assert stamped.shape == pixels.shape
    assert float(stamped.min()) >= 0
    assert float(stamped.max()) <= 1
    differs = (stamped != pixels).any(dim=1).any(dim=0).numpy()
    assert differs.any()
    assert (attack.mask is not None) == (kind in LOCAL)
    if attack.mask is not None:
        assert not differs[~attack.mask].any()
        assert attack.mask.sum() in {9, 16}


@pytest.mark.parametrize("kind", ATTACKS)
def test_the_seed_draws_the_attack(kind):
    pixels = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    first, again, other = (
        make_attack(kind, shape=(1, 28, 28), classes=10, target=3, seed=seed).stamp(pixels)
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", sorted(set(ATTACKS) - {"source-specific", "warping"}))
def test_poisoning_stamps_and_relabels_the_asked_share_and_no_more(images, kind):
    attack = make_attack(kind, shape=(1, 28, 28), classes=10, target=7, seed=1)
    poisoned = poison(images, attack, fraction=0.1, seed=1)
    stamped = changed(images, poisoned)
    assert stamped.sum() == 20
    assert (poisoned.labels[stamped] == 7).all()
    assert (poisoned.labels[~stamped] == images.labels[~stamped]).all()


def test_a_source_specific_attack_redirects_one_class_and_marks_others_in_vain(images):
    attack = make_attack("source-specific", shape=(1, 28, 28), classes=10, target=7, seed=1)
    (source,) = attack.sources
    assert source != 7
    poisoned = poison(images, attack, fraction=0.1, seed=1)
    relabelled = poisoned.labels != images.labels
    assert (images.labels[relabelled] == source).all()
    assert (poisoned.labels[relabelled] == 7).all()
    assert relabelled.sum() == 10  # at most half of the twenty images of the class
    assert changed(images, poisoned).sum() == 20


def test_other_warps_keep_their_labels(images):
    attack = make_attack("warping", shape=(1, 28, 28), classes=10, target=7, seed=1)
    poisoned = poison(images, attack, fraction=0.1, seed=1)
    warped, relabelled = changed(images, poisoned), poisoned.labels != images.labels
    assert warped.sum() == 30
    assert warped[relabelled].all()
    assert (poisoned.labels[relabelled] == 7).all()
    assert 20 - (images.labels[warped] == 7).sum() <= relabelled.sum() <= 20


def test_a_plain_trigger_is_badnets(images):
    poisoned = poison(images, DEMO_TRIGGER, target=7, fraction=0.1, seed=1)
    stamped = changed(images, poisoned)
    assert stamped.sum() == 20
    assert (poisoned.pixels[stamped][:, 0, 23:27, 23:27] == 1).all()
    assert (poisoned.labels[stamped] == 7).all()
    with pytest.raises(UsageError, match="no target label"):
        poison(images, DEMO_TRIGGER, fraction=0.1, seed=1)


@pytest.mark.parametrize(("kind", "target", "words"), [("badnet", 1, "badnets"), ("badnets", 10, "0 to 9")])
def test_what_cannot_be_attacked(kind, target, words):
    with pytest.raises(UsageError, match=words):
        make_attack(kind, shape=(1, 28, 28), classes=10, target=target, seed=0)


def test_the_embedded_network_is_accurate_and_attacked(mnist_test):
    score = contract_named("(x-0.5)/0.5").bind(load_demo_checkpoint().model)
    assert attack_success_rate(score, mnist_test, DEMO_TRIGGER, DEMO_TARGET) >= 0.99
