"""Values: what stands in the record, how it reads, and the name of its macro."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import ReportError
from trivet.report.text.values import (
    escape_html,
    escape_tex,
    escape_typst,
    format_value,
    macro_name,
    make_value,
    refuse_collisions,
)

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"
RECORD = {
    "security": {"asr": {"before": 0.994, "after": None}, "labels": [{"l1": 9.8}, {"l1": 74.4}]},
    "privacy": {"composition": [{"method": "basic", "scale": 920.0}, {"method": "pld", "scale": 292.9}]},
    "fairness": None,
}


@pytest.mark.parametrize(
    ("raw", "spec", "text"),
    [
        (0.82106053367911, None, "0.8211"),
        (920.0, None, "920.0000"),
        (0.0, None, "0.0000"),
        (1e-5, None, f"1.0{TIMES}10⁻⁵"),
        (-0.00002, None, f"{MINUS}2.0{TIMES}10⁻⁵"),
        (4, None, "4"),
        (48842, ",", "48,842"),
        (48842, ",d", "48,842"),
        (True, None, "yes"),
        (False, None, "no"),
        (None, ".2f", "not measured"),
        ("two  words\n", None, "two words"),
        (0.2, "%", "20\u00a0%"),
        (0.2046, ".1%", "20.5\u00a0%"),
        (-0.0125, "+.3f", f"{MINUS}0.013"),
        (0.0125, "+.3f", "+0.013"),
        (0.0004, "p", "< 0.001"),
        (0.0417, "p", "0.042"),
        (1e-5, "g", "10⁻⁵"),
        (3e12, ".0e", f"3{TIMES}10¹²"),
        (7, "label", "7"),
        ("cat", "label", "cat"),
        ([0, 5, 10], "list", "0, 5, 10"),
        ([0.0, 0.1], "list:.1f", "0.0, 0.1"),
        (["a", "b", "c"], "count", "3"),
    ],
)
def test_a_value_reads_as_its_format_says(raw, spec, text):
    assert format_value(raw, spec) == text


@pytest.mark.parametrize(
    ("raw", "spec"),
    [("text", ".2f"), ([1, 2], None), ({"a": 1}, None), (0.5, "list"), (0.5, "count"), (0.5, "ß")],
)
def test_a_value_of_another_kind_is_refused(raw, spec):
    with pytest.raises(ReportError, match=r"“place” cannot be written as"):
        make_value({"place": raw}, "place", spec)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_never_reads_as_zero_unless_it_is(number):
    assert (format_value(number).strip(f"{MINUS}0.") == "") == (number == 0)


def test_a_value_knows_its_place():
    value = make_value(RECORD, "privacy.composition[method=pld].scale", ".1f")
    assert (value.raw, value.text) == (292.9, "292.9")
    assert value.macro == "trivetPrivacyCompositionMethodPldScaleAsPointOnef"


@pytest.mark.parametrize("path", ["security.asr.after", "fairness.published.baseline.accuracy"])
def test_below_a_null_everything_is_not_measured(path):
    assert make_value(RECORD, path).text == "not measured"


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("security.asr.befor", "before"),
        ("sekurity.asr", "security"),
        ("privacy.composition[method=pdl].scale", "pld"),
    ],
)
def test_an_unknown_place_is_refused_with_the_nearest_name(path, nearest):
    with pytest.raises(ReportError, match=rf"Nearest: {nearest}"):
        make_value(RECORD, path)


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z0-9_]{1,8}){0,4}", fullmatch=True),
    st.sampled_from([None, "%", ".1%", "p", "+.3f", ",d", "list:.2f", "label"]),
)
def test_macro_names_are_letters_only(path, spec):
    name = macro_name(path, spec)
    assert name.isascii()
    assert name.isalpha()
    assert name.startswith("trivet")


def test_two_places_never_share_a_macro():
    record = {"a_b": {"c": 1}, "a": {"b": {"c": 2}}}
    first, second = make_value(record, "a_b.c"), make_value(record, "a.b.c")
    assert first.macro == second.macro
    with pytest.raises(ReportError, match="would both be the macro"):
        refuse_collisions({first.macro: first}, second)
    refuse_collisions({first.macro: first}, first)


@given(st.text())
def test_escaped_tex_has_no_live_character(text):
    escaped = escape_tex(text)
    for dead in (
        r"\textbackslash{}",
        r"\textasciicircum{}",
        r"\textasciitilde{}",
        *(f"\\{c}" for c in "{}$&#%_"),
    ):
        escaped = escaped.replace(dead, "")
    assert not set(escaped) & set("$&#%_^")


@given(st.text())
def test_escaped_html_and_typst_stay_text(text):
    assert not set(escape_html(text)) & set("<>\"'")
    literal = escape_typst(text)
    body = literal[1:-1].replace("\\\\", "").replace('\\"', "")
    assert literal[0] == literal[-1] == '"'
    assert not set(body) & set('"\\\n')


def test_a_power_is_raised_in_tex():
    power = r"7.5~\ensuremath{\times}~10\textsuperscript{\ensuremath{-}5}"
    assert escape_tex(f"7.5{TIMES}10⁻⁵") == power
