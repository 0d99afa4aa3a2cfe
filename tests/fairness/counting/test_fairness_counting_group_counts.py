from datetime import date, datetime
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tables_of_every_engine import ENGINES, HOSTILE, HOSTILE_NAMES, by_hand, by_name, plain, table_of

from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.counting.group_counts import group_counts
from trivet.fairness.counting.naming import name_of

TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    name_of
)
COLUMNS = st.sampled_from(
    [
        st.integers(-3, 3),
        st.booleans(),
        TEXTS,
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0.1, -0.0, 0.0, 2.0, 1e16, 1e-5, 5e-324]),
    ]
)


@st.composite
def tables(draw):
    """Labels, predictions and two sensitive columns, of two groups or more."""
    rows = draw(st.integers(2, 12))

    def column(values):
        return draw(st.lists(values, min_size=rows, max_size=rows))

    first = draw(COLUMNS.flatmap(lambda values: st.lists(values, min_size=2, max_size=3)))
    second = draw(COLUMNS.flatmap(lambda values: st.lists(values, min_size=1, max_size=3)))
    classes = draw(st.sampled_from([[0, 1], [False, True], ["0", "1"], [0.0, 1.0]]))
    return {
        "label": column(st.sampled_from(classes)),
        "prediction": column(st.sampled_from(classes)),
        "one": column(st.sampled_from(first)),
        "two": column(st.sampled_from(second)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@settings(max_examples=12)
@given(columns=tables())
def test_every_engine_counts_as_a_loop_over_the_rows_does(folder, columns):
    labels, predictions, *sensitive = columns.values()
    expected = by_hand(labels, predictions, *sensitive)
    names = ["one", "two"]
    arrays = {name: columns[name] for name in names}
    assume(len({group for group, _, _ in expected}) > 1)
    counts = group_counts(None, labels, predictions, arrays)
    assert by_name(counts) == expected
    for engine in ENGINES:
        found = group_counts(table_of(engine, columns, folder), "label", "prediction", names)
        assert plain(found) == plain(counts), engine
    for i, name in enumerate(names):
        if len(set(map(name_of, columns[name]))) > 1:
            alone = group_counts(None, labels, predictions, {name: columns[name]})
            assert plain(counts.over(name)) == plain(alone)
        assert by_name(counts.over(name)) == by_hand(labels, predictions, sensitive[i])


def test_codes_are_counted_as_the_study_counts_them():
    rng = np.random.default_rng(0)
    labels, predictions, groups = rng.integers(0, 2, (3, 5_000))
    expected = np.zeros((2, 2, 2), dtype=np.int64)
    np.add.at(expected, (groups, labels, predictions), 1)
    counts = group_counts(None, labels, predictions, groups)
    assert (counts.table == expected).all()
    assert (counts.table == binary_counts(labels, predictions, groups)).all()
    assert (counts.columns, counts.groups, counts.classes) == (("sensitive",), (("0",), ("1",)), ("0", "1"))


COLUMNS_WITH_SCORES = {
    "label": ["no", "yes", "yes", "no", "yes"],
    # In single precision 0.7 is less than the 0.7 of a cut in double precision.
    "score": [0.7, 0.1, 1.0, 0.0, 0.9],
    "sex": ["f", "f", "m", "m", "m"],
}


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_are_positive_from_the_cut_on(engine, tmp_path):
    table = table_of(engine, COLUMNS_WITH_SCORES, tmp_path)
    counts = group_counts(table, "label", "score", "sex", positive="yes", cut=0.7)
    assert counts.classes == ("no", "yes")
    assert counts.table.tolist() == [[[0, 1], [1, 0]], [[1, 0], [0, 2]]]
    assert plain(group_counts(table, "label", "score", ["sex"], positive="yes", cut=0.9)) != plain(counts)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
def test_scores_of_single_precision_are_cut_in_double_precision(make, tmp_path):
    columns = {**COLUMNS_WITH_SCORES, "score": np.array(COLUMNS_WITH_SCORES["score"], dtype=np.float32)}
    expected = [[[1, 0], [1, 0]], [[1, 0], [0, 2]]]
    frame = make(columns)
    pl.DataFrame(columns).write_parquet(tmp_path / "single.parquet")
    for table in (frame, tmp_path / "single.parquet"):
        counts = group_counts(table, "label", "score", "sex", positive="yes", cut=0.7)
        assert counts.table.tolist() == expected
    counts = group_counts(None, columns["label"], columns["score"], columns["sex"], positive="yes", cut=0.7)
    assert counts.table.tolist() == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_one_value_is_positive_against_all_others(engine, tmp_path):
    columns = {"y": ["a", "b", "c", "c"], "p": ["c", "c", "a", "d"], "s": ["u", "u", "v", "v"]}
    table = table_of(engine, columns, tmp_path)
    counts = group_counts(table, "y", "p", "s", positive="c")
    assert counts.classes == ("not c", "c")
    assert by_name(counts, positive="c") == by_hand(columns["y"], columns["p"], columns["s"], positive="c")
    every = group_counts(table, "y", "p", "s", multiclass=True)
    assert every.classes == ("a", "b", "c", "d")
    assert by_name(every) == by_hand(columns["y"], columns["p"], columns["s"])
    assert plain(every.one_versus_rest("c")) == plain(counts)


@pytest.mark.parametrize("engine", ENGINES)
def test_names_of_columns_may_be_hostile(engine, tmp_path):
    # A header is one line, so that a CSV file's names have no line break.
    names = [name for name in HOSTILE_NAMES if engine != "csv" or "\n" not in name]
    for label, prediction, one, two in zip(names, names[1:], names[2:], names[3:], strict=False):
        columns = {label: [0, 1, 1], prediction: [1, 1, 0], one: ["x", "y", "x"], two: [3, 20, 20]}
        counts = group_counts(table_of(engine, columns, tmp_path), label, prediction, (one, two))
        assert counts.columns == (one, two)
        assert by_name(counts) == by_hand(*columns.values())


def test_typed_columns_are_named_alike(tmp_path):
    columns = {
        "y": [0, 1, 1, 0],
        "p": [1, 1, 0, 0],
        "of texts": ["low", "high", "low", "mid"],
        "decimals": [Decimal("1.00"), Decimal("1.50"), Decimal("1.00"), Decimal("10.25")],
        "dates": [date(2026, 1, 31), date(2025, 12, 1), date(2026, 1, 31), date(2026, 1, 30)],
        # Of no time zone, as most tables have them.
        "times": [datetime.fromisoformat(f"2026-01-{each}") for each in ("31 12:00", "31", "31", "01")],
        "single": [0.1, 2.0, 0.1, -0.5],
        "truths": [True, False, True, True],
    }
    types = pa.schema(
        [
            ("y", pa.int8()),
            ("p", pa.uint64()),
            ("of texts", pa.dictionary(pa.int8(), pa.string())),
            ("decimals", pa.decimal128(6, 2)),
            ("dates", pa.date32()),
            ("times", pa.timestamp("us")),
            ("single", pa.float32()),
            ("truths", pa.bool_()),
        ]
    )
    arrow = pa.table(columns, schema=types)
    polars = pl.from_arrow(arrow)
    enum = polars.with_columns(pl.col("of texts").cast(pl.Enum(["mid", "low", "high"])))
    category = polars.with_columns(pl.col("of texts").cast(pl.String).cast(pl.Categorical))
    frame = pd.DataFrame(
        {
            **columns,
            "of texts": pd.Categorical(columns["of texts"], categories=["never", "mid", "low", "high"]),
            "single": np.array(columns["single"], dtype=np.float32),
        }
    )
    enum.write_parquet(tmp_path / "enum.parquet")
    files = [table_of(engine, arrow, tmp_path) for engine in ("parquet", "duckdb", "relation")]
    expected = {
        "of texts": ["high", "low", "mid"],
        "decimals": ["1", "1.50", "10.25"],
        "dates": ["2025-12-01", "2026-01-30", "2026-01-31"],
        "times": ["2026-01-01", "2026-01-31", "2026-01-31 12:00:00"],
        "single": ["-0.5", "0.1", "2"],
        "truths": ["false", "true"],
    }
    for table in (arrow, polars, polars.lazy(), enum, category, frame, *files, tmp_path / "enum.parquet"):
        for name, names in expected.items():
            counts = group_counts(table, "y", "p", name)
            assert list(counts.names) == names, (type(table), name)
            assert by_name(counts) == by_hand(columns["y"], columns["p"], counts_column(columns, name))
        assert len(group_counts(table, "y", "p", list(expected)).groups) == 4
    for name, names in expected.items():
        values = np.float32(columns[name]) if name == "single" else columns[name]
        assert list(group_counts(None, columns["y"], columns["p"], values).names) == names


def counts_column(columns, name):
    return list(np.float32(columns[name])) if name == "single" else columns[name]


@pytest.mark.parametrize(
    ("labels", "predictions", "classes"),
    [
        ([0, 1], [0, 1], ("0", "1")),
        ([0.0, 1.0], [0, 1], ("0", "1")),
        ([0, 1], [False, True], ("0", "1")),
        ([False, True], [False, True], ("false", "true")),
        (["0", "1"], [False, True], ("0", "1")),
        ([1, 1], [1, 1], ("0", "1")),
        (["True", "FALSE"], [True, False], ("false", "true")),
    ],
)
def test_zero_and_one_and_the_truth_values_need_no_positive(labels, predictions, classes):
    counts = group_counts(None, labels, predictions, ["u", "v"])
    assert counts.classes == classes
    positive = [int(name_of(each) in ("1", "true")) for each in labels + predictions]
    assert counts.table.tolist() == group_counts(None, positive[:2], positive[2:], ["u", "v"]).table.tolist()


@pytest.mark.parametrize("positive", [1, 1.0, "1", True, "True"])
@pytest.mark.parametrize("labels", [[0, 1], [False, True], ["false", "true"], [0, 0]])
def test_one_and_true_are_the_same_positive(labels, positive):
    predictions = [label == labels[0] for label in labels]
    counts = group_counts(None, labels, predictions, ["u", "v"], positive=positive)
    assert counts.table.tolist() == group_counts(None, labels, predictions, ["u", "v"]).table.tolist()


def test_positive_may_be_the_smaller_value():
    counts = group_counts(None, [0, 1, 1], [0, 0, 1], list("uvv"), positive=0)
    assert counts.classes == ("1", "0")
    assert counts.table.tolist() == [[[0, 0], [0, 1]], [[1, 1], [0, 0]]]


@pytest.mark.parametrize(
    "sensitive",
    [
        [["f", "young"], ["m", "old"]],
        np.array([["f", "young"], ["m", "old"]]),
        {"sensitive 1": ["f", "m"], "sensitive 2": ["young", "old"]},
        pd.DataFrame({"sensitive 1": ["f", "m"], "sensitive 2": ["young", "old"]}),
        pl.DataFrame({"sensitive 1": ["f", "m"], "sensitive 2": ["young", "old"]}),
        pa.table({"sensitive 1": ["f", "m"], "sensitive 2": ["young", "old"]}),
    ],
)
def test_sensitive_arrays_may_have_columns(sensitive):
    counts = group_counts(None, [0, 1], [1, 1], sensitive)
    assert counts.columns == ("sensitive 1", "sensitive 2")
    assert counts.groups == (("f", "young"), ("m", "old"))


def test_a_series_keeps_its_name():
    assert group_counts(None, [0, 1], [1, 1], pd.Series(["f", "m"], name="sex")).columns == ("sex",)


def test_numbers_are_in_the_order_of_their_values_and_texts_in_the_order_of_texts():
    counts = group_counts(None, [0, 1, 1], [1, 1, 0], {"n": [10, 9, -1], "t": ["10", "9", "x"]})
    assert counts.over("n").names == ("-1", "9", "10")
    assert counts.over("t").names == ("10", "9", "x")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_label_may_be_a_group_as_well(engine, tmp_path):
    table = table_of(engine, {"y": [0, 1, 1], "p": [1, 1, 0]}, tmp_path)
    assert group_counts(table, "y", "p", "y").table.tolist() == [[[0, 1], [0, 0]], [[0, 0], [1, 1]]]


def test_a_lazy_frame_is_never_collected(monkeypatch):
    rows = []
    collect = nw.LazyFrame.collect

    def seen(self, *args, **kwargs):
        found = collect(self, *args, **kwargs)
        rows.append(len(found))
        return found

    monkeypatch.setattr(nw.LazyFrame, "collect", seen)
    lazy = pl.LazyFrame({"y": [0, 1] * 500, "p": [1, 1] * 500, "s": ["u", "v"] * 500})
    assert group_counts(lazy, "y", "p", "s").rows == 1000
    assert rows == [2]
