import pytest

from trivet.wording import beside, first_line, noise_name, one_line, quote, rounded


def test_what_a_terminal_obeys_is_escaped():
    assert one_line("a\x1b[2Jb\nc\u202ed\ud800") == r"a\x1b[2Jb\nc\u202ed\ud800"
    assert one_line("größe ŵ 中") == "größe ŵ 中"
    assert quote("a\x1b'\n") == '"a\\x1b\'\\n"'


@pytest.mark.parametrize("text", ["x" * 81, "\n" * 50, "x" * 10**7])
def test_what_is_long_is_cut(text):
    assert len(one_line(text)) == len(quote(text)) - 1 == 80
    assert one_line(text).endswith("…")
    assert quote(text).endswith("…'")
    assert one_line("x" * 80) == "x" * 80


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.17846544686, 0.1464, 0.2175, 0.178),
        (0.9827, 0.978416491, 0.98608559, 0.9827),
        (0.0, 0.0, 0.3396, 0.0),
        (41234.567, 40000.0, 42000.0, 41200.0),
        (292.90304984915133, None, None, 292.9),
        (0.5, 0.5, 0.5, 0.5),
        (14_653, None, None, 14_653),
    ],
)
def test_a_number_has_the_digits_that_its_interval_supports(value, low, high, shown):
    assert rounded(value, low, high) == shown


@pytest.mark.parametrize(
    ("value", "bounds", "shown"),
    [
        (0.7996, (), "0.800"),
        (0.7996, (0.8, 1.25), "0.7996"),
        (0.79999996, (0.8,), "0.79999996"),
        (0.81, (0.8, 1.25), "0.810"),
        (0.8, (0.8,), "0.800"),
        (4 / 5 + 1e-16, (0.8,), "0.800"),
        (1.2500001, (0.8, 1.25), "1.2500001"),
        (-0.0500001, (-0.05, 0.05), "-0.0500001"),
        (1.0001, (1.0,), "1.0001"),
    ],
)
def test_a_number_beside_a_bound_is_on_the_side_that_it_is_on(value, bounds, shown):
    assert beside(value, bounds, lambda number: f"{number:.3f}") == shown


def test_a_number_keeps_its_sign_and_its_way_of_writing():
    assert beside(0.05004, [0.05], lambda number: f"{number:+.3f}") == "+0.05004"
    assert beside(1234.56, [1], lambda number: f"{number:,.1f}") == "1,234.6"
    assert beside(float("inf"), [1], str) == "inf"


def test_a_reason_is_the_first_line_of_an_error_or_its_kind():
    assert first_line(ValueError("first.\nsecond")) == "first"
    assert first_line(MemoryError()) == "MemoryError"
    assert len(first_line(ValueError("x" * 10_000))) == 200


def test_an_error_that_cannot_be_spelt_is_named_by_its_kind():
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    assert first_line(SilentError()) == "SilentError"


@pytest.mark.parametrize(
    ("mechanism", "name"),
    [("laplace", "Laplace"), ("discrete-laplace", "discrete Laplace"), ("gaussian", "Gaussian")],
)
def test_noise_is_called_as_in_papers(mechanism, name):
    assert noise_name(mechanism) == name
