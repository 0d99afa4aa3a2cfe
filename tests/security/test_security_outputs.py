import dataclasses
from collections import OrderedDict
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security.adapting import LastActivation, are_probabilities, scores_among

SCORES = torch.arange(8.0).reshape(2, 4)
OTHER = torch.zeros(2, 7, 3)


@dataclasses.dataclass
class Output:
    features: torch.Tensor
    scores: torch.Tensor


class Pair(NamedTuple):
    logits: torch.Tensor
    aux: torch.Tensor


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        SCORES[:, :, None, None],
        (SCORES,),
        [OTHER, SCORES, None],
        {"features": OTHER, "anything": SCORES},
        {"logits": SCORES, "aux": SCORES + 1},
        OrderedDict(logits=SCORES, probabilities=SCORES.softmax(1)),
        SimpleNamespace(logits=SCORES, other=OTHER),
        Output(OTHER, SCORES),
        Pair(SCORES, SCORES + 1),
    ],
)
def test_the_scores_are_found(output):
    assert torch.equal(scores_among(output, 2, 4, "x"), SCORES)
    assert torch.equal(scores_among(output, 2, None, "x"), SCORES)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ((SCORES, SCORES), "returns 2 tensors of shape"),
        (torch.zeros(2, 1), "as a network with one sigmoid output does"),
        (torch.zeros(2), "as a network with one sigmoid output does"),
        (torch.zeros(2, 3), "tells 3 classes apart, the images have 4"),
        (torch.zeros(4, 2), "returns (4, 2) for a batch of 2"),
        (torch.zeros(2, 4, dtype=torch.int64), "returns whole numbers"),
        ("text", "returns a str"),
        (None, "returns a NoneType"),
    ],
)
def test_what_holds_no_scores(output, message):
    with pytest.raises(CheckpointError) as caught:
        scores_among(output, 2, 4, "x")
    assert message in str(caught.value)


def test_probabilities_and_logits_are_told_apart():
    assert are_probabilities(SCORES.softmax(1))
    assert are_probabilities(torch.eye(4))
    assert not are_probabilities(SCORES)
    assert not are_probabilities(SCORES.log_softmax(1))
    assert not are_probabilities(SCORES.softmax(0))
    assert not are_probabilities(torch.tensor([[-0.5, 1.5]]))


@pytest.mark.parametrize(
    ("apply", "kind"),
    [
        (torch.nn.Softmax(dim=1), "softmax"),
        (lambda x: functional.softmax(input=x, dim=1), "softmax"),
        (lambda x: x.softmax(dim=1), "softmax"),
        (lambda x: torch.softmax(x, 1), "softmax"),
        (lambda x: torch.special.softmax(x, 1), "softmax"),
        (lambda x: torch.ops.aten.softmax.int(self=x, dim=1), "softmax"),
        (lambda x: torch.ops.aten._softmax.default(x, 1, False), "softmax"),
        (lambda x: functional.dropout(x.softmax(1), training=False), "softmax"),
        (lambda x: x[:, :, None, None].softmax(1).flatten(1), "softmax"),
        (torch.sigmoid, "sigmoid"),
        (torch.nn.Sigmoid(), "sigmoid"),
        (lambda x: x.softmax(1) * 1, None),
        (lambda x: x.softmax(1).log(), None),
        (lambda x: (x.softmax(1), x.relu())[1], None),
        (lambda x: x.relu(), None),
    ],
)
def test_what_went_into_the_last_activation(apply, kind):
    with LastActivation() as activation:
        result = apply(SCORES)
    found = activation.before(result)
    assert (found and found[0]) == kind
    if found:
        assert torch.equal(found[1], SCORES)
