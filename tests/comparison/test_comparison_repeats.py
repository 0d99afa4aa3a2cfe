"""Figures that a record has in several places are compared once, and what differs comes first."""

import numpy as np
import pytest

from example_audits import audit_of
from example_records import own_record
from trivet.comparison import compare_audits, differing_first, headline_of, quiet_text
from trivet.fairness.auditing.predictions import audit_predictions
from trivet.record import FairnessLeg, as_json


def people(seed, *, less=0.0, groups=("a", "b", "c")):
    """An audit of 600 rows by two columns."""
    random = np.random.default_rng(seed)
    columns = {"sex": random.choice(["f", "m"], 600), "region": random.choice(groups, 600)}
    label = random.random(600) < 0.5
    chance = np.where(label, 0.6, 0.35) - np.where(columns["sex"] == "f", less, 0)
    found = audit_predictions(None, label * 1, (random.random(600) < chance) * 1, columns)
    return own_record(fairness=FairnessLeg(found))


@pytest.fixture(scope="module")
def compared():
    return compare_audits(audit_of(people(1)), audit_of(people(2, less=0.2), folder="later"))


def everything(compared):
    return (
        *compared.asked, *compared.verdicts, *compared.headline, *compared.changed, *compared.rest
    )  # fmt: skip


@pytest.mark.parametrize(
    "metric", ["selection_rate", "true_positive_rate", "false_negative_rate", "accuracy"]
)
def test_a_rate_stands_with_its_group_alone(compared, metric):
    around = "fairness.audit.attributes[name=sex]"
    places = [each.place for each in everything(compared) if each.place.startswith(around)]
    assert f"{around}.groups[group=f].{metric}.value" in places
    assert not [each for each in places if each.startswith(f"{around}.metrics[metric={metric},group=f")]


def test_a_difference_of_selection_rates_stands_with_its_group_alone(compared):
    places = {each.place for each in everything(compared)}
    assert "fairness.audit.attributes[name=sex].groups[group=f].difference.value" in places
    assert not [
        each for each in places if "demographic_parity_difference" in each or "disparate_impact," in each
    ]


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ("groups[group=f].accuracy.value", "metrics[metric=error_rate,group=f"),
        ("groups[group=f].false_positive_rate.value", "metrics[metric=true_negative_rate,group=f"),
        (
            "metrics[metric=negative_predictive_value,group=f",
            "metrics[metric=false_omission_rate,group=f",
        ),
    ],
)
def test_of_two_rates_that_add_up_to_1_one_is_listed(compared, kept, left):
    around = "fairness.audit.attributes[name=sex]."
    places = [each.place for each in everything(compared)]
    assert [each for each in places if each.startswith(around + kept)]
    assert not [each for each in places if each.startswith(around + left)]


def test_a_metric_that_was_named_stands_beside_the_rate_that_it_follows_from():
    random = np.random.default_rng(4)
    sex, label = random.choice(["f", "m"], 900), random.random(900) < 0.5
    named = ["false_positive_rate", "true_negative_rate"]

    def named_record(wrong):
        chosen = random.random(900) < np.where(label, 0.7, np.where(sex == "f", wrong, 0.2))
        found = audit_predictions(None, label * 1, chosen * 1, {"sex": sex}, metric=named, privileged="m")
        return own_record(fairness=FairnessLeg(found))

    found = compare_audits(audit_of(named_record(0.2)), audit_of(named_record(0.7), folder="later"))
    places = [each.place for each in everything(found)]
    for metric in named:
        assert [each for each in places if f"measures[metric={metric}].groups[group=f].ratio" in each]
    titles = {each.title for each in found.verdicts}
    assert {f"own predictions by {metric.replace('_', ' ')}, group f" for metric in named} <= titles


def test_what_only_says_how_sure_a_figure_is_is_part_of_it(compared):
    names = {each.place.rpartition(".")[2] for each in everything(compared)}
    assert not names & {"numerator", "denominator", "simultaneous_low", "simultaneous_high"}
    assert {"negative_predictive_value", "equalized_odds_difference"} <= {
        each.place.partition("metric=")[2].partition(",")[0] for each in everything(compared)
    }


def test_a_new_group_is_told_once():
    found = compare_audits(audit_of(people(1)), audit_of(people(1, groups=("a", "b", "c", "d"))))
    places = [
        each.place for each in everything(found) if "group=d" in each.place and "name=region]" in each.place
    ]
    assert places == ["fairness.audit.attributes[name=region].groups[group=d]"]


def test_the_attribute_is_named_where_several_are_audited(compared):
    titles = {each.title for each in (*compared.verdicts, *compared.headline)}
    assert {"disparate impact: f (sex)", "own predictions by sex"} <= titles
    groups = [each for each in titles if each.startswith(("own predictions, group", "disparate impact"))]
    assert all(each.endswith(("(sex)", "(region)", "(sex x region)")) for each in groups)
    assert "disparate impact: f (sex)" in {each.title for each in headline_of(as_json(people(2, less=0.2)))}


def test_what_differs_comes_first_and_what_is_worse_before_it(compared):
    differ, quiet = differing_first(compared.verdicts)
    assert {each.outcome for each in quiet} == {"same"}
    assert len(differ) + len(quiet) == len(compared.verdicts)
    known = [each.outcome in {"change", "exact change"} for each in compared.changed]
    assert known == sorted(known, reverse=True)
    judged = [each.judged for each in compared.changed if each.outcome == "differs"]
    assert judged == sorted(judged, key=["worse", "better", None].index)


def test_what_does_not_differ_is_counted(compared):
    counts = [len(differing_first(each)[1]) for each in (compared.verdicts, compared.headline)]
    said = quiet_text(compared)
    assert said.startswith(f"{counts[0]} verdict")
    assert said.endswith(f" and {len(compared.rest):,} other values")
