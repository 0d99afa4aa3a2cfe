import numpy as np
import pytest
import torch

from trivet.security import build_architecture
from trivet.security.networks import MnistCNN
from trivet.security.scanning.search import NonTargetSampler, TriggerBatch


@pytest.fixture
def score():
    model = build_architecture("mnist-cnn", seed=3).eval().requires_grad_(False)
    return model.logits


@pytest.fixture
def double():
    """Double precision: Adam divides by gradients near zero, and enlarges rounding that differs by kernel."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def started(targets):
    return TriggerBatch.start(targets, MnistCNN.input_shape, penalty=8.0, mask=0.0, pattern=0.0)


def test_other_classes_draws_every_image_but_those_of_the_target():
    labels = np.array([2, 0, 1, 1, 2, 0, 0])
    others = NonTargetSampler(labels, 4)
    for target in range(4):
        drawn = others.draw(np.random.default_rng(0), target, (50, 20))
        assert drawn.shape == (50, 20)
        assert set(np.unique(drawn)) == set(np.flatnonzero(labels != target))


def test_a_row_does_not_depend_on_its_neighbours(double, score):
    pixels = torch.rand(3, 8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    together, alone = started([1, 5, 7]), started([5])
    for _ in range(4):
        together.step(score, pixels, learning_rate=0.3, betas=(0.5, 0.9))
        alone.step(score, pixels[1:2], learning_rate=0.3, betas=(0.5, 0.9))
    torch.testing.assert_close(together.variables[1:2], alone.variables, rtol=1e-7, atol=1e-7)


def test_steps_are_those_of_adam_on_the_papers_objective(double, score):
    pixels = torch.rand(1, 8, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    stack = started([4])
    variables = torch.zeros(1, 2, 28, 28, requires_grad=True)
    optimiser = torch.optim.Adam([variables], lr=0.3, betas=(0.5, 0.9))
    for _ in range(5):
        mask, pattern = variables[:, :1].sigmoid(), variables[:, 1:].sigmoid()
        logits = score((1 - mask) * pixels[0] + mask * pattern)
        loss = torch.nn.functional.cross_entropy(logits, torch.full((8,), 4)) + 8.0 * mask.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        stack.step(score, pixels, learning_rate=0.3, betas=(0.5, 0.9))
    torch.testing.assert_close(stack.variables, variables.detach(), rtol=1e-7, atol=1e-7)


def test_success_is_that_of_the_batch_before_the_step(score):
    pixels = torch.rand(2, 16, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    stack = started([0, 6])
    shown = stack.variables.sigmoid()
    stamped = pixels + shown[:, None, :1] * (shown[:, None, 1:] - pixels)
    expected = (score(stamped.flatten(0, 1)).argmax(dim=1).view(2, 16) == torch.tensor([[0], [6]])).float()
    success = stack.step(score, pixels, learning_rate=0.3, betas=(0.5, 0.9))
    torch.testing.assert_close(success, expected.mean(dim=1))


def test_rows_taken_and_put_back(score):
    pixels = torch.rand(1, 4, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    stack = started([0, 1, 2])
    block = stack.take(torch.tensor([1]))
    block.step(score, pixels, learning_rate=0.3, betas=(0.5, 0.9))
    stack.put(torch.tensor([1]), block)
    assert torch.equal(stack.variables[1], block.variables[0])
    assert (stack.variables[[0, 2]] == 0).all()
    assert stack.norms == pytest.approx(stack.masks.sum(dim=(1, 2, 3)).numpy(), rel=1e-6)
