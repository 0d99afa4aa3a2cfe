"""What of audit.toml describes a system of one's own, and what goes together with the study."""

from pathlib import Path

import pytest

from trivet.config import AuditConfig, AuditSection, load_config
from trivet.errors import UsageError

SCAN = '[security.scan]\ncheckpoint = "a.pth"\n'
OWN = "[audit]\nstudy = false\n"
TABLE = '[fairness.table]\ntable = "t.csv"\nlabel = "y"\nsensitive = ["g"]\n'


def load(folder, text):
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_the_legs_are_those_that_are_described(tmp_path):
    table = '[fairness.table]\ntable = "adult"\nestimator = "logistic"\n'
    assert load(tmp_path, OWN + SCAN).audit.legs == ("security",)
    assert load(tmp_path, OWN + SCAN + table).audit.legs == ("security", "fairness")
    assert load(tmp_path, OWN + 'legs = ["fairness"]\n' + SCAN + table).audit.legs == ("fairness",)
    assert load(tmp_path, OWN + '[privacy]\naudits = ["a.json"]\n').audit.legs == ("privacy",)


def test_a_plan_of_releases_is_of_neither_the_study_nor_the_audited_system(tmp_path):
    released = '[[privacy.release.queries]]\nquery = "count"\n'
    own = load(tmp_path, OWN + '[privacy]\naudits = ["a.json"]\n' + released)
    assert own.audit.legs == ("privacy",)
    assert own.privacy.release is not None


def test_effects_are_of_a_network_or_a_table_and_their_images_start_at_the_files_folder(tmp_path):
    own = load(tmp_path, OWN + "effects = true\n" + SCAN + '[effects]\nmembers = "seen"\nrepairs = ["clp"]\n')
    assert own.effects.members == str(tmp_path / "seen")
    assert own.effects.repairs == ("clp",)
    named = load(tmp_path, OWN + "effects = true\n" + SCAN + '[effects]\nmembers = "mnist"\n')
    assert named.effects.members == "mnist"


def test_a_model_to_train_is_a_privacy_leg_of_its_own(tmp_path):
    own = load(tmp_path, OWN + '[privacy.model]\ntable = "t.csv"\nlabel = "y"\ngroup = ["g"]\nshadows = 8\n')
    assert own.audit.legs == ("privacy",)
    assert own.privacy.model.table == str(tmp_path / "t.csv")
    assert (own.privacy.model.model, own.privacy.model.shadows) == ("logistic", 8)
    named = load(tmp_path, OWN + '[privacy.model]\nimages = "mnist"\nmodel = "nets:small"\n')
    assert named.privacy.model.images == "mnist"


def test_paths_start_at_the_files_folder_and_names_of_embedded_data_stay(tmp_path):
    scan = (
        '[security.scan]\ncheckpoint = "a.pth"\nimages = "pictures"\ncontract = "c.json"\nreference = "r"\n'
        'layers = "l.json"\nclass_order = "o.json"\n'
    )
    own = load(
        tmp_path,
        OWN + scan + '[fairness.table]\ntable = "d.duckdb:t"\nestimator = "logistic"\n'
        'label = "y"\nsensitive = ["g"]\n',
    )
    assert own.security.scan.checkpoint == tmp_path / "a.pth"
    assert own.security.scan.images == str(tmp_path / "pictures")
    assert own.security.scan.contract == str(tmp_path / "c.json")
    assert own.security.scan.reference == tmp_path / "r"
    assert own.security.scan.layers == str(tmp_path / "l.json")
    assert own.security.scan.class_order == str(tmp_path / "o.json")
    assert own.fairness.table.table == str(tmp_path / "d.duckdb:t")
    named = '[security.scan]\ncheckpoint = "demo"\nimages = "mnist"\ncontract = "0.5/0.5"\n'
    own = load(tmp_path, OWN + named + '[fairness.table]\ntable = "adult"\nestimator = "logistic"\n')
    assert own.security.scan.is_demo
    assert own.security.scan.checkpoint == Path("demo")
    assert own.security.scan.images == "mnist"
    assert own.security.scan.contract == "0.5/0.5"
    assert own.fairness.table.table == "adult"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN, "no section describes a system of your own"),
        (
            OWN + 'effects = true\n[privacy]\naudits = ["a.json"]\n',
            "effects are measured on a network or a table of your own",
        ),
        (
            '[audit]\neffects = true\n[effects]\nmembers = "m"\n',
            "[effects.members] describes a system of your",
        ),
        (OWN + SCAN + "[effects]\nrows = 9\n", "[effects] rows should be greater than or equal to 1000"),
        (OWN + SCAN + "[effects]\nbudget = 0\n", "[effects] budget"),
        (OWN + "[privacy.model]\nshadows = 4\n", "give one of table and images"),
        (OWN + '[privacy.model]\ntable = "t.csv"\n', "a table needs label"),
        (OWN + '[privacy.model]\ntable = "adult"\nlabel = "y"\n', "are of a table of your own"),
        (OWN + '[privacy.model]\ntable = "adult"\nattack = "guess"\n', "model.attack should be"),
        (OWN + TABLE + 'prediction = "p"\nmitigate = ["massaging"]\n', "mitigate: nothing is done with it"),
        (OWN + TABLE + 'score = "s"\nrepeats = 3\n', "repeats: nothing is done with it beside score"),
        (OWN + TABLE + 'prediction = "p"\ncut = 0.4\n', "cut: nothing is done with it beside prediction"),
        (OWN + TABLE + 'estimator = "logistic"\ncounts_only = true\n', "counts_only: nothing is done"),
        (OWN + TABLE + 'prediction = "p"\ncounts_only = true\nrows = 9\n', "looks at no rows"),
        (SCAN, "set study = false"),
        (OWN + 'legs = ["privacy"]\n' + SCAN, "legs names privacy, and nothing describes it"),
        (OWN + '[security]\nprofile = "smoke"\n' + SCAN, "[security] profile: of the built-in study"),
        (OWN + "[security.scan]\n", "[security] scan.checkpoint is missing"),
        (OWN + '[security.scan]\ncheckpoin = "a"\n', "did you mean checkpoint?"),
        (OWN + "[security]\nscan = 3\n", "[security] scan should be"),
        (OWN + '[security.scan]\ncheckpoint = "a"\nrepair = "pray"\n', "scan.repair should be 'auto'"),
        (
            OWN + '[fairness.table]\ntable = "t.csv"\n',
            "prediction, score, selected, outcome, rank and estimator, found none",
        ),
        (
            OWN + '[fairness.table]\ntable = "t.csv"\nscore = "s"\nprediction = "p"\n',
            "found prediction and score",
        ),
        (OWN + '[fairness.table]\ntable = "t.csv"\nscore = "s"\n', "a table needs sensitive"),
        (OWN + '[fairness.table]\ntable = "adult"\nscore = "s"\n', "adult has no predictions"),
        (OWN + '[fairness.table]\ntable = "adult"\nestimator = "logistic"\nrows = 3\n', "adult has its own"),
    ],
)
def test_what_does_not_go_together_is_named(tmp_path, text, message):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_study_is_what_it_was():
    assert AuditConfig().audit == AuditSection(study=True, legs=("security", "privacy", "fairness"))
