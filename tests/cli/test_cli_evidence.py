"""``trivet evidence``: what it writes, and the exit codes of its verification."""

import json

import pytest

pytest.importorskip("cryptography")
from example_evidence import audited, flip
from trivet.cli.main import main
from trivet.record import as_json, load_record


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    return left.value.code


@pytest.fixture
def finished(tmp_path):
    return audited(tmp_path / "loans"), tmp_path


def test_evidence_is_written_signed_and_verified(finished, capsys):
    out, folder = finished
    assert run("evidence", "keygen", folder / "key", "--json") == 0
    keys = json.loads(capsys.readouterr().out)
    assert run("evidence", out, "--sign", keys["private"], "--supplier", "Acme", "--json") == 0
    written = json.loads(capsys.readouterr().out)
    assert {path.name for path in (out / "evidence").iterdir()} == set(written["files"])
    assert "Acme" in (out / "evidence" / "bom.cdx.json").read_text(encoding="utf-8")
    verify = ("evidence", "verify", out / "evidence", "--key", keys["public"])
    assert run(*verify, "--again") == 0
    assert "The evidence holds." in capsys.readouterr().out
    assert run("evidence", "verify", out / "evidence") == 2
    flip(out.parent / "data" / "loans.csv")
    capsys.readouterr()
    assert run(*verify, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["checks"] if each["outcome"] == "failed"] == ["data/loans.csv"]
    (out.parent / "data" / "loans.csv").unlink()
    assert run(*verify) == 3
    assert run(*verify, "--files-only") == 0
    flip(out / "evidence" / "evidence.sig")
    assert run(*verify, "--files-only") == 1


def test_an_error_is_no_verdict(finished, capsys):
    out, folder = finished
    assert run("evidence", folder / "missing") == 3
    assert run("evidence", out, "--sign", folder / "missing") == 3
    assert not (out / "evidence" / "evidence.json").exists()
    assert run("evidence", out, "--released", "soon") == 2
    assert run("evidence", "verify", out) == 3
    assert run("evidence", "verify", folder / "missing") == 3
    assert run("evidence", "verify") == 2
    assert run("evidence") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_of_someone_else_is_left_alone(finished):
    out, folder = finished
    (folder / "evidence").mkdir()
    (folder / "evidence" / "bom.cdx.json").write_text("mine", encoding="utf-8")
    assert run("evidence", out, "--out", folder / "evidence") == 2
    assert [path.name for path in (folder / "evidence").iterdir()] == ["bom.cdx.json"]
    assert run("evidence", out, "--out", folder / "other") == 0
    assert run("evidence", out, "--out", folder / "other") == 0  # its own files may be written again


@pytest.mark.slow
def test_a_run_notes_how_it_was_invoked_and_what_it_read(tmp_path, trivet):
    out = audited(tmp_path / "loans", out="before")
    done = trivet("run", "audit.toml", "--out", "after", "--seed", 9, "--json", cwd=out.parent)
    assert done.code in {0, 1}, done.err
    manifest = json.loads((out.parent / "after" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["invocation"]["command"] == "trivet run audit.toml --seed 9"
    assert manifest["invocation"]["options"] == {"audit": {"seed": 9}}
    assert set(manifest["files"]) == {"data/loans.csv"}
    assert trivet("evidence", out.parent / "after").code == 0
    again = trivet("evidence", "verify", "after/evidence", "--again", "--json", cwd=out.parent)
    assert again.code == 0, again.out
    assert as_json(load_record(out.parent / "after"))["audit"]["seed"] == 9
