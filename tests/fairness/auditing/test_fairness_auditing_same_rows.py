"""Two audits of the same rows: which rows are the same, and paired differences beside the bootstrap's."""

import numpy as np
import pytest

from trivet.fairness.auditing.same_rows import Decisions, decisions_of, joined, paired_difference
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.auditing.table import audit_table

NAMES = ("f", "m")


def sample(rows, seed):
    """Groups, labels, and two decisions that agree on most rows."""
    draw = np.random.default_rng(seed)
    group, label, chance = draw.integers(0, 2, rows), draw.integers(0, 2, rows), draw.random(rows)
    before = chance < np.where(group == 0, 0.35, 0.5) + 0.2 * label
    flipped = draw.random(rows) < np.where(group == 0, 0.06, 0.03)
    return group, label, before, before ^ flipped


def counted(group, label, before, after):
    return np.bincount(8 * group + 4 * label + 2 * before + after, minlength=16).reshape(2, 8)


def compared(counts, metric, kind):
    found = {"group": "f", "reference": "m", "metric": metric, "compared": kind, "level": 0.95}
    return paired_difference(counts, NAMES, **found)


def by_hand(group, label, before, after, metric, kind):
    """The same comparison of each decision, from its definition."""
    among = {"selection_rate": label >= 0, "true_positive_rate": label == 1, "accuracy": label >= 0}[metric]
    values = []
    for decided in (before, after):
        hit = decided == label.astype(bool) if metric == "accuracy" else decided
        own, other = (hit[among & (group == place)].mean() for place in (0, 1))
        values.append(own / other if kind == "ratio" else other - own)
    return values[1] - values[0]


@pytest.mark.parametrize("kind", ["ratio", "difference"])
@pytest.mark.parametrize("metric", ["selection_rate", "true_positive_rate", "accuracy"])
def test_a_paired_interval_is_as_wide_as_the_bootstrap_of_whole_rows_says(metric, kind):
    rows = sample(4000, 7)
    found = compared(counted(*rows), metric, kind)
    assert found.value == pytest.approx(by_hand(*rows, metric, kind), abs=1e-12)
    draw = np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        chosen = draw.integers(0, 4000, 4000)
        drawn.append(by_hand(*(each[chosen] for each in rows), metric, kind))
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * np.std(drawn), rel=0.12)


def test_a_paired_interval_is_narrower_where_most_rows_are_decided_alike():
    group, label, before, after = sample(4000, 7)
    paired = compared(counted(group, label, before, after), "selection_rate", "ratio")
    apart = 0.0
    for decided in (before, after):
        own, rest = decided[group == 0], decided[group == 1]
        ratio = own.mean() / rest.mean()
        apart += ratio**2 * sum((1 - each.mean()) / (each.mean() * len(each)) for each in (own, rest))
    assert (paired.high - paired.low) / 2 < 0.6 * 1.96 * apart**0.5


def test_nothing_changed_is_exactly_nothing():
    group, label, before, _ = sample(1000, 2)
    found = compared(counted(group, label, before, before), "selection_rate", "ratio")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_what_is_not_one_rate_or_rests_on_a_few_rows_is_not_paired():
    group, label, before, after = sample(1000, 2)
    counts = counted(group, label, before, after)
    assert compared(counts, "equalized_odds", "ratio") is None
    assert compared(counts, "f1", "ratio") is None
    assert compared(counts, "nothing", "ratio") is None
    few = before.copy()
    few[:3] ^= True
    assert compared(counted(group, label, before, few), "selection_rate", "ratio") is None
    nobody = np.zeros(1000, dtype=bool)
    assert compared(counted(group, label, nobody, after), "selection_rate", "ratio") is None


def test_rows_that_a_rate_is_not_among_do_not_make_up_for_the_few_that_it_is():
    # Four of the positives are decided otherwise, an exact McNemar test of which gives p = 0.125, and
    # fifty of the negatives; so the true positive rate is not paired, and the false positive rate is.
    counts = [[100, 50, 0, 100, 100, 0, 4, 96], [100, 0, 0, 100, 100, 0, 0, 100]]
    assert compared(counts, "true_positive_rate", "ratio") is None
    assert compared(counts, "false_positive_rate", "ratio").low > 0
    assert compared(counts, "positive_predictive_value", "ratio").high < 0


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Decisions and rows of tables that differ in one thing each."""
    folder = tmp_path_factory.mktemp("tables")
    draw = np.random.default_rng(0)
    sex, age, hired = draw.choice(["f", "m"], 300), draw.integers(18, 70, 300), draw.integers(0, 2, 300)
    first, second = draw.integers(0, 2, 300), draw.integers(0, 2, 300)

    def read(name, columns, **settings):
        path = folder / f"{name}.csv"
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        path.write_text("\n".join(lines) + "\n")
        found = []
        asked = {"label": "hired", "prediction": "guess", "sensitive": ("sex",), **settings}
        audit_table(TableSettings(table=str(path), **asked), seed=0, keep=found.append)
        return found

    plain = {"sex": sex, "age": age, "hired": hired, "guess": first}
    return {
        "plain": read("plain", plain),
        "another model": read("another", {**plain, "guess": second}),
        "two models": read("two", {**plain, "guess": first, "other": second}, prediction="other"),
        "another label": read("label", {**plain, "hired": second}),
        "another order": read("order", {name: each[::-1] for name, each in plain.items()}),
        "another column": read("column", {**plain, "age": age + 1}),
        "fewer": read("fewer", {name: each[:299] for name, each in plain.items()}),
        "nothing to tell by": read("bare", {name: each for name, each in plain.items() if name != "age"}),
        "suppressed": read("suppressed", plain, suppress=5),
        "some rows": read("some", plain, rows=100),
        "weighted": read("weighted", {**plain, "w": age}, weight="w"),
    }


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("plain", True),
        ("another model", True),
        ("two models", True),
        ("another label", False),
        ("another order", False),
        ("another column", False),
        ("fewer", False),
    ],
)
def test_rows_are_the_same_by_labels_groups_and_all_other_columns(kept, name, same):
    (plain,), (other,) = kept["plain"], kept[name]
    before, after = decisions_of(plain), decisions_of(other)
    assert before.is_of_the_rows_of(after) == after.is_of_the_rows_of(before) == same
    found = joined("00" * 32, before, after, other)
    assert (found is not None) == same
    if same:
        assert found.rows == sum(map(sum, found.counts)) == 300
        assert found.changed == (before.decided != after.decided).sum()


def test_what_says_too_little_or_is_not_to_be_kept_is_not_paired(kept):
    (bare,) = kept["nothing to tell by"]
    assert not decisions_of(bare).is_of_the_rows_of(decisions_of(bare))  # no other column
    assert kept["suppressed"] == kept["weighted"] == []
    assert decisions_of(kept["some rows"][0]) is None


def test_decisions_are_read_back_and_damaged_ones_are_not(kept):
    found = decisions_of(kept["plain"][0])
    arrays = found.arrays()
    again = Decisions.from_arrays(arrays)
    assert (again.decided == found.decided).all()
    assert (again.labels, again.groups, again.columns) == (found.labels, found.groups, found.columns)
    assert again.columns.keys() == {"age"}
    for name in ("rows", "decided", "labels", "groups"):
        assert Decisions.from_arrays({key: each for key, each in arrays.items() if key != name}) is None
    assert Decisions.from_arrays({**arrays, "rows": np.array([10**12])}) is None
    assert Decisions.from_arrays({**arrays, "decided": arrays["decided"].astype(float)}) is None
    assert Decisions.from_arrays({}) is None
    nothing = np.zeros(0, dtype=np.uint8)
    for rows in (-5, -1, 0.5):
        assert Decisions.from_arrays({**arrays, "rows": np.array([rows]), "decided": nothing}) is None
