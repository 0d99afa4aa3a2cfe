"""Results show themselves: a few lines, HTML, a dictionary, a data frame."""

import json
import sys
from dataclasses import dataclass, fields

import pytest

from example_fairness import example_audit
from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.results import FairnessAudit
from trivet.result import Result, Table


def share(value, low=None):
    return Estimate(value, low, None, 0.95, "exact")


@dataclass(frozen=True)
class Row:
    name: str
    share: Estimate


@dataclass(frozen=True)
class Part:
    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, repr=False)
class Found(Table, head=("verdict", "note"), rows="parts.rows", columns=("name", "share")):
    verdict: str
    note: str | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, repr=False)
class Wrapped(Table, of="found"):
    found: Found
    arrays: object = None


FOUND = Found(
    "fine\n::error::",
    None,
    (
        Part("a", (Row("one", share(0.5, 0.25)), Row("<b>$x$</b>", share(None)))),
        Part("b", tuple(Row(f"row {number}", share(1.0)) for number in range(20))),
    ),
)


def test_a_result_is_a_few_lines_of_inert_text():
    lines = repr(FOUND).splitlines()
    assert lines[0] == "Found: fine\\n::error::"
    assert [line.split() for line in lines[1:3]] == [
        ["parts.name", "name", "share"],
        ["a", "one", "0.5", "(0.25", "to", "-)"],
    ]
    assert lines[-1].split() == ["14", "more", "rows"]
    assert all(line.isprintable() for line in lines)


def test_html_holds_no_markup_of_the_values():
    shown = FOUND._repr_html_()
    assert "<b>" not in shown
    assert "$x$" not in shown
    assert shown.count("<tr>") == 23


def test_a_dictionary_and_a_frame_hold_every_value():
    assert FOUND.to_dict()["parts"][0]["rows"][0]["share"]["low"] == 0.25
    frame = FOUND.to_frame()
    assert list(frame.columns) == [
        "parts.name",
        "name",
        *(f"share.{field.name}" for field in fields(Estimate)),
    ]
    assert len(frame) == 22


def test_what_wraps_a_result_shows_it_under_its_own_name():
    wrapped = Wrapped(FOUND)
    assert repr(wrapped).splitlines()[1:] == repr(FOUND).splitlines()[1:]
    assert repr(wrapped).startswith("Wrapped: ")
    assert wrapped.to_dict() == FOUND.to_dict()
    assert wrapped.to_frame().equals(FOUND.to_frame())


def test_without_pandas_a_frame_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"trivet\[pandas\]"):
        FOUND.to_frame()


def test_a_field_that_is_named_exists():
    for kind in subclasses(Result):
        named = {
            path.partition(".")[0] for path in (*kind.shown_head, *([kind.shown_of] if kind.shown_of else []))
        }
        assert named <= set(kind.__dataclass_fields__), kind


def test_an_audit_is_plain_values_all_the_way():
    audit = example_audit()
    assert isinstance(audit, FairnessAudit)
    assert json.loads(json.dumps(audit.to_dict()))["verdict"] == audit.verdict
    assert repr(audit).startswith(f"FairnessAudit: {audit.verdict}")


def subclasses(kind):
    for each in kind.__subclasses__():
        if each is not Table:
            yield each
        yield from subclasses(each)
