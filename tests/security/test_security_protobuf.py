import pytest

from trivet.security.reading.parts import fields


def read(content):
    return [(number, bytes(part)) for number, part in fields(memoryview(content))]


def test_fields_of_every_kind():
    content = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d1234" + b"\x2112345678" + b"\x12\x00" + b"\xa0\x06\x01"
    assert read(content) == [
        (1, b"\x96\x01"),
        (2, b"abc"),
        (3, b"1234"),
        (4, b"12345678"),
        (2, b""),
        (100, b"\x01"),
    ]
    assert read(b"") == []


@pytest.mark.parametrize(
    "content", [b"\x12\x05abc", b"\x08", b"\x1d123", b"\x0b", b"\xff" * 20, b"\x12" + b"\xff" * 9]
)
def test_what_is_no_message(content):
    with pytest.raises(ValueError, match=r"^(it|expected) "):
        read(content)
