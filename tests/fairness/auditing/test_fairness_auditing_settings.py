"""Settings of an audit that nothing would be done with are refused."""

import pytest

from trivet.fairness import audit
from trivet.fairness.auditing.settings import TableSettings
from trivet.settings import SettingError

GIVEN = {"table": "people.csv", "sensitive": ("sex",)}


@pytest.mark.parametrize(
    "idle",
    [
        {"score": "s", "positive": "yes"},
        {"prediction": "p", "ignore": ("id",)},
        {"prediction": "p", "rows": 100},
        {"score": "s", "rows": 100},
        {"selected": "n", "total": "m", "ignore": ("id",)},
        {"prediction": "p", "label": "y", "count": "n", "rows": 100},
    ],
)
def test_settings_of_labels_and_other_columns_are_refused_where_none_are_looked_at(idle):
    with pytest.raises(SettingError, match="leave it out"):
        TableSettings(**GIVEN, **idle)


@pytest.mark.parametrize(
    "used",
    [
        {"prediction": "p", "positive": "yes"},
        {"score": "s", "label": "y", "positive": "yes", "ignore": ("id",), "rows": 100},
        {"prediction": "p", "search": True, "ignore": ("id",)},
        {"estimator": "logistic", "label": "y", "ignore": ("id",), "rows": 100},
    ],
)
def test_settings_that_are_used_are_taken(used):
    assert TableSettings(**GIVEN, **used).table == "people.csv"


def test_an_option_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(TypeError, match="unexpected keyword argument 'privilege'; did you mean 'privileged'"):
        audit(None, label=[0, 1], prediction=[0, 1], sensitive=["a", "b"], privilege="a")
