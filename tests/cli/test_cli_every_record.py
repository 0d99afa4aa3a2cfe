"""Every command that reads a record, on every kind of record that an audit can write."""

import json
import os
import re
import sys
import webbrowser
from dataclasses import replace
from functools import cache

import pytest
import yaml

from example_audits import write_audit
from example_fairness import example_audit, example_comparison, lonely_comparison, undefined_audit
from example_privacy import (
    example_code,
    example_mechanism,
    example_membership,
    example_plan,
    example_training,
)
from example_records import example_own_record, example_record, own_record, whole_own_record
from example_scan import example_scan
from trivet.audited import has_study, parts_of, verdicts_of
from trivet.cli.compare import compare
from trivet.cli.run import gate
from trivet.cli.small import card, report, view
from trivet.comparison import compare_audits, read_audit
from trivet.errors import RecordError
from trivet.record import FairnessLeg, PrivacyLeg, as_json, load_record
from trivet.report.index import find_audits
from trivet.verdict import LEGS

STUDY_WORDS = ("the study", "the published plan", "dult,")


def only(record, leg):
    return replace(record, **{other: None for other in LEGS if other != leg}, effects=None)


@cache
def kinds():
    study, mixed, (whole, _) = example_record(), example_own_record(), whole_own_record()
    scanned, repaired = (example_scan(repaired=each).audit[0] for each in (False, True))
    plan = example_plan()
    return {
        "study": study,
        **{f"study, {leg}": only(study, leg) for leg in LEGS},
        "study with own audits": mixed,
        **{f"study with own audits, {leg}": only(mixed, leg) for leg in LEGS},
        "own": whole,
        "own scan": own_record(scanned),
        "own scan and repair": own_record(repaired),
        "own plan": own_record(privacy=PrivacyLeg(plan)),
        "own training": own_record(privacy=PrivacyLeg(training=example_training())),
        "own mechanisms": own_record(privacy=PrivacyLeg(None, (example_mechanism(violates=True),))),
        "own code": own_record(privacy=PrivacyLeg(code=(example_code(violates=True),))),
        "own membership": own_record(privacy=PrivacyLeg(None, (), example_membership())),
        "own predictions": own_record(fairness=FairnessLeg(example_audit())),
        "own mitigations": own_record(fairness=FairnessLeg(example_audit(), example_comparison())),
        "own finished comparison": own_record(fairness=FairnessLeg(None, example_comparison())),
        "own predictions that select nobody": own_record(fairness=FairnessLeg(undefined_audit())),
        "own mitigations that failed": own_record(fairness=FairnessLeg(None, lonely_comparison())),
        "own scan and predictions": own_record(scanned, fairness=FairnessLeg(example_audit())),
    }


KINDS = (
    "study",
    *(f"study, {leg}" for leg in LEGS),
    "study with own audits",
    *(f"study with own audits, {leg}" for leg in LEGS),
    "own",
    "own scan",
    "own scan and repair",
    "own plan",
    "own training",
    "own mechanisms",
    "own code",
    "own membership",
    "own predictions",
    "own mitigations",
    "own finished comparison",
    "own predictions that select nobody",
    "own mitigations that failed",
    "own scan and predictions",
)


def test_every_kind_is_looked_at():
    assert tuple(kinds()) == KINDS


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    top = tmp_path_factory.mktemp("records")
    return {kind: write_audit(top / kind.replace(",", ""), record) for kind, record in kinds().items()}


@pytest.fixture(scope="module")
def audits(folders):
    return {kind: read_audit(folder) for kind, folder in folders.items()}


@cache
def plain(kind):
    return as_json(kinds()[kind])


def words_of(kind):
    return {part.word for part in verdicts_of(plain(kind))}


def own_names(kind):
    """What only the user's own audits have: names of files, models, mechanisms and groups."""
    record = kinds()[kind]
    plain = as_json(record)
    for part in verdicts_of(plain):
        if part.part != "study" and part.name:
            yield part.name
    if (fairness := plain["fairness"]) is not None and (audit := fairness["audit"]) is not None:
        yield from (group["group"] for group in audit["attributes"][0]["groups"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_has_the_audits_own_figures(folders, capsys, kind):
    assert card(folders[kind]) == 0
    matter, body = capsys.readouterr().out.split("---\n", 2)[1:]
    record = as_json(kinds()[kind])
    assert yaml.safe_load(matter)["tags"] == ["trivet", "audit", *(leg for leg in LEGS if record[leg])]
    for part in verdicts_of(record):
        assert any(part.word in line for line in body.splitlines() if line.startswith(f"| {part.leg}"))
    for name in own_names(kind):
        assert name in body
    if not has_study(record):
        assert not [word for word in STUDY_WORDS if word in matter + body]
    assert "None" not in body


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_the_same_as_itself(folders, capsys, kind):
    assert compare(folders[kind], folders[kind], json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["statement"] == "The two records are the same."
    assert found["changed"] == found["asked"] == found["regressions"] == found["cautions"] == []
    assert {change["before"] for change in found["verdicts"]} >= {
        word.partition(",")[0]
        for word in words_of(kind)
        if not word.endswith("noise") and not word.startswith("removed")
    }
    assert found["headline"] or kind == "own predictions that select nobody"


@pytest.mark.parametrize("kind", KINDS)
def test_two_kinds_are_compared_and_told_apart(audits, kind):
    """Each kind is the older of three pairs, and the newer of three others."""
    place = KINDS.index(kind)
    others = [KINDS[(place + apart) % len(KINDS)] for apart in (1, 5, 14)]
    for other in others:
        found = compare_audits(audits[kind], audits[other])
        old, new = (set(parts_of(plain(each))) for each in (kind, other))
        said = " ".join(found.cautions)
        absent = set()  # of a leg that one of the two lacks, no part has a place of its own
        for part in old ^ new:
            leg = part.partition(".")[0]
            both = plain(kind)[leg] and plain(other)[leg]
            assert f"The part {part} is in the" in said if both else f"The {leg} leg is in the" in said
            absent.add(part if both else leg)
        shown = {change.place for change in (*found.changed, *found.headline, *found.verdicts, *found.rest)}
        assert len(shown) >= len(absent)


@pytest.mark.parametrize("options", [{}, {"markdown": True}, {"all": True}])
@pytest.mark.parametrize("kind", ["study", "own", "own scan", "own plan", "own mitigations that failed"])
def test_a_comparison_is_printed_in_every_form(folders, capsys, kind, options):
    assert compare(folders["own"], folders[kind], **options) in {0, 1}
    said = capsys.readouterr().out
    listed = re.search(r"verdicts|\d verdicts?\b", said.lower())  # or counted, where they are the same
    assert listed or kind == "own plan"  # a plan has none


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_judges_it(folders, capsys, kind):
    code = gate(folders[kind], json=True)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert found
    assert code == any(each["level"] == "breach" for each in found)
    levels = {each["id"]: each["level"] for each in found}
    if "own scan" in kind:
        assert levels["security.verdict"] == "breach"
    if kind in {"own predictions", "own mitigations"}:
        assert levels["fairness.disparate-impact.1"] == "breach"


def test_an_index_has_every_one_of_them(folders, monkeypatch, tmp_path, capsys):
    top = next(iter(folders.values())).parent
    found = find_audits(top)
    assert not found.damaged
    told = {audit.folder.name: {word.word for word in audit.words} for audit in found.audits}
    assert told == {folders[kind].name: words_of(kind) for kind in KINDS}
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    assert view(top, out=tmp_path / "index.html", json=True) == 0
    assert json.loads(capsys.readouterr().out)["audits"] == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_drawn_from_it_with_its_findings(tmp_path, monkeypatch, kind):
    drawn = []
    folder = write_audit(tmp_path, kinds()[kind], page=None)

    def draw(record, triggers, out, *, findings, made):
        drawn.append((record, findings))
        return sys.modules["trivet.cli.outputs"].Drawn((), "none")

    monkeypatch.setattr(sys.modules["trivet.cli.small"], "draw", draw)
    assert report(folder, json=True) == 0
    ((record, findings),) = drawn
    assert as_json(record) == as_json(load_record(folder))
    assert findings


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "endless", "deep", "digits", "link to nothing"])
@pytest.mark.parametrize("name", ["metrics.json", "manifest.json", "triggers.safetensors", "findings.json"])
def test_what_is_no_record_is_one_line_in_bounded_time(tmp_path, monkeypatch, capsys, name, kind):
    folder = write_audit(tmp_path / "audit", example_record(), page=None)
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "endless":
        with path.open("wb") as stream:
            stream.truncate(2**40)
    elif kind in {"device", "link to nothing"}:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nothing")
    else:
        path.write_text({"deep": "[" * 100_000, "digits": '{"schema_version": ' + "1" * 5_000 + "}"}[kind])
    drawn = sys.modules["trivet.cli.outputs"].Drawn((), "none")
    monkeypatch.setattr(sys.modules["trivet.cli.small"], "draw", lambda *_, **__: drawn)
    needed = name == "metrics.json"
    for command in (card, gate, lambda each: compare(each, each), report):
        if not needed and not (command is report and name in {"triggers.safetensors", "findings.json"}):
            assert command(folder) in {0, 1}
        elif needed or kind != "link to nothing":
            with pytest.raises(RecordError) as refused:
                command(folder)
            assert len(str(refused.value).splitlines()) == 1
            assert len(str(refused.value)) < 500
    assert len(find_audits(tmp_path).audits) == (0 if needed else 1)
    capsys.readouterr()
