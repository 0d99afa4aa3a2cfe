import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trivet.security import Trigger, apply_trigger

UNIT = st.floats(0, 1, width=32)
IMAGE = npst.arrays(np.float32, (1, 3, 3), elements=UNIT)


@given(IMAGE, IMAGE, IMAGE)
def test_stamping_stays_between_image_and_pattern(pixels, mask, pattern):
    stamped = apply_trigger(*map(torch.from_numpy, (pixels, mask, pattern))).numpy()
    low, high = np.minimum(pixels, pattern), np.maximum(pixels, pattern)
    assert (stamped >= low - 1e-6).all()
    assert (stamped <= high + 1e-6).all()


@given(IMAGE, IMAGE)
def test_an_empty_mask_keeps_the_image_and_a_full_one_gives_the_pattern(pixels, pattern):
    x, p = torch.from_numpy(pixels), torch.from_numpy(pattern)
    assert torch.equal(apply_trigger(x, torch.zeros_like(x), p), x)
    assert torch.equal(apply_trigger(x, torch.ones_like(x), p), p)


def test_a_square_covers_its_pixels_and_no_other():
    trigger = Trigger.square(row=23, column=20, size=4, value=1.0, shape=(1, 28, 28))
    stamped = trigger(torch.zeros(2, 1, 28, 28))
    assert trigger.l1 == 16
    assert torch.equal(stamped.nonzero()[:, 2].unique(), torch.arange(23, 27))
    assert torch.equal(stamped.nonzero()[:, 3].unique(), torch.arange(20, 24))
    assert stamped.sum() == 32
