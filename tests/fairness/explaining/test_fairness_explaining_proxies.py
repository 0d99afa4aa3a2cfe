import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from trivet.errors import DataError, UsageError
from trivet.fairness.explain.proxies import proxy_strength
from trivet.fairness.explain.results import ProxyStrength


def columns_of(found):
    return {column.name: column.auc for column in found.columns}


@pytest.fixture(scope="module")
def random_rows():
    """Groups of 1 in 3 of 3,000 rows, and three columns of noise."""
    rng = np.random.default_rng(0)
    return (np.arange(3000) % 3 == 0).astype(int), rng.normal(size=(3000, 3))


@pytest.fixture(scope="module")
def on_the_study(study_model):
    test = study_model.test
    return proxy_strength(test.features, test.sensitive, test.names, sensitive_columns=["gender"])


def test_the_sensitive_column_is_left_out(study_model, on_the_study):
    assert set(columns_of(on_the_study)) == set(study_model.test.names) - {"gender"}
    assert on_the_study.auc < 0.9


def test_all_columns_tell_at_least_what_a_logistic_regression_sees(study_model, on_the_study):
    test = study_model.test.drop("gender")
    linear = cross_val_score(LogisticRegression(), test.features, test.sensitive, scoring="roc_auc", cv=3)
    assert on_the_study.auc > linear.mean()


def test_columns_come_strongest_first(on_the_study):
    strengths = [column.auc for column in on_the_study.columns]
    assert strengths == sorted(strengths, reverse=True)
    assert on_the_study.columns[0].name == "hours-per-week"
    assert on_the_study.auc > strengths[0]


def test_a_monotone_column_is_worth_its_own_ranking(study_model, on_the_study):
    hours = study_model.test.features[:, study_model.test.names.index("hours-per-week")]
    ranking = roc_auc_score(study_model.test.sensitive, hours)
    assert columns_of(on_the_study)["hours-per-week"] == pytest.approx(ranking, abs=0.02)


# A rank statistic of 1,000 and 2,000 rows without any difference deviates by 0.011.
def test_noise_tells_nothing(random_rows):
    groups, noise = random_rows
    found = proxy_strength(noise, groups, ["a", "b", "c"])
    assert [found.auc, *columns_of(found).values()] == pytest.approx([0.5] * 4, abs=0.035)


def test_a_copy_of_the_group_tells_everything(random_rows):
    groups, noise = random_rows
    found = proxy_strength(np.column_stack([noise, 1 - groups]), groups, ["a", "b", "c", "title"])
    assert found.columns[0].name == "title"
    assert found.columns[0].auc == 1
    assert found.auc == pytest.approx(1, abs=1e-6)


def test_what_is_not_monotone_is_seen(random_rows):
    groups, noise = random_rows
    distance = np.where(groups == 1, 3 * np.sign(noise[:, 0]), noise[:, 0])
    assert roc_auc_score(groups, distance) == pytest.approx(0.5, abs=0.04)
    assert columns_of(proxy_strength(distance[:, None], groups, ["a"]))["a"] > 0.97


def test_what_only_a_combination_tells_is_seen(random_rows):
    groups, noise = random_rows
    signs = np.sign(noise[:, :2])
    signs[:, 1] = np.where(groups == 1, signs[:, 0], -signs[:, 0])
    found = proxy_strength(signs * np.abs(noise[:, 1:]), groups, ["a", "b"])
    assert found.auc > 0.97
    assert max(columns_of(found).values()) < 0.6


def test_categories_count_as_one_column(random_rows):
    groups, _ = random_rows
    category = np.random.default_rng(1).integers(0, 3, 3000) + groups
    found = proxy_strength(np.eye(4)[category], groups, ["c"] * 4)
    # Category 0 is of the group alone, 3 of the reference alone; 1 and 2 have as much of both.
    assert columns_of(found) == {"c": pytest.approx(1 - (2 / 3) ** 2 / 2, abs=0.02)}


def test_the_smaller_group_is_kept_when_rows_are_many(random_rows):
    _, noise = random_rows
    groups = (np.arange(3000) % 100 == 0).astype(int)
    features = np.column_stack([noise, groups])
    found = proxy_strength(features, groups, list("abcd"), limit=100)
    assert found.rows == 100
    assert found.columns[0].auc == 1
    assert proxy_strength(features[:, :3], groups, list("abc"), limit=29).rows == 29


def test_the_same_call_gives_the_same_bits(random_rows):
    groups, noise = random_rows
    first, second, other = (
        proxy_strength(noise, groups, ["a", "b", "c"], limit=500, seed=seed) for seed in (0, 0, 1)
    )
    assert first == second != other


def test_statement_says_the_numbers(random_rows):
    groups, _ = random_rows
    found = proxy_strength(groups[:, None], groups, ["title\n"], group="B", reference="A")
    assert found.statement == (
        "Together the other columns tell A from B with an AUC of 1.00, where 0.5 is not at all and 1 is "
        "always; alone the strongest are title\\n (1.00)."
    )


@pytest.mark.parametrize(
    ("rows", "left_out", "reason"),
    [
        (40, ["a"], "there is no column besides the sensitive one."),
        (4, [], "a group has 2 rows, too few for 3 folds."),
    ],
)
def test_what_cannot_be_measured_has_a_reason(rows, left_out, reason):
    groups = np.arange(rows) % 2
    found = proxy_strength(groups[:, None], groups, ["a"], sensitive_columns=left_out)
    assert (found.auc, found.columns, found.reason) == (None, (), reason)
    assert found.statement == f"How well the other columns tell the group is unknown: {reason}"


@pytest.mark.parametrize("rows", [4, 40])
def test_results_survive_json(rows):
    adapter = TypeAdapter(ProxyStrength)
    groups = np.arange(rows) % 2
    found = proxy_strength(groups[:, None], groups, ["a"])
    assert adapter.validate_json(adapter.dump_json(found)) == found


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"sensitive": np.zeros(6)}, DataError, "no row of the privileged"),
        ({"features": np.full((6, 1), np.inf)}, DataError, "found inf in column 'a'"),
        ({"features": np.ones((5, 1))}, DataError, "features 5, sensitive 6"),
        ({"folds": 1}, UsageError, "found 1 and 20000"),
        ({"limit": 1}, UsageError, "found 3 and 1"),
    ],
)
def test_unusable_input_is_refused(changed, error, message):
    given = {"features": np.ones((6, 1)), "sensitive": np.arange(6) % 2, "names": ["a"], **changed}
    with pytest.raises(error, match=message):
        proxy_strength(**given)
