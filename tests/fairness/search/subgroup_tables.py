"""Small tables for tests of the search for subgroups."""

import numpy as np

from trivet.tables.features import Features


def coded(*columns, names=None) -> Features:
    """Columns of small integers, taken value by value."""
    values = np.column_stack(columns).astype(np.float64)
    names = names or tuple(f"x{place}" for place in range(len(columns)))
    return Features(tuple(names), values, (None,) * len(columns))


def correlated(rows, columns, seed, *, values=3):
    """Columns with some values each that go together."""
    generator = np.random.default_rng(seed)
    common = generator.standard_normal((rows, 1))
    mixed = (common + generator.standard_normal((rows, columns))) / np.sqrt(2)
    edges = np.quantile(mixed, np.arange(1, values) / values)
    return np.searchsorted(edges, mixed)
