"""The scan on the real attacked networks: verdict, label, place of the trigger, and cost."""

import json

import pytest

from trivet import security

SLOW = (pytest.mark.slow, pytest.mark.published)
MODELS = (0, *(pytest.param(index, marks=SLOW) for index in (2, 4, 7)), 8)


@pytest.fixture(scope="module", params=MODELS)
def scanned(request, reference, mnist_test):
    path = reference / "checkpoints" / f"poisened_model_{request.param}.pth"
    return request.param, security.scan(security.load_checkpoint(path), mnist_test)


def test_verdict_label_and_p_value(scanned):
    index, found = scanned
    result = found.result
    assert (result.verdict, result.suspected_label) == ("backdoored", index)
    assert result.p_value < 0.01
    assert [opinion.label for opinion in result.opinions] == [index, index]


def test_the_strongest_pixel_lies_in_the_true_square(scanned, reference):
    index, found = scanned
    place = json.loads((reference / "triggers.json").read_text(encoding="utf-8"))["models"][str(index)]
    row, column = divmod(int(found.trigger(index).mask.argmax()), 28)
    assert place["row"] <= row < place["row"] + 4
    assert place["column"] <= column < place["column"] + 4


def test_the_contract_is_found(scanned):
    _, found = scanned
    assert found.result.contract.best.name == "(x-0.5)/0.5"
    assert found.result.contract.best.clean_accuracy > 0.85


def test_it_takes_fewer_image_steps_than_any_published_schedule(scanned):
    _, found = scanned
    assert found.result.image_steps <= 12_000
