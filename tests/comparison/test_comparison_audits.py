"""Records and manifests are read as they are written, and refused in words where they are damaged."""

import json
import re

import pytest

from example_audits import MANIFEST, write_audit
from example_records import example_record
from trivet.comparison import read_audit
from trivet.errors import RecordError
from trivet.record import as_json


def test_a_finished_audit_is_read_with_its_manifest(tmp_path):
    found = read_audit(write_audit(tmp_path / "run one", example_record()))
    assert found.record == as_json(example_record())
    assert (found.folder, found.manifest) == ("run one", MANIFEST)
    assert found.noted("trivet") == "0.1.0"
    assert found.notes("libraries") == MANIFEST["libraries"]


@pytest.mark.parametrize("text", [None, "no JSON", "[]", "[" * 100_000, '"text"'])
def test_a_manifest_that_cannot_be_read_is_as_if_it_were_not_there(tmp_path, text):
    folder = write_audit(tmp_path, example_record(), manifest=None)
    if text is not None:
        (folder / "manifest.json").write_text(text)
    found = read_audit(folder)
    assert (dict(found.manifest), found.noted("trivet"), found.notes("inputs")) == ({}, None, {})


def test_what_a_manifest_says_otherwise_than_in_texts_is_left_out(tmp_path):
    manifest = {"trivet": 5, "inputs": {"a\nb": "c\x1b[2J", "number": 4}, "libraries": ["numpy"]}
    found = read_audit(write_audit(tmp_path, example_record(), manifest=manifest))
    assert (found.noted("trivet"), found.notes("libraries")) == (None, {})
    assert found.notes("inputs") == {r"a\nb": r"c\x1b[2J"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "expected the output folder of `trivet run`"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema_version": 0}', "schema version 0"),
        ('{"schema_version": 2}', "schema version 2; this trivet reads version 3. Run the audit again"),
        ('{"schema_version": 3}', "is not a record"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(tmp_path, text, complaint):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(RecordError, match=complaint) as refused:
        read_audit(tmp_path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "number"),
    [("norm_ratio", "1e999"), ("norm_ratio", "-1e305"), ("image_steps", "1" + "0" * 30)],
)
def test_numbers_that_nothing_can_be_reckoned_with_are_refused(tmp_path, name, number):
    text = json.dumps(as_json(example_record()))
    (tmp_path / "metrics.json").write_text(re.sub(rf'"{name}": [0-9.]+', f'"{name}": {number}', text))
    with pytest.raises(RecordError, match="a number that is not finite, or too large"):
        read_audit(tmp_path)


def test_a_verdict_that_there_is_not_is_refused(tmp_path):
    record = as_json(example_record())
    record["security"]["scan"]["verdict"] = "<b>fine</b>"
    (tmp_path / "metrics.json").write_text(json.dumps(record))
    with pytest.raises(RecordError, match="expected one of no evidence, suspicious, backdoored"):
        read_audit(tmp_path)


def test_links_are_followed_only_where_they_may_be(tmp_path):
    folder = write_audit(tmp_path / "real", example_record())
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "metrics.json").symlink_to(folder / "metrics.json")
    assert read_audit(linked).record == as_json(example_record())
    with pytest.raises(RecordError, match="symbolic link"):
        read_audit(linked, links=False)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to("/etc/hostname")
    assert not read_audit(folder, links=False).manifest
