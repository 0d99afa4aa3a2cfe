"""DP-SGD to epsilon 3 on MNIST: the right one is consistent with its claim, each mistake is caught."""

import numpy as np
import pytest
from private_trainings import MISTAKES, OpacusRegression, PrivateRegression, noise_multiplier

from trivet.datasets import load_images
from trivet.privacy.membership.audit import audit_model

ASKED = {"epsilon": 3.0, "delta": 1e-5, "shadows": 8, "attacks": ("lira-offline",), "workers": 1}


@pytest.fixture(scope="module")
def digits():
    images = load_images("mnist", limit=1000, seed=0)
    return images.unit().reshape(1000, -1).astype(np.float32), images.labels


def test_the_noise_is_that_of_the_claim():
    # Opacus 1.6 gives 2.33 for the same sampling by the same accountant.
    assert noise_multiplier(3.0, 1e-5, 0.1, 200) == pytest.approx(2.335, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_private_training_is_caught(digits, mistake):
    claim = audit_model(PrivateRegression(mistake), *digits, canaries=1000, **ASKED).claim
    assert claim.verdict == ("consistent" if mistake == "none" else "violates"), claim.reason
    assert claim.ceiling > 4


@pytest.mark.slow
def test_opacus_keeps_its_claim_and_is_caught_without_its_noise(digits):
    pytest.importorskip("opacus")
    verdicts = []
    for noisy in (True, False):
        audit = audit_model(OpacusRegression(noisy=noisy), *digits, canaries=1000, **ASKED)
        verdicts.append(audit.claim.verdict)
    assert verdicts == ["consistent", "violates"]
