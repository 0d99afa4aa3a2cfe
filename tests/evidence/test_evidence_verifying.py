"""Evidence that is whole holds, and one changed byte anywhere is found."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("cryptography")
from example_audits import changed
from example_evidence import PLAN, ROWS, TABLE, audited, flip, saved
from example_records import example_record
from example_scan import rate_of
from trivet.audit.files import invocation_of
from trivet.comparison import ReadAudit
from trivet.config import load_config
from trivet.errors import DataError, UsageError
from trivet.evidence import make_keys, verify, write
from trivet.evidence.again import _judge, as_many_threads
from trivet.evidence.dossier import sha256_of
from trivet.evidence.writing import EVIDENCE_FILES, WEIGHTS_SIGNATURE, sums_of
from trivet.record import as_json
from trivet.security import index_from_student_id

SIGNED = [name for name in EVIDENCE_FILES if name != WEIGHTS_SIGNATURE]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """An audit of a plan and a table, with signed evidence, and the key."""
    folder = tmp_path_factory.mktemp("original")
    private, public = make_keys(tmp_path_factory.mktemp("keys") / "key")
    write(audited(folder), sign=private)
    return folder, private, public


@pytest.fixture
def moved(original, tmp_path):
    """A copy of it in another folder, and what verifies that."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(original[0], folder)

    def verified(**options):
        return verify(folder / "trivet-out" / "evidence", **{"key": original[2], **options})

    return folder, verified


def outcomes(found):
    return {check.name: check.outcome for check in found.checks}


def names(checks):
    return {check.name for check in checks}


def test_the_folder_of_the_audit_stands_for_the_evidence_in_it(original):
    folder, _, public = original
    by_audit, by_evidence = (
        verify(place, key=public) for place in (folder / "trivet-out", folder / "trivet-out" / "evidence")
    )
    assert by_audit == by_evidence
    assert by_audit.holds


def test_evidence_holds_in_another_folder(moved):
    found = moved[1]()
    assert found.holds, found
    assert found.statement == "The evidence holds."
    assert found.result == "FAILED"  # the groups are treated otherwise
    done = outcomes(found)
    assert {done[name] for name in ("audit.toml", "data/loans.csv", "findings by the policy")} == {"ok"}


def test_the_audit_runs_again_to_the_same_bytes(moved, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = moved[1](again=True)
    assert found.holds, found
    (last,) = [check for check in found.checks if check.name == "the audit again"]
    assert last.detail == "The record is the same, byte by byte."
    assert Path.cwd() == tmp_path


def test_another_audit_in_the_working_folder_is_not_taken_for_a_changed_one(
    moved, original, monkeypatch, tmp_path
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "audit.toml").write_text(PLAN, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "other")
    shutil.move(moved[0] / "trivet-out" / "evidence", tmp_path / "evidence")
    found = verify(tmp_path / "evidence", key=original[2])
    assert not found.failed
    assert "audit.toml" in names(check for check in found.checks if check.outcome == "unchecked")


def test_decisions_beside_the_evidence_that_the_audit_did_not_write_are_found(moved):
    folder, verified = moved
    assert outcomes(verified())["decisions.safetensors of the audit beside"] == "ok"
    flip(folder / "trivet-out" / "decisions.safetensors", -1)
    assert names(verified().failed) == {"decisions.safetensors of the audit beside"}
    (folder / "trivet-out" / "decisions.safetensors").unlink()
    assert verified().holds


@pytest.mark.parametrize("name", SIGNED)
def test_a_changed_byte_of_the_evidence_is_found(name, moved):
    flip(moved[0] / "trivet-out" / "evidence" / name)
    found = moved[1]()
    assert found.failed
    assert found.key is None
    assert "does not hold" in found.statement


@pytest.mark.parametrize("name", SIGNED)
def test_a_missing_file_of_the_evidence_is_found(name, moved):
    (moved[0] / "trivet-out" / "evidence" / name).unlink()
    assert names(moved[1]().failed)


@pytest.mark.parametrize("name", ["audit.toml", "data/loans.csv"])
def test_a_changed_byte_of_data_and_configuration_is_found(name, moved):
    flip(moved[0] / name)
    found = moved[1](again=True)
    assert names(found.failed) == {name}
    assert outcomes(found)["the audit again"] == "unchecked"


@pytest.mark.parametrize("name", ["metrics.json", "manifest.json", "findings.json"])
def test_a_changed_byte_of_the_record_beside_is_found(name, moved):
    flip(moved[0] / "trivet-out" / name)
    assert names(moved[1]().failed) == {f"{name} of the audit beside"}


def test_a_changed_byte_of_weights_is_found(original, tmp_path):
    weights = tmp_path / "model.pth"
    weights.write_bytes(b"weights")
    digest = sha256_of(b"weights")
    record = example_record()
    origin = {"invocation": {"command": "trivet run", "options": {}}, "files": {"model.pth": digest}}
    folder = saved(record, tmp_path / "out", origin=origin)
    text = (folder / "metrics.json").read_text(encoding="utf-8")
    (folder / "metrics.json").write_text(text.replace("5d" * 32, digest), encoding="utf-8")
    write(folder, sign=original[1])
    found = verify(folder / "evidence", key=original[2], inputs=tmp_path)
    assert found.holds, found
    assert outcomes(found)[WEIGHTS_SIGNATURE] == "ok"
    flip(weights)
    assert names(verify(folder / "evidence", key=original[2], inputs=tmp_path).failed) == {"model.pth"}
    flip(weights)
    flip(folder / "evidence" / WEIGHTS_SIGNATURE)
    found = verify(folder / "evidence", key=original[2], inputs=tmp_path)
    assert names(found.failed) == {"evidence.sig", WEIGHTS_SIGNATURE}


def test_what_is_missing_is_unchecked_and_not_a_verdict(moved):
    (moved[0] / "data" / "loans.csv").unlink()
    found = moved[1]()
    assert (names(found.failed), names(found.unchecked)) == (set(), {"data/loans.csv"})
    assert not found.holds
    assert moved[1](files_only=True).holds


def test_a_table_that_changed_is_not_run_again(moved, monkeypatch):
    monkeypatch.setattr("trivet.evidence.verifying.run_again", None)
    flip(moved[0] / "data" / "loans.csv")
    assert outcomes(moved[1](again=True))["the audit again"] == "unchecked"


def test_a_record_that_was_changed_and_signed_anew_does_not_follow_from_the_data(moved, original):
    out = moved[0] / "trivet-out"
    path = out / "metrics.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    estimate = record["fairness"]["audit"]["overall"]["accuracy"]
    estimate["value"] -= 1e-9
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write(out, sign=original[1])
    assert moved[1]().holds
    found = moved[1](again=True)
    assert names(found.failed) == {"the audit again"}
    (last,) = found.failed
    assert "differs on a machine of the same kind" in last.detail


def test_another_kind_of_machine_may_have_other_digits_and_no_other_verdict(moved, original):
    out = moved[0] / "trivet-out"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    (out / "manifest.json").write_text(json.dumps({**manifest, "platform": "VAX"}), encoding="utf-8")
    record = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    record["fairness"]["audit"]["overall"]["accuracy"]["value"] -= 1e-9
    (out / "metrics.json").write_text(json.dumps(record), encoding="utf-8")
    write(out, sign=original[1])
    (last,) = [each for each in moved[1](again=True).checks if each.name == "the audit again"]
    assert last.outcome == "ok"
    assert "and so does the machine (platform VAX there and " in last.detail
    assert "every verdict is the same, and no headline moved by more than noise: only what" in last.detail


NUMPY = {"libraries": {"numpy": "2.3.5", "torch": "2.13.0"}}


@pytest.mark.parametrize(
    ("place", "value", "outcome", "said"),
    [
        ("security.scan.looks", 7, "ok", "every verdict is the same"),
        ("security.scan.verdict", "no evidence", "unchecked", "a verdict is another one: security"),
        ("security.repair.attempts.0.asr.after", rate_of(0.9), "unchecked", "a headline measurement by more"),
    ],
)
def test_a_record_that_differs_by_another_library_is_not_called_forged_and_not_whole_where_it_matters(
    place, value, outcome, said
):
    """It says which library, since the forger of a record could name another one as well."""
    before = ReadAudit("evidence", as_json(example_record()), NUMPY)
    other = changed(example_record(), place, value)
    here = {"libraries": {**NUMPY["libraries"], "numpy": "2.4.6"}}
    found = _judge(before, ReadAudit("again", as_json(other), here))
    assert found.outcome == outcome
    assert "numpy 2.3.5 there and 2.4.6 here" in found.statement
    assert said in found.statement
    assert _judge(before, ReadAudit("again", as_json(other), NUMPY)).outcome == "failed"


def test_findings_that_do_not_follow_from_the_policy_are_found(moved, original):
    out = moved[0] / "trivet-out"
    path = out / "findings.json"
    findings = json.loads(path.read_text(encoding="utf-8"))
    findings["findings"] = [each for each in findings["findings"] if each["level"] == "pass"]
    path.write_text(json.dumps(findings), encoding="utf-8")
    write(out, sign=original[1])
    assert names(moved[1]().failed) == {"findings by the policy"}


def test_another_document_does_not_follow_from_the_record(moved):
    folder = moved[0] / "trivet-out" / "evidence"
    for name in EVIDENCE_FILES:
        if name.endswith((".sig", ".dsse.json")):
            (folder / name).unlink(missing_ok=True)
    index = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    (folder / "evidence.json").write_text(json.dumps({**index, "key": None}), encoding="utf-8")
    flip(folder / "annex-iv.md")
    files = {name for name in EVIDENCE_FILES if (folder / name).exists()} - {"SHA256SUMS"}
    (folder / "SHA256SUMS").write_bytes(
        sums_of({name: sha256_of((folder / name).read_bytes()) for name in files})
    )
    assert names(moved[1](key=None).failed) == {"annex-iv.md"}


def test_a_file_that_nothing_vouches_for_is_named(moved):
    (moved[0] / "trivet-out" / "evidence" / "certificate.pdf").write_bytes(b"")
    found = moved[1]()
    assert found.holds
    (other,) = [check for check in found.checks if check.name == "other files"]
    assert "certificate.pdf" in other.detail


def test_a_key_is_needed_and_has_to_be_the_right_one(moved, tmp_path):
    with pytest.raises(UsageError, match="--key"):
        moved[1](key=None)
    _, other = make_keys(tmp_path / "other")
    assert names(moved[1](key=other).failed) == {"evidence.sig", "test-result.dsse.json"}


def test_signatures_that_were_taken_away_are_missed(moved):
    for path in (moved[0] / "trivet-out" / "evidence").glob("*"):
        if path.name.endswith((".sig", ".dsse.json")):
            path.unlink()
    with pytest.raises(UsageError, match="--key"):
        moved[1](key=None)
    assert {"evidence.sig", "test-result.dsse.json"} <= names(moved[1]().failed)


def test_evidence_without_signatures_holds_and_says_so(moved):
    write(moved[0] / "trivet-out")
    found = moved[1](key=None)
    assert found.holds
    assert outcomes(found)["signatures"] == "note"
    assert "evidence.sig" in names(moved[1]().failed)  # a key is given, so signatures are expected


def test_evidence_of_another_version_keeps_its_digests(moved, original, monkeypatch):
    monkeypatch.setattr("trivet.evidence.verifying.version", lambda _: "9.9")
    found = moved[1]()
    assert found.holds
    assert outcomes(found)["documents"] == "note"


@pytest.mark.parametrize(
    "place",
    [
        "../secret",
        "/etc/hostname",
        "data/../../secret",
        ".",
        "a\\b",
        "",
        "a\0b",
        "data//loans.csv",
        "x/" * 99,
    ],
)
def test_no_path_leaves_the_folder_of_the_inputs(place, moved, original):
    (moved[0].parent / "secret").write_text("secret", encoding="utf-8")
    out = moved[0] / "trivet-out"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = {place: "ab" * 32}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    write(out, sign=original[1])
    with pytest.raises(DataError, match="expected a path below"):
        moved[1]()


def test_no_link_is_followed(moved, tmp_path):
    data = moved[0] / "data" / "loans.csv"
    (tmp_path / "real.csv").write_bytes(data.read_bytes())
    data.unlink()
    data.symlink_to(tmp_path / "real.csv")
    assert names(moved[1]().unchecked) == {"data/loans.csv"}
    data.unlink()
    data.parent.rmdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "real.csv").rename(tmp_path / "data" / "loans.csv")
    data.parent.symlink_to(tmp_path / "data")
    assert names(moved[1]().unchecked) == {"data/loans.csv"}
    record = moved[0] / "trivet-out" / "evidence" / "metrics.json"
    record.rename(tmp_path / "metrics.json")
    record.symlink_to(tmp_path / "metrics.json")
    assert "metrics.json" in names(moved[1](files_only=True).failed)


@pytest.mark.parametrize("name", ["evidence.json", "SHA256SUMS", "test-result.dsse.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 200_000, b"null", b'{"key": 3, "about": [3]}'])
def test_no_content_makes_a_crash(name, content, moved):
    (moved[0] / "trivet-out" / "evidence" / name).write_bytes(content)
    assert moved[1]().failed


@pytest.mark.parametrize(
    "about", [{"supplier": 3}, {"supplier": "a\nb"}, {"unknown": "x"}, {"released": "soon"}]
)
def test_facts_about_the_model_that_cannot_be_are_refused(about, moved):
    folder = moved[0] / "trivet-out"
    write(folder)
    index = folder / "evidence" / "evidence.json"
    before = index.read_bytes()
    index.write_text(json.dumps({**json.loads(before), "about": about}), encoding="utf-8")
    sums = (folder / "evidence" / "SHA256SUMS").read_text(encoding="ascii")
    changed = sums.replace(sha256_of(before), sha256_of(index.read_bytes()))
    (folder / "evidence" / "SHA256SUMS").write_text(changed, encoding="ascii")
    with pytest.raises(DataError):
        moved[1](key=None)


def test_a_folder_without_evidence_is_none(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError):
            verify(folder)
    with pytest.raises(UsageError):
        verify(tmp_path, files_only=True, again=True)


def test_places_start_at_the_folder_that_holds_the_inputs(tmp_path):
    (tmp_path / "loans.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "audit.toml"
    path.write_text(PLAN + TABLE.replace("data/loans.csv", "../loans.csv"), encoding="utf-8")
    config = load_config(path)
    found = invocation_of(config, path, {})
    assert found["files"] == {"loans.csv": sha256_of(ROWS.encode())}
    assert found["invocation"]["config"]["name"] == "out/audit.toml"
    assert found["invocation"]["command"] == "trivet run out/audit.toml"
    assert invocation_of(config, None, {})["files"] == {"loans.csv": sha256_of(ROWS.encode())}


def test_options_are_noted_without_what_names_a_person(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.zip").write_bytes(b"archive")
    options = {
        "audit": {"seed": None, "out": Path("x"), "effects": True},
        "security": {"archive": tmp_path / "models.zip", "student_id": "3119307"},
    }
    config = load_config(None, {"security": {"archive": tmp_path / "models.zip", "student_id": "3119307"}})
    found = invocation_of(config, None, options)
    assert found["invocation"]["options"] == {
        "audit": {"effects": True},
        "security": {"archive": "models.zip", "model_index": index_from_student_id("3119307")},
    }
    assert "3119307" not in json.dumps(found)
    assert found["files"] == {"models.zip": sha256_of(b"archive")}


def test_a_scan_runs_again_with_as_many_threads():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    for threads, expected in ((before + 1, before + 1), (0, before), (10**9, before)):
        with as_many_threads({"security": {"scan": {"threads": threads}}}):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == before
    with as_many_threads({"security": None}):
        assert torch.get_num_threads() == before
