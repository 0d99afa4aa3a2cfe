"""Noise of OpenDP, PyTorch and diffprivlib: what it is given, and what the libraries state of it."""

import importlib
import importlib.util
import sys
import types
import warnings

import numpy as np
import opendp.prelude as dp
import pytest

from trivet.privacy import audit_code, claims

torch = pytest.importorskip("torch")
dp.enable_features("contrib")

NUMBERS = [0.1, 0.5, 0.7, 3.0]
ROWS = np.random.default_rng(0).normal(size=(8, 3))
SPACE = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()


# OpenDP.


def test_a_measurement_that_is_given_too_much_is_found_by_its_own_map():
    laplace = dp.m.make_laplace(dp.atom_domain(T=float, nan=False), dp.absolute_distance(T=float), scale=2.0)
    found = audit_code(lambda rows: laplace(sum(rows)), NUMBERS, epsilon=1, bounds=(0.0, 8.0))
    assert found.verdict == "violates"
    assert found.epsilon_seen == pytest.approx(4.0)
    assert found.calls[0].seen == 8.0
    assert not found.notes  # its noise is no floating-point noise


def test_a_gaussian_measurement_costs_what_zcdp_says():
    gaussian = dp.m.make_gaussian(dp.atom_domain(T=int), dp.absolute_distance(T=int), scale=4.0)
    exact = audit_code(
        lambda rows: len(rows) + np.random.default_rng(1).normal(scale=4.0), NUMBERS, epsilon=1, delta=1e-5
    )
    found = audit_code(lambda rows: gaussian(len(rows)), NUMBERS, epsilon=1, delta=1e-5)
    assert found.epsilon_seen == pytest.approx(exact.epsilon_seen, rel=1e-6)


def test_a_measurement_that_is_made_of_the_data_is_found():
    def release(rows):
        chain = SPACE >> dp.t.then_clamp((0.0, max(rows))) >> dp.t.then_sum() >> dp.m.then_laplace(scale=8.0)
        return chain(rows)

    found = audit_code(release, NUMBERS, epsilon=1, bounds=(0.0, 8.0))
    assert found.verdict == "violates"
    assert "another one on the neighbour" in found.reason


def test_a_measurement_on_rows_is_audited_by_how_many_rows_change():
    chain = SPACE >> dp.t.then_clamp((0.0, 1.0)) >> dp.t.then_sum() >> dp.m.then_laplace(scale=1.0)
    removed = audit_code(chain, NUMBERS, epsilon=3, bounds=(0.0, 8.0))
    replaced = audit_code(chain, NUMBERS, epsilon=3, bounds=(0.0, 8.0), adjacency="replace-one")
    assert removed.epsilon_seen == pytest.approx(1.0)
    assert replaced.epsilon_seen == pytest.approx(2.0)


# PyTorch.


def step(rows, *, averaged=False, by_count=False):
    x, y = torch.tensor(rows[:, :2], dtype=torch.float32), torch.tensor(rows[:, 2], dtype=torch.float32)
    model = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        gradients = []
        for one, target in zip(x, y, strict=True):
            optimizer.zero_grad()
            (model(one[None]) - target).pow(2).sum().backward()
            gradients.append(model.weight.grad.clone())
        if averaged:
            mean = torch.stack(gradients).mean(0)
            total = 8 * mean * min(1.0, 1 / float(mean.norm()))
        else:
            total = sum(gradient * min(1.0, 1 / float(gradient.norm())) for gradient in gradients)
        with claims(sensitivity=1.0):
            noisy = total + torch.normal(0.0, 4.0, size=total.shape)
        model.weight.grad = noisy / (len(rows) if by_count else 8)
        optimizer.step()
    return model


CLAIM = {"epsilon": 2.0, "delta": 1e-5, "runs": 1, "neighbours": 12}


def test_steps_of_dp_sgd_are_followed_into_the_weights():
    found = audit_code(step, ROWS, bounds=(-3.0, 3.0), **CLAIM)
    assert found.verdict == "consistent", found.reason
    assert found.calls[0].seen == pytest.approx(1.0, rel=1e-5)
    assert found.epsilon_seen == pytest.approx(1.3578, rel=1e-3)  # mu = sqrt(2) / 4


def test_clipping_the_average_is_found_in_pytorch():
    found = audit_code(lambda rows: step(rows, averaged=True), ROWS, bounds=(-100.0, 100.0), **CLAIM)
    assert found.verdict == "violates"
    assert found.findings[0].kind == "sensitivity"


def test_dividing_by_the_number_of_rows_is_found_in_pytorch():
    found = audit_code(lambda rows: step(rows, by_count=True), ROWS, bounds=(-3.0, 3.0), **CLAIM)
    assert found.verdict == "violates"
    assert "has scale" in found.reason


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.randn(2) * 3,
        lambda: torch.randn_like(torch.zeros(2)) * 3,
        lambda: torch.normal(torch.zeros(2), 3.0),
        lambda: torch.distributions.Normal(0.0, 3.0).sample((2,)),
    ],
)
def test_every_way_to_draw_gaussians_is_the_same(draw):
    found = audit_code(lambda rows: torch.tensor([float(len(rows)), 0.0]) + draw(), NUMBERS, **CLAIM)
    assert found.verdict == "consistent"
    assert found.calls[0].scale == pytest.approx(3.0)
    assert found.epsilon_seen == pytest.approx(1.2744, abs=0.01)


def test_laplace_noise_of_pytorch_costs_its_shift():
    noise = torch.distributions.Laplace(0.0, 2.0)
    found = audit_code(lambda rows: (len(rows) + noise.sample()).item(), NUMBERS, epsilon=1)
    assert (found.verdict, found.epsilon_seen) == ("consistent", pytest.approx(0.5))


# diffprivlib.


@pytest.fixture(scope="module")
def diffprivlib():
    """The library without its forests, which a newer scikit-learn refuses."""
    spec = importlib.util.find_spec("diffprivlib")
    if spec is None:
        pytest.skip("diffprivlib is not installed")
    before = set(sys.modules)
    models = types.ModuleType("diffprivlib.models")
    models.__path__ = [f"{spec.submodule_search_locations[0]}/models"]
    sys.modules["diffprivlib.models"] = models
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = importlib.import_module("diffprivlib")
        regression = importlib.import_module("diffprivlib.models.linear_regression")
    yield found, regression.LinearRegression
    for name in set(sys.modules) - before:
        if name.startswith("diffprivlib"):
            del sys.modules[name]


TABLE = np.c_[np.random.default_rng(3).uniform(0, 10, 8), np.random.default_rng(4).uniform(0, 1, 8)]
IN_BOUNDS = {
    "bounds": {0: (0.0, 10.0), 1: (0.0, 1.0)},
    "adjacency": "replace-one",
    "runs": 1,
    "neighbours": 20,
}


@pytest.mark.filterwarnings("ignore")
def test_the_linear_regression_of_diffprivlib_adds_no_noise_to_its_squares(diffprivlib):
    _, regression = diffprivlib

    def fit(rows):
        model = regression(epsilon=1.0, bounds_X=(0.0, 10.0), bounds_y=(0.0, 1.0), fit_intercept=False)
        return model.fit(rows[:, :1], rows[:, 1]).coef_

    found = audit_code(fit, TABLE, epsilon=1, **IN_BOUNDS)
    assert found.verdict == "violates"
    assert "scale 0" in found.reason
    assert "linear_regression.py:147, _construct_regression_obj" in found.reason


@pytest.mark.filterwarnings("ignore")
def test_a_mean_of_diffprivlib_without_bounds_exceeds_its_own_sensitivity(diffprivlib):
    library, _ = diffprivlib

    def mean(rows):
        return library.tools.mean(rows[:, 0], epsilon=1.0)

    found = audit_code(mean, TABLE, epsilon=1, **IN_BOUNDS)
    assert {finding.kind for finding in found.findings if finding.violates} >= {"sensitivity", "loss"}


def test_sound_tools_of_diffprivlib_are_not_accused(diffprivlib):
    library, _ = diffprivlib
    for release in (
        lambda rows: library.tools.mean(rows[:, 0], epsilon=1.0, bounds=(0.0, 10.0)),
        lambda rows: library.tools.count_nonzero(rows[:, 0] > 5, epsilon=1.0),
        lambda rows: library.tools.quantile(rows[:, 0], 0.5, epsilon=1.0, bounds=(0.0, 10.0)),
    ):
        found = audit_code(release, TABLE, epsilon=1, **IN_BOUNDS)
        assert not [finding for finding in found.findings if finding.violates], found.reason
