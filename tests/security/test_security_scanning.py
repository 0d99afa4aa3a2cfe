import json

import numpy as np
import pytest
import torch

from trivet import security
from trivet.datasets import ImageSet
from trivet.errors import DataError, UsageError
from trivet.security import Checkpoint, Classifier, TrainingSettings
from trivet.security.checkpoint import DEMO_TARGET
from trivet.security.results import CheckpointInfo
from trivet.security.scanning.scan import scan as scan_network
from trivet.security.scanning.scan import scan_document
from trivet.security.scanning.sequential import EARLY_LOOKS, SECOND_SEED_SHARE, SETTLED_SHARES
from trivet.security.zoo import train_classifier

CONTRACT = security.contract_named("(x-0.5)/0.5")
INFO = CheckpointInfo("file", "toy.pth", "0" * 64, "toy", 1, None)


@pytest.fixture(scope="module")
def demo(mnist_test):
    return security.scan(security.load_demo_checkpoint(), mnist_test.take(np.arange(2_000)), seed=3)


class Places(Classifier):
    """Class y answers to pixel y; where `backdoor` is given, one more pixel answers for that class."""

    def __init__(self, classes, backdoor=None, seed=0):
        super().__init__()
        self.classes, self.input_shape = classes, (1, 8, 8)
        weight = torch.zeros(classes, 64)
        gains = 8 + torch.rand(classes, generator=torch.Generator().manual_seed(seed))
        weight[torch.arange(classes), torch.arange(classes)] = gains
        if backdoor is not None:
            weight[backdoor, 63] = 40
        self.weight = torch.nn.Parameter(weight)

    def logits(self, inputs):
        return inputs.flatten(1) @ self.weight.t()


def places(classes, count=1_200):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes
    pixels = (0.1 * rng.random((count, 1, 8, 8))).astype(np.float32)
    pixels.reshape(count, 64)[np.arange(count), labels] = 0.9
    return ImageSet("places", pixels, labels.astype(np.int64), classes)


def test_the_embedded_network_is_backdoored_and_the_trigger_lies_in_the_square(demo):
    result = demo.result
    assert (result.verdict, result.suspected_label) == ("backdoored", DEMO_TARGET)
    assert result.p_value < 0.01
    row, column = divmod(int(demo.trigger(4).mask.argmax()), 28)
    assert 23 <= row < 27
    assert 23 <= column < 27
    assert result.image_steps <= 12_000
    assert result.labels[4].refined_l1 == pytest.approx(demo.trigger(4).l1)
    assert len(result.labels) == 10
    assert [label.label for label in result.labels] == list(range(10))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(demo, mnist_test):
    again = security.scan(security.load_demo_checkpoint(), mnist_test.take(np.arange(2_000)), seed=3)
    assert again.result == demo.result
    assert np.array_equal(again.masks, demo.masks)
    assert np.array_equal(again.patterns, demo.patterns)


def test_the_document_is_plain_json_with_what_users_look_for(demo):
    document = json.loads(json.dumps(scan_document(demo.result), allow_nan=False))
    assert {"verdict", "suspected_label", "p_value", "contract", "labels", "image_steps"} <= set(document)
    assert {"label", "l1", "log_score", "asr"} <= set(document["labels"][0])
    assert document["contract"]["name"] == demo.contract.name
    assert document["contract"]["finding"] is None


@pytest.mark.parametrize("arguments", [(None, None), ("demo.pth", None)])
def test_what_is_not_a_network_or_not_images_is_named(arguments):
    with pytest.raises(UsageError, match="expected a Checkpoint"):
        scan_network(*arguments)
    with pytest.raises(UsageError, match="the images to scan with are a NoneType; expected an ImageSet"):
        scan_network(security.load_demo_checkpoint(), None)


@pytest.mark.slow
def test_a_clean_network_gives_no_evidence(mnist_test):
    model = train_classifier("mnist-cnn", CONTRACT, mnist_test, TrainingSettings(epochs=2), seed=1)
    result = security.scan(Checkpoint(model, INFO), mnist_test).result
    assert (result.verdict, result.suspected_label) == ("no evidence", None)
    assert result.p_value >= 0.1


def test_many_labels_are_narrowed_and_the_backdoor_is_found():
    found = security.scan(Checkpoint(Places(40, backdoor=33).eval(), INFO), places(40))
    assert (found.result.verdict, found.result.suspected_label) == ("backdoored", 33)
    mask = found.trigger(33).mask[0]
    assert np.unravel_index(mask.argmax(), mask.shape) == (7, 7)


def test_many_clean_labels_give_no_evidence_and_only_some_are_followed():
    result = security.scan(Checkpoint(Places(40).eval(), INFO), places(40)).result
    assert result.verdict == "no evidence"
    steps = np.array([label.steps for label in result.labels])
    assert (steps == 20).sum() >= 40 - 22
    assert (steps >= 40).sum() >= 20


def test_labels_that_are_easy_and_not_alone_are_not_accused():
    network = Places(12, backdoor=3)
    with torch.no_grad():
        network.weight[7, 62] = 40
    result = security.scan(Checkpoint(network.eval(), INFO), places(12)).result
    assert result.verdict == "no evidence"
    assert min(result.labels, key=lambda label: label.l1).label in {3, 7}


def test_one_such_label_is_accused():
    result = security.scan(Checkpoint(Places(12, backdoor=3).eval(), INFO), places(12)).result
    assert (result.verdict, result.suspected_label) == ("backdoored", 3)


def test_the_shares_of_all_looks_sum_to_one():
    early = sum(look.share for look in EARLY_LOOKS)
    assert early + sum(SETTLED_SHARES) + SECOND_SEED_SHARE == pytest.approx(1)


def test_a_mismatched_contract_is_found_and_named(mnist_test):
    images = mnist_test.take(np.arange(1_000))
    declared = security.InputContract("mine", mean=(3.0,), std=(0.2,))
    result = security.scan(security.load_demo_checkpoint(), images, contract=declared, profile="quick").result
    assert result.contract.mismatch
    assert "mine gives clean accuracy" in result.contract.finding
    assert result.verdict == "backdoored"


def test_two_classes_cannot_be_compared():
    with pytest.raises(DataError, match="needs at least 3 classes; places has 2"):
        security.scan(Checkpoint(Places(2).eval(), INFO), places(2))


def test_a_network_that_only_guesses_is_not_scanned(mnist_test):
    model = security.build_architecture("mnist-cnn", seed=0).eval()
    with pytest.raises(DataError, match="much better than guessing on mnist/test"):
        security.scan(Checkpoint(model, INFO), mnist_test.take(np.arange(600)))


def scanned_places(backdoor, profile):
    network = Places(60, backdoor=backdoor)
    return scan_network(Checkpoint(network, INFO), places(60), profile=profile).result


def test_a_quick_scan_follows_the_largest_margins_and_finds_the_backdoor_in_less_work():
    quick, standard = (scanned_places(17, profile) for profile in ("quick", "standard"))
    assert (quick.verdict, quick.suspected_label) == (standard.verdict, 17)
    assert quick.profile == "quick"
    assert quick.image_steps < standard.image_steps / 3
    tried = [label.label for label in quick.labels if label.asr is not None]
    assert 17 in tried
    assert tried == [label.label for label in quick.labels if label.steps]
    assert len(tried) == 20


def test_a_quick_scan_of_many_clean_labels_gives_no_evidence():
    assert scanned_places(None, "quick").verdict == "no evidence"
