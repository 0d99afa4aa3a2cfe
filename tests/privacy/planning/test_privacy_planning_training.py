"""Plans of private training: published figures, independent integrals, and two guarantees kept apart."""

import math
from functools import cache

import dp_accounting
import numpy as np
import pytest
from scipy import integrate
from scipy.stats import norm

from trivet import privacy
from trivet.errors import UsageError
from trivet.privacy.adjacency import OutOfReachError
from trivet.privacy.planning.dp_sgd import (
    plan_training,
    poisson_pld,
    poisson_rdp,
    shuffled_at_least,
    shuffled_exact,
    shuffled_rdp,
)

MNIST = {"dataset_size": 60_000, "batch": 256, "steps": 14_063, "delta": 1e-5}


@cache
def planned(**settings):
    return plan_training(privacy.TrainingSettings(**{**MNIST, **settings}))


def epsilons(plan, sampling, adjacency):
    return {
        row.method: row.epsilon for row in plan.rows if (row.sampling, row.adjacency) == (sampling, adjacency)
    }


def test_the_figures_of_mnist():
    plan = planned(noise_multiplier=1.1)
    found = epsilons(plan, "poisson", "add-or-remove-one")
    assert round(found["rdp"], 2) == 2.60
    assert round(found["pld"], 2) == 2.38
    assert plan.guarantees[0].epsilon == found["pld"]


@pytest.mark.parametrize(
    ("sigma", "steps", "delta", "rate", "rdp", "pld"),
    [
        # tensorflow/privacy, compute_dp_sgd_privacy_test.py.
        (1.3, 6_000, 1e-5, 150 / 60_000, 0.7242234026109595, None),
        (1.0, 30_000, 1e-7, 1e-3, 1.4154988495444842, None),
        (0.7, 120, 1e-5, 1e-2, 3.2392676, 2.4612381),
        # The same, with microbatches, which double the sensitivity; printed with three decimals.
        (1.0, 782, 1e-6, 64 / 10_000, 1.616, 1.199),
        # google-deepmind/jax_privacy, accounting/analysis_test.py.
        (4.0, 10_000, 1e-5, 1024 / 50_000, 2.27535, 2.09245),
    ],
)
def test_tables_of_other_libraries(sigma, steps, delta, rate, rdp, pld):
    assert poisson_rdp(sigma, steps, delta, rate=rate) == pytest.approx(rdp, rel=4e-4)  # its orders
    if pld is not None:
        assert poisson_pld(sigma, steps, delta, rate=rate) == pytest.approx(pld, rel=3e-4)


@pytest.mark.slow
def test_the_accountant_of_opacus_finds_the_same():
    # pytorch/opacus, tests/accountants_test.py; integrating the order 3.9 gives 7.32911117148, and
    # dp-accounting rounds fractional orders upwards.
    assert 7.32911117143 <= poisson_rdp(1.5, 2_250, 1e-5, rate=0.04) <= 7.32911117143 * 1.0001
    # Its search for a noise multiplier stops within 0.01 of the epsilon.
    plan = plan_training(
        privacy.TrainingSettings(
            dataset_size=25, batch=1, epochs=90, epsilon=8, delta=1e-5, sampling="poisson"
        )
    )
    assert plan.steps == 2_250
    assert plan.rows[0].noise_multiplier == pytest.approx(1.416, abs=1e-3)


@pytest.mark.parametrize(
    ("sigma", "epochs", "published"),
    [
        (1.12, 60, 2.92),  # tensorflow/privacy, tutorials/README.md
        (1.2, 10, 1.20),
        (1.1, 60, 3.01),  # pytorch/opacus, examples/mnist_README.md
        (1.3, 15, 1.19),
    ],
)
def test_tutorials_had_the_same_divergences_and_a_cruder_conversion(sigma, epochs, published):
    rate = 256 / 60_000
    steps = epochs * (235 if sigma in {1.1, 1.3} else 234)
    orders = [1 + step / 10 for step in range(1, 100)]
    classic = min(
        steps * divergence(sigma, rate, order) + math.log(1e5) / (order - 1)
        for order in (*orders, *range(11, 25))
    )
    assert classic == pytest.approx(published, abs=0.006)
    assert poisson_pld(sigma, steps, 1e-5, rate=rate) < poisson_rdp(sigma, steps, 1e-5, rate=rate) < classic


def divergence(sigma, rate, order):
    """Renyi divergence of the mixture from the Gaussian, by a Riemann sum."""
    x = np.linspace(-12 * sigma, 12 * sigma + order, 20_001)
    ratio = np.log1p(rate * np.expm1((2 * x - 1) / (2 * sigma**2)))
    terms = norm.pdf(x, scale=sigma) * np.exp(order * ratio)
    return math.log(terms.sum() * (x[1] - x[0])) / (order - 1)


@pytest.mark.parametrize("order", [2.0, 3.9, 8.0])
def test_the_divergence_is_its_integral(order):
    found = integrate.quad(
        lambda x: norm.pdf(x, scale=1.5) * math.exp(order * math.log1p(0.04 * math.expm1((2 * x - 1) / 4.5))),
        -40,
        40 + order,
        points=[0, order],
        limit=500,
    )[0]
    assert divergence(1.5, 0.04, order) == pytest.approx(math.log(found) / (order - 1), rel=1e-9)


@pytest.mark.parametrize(("sigma", "steps", "rate"), [(0.6, 1, 0.2), (1.0, 2, 0.05), (2.0, 2, 0.5)])
def test_pld_is_never_below_the_hockey_stick_divergence_and_hardly_above(sigma, steps, rate):
    delta = 1e-4
    found = poisson_pld(sigma, steps, delta, rate=rate)
    exact = exact_deltas(sigma, steps, rate, np.array([found, found * 0.999]))
    assert exact[0] <= delta < exact[1]


def exact_deltas(sigma, steps, rate, epsilons):
    """Delta of adding or removing by integrals over all steps, on a lattice of places."""
    x = np.linspace(-9 * sigma, 1 + 9 * sigma, 2_001)
    q = norm.pdf(x, scale=sigma) * (x[1] - x[0])
    p = (1 - rate) * q + rate * norm.pdf(x, 1, sigma) * (x[1] - x[0])
    whole_p, whole_q = p, q
    for _ in range(steps - 1):
        whole_p, whole_q = np.outer(whole_p, p).ravel(), np.outer(whole_q, q).ravel()
    grown = np.exp(epsilons)
    return [
        max(np.maximum(whole_p - e * whole_q, 0).sum(), np.maximum(whole_q - e * whole_p, 0).sum())
        for e in grown
    ]


@pytest.mark.parametrize("steps", [1_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_steps_stay_above_the_exact_gaussian(steps):
    sigma = 2 * math.sqrt(steps)
    exact = dp_accounting.get_epsilon_gaussian(2.0, 1e-6)
    found = poisson_pld(sigma, steps, 1e-6, rate=1.0)
    assert exact <= found <= exact * 1.01


@pytest.mark.parametrize(
    ("sampling", "epsilon"),
    [
        pytest.param("poisson", 0.5, marks=pytest.mark.slow),
        pytest.param("poisson", 3.0, marks=pytest.mark.slow),
        ("shuffled", 0.5),
        ("shuffled", 3.0),
    ],
)
def test_noise_and_epsilon_are_inverses(sampling, epsilon):
    there = planned(epsilon=epsilon, sampling=sampling).guarantees[0]
    back = planned(noise_multiplier=there.noise_multiplier, sampling=sampling).guarantees[0]
    assert back.epsilon == there.epsilon
    assert epsilon * (1 - 1e-4) <= back.epsilon <= epsilon
    again = planned(epsilon=back.epsilon, sampling=sampling).guarantees[0]
    assert again.noise_multiplier == pytest.approx(there.noise_multiplier, rel=1e-4)


def test_a_planned_noise_has_the_digits_that_are_shown():
    for row in planned(epsilon=3.0).rows:
        assert float(f"{row.noise_multiplier:.7g}") == row.noise_multiplier
        assert row.epsilon <= 3.0


def test_shuffled_batches_are_so_many_gaussian_answers():
    # tensorflow/privacy, compute_dp_sgd_privacy_test.py: an example once an epoch, by PLD and RDP, and with
    # microbatches, which double the sensitivity as replacing an example does.
    assert shuffled_exact(0.7, 2, 1e-5) == pytest.approx(10.1224946, abs=1e-6)
    assert shuffled_rdp(0.7, 2, 1e-5) == pytest.approx(10.8602036, abs=1e-6)
    assert shuffled_exact(0.35, 2, 1e-5) == pytest.approx(24.7160779, abs=1e-6)
    plan = plan_training(
        privacy.TrainingSettings(
            dataset_size=10_000, batch=64, epochs=5, noise_multiplier=2, delta=1e-6, sampling="shuffled"
        )
    )
    found = epsilons(plan, "shuffled", "replace-one")
    assert (round(found["rdp"], 3), round(found["pld"], 3)) == (13.376, 12.595)


def test_the_two_ways_to_draw_batches_are_never_mixed():
    plan = planned(noise_multiplier=1.1)
    sampled, shuffled = plan.guarantees
    assert (sampled.sampling, sampled.adjacency) == ("poisson", "add-or-remove-one")
    assert (shuffled.sampling, shuffled.adjacency) == ("shuffled", "zero-out")
    for guarantee in plan.guarantees:
        row = plan.rows[guarantee.row]
        assert (row.sampling, row.adjacency, row.epsilon) == (
            guarantee.sampling,
            guarantee.adjacency,
            guarantee.epsilon,
        )
    assert "Poisson" in sampled.statement
    assert "shuffled" not in sampled.statement
    assert "Poisson" not in shuffled.statement
    assert any("coin" in each for each in sampled.conditions)
    assert not any("tosses a coin" in each for each in shuffled.conditions)
    for sampling, guarantee in (("poisson", sampled), ("shuffled", shuffled)):
        alone = planned(noise_multiplier=1.1, sampling=sampling)
        assert {row.sampling for row in alone.rows} == {sampling}
        assert alone.guarantees[0].epsilon == guarantee.epsilon
    # Chua et al. 2024: at this noise shuffled batches are worse than any Poisson accountant says.
    assert shuffled.epsilon_at_least > 2 * sampled.epsilon
    assert any("must not be used" in each for each in plan.remarks)


@pytest.mark.parametrize(
    ("sigma", "passes", "batches"), [(0.5, 1, 234), (1.1, 1, 234), (1.1, 60, 235), (5, 9, 4)]
)
def test_the_attack_on_shuffled_batches_stays_below_their_bound(sigma, passes, batches):
    least = shuffled_at_least(sigma, passes, 1e-5, batches=batches)
    assert 0 < least <= shuffled_exact(sigma, passes, 1e-5) * (1 + 1e-9)


def test_the_attack_is_the_exact_gaussian_where_a_pass_is_one_batch():
    # Then shuffling does nothing, and a threshold is the optimal test of one answer.
    assert shuffled_at_least(1.0, 1, 1e-5, batches=1) == pytest.approx(shuffled_exact(1.0, 1, 1e-5), rel=2e-3)


def test_the_attack_holds_in_a_simulation():
    rng = np.random.default_rng(0)
    sigma, batches, threshold, trials = 0.5, 20, 1.6, 200_000
    noise = rng.normal(0, sigma, (trials, batches))
    chosen = (np.arange(trials), rng.integers(batches, size=trials))
    rates = []
    for mean in (2, 1):
        sums = noise.copy()
        sums[chosen] += mean
        rates.append((sums.max(axis=1) > threshold).mean())
    delta = 0.05
    shown = math.log((rates[0] - delta) / rates[1])
    assert shown <= shuffled_at_least(sigma, 1, delta, batches=batches) + 0.05
    assert shuffled_at_least(sigma, 1, delta, batches=batches) <= shuffled_exact(sigma, 1, delta)


def test_steps_and_epochs_are_the_same_length():
    by_epochs = planned(epochs=60, steps=None, noise_multiplier=1.1, sampling="poisson")
    by_steps = planned(noise_multiplier=1.1, sampling="poisson")
    assert by_epochs.steps == by_steps.steps == 14_063
    assert by_epochs.guarantees[0].epsilon == by_steps.guarantees[0].epsilon
    assert by_epochs.passes == 60
    # 234 batches a pass where the incomplete one is dropped.
    assert by_steps.passes == 61
    assert planned(epochs=1.2, steps=None, noise_multiplier=1, sampling="shuffled").passes == 2


def test_epsilon_grows_with_length_and_batch_and_falls_with_noise():
    plan = plan_training(
        privacy.TrainingSettings(dataset_size=5_000, batch=50, epochs=4, noise_multiplier=1, delta=1e-6),
        curves=True,
    )
    curves = plan.curves
    assert 4.0 in curves.epochs
    assert 50 in curves.batch
    lines = {(line.sampling, line.over): line.epsilon for line in curves.lines}
    assert list(lines["poisson", "epochs"]) == sorted(lines["poisson", "epochs"])
    assert list(lines["poisson", "batch"]) == sorted(lines["poisson", "batch"])
    assert list(lines["shuffled", "epochs"]) == sorted(lines["shuffled", "epochs"])
    assert len(set(lines["shuffled", "batch"])) == 1
    at = dict(zip(curves.epochs, lines["poisson", "epochs"], strict=True))[4.0]
    assert at == pytest.approx(plan.guarantees[0].epsilon, rel=1e-3)
    less = plan_training(
        privacy.TrainingSettings(dataset_size=5_000, batch=50, epochs=4, noise_multiplier=2, delta=1e-6)
    )
    assert all(a.epsilon > b.epsilon for a, b in zip(plan.rows, less.rows, strict=True))


def test_a_delta_that_one_example_would_satisfy_is_said():
    said = planned(noise_multiplier=1.1, delta=1e-4).remarks
    assert any("not below 1/N" in each for each in said)
    assert not any("not below 1/N" in each for each in planned(noise_multiplier=1.1).remarks)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 60_001, "epsilon": 1}, "batch is 60,001, more than the 60,000 examples of dataset_size"),
        ({"batch": None, "epsilon": 1}, "needs dataset_size and batch; batch is missing"),
        (
            {"epochs": 60, "epsilon": 1},
            "epochs or steps says how long is trained; expected one of them, found both",
        ),
        ({"steps": None, "epsilon": 1}, "expected one of them, found neither"),
        ({"epsilon": 1, "noise_multiplier": 1}, "epsilon or noise_multiplier says what is known"),
        ({}, "expected one of them, found neither"),
        ({"epsilon": 1, "delta": 0.0}, "keeps no epsilon at a delta of 0"),
        ({"epsilon": 1, "delta": 1.0}, "delta is 1.0; expected 0 or more and below 1"),
        ({"noise_multiplier": 0.0}, "noise_multiplier is 0.0; expected 0.01 to 1e+06"),
        (
            {"epsilon": 1, "sampling": "random"},
            "sampling is 'random'; expected one of: poisson, shuffled, both",
        ),
        ({"epochs": 1e7, "steps": None, "epsilon": 1}, "epochs is"),
    ],
)
def test_what_does_not_go_together_is_one_message(settings, message):
    with pytest.raises(UsageError) as refused:
        planned(**settings)
    assert message.replace("'", '"') in str(refused.value).replace("'", '"').replace("“", '"').replace(
        "”", '"'
    )


def test_a_delta_that_makes_noise_needless_is_said():
    plan = plan_training(
        privacy.TrainingSettings(dataset_size=10, batch=1, steps=1, epsilon=1, delta=0.9, sampling="poisson")
    )
    assert "a delta of 0.9 allows next to any noise" in plan.rows[1].reason


def test_divergences_that_do_not_converge_are_left_out_silently(caplog):
    assert poisson_rdp(0.2, 10, 1e-5, rate=0.1) > poisson_pld(0.2, 10, 1e-5, rate=0.1)
    assert not caplog.records


def test_pld_refuses_a_delta_below_its_rounding_and_rdp_answers():
    with pytest.raises(OutOfReachError, match="1e-10 or more"):
        poisson_pld(1.0, 100, 1e-11, rate=0.01)
    plan = planned(noise_multiplier=1.1, delta=1e-12, sampling="poisson")
    assert [row.applicable for row in plan.rows] == [True, False]
    assert plan.guarantees[0].method == "rdp"
