import collections
import pickle
import sys

import pytest
import torch

from trivet.errors import CheckpointError
from trivet.security.reading import torchfile as pickled
from trivet.security.reading.torchfile import read_pickle


def read(content):
    return read_pickle(content, "a.pth", lambda _storage: bytearray())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_come_back_and_the_length_is_that_of_the_pickle(protocol):
    value = {"a": [1, 2.5, "x", None, True], "b": (1, -(10**12), ()), 3: {"c": 4}}
    content = pickle.dumps(value, protocol=protocol)
    found = read(content + b"more")
    assert found.value == value
    assert found.length == len(content)


def test_bytes_of_the_second_protocol_stay_the_text_that_they_are_written_as():
    assert read(pickle.dumps({"a": b"abc"}, protocol=2)).value == {"a": "abc"}


def test_a_value_may_hold_itself():
    value = []
    value.append(value)
    found = read(pickle.dumps(value, protocol=2)).value
    assert found[0] is found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (collections.OrderedDict, "calls what makes no tensor"),
        (collections.Counter, r"asks for 'collections\.Counter'"),
        (set, "asks for '__builtin__.set'"),
        (torch.nn.Linear, "asks for 'torch.nn.modules.linear.Linear'"),
    ],
)
def test_only_what_a_state_dict_needs_is_called(value, message):
    with pytest.raises(CheckpointError, match=message):
        read(pickle.dumps(value, protocol=2)[:-1] + b"K\x01R.")


def test_what_is_named_is_not_imported():
    with pytest.raises(CheckpointError, match=r"asks for 'this\.s'"):
        read(b"\x80\x02cthis\ns\n.")
    assert "this" not in sys.modules


def test_a_dictionary_is_not_made_as_a_copy():
    """One byte that copies a large dictionary, a thousand times, would take any amount of memory."""
    with pytest.raises(CheckpointError, match="a dictionary is made as a copy"):
        read(b"\x80\x02ccollections\nOrderedDict\n}\x85R.")


def test_too_many_instructions(monkeypatch):
    monkeypatch.setattr(pickled, "MAX_INSTRUCTIONS", 10)
    assert read(b"\x80\x02" + b"N" * 8 + b".").value is None
    with pytest.raises(CheckpointError, match="more than 10 instructions"):
        read(b"\x80\x02" + b"N" * 9 + b".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02K\x01a.", "damaged"),  # appends to nothing
        (b"\x80\x02}K\x01a.", "something other than a list"),
        (b"\x80\x02]K\x01K\x02s.", "sets items of something other than a dictionary"),
        (b"\x80\x02K\x01}b.", "sets the state of something other than a dictionary"),
        (b"\x80\x02K\x01Q.", "storage of weights"),
        (b"\x80\x02h\x07.", "damaged"),  # recalls what was never remembered
        (b"\x80\x02", "damaged"),
        (b"\x80\x02c\xff\n\xff\n.", "damaged"),
    ],
)
def test_nonsense_is_refused(content, message):
    with pytest.raises(CheckpointError, match=message):
        read(content)


def test_a_large_index_of_the_memo_takes_no_memory():
    """CPython's own reader sets aside eight bytes for each index up to the largest."""
    assert read(b"\x80\x02Nr\xff\xff\xff\xff.").value is None
