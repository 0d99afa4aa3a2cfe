from hypothesis import given
from hypothesis import strategies as st

from trivet.datasets.classes import in_class_order, printable


@given(st.text() | st.binary().map(lambda name: name.decode("utf-8", "surrogateescape")))
def test_what_is_shown_is_one_harmless_line(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")  # raises for what is undecodable
    assert not text.isprintable() or shown == text


def test_controls_and_text_direction_become_escapes():
    assert printable("\x1b[31mcat\n") == r"\x1b[31mcat\n"
    assert printable("gnp.\u202etac") == r"gnp.\u202etac"
    assert printable("Köter 犬") == "Köter 犬"


def test_numbers_are_ordered_by_value_and_names_by_letters():
    assert in_class_order(["10", "9", "0", "2"]) == ["0", "2", "9", "10"]
    assert in_class_order(["010", "9", "10"]) == ["9", "010", "10"]
    assert in_class_order(["10", "9", "dog"]) == ["10", "9", "dog"]
    assert in_class_order(["²", "10", "1"]) == ["1", "10", "²"]
    assert in_class_order(["cat", "Dog", "ant"]) == ["Dog", "ant", "cat"]
