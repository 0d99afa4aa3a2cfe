"""A record with a hole in it is refused by its place, or every command that reads it goes on."""

import json
from functools import cache

import pytest
from test_cli_every_record import KINDS, kinds

from example_records import example_triggers
from trivet.audited import has_study
from trivet.cli.compare import compare
from trivet.cli.run import gate
from trivet.cli.small import card
from trivet.errors import RecordError
from trivet.place import matches
from trivet.record import as_json, load_record, to_text
from trivet.report.facts import run_page_facts
from trivet.report.figures.registry import available, pictures
from trivet.report.report import OWN
from trivet.report.text import document

read_markdown = document.read_markdown


@cache
def parsed(text):
    return json.dumps(read_markdown(text))


@pytest.fixture(autouse=True)
def prose_is_parsed_once(monkeypatch):
    monkeypatch.setattr(document, "read_markdown", lambda text: json.loads(parsed(text)))


@cache
def text_of(kind):
    return to_text(kinds()[kind])


def holes(node, path=()):
    """Every place of a record below which something can be missing, and how."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, dict | list):
            yield from holes(value, (*path, key))
        if isinstance(node, dict):
            yield (*path, key), "removed"
        if value is not None:
            yield (*path, key), "null"
        if isinstance(value, list) and value:
            yield (*path, key), "empty"


def pattern_of(path, how):
    return tuple("*" if isinstance(step, int) else step for step in path), how


@cache
def holes_of(kind):
    """One hole of every pattern, for the items of a list are alike."""
    return tuple({pattern_of(*hole): hole for hole in holes(json.loads(text_of(kind)))}.values())


def with_hole(kind, path, how):
    record = json.loads(text_of(kind))
    around = record
    for step in path[:-1]:
        around = around[step]
    if how == "removed":
        del around[path[-1]]
    else:
        around[path[-1]] = None if how == "null" else []
    return record


def read_everywhere(kind, hole, folder, *, whole):
    """Let every command read a record with a hole, unless it is refused; return the refusal."""
    for name, text in (("before", text_of(kind)), ("after", json.dumps(with_hole(kind, *hole)))):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "metrics.json").write_text(text, encoding="utf-8")
    try:
        record = load_record(folder / "after")
    except RecordError as refused:
        return str(refused)
    gate(folder / "after")
    card(folder / "after")
    compare(folder / "before", folder / "after", all=True)
    compare(folder / "after", folder / "before", markdown=True)
    beside, place = pictures(record), ".".join(map(str, hole[0]))
    if whole:
        prose = document.read_prose("study" if has_study(as_json(record)) else "own", *OWN)
        document.make_document(run_page_facts(as_json(record)), prose, pictures=beside, whole=False)
        for row in available(record):
            shown = [f"{row.of}.{below}" if below else row.of for below in row.places]
            if any(matches(each, place) or matches(place, each) for each in shown):
                row.figure(record, example_triggers()).draw_without_rendering()
    return None


SAMPLE = 7


@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_hole_is_refused_by_its_place_or_read_by_every_command(tmp_path, capsys, number):
    kind = "study with own audits"
    hole = holes_of(kind)[number * len(holes_of(kind)) // SAMPLE]
    refused = read_everywhere(kind, hole, tmp_path, whole=False)
    assert refused is None or "metrics.json" in refused, hole
    capsys.readouterr()


@pytest.mark.parametrize(
    ("path", "how", "reason"),
    [
        ("privacy.membership.attacks.0.auroc.value", "null", "a valid number"),
        ("privacy.membership.attacks.0.roc.fpr", "empty", "expected as many entries in each"),
        ("privacy.membership.attacks", "empty", "at least 1 item"),
        ("privacy.plan.curves.repeats", "empty", "expected curves as long as repeats"),
        ("privacy.training.curves.epochs", "empty", "expected curves as long as epochs"),
        ("privacy.published.correction.laplace.scale", "null", "a valid number"),
        ("security.repair.attempts.0.asr.after.value", "null", "a valid number"),
        ("security.scan.labels", "empty", "at least 1 item"),
        ("security.strip", "null", "security.strip does not go with security.scan.suspected_label"),
        ("fairness.published.swap_sweep.k", "empty", "expected as many entries in each"),
    ],
)
def test_what_an_audit_never_leaves_out_is_refused_with_place_and_reason(tmp_path, path, how, reason):
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    refused = read_everywhere("study with own audits", (steps, how), tmp_path, whole=False)
    assert reason in refused
    assert (
        path.removesuffix(".k").removesuffix(".fpr").removesuffix(".repeats").removesuffix(".epochs")
        in refused
    )


@cache
def new_holes():
    """The holes of each kind of record that no kind before it has."""
    seen, found = set(), {}
    for kind in KINDS:
        holes = {(*pattern_of(*hole), kind.startswith("study")): hole for hole in holes_of(kind)}
        found[kind] = [hole for key, hole in holes.items() if key not in seen]
        seen |= holes.keys()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_hole_of_every_kind_of_record(tmp_path, capsys, kind):
    faults = []
    for hole in new_holes()[kind]:
        try:
            read_everywhere(kind, hole, tmp_path, whole=True)
        except Exception as error:  # noqa: BLE001 - all are collected
            faults.append((".".join(map(str, hole[0])), hole[1], repr(error)))
        capsys.readouterr()
    assert not faults
