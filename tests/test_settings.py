"""Settings: values out of their bounds and of another type, which Python lets anyone give."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from trivet.settings import Count, Seed, SettingError, Share, require


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (str | None, ("M", "z"), "v is ('M', 'z'); expected a text, such as 'M,z'."),
        (Annotated[str, "a name"], {"sex": "M"}, "v is {'sex': 'M'}; expected a text."),
        (Share, "0.8", "v is '0.8'; expected above 0 and below 1."),
        (Count | None, [3], "v is [3]; expected 1 or more."),
        (float | None, "much", "v is 'much'; expected a number."),
        (Literal["slow", "swift"], ("slow",), "v is ('slow',); expected one of: slow, swift."),
        (Literal["slow", "swift"], "slwo", "v is 'slwo'; expected one of: slow, swift."),
        (Seed, -1, "v is -1; expected 0 to 4294967295."),
    ],
)
def test_a_value_of_another_type_is_named_with_what_was_expected(kind, value, said):
    with pytest.raises(SettingError) as refused:
        require(kind, v=value)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str | None, None),
        (str | None, 3),
        (Share, 0.5),
        (Path | None, "a.csv"),
        (Literal["low", "high"] | None, "low"),
        (float | str | None, "median"),
        (tuple[str, ...], ("a", "b")),
        (tuple[str, ...] | str, "a"),
        (object, "anything"),
    ],
)
def test_a_value_that_a_type_may_have_is_taken(kind, value):
    require(kind, v=value)
