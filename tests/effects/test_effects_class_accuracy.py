"""The worst class and the spread between classes, without and with a remedy."""

import numpy as np
import pytest

from trivet.effects.repairs import class_changes


def images(table):
    """Give labels and two verdicts from counts: class -> (both right, only before, only after, neither)."""
    labels, before, after = [], [], []
    for label, counts in table.items():
        for count, first, second in zip(counts, (1, 1, 0, 0), (1, 0, 1, 0), strict=True):
            labels += [label] * count
            before += [bool(first)] * count
            after += [bool(second)] * count
    return np.array(labels), np.array(before), np.array(after)


def changes(table, *, classes, **settings):
    return class_changes(*images(table), classes=classes, **{"level": 0.95, "seed": 0, **settings})


def test_the_figures_are_those_of_the_counts():
    table = {0: (90, 5, 0, 5), 1: (70, 10, 5, 15), 2: (40, 0, 8, 2)}
    worst, spread = changes(table, classes=3)
    assert (worst.before, worst.after) == pytest.approx((0.80, 0.75))
    assert worst.change == pytest.approx(-0.05)
    assert (spread.before, spread.after) == pytest.approx((0.95 - 0.80, 0.96 - 0.75))
    assert worst.low <= worst.change <= worst.high
    assert worst.note == "It is class 1 both times."


def test_another_worst_class_is_named():
    table = {0: (50, 40, 0, 10), 1: (80, 0, 5, 15)}
    worst, _ = changes(table, classes=2, names=("cat", "do\ng"))
    assert worst.note == "It is class do\\ng without it and class cat with it."


def test_where_no_image_changed_the_interval_is_not_nothing():
    worst, spread = changes({0: (95, 0, 0, 5), 1: (99, 0, 0, 1)}, classes=2)
    assert worst.change == spread.change == 0.0
    assert worst.low < 0 < worst.high
    assert worst.high - worst.low > 0.005


def test_classes_without_images_are_left_out_and_one_class_has_no_spread():
    table = {0: (90, 5, 0, 5), 2: (70, 10, 5, 15)}
    assert changes(table, classes=5)[0].after == pytest.approx(0.75)
    alone, _ = changes({3: (10, 0, 0, 0)}, classes=5)
    assert alone.change is None
    assert "1 class" in alone.reason


def test_the_same_seed_gives_the_same_interval():
    table = {0: (90, 5, 0, 5), 1: (70, 10, 5, 15)}
    assert changes(table, classes=2, seed=4) == changes(table, classes=2, seed=4)
    assert changes(table, classes=2, seed=4) != changes(table, classes=2, seed=5)


def test_the_intervals_cover_the_change():
    """Ten classes of 200 images: the change of the true lowest accuracy, and of the true spread."""
    shares = np.tile([0.96, 0.01, 0.01, 0.02], (10, 1))
    shares[3] = [0.88, 0.05, 0.01, 0.06]
    shares[7] = [0.90, 0.01, 0.01, 0.08]
    accuracies = shares[:, 0] + shares[:, 1], shares[:, 0] + shares[:, 2]
    truth = accuracies[1].min() - accuracies[0].min(), np.ptp(accuracies[1]) - np.ptp(accuracies[0])
    generator = np.random.default_rng(0)
    held = np.zeros(2)
    for turn in range(60):
        drawn = {label: tuple(generator.multinomial(200, row)) for label, row in enumerate(shares)}
        found = changes(drawn, classes=10, seed=turn)
        held += [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
    assert (held / 60 >= 0.9).all()
