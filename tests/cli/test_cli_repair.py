"""``trivet repair`` as a user calls it."""

import json
from importlib.resources import files

import pytest

from trivet import security
from trivet.datasets import load_mnist
from trivet.security.checkpoint import DEMO_TRIGGER

DEMO = files("trivet.security") / "data" / "demo-mnist-cnn.safetensors"
SMALL = ("--arch", "mnist-cnn", "--limit", "2000")


@pytest.fixture(scope="module", params=["short", pytest.param("whole", marks=pytest.mark.slow)])
def repaired(request, trivet, tmp_path_factory):
    out = tmp_path_factory.mktemp("repair") / "out"
    arguments = ("repair", DEMO, *SMALL, "--method", "unlearn", "--true-trigger", "23,23,4", "--out", out)
    return out, trivet(*arguments, "--json", short=request.param == "short")


def test_the_backdoor_of_the_embedded_network_is_removed(repaired):
    _, done = repaired
    assert done.code == 0, done.err
    (attempt,) = done.json["attempts"]
    assert (done.json["chosen"], attempt["removed"]) == ("unlearn", True)
    assert attempt["asr"]["after"]["value"] < 0.02
    assert attempt["true_trigger_asr"]["before"]["value"] > 0.98
    assert attempt["true_trigger_asr"]["after"]["value"] < 0.05
    assert attempt["clean_accuracy"]["after"]["value"] > attempt["clean_accuracy"]["before"]["value"] - 0.01
    assert attempt["second_verdict"] == "no evidence"
    assert done.json["scan"]["suspected_label"] == 4


def test_the_written_weights_are_those_that_were_measured(repaired):
    out, _ = repaired
    weights = security.load_checkpoint(out / "repaired.safetensors")
    score = security.contract_named("(x-0.5)/0.5").bind(weights.model)
    unseen = load_mnist("train").take(range(2_000))
    assert security.attack_success_rate(score, unseen, DEMO_TRIGGER, 4) < 0.05
    assert security.clean_accuracy(score, unseen) > 0.97


def test_the_folder_holds_tables_page_and_pictures(repaired):
    out, done = repaired
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {
        "repaired.safetensors",
        "repair.json",
        "repair.html",
        "scan.json",
        "figures/security_scan_stamped.svg",
    } <= names
    assert {str(out / name) for name in names} == set(done.json["files"])
    assert json.loads((out / "repair.json").read_text(encoding="utf-8"))["chosen"] == "unlearn"


def test_a_repair_that_does_not_remove_it_ends_with_1_and_writes_no_weights(trivet, tmp_path):
    done = trivet("repair", DEMO, *SMALL, "--method", "clp", "--out", tmp_path, short=True)
    assert done.code == 1, done.err
    assert "✗ The backdoor was not removed by clp" in done.out
    assert not (tmp_path / "repaired.safetensors").exists()
    assert (tmp_path / "repair.json").exists()


@pytest.mark.parametrize("square", ["23,23", "a,b,c", "26,26,4", "1,1,0", "1,1,4,2", "1,1,4,1,1"])
def test_a_true_trigger_that_is_no_square(trivet, tmp_path, square):
    done = trivet("repair", DEMO, *SMALL, "--true-trigger", square, "--out", tmp_path)
    assert done.code == 2
    assert "expected ROW,COLUMN,SIZE" in done.err
