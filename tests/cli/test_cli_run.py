import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from warm import SHORT_IMAGES

from trivet.datasets import load_mnist
from trivet.place import find
from trivet.record import STRIP_PIXELS, load_record, load_triggers
from trivet.report.figures import FIGURES

#: Those of the user's own audits need some, that of a comparison needs two.
OWN_FIGURES = (
    "privacy_mech",
    "privacy_memb",
    "privacy_training",
    "privacy_code",
    "effects",
    "security_scan_cells",
    "outcome",
    "compared",
    "watch",
    "fairness_audit_measures",
    "fairness_audit_subgroups",
)
STUDY_FIGURES = [row.name for row in FIGURES if not row.name.startswith(OWN_FIGURES)]
OWN = """
[audit]
study = false
out = "out"
[privacy.plan]
epsilon = 1.0
queries = [{ name = "people", kind = "count" }]
"""
LIGHT = '[audit]\nlegs = ["privacy", "fairness"]\nout = "out"\n'


def test_standard_output_is_one_json_document_and_the_files_exist(smoke):
    folder, done = smoke
    document = done.json
    assert document["metrics"] == json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert {Path(path).name for path in document["files"]} >= {
        "metrics.json",
        "manifest.json",
        "triggers.safetensors",
    }
    assert all(Path(path).is_file() for path in document["files"])
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_the_report_and_every_figure_are_among_the_files_and_drawn_again_from_the_record_alone(
    trivet, tmp_path
):
    folder, alone = tmp_path / "out", tmp_path / "alone"
    done = trivet("run", "--profile", "smoke", "--out", folder, "--json", short=True)
    assert done.code == 0, done.err
    assert {Path(path).name for path in done.json["files"]} >= {
        "report.pdf",
        "report.html",
        "report.tex",
        "macros.tex",
        "metrics.json",
        "manifest.json",
        "triggers.safetensors",
        *(f"{name}.{suffix}" for name in STUDY_FIGURES for suffix in ("svg", "pdf", "png")),
    }
    assert all(Path(path).is_file() for path in done.json["files"])
    alone.mkdir()
    for name in ("metrics.json", "triggers.safetensors", "findings.json", "manifest.json"):
        shutil.copy(folder / name, alone)
    again = trivet("report", alone, "--json")
    assert again.code == 0, again.err
    assert len(again.json["files"]) == 4 + 3 * len(STUDY_FIGURES)
    for name in ("report.tex", "macros.tex", "report.html", "figures/security_scale_profile.svg"):
        assert (alone / name).read_bytes() == (folder / name).read_bytes()


def test_the_places_that_other_tools_read(smoke):
    metrics = smoke[1].json["metrics"]
    for path in (
        "security.published.expected_label",
        "security.published.detected_label",
        "security.published.norms",
        "security.published.modified_z",
        "security.published.clean_accuracy.before",
        "security.published.clean_accuracy.after",
        "security.published.asr.before",
        "security.published.asr.after",
        "security.published.fraction_sweep",
        "security.scan.contract.declared",
        "security.scan.contract.best",
        "security.scan.contract.candidates",
        "security.scan.verdict",
        "security.scan.suspected_label",
        "security.repair.attempts.0.clean_accuracy.before.value",
        "security.repair.attempts.0.asr.after.value",
        "security.repair.attempts.0.robust_accuracy.after.value",
        "privacy.published.counting.base.scale",
        "privacy.published.counting.sequential.exceedance",
        "privacy.published.counting.unbounded.scale",
        "privacy.published.income",
        "fairness.published.baseline.accuracy",
        "fairness.published.promotion_demotion.disparate_impact.value",
        "fairness.published.no_gender.zemel_proxy",
        "fairness.published.reweighed.accuracy",
        "fairness.published.group_thresholds.accuracy",
        "fairness.published.swap_sweep.k",
        "fairness.published.swap_sweep.accuracy",
        "fairness.published.swap_sweep.gap",
        "fairness.published.swap_sweep.best_k",
        "fairness.comparison",
    ):
        assert find(metrics, path) is not None, path
    assert {"l1", "log_score", "asr"} <= metrics["security"]["scan"]["labels"][0].keys()
    assert {"mechanism", "method", "scale"} <= metrics["privacy"]["plan"]["rows"][0].keys()


def test_the_embedded_network_is_found_out_and_repaired(smoke):
    assert_found_out_and_repaired(smoke[1].json["metrics"]["security"])


def assert_found_out_and_repaired(security):
    assert (security["scan"]["verdict"], security["scan"]["suspected_label"]) == ("backdoored", 4)
    assert security["published"]["same_as_scan"]
    unlearned, tuned = security["repair"]["attempts"]
    assert (unlearned["method"], tuned["method"]) == ("unlearn", "fine-tune")
    assert unlearned["removed"]
    assert unlearned["asr"]["after"]["value"] < 0.02
    assert unlearned["true_trigger_asr"]["after"]["value"] < 0.05
    assert (
        unlearned["clean_accuracy"]["after"]["value"] > unlearned["clean_accuracy"]["before"]["value"] - 0.01
    )


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes(trivet, fresh_trivet, tmp_path):
    folder, tmp_path = tmp_path / "first", tmp_path / "second"
    for call, out in ((trivet, folder), (fresh_trivet, tmp_path)):
        done = call("run", "--profile", "smoke", "--out", out, "--json")
        assert done.code == 0, done.err
        assert_found_out_and_repaired(done.json["metrics"]["security"])
    names = [Path("metrics.json"), Path("triggers.safetensors"), Path("macros.tex"), Path("report.tex")]
    names += [path.relative_to(folder) for path in (folder / "figures").iterdir()]
    assert len(names) == 4 + 3 * len(STUDY_FIGURES)
    for name in [*names, Path("report.html"), Path("report.pdf")]:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_strip_is_recorded_with_the_pixels_of_held_out_images(smoke):
    folder, done = smoke
    strip = done.json["metrics"]["security"]["strip"]
    held_out = load_mnist("test").take(range(SHORT_IMAGES)).split(0.5, seed=0)[1]
    for pixels, label in zip(load_triggers(folder)[STRIP_PIXELS], strip["labels"], strict=True):
        (rows,) = np.nonzero((held_out.pixels == pixels).all(axis=(1, 2, 3)))
        assert label in held_out.labels[rows]
    assert strip["target"] == 4
    assert 4 not in strip["labels"]
    assert strip["sent_before"] == strip["stamped_before"].count(4) >= 6
    assert strip["sent_after"] == strip["stamped_after"].count(4) <= 1


@pytest.mark.slow
def test_the_table_for_people(trivet, tmp_path):
    (tmp_path / "audit.toml").write_text(LIGHT, encoding="utf-8")
    done = trivet("run", "audit.toml", cwd=tmp_path, environment={"COLUMNS": "80"})
    assert done.code == 0, done.err
    assert re.search(r"^question +published +corrected *$", done.out, re.MULTILINE)
    assert "920.0" in done.out
    assert "292.9" in done.out
    assert re.search(r"^fairness +✗ disparate$", done.out, re.MULTILINE)
    assert re.search(r"^security +· not audited$", done.out, re.MULTILINE)
    assert "out/report.pdf" in done.out.replace("\n", "")
    assert "\x1b" not in done.out
    assert "fairness: " in done.err
    assert load_record(tmp_path / "out").security is None
    assert not (tmp_path / "out" / "triggers.safetensors").exists()


def test_a_breached_requirement_ends_with_one_and_its_report_is_drawn_again(trivet, tmp_path):
    policy = '[policy]\nrequire = ["privacy.plan.epsilon <= 1e-9", "privacy.plan.epsilon <= 1"]\n'
    (tmp_path / "audit.toml").write_text(OWN + policy, encoding="utf-8")
    done = trivet("run", "audit.toml", "--json", cwd=tmp_path)
    assert done.code == 1
    levels = {finding["id"]: finding["level"] for finding in done.json["findings"]}
    assert (levels["policy.1"], levels["policy.2"]) == ("breach", "pass")
    assert [path.name for path in sorted((tmp_path / "out").glob("findings.*"))] == [
        "findings.json",
        "findings.junit.xml",
        "findings.md",
        "findings.sarif",
    ]
    page = tmp_path / "out" / "report.html"
    before = page.read_bytes()
    page.unlink()
    again = trivet("report", "out", cwd=tmp_path)
    assert again.code == 0, again.err
    assert page.read_bytes() == before


def test_an_unknown_requirement_is_refused_before_the_run(trivet, tmp_path):
    (tmp_path / "audit.toml").write_text(
        '[audit]\nlegs = ["privacy"]\nout = "out"\n[policy]\nrequire = ["privacy.epsilom <= 1"]\n',
        encoding="utf-8",
    )
    done = trivet("run", "audit.toml", cwd=tmp_path)
    assert done.code == 2
    assert "nearest: privacy.epsilon" in done.err
    assert not (tmp_path / "out").exists()


def zip_with(path, name, content=b"x"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--archive", "nowhere.rar", "--student-id", "4"], 3, "there is no archive at nowhere.rar"),
        (["--archive", "other.zip", "--student-id", "4"], 3, "holds no checkpoint of model 4"),
        (["--archive", "slip.zip", "--student-id", "4"], 3, "points out of its folder"),
        (["--archive", "short.zip", "--model-index", "4"], 3, "short.zip"),
        (["--archive", "other.zip", "--student-id", "no digit"], 2, "does not end in a digit"),
        (["--archive", "other.zip"], 2, "needs student_id or model_index"),
        (["--checkpoint", "nowhere.pth"], 3, "there is no checkpoint at nowhere.pth"),
        (["--checkpoint", "text.pth"], 3, "text.pth"),
        (["--profile", "quick"], 2, "quick"),
        (["--no-such-option"], 2, "no-such-option"),
        (["three-errors.toml"], 2, "has 3 errors"),
        (["--out", "text.pth/below"], 2, "cannot be written"),
    ],
)
def test_bad_input_gets_one_clear_line(trivet, tmp_path, arguments, code, message):
    zip_with(tmp_path / "other.zip", "readme.txt")
    zip_with(tmp_path / "slip.zip", "../poisoned_model_4.pth")
    zip_with(tmp_path / "whole.zip", "poisoned_model_4.pth", bytes(range(256)) * 99)
    (tmp_path / "short.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:-20])
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "three-errors.toml").write_text(
        '[audit]\nseed = -1\n[security]\nkappa = "high"\n[fairness]\ntest_sice = 0.3\n'
    )
    before = {path.name for path in tmp_path.iterdir()}
    done = trivet("run", *arguments, cwd=tmp_path)
    assert done.code == code, done.err
    assert message in done.err
    assert "Traceback" not in done.err
    complaint = [line for line in done.err.splitlines() if not line.startswith("[")]
    assert len(complaint) == 1, done.err
    assert {path.name for path in tmp_path.iterdir()} - before <= {"trivet-out"}


def test_an_error_is_json_too_where_json_is_asked_for(trivet, tmp_path):
    done = trivet("run", "--checkpoint", "nowhere.pth", "--json", cwd=tmp_path)
    assert done.json["error"]["exit_code"] == done.code == 3
    assert "nowhere.pth" in done.json["error"]["message"]
