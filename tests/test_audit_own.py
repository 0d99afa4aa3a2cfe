"""What an audit of one's own system trains itself: a model with its shadows, and remedies across the legs."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from trivet.audit import keep_parts, run_audit
from trivet.config import load_config
from trivet.errors import DataError, UsageError
from trivet.privacy.membership import shadows
from trivet.privacy.membership.audit import attack_model, attack_subject
from trivet.privacy.membership.settings import ModelOptions
from trivet.privacy.membership.subject import load_subject
from trivet.record import as_json

MODEL = """
[audit]
study = false
seed = 5
[privacy.model]
table = "people.csv"
label = "hired"
group = ["sex"]
model = "tree"
shadows = 6
workers = 1
"""


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    sex = generator.choice(["female", "male"], 240)
    skill = generator.normal(size=240) + (sex == "male")
    pd.DataFrame(
        {"sex": sex, "skill": skill, "hired": (skill + generator.normal(size=240) > 0.5).astype(int)}
    ).to_csv(tmp_path / "people.csv", index=False)
    return tmp_path


def config(folder, text):
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_a_model_is_trained_with_its_shadows_and_attacked(folder):
    done = run_audit(config(folder, MODEL))
    found = done.record.privacy.membership
    options = ModelOptions(label="hired", group=("sex",), model="tree", shadows=6)
    expected = attack_subject(
        load_subject(folder / "people.csv", options, seed=5), options, seed=5, workers=1
    ).result
    assert dataclasses.replace(found, discoveries=None) == dataclasses.replace(expected, discoveries=None)
    assert found.verdict == "exposed"  # a tree knows its rows by heart
    assert list(done.inputs) == ["people.csv"]


def test_the_record_names_no_row_of_a_person(folder):
    plain = as_json(run_audit(config(folder, MODEL)).record)["privacy"]["membership"]
    assert plain["discoveries"]["rows"] == []


def test_models_that_a_killed_run_trained_are_not_trained_again(folder, monkeypatch):
    trained = []
    usual = shadows.train

    def counted(*given, **named):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(named["seed"])
        return usual(*given, **named)

    monkeypatch.setattr(shadows, "train", counted)
    settings = config(folder, MODEL)
    out = folder / "out"
    with pytest.raises(KeyboardInterrupt), keep_parts(out) as parts:
        run_audit(settings, parts=parts)
    assert len(trained) == 3
    assert any(out.rglob("model-*.npz"))
    monkeypatch.setattr(shadows, "train", usual)
    again = []
    monkeypatch.setattr(
        shadows, "train", lambda *given, **named: again.append(named["seed"]) or usual(*given, **named)
    )
    with keep_parts(out) as parts:
        found = run_audit(settings, parts=parts)
        parts.remove()
    assert len(again) == 7 - 3
    assert not set(again) & set(trained)
    assert list(out.iterdir()) == []
    monkeypatch.setattr(shadows, "train", usual)
    assert found.record == run_audit(settings).record


def test_there_is_room_for_one_audit_of_a_model(folder):
    plain = as_json(run_audit(config(folder, MODEL)).record)["privacy"]["membership"]
    (folder / "membership.json").write_text(json.dumps(plain), encoding="utf-8")
    both = MODEL.replace("[privacy.model]", '[privacy]\naudits = ["membership.json"]\n[privacy.model]')
    with pytest.raises(UsageError, match="a report has room for one"):
        run_audit(config(folder, both))


def test_a_file_that_has_no_place_in_a_run_is_refused_before_anything_is_trained(folder, monkeypatch):
    monkeypatch.setattr(shadows, "train", lambda *_a, **_n: pytest.fail("trained"))
    (folder / "fairness.json").write_text('{"data": "people.csv", "outcome": "skill"}', encoding="utf-8")
    text = f'{MODEL}[fairness]\naudits = ["fairness.json"]\n'
    with pytest.raises(DataError, match=r"is not .* predictions or mitigations \(amounts, rankings"):
        run_audit(config(folder, text))


def test_a_budget_leaves_out_shadow_models_and_says_how_many_there_are():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(160, 3))
    y = (X[:, 0] + generator.normal(size=160) > 0).astype(int)
    clock = iter(range(1000))

    def attacked(budget):
        return attack_model("tree", X, y, shadows=8, attacks=("rmia",), workers=1, budget=budget).result

    with pytest.MonkeyPatch.context() as patch:
        # Each look at the clock is a second later; one stands before every training.
        patch.setattr("trivet.privacy.membership.audit.monotonic", lambda: next(clock))
        late = attacked(6.5)
    # The audited model, and then five shadow models, of which the last has no other half.
    assert late.shadows == 4
    with pytest.raises(UsageError, match="shadow models were trained, and the attacks need 4"):
        attacked(1e-9)
    whole = attacked(None)
    assert whole.shadows == 8
    assert whole.attacks != late.attacks


EFFECTS = """
[audit]
study = false
effects = true
[fairness.table]
table = "people.csv"
label = "hired"
sensitive = ["sex"]
estimator = "logistic"
mitigate = ["reweighing"]
repeats = 0
[effects]
rows = 1_000
samples = 3
pairs = 2
draws = 200
private = false
"""


@pytest.mark.slow
def test_effects_of_an_own_table_stand_in_its_record(folder):
    pd.concat([pd.read_csv(folder / "people.csv")] * 2).to_csv(folder / "people.csv", index=False)
    done = run_audit(config(folder, EFFECTS))
    matrix = done.record.effects
    assert (matrix.study, matrix.estimator) == (False, "logistic")
    assert {effect.intervention for effect in matrix.effects} == {
        "reweighing",
        "noise-1",
        "noise-0.1",
        "noise-0.01",
    }
    # The exact ratio that the noise is added to is that of the audit beside it.
    women = done.record.fairness.audit.attributes[0].groups[0]
    noise = next(each for each in matrix.effects if each.measurement.startswith("impact-"))
    ratio = women.disparate_impact or done.record.fairness.audit.attributes[0].groups[1].disparate_impact
    assert noise.before == pytest.approx(ratio.value)
    assert done.seconds["effects"] > 0


NETWORK = """
[audit]
study = false
effects = true
[security.scan]
checkpoint = "demo"
images = "mnist"
limit = 600
profile = "quick"
[effects]
repairs = ["clp", "unlearn"]
members = "mnist/train"
"""


@pytest.mark.slow
def test_effects_of_an_own_network_are_of_what_its_scan_suspects(tmp_path):
    done = run_audit(config(tmp_path, NETWORK))
    matrix = done.record.effects
    assert [row.name for row in matrix.interventions] == ["clp", "unlearning"]
    assert matrix.images + matrix.repair_images == 600
    (frontier,) = matrix.frontiers
    asr = [axis.name for axis in frontier.axes].index("asr")
    points = {point.name: point.figures[asr].value for point in frontier.points}
    assert points["none"] > 0.9
    assert points["unlearning"] < 0.1
    assert {each.label for each in matrix.classes} == set(range(10))
    exposures = [each for each in matrix.effects if each.measurement == "member-exposure"]
    assert all(each.low <= each.change <= each.high for each in exposures)
    assert matrix.member_images == 600


@pytest.mark.slow
def test_training_images_that_the_scan_was_shown_as_well_are_refused(tmp_path):
    with pytest.raises(UsageError, match="are also among the images"):
        run_audit(config(tmp_path, NETWORK.replace("mnist/train", "mnist")))
