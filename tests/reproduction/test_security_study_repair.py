"""Scan and repair of the published study's attacked networks, and of clean ones like them."""

import json
from pathlib import Path

import numpy as np
import pytest

from trivet import security
from trivet.datasets import load_mnist
from trivet.security import TrainingSettings, contract_named, load_from_archive
from trivet.security.calls import repair_suspect
from trivet.security.checkpoint import ScanInput
from trivet.security.contract import UNIT
from trivet.security.zoo import train_classifier

CONTRACT = contract_named("(x-0.5)/0.5")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive(reference):
    return reference / "poisened_models.rar"


@pytest.mark.slow
@pytest.mark.parametrize("index", [4, 0, 2, 7, 8])
def test_the_scan_names_the_right_label_and_unlearning_removes_its_trigger(
    archive, mnist_test, reference, index
):
    checkpoint = load_from_archive(archive, index)
    found = security.scan(checkpoint, mnist_test, contract=UNIT, seed=0)
    result = found.result
    assert result.contract.mismatch
    assert result.contract.best.name == CONTRACT.name
    assert result.contract.best.clean_accuracy > 0.89
    assert (result.verdict, result.suspected_label) == ("backdoored", index)
    assert result.p_value < 0.01
    place = json.loads((reference / "triggers.json").read_text(encoding="utf-8"))["models"][str(index)]
    row, column = divmod(int(found.trigger(index).mask.argmax()), 28)
    assert place["row"] <= row < place["row"] + 4
    assert place["column"] <= column < place["column"] + 4
    repair = repair_suspect(ScanInput(checkpoint, mnist_test, UNIT), found, "unlearn", seed=0)
    (attempt,) = repair.result.attempts
    assert attempt.asr.before.value > 0.9
    assert attempt.asr.after.value < 0.02
    assert attempt.clean_accuracy.after.value > attempt.clean_accuracy.before.number - 0.01
    assert repair.result.chosen == "unlearn"


@pytest.mark.slow
@pytest.mark.published
def test_the_contract_finding_on_model_4(archive, mnist_test):
    check = security.check_contract(load_from_archive(archive, 4).model, mnist_test)
    assert check.declared.clean_accuracy == pytest.approx(0.3518, abs=1e-9)
    assert check.best.clean_accuracy == pytest.approx(0.9827, abs=1e-9)
    assert "(x-0.5)/0.5 gives 0.9827" in check.finding
    page = (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8")
    assert all(f"| {each.clean_accuracy:.4f} |" in page for each in check.candidates)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clean_network_gives_no_evidence(mnist_test, seed):
    train = load_mnist("train").take(np.arange(30_000))
    model = train_classifier("mnist-cnn", CONTRACT, train, TrainingSettings(), seed=seed)
    checkpoint = security.Checkpoint(model, security.load_demo_checkpoint().info)
    result = security.scan(checkpoint, mnist_test, contract=CONTRACT, seed=seed).result
    assert result.contract.declared.clean_accuracy > 0.95
    assert not result.contract.mismatch
    assert (result.verdict, result.suspected_label) == ("no evidence", None)
