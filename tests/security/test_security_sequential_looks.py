"""When the labels are compared, on norms that follow a given course."""

from types import SimpleNamespace

import numpy as np
import pytest

from trivet.security.scanning import sequential as comparison
from trivet.security.scanning.search import Margins
from trivet.security.scanning.sequential import SCAN_PROFILES, SequentialTest

CLASSES, START, BATCH = 10, 392.0, 16
EVEN = np.linspace(20, 24, CLASSES)


class Course:
    """A search whose norms after so many steps are `norms(steps)`, shape (classes,)."""

    def __init__(self, norms, classes=CLASSES):
        self._norms = norms
        self.steps = np.zeros(classes, dtype=np.int64)
        self.image_steps = 0

    @property
    def norms(self):
        now = [START if steps == 0 else self._norms(steps)[label] for label, steps in enumerate(self.steps)]
        return np.array(now)

    def advance(self, steps, labels, **_progress):
        self.steps[labels] += steps
        self.image_steps += steps * BATCH * len(labels)


@pytest.fixture
def compared(monkeypatch):
    def run(norms, margins=EVEN, profile="standard"):
        classes = len(margins)
        monkeypatch.setattr(comparison, "TriggerSearch", lambda *_a, **_n: Course(norms, classes))
        monkeypatch.setattr(comparison, "maximum_margins", lambda *_a, **_n: Margins(np.array(margins), 0))
        images = SimpleNamespace(classes=classes, pixels=np.zeros((1, 1, 28, 28)))
        found = SequentialTest(
            None, images, seed=0, progress=lambda _step, _share: None, profile=SCAN_PROFILES[profile]
        )
        found.run()
        return found

    return run


def spread(seed=0, sd=0.1):
    return np.exp(sd * np.random.default_rng(seed).standard_normal(CLASSES))


def falling(pace, floor=40.0):
    """Norms that fall together, to a tenth of the way after `pace` steps."""
    return lambda steps: (floor + (START - floor) * np.exp(-steps / pace)) * spread()


def late(steps):
    """Norms that fall together for some 130 steps, and one that then falls on."""
    norms = falling(50)(steps)
    norms[3] *= np.exp(-max(0, steps - 110) / 80)
    return norms


def test_of_comparisons_without_evidence_the_last_is_told(compared):
    def even(steps):
        norms = falling(10)(steps)
        norms[int(steps >= 60)] *= 0.99 * norms.min() / norms[int(steps >= 60)]
        return norms

    found = compared(even)
    assert found.p_value == 1.0
    assert found.opinions[0].label == 1
    assert found.opinions[0].score == found.log_scores[1]


def test_norms_that_settle_early_are_compared_at_60_steps(compared):
    found = compared(falling(10))
    assert (found.looks, found.search.steps.max()) == (3, 60)
    assert found.search.image_steps == 60 * BATCH * CLASSES
    assert found.p_value > 0.1


@pytest.mark.parametrize(("pace", "steps"), [(20, 90), (30, 135), (50, 200), (1_000, 200)])
def test_the_search_goes_on_until_the_common_fall_is_over(compared, pace, steps):
    found = compared(falling(pace))
    assert (found.looks, found.search.steps.max()) == (3, steps)


def test_a_label_that_stands_out_late_is_found(compared):
    found = compared(late, margins=[*EVEN[:3], 60, *EVEN[4:]])
    assert {opinion.label for opinion in found.opinions} == {3}
    assert found.search.steps.max() >= 200
    assert found.p_value < 0.01
    assert found.stands_alone(3)


def test_a_label_that_one_method_names_late_is_found_as_well(compared):
    found = compared(late)
    assert found.opinions[0].label == 3 != found.opinions[1].label
    assert found.p_value < 0.1
    assert found.stands_alone(3)


def test_while_the_order_changes_the_comparison_is_repeated(compared):
    """The norms are settled on the whole at 60 steps, and one goes on falling."""

    def norms(steps):
        values = falling(10)(steps)
        values[3] *= 0.9 * np.exp(-max(0, steps - 40) / 100)
        return values

    found = compared(norms)
    assert found.looks > 3
    assert found.opinions[0].label == 3


def test_labels_that_are_nearly_even_do_not_prolong_it(compared):
    def norms(steps):
        values = falling(10)(steps)
        values[steps // 20 % CLASSES] *= 0.95 * values.min() / values[steps // 20 % CLASSES]
        return values

    assert compared(norms).search.steps.max() == 60


def test_looking_until_the_norms_settle_costs_no_false_alarms(compared):
    """Clean labels: normal log norms that drift from rung to rung, at a pace of the network's own."""
    values = []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        pace = rng.choice([10, 20, 30, 60])
        own = {0: 0.2 * rng.standard_normal(CLASSES)}
        for steps in (20, 40, *comparison.RUNGS):
            last = own[max(own)]
            own[steps] = 0.8 * last + 0.6 * 0.2 * rng.standard_normal(CLASSES)

        def norms(steps, own=own, pace=pace):
            return (40 + 350 * np.exp(-steps / pace)) * np.exp(own[steps])

        values.append(compared(norms, margins=rng.standard_normal(CLASSES) + 30).p_value)
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(values) <= level) <= level + 3 * np.sqrt(level / 250)


def test_following_the_largest_margins_of_many_labels_costs_no_false_alarms(compared):
    """Clean labels: normal log norms, independent of the margins that choose which are looked at."""
    values = []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        own = np.exp(0.2 * rng.standard_normal(50))

        def norms(steps, own=own):
            return (40 + 350 * np.exp(-steps / 15)) * own

        found = compared(norms, margins=rng.standard_normal(50) + 30, profile="quick")
        assert np.count_nonzero(found.search.steps) == 20
        values.append(found.p_value)
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(values) <= level) <= level + 3 * np.sqrt(level / 250)


def test_the_shares_of_all_looks_sum_to_one_on_every_path(compared, monkeypatch):
    """Each look has a share of its own, a second seed's included: no path spends more than there is."""
    spent = []
    original = SequentialTest._compare

    def compare(self, norms, share):
        spent.append((share, len(self.seeds)))
        original(self, norms, share)

    monkeypatch.setattr(SequentialTest, "_compare", compare)
    early = [look.share for look in comparison.EARLY_LOOKS]
    every = [*early, *comparison.SETTLED_SHARES, comparison.SECOND_SEED_SHARE]
    assert sum(every) == pytest.approx(1)
    paths = set()
    for seed, profile in enumerate(["quick", "standard", "thorough"] * 40):
        rng = np.random.default_rng(seed)
        own, drift = rng.choice([0.1, 0.5]) * rng.standard_normal((2, CLASSES))
        pace = rng.choice([10, 20, 60])

        def norms(steps, own=own, drift=drift, pace=pace):
            return (40 + 350 * np.exp(-steps / pace)) * np.exp(own + drift * steps / 300)

        spent.clear()
        compared(norms, margins=30 + rng.standard_normal(CLASSES) * rng.choice([1, 8]), profile=profile)
        assert sum(share for share, _ in spent) <= 1 + 1e-12
        left = list(every)
        for share, _ in spent:
            left.remove(share)  # each share once
        assert all(share == comparison.SECOND_SEED_SHARE for share, seeds in spent if seeds > 1)
        paths.add(tuple(spent))
    assert len(paths) >= 4
    assert max(sum(share for share, _ in path) for path in paths) == pytest.approx(1)
    assert any(seeds > 1 for path in paths for _, seeds in path)
