import numpy as np
import pytest
from pydantic import TypeAdapter

from trivet.errors import DataError, UsageError
from trivet.fairness import binary_counts, demographic_parity_difference
from trivet.fairness.explain.columns import decompose_columns, oaxaca_blinder
from trivet.fairness.explain.results import Decomposition
from trivet.fairness.intervals.comparisons import difference_interval
from trivet.fairness.metrics.comparisons import group_sizes, selected

#: Ten rows of each group: 1 in 5 and 4 in 5 of the groups have the feature, and half of all the other.
GROUPS, FEATURE = np.repeat([0, 1], 10), np.repeat([0, 1, 0, 1], [8, 2, 2, 8])
FEATURES = np.stack([FEATURE, np.tile([0, 1], 10)], axis=1)
SELECTED = np.where(np.arange(20) % 5 == 0, 1 - FEATURE, FEATURE)


@pytest.fixture(scope="module")
def on_the_study(study_model):
    test = study_model.test
    return decompose_columns(
        study_model.predictions,
        test.features,
        test.sensitive,
        test.names,
        sensitive_columns=["gender"],
        group="Female",
        reference="Male",
    )


def test_parts_sum_to_the_difference_of_selection_rates_on_the_study(study_model, on_the_study):
    test = study_model.test
    counts = binary_counts(test.labels, study_model.predictions, test.sensitive)
    (x0, x1), (n0, n1) = selected(counts).tolist(), group_sizes(counts).tolist()
    interval = difference_interval(x0, n0, x1, n1)
    assert (on_the_study.whole.low, on_the_study.whole.high) == (interval.low, interval.high)
    assert on_the_study.outcome == "selection rate"
    assert on_the_study.whole.value == pytest.approx(demographic_parity_difference(counts), abs=1e-12)
    assert sum(part.value for part in on_the_study.parts) == pytest.approx(
        on_the_study.whole.value, abs=1e-12
    )
    assert sum(part.share for part in on_the_study.parts) == pytest.approx(1, abs=1e-12)


def test_the_sensitive_column_stands_last_and_the_others_by_size(study_model, on_the_study):
    *explained, last = on_the_study.parts
    assert (last.name, last.kind, last.columns) == (
        "gender + unexplained",
        "sensitive column",
        ("gender",),
    )
    sizes = [abs(part.value) for part in explained]
    assert sizes == sorted(sizes, reverse=True)
    assert {part.name for part in explained} == set(study_model.test.names) - {"gender"}
    assert {part.kind for part in explained} == {"explained"}


def test_what_the_sensitive_column_is_worth_is_what_it_was_without_it(study_model, on_the_study):
    test = study_model.test.drop("gender")
    found = decompose_columns(study_model.predictions, test.features, test.sensitive, test.names)
    assert found.parts[-1].name == found.parts[-1].kind == "unexplained"
    assert [part.value for part in found.parts] == pytest.approx([part.value for part in on_the_study.parts])


# The log-odds of the study's model are linear in what it sees: its own coefficients must come back.
def test_log_odds_of_the_study_give_the_model_back(study_model):
    test, odds = study_model.test, np.log(study_model.scores / (1 - study_model.scores))
    found = decompose_columns(odds, test.features, test.sensitive, test.names, sensitive_columns=["gender"])
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(len(odds)), test.features]), odds)[0][1:]
    gaps = np.subtract(*(test.features[test.sensitive == code].mean(axis=0) for code in (1, 0)))
    expected = dict(zip(test.names, gaps * coefficients, strict=True))
    assert found.outcome == "mean score"
    assert {part.columns[0]: part.value for part in found.parts} == pytest.approx(expected, abs=1e-9)


def test_a_sensitive_number_that_does_not_determine_the_group_has_a_part_of_its_own():
    rng = np.random.default_rng(0)
    age, other = rng.integers(20, 70, 500), rng.normal(size=500)
    groups, score = (age >= 40).astype(int), 0.01 * age + 0.3 * other + 0.05 * (age >= 40)
    found = decompose_columns(
        score, np.stack([age, other], axis=1), groups, ["age", "other"], sensitive_columns={"age"}
    )
    assert [(part.name, part.kind) for part in found.parts] == [
        ("other", "explained"),
        ("age", "sensitive column"),
        ("unexplained", "unexplained"),
    ]
    assert found.parts[2].value == pytest.approx(0.05, abs=1e-12)
    assert "0.0500 with what no column explains" in found.statement


def population():
    """Cells of groups, a number, a category and outcomes, with how many of 140,000 rows each has.

    The chance of an outcome is no line: what is estimated is the best line through it.
    """
    group, number, category, outcome = (
        cell.ravel() for cell in np.meshgrid([0, 1], [0, 1, 2, 5], [0, 1, 2], [0, 1], indexing="ij")
    )
    chance = np.array([0.1, 0.2, 0.5, 0.9])[np.searchsorted([0, 1, 2, 5], number)]
    chance = np.where(category == 2, chance / 2, chance) * np.where(group == 1, 1.0, 0.8)
    rows = np.where(group == 1, 1 + number, 6 - number) * np.where(category == group, 3, 1)
    rows = np.round(1000 * rows * np.where(outcome == 1, chance, 1 - chance)).astype(int)
    return outcome.astype(float), np.column_stack([number, np.eye(3)[category]]), group, rows


# A thousand samples of 500 rows; 2 % is 2.9 standard deviations of a share of 95 % among them.
def test_intervals_hold_the_truth_as_often_as_they_say():
    outcome, features, group, rows = population()
    names = ["number", *["category"] * 3]
    all_rows = np.repeat(np.arange(len(rows)), rows)
    truth = oaxaca_blinder(outcome[all_rows], features[all_rows], group[all_rows], names)
    expected = {"whole": truth.whole}
    expected |= {
        " ".join(own) or "unexplained": v for own, v in zip(truth.columns, truth.values, strict=True)
    }
    rng = np.random.default_rng(0)
    held = dict.fromkeys(expected, 0)
    for _ in range(400):
        drawn = rng.choice(len(rows), 500, p=rows / rows.sum())
        found = decompose_columns(outcome[drawn], features[drawn], group[drawn], names)
        for part in (found.whole, *found.parts):
            held[part.name] += part.low <= expected[part.name] <= part.high
    assert [count / 400 for count in held.values()] == pytest.approx([0.95] * 4, abs=0.03)


def test_one_sensitive_column_can_be_named_alone():
    found = decompose_columns(SELECTED, FEATURES, GROUPS, ["a", "b"], sensitive_columns="ab")
    assert {part.kind for part in found.parts} == {"explained", "unexplained"}
    found = decompose_columns(SELECTED, FEATURES, GROUPS, ["ab", "b"], sensitive_columns="ab")
    assert [part.name for part in found.parts if part.kind == "sensitive column"] == ["ab"]


def test_level_widens_the_interval():
    narrow, wide = (
        decompose_columns(SELECTED, FEATURES, GROUPS, ["a", "b"], level=level).parts[0]
        for level in (0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_statement_says_the_numbers():
    found = decompose_columns(FEATURE, FEATURES, GROUPS, ["a", "b"], group="B", reference="A")
    assert found.statement.startswith(
        "Of the 60.0 points by which A is selected more often than B, 60.0 go with other columns (a 60.0, b "
        "0.0) and 0.0 with what no column explains."
    )
    assert "does not prove unequal treatment" in found.limits


def test_statement_names_three_columns_and_sums_the_others(on_the_study):
    first, second, third, *others = on_the_study.parts[:-1]
    rest = 100 * sum(part.value for part in others)
    assert (
        f"({first.name} {100 * first.value:.1f}, {second.name} {100 * second.value:.1f}, "
        f"{third.name} {100 * third.value:.1f}, {len(others)} more {rest:.1f}) and "
    ) in on_the_study.statement
    assert "with gender or with what no column explains." in on_the_study.statement


def test_statement_turns_with_the_direction():
    score = 0.2 * FEATURE
    found = decompose_columns(score, FEATURES, 1 - GROUPS, ["a", "b"], group="B", reference="A")
    assert found.whole.value == pytest.approx(-0.12)
    assert found.statement.startswith(
        "Of the difference of -0.1200, the mean score of A less that of B, -0.1200 go with other columns "
    )


def test_statement_says_where_there_may_be_no_difference():
    found = decompose_columns(SELECTED, FEATURES, GROUPS, ["a", "b"])
    assert found.whole.low < 0 < found.whole.high
    assert {part.share for part in (found.whole, *found.parts)} == {None}
    assert "more often than protected (which these rows cannot tell from 0), " in found.statement


def test_no_columns_leave_all_unexplained():
    found = decompose_columns(SELECTED, np.empty((20, 0)), GROUPS, [])
    assert [part.name for part in found.parts] == ["unexplained"]
    assert "40.0 go with what no column explains." in found.statement


def test_an_outcome_that_does_not_vary_has_no_interval():
    found = decompose_columns(np.zeros(20), FEATURES, GROUPS, ["a", "b"])
    assert found.whole.low < found.whole.value == 0 < found.whole.high
    assert {(part.value, part.low, part.high, part.share) for part in found.parts} == {(0, None, None, None)}
    assert {part.reason for part in found.parts} == {"no interval: in these rows it does not vary."}


def test_selection_of_all_of_one_group_alone_is_no_doubt():
    found = decompose_columns(GROUPS, FEATURES, GROUPS, ["a", "b"])
    assert found.whole.low > 0
    assert [part.share for part in found.parts] == pytest.approx([0, 0, 1], abs=1e-12)
    assert (
        "Of the 100.0 points by which privileged is selected more often than protected, " in found.statement
    )


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([*range(7, 13)], "6 rows are too few for a regression with 4 parameters."),
        ([*range(8), 10], "a group has 1 row only."),
    ],
)
def test_too_few_rows_leave_the_whole_and_a_reason(rows, reason):
    found = decompose_columns(SELECTED[rows], FEATURES[rows], GROUPS[rows], ["a", "b"])
    assert (found.reason, found.parts) == (reason, ())
    assert found.whole.value is not None
    assert found.statement == f"How the difference divides by column is unknown: {reason}"


@pytest.mark.parametrize("outcome", [SELECTED, SELECTED * 0.3, np.zeros(20)])
def test_results_survive_json(outcome):
    adapter = TypeAdapter(Decomposition)
    found = decompose_columns(outcome, FEATURES, GROUPS, ["a", "b"])
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"outcome": SELECTED[:5]}, DataError, "outcome 5, features 20"),
        ({"outcome": [np.nan] * 20}, DataError, "outcome should hold finite numbers"),
        ({"features": FEATURES[:, 0]}, DataError, r"found shape \(20,\)"),
        ({"features": FEATURES.astype(str)}, DataError, "Give each category"),
        ({"features": np.where(FEATURES == 0, np.nan, 1)}, DataError, "found nan in column 'a'"),
        ({"sensitive": GROUPS * 0}, DataError, "no row of the privileged"),
        ({"names": ["a"]}, UsageError, "each of 2 features, found 1"),
        ({"level": 0}, UsageError, "level is 0; expected above 0"),
    ],
)
def test_unusable_input_is_refused(changed, error, message):
    given = {"outcome": SELECTED, "features": FEATURES, "sensitive": GROUPS, "names": ["a", "b"], **changed}
    with pytest.raises(error, match=message):
        decompose_columns(**given)
