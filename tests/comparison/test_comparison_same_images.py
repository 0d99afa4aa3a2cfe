"""Two networks on the same images: the difference of their clean accuracies is paired, by Newcombe."""

from dataclasses import replace

import numpy as np
import pytest

from example_audits import changed
from example_records import example_record
from trivet.comparison import ReadAudit, compare_audits
from trivet.paired import paired_difference_interval
from trivet.record import as_json
from trivet.security.scanning.results import SameImages
from trivet.security.scanning.same_images import joined

BASELINE, IMAGES = "ab" * 32, 500
#: Rightly by both, by the baseline's alone, by this one alone, by neither.
COUNTS = (440, 30, 5, 25)
ACCURACY = "security.scan.contract.best.clean_accuracy"


def audits(counts=COUNTS, *, baseline=BASELINE):
    both, before, after, _ = COUNTS
    old = changed(example_record(), ACCURACY, (both + before) / IMAGES)
    new = changed(example_record(), ACCURACY, (both + after) / IMAGES)
    new = replace(new, security=replace(new.security, paired=SameImages(baseline, IMAGES, counts)))
    return ReadAudit("old", as_json(old), {}, BASELINE), ReadAudit("new", as_json(new), {}, "")


def accuracy(found):
    (change,) = [each for each in found.headline if each.place == ACCURACY]
    return change


def test_a_loss_on_the_same_images_is_a_regression_with_its_paired_interval():
    found = compare_audits(*audits())
    change = accuracy(found)
    assert (change.outcome, change.judged) == ("change", "worse")
    both, before, after, neither = COUNTS
    expected = paired_difference_interval(both, after, before, neither, level=change.level)
    assert (change.difference_low, change.difference_high) == pytest.approx((expected.low, expected.high))
    assert any("clean accuracy" in each for each in found.regressions)
    assert found.limits.startswith("Both networks classified the same images")


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline": "cd" * 32},
        {"counts": (441, 29, 5, 25)},
        {"counts": (440, 30, 5, 24)},
        {"counts": (470, 0, 35, -5)},
    ],
)
def test_counts_of_another_baseline_and_such_as_do_not_give_the_two_accuracies_pair_nothing(wrong):
    change = accuracy(compare_audits(*audits(**wrong)))
    assert change.difference_low is None
    assert change.outcome == "differs"


def kept(right, digest=7):
    return {
        "network.right": np.packbits(np.array(right, dtype=bool)),
        "network.images": np.array([len(right)], dtype=np.int64),
        "network.sha256": np.full(32, digest, dtype=np.uint8),
    }


def test_images_are_counted_by_what_both_networks_make_of_them():
    before, after = kept([1, 1, 0, 0, 1, 1, 1, 0, 0, 1]), kept([1, 0, 1, 0, 1, 1, 1, 1, 0, 0])
    assert joined("ab", before, after) == SameImages("ab", 10, (4, 2, 2, 2))
    assert joined("ab", kept([1] * 10, digest=8), after) is None
    assert joined("ab", kept([1] * 9), after) is None
    assert joined("ab", {}, after) is None
