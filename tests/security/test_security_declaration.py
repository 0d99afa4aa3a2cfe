import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.errors import UsageError
from trivet.security.contract import COLOUR_CANDIDATES, UNIT, InputContract, contract_named, parse_contract

COLOUR = InputContract("mine", 255.0, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def declare(folder, content, name="mine.json"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("text", ["auto", " AUTO "])
def test_auto_leaves_the_choice(text):
    assert parse_contract(text) is None


@pytest.mark.parametrize("contract", COLOUR_CANDIDATES, ids=lambda contract: contract.name)
def test_a_candidate_goes_by_its_name_in_any_case(contract):
    assert parse_contract(contract.name) is contract
    assert parse_contract(contract.name.upper().replace(",", ", ")) is contract
    assert parse_contract(contract.name.replace(" mean and std", "")) is contract


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0/1", UNIT),
        ("0.5/0.5", contract_named("(x-0.5)/0.5")),
        ("0.5,0.5,0.5/.5", contract_named("(x-0.5)/0.5")),
        ("0.485, 0.456, 0.406 / 0.229, 0.224, 0.225", contract_named("ImageNet mean and std")),
        ("0.25/2", InputContract("(x-0.25)/2", mean=(0.25,), std=(2.0,))),
        ("-1e-1/1", InputContract("(x-(-0.1))/1", mean=(-0.1,))),
        ("0.1,0.2,0.3/0.4", InputContract("(x-(0.1,0.2,0.3))/0.4", mean=(0.1, 0.2, 0.3), std=(0.4,))),
    ],
)
def test_mean_and_std(text, expected):
    assert parse_contract(text) == expected


@given(
    mean=st.lists(st.floats(-1, 1), min_size=1, max_size=3),
    std=st.lists(st.floats(2.0, 9.0), min_size=1, max_size=3),
)
def test_mean_and_std_are_read_to_the_last_digit(mean, std):
    text = "/".join(",".join(map(repr, values)) for values in (mean, std))
    parsed = parse_contract(text)
    assert (parsed.scale, parsed.mean, parsed.std, parsed.bgr) == (1.0, tuple(mean), tuple(std), False)


def test_a_file_of_either_kind(tmp_path):
    numbers = {"scale": 255, "mean": [1, 2, 3.0], "std": [4, 5, 6], "name": "mine"}
    toml = 'scale = 255\nmean = [1, 2.0, 3]\nstd = [4, 5, 6]\nname = "mine"\n'
    assert parse_contract(declare(tmp_path, json.dumps(numbers))) == COLOUR
    assert parse_contract(declare(tmp_path, toml, "other.toml")) == COLOUR


def test_a_file_says_what_differs_from_pixels_as_they_are(tmp_path):
    assert parse_contract(declare(tmp_path, "{}")) is UNIT
    assert parse_contract(declare(tmp_path, '{"mean": 0.5, "std": 0.5}')) is contract_named("(x-0.5)/0.5")
    assert parse_contract(declare(tmp_path, "std = 3", "my own.toml")) == InputContract("my own", std=(3.0,))


def test_bgr_order_shows_in_the_name(tmp_path):
    assert parse_contract(declare(tmp_path, '{"bgr": true, "std": 3}')).name == "mine, BGR"
    assert parse_contract(declare(tmp_path, '{"bgr": true, "std": 3, "name": "my BGR"}')).name == "my BGR"
    caffe = '{"bgr": true, "scale": 255, "mean": [103.939, 116.779, 123.68]}'
    assert parse_contract(declare(tmp_path, caffe)) is contract_named("Caffe mean, BGR")


def test_a_name_with_escapes_is_shown_escaped(tmp_path):
    named = declare(tmp_path, json.dumps({"name": "\x1b[31mred", "std": 3}))
    assert parse_contract(named).name == r"\x1b[31mred"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected auto, mean/std such as 0.5/0.5"),
        ("imagenets", "'imagenets' declares no input contract: .* 'ImageNet mean and std'"),
        ("nowhere/contract.json", "'nowhere/contract.json' declares no input contract"),
        ("a\0b", "declares no input contract"),
        ("0.5,/0.5", "should be mean/std, such as 0.5/0.5"),
        ("e/e", "should be mean/std, such as 0.5/0.5"),
        ("123.675/58.395", "has a mean beyond the pixels, .* Divide mean and std by 255"),
        ("0.5/0", "expected a scale other than 0 and a positive std"),
        ("0.5/-0.5", "a positive std"),
        ("0.5/1e999", "numbers that are not finite"),
    ],
)
def test_what_declares_nothing(text, message):
    with pytest.raises(UsageError, match=message):
        parse_contract(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read .*; expected JSON"),
        ("[1, 2]", "should be a table with the keys scale, mean, std, bgr, name"),
        (b"\xff\xfe", "cannot be read .*; expected JSON"),
        ("[" * 50_000, "cannot be read .*; expected JSON"),
        (" " * 70_000, "is larger than 64 KiB"),
        ('{"sdt": 1}', "has the key 'sdt'; expected only scale, mean, std, bgr, name"),
        ('{"std": 0}', "a positive std"),
        ('{"std": NaN}', "numbers that are not finite"),
        ('{"mean": Infinity}', "numbers that are not finite"),
        ('{"mean": 1' + "0" * 400 + "}", "numbers that are not finite"),
        ('{"mean": 1' + "0" * 5_000 + "}", "cannot be read"),
        ('{"mean": "0.5"}', "a number or a list of numbers as mean"),
        ('{"mean": true}', "a number or a list of numbers as mean"),
        ('{"mean": []}', "a number or a list of numbers as mean"),
        ('{"std": [[1]]}', "a number or a list of numbers as std"),
        ('{"scale": [1, 2]}', "should have one scale"),
        ('{"bgr": 1}', "bgr true or false"),
        ('{"name": 1}', "a name of at most 100 letters"),
        ('{"name": " "}', "a name of at most 100 letters"),
        ('{"name": "[0,255]", "std": 3}', "belongs to an input contract with other numbers"),
    ],
)
def test_a_file_that_declares_nothing(tmp_path, content, message):
    with pytest.raises(UsageError, match=message):
        parse_contract(declare(tmp_path, content))


@pytest.mark.parametrize("content", ["std = ", "std = 1979-05-27", "std = inf", "a.b = 1"])
def test_toml_that_declares_nothing(tmp_path, content):
    with pytest.raises(UsageError, match=r"'mine.toml'|'mine'"):
        parse_contract(declare(tmp_path, content, "mine.toml"))
