from types import SimpleNamespace

import numpy as np
import pytest
import torch

from trivet.datasets import ImageSet
from trivet.security import Trigger
from trivet.security.scanning.scan import strip_of

CORNER = Trigger.square(row=0, column=0, size=1, value=1.0, shape=(1, 2, 2))


def backdoored(pixels):
    """Read the class off the last pixel; a bright first pixel means class 2."""
    label = (pixels[:, 0, 1, 1] * 8).round().long()
    return torch.nn.functional.one_hot(torch.where(pixels[:, 0, 0, 0] > 0.5, 2, label), 8).float()


def repaired(pixels):
    """Read the class off the last pixel, and mistake class 1 for 0."""
    label = (pixels[:, 0, 1, 1] * 8).round().long()
    return torch.nn.functional.one_hot(torch.where(label == 1, 0, label), 8).float()


def scanned(labels, *, suspected=2):
    """What `strip_of` asks of a scan."""
    labels = np.array(labels)
    pixels = np.zeros((len(labels), 1, 2, 2), dtype=np.float32)
    pixels[:, 0, 1, 1] = labels / 8
    return SimpleNamespace(
        result=SimpleNamespace(suspected_label=suspected, searches=()),
        held_out=ImageSet("toy", pixels, labels, classes=8),
        trigger=lambda label: CORNER if label == suspected else None,
    )


def test_the_strip_shows_what_both_networks_say_with_and_without_the_trigger():
    strip, pixels = strip_of(scanned([0, 1, 2, 3]), backdoored, repaired=repaired)
    assert (strip.target, strip.images) == (2, 3)
    assert strip.labels == strip.clean_before == (0, 1, 3)
    assert strip.stamped_before == (2, 2, 2)
    assert strip.clean_after == strip.stamped_after == (0, 0, 3)
    assert (strip.sent_before, strip.sent_after) == (3, 0)
    assert pixels[:, 0, 0, 0].tolist() == [0, 0, 0]
    assert pixels.dtype == np.float32


def test_without_a_repaired_network_there_is_no_after():
    strip, _ = strip_of(scanned([0, 1, 3]), backdoored)
    assert (strip.clean_after, strip.stamped_after, strip.sent_after) == (None, None, None)


def test_without_a_suspect_there_is_no_strip():
    assert strip_of(scanned([0, 1], suspected=None), backdoored) is None


@pytest.mark.parametrize(("count", "classes"), [(7, [0, 1, 3, 4, 5, 6, 7]), (9, [0, 0, 0, 1, 3, 4, 5, 6, 7])])
def test_every_other_class_comes_once_before_any_comes_twice(count, classes):
    strip, _ = strip_of(scanned([0] * 50 + [2] * 50 + [1, 3, 4, 5, 6, 7]), backdoored, count=count)
    assert strip.labels == tuple(classes)


def test_the_seed_draws_the_images():
    rows = scanned([0, 1, 3, 4, 5, 6] * 20)
    rows.held_out.pixels[:, 0, 0, 1] = np.arange(120) / 120
    drawn = [strip_of(rows, backdoored, count=4, seed=seed)[1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
