"""Results show themselves: a few lines, HTML, a dictionary, a data frame."""

import importlib
import inspect
import json
import sys
from dataclasses import dataclass, fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import get_args

import pytest

from example_audits import changed
from example_fairness import example_audit
from example_privacy import HOSTILE
from example_records import example_own_record
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


#: More than a notebook should hold for one result.
MOST_BYTES = 200_000
#: What functions return that is a value to go on with and not a result to look at.
VALUES = {
    *("Attack", "AuditRows", "Checkpoint", "Claims", "Classifier", "CodedColumns", "Cohorts", "Estimate"),
    *("GroupCounts", "Guarantee", "ImageSet", "InputContract", "Ledger", "Specimen", "Thresholds"),
    *("AdultTable", "Sample"),
}


def returned(package):
    """The dataclasses that a package's public functions return."""
    found = importlib.import_module(package)
    for name in dir(found):
        function = getattr(found, name)
        if inspect.isfunction(function) and not name.startswith("_"):
            kind = inspect.signature(function, eval_str=True).return_annotation
            yield from (each for each in (get_args(kind) or (kind,)) if is_dataclass(each))


@pytest.mark.parametrize("package", ["trivet", "trivet.security", "trivet.privacy", "trivet.fairness"])
def test_every_result_of_a_public_function_shows_itself(package):
    kinds = {each for each in returned(package) if each.__name__ not in VALUES}
    plain = {"MetricValue", "Release"}  # several of these are returned at once, in a tuple
    assert {each.__name__ for each in kinds if not issubclass(each, Result)} <= plain
    assert kinds


class Elements(HTMLParser):
    """The elements of a piece of HTML, and its words."""

    def __init__(self, html):
        super().__init__()
        self.names, self.open, self.words = set(), [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.open.append(tag)
        assert not {name for name, _ in attrs} - {"class", "style", "scope", "dir"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


ELEMENTS = {
    *("div", "p", "strong", "small", "span", "bdi", "table", "thead", "tbody", "tr", "th", "td"),
}


def results_in(value):
    """Every result within a value."""
    if isinstance(value, Result):
        yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from results_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for each in value:
            yield from results_in(each)


def hostile_record():
    record = example_own_record()
    for path in (
        "audit.title",
        "security.scan.checkpoint.name",
        "security.scan.reason",
        "security.repair.summary",
        "privacy.mechanisms.0.name",
        "privacy.membership.reason",
        "privacy.membership.attacks.0.attack",
        "fairness.audit.reason",
        "fairness.audit.verdict",
        "fairness.audit.attributes.0.groups.0.group",
        "fairness.comparison.statement",
    ):
        record = changed(record, path, f"<script>alert(1)</script> $x$ {HOSTILE}" * 500)
    return record


@pytest.mark.parametrize("make", [example_own_record, hostile_record])
def test_every_result_of_a_record_is_small_and_inert(make):
    kinds = set()
    for result in results_in(make()):
        shown = result._repr_html_()
        assert len(shown.encode()) < MOST_BYTES
        elements = Elements(shown)
        assert elements.names <= ELEMENTS
        assert "$x$" not in shown
        assert "color:" not in shown.replace("border-left:", "")  # the notebook's own, light or dark
        kinds.add(type(result).__name__)
    assert len(kinds) >= 10


def test_a_verdict_comes_first_with_its_sign_then_why_then_what_it_does_not_show():
    audit = example_audit()
    words = " ".join(" ".join(Elements(audit._repr_html_()).words).split())
    assert words.startswith("! disparate FairnessAudit")
    group = audit.attributes[0].groups[0].disparate_impact
    interval = f"{group.value:.4g} ({group.low:.4g} to {group.high:.4g})"
    places = [words.index(each) for each in (audit.reason[:40], interval, audit.limits[:40], "data: ")]
    assert places == sorted(places)


def test_rows_that_are_not_shown_are_counted():
    audit = example_audit()
    group = audit.attributes[0].groups[0]
    many = replace(audit.attributes[0], groups=tuple(replace(group, group=f"g{n}") for n in range(5000)))
    shown = replace(audit, attributes=(many,))._repr_html_()
    assert "4970 more rows" in shown
    assert len(shown.encode()) < MOST_BYTES


def test_a_record_shows_its_verdicts():
    words = " ".join(Elements(example_own_record()._repr_html_()).words)
    assert "privacy membership tree exposed" in words
    assert "  privacy   membership  tree                    exposed" in repr(example_own_record())


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
