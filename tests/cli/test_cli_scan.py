"""``trivet scan`` as a user calls it."""

import json
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from example_scan import example_scan
from trivet import security
from trivet.cli.scan import print_scan
from trivet.datasets import load_images

DEMO = files("trivet.security") / "data" / "demo-mnist-cnn.safetensors"
SMALL = ("--arch", "mnist-cnn", "--limit", "1500")
QUICK = ("--arch", "mnist-cnn", "--limit", "400", "--profile", "quick")


def test_a_backdoored_checkpoint_ends_with_1_and_one_json_document(trivet):
    done = trivet("scan", DEMO, *SMALL, "--json")
    assert done.code == 1, done.err
    document = done.json
    assert (document["verdict"], document["suspected_label"]) == ("backdoored", 4)
    assert document["p_value"] < 0.01
    assert document["contract"]["name"] == "(x-0.5)/0.5"
    assert [row["label"] for row in document["labels"]] == list(range(10))
    assert all({"l1", "log_score", "asr"} <= set(row) for row in document["labels"])
    assert 0 < document["image_steps"] <= 12_000
    assert 0 < document["seconds"] < 60


def test_the_terminal_shows_verdict_and_limits_without_colour_in_a_pipe(trivet):
    done = trivet("scan", DEMO, *QUICK)
    assert done.code == 1
    assert "✗ demo-mnist-cnn.safetensors: backdoored, label 4." in done.out
    assert "No evidence is not a certificate." in done.out
    assert "\x1b" not in done.out


def test_pictures_that_may_surprise_are_named_in_the_terminal_and_on_the_page(trivet, tmp_path):
    digits, exif = load_images("mnist", limit=400), Image.Exif()
    exif[0x0112] = 3
    for place, (pixels, label) in enumerate(zip(digits.unit(), digits.labels, strict=True)):
        file = tmp_path / "digits" / str(label) / f"{place:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        turned = {"exif": exif} if place == 7 else {}
        Image.fromarray((pixels[0] * 255).round().astype(np.uint8)).save(file, **turned)
    options = ("--arch", "mnist-cnn", "--images", tmp_path / "digits", "--profile", "quick")
    done = trivet("scan", DEMO, *options, "--out", tmp_path / "out")
    words = "1 of 400 pictures have an EXIF orientation, which was not applied, as torchvision does not"
    assert f"! images: {words}" in done.out, done.err
    assert words in (tmp_path / "out" / "scan.html").read_text(encoding="utf-8")
    assert words in json.loads((tmp_path / "out" / "scan.json").read_text())["images"]["notes"][0]


def test_a_declared_contract_that_loses_is_a_finding(trivet, tmp_path):
    contract = tmp_path / "mine.json"
    contract.write_text(json.dumps({"mean": [3.0], "std": [0.2], "name": "mine"}), encoding="utf-8")
    done = trivet("scan", DEMO, *QUICK, "--contract", contract, "--json")
    assert done.code == 1
    assert done.json["contract"]["mismatch"]
    assert done.json["contract"]["declared"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give one checkpoint, or a folder"),
        ([DEMO], 2, "give --arch"),
        ([DEMO], 2, "give --images"),
        (["missing.pth"], 3, "there is no checkpoint at missing.pth"),
        ([".", "--arch", "mnist-cnn"], 2, "is a folder; scan the checkpoints in it with --many"),
        (["--many", ".", "--arch", "mnist-cnn", "--layers", "a.json"], 2, "there is no file of layers"),
        ([DEMO, "--arch", "vgg"], 2, "vgg"),
        ([DEMO, "--arch", "no.module:factory", "--images", "mnist"], 2, "no.module"),
        ([DEMO, "--arch", "mnist-cnn", "--workers", "2"], 2, "--many FOLDER"),
        ([DEMO, "--arch", "mnist-cnn", "--contract", "0.5/0"], 2, "std"),
        ([DEMO, "--arch", "mnist-cnn", "--threads", "0"], 2, "expected 1 or more"),
        ([DEMO, "--arch", "mnist-cnn", "--images", "nowhere"], 3, "nowhere"),
        ([DEMO, "--arch", "mnist-cnn", "--images", "colour-digits"], 3, "(1, 28, 28)"),
        (["missing.pth", "--arch", "mnist-cnn"], 3, "missing.pth"),
    ],
)
def test_what_cannot_be_scanned_ends_in_one_line(trivet, tmp_path, arguments, code, words):
    done = trivet("scan", *arguments, cwd=tmp_path)
    assert done.code == code, done.err
    lines = [line for line in done.err.splitlines() if not line.startswith("[")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in done.err


def test_two_classes_and_one_class_end_with_3(trivet, tmp_path):
    rng = np.random.default_rng(0)
    for classes in (1, 2):
        np.savez(
            tmp_path / f"{classes}.npz",
            images=rng.integers(0, 255, (40, 28, 28), dtype=np.uint8),
            labels=np.arange(40) % classes,
        )
        done = trivet("scan", DEMO, "--arch", "mnist-cnn", "--images", tmp_path / f"{classes}.npz", "--json")
        assert done.code == 3
        assert done.json["error"]["exit_code"] == 3


def test_your_own_architecture_and_images(trivet, tmp_path):
    """A stranger's module, probabilities at its end, weights under a key and with a prefix."""
    import torch  # noqa: PLC0415 - one test only

    (tmp_path / "shop.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(\n"
        "        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(),\n"
        "        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10),\n"
        "        nn.Softmax(-1))\n",
        encoding="utf-8",
    )
    names = dict(zip(("conv1.0", "conv2.0", "fc1.0", "fc2.0"), (0, 3, 7, 9), strict=True))
    state = {
        f"module.{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": tensor
        for key, tensor in security.load_demo_checkpoint().model.state_dict().items()
    }
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "weights.pth")
    done = trivet(
        "scan",
        "weights.pth",
        "--arch",
        "shop:build",
        "--images",
        "mnist",
        *QUICK[2:],
        "--json",
        cwd=tmp_path,
    )
    assert done.code == 1, done.err
    assert (done.json["verdict"], done.json["suspected_label"]) == ("backdoored", 4)


@pytest.mark.slow
def test_a_reference_is_made_once_and_shows_itself_in_a_scan(trivet, tmp_path):
    make = (
        "zoo",
        "reference",
        *QUICK,
        "--count",
        "1",
        "--train-limit",
        "600",
        "--workers",
        "1",
        "--out",
        "r",
    )
    done = trivet(*make, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (done.json["networks"], done.json["left_out"]) == (1, [])
    again = trivet(*make, cwd=tmp_path)
    assert "1 clean networks, clean accuracy" in again.out
    assert "fewer than 19" in again.out
    found = trivet("scan", DEMO, *QUICK, "--reference", "r", "--json", cwd=tmp_path)
    assert found.code == 1, found.err
    calibration = found.json["calibration"]
    assert (calibration["networks"], calibration["decides"], calibration["reference"]) == (1, False, "r")
    shown = trivet("scan", DEMO, *QUICK, "--reference", "r", cwd=tmp_path)
    assert "The verdict is uncalibrated" in shown.out
    assert "found on the benchmark" in shown.out
    other = trivet("scan", DEMO, *SMALL, "--reference", "r", cwd=tmp_path)
    assert other.code == 2
    assert "the reference r was made with images of digest" in other.err


def test_a_suspected_class_is_named_and_a_share_says_of_what(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    names = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    print_scan(example_scan(names=names).result, 1.0, ())
    said = capsys.readouterr().out
    assert "backdoored, label 4 (deer)." in said
    assert "▸ 4 (deer) " in said
    assert "  0 (plane) " in said
    assert "% of images)" in said or "% of images to label" in said
