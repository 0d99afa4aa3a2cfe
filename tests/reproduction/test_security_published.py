"""The published security figures, on the real attacked network."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from trivet import security
from trivet.security import load_from_archive
from trivet.security.contract import UNIT
from trivet.security.published import publish_security
from trivet.security.settings import SecuritySettings

STUDENT_ID = "810101504"

#: A hundred seconds: `make test-isa` runs it, with old instructions.
pytestmark = [pytest.mark.slow, pytest.mark.published]


@pytest.fixture(scope="module")
def expected(reference):
    return json.loads((reference / "expected.json").read_text(encoding="utf-8"))["security"]


@pytest.fixture(scope="module")
def archive(reference):
    return reference / "poisened_models.rar"


@pytest.fixture(scope="module")
def published(archive, mnist_test):
    checkpoint = load_from_archive(archive, security.index_from_student_id(STUDENT_ID))
    before = torch.get_rng_state()
    result, _ = publish_security(
        checkpoint, mnist_test, UNIT, SecuritySettings(profile="high-fidelity"), seed=0
    )
    assert torch.equal(torch.get_rng_state(), before)  # PyTorch's generator is left as it was
    return result


def test_labels(published, expected):
    assert published.expected_label == expected["expected_label"]
    assert published.detected_label == expected["detected_label"]
    assert published.agrees
    assert not published.outlier


def test_norms(published, expected):
    np.testing.assert_allclose(published.norms, expected["norms"], rtol=expected["norms_relative_tolerance"])
    # Nearly all of them to the printed digit, since the order of the batches is the published one.
    assert (np.round(published.norms, 1) == expected["norms"]).sum() >= 8


def test_before_the_repair(published, expected):
    assert published.clean_accuracy.before == pytest.approx(expected["clean_accuracy_before"], abs=1e-9)
    assert published.asr.before == pytest.approx(expected["asr_before"], abs=expected["tolerance_asr_before"])


def test_after_the_repair(published, expected):
    tolerance = expected["tolerance_after"]
    assert published.clean_accuracy.after == pytest.approx(expected["clean_accuracy_after"], abs=tolerance)
    assert published.asr.after == pytest.approx(expected["asr_after"], abs=tolerance)


def test_fraction_sweep(published, expected):
    sweep, reference = published.fraction_sweep, expected["fraction_sweep"]
    assert sweep.best_fraction == reference["best_fraction"]
    # The tolerance is three images of 3,000; the difference of two doubles may pass it by a last bit.
    assert sweep.best_asr == pytest.approx(reference["asr"], abs=reference["tolerance"] + 1e-9)
    assert sweep.best_clean_accuracy == pytest.approx(reference["clean_accuracy"], abs=0.005)


def test_with_fraction_zero_the_network_is_as_it_came(published, expected):
    sweep, checked = published.fraction_sweep, expected["checked"]["sweep"]
    assert sweep.clean_accuracy[0] == pytest.approx(checked["clean_accuracy"][0], abs=1e-4)
    assert sweep.asr[0] == pytest.approx(checked["asr"][0], abs=1e-3)


def test_other_fractions_of_the_sweep_are_near(published, expected):
    """Neighbouring processors round differently, and two short trainings are not the same to the digit."""
    sweep, checked = published.fraction_sweep, expected["checked"]["sweep"]
    assert list(sweep.fraction) == checked["fraction"]
    np.testing.assert_allclose(sweep.asr, checked["asr"], atol=0.005)
    np.testing.assert_allclose(sweep.clean_accuracy, checked["clean_accuracy"], atol=0.005)


def test_the_page_of_corrections_has_the_published_figures(reference):
    published = json.loads((reference / "expected.json").read_text(encoding="utf-8"))
    security, fairness = published["security"], published["fairness"]
    names = ("clean_accuracy_before", "clean_accuracy_after", "asr_before", "asr_after")
    figures = [security[name] for name in names]
    figures += [fairness[name]["disparate_impact"] for name in ("baseline", "promotion_demotion")]
    page = (Path(__file__).parents[2] / "docs" / "corrections.md").read_text(encoding="utf-8")
    assert all(f"{figure:.4f}" in page for figure in figures)
