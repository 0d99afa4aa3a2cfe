"""A score among those of clean networks: its p-value, the verdict, and the folder that it comes from."""

import itertools
import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from many_runs import Inline

from trivet.datasets import ImageSet
from trivet.errors import DataError, UsageError
from trivet.security import references
from trivet.security.adapting import adapt
from trivet.security.checkpoint import Checkpoint, load_checkpoint
from trivet.security.contract import contract_named
from trivet.security.references import make_reference
from trivet.security.results import CheckpointInfo
from trivet.security.scanning import many
from trivet.security.scanning.kinds import ONE_UNIT, PATCH, not_needed
from trivet.security.scanning.rates import benchmark_rates
from trivet.security.scanning.reference import (
    ALARM_AT,
    REFERENCE,
    SMALLEST,
    Reference,
    calibrated,
    conditions_of,
    conformal_p,
    judged_against,
    load_reference,
    pixels_sha256,
    with_benchmark,
)
from trivet.security.scanning.results import KindSearch
from trivet.security.scanning.scan import _judged_with, scan, scan_document
from trivet.security.scanning.sequential import Judgement
from trivet.security.settings import ReferenceOptions

INFO = CheckpointInfo("file", "written", "0" * 64, "written", 1, None)
KINDS = (PATCH, *(search.kind for search in not_needed()))


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.floats(0, 1))
def test_of_exchangeable_networks_at_most_a_share_t_has_a_p_value_of_at_most_t(scores, level):
    """Exactly, with ties: each network in turn is the one in question, and the others are the reference."""
    values = [conformal_p(score, [*scores[:at], *scores[at + 1 :]]) for at, score in enumerate(scores)]
    assert np.mean(np.array(values) <= level) <= level


def test_the_p_value_is_the_rank_from_above():
    assert conformal_p(5, range(19)) == 15 / 20
    assert conformal_p(99, range(19)) == 1 / 20 == ALARM_AT
    assert conformal_p(99, range(SMALLEST - 1)) > ALARM_AT


def searches(**strengths):
    return [
        KindSearch(
            kind, "words", "not found", 2 if kind == "spread" else None, 0.1, 0.0, 1, strengths.get(kind, 0)
        )
        for kind in KINDS
    ]


def reference(scores, **conditions):
    own = conditions_of(INFO, "ab", profile="standard", declared=None, seed=0)
    return Reference(
        "clean",
        "0" * 64,
        replace(own, **conditions),
        frozenset(KINDS),
        tuple(map(str, range(len(scores)))),
        tuple(scores),
        (0.9, 0.95),
    )


CLEAN, ACCUSED = Judgement("no evidence", None, "Nothing."), Judgement("backdoored", 4, "Both say so.")


@pytest.mark.parametrize(
    ("score", "networks", "judgement", "verdict", "label"),
    [
        (0.9, 19, CLEAN, "suspicious", 2),  # no bound is reached, and no clean network comes near
        (0.2, 19, CLEAN, "no evidence", None),
        (1.5, 19, ACCUSED, "backdoored", 4),
        (0.2, 19, ACCUSED, "no evidence", None),  # clean networks of this kind look like that
        (0.9, 18, CLEAN, "no evidence", None),
        (0.2, 18, ACCUSED, "backdoored", 4),
    ],
)
def test_with_nineteen_clean_networks_the_rank_decides_on_an_alarm(
    score, networks, judgement, verdict, label
):
    found = searches(spread=score)
    calibration = calibrated(found, 0.92, "standard", reference([0.5] * networks))
    again = judged_against(calibration, judgement, found, 7)
    assert (again.verdict, again.label) == (verdict, label)
    assert calibration.decides == (networks >= SMALLEST)
    assert calibration.p_value == conformal_p(score, [0.5] * networks)
    if calibration.decides:
        assert f"{calibration.as_strong} of 19 clean networks" in again.reason
    else:
        assert "takes 19" in calibration.summary
        assert again == judgement


def test_the_strongest_patch_is_named_by_the_labels_evidence():
    found = searches(patch=0.9)
    calibration = calibrated(found, 0.92, "standard", reference([0.5] * 19))
    assert judged_against(calibration, CLEAN, found, 7).label == 7
    stamp = searches(**{"any label": 0.9})
    calibration = calibrated(stamp, 0.92, "standard", reference([0.5] * 19))
    assert judged_against(calibration, CLEAN, stamp, 7).label is None


def test_without_a_reference_it_says_so_with_the_rate_on_clean_networks():
    calibration, rates = calibrated(searches(), 0.9, "standard", None), benchmark_rates()
    assert calibration.summary.startswith("uncalibrated:")
    assert f"accuses {rates.clean.count} of {rates.clean.networks} (" in calibration.summary
    assert {rate.kind for rate in calibration.not_searched} == set(rates.kinds) - set(KINDS)
    assert judged_against(calibration, ACCUSED, searches(), 7) == ACCUSED


def test_rates_are_of_the_profile_of_the_scan_or_say_of_which():
    quick, thorough = (calibrated(searches(), 0.9, name, None) for name in ("quick", "thorough"))
    rates = benchmark_rates("quick").clean
    assert f"accuses {rates.count} of {rates.networks} (" in quick.summary
    assert "measured with" not in quick.summary
    assert quick.measured_with == "quick"
    assert "measured with the profile standard" in thorough.summary
    assert thorough.measured_with == "standard"
    found = {name: with_benchmark(searches(), name)[0].benchmark for name in ("quick", "thorough")}
    assert found == {name: benchmark_rates(name).kinds["patch"] for name in ("quick", "thorough")}


def test_networks_of_another_accuracy_are_a_caution():
    assert (
        "they were not trained alike"
        in calibrated(searches(), 0.8, "standard", reference([0.5] * 19)).summary
    )
    assert "trained alike" not in calibrated(searches(), 0.92, "standard", reference([0.5] * 19)).summary


@pytest.mark.parametrize(
    ("condition", "value", "words"),
    [
        ("profile", "quick", "with the profile quick, and this scan is with the profile standard"),
        (
            "images",
            "cd" * 32,
            "with images of digest cdcdcdcdcdcd, and this scan is with images of digest ab",
        ),
        ("architecture", "mnist-cnn", "of networks of mnist-cnn"),
        ("parameters", 7, "of networks with 7 parameters"),
        ("seed", 3, "with the seed 3"),
        ("trivet", "0.0.1", "with trivet 0.0.1"),
        ("declared", {"name": "[0,1]"}, r"under the declared contract \[0,1\]"),
    ],
)
def test_a_reference_made_under_other_conditions_is_refused(condition, value, words):
    here = conditions_of(INFO, "ab", profile="standard", declared=None, seed=0)
    reference([0.5]).require(here)
    with pytest.raises(UsageError, match=words):
        reference([0.5], **{condition: value}).require(here)


def test_a_reference_of_another_scan_is_refused_in_the_same_version(monkeypatch):
    made = reference([0.5])
    monkeypatch.setattr("trivet.security.scanning.results.SCAN", 99)
    with pytest.raises(UsageError, match=r"and this scan is with trivet .*, scan 99\. Make it again"):
        made.require(conditions_of(INFO, "ab", profile="standard", declared=None, seed=0))


def test_a_network_of_the_reference_is_ranked_among_the_others():
    others = reference([0.1, 0.2, 0.3]).without("1")
    assert (others.weights, others.scores) == (("0", "2"), (0.1, 0.3))
    assert reference([0.1]).without("0").scores == ()


def test_a_reference_of_other_searches_is_refused():
    with pytest.raises(UsageError, match="looks for other kinds of triggers"):
        calibrated(searches()[:2], 0.9, "standard", reference([0.5] * 19))


def toy(count, seed):
    """A class is the quarter of the image that is brighter."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    pixels = rng.integers(0, 128, (count, 1, 12, 12))
    for image, label in zip(pixels, labels, strict=True):
        row, column = 6 * (label // 2), 6 * (label % 2)
        image[0, row : row + 6, column : column + 6] += 64
    return ImageSet("toy", pixels.astype(np.uint8), labels, 4)


class Quarters(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pixels):
        return 150 * torch.nn.functional.adaptive_avg_pool2d(pixels[:, 0], 2).flatten(1)


@pytest.mark.parametrize(("scores", "verdict"), [((5.0,) * 19, "no evidence"), ((0.0,) * 19, "suspicious")])
def test_a_scan_with_a_reference(scores, verdict):
    network = Checkpoint(adapt(Quarters(), input_shape=(1, 12, 12), classes=4, name="written"), INFO)
    images = toy(400, 3)
    found = scan(
        network,
        images,
        profile="quick",
        reference=reference(scores, profile="quick", images=pixels_sha256(images)),
    )
    result, calibration = found.result, found.result.calibration
    assert calibration.p_value == conformal_p(calibration.score, scores)
    assert (result.verdict, result.suspected_label is not None) == (verdict, verdict == "suspicious")
    assert result.images.sha256 == pixels_sha256(images)
    if result.suspected_label is not None:
        assert result.labels[result.suspected_label].refined_l1 is not None
    with pytest.raises(UsageError, match="with images of digest ab"):
        scan(network, images, reference=reference(scores, profile="quick"))


@pytest.mark.parametrize(
    ("score", "every_search", "spared", "verdict"),
    [
        (None, False, True, "backdoored"),
        (None, True, False, "backdoored"),
        (-1.0, False, True, "backdoored"),  # the patch alone ranks highest: no search can change that
        (5.0, False, False, "no evidence"),
    ],
)
def test_searches_are_spared_only_where_they_cannot_change_the_verdict(
    monkeypatch, score, every_search, spared, verdict
):
    monkeypatch.setattr("trivet.security.scanning.scan.judge_scan", lambda *_: replace(ACCUSED, label=2))
    network = Checkpoint(adapt(Quarters(), input_shape=(1, 12, 12), classes=4, name="written"), INFO)
    images = toy(400, 3)
    clean = None
    if score is not None:
        clean = reference((score,) * 19, profile="quick", images=pixels_sha256(images))
    found = scan(network, images, profile="quick", reference=clean, every_search=every_search)
    without = {ONE_UNIT}  # the network has no layers
    made = [search for search in found.result.searches[1:] if search.kind not in without]
    assert {search.strength is None for search in made} == {spared}
    assert found.result.verdict == verdict


def test_what_other_searches_find_does_not_weaken_backdoored():
    found = [replace(search, outcome="found") for search in searches(spread=2.0) if search.kind == "spread"]
    again = _judged_with(found, ACCUSED, None, {})
    assert (again.verdict, again.label) == ("backdoored", 4)
    assert "of other classes to label 2" in again.reason


OWN = """
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 16), nn.ReLU(), nn.Linear(16, 4))
"""


class Pool(Inline):
    def __init__(self, *_workers, **_settings):
        pass


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Networks of one's own code, in this process."""
    (tmp_path / "own_quarters.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(references, "WorkerPool", Pool)
    monkeypatch.setattr(many, "WorkerPool", Pool)
    for name, images in (("clean", toy(300, 1)), ("train", toy(1_000, 2))):
        np.savez(tmp_path / f"{name}.npz", images=images.pixels[:, 0], labels=images.labels)
    return ReferenceOptions(
        arch="own_quarters:build",
        images=str(tmp_path / "clean.npz"),
        train=str(tmp_path / "train.npz"),
        epochs=3,
        count=2,
        profile="quick",
    )


def test_clean_networks_are_trained_scanned_kept_and_not_made_again(options, tmp_path):
    out = tmp_path / "reference"
    first = make_reference(replace(options, count=1), out)
    assert (first.reused, first.failed, len(first.reference.scores)) == ((0, 0), (), 1)
    made = make_reference(options, out)
    assert (made.reused, len(made.reference.scores)) == ((1, 1), 2)
    assert made.reference.scores[0] == first.reference.scores[0]
    content = json.loads((out / REFERENCE).read_text())
    rows = {row["file"]: row for row in content["networks"]}
    assert len({row["sha256"] for row in rows.values()}) == 2
    for name, row in rows.items():
        assert row["score"] == max(value for value in row["strengths"].values() if value is not None)
        assert row["clean_accuracy"] > 0.8
        network = load_checkpoint(
            out / "networks" / name, architecture=options.arch, input_shape=(1, 12, 12), classes=4
        )
        assert network.info.sha256 == row["sha256"]
    fewer = make_reference(replace(options, count=1), out)
    assert (fewer.reference.weights, fewer.reused) == (first.reference.weights, (1, 1))
    with pytest.raises(UsageError, match="trained in another way"):
        make_reference(replace(options, epochs=4), out)
    by_hand = make_reference(
        replace(options, train=None, epochs=None), tmp_path / "by-hand", clean=out / "networks"
    )
    assert by_hand.reference.scores == made.reference.scores
    assert by_hand.reference.conditions == made.reference.conditions
    first_file = next(iter(rows))
    (out / "networks" / "again.safetensors").write_bytes((out / "networks" / first_file).read_bytes())
    (out / "networks" / "link.safetensors").symlink_to(first_file)
    copied = make_reference(
        replace(options, train=None, epochs=None), tmp_path / "by-hand", clean=out / "networks"
    )
    assert (copied.copies, by_hand.copies) == (2, 0)
    assert sorted(copied.reference.weights) == sorted(by_hand.reference.weights)


def test_the_same_job_gives_a_scan_of_a_folder_its_reference(options, tmp_path):
    made = make_reference(options, tmp_path / "reference")
    job = many.ScanJob(
        architecture=options.arch,
        images=options.images,
        profile="quick",
        reference=str(tmp_path / "reference"),
    )
    networks = tmp_path / "reference" / "networks"
    result = many.scan_many(networks, tmp_path / "out", job)
    assert result.counts["failed"] == 0
    document = json.loads((tmp_path / "out" / result.rows[0].result).read_text())
    assert document["calibration"]["sha256"] == made.reference.sha256
    calibration = document["calibration"]
    assert (calibration["networks"], calibration["p_value"]) == (
        1,
        0.5 if calibration["as_strong"] == 0 else 1,
    )
    other = replace(job, reference=None)
    identity = [many.job_identity(each, many.load_images(options.images))["digest"] for each in (job, other)]
    assert len(set(identity)) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train": None}, "need images to train on"),
        ({"arch": None, "train": None}, "need an architecture"),
        ({"arch": "hf:folder"}, "need an architecture"),
        ({"layers": "layers.json"}, "there is no file of layers"),
        ({"train": "images"}, "300 of the 300 images of the scan are also among those to train on"),
        ({"train": "images", "limit": 40}, "40 of the 40 images"),
        ({"train": "images", "train_limit": 40}, "300 of the 300 images"),
    ],
)
def test_what_cannot_be_a_reference_is_refused(options, tmp_path, change, words):
    settings = replace(options, **change)
    if settings.train == "images":
        settings = replace(settings, train=settings.images)
    with pytest.raises(UsageError, match=words):
        make_reference(settings, tmp_path / "reference")


def test_a_network_of_others_is_not_overwritten(options, tmp_path):
    theirs = tmp_path / "reference" / "networks" / "clean-00002.safetensors"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(UsageError, match=r"'clean-00002\.safetensors' in .* is in the way"):
        make_reference(options, tmp_path / "reference")
    assert theirs.read_bytes() == b"theirs"


def test_training_images_of_another_shape_are_refused(options, tmp_path):
    np.savez(tmp_path / "wide.npz", images=np.zeros((40, 12, 14), dtype=np.uint8), labels=np.arange(40) % 4)
    with pytest.raises(DataError, match=r"training images have the shape \(1, 12, 14\)"):
        make_reference(replace(options, train=str(tmp_path / "wide.npz")), tmp_path / "reference")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"schema_version": 2}', '{"schema_version": 2, "networks": []}']
)
def test_a_damaged_reference_is_refused(tmp_path, content):
    (tmp_path / REFERENCE).write_text(content)
    with pytest.raises(DataError, match="not a reference, or a damaged one"):
        load_reference(tmp_path)


def written(folder, networks=19, conditions=(), row=(), **content):
    """Write a reference, with some of it replaced."""
    own = asdict(conditions_of(INFO, "ab", profile="standard", declared=None, seed=0))
    rows = [{"sha256": f"{at:064}", "score": 0.5, "clean_accuracy": 0.9} for at in range(networks)]
    rows[0] |= dict(row)
    document = {"schema_version": 2, "conditions": own | dict(conditions), "kinds": KINDS, "networks": rows}
    (folder / REFERENCE).write_text(json.dumps(document | content))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"conditions": {"declared": {}}},
        {"conditions": {"declared": "name"}},
        {"conditions": {"images": 7}},
        {"conditions": {"seed": [1]}},
        {"kinds": [1]},
        {"kinds": ["a", 1]},
        {"row": {"sha256": None}},
        *({"row": {"score": score}} for score in (10**400, math.nan, math.inf, -1, "0.5", True)),
        *({"row": {"clean_accuracy": accuracy}} for accuracy in (math.nan, 1.5, -0.1, 10**400)),
    ],
)
def test_a_reference_of_other_values_is_damaged(tmp_path, change):
    assert load_reference(written(tmp_path)).scores == (0.5,) * 19
    with pytest.raises(DataError, match="not a reference, or a damaged one"):
        load_reference(written(tmp_path, **change))


def test_a_network_that_counts_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="counts one network several times"):
        load_reference(written(tmp_path, row={"sha256": f"{1:064}"}))


def test_a_missing_or_older_reference_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_reference(tmp_path)
    (tmp_path / REFERENCE).write_text('{"schema_version": 0}')
    with pytest.raises(UsageError, match="another version"):
        load_reference(tmp_path)


def test_a_scan_document_has_the_calibration_before_the_details():
    network = Checkpoint(adapt(Quarters(), input_shape=(1, 12, 12), classes=4, name="written"), INFO)
    document = scan_document(scan(network, toy(200, 4), profile="quick").result)
    assert list(document)[:6] == [
        "schema_version",
        "verdict",
        "suspected_label",
        "p_value",
        "reason",
        "calibration",
    ]
    assert any(search["benchmark"]["networks"] > 0 for search in document["searches"] if search["benchmark"])
    assert json.loads(json.dumps(document, allow_nan=False)) is not None


def test_the_contract_of_the_training_is_the_declared_one(options):
    job = many.ScanJob(architecture=options.arch, images=options.images, declared=contract_named("[0,1]"))
    assert references._training(options, job).contract == contract_named("[0,1]")
    assert references._training(options, replace(job, declared=None)).contract == contract_named(
        "(x-0.5)/0.5"
    )


def test_half_of_the_ranks_are_below_the_middle():
    """Each half of exchangeable scores ranked among the other: near one half, whatever the scores are."""
    rng = np.random.default_rng(0)
    scores = rng.lognormal(size=200)
    halves = scores[::2], scores[1::2]
    values = list(
        itertools.chain(*([conformal_p(one, other) for one in own] for own, other in (halves, halves[::-1])))
    )
    assert abs(np.mean(values) - 0.5) < 0.05
