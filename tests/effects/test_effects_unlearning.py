"""Unlearning on the embedded network: what it does to classes and images, and where it starts from."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from trivet.datasets import load_mnist
from trivet.effects import suspect_of
from trivet.effects.unlearning import UNLEARNING_MEASUREMENTS, Suspect, unlearning_changes
from trivet.security import load_demo_checkpoint
from trivet.security.checkpoint import DEMO_TARGET, DEMO_TRIGGER
from trivet.security.contract import check_contract, contract_named
from trivet.security.repairs.unlearning import UnlearningSettings


@pytest.fixture(scope="module")
def images():
    return load_mnist("test").take(np.arange(600))


@pytest.fixture(scope="module")
def suspect():
    checkpoint = load_demo_checkpoint()
    return Suspect(
        checkpoint.info.name,
        checkpoint.model,
        contract_named("(x-0.5)/0.5"),
        DEMO_TRIGGER,
        DEMO_TARGET,
        [UnlearningSettings(steps=20, learning_rate=1e-2)],
    )


def test_the_figures_are_those_of_both_networks(suspect, images):
    changes = unlearning_changes(suspect, images, level=0.95, seed=0)
    worst, spread, exposure = changes
    assert len(changes) == len(UNLEARNING_MEASUREMENTS)
    assert worst.before > 0.9
    assert worst.after < worst.before  # twenty coarse steps cost accuracy
    assert 0 < spread.before < spread.after
    # The network was trained on other images: before the repair it knows neither half.
    assert 0.4 < exposure.before < 0.6
    for change in changes:
        assert change.low <= change.change <= change.high
    assert unlearning_changes(suspect, images, level=0.95, seed=0) == changes


def test_a_repair_that_learns_its_images_by_heart_exposes_them(suspect, images):
    overfitted = dataclasses.replace(
        suspect, rounds=[UnlearningSettings(epochs=25, learning_rate=3e-3, batch_size=64)]
    )
    exposure = unlearning_changes(overfitted, images.take(np.arange(300)), level=0.95, seed=0)[2]
    assert exposure.low > 0
    assert exposure.after > 0.55


def test_the_suspect_is_what_the_scan_found(images):
    checkpoint = load_demo_checkpoint()
    declared = contract_named("[0,1]")
    check = check_contract(checkpoint.model, images.take(np.arange(200)), declared)
    masks, patterns = np.random.default_rng(0).random((2, 10, 1, 28, 28), dtype=np.float32)
    found = SimpleNamespace(suspected_label=6, contract=check)
    suspect = suspect_of(checkpoint, found, masks=masks, patterns=patterns, declared="[0,1]")
    assert suspect.contract.name == "(x-0.5)/0.5"  # the best, not the declared one
    assert suspect.target == 6
    np.testing.assert_array_equal(suspect.trigger.mask, masks[6])
    np.testing.assert_array_equal(suspect.trigger.pattern, patterns[6])
    nobody = SimpleNamespace(suspected_label=None, contract=check)
    assert suspect_of(checkpoint, nobody, masks=masks, patterns=patterns, declared="[0,1]") is None
