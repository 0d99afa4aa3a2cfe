"""Tests of weights, counts of rows, totals, tables without labels, and scales of scores, in every source."""

import io

import duckdb
import numpy as np
import pandas as pd
import pytest

from trivet.errors import DataError, TrivetError, UsageError
from trivet.fairness.counting.arrays import ArraySource
from trivet.fairness.counting.design import Design, Placed, Scale, quantile_of
from trivet.fairness.counting.group_counts import group_counts, placed_cut
from trivet.fairness.counting.tabulate import Row, ask, assemble
from trivet.tables.opening import open_table

ROWS = 60


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], ROWS),
            "y": rng.integers(0, 2, ROWS),
            "p": rng.integers(0, 2, ROWS),
            "score": rng.integers(0, 101, ROWS),
            "w": rng.uniform(0.2, 5, ROWS).round(3),
            "n": rng.integers(0, 4, ROWS),
            "stratum": rng.choice(["north", "south"], ROWS),
            "school": rng.integers(0, 9, ROWS),
        }
    )


@pytest.fixture(scope="module")
def sources(frame, tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    frame.to_csv(folder / "t.csv", index=False)
    duckdb.execute(f"COPY (SELECT * FROM frame) TO '{folder / 't.parquet'}'")
    return {"csv": folder / "t.csv", "parquet": folder / "t.parquet", "frame": frame}


@pytest.fixture(params=["csv", "parquet", "frame"])
def table(request, sources):
    return sources[request.param]


def test_weights_are_added_up_by_cell_stratum_and_cluster(table, frame):
    counts = group_counts(table, "y", "p", "sex", weight="w", strata="stratum", cluster="school")
    weights = counts.weights
    assert weights.squares is None
    units = frame.groupby(["stratum", "school"]).ngroups
    assert weights.rows.shape == (units, 2, 2, 2)
    expected = frame.groupby(["sex", "y", "p"]).w.sum().to_numpy().reshape(2, 2, 2)
    np.testing.assert_allclose(weights.sums.sum(axis=0), expected, rtol=1e-12)
    by_unit = frame.groupby(["stratum", "school"]).w.sum().to_numpy()
    np.testing.assert_allclose(sorted(weights.sums.sum(axis=(1, 2, 3))), sorted(by_unit), rtol=1e-12)
    assert sorted(np.bincount(weights.strata)) == sorted(frame.groupby("stratum").school.nunique())


def test_squares_of_weights_are_kept_where_rows_are_the_units(table, frame):
    weights = group_counts(table, "y", "p", "sex", weight="w").weights
    expected = frame.assign(w=frame.w**2).groupby(["sex", "y", "p"]).w.sum().to_numpy().reshape(2, 2, 2)
    np.testing.assert_allclose(weights.squares[0], expected, rtol=1e-12)


def test_counted_rows_are_the_same_as_rows_that_are_repeated(table, frame):
    counts = group_counts(table, "y", "p", "sex", count="n")
    repeated = frame.loc[frame.index.repeat(frame.n)]
    again = group_counts(repeated, "y", "p", "sex")
    np.testing.assert_array_equal(counts.table, again.table)
    assert counts.weights is None


def test_totals_need_no_labels(tmp_path):
    path = tmp_path / "totals.csv"
    path.write_text("race,hired,applied\nx,3,10\ny,8,10\nx,1,5\n")
    counts = group_counts(path, None, None, "race", selected="hired", total="applied")
    assert not counts.labelled
    np.testing.assert_array_equal(counts.table, [[[11, 4], [0, 0]], [[2, 8], [0, 0]]])
    given = group_counts(None, None, None, ["x", "y"], selected=[4, 8], total=[15, 10])
    np.testing.assert_array_equal(given.table, counts.table)


def test_predictions_without_labels_are_counted(table, frame):
    counts = group_counts(table, None, "p", "sex")
    assert not counts.labelled
    np.testing.assert_array_equal(counts.table[:, 0, 1], frame.groupby("sex").p.sum())
    assert not counts.table[:, 1].any()


@pytest.mark.parametrize(
    ("favourable", "selected"), [("high", lambda s: s >= 70), ("low", lambda s: s <= 70)]
)
def test_a_score_of_any_scale_is_cut_where_it_is_typed(table, frame, favourable, selected):
    scale = Scale(0, 100, favourable)
    counts = group_counts(table, "y", "score", "sex", cut=70, scale=scale)
    chosen = selected(frame.score).groupby(frame.sex).sum()
    np.testing.assert_array_equal(counts.table[:, :, 1].sum(axis=1), chosen)


@pytest.mark.parametrize("favourable", ["high", "low"])
def test_the_median_selects_the_scores_beyond_it(table, frame, favourable):
    scale = Scale(0, 100, favourable)
    counts = group_counts(table, None, "score", "sex", cut="median", scale=scale)
    middle = frame.score.median()
    beyond = frame.score > middle if favourable == "high" else frame.score < middle
    np.testing.assert_array_equal(counts.table[:, 0, 1], beyond.groupby(frame.sex).sum())


def test_a_quantile_is_of_counted_and_weighted_rows(table, frame):
    repeated = frame.loc[frame.index.repeat(frame.n)]
    own = group_counts(table, None, "score", "sex", cut="q0.8", scale=Scale(0, 100), count="n")
    again = group_counts(repeated, None, "score", "sex", cut="q0.8", scale=Scale(0, 100))
    np.testing.assert_array_equal(own.table, again.table)
    weighted = group_counts(table, None, "score", "sex", cut="median", scale=Scale(0, 100), weight="w")
    order = frame.sort_values("score")
    middle = order.score[order.w.cumsum() >= order.w.sum() / 2].iloc[0]
    expected = frame.w[frame.score > middle].groupby(frame.sex).sum()
    np.testing.assert_allclose(weighted.amounts[:, 0, 1], expected, rtol=1e-12)


def test_nobody_is_above_the_median_of_equal_scores(tmp_path):
    path = tmp_path / "equal.csv"
    path.write_text("sex,score\n" + "f,0.5\nm,0.5\n" * 4)
    with open_table(path) as opened:
        cut = placed_cut(opened, "score", "median")
    assert isinstance(cut, Placed)
    counts = group_counts(path, None, "score", "sex", cut=cut)
    assert not counts.table[:, :, 1].any()


@pytest.mark.parametrize("low", [0.0, 0.1, -3.7, 300.0])
def test_a_score_at_the_cut_is_selected_whatever_the_scale(low):
    scores = np.linspace(low, low + 0.7, 50)
    for favourable in ("high", "low"):
        scale = Scale(low, low + 0.7, favourable)
        for cut in scores:
            counts = group_counts(None, None, scores, ["a", "b"] * 25, cut=float(cut), scale=scale)
            expected = scores >= cut if favourable == "high" else scores <= cut
            assert counts.table[:, 0, 1].sum() == expected.sum()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            "s,p,w\na,1,1\nb,0,-1\n",
            {"weight": "w"},
            r"weight in 'w' should be a finite number from 0 up; 1 row",
        ),
        ("s,p,w\na,1,1\nb,0,\n", {"weight": "w"}, "weight in 'w'"),
        ("s,p,w\na,1,1\nb,0,inf\n", {"weight": "w"}, "weight in 'w'"),
        ("s,p,w\na,1,0\nb,0,0\n", {"weight": "w"}, "all 0"),
        ("s,p,w\na,1,1e200\nb,0,1\n", {"weight": "w"}, "too large"),
        ("s,p,w\na,1,1\nb,0,2.5\n", {"count": "w"}, "number in 'w' should be a whole number"),
        ("s,p,w\na,1,1e17\nb,0,2\n", {"count": "w"}, "add up"),
        ("s,p,w\na,1,x\nb,0,2\n", {"count": "w"}, "whole number|expected numbers"),
        ("s,p,w\na,1,1\nb,0,1\n", {"weight": "w", "count": "w"}, "neither weights"),
        ("s,p,w\na,1,1\nb,0,1\n", {"weight": "v"}, "no column 'v'"),
        ("s,p,w\na,1,1\nb,0,1\n", {"selected": "w"}, "go together"),
        ("s,p,w\na,1,1\nb,0,1\n", {"selected": "p", "total": "w"}, "no labels or predictions"),
        ("s,p,w\na,1,1\nb,0,\n", {"strata": "w"}, "a value is missing"),
    ],
)
def test_amounts_that_are_none_are_refused(tmp_path, content, options, message):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(TrivetError, match=message):
        group_counts(path, None, "p", "s", **options)
    with pytest.raises(TrivetError, match=message):
        group_counts(pd.read_csv(io.StringIO(content)), None, "p", "s", **options)


def test_more_selected_than_there_are_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("s,k,n\na,5,4\nb,1,2\n")
    with pytest.raises(DataError, match="'k' is above 'n' in 1 row;"):
        group_counts(path, None, None, "s", selected="k", total="n")


@pytest.mark.parametrize("cut", ["mean", "q0", "q1", "q", "q-1", "qx"])
def test_a_quantile_has_a_name(cut):
    with pytest.raises(UsageError, match="a score, median, or a quantile"):
        quantile_of(cut)


def test_scores_beyond_their_scale_say_how_to_name_it():
    with pytest.raises(DataError, match="score range"):
        group_counts(None, [0, 1], [50, 70], ["a", "b"], cut=0.5)


def test_the_order_of_rows_moves_no_sum_of_weights(sources, frame, tmp_path):
    path = tmp_path / "shuffled.csv"
    frame.sample(frac=1, random_state=1).to_csv(path, index=False)
    one, other = (group_counts(each, "y", "p", "sex", weight="w").weights for each in (sources["csv"], path))
    assert np.array_equal(one.sums, other.sums)
    assert np.array_equal(one.squares, other.squares)


def test_sums_of_weights_do_not_depend_on_the_order_of_what_a_source_gives():
    rng = np.random.default_rng(5)
    values = [
        Row((group,), label, label, 1, (part,), weight, weight**2)
        for part in range(40)
        for group in "ab"
        for label in "uvwx"
        for weight in [float(rng.gamma(1))]
    ]

    class Shuffled:
        def __init__(self, seed):
            self.rows = [values[i] for i in np.random.default_rng(seed).permutation(len(values))]

        def tally(self, _question, **_limit):
            return self.rows

    question = ask(
        "y", "y", ("g",), positive="u", cut=None, multiclass=False, design=Design(weight="w", strata="s")
    )
    first, second = (assemble(Shuffled(seed), question).weights for seed in (1, 2))
    assert (first.strata == second.strata).all()
    assert (first.rows == second.rows).all()
    assert (first.sums == second.sums).all()
    assert (first.squares == second.squares).all()


@pytest.mark.parametrize("scale", [Scale(0, 1, "low"), Scale(300, 850), Scale(300, 850, "low")])
def test_the_score_at_a_place_is_the_one_that_lies_there(scale):
    scores = np.random.default_rng(0).uniform(scale.low, scale.high, 300).round(3).tolist()
    assert [scale.score(scale.share(each)) for each in scores] == scores


def written(tmp_path, weights):
    lines = [f"{'ab'[i % 2]},{i % 3 % 2},{weight!r}" for i, weight in enumerate(weights)]
    path = tmp_path / "weights.csv"
    path.write_text("\n".join(["g,p,w", *lines]) + "\n")
    return path


def test_small_weights_keep_their_digits_beside_a_large_one(tmp_path):
    weights = [float(each) for each in np.random.default_rng(2).gamma(2, 1, 60)]
    weights[0] = 1e10
    found = group_counts(written(tmp_path, weights), None, "p", "g", weight="w").weights
    of = [np.flatnonzero((np.arange(60) % 2 == 1) & (np.arange(60) % 3 % 2 == each)) for each in (0, 1)]
    for power, table in ((1, found.sums), (2, found.squares)):
        expected = [sum(weights[i] ** power for i in places) for places in of]
        assert table[0, 1, 0].tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("scale", "large", "why"), [(1e-170, 1, "too small"), (1, 1e17, "would be lost")])
def test_weights_that_floats_cannot_add_up_are_refused(tmp_path, scale, large, why):
    path = written(tmp_path, [scale * large, *[scale * 0.5] * 20])
    with pytest.raises(DataError, match=why):
        group_counts(path, None, "p", "g", weight="w")
    frame = pd.read_csv(path)
    if why == "too small":
        with pytest.raises(DataError, match=why):
            group_counts(frame, None, "p", "g", weight="w")


@pytest.mark.parametrize(("rows", "cut"), [(16, "median"), (40, "q0.3"), (100, "q0.07")])
def test_equal_weights_leave_a_quantile_where_it_is(rows, cut, tmp_path):
    frame = pd.DataFrame({"s": (np.arange(rows) + 1) / (rows + 1), "w": 0.1})
    frame.to_csv(tmp_path / "s.csv", index=False)
    expected = frame.s[round(rows * quantile_of(cut))]
    with open_table(tmp_path / "s.csv") as opened:
        for design in (Design(), Design(weight="w")):
            assert placed_cut(opened, "s", cut, design=design).score == expected
    source = ArraySource(s=frame.s.to_numpy(), w=frame.w.to_numpy(), sensitive={})
    for design in (Design(), Design(weight="w")):
        assert source.upper_cut("s", quantile_of(cut), scale=Scale(), design=design) == expected
