import pytest

from trivet.errors import UsageError
from trivet.policy import judge, parse_requirements

RECORD = {
    "security": {
        "verdict": "no evidence",
        "asr": None,
        "clean": True,
        "rows": [{"method": "pld", "scale": 292.9}],
    },
    "fairness": {"impact": 0.78},
}


def one(text):
    (finding,) = judge(RECORD, parse_requirements([text]))
    return finding


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("fairness.impact >= 0.8", False),
        ("fairness.impact < 0.8", True),
        ("fairness.impact == 0.78", True),
        ("security.verdict == 'no evidence'", True),
        ('security.verdict != "backdoored"', True),
        ("security.clean == true", True),
        ("security.clean == false", False),
        ("security.rows[method=pld].scale <= 293", True),
        ("  security.rows.0.scale<=293  ", True),
    ],
)
def test_comparisons(text, met):
    finding = one(text)
    assert finding.met is met
    assert finding.text.startswith("met: " if met else "breached: ")


def test_the_line_shows_what_was_found():
    assert one("fairness.impact >= 0.8").text == "breached: fairness.impact >= 0.8 (found 0.78)"
    assert one("security.rows.0.scale < 293").text.endswith("(found 292.9)")
    assert one("security.clean == true").text.endswith("(found True)")


def test_what_was_not_measured_cannot_hold():
    finding = one("security.asr <= 0.1")
    assert not finding.met
    assert "not measured" in finding.text


def test_all_unreadable_requirements_are_named():
    with pytest.raises(UsageError) as caught:
        parse_requirements(["fairness.impact > 0.8", "impact is fine", "a.b >= 'text'", "a.b == [1]"])
    message = str(caught.value)
    assert "'impact is fine'" in message
    assert "a.b >= 'text'" in message
    assert "a.b == [1]" in message
    assert "0.8'" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fairness.impct >= 0.8", "impact"),
        ("fairness == 1", "is not a single measurement"),
        ("security.verdict >= 1", "which has no order"),
    ],
)
def test_requirements_that_name_no_measurement(text, message):
    with pytest.raises(UsageError, match=message):
        one(text)


def test_nothing_is_executed():
    with pytest.raises(UsageError):
        parse_requirements(["a == __import__('os').getcwd()"])
