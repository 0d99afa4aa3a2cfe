"""What an audit.toml describes and a record lacks is named, leg by leg and part by part."""

from dataclasses import replace

import pytest

from example_fairness import example_audit, example_comparison
from example_privacy import example_mechanism, example_membership, example_plan
from example_records import example_own_record, example_record
from trivet.audit.described import lacking
from trivet.config import load_config, sections_of
from trivet.fairness.auditing.results import GivenSetting
from trivet.fairness.auditing.settings import TableOptions, given_settings
from trivet.fairness.auditing.table import audit_table
from trivet.record import FairnessLeg, PrivacyLeg, as_json

OWN = "[audit]\nstudy = false\n"
QUERIES = "[privacy.plan]\nepsilon = 0.1\ndelta = 1e-5\n[[privacy.plan.queries]]\ncells = 3\n"
TABLE = (
    '[fairness.table]\ntable = "{data}"\nlabel = "{label}"\nprediction = "{prediction}"\n'
    'sensitive = ["gender", "race"]\n'
)


def lacks(tmp_path, text, record):
    path = tmp_path / "audit.toml"
    path.write_text(text)
    return lacking(load_config(path), sections_of(path), as_json(record))


def own(**legs):
    return replace(example_own_record(), **{"security": None, "privacy": None, "fairness": None, **legs})


def table(audit, **other):
    return TABLE.format(**{"data": audit.data, "label": audit.label, "prediction": audit.prediction, **other})


def test_a_policy_alone_describes_no_audit(tmp_path):
    assert lacks(tmp_path, '[policy]\nrequire = ["privacy.epsilon <= 1"]\n', own()) == ()


@pytest.mark.parametrize("text", ["[audit]\nstudy = true\n", '[audit]\ntitle = "Loans"\n', "[security]\n"])
def test_the_built_in_study_has_three_legs_and_is_in_each(tmp_path, text):
    assert lacks(tmp_path, text, example_record()) == ()
    assert lacks(tmp_path, text, replace(example_record(), privacy=None)) == ("no privacy leg",)
    planned = replace(example_record(), privacy=PrivacyLeg(plan=example_plan()))
    assert lacks(tmp_path, text, planned) == (
        "no built-in study in its privacy leg (study = false leaves it out)",
    )


def test_legs_that_the_study_leaves_out_are_not_missed(tmp_path):
    text = '[audit]\nlegs = ["security", "fairness"]\n'
    assert lacks(tmp_path, text, replace(example_record(), privacy=None)) == ()


def test_each_part_of_privacy_is_looked_for(tmp_path):
    planned = own(privacy=PrivacyLeg(plan=example_plan()))
    assert lacks(tmp_path, OWN + QUERIES, planned) == ()
    assert lacks(tmp_path, OWN + QUERIES, own()) == ("no privacy leg",)
    files = OWN + '[privacy]\naudits = ["one.json", "two.json"]\n'
    one = own(privacy=PrivacyLeg(mechanisms=(example_mechanism(),)))
    assert lacks(tmp_path, files, one) == (
        "1 of the 2 audits of mechanisms, code and a model ([privacy] audits)",
    )
    two = own(privacy=PrivacyLeg(mechanisms=(example_mechanism(),), membership=example_membership()))
    assert lacks(tmp_path, files, two) == ()
    assert lacks(tmp_path, OWN + QUERIES, two) == ("no plan ([privacy.plan])",)


def test_the_table_its_columns_groups_and_metrics_are_looked_for(tmp_path):
    audit = example_audit()
    record = own(fairness=FairnessLeg(audit=audit))
    text = OWN + table(audit)
    assert lacks(tmp_path, text, record) == ()
    assert lacks(tmp_path, OWN + table(audit, prediction="newer"), record) == (
        f"'{audit.prediction}' as its prediction and not 'newer' ([fairness.table])",
    )
    assert lacks(tmp_path, text + 'metric = ["error_rate"]\n', record) == (
        "no 'error_rate' (metric in [fairness.table])",
    )
    fewer = replace(audit, attributes=tuple(each for each in audit.attributes if each.columns == ("gender",)))
    assert fewer.attributes
    assert lacks(tmp_path, text, own(fairness=FairnessLeg(audit=fewer))) == (
        "no groups by 'race' (sensitive in [fairness.table])",
    )


def test_groups_are_looked_for_one_by_one_and_yardsticks_have_to_be_the_same(tmp_path):
    audit = example_audit()
    text = OWN + table(audit)
    crossed = replace(audit, attributes=tuple(each for each in audit.attributes if len(each.columns) > 1))
    assert crossed.attributes
    assert lacks(tmp_path, text, own(fairness=FairnessLeg(audit=crossed))) == (
        "no groups by 'gender' (sensitive in [fairness.table])",
        "no groups by 'race' (sensitive in [fairness.table])",
    )
    wide = own(fairness=FairnessLeg(audit=replace(audit, four_fifths=0.1)))
    assert lacks(tmp_path, text, wide) == ("0.1 as its four-fifths and not 0.8 ([fairness.table])",)
    assert lacks(tmp_path, text + "four_fifths = 0.1\n", wide) == ()


def test_counts_other_names_of_metrics_and_a_column_with_one_value_are_no_lack(tmp_path):
    file = tmp_path / "counts.csv"
    file.write_text("sex,land,hired,people\nf,x,30,100\nm,x,50,100\n")
    settings = f'[fairness.table]\ntable = "{file}"\nselected = "hired"\ntotal = "people"\n'
    settings += 'sensitive = ["sex", "land"]\nmetric = ["Statistical parity"]\n'
    described = tmp_path / "audit.toml"
    described.write_text(OWN + settings)
    table = load_config(described).fairness.table
    found = own(fairness=FairnessLeg(audit=audit_table(table, seed=0)))
    assert found.fairness.audit.constant == ("land",)
    assert lacks(tmp_path, OWN + settings, found) == ()


@pytest.mark.parametrize(
    ("line", "there", "name", "here"),
    [
        ('positive = "no"', "'yes'", "positive", "'no'"),
        ('reference = "largest"', "the default", "reference", "'largest'"),
        ('privileged = "B"', "the default", "privileged", "'B'"),
        ('exclude = "C"', "the default", "exclude", "'C'"),
        ('missing = "group"', "the default", "missing", "'group'"),
        ('missing_outcome = "drop"', "the default", "missing-outcome", "'drop'"),
        ("difference_band = 0.1", "the default", "difference-band", "'0.1'"),
        ('ignore = ["a", "b"]', "the default", "ignore", "'a, b'"),
        ("suppress = 5", "nothing", "suppressed-below", "5"),
    ],
)
def test_a_record_made_by_another_setting_of_the_table_is_another_audit(tmp_path, line, there, name, here):
    audit = replace(example_audit(), settings=(GivenSetting("positive", "yes"),))
    record = own(fairness=FairnessLeg(audit=audit))
    text = OWN + table(audit)
    assert lacks(tmp_path, f'{text}positive = "yes"\n', record) == ()
    (said,) = lacks(tmp_path, f"{text}{line}\n" + 'positive = "yes"\n' * ("positive" not in line), record)
    assert said == f"{there} as its {name} and not {here} ([fairness.table])"


def test_the_cut_and_the_estimator_are_settings_as_well(tmp_path):
    audit = example_audit()
    scored = table(audit).replace("prediction = ", "score = ")
    cut = replace(audit, settings=(GivenSetting("cut", "0.3"),))
    record = own(fairness=FairnessLeg(audit=cut))
    assert lacks(tmp_path, f"{OWN}{scored}cut = 0.3\n", record) == ()
    for line, here in (("", "the default"), ("cut = 0.4\n", "'0.4'")):
        (said,) = lacks(tmp_path, f"{OWN}{scored}{line}", record)
        assert said == f"'0.3' as its cut and not {here} ([fairness.table])"
    compared = example_comparison()
    fitted = table(compared.baseline).replace("prediction = ", "estimator = ")
    fitted = fitted.replace(f'"{compared.baseline.prediction}"', '"boosting"')
    (said, *_) = lacks(tmp_path, OWN + fitted, own(fairness=FairnessLeg(comparison=compared)))
    assert said == f"'{compared.estimator}' as its estimator and not 'boosting' ([fairness.table])"


def test_every_setting_of_a_table_is_held_by_an_audit_or_kept_as_it_was_given():
    given = {"positive": "yes", "exclude": "race=Unknown", "ignore": ("a", "b"), "counts_only": True}
    kept = given_settings(TableOptions(label="y", sensitive=("s",), four_fifths=0.7, **given))
    assert {each.name: each.value for each in kept} == {
        "positive": "yes", "exclude": "race=Unknown", "ignore": "a, b", "counts_only": "true",
    }  # fmt: skip
    assert given_settings(TableOptions()) == ()


def test_a_plan_with_another_budget_is_another_plan(tmp_path):
    planned = own(privacy=PrivacyLeg(plan=replace(example_plan(), epsilon=7.0)))
    assert lacks(tmp_path, OWN + QUERIES.replace("= 0.1", "= 7.0"), planned) == ()
    (said,) = lacks(tmp_path, OWN + QUERIES, planned)
    assert said == "a plan with epsilon 7.0 and not 0.1 ([privacy.plan])"


def test_effects_and_a_scan_are_looked_for(tmp_path):
    text = "[audit]\nstudy = false\neffects = true\n[security.scan]\ncheckpoint = 'demo'\nimages = 'mnist'\n"
    whole = example_own_record()
    assert lacks(tmp_path, text, replace(whole, effects=None)) == ("no effects",)
    assert lacks(tmp_path, text, replace(whole, security=None)) == (
        "no security leg",
        *(() if whole.effects else ("no effects",)),
    )
