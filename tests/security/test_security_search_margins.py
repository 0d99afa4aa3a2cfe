import numpy as np
import pytest
import torch

from trivet import security
from trivet.security.checkpoint import DEMO_TARGET
from trivet.security.frozen import freeze
from trivet.security.scanning.search import MarginSettings, maximum_margins
from trivet.security.scanning.sequential import margin_opinion


def test_margins_of_a_linear_network_are_those_of_the_corners():
    """Class y answers to its own row of pixels only, so its margin is largest with that row at 1."""
    gains = torch.tensor([1.0, 2.0, 5.0, 0.5])

    def score(pixels):
        return pixels[:, 0].sum(dim=2) * gains

    found = maximum_margins(score, (1, 4, 6), 4, MarginSettings(), seed=0)
    exact = 6 * gains.numpy()
    assert (found.values <= exact + 1e-6).all()
    assert (found.values >= 0.97 * exact).all()  # the last steps are small, and circle the corner
    assert found.image_steps == 4 * 4 * 31


def test_a_margin_that_no_input_makes_positive_is_negative():
    def score(pixels):
        total = pixels.sum(dim=(1, 2, 3))
        return torch.stack([total, total - 3.0, 0.5 * total], dim=1)

    found = maximum_margins(score, (1, 2, 2), 3, MarginSettings(), seed=0)
    assert found.values[1] == pytest.approx(-3.0, abs=1e-5)
    assert found.values[0] == pytest.approx(2.0, abs=1e-5)


def test_the_backdoor_of_the_embedded_network_stands_out_without_any_image():
    model = freeze(security.load_demo_checkpoint().model)
    score = security.contract_named("(x-0.5)/0.5").bind(model)
    found, again = (maximum_margins(score, (1, 28, 28), 10, MarginSettings(), seed=0) for _ in range(2))
    assert np.array_equal(found.values, again.values)
    opinion, scores = margin_opinion(found.values)
    assert opinion.label == DEMO_TARGET
    assert opinion.p_value < 0.05
    assert int(np.argmax(scores)) == opinion.label
