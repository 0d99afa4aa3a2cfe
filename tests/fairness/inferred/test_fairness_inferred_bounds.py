"""Bounds of disparities with inferred groups: linear programmes, extreme couplings, coverage."""

import json

import numpy as np
import pytest
from scipy.optimize import linprog

from trivet.cli.main import main
from trivet.errors import DataError, UsageError
from trivet.fairness.inferred.misread import group_shares, misread_rates
from trivet.fairness.inferred.misreading import bounds_by_errors
from trivet.fairness.inferred.probabilities import bounds_by_probability
from trivet.fairness.inferred.reading import bound_disparities
from trivet.fairness.intervals.comparisons import difference_interval

ERRORS = np.array([[0.9, 0.1], [0.05, 0.95]])
HIT, MISS, OUT = 0, 1, 2


def rows_of(counts, chances):
    """Rows of some cells: counts of hits, misses and others, and the probabilities of the groups."""
    kinds = np.concatenate([np.repeat([HIT, MISS, OUT], cell) for cell in counts])
    cells = np.repeat(np.arange(len(counts)), np.sum(counts, axis=1))
    return kinds, np.asarray(chances)[cells]


def programme(counts, chances, weights, *, scaled=False):
    """The largest value of a weighting [group, kind] of the joint shares that the margins allow.

    With `scaled` the weighting is of shares over the denominator of the first group (Charnes and Cooper).
    """
    joint = np.asarray(counts, dtype=float) / np.sum(counts)
    r = np.asarray(chances)
    cells, groups = r.shape
    place = np.arange(groups * cells * 3).reshape(groups, cells, 3)
    size = place.size + scaled
    rows, right = [], []

    def equal(places, value):
        row = np.zeros(size)
        row[places] = 1
        if scaled:
            row[-1] = -value
        rows.append(row)
        right.append(0.0 if scaled else value)

    for cell in range(cells):
        for kind in range(3):
            equal(place[:, cell, kind].ravel(), joint[cell, kind])
        for group in range(groups):
            equal(place[group, cell].ravel(), joint[cell].sum() * r[cell, group])
    if scaled:
        row = np.zeros(size)
        row[place[0, :, :OUT].ravel()] = 1
        rows.append(row)
        right.append(1.0)
    cost = np.zeros(size)
    for (group, kind), weight in weights.items():
        cost[place[group, :, kind]] = -weight
    found = linprog(cost, A_eq=np.array(rows), b_eq=right, bounds=(0, None))
    assert found.status == 0
    return -found.fun


COUNTS = [(900, 300, 0), (240, 960, 0), (500, 700, 0), (100, 1100, 0)]
CHANCES = [(0.8, 0.15, 0.05), (0.1, 0.6, 0.3), (0.3, 0.3, 0.4), (0.05, 0.05, 0.9)]


def test_selection_rates_of_three_groups_reach_what_a_linear_programme_finds():
    kinds, r = rows_of(COUNTS, CHANCES)
    found = bounds_by_probability(
        dict(zip("abc", r.T, strict=True)), (kinds == HIT).astype(int), privileged="c"
    )
    share = r.mean(axis=0)
    for each, place in zip(found.disparities, (0, 1), strict=True):
        weights = {(2, HIT): 1 / share[2], (place, HIT): -1 / share[place]}
        most = programme(COUNTS, CHANCES, weights)
        least = -programme(COUNTS, CHANCES, {key: -weight for key, weight in weights.items()})
        assert (each.difference.low, each.difference.high) == pytest.approx((least, most), abs=1e-9)


def test_true_positive_rates_reach_what_a_fractional_programme_finds():
    counts = [(400, 200, 600), (100, 500, 600), (300, 100, 800)]
    chances = [(0.7, 0.3), (0.2, 0.8), (0.5, 0.5)]
    kinds, r = rows_of(counts, chances)
    found = bounds_by_probability(
        {"a": r[:, 0], "b": r[:, 1]}, (kinds == HIT).astype(int), (kinds != OUT).astype(int)
    )
    rate = next(each for each in found.rates if (each.metric, each.group) == ("true_positive_rate", "a"))
    most = programme(counts, chances, {(0, HIT): 1.0}, scaled=True)
    least = -programme(counts, chances, {(0, HIT): -1.0}, scaled=True)
    assert (rate.span.low, rate.span.high) == pytest.approx((least, most), abs=1e-9)


def test_an_extreme_coupling_reaches_the_bound():
    # Three tenths are of the group, four tenths are selected, and all of the group are among these.
    selected = np.repeat([1, 0], [4_000, 6_000])
    found = bounds_by_probability({"a": np.full(10_000, 0.3)}, selected).disparities[0]
    assert (found.difference.low, found.difference.high) == pytest.approx((0.1 / 0.7 - 1, 0.4 / 0.7))
    assert (found.ratio.low, found.ratio.high) == pytest.approx((0, 7))


def test_known_groups_have_one_value_and_its_usual_interval():
    rng = np.random.default_rng(0)
    group, selected = rng.random(3_000) < 0.4, rng.random(3_000) < 0.3
    found = bounds_by_probability({"a": group.astype(float)}, selected.astype(int)).disparities[0]
    apart = selected[~group].mean() - selected[group].mean()
    assert found.difference.low == pytest.approx(apart)
    assert found.difference.high == pytest.approx(apart)
    usual = difference_interval(
        int(selected[group].sum()), int(group.sum()), int(selected[~group].sum()), int((~group).sum())
    )
    assert found.difference.sampled_low == pytest.approx(usual.low, abs=2e-3)
    assert found.difference.sampled_high == pytest.approx(usual.high, abs=2e-3)


def test_the_truth_is_within_the_interval_and_outside_of_the_usual_estimators():
    rng = np.random.default_rng(5)
    rows, missed = 4_000, 0
    for seed in range(60):
        r = rng.choice([0.05, 0.3, 0.7, 0.95], rows)
        group = rng.random(rows) < r
        selected = (rng.random(rows) < np.where(group, 0.2, 0.5)).astype(int)
        found = bounds_by_probability({"a": r}, selected, privileged="not a", seed=seed).disparities[0]
        # The share that is selected of each group in the population: .2 and .5.
        missed += not found.difference.sampled_low <= 0.3 <= found.difference.sampled_high
        assert abs(found.weighted_difference - 0.3) > 0.05
    assert missed <= 3


def test_the_interval_holds_where_the_set_is_a_point_of_its_kind():
    # With the extreme coupling the truth is an end of the set, which it must hold in 95 of 100 samples.
    rng = np.random.default_rng(6)
    missed = 0
    for seed in range(150):
        r = rng.choice([0.2, 0.6], 1_500)
        # A row is of the group below r, and selected below .4: as much together as can be.
        selected = rng.random(1_500) < 0.4
        found = bounds_by_probability(
            {"a": r}, selected.astype(int), privileged="not a", seed=seed
        ).disparities[0]
        # Half the rows have r = .2 and half .6: all of the group are selected there, and two thirds here.
        truth = (0.5 * (0.2 + 0.0)) / 0.6 - (0.5 * (0.2 + 0.4)) / 0.4
        missed += not found.difference.sampled_low <= truth <= found.difference.sampled_high
    assert missed <= 10


def test_error_rates_give_the_same_bounds_as_the_probabilities_that_follow_from_them():
    counts = np.array([[2_000, 1_000, 0], [3_000, 4_000, 0]], dtype=float)
    share = group_shares(counts, ERRORS)
    r = share[:, None] * ERRORS / (counts.sum(axis=1) / counts.sum())
    kinds, chances = rows_of(counts.astype(int), r.T)
    known = bounds_by_probability({"f": chances[:, 0], "m": chances[:, 1]}, (kinds == HIT).astype(int))
    ends = misread_rates(counts, ERRORS)
    for place, rate in enumerate(known.rates):
        assert ends[place] == pytest.approx([rate.span.low, rate.span.high])


def test_error_rates_hold_the_truth_and_find_it_where_errors_do_not_depend_on_the_outcome():
    rng = np.random.default_rng(2)
    true = (rng.random(40_000) >= 0.4).astype(int)
    guessed = np.where(true == 0, rng.random(40_000) < 0.1, rng.random(40_000) < 0.95).astype(int)
    selected = (rng.random(40_000) < np.where(true == 0, 0.3, 0.5)).astype(int)
    table = np.zeros((2, 2, 2), dtype=int)
    np.add.at(table, (guessed, np.zeros(40_000, dtype=int), selected), 1)
    found = bounds_by_errors(table, ("f", "m"), ERRORS, labelled=False)
    (only,) = found.disparities
    assert only.difference.low < 0.2 < only.difference.high
    assert only.adjusted_difference == pytest.approx(0.2, abs=0.02)
    assert only.difference.sampled_low < only.difference.low
    perfect = bounds_by_errors(table, ("f", "m"), np.eye(2), labelled=False).disparities[0]
    assert perfect.difference.low == pytest.approx(perfect.difference.high)
    assert perfect.ratio.low == pytest.approx(perfect.thresholded)


def test_few_rows_do_not_settle_what_draws_of_them_never_show():
    # None of 30 is selected: no draw from these rows has another rate, and the true one can be 0.1.
    table = np.array([[[30, 0], [0, 0]], [[65, 5], [0, 0]]])
    found = bounds_by_errors(table, ("f", "m"), np.eye(2), labelled=False)
    (only,), rate = found.disparities, found.rates[0]
    assert (rate.span.low, rate.span.high, rate.span.sampled_low, rate.span.sampled_high) == (0, 0, 0, 1)
    assert only.ratio.low == only.ratio.high == 0
    assert only.ratio.sampled_high is None
    assert "few rows" in only.ratio.reason
    assert (found.verdict, only.verdict) == ("unsettled", "unsettled")
    rng, missed = np.random.default_rng(5), 0
    for seed in range(20):
        f, m = rng.binomial(30, 0.03), rng.binomial(70, 0.05)
        table = np.array([[[30 - f, f], [0, 0]], [[70 - m, m], [0, 0]]])
        rates = bounds_by_errors(table, ("f", "m"), np.eye(2), labelled=False, seed=seed).rates
        missed += not rates[0].span.sampled_low <= 0.03 <= rates[0].span.sampled_high
    assert not missed


def test_error_rates_that_do_not_fit_are_refused():
    table = np.array([[[0, 0], [5, 5]], [[0, 0], [500, 500]]])
    with pytest.raises(DataError, match="do not fit the table"):
        bounds_by_errors(table, ("f", "m"), [[0.9, 0.1], [0.2, 0.8]])
    with pytest.raises(UsageError, match="says nothing of the true one"):
        bounds_by_errors(table, ("f", "m"), [[0.5, 0.5], [0.5, 0.5]])


def test_probabilities_that_are_none_are_refused():
    with pytest.raises(DataError, match="more than 1 in 2 rows"):
        bounds_by_probability({"a": [0.6, 0.7], "b": [0.6, 0.5]}, [0, 1])
    with pytest.raises(DataError, match="missing or not from 0 to 1"):
        bounds_by_probability({"a": [0.6, np.nan]}, [0, 1])
    few = bounds_by_probability({"a": [0.6] * 20, "b": [0.4] * 20}, [0, 1] * 10).disparities[0]
    assert few.difference.low is None
    assert "fewer than 30" in few.difference.reason
    assert few.verdict == "unsettled"


@pytest.fixture
def file(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    r = rng.choice([0.02, 0.97], 2_000)
    group = rng.random(2_000) < r
    hired = rng.random(2_000) < np.where(group, 0.15, 0.5)
    lines = [
        f"{p},{'yes' if h else 'no'},{'f' if g else 'm'},{(0.9 if h else 0.2)}"
        for p, h, g in zip(r, hired, group, strict=True)
    ]
    (tmp_path / "people.csv").write_text("p_f,hired,guess,score\n" + "\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    "idle",
    [
        {"prediction": "hired", "positive": "yes", "cut": 0.3},
        {"prediction": "hired", "positive": "yes", "favourable": "low"},
        {"score": "score", "score_range": "0,2"},
        {"score": "score", "positive": "yes"},
    ],
)
def test_options_that_nothing_would_be_done_with_are_refused(file, idle):
    with pytest.raises(UsageError, match=r"leave|give a cut"):
        bound_disparities(file, inferred={"f": "p_f"}, **idle)


def test_bounds_and_the_table_of_a_law_are_not_taken_at_once(file, capsys):
    law = ["--template", "ll144", "--sensitive", "guess,hired", "--prediction", "hired", "--positive", "yes"]
    with pytest.raises(SystemExit) as end:
        main(["fairness", str(file), *law, "--inferred", "f=p_f"])
    assert end.value.code == 2
    assert "--inferred" in capsys.readouterr().err


def test_a_file_gives_the_figures_of_its_columns_by_prediction_and_by_score(file):
    chosen = bound_disparities(file, inferred={"f": "p_f"}, prediction="hired", positive="yes")
    scored = bound_disparities(file, inferred={"f": "p_f"}, score="score")
    assert chosen.disparities == scored.disparities
    assert chosen.verdict == "disparate"
    with pytest.raises(UsageError, match="no row is inferred to be 'x'"):
        bound_disparities(file, sensitive="guess", error_rates={("x", "m"): 0.1}, score="score")


def test_the_command_bounds_by_probabilities_and_by_error_rates(file, capsys):
    asked = ["fairness", "people.csv", "--prediction", "hired", "--positive", "yes"]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--inferred", "f=p_f", "--out", "out"])
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "whatever the true groups are" in said
    assert "biased" in said
    assert json.loads((file.parent / "out" / "inferred.json").read_text())["known"] == "probabilities"
    assert "whatever the true groups are" in (file.parent / "out" / "inferred.html").read_text(
        encoding="utf-8"
    )
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--error-rates", "f:m=.02,m:f=.03", "--sensitive", "guess", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["error_rates"] == [[0.98, 0.02], [0.03, 0.97]]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--error-rates", "f-m=.02", "--sensitive", "guess"])
    assert ended.value.code == 2
    assert "expected TRUE:INFERRED=RATE" in capsys.readouterr().err
