"""The published security figures, on the real attacked network."""

import json

import numpy as np
import pytest

from trivet import security
from trivet.security import SecuritySettings, load_from_archive

STUDENT_ID = "810101504"


@pytest.fixture(scope="module")
def expected(reference):
    return json.loads((reference / "expected.json").read_text(encoding="utf-8"))["security"]


@pytest.fixture(scope="module")
def archive(reference):
    return reference / "poisened_models.rar"


@pytest.fixture(scope="module")
def published(archive, mnist_test):
    checkpoint = load_from_archive(archive, security.index_from_student_id(STUDENT_ID))
    result, _ = security.publish_security(
        checkpoint, mnist_test, security.UNIT, SecuritySettings(profile="high-fidelity"), seed=0
    )
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
    assert sweep.best_asr == pytest.approx(reference["asr"], abs=0.02)
    assert sweep.best_clean_accuracy == pytest.approx(reference["clean_accuracy"], abs=0.02)
