"""Looks by a column of times: in the order of time, or refused with the way in."""

import pandas as pd
import pytest

from trivet.errors import DataError, UsageError
from trivet.fairness.monitoring.looks import read_looks
from trivet.fairness.monitoring.settings import WatchOptions


def names(folder, cells, **options):
    lines = [f"{sex},{cell},{int(sex == 'f')}" for cell in cells for sex in "fm"]
    path = folder / "t.csv"
    path.write_text("sex,when,hit\n" + "\n".join(lines) + "\n")
    chosen = WatchOptions(sensitive=("sex",), prediction="hit", time="when", **options)
    return [look.name for look in read_looks([path], chosen).looks]


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (("10", "9", "2.5"), ["2.5", "9", "10"]),
        (("2025-10-01", "2025-9-30"), ["2025-09-30", "2025-10-01"]),
        (
            ("2025-01-02 03:00", "2025-01-02", "2025-01-02T02:00+01:00"),
            ["2025-01-02", "2025-01-02 01:00:00", "2025-01-02 03:00:00"],
        ),
        (("2025-03", "2024-11"), ["2024-11", "2025-03"]),
        (("2025Q1", "2024Q4"), ["2024Q4", "2025Q1"]),
        (("2025-W10", "2025-W02"), ["2025-W02", "2025-W10"]),
        (("2025/03/01", "2025/02/28"), ["2025/02/28", "2025/03/01"]),
    ],
)
def test_values_are_in_the_order_of_time(tmp_path, cells, order):
    assert names(tmp_path, cells) == order


@pytest.mark.parametrize("mark", "./-")
def test_a_day_or_a_month_first_is_read_only_as_it_is_named(tmp_path, mark):
    cells = [mark.join(parts) for parts in (("01", "02", "2025"), ("02", "01", "2025"), ("03", "01", "2025"))]
    for period in ("value", "month", "quarter"):
        with pytest.raises(
            DataError, match=r"6 rows of 'when', such as .* no ISO date; give --date-format dmy"
        ):
            names(tmp_path, cells, period=period)
    assert names(tmp_path, cells, date_format="dmy") == ["2025-01-02", "2025-01-03", "2025-02-01"]
    assert names(tmp_path, cells, date_format="mdy") == ["2025-01-02", "2025-02-01", "2025-03-01"]
    assert names(tmp_path, cells, date_format="mdy", period="month") == ["2025-01", "2025-02", "2025-03"]
    assert names(tmp_path, cells, date_format="mdy", period="quarter") == ["2025-Q1"]
    with pytest.raises(DataError, match="no date as --date-format mdy reads it"):
        names(tmp_path, [*cells, mark.join(("13", "01", "2025"))], date_format="mdy")


@pytest.mark.parametrize(
    ("cells", "period", "words"),
    [
        (("before", "after"), "value", "order in time is not known"),
        (("2025-01", "2025Q2"), "value", "order in time is not known"),
        (("2025-01-01", "2025-02"), "value", "order in time is not known"),
        (("01.2025", "12.2024"), "value", "write a month as 2025-03"),
        (("01.02.25", "02.02.25"), "value", "year with four digits"),
        (("2025-01", "2025-02"), "quarter", "Leave --period out"),
    ],
)
def test_what_has_no_order_in_time_is_refused(tmp_path, cells, period, words):
    with pytest.raises(DataError, match=words):
        names(tmp_path, cells, period=period)


def test_columns_of_dates_and_numbers_are_in_order_and_marks_are_not(tmp_path):
    when = pd.to_datetime(["2025-10-01", "2025-09-30"] * 2)
    frame = pd.DataFrame({"sex": list("ffmm"), "hit": [0, 1, 0, 1], "when": when, "wave": [10, 9] * 2})
    frame["late"] = [True, False] * 2
    frame.to_parquet(tmp_path / "t.parquet")
    common = {"sensitive": ("sex",), "prediction": "hit"}
    for column, order in {"when": ["2025-09-30", "2025-10-01"], "wave": ["9", "10"]}.items():
        looks = read_looks([tmp_path / "t.parquet"], WatchOptions(**common, time=column)).looks
        assert [look.name for look in looks] == order
    quarters = read_looks(
        [tmp_path / "t.parquet"], WatchOptions(**common, time="when", period="quarter")
    ).looks
    assert [look.name for look in quarters] == ["2025-Q3", "2025-Q4"]
    with pytest.raises(DataError, match="order in time is not known"):
        read_looks([tmp_path / "t.parquet"], WatchOptions(**common, time="late"))


def test_metrics_have_the_names_of_an_audit():
    common = {"sensitive": ("sex",), "prediction": "hit", "label": "y"}
    for name, usual in {
        "tpr": "true_positive_rate",
        "Equal opportunity": "true_positive_rate",
        "fnr": "false_negative_rate",
        "npv": "negative_predictive_value",
    }.items():
        assert WatchOptions(**common, metric=name).metric == usual
    for name in ("f1", "equalized_odds", "balanced_accuracy"):
        with pytest.raises(UsageError, match="not a share of rows"):
            WatchOptions(**common, metric=name)
    with pytest.raises(UsageError, match="did you mean tpr"):
        WatchOptions(**common, metric="tprr")
    for name in ("selection_rate", "demographic_parity"):
        with pytest.raises(UsageError, match="needs no labels"):
            WatchOptions(**common, metric=name)
