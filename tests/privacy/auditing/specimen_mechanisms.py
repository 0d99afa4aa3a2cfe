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


#: The sparse vector variants of Lyu, Su and Li 2017 (Algorithms 1 to 6): the share of epsilon that the
#: threshold has; the noise of a query by the rest of it, as so many times the number of answers above, or as
#: a number of its own; and what else each does.
VARIANTS = {
    1: {"share": 1 / 2, "times": 2},
    2: {"share": 1 / 2, "times": 2, "fresh_threshold": True},
    3: {"share": 1 / 2, "times": 1, "numbers": True},
    4: {"share": 1 / 4, "plain": 1},
    5: {"share": 1 / 2, "plain": 0, "endless": True},
    6: {"share": 1 / 2, "plain": 1, "endless": True},
}


def sparse_vector(generator, queries, *, variant, epsilon=1.0, above=1, threshold=1.0):
    """Say which queries lie above a noisy threshold, until so many do; only 1 and 2 are private."""
    how = VARIANTS[variant]
    own = how["share"] * epsilon
    wide = above if "fresh_threshold" in how else 1
    scale = how.get("plain", above * how.get("times", 0)) / (epsilon - own)
    noise = generator.laplace(0, 1, len(queries)) * scale
    bar = threshold + generator.laplace(0, wide / own)
    answers, left = [], above
    for noisy in (queries + noise).tolist():
        if left == 0 and "endless" not in how:
            answers.append("stopped")
            continue
        if noisy < bar:
            answers.append(False)
            continue
        answers.append(noisy if "numbers" in how else True)
        left -= 1
        if "fresh_threshold" in how:
            bar = threshold + generator.laplace(0, wide / own)
    return answers


def truncated_geometric(generator, count, *, epsilon, people=5, logarithm=math.log2):
    """Integer noise cut to [0, people] by Algorithm 4.8 of Balcer and Vadhan 2018, (ln(1 + 2^-k))-private.

    With k = ceil(log2(2 / epsilon)) that is less than epsilon; with the natural logarithm in its place it
    may be more, 0.118 for 0.1.
    """
    base = 2 ** math.ceil(logarithm(2 / epsilon))
    total = (2 * base + 1) * (base + 1) ** (people - 1)
    drawn = generator.integers(1, total, endpoint=True)
    for answer in range(people):
        away = count - answer
        below = (
            base**away * (base + 1) ** (people - away)
            if away > 0
            else total - base ** (1 - away) * (base + 1) ** (people - 1 + away)
        )
        if below >= drawn:
            return answer
    return people
