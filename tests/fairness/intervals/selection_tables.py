"""Tables of counts that the tests of intervals share."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

tables = arrays(np.int64, (2, 2, 2), elements=st.integers(1, 1000))
any_tables = arrays(np.int64, (2, 2, 2), elements=st.integers(0, 50)).filter(
    lambda table: (table.sum(axis=(1, 2)) > 0).all()
)
levels = st.floats(0.5, 0.999)
#: Successes and trials of one group, with at least one trial.
shares = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
#: The baseline of the study on its 14,653 test rows.
BASELINE = np.array([[[4314, 44], [424, 135]], [[6188, 592], [1562, 1394]]])


def selection_table(protected, privileged):
    """A table with (selected, rows) of each group, all labels negative."""
    return np.array([[[rows - chosen, chosen], [0, 0]] for chosen, rows in (protected, privileged)])


def few(level):
    """Successes, or failures, up to which an interval at a level is exact: 30 at 95 %, more further out."""
    return 30 * max(1.0, (norm.ppf((1 + level) / 2) / norm.ppf(0.975)) ** 2)
