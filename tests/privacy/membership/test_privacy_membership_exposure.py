"""Which group is named and what is called exposed: planted differences, none, and how often chance errs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pydantic
import pytest
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.groups import (
    FEWEST_ROWS,
    LARGE_AREA,
    chance,
    group_exposures,
    judge,
    most_exposed,
)
from trivet.privacy.membership.rates import attack_result, proportion_interval, rate_at
from trivet.privacy.membership.results import GroupExposure
from trivet.verdict import EXPOSED, NO_EVIDENCE, SLIGHT


def scored(seed, n, gaps, column="sex"):
    """Rows of equally likely groups; the members of each score higher by its gap."""
    rng = np.random.default_rng(seed)
    names = rng.choice(list(gaps), n)
    members = rng.random(n) < 0.5
    scores = rng.normal(size=n) + members * np.array([gaps[name] for name in names])
    return scores, members, {column: names}


def test_each_group_has_the_figures_of_its_own_rows():
    scores, members, groups = scored(0, 4000, {"Female": 1.0, "Male": 0.3})
    common = np.sort(scores[~members])[::-1][int(0.01 * (~members).sum())]
    found = group_exposures(scores, members, groups, level=0.9)
    assert [(g.column, g.group) for g in found] == [("sex", "Female"), ("sex", "Male")]
    for g in found:
        rows = groups["sex"] == g.group
        inside, outside = scores[rows & members], scores[rows & ~members]
        assert (g.members, g.non_members) == (len(inside), len(outside))
        assert g.auroc.value == pytest.approx(roc_auc_score(members[rows], scores[rows]))
        assert g.auroc.low < g.auroc.value < g.auroc.high
        assert g.threshold == common
        assert g.tpr.value == (inside > common).mean()
        assert g.realised_fpr.value == (outside > common).mean()
        assert (g.tpr.low, g.tpr.high) == proportion_interval((inside > common).sum(), len(inside), level=0.9)
        accused = proportion_interval((outside > common).sum(), len(outside), level=0.9)
        assert (g.realised_fpr.low, g.realised_fpr.high) == accused
        assert g.own == rate_at(0.01, inside, outside, level=0.9)
        assert g.own.threshold != common
        assert g.auroc.reason is g.tpr.reason is None
    assert sum(g.false_positives for g in found) == int(0.01 * (~members).sum())


def test_a_planted_group_is_named_with_its_figures():
    scores, members, groups = scored(1, 6000, {"a": 0.2, "b": 0.2, "c": 0.8})
    groups["sex"], groups["race"] = np.random.default_rng(1).choice(["f", "m"], 6000), groups["sex"]
    found = group_exposures(scores, members, groups)
    named, sentence = most_exposed(found)
    assert named == ("race", "c")
    exposure = next(g for g in found if g.group == "c")
    assert f"{exposure.auroc.value:.3f}" in sentence
    others = [g for g in found if g.group in {"a", "b"}]
    rest = np.average([g.auroc.value for g in others], weights=[g.members for g in others])
    assert f"against {rest:.3f}" in sentence


def test_a_group_that_is_less_exposed_is_not_named():
    # Every other group is more exposed than the rest then: the highest of those that pass is named.
    scores, members, groups = scored(2, 8000, {"a": 1.0, "b": 1.0, "c": -0.5})
    named, _ = most_exposed(group_exposures(scores, members, groups))
    assert named is not None
    assert named[1] in {"a", "b"}


def test_a_group_that_is_perfectly_exposed_is_named():
    scores, members, groups = scored(3, 1200, {"a": 0.0, "b": 1000.0})
    named, sentence = most_exposed(group_exposures(scores, members, groups))
    assert named == ("sex", "b")
    assert "AUROC 1.000 [" in sentence


def test_equal_groups_are_named_at_most_as_often_as_the_level_says():
    repetitions, named = 150, 0
    for seed in range(repetitions):
        scores, members, groups = scored(seed, 1000, {"a": 0.3, "b": 0.3, "c": 0.3})
        group, sentence = most_exposed(group_exposures(scores, members, groups))
        named += group is not None
        if group is None:
            assert sentence == "No measurable difference between the groups of sex."
    assert named <= binom.ppf(0.999, repetitions, 0.05)


def test_tiny_groups_have_no_figures_but_a_reason():
    scores, members, groups = scored(4, 2000, {"a": 0.5, "b": 0.5})
    tiny = np.flatnonzero(members)[: FEWEST_ROWS - 1]
    groups["sex"][tiny] = "t"
    groups["sex"][np.flatnonzero(~members)[:40]] = "t"
    small = group_exposures(scores, members, groups)[-1]
    assert (small.group, small.members, small.non_members) == ("t", 29, 40)
    assert small.true_positives is small.false_positives is None
    missing = (small.auroc, small.tpr, small.realised_fpr, small.own.tpr, small.own.realised_fpr)
    assert {(each.value, each.low, each.high) for each in missing} == {(None, None, None)}
    (reason,) = {each.reason for each in missing}
    assert reason.startswith("29 members and 40 non-members are too few")


def test_a_group_without_any_non_member_has_a_reason():
    scores, members, groups = scored(5, 500, {"a": 0.5})
    groups["sex"][np.flatnonzero(members)[:100]] = "b"
    only = group_exposures(scores, members, groups)[-1]
    assert (only.group, only.non_members, only.auroc.value) == ("b", 0, None)
    assert "0 non-members" in only.auroc.reason


def test_too_few_rows_for_the_rate_leave_the_area():
    scores, members, groups = scored(6, 150, {"a": 0.5})
    (only,) = group_exposures(scores, members, groups)
    assert only.auroc.value is not None
    assert only.tpr.value is only.threshold is None
    assert "too few for a false positive rate of 0.01" in only.tpr.reason
    assert only.auroc.reason is None


def test_groups_that_cannot_be_compared_are_said_so():
    assert most_exposed(()) == (None, "")
    scores, members, groups = scored(7, 500, {"a": 0.5})
    named, sentence = most_exposed(group_exposures(scores, members, groups))
    assert named is None
    assert sentence == "No column has two groups with rows enough to compare."


def test_a_name_cannot_write_on_the_terminal():
    scores, members, groups = scored(8, 4000, {"a": 0.0, "\x1b[31m\n": 1.5}, column="s\x1b[2J")
    named, sentence = most_exposed(group_exposures(scores, members, groups))
    assert named == ("s\x1b[2J", "\x1b[31m\n")
    assert sentence.isprintable()


def test_exposures_survive_json():
    scores, members, groups = scored(9, 500, {"a": 0.5, "b": 0.0})
    found = group_exposures(scores, members, groups)
    adapter = pydantic.TypeAdapter(tuple[GroupExposure, ...])
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_what_does_not_fit_is_refused():
    scores, members, groups = scored(10, 100, {"a": 0.5})
    with pytest.raises(DataError, match="each of the 100 rows"):
        group_exposures(scores, members, {"sex": groups["sex"][:99]})
    with pytest.raises(UsageError, match=r"rate is \S+; expected above 0 and below 1\."):
        group_exposures(scores, members, groups, rate=0.0)


def attacks(seed, n, gap, *, names=("lira-online", "lira-offline", "rmia")):
    rng = np.random.default_rng(seed)
    members = rng.random(n) < 0.5
    return tuple(attack_result(name, rng.normal(size=n) + gap * members, members) for name in names)


def test_an_attack_that_works_exposes_the_model():
    results = attacks(0, 2000, 0.5)
    verdict, reason = judge(results)
    assert verdict == EXPOSED
    best = max(results, key=lambda result: result.auroc.value)
    # Three areas and two rates each, but one in a thousand needs 1,000 non-members.
    tests = 3 + sum(rate.tpr.value is not None for result in results for rate in result.rates)
    error = (best.auroc.value - best.auroc.low) / norm.ppf(0.975)
    bound = best.auroc.value - norm.isf(0.05 / tests) * error
    assert reason.startswith(f"{best.attack} tells members")
    assert f"AUROC {best.auroc.value:.3f}, at least {bound:.3f} " in reason


def test_chance_exposes_a_model_at_most_as_often_as_the_level_says():
    repetitions = 200
    called = sum(judge(attacks(seed, 600, 0.0))[0] != NO_EVIDENCE for seed in range(repetitions))
    assert called <= binom.ppf(0.999, repetitions, 0.05)
    # And what is not exposed is said with the best area.
    results = attacks(0, 600, 0.0)
    verdict, reason = judge(results)
    assert verdict == NO_EVIDENCE
    assert f"{max(result.auroc.value for result in results):.3f}" in reason


def test_a_few_members_far_above_the_others_are_an_exposure():
    rng = np.random.default_rng(1)
    members = np.arange(4000) < 2000
    scores = rng.normal(size=4000)
    scores[:60] += 20
    result = attack_result("rmia", scores, members)
    assert result.auroc.low < 0.5
    verdict, reason = judge((result,))
    assert verdict == EXPOSED
    assert reason.startswith("rmia finds ")


def test_an_attack_that_barely_works_on_many_rows_is_slight():
    results = attacks(2, 60_000, 0.05)
    verdict, reason = judge(results)
    assert verdict == SLIGHT
    assert 0.5 < max(result.auroc.low for result in results) < LARGE_AREA
    assert "where guessing gives 0.5" in reason


@pytest.mark.parametrize(("found", "verdict"), [(24, NO_EVIDENCE), (60, SLIGHT), (100, EXPOSED)])
def test_a_rate_is_judged_by_how_many_times_guessing_it_is(found, verdict):
    """Of 2,000 members so many stand above all but 20 of the non-members; below, nothing is told."""
    scores = np.zeros(4000)
    scores[:found] = 2.0
    scores[2000:2020] = 2.5
    scores[2020:] += np.linspace(-0.5, 0.5, 1980)
    scores[found:2000] += np.linspace(-0.5, 0.5, 2000 - found)
    assert judge((attack_result("rmia", scores, np.arange(4000) < 2000, rates=(0.01,)),))[0] == verdict


def test_all_scores_equal_are_no_evidence():
    result = attack_result("rmia", np.ones(4000), np.arange(4000) < 2000)
    assert judge((result,))[0] == NO_EVIDENCE


def test_a_perfect_attack_on_few_rows_is_an_exposure():
    scores = np.arange(60.0)
    assert judge((attack_result("rmia", scores, scores >= 30),))[0] == EXPOSED


@pytest.mark.parametrize("allowed", [1, 2])
def test_chance_is_counted_over_every_order_of_the_rows(allowed):
    p, q = 4, 5
    fpr = (allowed + 0.5) / q
    counts = []
    for places in combinations(range(p + q), p):
        labels = np.isin(np.arange(p + q), places)
        scores = -np.arange(p + q, dtype=float)
        counts.append(rate_at(fpr, scores[labels], scores[~labels]).true_positives)
    result = attack_result("rmia", np.arange(9.0), np.arange(9) < p)
    for found in range(p + 1):
        rate = replace(rate_at(fpr, np.arange(4.0), np.arange(5.0)), true_positives=found)
        assert rate.allowed == allowed
        assert chance(rate, result) == pytest.approx(np.mean(np.array(counts) >= found))
