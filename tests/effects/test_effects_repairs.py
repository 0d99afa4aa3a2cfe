"""Repairs of the embedded network: what they do to classes and images, and where they start from."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from trivet.datasets import load_mnist
from trivet.datasets.images import ImageSet
from trivet.effects import RepairSubject, suspect_of
from trivet.effects.repairs import (
    CHEAP,
    REPAIR_MEASUREMENTS,
    SHARE_SHOWN,
    WORK,
    Backdoor,
    _by_class,
    _left_out,
    _multiplications,
    _with_weights,
    repair_changes,
    repair_interventions,
)
from trivet.paired import paired_difference_interval
from trivet.privacy.membership.rates import auroc
from trivet.security import load_demo_checkpoint
from trivet.security.checkpoint import DEMO_TARGET, DEMO_TRIGGER
from trivet.security.contract import check_contract, contract_named
from trivet.security.repairs.methods import REPAIRS, RepairMethod
from trivet.security.repairs.training import Repaired, RepairInput
from trivet.security.repairs.unlearning import PATCH_SEARCH, UnlearningSettings, unlearn_in_rounds


@pytest.fixture(scope="module")
def images():
    return load_mnist("test").take(np.arange(600))


def unlearning(*rounds):
    """Give the study's repair, with other settings."""

    def run(case, *, seed, progress):
        repaired = unlearn_in_rounds(
            case.model,
            case.contract,
            case.images,
            case.trigger,
            case.target,
            rounds,
            seed=seed,
            progress=progress,
        )
        return Repaired(repaired, "", 0)

    return RepairMethod("unlearn", 4, run)


@pytest.fixture(scope="module")
def subject(images):
    checkpoint = load_demo_checkpoint()
    return RepairSubject(
        checkpoint.info.name,
        checkpoint.model,
        contract_named("(x-0.5)/0.5"),
        images,
        Backdoor(DEMO_TRIGGER, DEMO_TARGET),
        (unlearning(UnlearningSettings(steps=20, learning_rate=1e-2)), REPAIRS["clp"]),
        members=load_mnist("test").take(np.arange(600, 700)),
    )


@pytest.fixture(scope="module")
def found(subject):
    return repair_changes(subject, level=0.95, seed=0)


def test_the_figures_are_those_of_both_networks(subject, found):
    changes = {name: change for (row, name), change in found.changes.items() if row == "unlearning"}
    assert list(changes) == [each.name for each in REPAIR_MEASUREMENTS]
    assert changes["worst-class-accuracy"].before > 0.9
    # Twenty coarse steps cost accuracy.
    assert changes["worst-class-accuracy"].after < changes["worst-class-accuracy"].before
    assert 0 < changes["class-spread"].before < changes["class-spread"].after
    # The network was trained on other images: before the repair it knows neither half.
    assert 0.4 < changes["repair-exposure"].before < 0.6
    for change in changes.values():
        assert change.low <= change.change <= change.high


@pytest.mark.slow
def test_the_same_seed_gives_the_same_changes(subject, found):
    assert repair_changes(subject, level=0.95, seed=0) == found


def paired_cells(before, after):
    """Count images that both get right, only the network after, only that before, and neither."""
    return [
        int(((after == one) & (before == other)).sum())
        for one, other in ((True, True), (True, False), (False, True), (False, False))
    ]


def test_accuracies_and_exposures_are_those_of_the_networks_reckoned_by_hand(subject, found):
    """The loss and the class of every image, straight from the weights of both networks."""
    used, held_out = subject.images.split(0.5, seed=0)
    repaired = (
        REPAIRS["clp"]
        .run(
            RepairInput(subject.model, subject.contract, used, DEMO_TRIGGER, DEMO_TARGET, PATCH_SEARCH),
            seed=0,
            progress=lambda _share: None,
        )
        .model
    )
    right, sure = [], []
    for network in (subject.model, repaired):
        with torch.inference_mode():
            pixels = torch.from_numpy(np.concatenate([held_out.unit(), subject.members.unit()]))
            logits = network.logits(2 * pixels - 1).double()
        truth = torch.from_numpy(np.concatenate([held_out.labels, subject.members.labels]))
        right.append((logits.argmax(dim=1) == truth).numpy()[: len(held_out)])
        sure.append(-functional.cross_entropy(logits, truth, reduction="none").numpy())
    accuracy, loss, members = (
        found.changes["clp", name] for name in ("accuracy", "class-loss", "member-exposure")
    )
    cells = paired_cells(*right)
    expected = paired_difference_interval(*cells, level=0.95)
    assert (accuracy.before, accuracy.after) == (right[0].mean(), right[1].mean())
    assert (accuracy.low, accuracy.high) == (expected.low, expected.high)
    by_class = {
        label: [float(side[held_out.labels == label].mean()) for side in right] for label in range(10)
    }
    mine = {each.label: each for each in found.classes if each.intervention == "clp"}
    assert {label: [each.before, each.after] for label, each in mine.items()} == by_class
    worst = min(by_class, key=lambda label: by_class[label][1] - by_class[label][0])
    assert [loss.before, loss.after] == by_class[worst]
    assert loss.note.startswith(f"It is class {worst};")
    # All ten hold at once: each is wider than an interval of its own.
    rows = held_out.labels == worst
    cells = paired_cells(*(side[rows] for side in right))
    wide = paired_difference_interval(*cells, level=0.995)
    assert (loss.low, loss.high) == (wide.low, wide.high)
    for side, value in zip(sure, (members.before, members.after), strict=True):
        outside, inside = side[: len(held_out)], side[len(held_out) :]
        assert value == pytest.approx(auroc(inside, outside).value)


def test_the_frontier_weighs_every_repair_with_the_network_as_it_is(found):
    (frontier,) = found.frontiers
    assert [axis.name for axis in frontier.axes] == ["accuracy", "worst-class", "exposure", "asr"]
    assert [point.name for point in frontier.points] == ["none", "unlearning", "clp"]
    first = frontier.points[0].figures
    assert first[0].value == found.changes["clp", "accuracy"].before
    assert first[3].value > 0.9
    for point in frontier.points:
        for figure in point.figures:
            assert figure.low <= figure.value <= figure.high


def test_without_training_images_and_a_trigger_cells_say_why(subject):
    alone = dataclasses.replace(subject, members=None, backdoor=None)
    found = repair_changes(alone, level=0.95, seed=0)
    assert {change.reason for (row, _), change in found.changes.items() if row == "unlearning"} == {
        "no label is suspected, so nothing was repaired"
    }
    # What a repair that needs no trigger costs is measured on a network of which nothing is suspected.
    assert found.changes["clp", "accuracy"].low is not None
    # A column that nothing can be known of is left out.
    assert {column for _, column in found.changes} == {each.name for each in alone.columns}
    assert "member-exposure" not in {each.name for each in alone.columns}
    (frontier,) = found.frontiers
    assert [axis.name for axis in frontier.axes] == ["accuracy", "worst-class", "exposure"]
    late = repair_changes(alone, level=0.95, seed=0, is_up=lambda: True, late="the time is up")
    assert {late.changes["clp", each.name].reason for each in alone.columns} == {"the time is up"}
    assert not late.repaired
    assert late.frontiers == ()


def test_the_multiplications_of_an_image_are_those_of_its_layers(subject):
    """By hand: 16 maps of 24x24 from 5x5, 32 of 8x8 from 16x5x5, and two matrices."""
    layers = 16 * 24 * 24 * 25 + 32 * 8 * 8 * 16 * 25 + 512 * 512 + 512 * 10
    assert _multiplications(subject.model, subject.contract, subject.images) == layers


def test_repairs_that_take_too_much_are_left_out_and_say_what_they_would_take():
    """fst takes 200 batches of 128 images, i-bau 16,000 images, anp 19,200, each forward and back."""
    assert _left_out(CHEAP, 4e7, None) == {}
    left = WORK * (1 - SHARE_SHOWN)
    forward = left / (3 * 200 * 128)  # fst alone fits to the digit
    found = _left_out(CHEAP, forward, None)
    assert list(found) == ["i-bau", "anp"]
    assert found["anp"].startswith(f"it takes about {left * 19_200 / 25_600 / 1e12:.0f} trillion")
    assert "0 trillion were left" in found["anp"]
    assert list(_left_out((*CHEAP, "unlearn"), forward / 4, Backdoor(DEMO_TRIGGER, 0))) == ["unlearn"]


def test_what_is_left_out_and_what_is_repaired_already_takes_no_time(subject):
    def never(case, *, seed, progress):
        raise AssertionError("it was run")

    repaired = REPAIRS["clp"].run(
        RepairInput(
            subject.model,
            subject.contract,
            subject.images.split(0.5, seed=0)[0],
            DEMO_TRIGGER,
            DEMO_TARGET,
            PATCH_SEARCH,
        ),
        seed=0,
        progress=lambda _share: None,
    )
    weights = {name: each.numpy() for name, each in repaired.model.weights().items()}
    known = _with_weights(subject.model, weights)
    idle = dataclasses.replace(
        subject,
        methods=(RepairMethod("fst", 1, never), RepairMethod("clp", 0, never)),
        left_out={"fst": "it is too much"},
        finished={"clp": known},
    )
    found = repair_changes(idle, level=0.95, seed=0)
    assert found.changes["fst", "accuracy"].reason == "it is too much"
    again = repair_changes(dataclasses.replace(subject, methods=(REPAIRS["clp"],)), level=0.95, seed=0)
    assert {name: each for name, each in found.changes.items() if name[0] == "clp"} == again.changes
    assert _with_weights(subject.model, {**weights, "other": np.zeros(1)}) is None


def test_fewer_images_are_shown_where_networks_are_large(subject):
    few = dataclasses.replace(subject, methods=(REPAIRS["clp"],), shown=100)
    used, held_out = few.divided(seed=0)
    assert (len(used), len(held_out)) == (300, 100)
    found = repair_changes(few, level=0.95, seed=0)
    assert sum(each.images for each in found.classes) == 100


def test_a_repair_that_learns_its_images_by_heart_exposes_them(subject, images):
    overfitted = dataclasses.replace(
        subject,
        images=images.take(np.arange(300)),
        methods=(unlearning(UnlearningSettings(epochs=25, learning_rate=3e-3, batch_size=64)),),
    )
    exposure = repair_changes(overfitted, level=0.95, seed=0).changes["unlearning", "repair-exposure"]
    assert exposure.low > 0
    assert exposure.after > 0.55


def test_simultaneous_intervals_hold_for_all_classes_at_once():
    """Ten classes that a repair leaves as good as they were: any that is called changed is a mistake."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 150)
    images = ImageSet("none", np.zeros((len(labels), 1, 1, 1), dtype=np.float32), labels, 10)
    row = repair_interventions(["clp"])[0]
    wrong = 0
    for _ in range(300):
        common = generator.random(len(labels)) < 0.85
        before, after = (common ^ (generator.random(len(labels)) < 0.05) for _ in range(2))
        found = _by_class(images, before, after, row, level=0.95)
        wrong += any(each.outcome != "no measurable effect" for each in found)
    assert wrong / 300 <= 0.07


def test_the_suspect_is_what_the_scan_found(images):
    checkpoint = load_demo_checkpoint()
    declared = contract_named("[0,1]")
    check = check_contract(checkpoint.model, images.take(np.arange(200)), declared)
    masks, patterns = np.random.default_rng(0).random((2, 10, 1, 28, 28), dtype=np.float32)
    found = SimpleNamespace(suspected_label=6, contract=check)
    given = {"masks": masks, "patterns": patterns, "declared": "[0,1]"}
    subject = suspect_of(checkpoint, found, images, **given)
    assert subject.contract.name == "(x-0.5)/0.5"  # the best, not the declared one
    assert subject.backdoor.target == 6
    np.testing.assert_array_equal(subject.backdoor.trigger.mask, masks[6])
    np.testing.assert_array_equal(subject.backdoor.trigger.pattern, patterns[6])
    nobody = SimpleNamespace(suspected_label=None, contract=check)
    assert suspect_of(checkpoint, nobody, images, **given).backdoor is None
