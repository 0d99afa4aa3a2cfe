import numpy as np
import pytest
import torch

from trivet.errors import UsageError
from trivet.security import UNIT, InputContract, check_contract, contract_named, load_demo_checkpoint


def test_a_contract_is_scale_then_mean_and_std():
    pixels = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert contract_named("(x-0.5)/0.5")(pixels).flatten().tolist() == [-1, 0, 1]
    assert contract_named("[0,255]")(pixels).flatten().tolist() == [0, 127.5, 255]
    assert UNIT(pixels) is pixels
    colour = InputContract("colour", mean=(0.0, 0.5, 1.0), std=(1.0, 2.0, 4.0))
    assert colour(torch.ones(1, 3, 1, 1)).flatten().tolist() == [1, 0.25, 0]


def test_the_wrong_contract_is_found_out(mnist_test):
    check = check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(1000)))
    assert check.best.name == "(x-0.5)/0.5"
    assert check.candidates[0] == check.declared
    assert check.loss == check.best.clean_accuracy - check.declared.clean_accuracy


def test_the_right_contract_leaves_nothing_to_say(mnist_test):
    declared = contract_named("(x-0.5)/0.5")
    check = check_contract(load_demo_checkpoint().model, mnist_test.take(np.arange(1000)), declared)
    assert (check.best, check.loss, check.mismatch, check.finding) == (check.declared, 0.0, False, None)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"expected one of: '\[0,1\]', '\(x-0.5\)/0.5'"):
        contract_named("imagenet")
