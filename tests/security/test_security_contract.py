from dataclasses import replace

import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.datasets.classes import class_numbers
from trivet.errors import UsageError
from trivet.security import InputContract, check_contract, contract_named, load_demo_checkpoint
from trivet.security.contract import (
    CANDIDATES,
    COLOUR_CANDIDATES,
    UNIT,
    candidates_for,
    chosen_contract,
    in_fitting_order,
    is_near_chance,
    numbered_by,
)
from trivet.security.networks import Classifier
from trivet.security.results import ContractCandidate, ContractCheck

LEVELS = 50


class ReadsRed(Classifier):
    """Knows an image's class by its red pixel, if it is fed as `expects` says."""

    input_shape, classes = (3, 1, 1), LEVELS

    def __init__(self, expects):
        super().__init__()
        self.expects = expects

    def logits(self, inputs):
        mean, std = (
            torch.tensor(values).view(1, -1, 1, 1) for values in (self.expects.mean, self.expects.std)
        )
        pixels = (inputs * std + mean) / self.expects.scale
        red = pixels[:, -1 if self.expects.bgr else 0, 0, 0]
        return -(red[:, None] - torch.arange(LEVELS) / (LEVELS - 1)).abs()


@pytest.fixture
def reds():
    labels = np.arange(4 * LEVELS) % LEVELS
    colours = np.stack([labels, np.roll(labels, 7), np.roll(labels, 19)], axis=1) / (LEVELS - 1)
    return ImageSet("reds", colours[..., np.newaxis, np.newaxis].astype(np.float32), labels, LEVELS)


def measured(*accuracies):
    rows = tuple(ContractCandidate(str(row), 1.0, (0.0,), (1.0,), a, 99) for row, a in enumerate(accuracies))
    best = max(rows, key=lambda row: row.clean_accuracy)
    return ContractCheck(rows[0], best, rows, 0.0, 0.05, mismatch=False, finding=None)


def test_a_contract_is_scale_then_mean_and_std():
    pixels = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert contract_named("(x-0.5)/0.5")(pixels).flatten().tolist() == [-1, 0, 1]
    assert contract_named("[0,255]")(pixels).flatten().tolist() == [0, 127.5, 255]
    assert UNIT(pixels) is pixels
    colour = InputContract("colour", mean=(0.0, 0.5, 1.0), std=(1.0, 2.0, 4.0))
    assert colour(torch.ones(1, 3, 1, 1)).flatten().tolist() == [1, 0.25, 0]


def test_bgr_reverses_the_channels_before_mean_and_std():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    assert contract_named("[0,1], BGR")(red).flatten().tolist() == [0, 0, 1]
    caffe = contract_named("Caffe mean, BGR")(red).flatten()
    assert torch.equal(caffe, torch.tensor([-103.939, -116.779, 255 - 123.68]))
    right, turned = contract_named("ImageNet mean and std"), contract_named("ImageNet mean and std, BGR")
    pixels = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turned(pixels), right(pixels).flip(1))


def test_the_wrong_contract_is_found_out(mnist_test):
    check = check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(1000)))
    assert check.best.name == "(x-0.5)/0.5"
    assert check.candidates[0] == check.declared
    assert check.loss == check.best.clean_accuracy - check.declared.clean_accuracy
    assert chosen_contract(check, UNIT) is contract_named("(x-0.5)/0.5")


def test_the_right_contract_leaves_nothing_to_say(mnist_test):
    declared = contract_named("(x-0.5)/0.5")
    check = check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(1000)), declared)
    assert (check.best, check.loss, check.mismatch, check.finding) == (check.declared, 0.0, False, None)


def test_grey_images_are_measured_as_in_the_published_record(mnist_test):
    assert candidates_for(1) is CANDIDATES
    check = check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(20)), CANDIDATES[2])
    assert [candidate.name for candidate in check.candidates] == [
        "MNIST mean and std",
        "[0,1]",
        "(x-0.5)/0.5",
        "Fashion-MNIST mean and std",
        "[0,255]",
    ]


@pytest.mark.parametrize("expected", COLOUR_CANDIDATES, ids=lambda contract: contract.name)
def test_auto_finds_each_contract_of_colour_images(reds, expected):
    check = check_contract(ReadsRed(expected), reds, None)
    assert (check.best.name, check.best.clean_accuracy) == (expected.name, 1.0)
    assert (check.declared, check.loss, check.mismatch, check.finding) == (check.best, 0.0, False, None)
    assert [candidate.name for candidate in check.candidates] == [c.name for c in candidates_for(3)]
    assert chosen_contract(check, None) is expected
    assert not is_near_chance(check, LEVELS, len(reds))


def test_a_first_look_leaves_the_two_best_and_the_declared_one_to_be_measured_on_all(reds):
    declared = InputContract("mine", scale=2.0)
    check = check_contract(ReadsRed(contract_named("[0,255]")), reds, declared, screened=50)
    images = {candidate.name: candidate.images for candidate in check.candidates}
    assert (images["mine"], images["[0,255]"]) == (200, 200)
    assert 2 <= list(images.values()).count(200) <= 3
    assert (check.best.name, check.best.clean_accuracy, check.mismatch) == ("[0,255]", 1.0, True)
    whole = check_contract(ReadsRed(contract_named("[0,255]")), reds, declared)
    assert (check.best, check.declared, check.loss) == (whole.best, whole.declared, whole.loss)


def test_a_declared_contract_of_ones_own_is_measured_first_and_kept_where_it_is_best(reds):
    own = InputContract("mine", scale=2.0, mean=(0.1, 0.2, 0.3), std=(0.7, 0.8, 0.9), bgr=True)
    check = check_contract(ReadsRed(own), reds, own)
    assert len(check.candidates) == 1 + len(COLOUR_CANDIDATES)
    assert check.candidates[0] == check.declared == check.best
    assert chosen_contract(check, own) is own
    other = check_contract(ReadsRed(UNIT), reds, own)
    assert other.mismatch
    assert chosen_contract(other, own) is UNIT


def test_a_candidate_by_another_name_is_measured_once(reds):
    half = InputContract("halves", mean=(0.5, 0.5, 0.5), std=(0.5,))
    names = [candidate.name for candidate in check_contract(ReadsRed(half), reds, half).candidates]
    assert len(names) == len(COLOUR_CANDIDATES)
    assert "(x-0.5)/0.5" not in names
    taken = InputContract("[0,255]", scale=7.0)
    check = check_contract(ReadsRed(taken), reds, taken)
    assert [c.name for c in check.candidates].count("[0,255]") == 1
    assert chosen_contract(check, taken) is taken


def test_what_the_images_cannot_tell_apart_goes_to_the_more_common(reds):
    grey = ImageSet("grey", np.repeat(reds.pixels[:, :1], 3, axis=1), reds.labels, LEVELS)
    assert check_contract(ReadsRed(contract_named("[0,1], BGR")), grey, None).best.name == "[0,1]"


@pytest.mark.parametrize(
    "declared",
    [
        contract_named("ImageNet mean and std"),
        InputContract("a", std=(1.0, 2.0)),
        InputContract("b", bgr=True),
    ],
)
def test_a_contract_for_other_channels_is_refused(mnist_test, declared):
    with pytest.raises(UsageError, match="does not fit images of 1 channel"):
        check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(20)), declared)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"std": (0.0,)}, "expected a scale other than 0 and a positive std"),
        ({"std": (0.5, -0.5, 0.5)}, "expected a scale other than 0 and a positive std"),
        ({"scale": 0.0}, "expected a scale other than 0"),
        ({"mean": (float("nan"),)}, "numbers that are not finite"),
        ({"std": (float("inf"),)}, "numbers that are not finite"),
        ({"mean": ()}, "needs a mean and a std"),
    ],
)
def test_numbers_that_no_network_was_trained_with(numbers, message):
    with pytest.raises(UsageError, match=message):
        InputContract("wrong", **numbers)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"expected one of: '\[0,1\]', '\(x-0.5\)/0.5'"):
        contract_named("imagenet")


def test_names_are_unique_and_say_bgr():
    contracts = {contract.name: contract for contract in COLOUR_CANDIDATES}
    assert len(contracts) == len(COLOUR_CANDIDATES) == 13
    assert set(CANDIDATES) < set(COLOUR_CANDIDATES)
    assert all(contract.bgr == name.endswith(", BGR") for name, contract in contracts.items())
    assert all(contract_named(name) is contract for name, contract in contracts.items())


@pytest.mark.parametrize(
    ("classes", "images", "accuracy", "near"),
    [
        (10, 1000, 0.199, True),  # twice the chance
        (10, 1000, 0.201, False),
        (10, 100, 0.219, True),  # four standard errors
        (10, 100, 0.221, False),
        (2, 1000, 0.599, True),  # ten points
        (2, 1000, 0.601, False),
        (100, 10_000, 0.0199, True),
        (100, 10_000, 0.0201, False),
    ],
)
def test_near_chance(classes, images, accuracy, near):
    assert is_near_chance(measured(0.0, accuracy, 1 / classes), classes, images) is near


def test_classes_are_numbered_as_text_where_only_that_fits_the_network():
    names = tuple(map(str, range(12)))
    labels = np.arange(240) % 12
    pixels = np.zeros((240, 1, 1, 12), np.float32)
    pixels[np.arange(240), 0, 0, labels] = 1
    images = ImageSet("digits", pixels, labels, 12, names)
    as_text = torch.tensor(class_numbers(names, "text"))

    class Shifted(Classifier):
        input_shape, classes = (1, 1, 12), 12

        def __init__(self, places):
            super().__init__()
            self.places = places

        def logits(self, inputs):
            scores = torch.zeros(len(inputs), 12)
            scores[:, self.places] = inputs.flatten(1)
            return scores

    fitting = in_fitting_order(Shifted(as_text), images, None)
    assert fitting.name == "digits (classes in the order of their names as text)"
    assert [fitting.class_names[label] for label in fitting.labels] == [names[label] for label in labels]
    assert in_fitting_order(Shifted(torch.arange(12)), images, None) is images
    assert in_fitting_order(Shifted(torch.arange(11, -1, -1)), images, None) is images  # neither fits
    assert numbered_by(images, "text").labels.tolist() == fitting.labels.tolist()
    with pytest.raises(UsageError, match="no names of classes"):
        numbered_by(replace(images, class_names=None), "text")
