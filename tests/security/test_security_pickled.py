import argparse
import collections
import functools
import os
import pathlib
import pickle
import runpy
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from trivet.errors import CheckpointError
from trivet.security.reading import torchfile as pickled
from trivet.security.reading.harm import is_harmful
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
        (os.system, "asks for 'posix.system'"),
        (eval, "asks for '__builtin__.eval'"),
        (setattr, "asks for '__builtin__.setattr'"),
        (subprocess.call, "asks for '(subprocess|commands).call'"),
        (runpy.run_path, "asks for 'runpy.run_path'"),
        (torch.load, "asks for 'torch.serialization.load'"),
    ],
)
def test_what_does_harm_is_refused_wherever_it_is_named(value, message):
    with pytest.raises(CheckpointError, match=message):
        read(pickle.dumps({"weights": 1, "beside": value}, protocol=2))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.5),
        np.arange(3),
        argparse.Namespace(lr=0.1),
        collections.Counter("aab"),
        collections.defaultdict(list, a=[1]),
        {1, 2},
        frozenset({1}),
        pathlib.PurePosixPath("a"),
        datetime(2020, 1, 1, tzinfo=UTC),
        functools.partial(torch.nn.Linear, 2),
        torch.float32,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_else_stands_beside_the_weights_is_a_stand_in(value, protocol):
    found = read(pickle.dumps({"epoch": 3, "beside": value, "last": [1, 2]}, protocol=protocol)).value
    assert (found["epoch"], found["last"]) == (3, [1, 2])


@pytest.mark.parametrize(
    ("path", "harmful"),
    [
        ("posix.system", True),
        ("torch.os.system", True),
        ("builtins.object.__subclasses__", True),
        ("builtins.bytearray", False),
        ("code.InteractiveConsole.push", True),
        ("code.interact", True),
        ("code.models.Net", False),
        ("operator.attrgetter", True),
        ("operator.itemgetter", False),
        ("inspect.stack", True),
        ("inspect._empty", False),
    ],
)
def test_a_name_is_harmful_by_where_it_leads(path, harmful):
    assert is_harmful(path) is harmful


def test_an_attribute_is_looked_up_of_what_has_a_name():
    assert read(b"\x80\x04cbuiltins\ngetattr\ncshop\nColour\nX\x03\x00\x00\x00RED\x86R.").value.name == (
        "shop.Colour.RED"
    )
    for target, name in ((b"cshop\nColour\n", b"__globals__"), (b"N", b"x")):
        content = b"cbuiltins\ngetattr\n%sX%s%s\x86R." % (target, len(name).to_bytes(4, "little"), name)
        with pytest.raises(CheckpointError, match="could run code"):
            read(b"\x80\x04" + content)


def test_a_long_name_is_refused():
    with pytest.raises(CheckpointError, match="a name of 2002 letters"):
        read(b"\x80\x04ca\n" + b"b" * 2000 + b"\n.")


def test_what_is_named_is_not_imported():
    assert read(b"\x80\x02cthis\ns\n)\x81.").value.name == "this.s"
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
        (b"\x80\x02K\x01}b.", "sets the state of something other than an object"),
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
