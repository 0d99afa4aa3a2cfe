import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.fairness.counting.naming import in_order, name_of


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((1, 1.0, np.int8(1), np.float32(1), Decimal("1.00"), "1.0", " 1 ", "1.000"), "1"),
        ((0, -0.0, "-0.0", "0.0", Decimal("-0.0")), "0"),
        ((True, np.True_, "true", "True", "TRUE "), "true"),
        ((False, np.False_, "False"), "false"),
        ((0.1, np.float32(0.1), np.float64(0.1), "0.1", Decimal("0.1")), "0.1"),
        ((Decimal("1.50"), "1.50"), "1.50"),
        (("01",), "01"),
        (("01.0",), "01"),
        (("1.0.0",), "1.0.0"),
        ((1e16, "1e+16"), "1e+16"),
        ((2**70, str(2**70)), str(2**70)),
        ((math.inf, np.float32(np.inf), "inf"), "inf"),
        (
            (date(2026, 1, 31), pd.Timestamp(2026, 1, 31), np.datetime64("2026-01-31"), "2026-01-31"),
            "2026-01-31",
        ),
        (
            (datetime.fromisoformat("2026-01-31 12:30"), pd.Timestamp("2026-01-31T12:30")),
            "2026-01-31 12:30:00",
        ),
        ((datetime(2026, 1, 31, tzinfo=UTC),), "2026-01-31 00:00:00+00:00"),
        ((pd.Timestamp("2026-01-31 00:00:00.000000001"),), "2026-01-31 00:00:00.000000001"),
        (("nan", " nan"), "nan"),
        (("a\nb",), "a\nb"),
    ],
)
def test_the_same_value_has_one_name(values, name):
    assert [name_of(value) for value in values] == [name] * len(values)


@pytest.mark.parametrize(
    "value",
    [None, math.nan, np.float32("nan"), Decimal("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), "", " \t\r\n"],
)
def test_missing_values_have_none(value):
    assert name_of(value) is None


@given(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.decimals(allow_nan=False))
def test_a_name_is_its_own_name(value):
    name = name_of(value)
    assert name is None or name_of(name) == name


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_numbers_are_ordered_by_value(values):
    names = [(name,) for (name,) in in_order((name_of(value),) for value in values)]
    assert [float(name) for (name,) in names] == sorted({float(name_of(value)) for value in values})


@given(st.lists(st.tuples(st.text(), st.integers(0, 12).map(str)), min_size=1))
def test_each_place_has_its_own_order(groups):
    ordered = in_order([*groups, ("no number", "1")])
    assert list(ordered) == sorted({*groups, ("no number", "1")}, key=lambda group: (group[0], int(group[1])))


def test_underscores_make_no_number_of_a_text():
    assert in_order([("10",), ("9",), ("1_0",)]) == (("10",), ("1_0",), ("9",))
