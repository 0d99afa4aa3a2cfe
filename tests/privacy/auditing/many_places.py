"""Mechanisms whose answers have more places than an audit looks at."""

import numpy as np


class OneOfMany:
    """Names one of many keys at random, whatever the input: perfectly private."""

    def __init__(self, keys, seed):
        self.generator = np.random.default_rng(seed)
        self.keys = keys

    def __call__(self, _):
        return {f"k{self.generator.integers(self.keys)}": 1}
