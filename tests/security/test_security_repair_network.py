"""Which repair is recommended, what it is judged by, and what is refused."""

import copy
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from attacked_toy import CONTRACT, SHAPE, TARGET, TRIGGER, attacked_network, toy_images
from scipy.stats import binomtest
from torch.nn import functional

from trivet.datasets import ImageSet
from trivet.errors import CheckpointError, DataError, TrivetError, UsageError
from trivet.security import Trigger, attack_rates, attack_success_rate, clean_accuracy
from trivet.security.frozen import freeze
from trivet.security.repairs import (
    REPAIRS,
    RepairBounds,
    Repaired,
    RepairMethod,
    UniversalUnlearningSettings,
    UnlearningSettings,
    register,
    relearning,
    repair_method,
    repair_network,
    repairing,
    unlearn,
)
from trivet.security.repairs import methods as methods_file
from trivet.security.repairs.repairing import accuracy_loss
from trivet.security.repairs.squares import leading_square, working_squares
from trivet.security.settings import MethodName

WORKING, HELD_OUT = toy_images(600, seed=2), toy_images(500, seed=3)


@dataclass(frozen=True)
class Verdict:
    verdict: str


def nothing(case, *, seed, progress):
    return Repaired(case.model, "nothing", 0)


UNLEARNED = {}


def cure(steps, *, spoil=0):
    """Return a method that unlearns the true trigger, then adds to one score of every image.

    The same unlearning of the same images is done once for all tests.
    """

    def run(case, *, seed, progress):
        key = steps, seed, case.images.pixels.tobytes()
        if key not in UNLEARNED:
            settings = UnlearningSettings(steps=steps, batch_size=64, learning_rate=2e-3)
            UNLEARNED[key] = unlearn(case.model, case.contract, case.images, [TRIGGER], settings, seed=seed)
        progress(1.0)
        model = copy.deepcopy(UNLEARNED[key])
        model.fc.bias[0] += spoil
        return Repaired(model, f"{steps} steps", steps * 64)

    return run


def fail(case, *, seed, progress):
    raise AssertionError("it was not to be tried")


#: What relearning finds out is tested where it is; here it is short.
SHORT = replace(relearning.RELEARNING, training=replace(relearning.RELEARNING.training, steps=2))


@pytest.fixture
def methods(monkeypatch):
    """Give the registry other methods for the time of a test: name, method, in order."""
    monkeypatch.setattr(repairing, "relearn", partial(relearning.relearn, settings=SHORT))

    def use(*known):
        saved = dict(REPAIRS)
        REPAIRS.clear()
        undo.append(saved)
        for order, (name, run) in enumerate(known):
            register(RepairMethod(name, order, run))

    undo = []
    yield use
    for saved in undo:
        REPAIRS.clear()
        REPAIRS.update(saved)


def repair(**arguments):
    given = {"trigger": TRIGGER, "target": TARGET, "seed": 0, **arguments}
    return repair_network(attacked_network(), CONTRACT, WORKING, HELD_OUT, **given)


def test_the_methods_are_known_in_the_order_in_which_auto_tries_them():
    names = ["clp", "unlearn", "fst", "i-bau", "anp", "fine-tune", "fine-prune", "ft-sam"]
    assert list(REPAIRS) == names
    assert set(get_args(MethodName)) == {"auto", *names}
    assert repair_method("ft-sam") is REPAIRS["ft-sam"]
    with pytest.raises(UsageError, match=f"expected one of: auto, {', '.join(names)}"):
        repair_method("magic")


def test_a_new_method_takes_its_place_and_no_name_is_taken_twice(methods):
    methods(("cheap", nothing), ("costly", nothing))
    register(RepairMethod("between", 0.5, nothing))
    assert list(REPAIRS) == ["cheap", "between", "costly"]
    for name in ("cheap", "auto"):
        with pytest.raises(UsageError, match=f"called '{name}' already"):
            register(RepairMethod(name, 9, nothing))
    assert REPAIRS["cheap"].order == 0


def test_a_repair_is_measured_on_held_out_images_before_and_after(methods):
    methods(("cure", cure(60)))
    found = repair(method="cure", true_trigger=TRIGGER, rescan=lambda _model: Verdict("no evidence"))
    (attempt,) = found.result.attempts
    for score, when in ((attacked_network(), "before"), (found.model, "after")):
        network = CONTRACT.bind(freeze(score))
        asr, robust = attack_rates(network, HELD_OUT, TRIGGER, TARGET)
        assert getattr(attempt.clean_accuracy, when).value == clean_accuracy(network, HELD_OUT)
        assert getattr(attempt.asr, when) == getattr(attempt.true_trigger_asr, when)
        assert getattr(attempt.asr, when).value == asr
        rate = getattr(attempt.robust_accuracy, when)
        assert rate.low <= rate.value == robust < rate.high
    assert attempt.asr.before.number > 0.99
    assert attempt.asr.after.number < 0.02
    assert attempt.robust_accuracy.after.number > 0.9
    assert (attempt.removed, attempt.reason, attempt.second_verdict) == (True, None, "no evidence")
    loss = attempt.accuracy_loss
    assert loss.number == pytest.approx(
        attempt.clean_accuracy.before.number - attempt.clean_accuracy.after.number
    )
    assert loss.low < loss.number < loss.high
    result = found.result
    assert (result.requested, result.chosen, result.removed, result.target) == ("cure", "cure", True, TARGET)
    assert (result.working_images, result.held_out_images) == (600, 500)
    assert "cure removed the backdoor" in result.summary
    assert json.loads(json.dumps(asdict(result)))["attempts"][0]["work"] == "60 steps"


def test_auto_stops_at_the_first_method_that_costs_next_to_nothing(methods):
    methods(("nothing", nothing), ("cure", cure(60)), ("late", fail))
    found = repair()
    assert [attempt.method for attempt in found.result.attempts] == ["nothing", "cure"]
    assert found.result.chosen == "cure"
    assert [attempt.removed for attempt in found.result.attempts] == [False, True]
    assert "still succeeds on 100.0% of the images" in found.result.attempts[0].reason


def test_auto_goes_on_for_a_smaller_loss_and_keeps_the_smallest(methods):
    methods(("spoilt", cure(60, spoil=3.0)), ("cure", cure(60)), ("worse", cure(60, spoil=1.5)))
    never = replace(RepairBounds(), accuracy_loss=1.0, good_enough=-1.0, asr=0.5)
    found = repair(bounds=never)
    accuracy = {attempt.method: attempt.clean_accuracy.after.number for attempt in found.result.attempts}
    assert all(attempt.removed for attempt in found.result.attempts)
    assert accuracy["spoilt"] < accuracy["worse"] < accuracy["cure"]
    assert found.result.chosen == "cure"
    assert clean_accuracy(CONTRACT.bind(freeze(found.model)), HELD_OUT) == accuracy["cure"]


@pytest.mark.parametrize(
    ("method", "verdict", "reason"),
    [
        (nothing, "no evidence", "the reconstructed trigger still succeeds"),
        (cure(60, spoil=9.0), "no evidence", "clean accuracy falls by"),
        (cure(60), "suspicious", "a second scan calls the repaired network suspicious"),
    ],
)
def test_without_a_removed_backdoor_no_weights_are_recommended(methods, method, verdict, reason):
    methods(("only", method))
    scanned = []

    def rescan(model):
        scanned.append(model)
        return Verdict(verdict)

    found = repair(rescan=rescan)
    assert found.model is None
    assert (found.result.removed, found.result.chosen) == (False, None)
    assert reason in found.result.attempts[0].reason
    assert "not removed by only" in found.result.summary
    assert len(scanned) == (verdict == "suspicious")
    assert found.result.attempts[0].second_verdict == ("suspicious" if scanned else None)


def test_a_reconstruction_that_misses_the_true_trigger_does_not_pass(methods):
    methods(("nothing", nothing))
    elsewhere = Trigger.square(row=0, column=4, size=3, value=1.0, shape=SHAPE)
    loose = replace(RepairBounds(), asr=1.01)
    found = repair(trigger=elsewhere, bounds=replace(loose, asr=0.9999), true_trigger=TRIGGER)
    assert "the attacker's own trigger still succeeds" in found.result.attempts[0].reason
    assert not found.result.removed


def answering(square):
    """Return a network that has no other backdoor than an exact square."""
    rows, columns = np.nonzero(square.mask[0])
    wanted = torch.from_numpy(square.pattern[0, rows, columns])

    def score(pixels):
        corners = pixels[:, 0].unflatten(1, (2, 6)).unflatten(3, (2, 6)).mean(dim=(2, 4)).flatten(1)
        on = (pixels[:, 0, rows, columns] == wanted).all(dim=1)
        return corners + 1e3 * on[:, None] * functional.one_hot(torch.tensor(TARGET), 4)

    return score


@pytest.mark.parametrize("value", [1.0, 0.0])
def test_squares_at_the_place_of_a_patch_name_the_one_that_the_network_answers_to(value):
    square = Trigger.square(row=4, column=5, size=3, value=value, shape=SHAPE)
    patch = Trigger.square(row=3, column=4, size=5, value=0.4, shape=SHAPE)
    working = working_squares(answering(square), WORKING, patch, TARGET)
    assert np.array_equal(working[0].mask, square.mask)
    assert (working[0].pattern == value).all()
    lead = leading_square(answering(square), WORKING, HELD_OUT, patch, TARGET)
    assert (lead.success, lead.without) == (1, pytest.approx(0, abs=0.05))
    elsewhere = Trigger.square(row=0, column=0, size=2, value=0.4, shape=SHAPE)
    assert working_squares(answering(square), WORKING, elsewhere, TARGET) == []


def test_a_repair_that_leaves_a_plain_square_at_work_does_not_pass(methods, monkeypatch):
    """The reconstruction is dark, so it no longer works; the square that the attacker stamped does."""

    def deaf(case, *, seed, progress):
        monkeypatch.setattr(repairing, "attack_rates", lambda *_a: (0.0, 1.0))
        return Repaired(case.model, "nothing", 0)

    methods(("deaf", deaf))
    found = repair()
    reason = found.result.attempts[0].reason
    assert re.fullmatch(
        r"a plain square at the trigger's place still sends [89]\d\.\d% to the label.*", reason
    )
    assert not found.result.removed


def test_the_repair_never_sees_a_held_out_image(methods):
    seen = []

    def look(case, *, seed, progress):
        seen.append(case.images)
        return nothing(case, seed=seed, progress=progress)

    methods(("look", look))
    rows = np.r_[np.arange(30), np.arange(30)]
    both = replace(WORKING, pixels=WORKING.pixels.copy(), labels=WORKING.labels.copy())
    both.pixels[:60], both.labels[:60] = HELD_OUT.pixels[rows], HELD_OUT.labels[rows]
    repair_network(attacked_network(), CONTRACT, both, HELD_OUT, trigger=TRIGGER, target=TARGET, seed=0)
    assert len(seen[0]) == 540
    assert not {image.tobytes() for image in seen[0].pixels} & {image.tobytes() for image in HELD_OUT.pixels}
    with pytest.raises(UsageError, match="600 of the 600 images for the repair are also among"):
        repair_network(attacked_network(), CONTRACT, WORKING, WORKING, trigger=TRIGGER, target=TARGET, seed=0)


def test_what_one_method_or_the_second_scan_raises_loses_nothing_that_others_did(methods):
    def broken(case, *, seed, progress):
        raise RuntimeError("no gradient")

    methods(("nothing", nothing), ("broken", broken), ("cure", cure(60)))
    result = repair(method=["nothing", "broken"]).result
    assert [attempt.method for attempt in result.attempts] == ["nothing"]
    assert len(result.failed) == 1
    assert "broken was not possible" in result.failed[0]
    assert "no gradient" in result.summary
    with pytest.raises(CheckpointError, match="no gradient"):
        repair(method="broken")

    def unscannable(model):
        raise DataError("it guesses")

    attempt = repair(method="cure", rescan=unscannable).result.attempts[0]
    assert not attempt.removed
    assert "a second scan is not possible: it guesses" in attempt.reason


def test_a_trigger_for_one_class_is_tried_on_that_class(methods):
    methods(("nothing", nothing))
    source = (TARGET + 1) % 4
    result = repair(source=source).result
    own = HELD_OUT.take(HELD_OUT.labels == source)
    score = CONTRACT.bind(freeze(attacked_network()))
    rate = result.attempts[0].asr.before
    assert rate.value == attack_success_rate(score, own, TRIGGER, TARGET)
    exact = binomtest(round(rate.value * len(own)), len(own)).proportion_ci(0.95, method="exact")
    assert (rate.low, rate.high) == (exact.low, exact.high)
    assert f"of images of label {source}, which the trigger is for" in result.summary
    with pytest.raises(DataError, match="no held-out image is of class 9"):
        repair(source=9)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights():
    first, again = (
        repair(method="ft-sam", bounds=RepairBounds(asr=1.0, accuracy_loss=1.0)) for _ in range(2)
    )
    assert first.result == again.result
    states = first.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("method", list(REPAIRS))
def test_every_method_leaves_the_network_alone_and_tells_what_it_did(method, monkeypatch):
    short = {"steps": 6, "batch_size": 32}
    for name in ("FINE_TUNING", "SHARPNESS_AWARE", "FEATURE_SHIFT", "ADVERSARIAL_PRUNING"):
        monkeypatch.setattr(methods_file, name, replace(getattr(methods_file, name), **short))
    monkeypatch.setattr(
        methods_file, "UNIVERSAL", UniversalUnlearningSettings(rounds=2, ascents=1, descents=2, batch_size=32)
    )
    rounds = (UnlearningSettings(**short), UnlearningSettings(**short))
    monkeypatch.setattr(methods_file, "ROUNDS", rounds)
    model, shares = attacked_network(), []
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = repair(method=method, progress=lambda step, share: shares.append((step, share)))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    (attempt,) = found.result.attempts
    assert attempt.method == method
    assert attempt.work
    assert (
        attempt.image_steps
        == {
            "clp": 0,
            "fst": 6 * 32,
            "i-bau": 2 * (1 + 2 * 2) * 32,
            "anp": 3 * 6 * 32,
            "unlearn": 12 * 32 + 150 * 16,
            "fine-tune": 6 * 32,
            "fine-prune": 6 * 32,
            "ft-sam": 2 * 6 * 32,
        }[method]
    )
    own = [share for step, share in shares if step == method]
    assert own == sorted(own)
    assert own[0] == 0
    assert own[-1] == (0 if method == "clp" else 1)


def test_what_cannot_be_repaired_is_refused_in_one_line(methods):
    model = attacked_network()

    def refused(error, match, working=WORKING, held_out=HELD_OUT, trigger=TRIGGER, target=TARGET):
        with pytest.raises(error, match=match) as caught:
            repair_network(model, CONTRACT, working, held_out, trigger=trigger, target=target, seed=0)
        assert "\n" not in str(caught.value)

    none = WORKING.take(np.zeros(600, dtype=bool))
    refused(DataError, "no images for the repair", working=none)
    refused(DataError, "no images for its judgement", held_out=none)
    refused(DataError, "all images for the repair are of class 2", WORKING.take(WORKING.labels == TARGET))
    refused(UsageError, "label 4 is none of the 4 classes", target=4)
    other = Trigger.square(row=0, column=0, size=2, value=1.0, shape=(1, 28, 28))
    refused(DataError, r"made for images of shape \(1, 28, 28\); these have \(1, 12, 12\)", trigger=other)
    dark = Trigger.square(row=11, column=11, size=1, value=0.2, shape=SHAPE)
    refused(UsageError, "no backdoor to remove", trigger=dark)

    def raises(case, *, seed, progress):
        raise RuntimeError("derivative for this operator\nis not implemented")

    methods(("strange", raises))
    refused(CheckpointError, "cannot be repaired by strange: it raises RuntimeError: derivative")


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [
        (0, "removed"),
        pytest.param(8, "unsettled", marks=pytest.mark.slow),
        (12, "unsettled"),
        (40, "not removed"),
    ],
)
def test_the_loss_of_accuracy_is_judged_by_its_interval(methods, monkeypatch, wrong, outcome):
    right = np.ones(1_000, dtype=bool)
    after = right.copy()
    after[:wrong] = False
    loss = accuracy_loss(right, after)
    assert loss.value == wrong / 1_000
    monkeypatch.setattr("trivet.security.repairs.repairing.accuracy_loss", lambda *_right: loss)
    methods(("cure", cure(60)))
    found = repair(bounds=RepairBounds(accuracy_loss=0.01))
    (attempt,) = found.result.attempts
    assert (attempt.outcome, found.result.outcome) == (outcome, outcome)
    assert attempt.removed == (outcome != "not removed") == (found.model is not None)
    assert (outcome == "removed") == (loss.high < 0.01)
    assert (outcome == "not removed") == (loss.low >= 0.01)
    assert ("It takes more images" in found.result.summary) == (outcome == "unsettled")


def test_a_larger_bound_settles_what_a_smaller_one_does_not(methods):
    methods(("spoilt", cure(60, spoil=9.0)))
    loss = repair(bounds=RepairBounds(accuracy_loss=1.0)).result.attempts[0].accuracy_loss
    assert 0 < loss.low < loss.high < 0.9
    for bound, outcome in ((loss.low, "not removed"), (loss.number, "unsettled"), (0.9, "removed")):
        assert repair(bounds=RepairBounds(accuracy_loss=bound)).result.outcome == outcome


def test_the_budget_ends_the_attempts_and_names_what_is_left(methods, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("trivet.security.repairs.repairing.monotonic", lambda: now[0])

    def slow(case, *, seed, progress):
        for step in range(10):
            now[0] += 1
            progress(step / 10)
        return cure(60)(case, seed=seed, progress=lambda _share: None)

    methods(("first", slow), ("second", slow), ("third", slow))
    told = repair(method=["first", "second", "third"], budget=15).result
    assert [attempt.method for attempt in told.attempts] == ["first"]
    assert (told.untried, told.budget, told.chosen) == (("second", "third"), 15, "first")
    assert told.summary.endswith("The budget of 15 s left no time for second, third.")
    assert now[0] == 15
    with pytest.raises(TrivetError, match="used before any of first, second, third was done"):
        repair(budget=5)
    unlimited = repair(method=["first"]).result
    assert (unlimited.untried, unlimited.budget) == ((), None)


def test_a_result_says_what_its_fields_mean():
    from trivet.security.repairs import results  # noqa: PLC0415 - read as a text

    for kind in (results.Relearning, results.RepairAttempt, results.RepairBounds, results.RepairResult):
        for field in fields(kind):
            assert field.name in kind.__doc__


@pytest.mark.parametrize(("size", "corner"), [(96, 0), (100, 98), (128, 127), (224, 222)])
def test_there_are_squares_wherever_a_patch_lies(size, corner):
    shape = (1, size, size)
    patch = Trigger.square(row=corner, column=corner, size=2, value=0.5, shape=shape)
    images = toy_images(20, seed=1)
    large = ImageSet("large", np.zeros((20, *shape), np.float32), images.labels, 4)

    def score(pixels):
        hit = (pixels[:, 0, corner, corner] == 1).float()
        return hit[:, None] * functional.one_hot(torch.tensor(TARGET), 4)

    assert working_squares(score, large, patch, TARGET)
    lead = leading_square(score, large, large, patch, TARGET)
    assert (lead.success, lead.other) == (1, 0)


def test_a_square_is_chosen_on_images_of_other_classes_and_held_against_labels_that_have_some():
    square = Trigger.square(row=4, column=5, size=3, value=1.0, shape=SHAPE)
    patch = Trigger.square(row=3, column=4, size=5, value=0.4, shape=SHAPE)
    first = WORKING.take(np.argsort(WORKING.labels != TARGET, kind="stable"))
    assert leading_square(answering(square), first, HELD_OUT, patch, TARGET).success == 1
    alone = HELD_OUT.take(HELD_OUT.labels == 1)
    assert leading_square(answering(square), first, alone, patch, TARGET).success == 1
