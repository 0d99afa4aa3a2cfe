import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trivet.fairness.mitigation.thresholds.cuts import range_argmax


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_equals_a_search_of_each_range(values, data):
    ends = st.tuples(st.integers(0, len(values)), st.integers(0, len(values)))
    ranges = data.draw(st.lists(ends, max_size=20))
    first, last = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    found = range_argmax(np.array(values, dtype=float), first, last)
    for (start, end), place in zip(ranges, found, strict=True):
        if start < end:
            assert place == start + int(np.argmax(values[start:end]))
