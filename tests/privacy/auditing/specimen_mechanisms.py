"""Mechanisms with known guarantees, right ones beside siblings with one mistake, drawn with a seed.

Each takes a generator first; `seeded` turns it into what an audit calls.
"""

import math

import numpy as np


def seeded(mechanism, seed, **settings):
    generator = np.random.default_rng(seed)
    return lambda value: mechanism(generator, value, **settings)


def integer_laplace(generator, value, *, scale=1.0):
    success = -math.expm1(-1 / scale)
    return int(value + generator.geometric(success) - generator.geometric(success))


def randomised_response(generator, value, *, epsilon):
    truth = generator.random() < 1 / (1 + math.exp(-epsilon))
    return bool(value) if truth else not value


def above_threshold(generator, queries, *, fresh_noise):
    """Sparse vector, epsilon 1: which query is the first above a noisy threshold (Dwork and Roth, Alg. 1)."""
    threshold = 0.5 + generator.laplace(0, 2)
    answers = []
    for query in queries:
        noise = generator.laplace(0, 4) if fresh_noise else 0.0
        answers.append(bool(query + noise >= threshold))
        if answers[-1]:
            break
    return answers


def noisy_maximum(generator, queries, *, value):
    """Report noisy max, epsilon 1 for its index; the noisy value itself costs more (Ding et al. 2018)."""
    noisy = [integer_laplace(generator, query, scale=2.0) for query in queries]
    return max(noisy) if value else int(np.argmax(noisy))


def histogram(generator, records, *, drop_empty):
    """Noisy counts of three known cells; dropping the empty ones tells which are empty."""
    return {
        cell: integer_laplace(generator, records.count(cell))
        for cell in "abc"
        if not drop_empty or cell in records
    }


def noisy_vector(generator, values, *, fresh_noise, scale=1.0):
    once = integer_laplace(generator, 0, scale=scale)
    return [value + (integer_laplace(generator, 0, scale=scale) if fresh_noise else once) for value in values]
