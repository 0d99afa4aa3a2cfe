"""The search as a whole: what is planted is found, described shortly, and listed once."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from subgroup_tables import coded, correlated

from trivet import fairness
from trivet.errors import DataError, UsageError
from trivet.fairness.search.search import search_rows
from trivet.tables.features import Features


def planted(rows=6_000, seed=0, gap=0.3):
    generator = np.random.default_rng(seed)
    table = correlated(rows, 5, seed)
    inside = (table[:, 0] == 1) & (table[:, 2] == 0)
    selected = (generator.random(rows) < 0.3 + gap * inside).astype(int)
    return table, inside, selected


def test_a_planted_subgroup_is_found_first_with_its_rates():
    table, inside, selected = planted()
    found = search_rows(coded(*table.T), selected, None, workers=1)
    first = found.found[0]
    assert first.description == "x0 = 1 and x2 = 0"
    assert [each.column for each in first.conditions] == ["x0", "x2"]
    assert first.rows == inside.sum()
    assert first.rate.value == pytest.approx(selected[inside].mean())
    assert first.rest.value == pytest.approx(selected[~inside].mean())
    assert first.gap.value == pytest.approx(first.rate.value - first.rest.value)
    assert first.gap.low < 0.3 < first.gap.high
    assert first.p_adjusted < 1e-6
    assert "x0 = 1 and x2 = 0" in found.statement
    assert json.dumps(dataclasses.asdict(found))


def test_parts_of_it_and_sets_around_it_are_explained_by_it():
    table, _, selected = planted()
    found = search_rows(coded(*table.T), selected, None, workers=1)
    assert [each.description for each in found.found] == ["x0 = 1 and x2 = 0"]
    assert found.found[0].stands_for == found.beyond - 1 == len(found.explained) > 3
    assert {each.by for each in found.explained} == {"x0 = 1 and x2 = 0"}
    assert {"x0 = 1", "x2 = 0"} <= {each.description for each in found.explained}


def test_two_subgroups_are_both_listed():
    table, inside, selected = planted()
    generator = np.random.default_rng(9)
    other = (table[:, 3] == 2) & ~inside
    selected = np.where(other & (generator.random(len(other)) < 0.7), 0, selected)
    found = search_rows(coded(*table.T), selected, None, workers=1)
    assert {"x0 = 1 and x2 = 0", "x3 = 2"} <= {each.description for each in found.found}
    assert {np.sign(each.z) for each in found.found} == {1, -1}


def test_a_copy_of_a_column_is_not_listed_again():
    table, _, selected = planted()
    found = search_rows(coded(*table.T, table[:, 0]), selected, None, workers=1)
    assert [each.description for each in found.found] == ["x0 = 1 and x2 = 0"]


def test_where_nothing_differs_the_gaps_that_would_have_been_found_are_named():
    generator = np.random.default_rng(3)
    found = search_rows(
        coded(*correlated(4_000, 4, 3).T), (generator.random(4_000) < 0.4).astype(int), None, workers=1
    )
    assert found.found == ()
    assert found.statement.startswith("None of ")
    sizes = {each.share: each for each in found.detectable}
    assert set(sizes) == {0.001, 0.01, 0.05, 0.2}
    assert sizes[0.2].worst < sizes[0.01].worst
    assert f"{100 * sizes[0.01].worst:.1f} points in selection rate" in found.statement


def test_halves_propose_and_test():
    table, _, selected = planted()
    found = search_rows(coded(*table.T), selected, None, split=True, workers=1)
    assert found.mode == "split"
    assert found.found[0].description == "x0 = 1 and x2 = 0"
    assert found.found[0].rows < 0.6 * ((table[:, 0] == 1) & (table[:, 2] == 0)).sum()
    assert found.detectable == ()
    generator = np.random.default_rng(4)
    none = [
        search_rows(
            coded(*table.T),
            (generator.random(6_000) < 0.3).astype(int),
            None,
            split=True,
            seed=seed,
            workers=1,
        ).beyond
        for seed in range(15)
    ]
    assert sum(each > 0 for each in none) <= 3


def test_rates_of_errors_are_searched_with_labels():
    generator = np.random.default_rng(0)
    table = correlated(8_000, 4, 0)
    labels = generator.integers(0, 2, 8_000)
    inside = table[:, 1] == 2
    predictions = np.where((labels == 0) & inside & (generator.random(8_000) < 0.5), 1, labels)
    found = search_rows(coded(*table.T), predictions, labels, metrics=("false_positive_rate",), workers=1)
    assert found.found[0].description == "x1 = 2"
    assert found.found[0].rows == (inside & (labels == 0)).sum()
    usual = search_rows(coded(*table.T), predictions, labels, workers=1)
    assert [each.metric for each in usual.metrics] == [
        "selection_rate",
        "true_positive_rate",
        "false_positive_rate",
    ]
    assert usual.critical > found.critical


def test_numbers_are_binned_and_the_edges_are_what_the_names_say():
    generator = np.random.default_rng(0)
    age = generator.normal(50, 12, 5_000)
    chosen = (generator.random(5_000) < np.where(age < 40, 0.7, 0.3)).astype(int)
    income = np.where(generator.random(5_000) < 0.2, np.nan, generator.lognormal(10, 1, 5_000))
    found = fairness.search_subgroups({"age": age, "income": income}, prediction=chosen)
    conditions = {each.column: each.conditions for each in found.columns}
    assert len(conditions["age"]) == 4
    assert conditions["income"][-1] == "income is missing"
    edge = float(conditions["age"][0].removeprefix("age < "))
    first = found.found[0]
    assert first.description == f"age < {edge:g}"
    assert first.rows == (age < edge).sum()
    between = next(each for each in conditions["age"] if " to " in each)
    assert between.startswith(f"age {edge:g} to ")


def test_a_column_that_is_mostly_zero_is_divided_above_it():
    generator = np.random.default_rng(0)
    gain = np.where(generator.random(4_000) < 0.9, 0.0, generator.uniform(100, 900, 4_000))
    chosen = (generator.random(4_000) < np.where(gain > 0, 0.6, 0.3)).astype(int)
    found = fairness.search_subgroups({"gain": gain}, prediction=chosen)
    (column,) = found.columns
    assert len(column.conditions) == 3
    edge = float(column.conditions[0].removeprefix("gain < "))
    assert 0 < edge <= 110
    assert found.found[0].description == column.conditions[0]
    assert found.found[0].rows == (gain < edge).sum()


def test_rare_texts_are_taken_together_and_names_of_strangers_stand_as_they_are():
    generator = np.random.default_rng(0)
    rows = 4_000
    place = generator.choice(["and = 'x'", "[red]b[/]", "\x1b[31m猫\u202e", ""], rows)
    rare = np.array([f"name {each}" for each in generator.integers(0, 900, rows)])
    mixed = np.where(generator.random(rows) < 0.5, "frequent", rare)
    chosen = (generator.random(rows) < np.where(place == "\x1b[31m猫\u202e", 0.7, 0.3)).astype(int)
    found = fairness.search_subgroups({"pl\nace": place, "mixed": mixed, "rare": rare}, prediction=chosen)
    conditions = {each.column: each.conditions for each in found.columns}
    assert conditions["mixed"] == ("mixed = frequent", "mixed is another value")
    assert "rare" not in conditions
    assert {each.column for each in found.left_out} == {"rare"}
    assert len(conditions["pl\nace"]) == 4
    for each in (*conditions["pl\nace"], found.found[0].description, found.statement):
        assert each.isprintable()
    assert "pl\\nace is missing" in conditions["pl\nace"]
    assert "\\x1b[31m猫\\u202e" in found.found[0].description


def test_a_data_frame_is_taken_as_its_columns():
    table, _, selected = planted()
    frame = pd.DataFrame({f"x{place}": column for place, column in enumerate(table.T)})
    frame["town"] = pd.Series(["a", None] * 3_000)
    found = fairness.search_subgroups(frame, prediction=selected)
    assert found.found[0].description == "x0 = 1 and x2 = 0"
    assert "town is missing" in {text for each in found.columns for text in each.conditions}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prediction": [0, 1] * 50, "score": [0.5] * 100}, "one of prediction and score"),
        ({}, "one of prediction and score"),
        ({"prediction": [0, 1] * 40}, r"shape \(100,\)"),
        ({"prediction": [0, 2] * 50}, "0 or 1"),
        ({"score": [1.5] * 100}, "from 0 to 1"),
        ({"prediction": [0, 1] * 50, "metric": "nonsense"}, "no metric 'nonsense'"),
        ({"prediction": [0, 1] * 50, "metric": "fpr"}, "needs labels"),
        ({"prediction": [0, 1] * 50, "metric": "f1", "label": [0, 1] * 50}, "no subgroups can be searched"),
        ({"prediction": [0, 1] * 50, "rows": 60}, "needs 120 rows"),
        ({"prediction": [0, 1] * 50, "rows": 45, "split": True}, "needs 180 rows"),
        ({"prediction": [0, 1] * 50, "depth": 4}, "expected 1 to 3"),
        ({"prediction": [0, 1] * 50, "level": 1.0}, "level"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(options, message):
    with pytest.raises((UsageError, DataError), match=message):
        fairness.search_subgroups({"x": np.arange(100) % 3}, **options)


def test_columns_that_divide_nothing_are_refused():
    with pytest.raises(DataError, match="no column has a value"):
        fairness.search_subgroups({"x": np.zeros(200)}, prediction=np.arange(200) % 2)


def test_nobody_selected_is_no_difference():
    found = search_rows(
        coded(*correlated(1_000, 3, 0).T), np.zeros(1_000, dtype=int), None, workers=1, draws=50
    )
    assert found.found == ()
    assert found.detectable == ()


def test_the_same_seed_gives_the_same_result():
    table, _, selected = planted(rows=3_000)
    features = Features(("a", "b", "c", "d", "e"), table.astype(float), (None,) * 5)
    assert search_rows(features, selected, None, seed=7, workers=1) == search_rows(
        features, selected, None, seed=7, workers=2
    )
