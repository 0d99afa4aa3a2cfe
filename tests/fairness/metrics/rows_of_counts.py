"""Rows that a table of counts could be of, and tables that metrics are tried on."""

import numpy as np


def rows_of(table):
    """Group, label and prediction of each row of a table [group, label, prediction]."""
    table = np.asarray(table)
    return np.repeat(np.argwhere(np.ones(table.shape)), table.ravel(), axis=0).T


def random_tables(number, *, seed, groups=None):
    """Tables of 2 to 6 groups with a row each, of which about every second has cells without a row."""
    rng = np.random.default_rng(seed)
    tables = []
    for _ in range(number):
        shape = (groups or int(rng.integers(2, 7)), 2, 2)
        table = rng.integers(1, 12, shape) * (rng.random(shape) > rng.choice([0, 0.4]))
        table[:, 0, 0] += table.sum(axis=(1, 2)) == 0
        tables.append(table)
    return tables
