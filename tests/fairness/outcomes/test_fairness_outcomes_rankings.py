"""Exposure in rankings, by its definition and by enumeration."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from trivet.errors import DataError, UsageError
from trivet.fairness import audit_outcome


def exposure(ranks):
    return np.mean([1 / np.log2(1 + rank) for rank in ranks])


@pytest.fixture
def rankings():
    rng = np.random.default_rng(1)
    sex = rng.choice(["f", "m"], (80, 20))
    score = rng.normal(size=(80, 20)) - 0.9 * (sex == "f")
    rank = (-score).argsort(axis=1).argsort(axis=1) + 1
    query = np.repeat(np.arange(80), 20)
    return pd.DataFrame({"query": query, "sex": sex.ravel(), "rank": rank.ravel()})


def test_exposure_is_its_mean_and_queries_are_the_units(rankings):
    audit = audit_outcome(rankings, rank="rank", query="query", sensitive="sex", privileged="m", top=5)
    women, men = audit.attributes[0].groups
    mine, theirs = (rankings["rank"][rankings.sex == sex] for sex in "fm")
    assert women.exposure.value == pytest.approx(exposure(mine))
    assert women.exposure_ratio.value == pytest.approx(exposure(mine) / exposure(theirs))
    assert women.top_share.value == pytest.approx((mine <= 5).mean())
    assert (audit.queries, women.test) == (80, "t test over queries")
    assert audit.verdict == "disparate"
    assert men.exposure_ratio is None
    # Leaving out one query at a time gives nearly the same error.
    ratios = []
    for query in range(80):
        kept = rankings[rankings["query"] != query]
        ratios.append(
            np.log(exposure(kept["rank"][kept.sex == "f"]) / exposure(kept["rank"][kept.sex == "m"]))
        )
    error = np.sqrt(79 / 80 * ((np.array(ratios) - np.mean(ratios)) ** 2).sum())
    reach = np.log(women.exposure_ratio.high / women.exposure_ratio.value)
    assert reach == pytest.approx(1.99 * error, rel=0.03)


def test_the_p_value_of_one_ranking_is_that_of_all_permutations():
    groups = list("mmfmmfmfff")
    table = pd.DataFrame({"sex": groups, "rank": np.arange(1, 11)})
    women = audit_outcome(table, rank="rank", sensitive="sex", privileged="m").attributes[0].groups[0]
    value = 1 / np.log2(1 + np.arange(1, 11))
    observed = abs(value[[g == "f" for g in groups]].sum() - 5 * value.mean())
    every = [abs(value[list(places)].sum() - 5 * value.mean()) for places in combinations(range(10), 5)]
    expected = np.mean(np.array(every) >= observed - 1e-12)
    assert women.p_value == pytest.approx(expected, abs=0.03)
    assert women.test == "permutation of places"


def test_ranks_begin_at_one_and_ties_are_told(rankings):
    with pytest.raises(DataError, match="1 for the first place"):
        audit_outcome(rankings.assign(rank=rankings["rank"] - 1), rank="rank", sensitive="sex")
    audit = audit_outcome(rankings, rank="rank", sensitive="sex")
    assert "80 rows have rank 1" in audit.cautions[0].message


def test_amounts_are_no_ranks_and_places_beyond_the_rows_are_told(rankings):
    with pytest.raises(DataError, match=r"'rank' holds 12\.3. Name a column of ranks"):
        audit_outcome(rankings.assign(rank=rankings["rank"] + 0.3), rank="rank", sensitive="sex")
    shared = audit_outcome(rankings.assign(rank=rankings["rank"] + 0.5), rank="rank", sensitive="sex")
    assert "these are a part of a ranking" not in " ".join(each.message for each in shared.cautions)
    far = audit_outcome(rankings.assign(rank=rankings["rank"] + 5_000), rank="rank", sensitive="sex")
    assert "these are a part of a ranking, or no ranks" in far.cautions[0].message
    with pytest.raises(UsageError, match="to all its digits, tells which places its rows hold"):
        audit_outcome(rankings, rank="rank", sensitive="sex", suppress=5)
