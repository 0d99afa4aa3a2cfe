"""Names of places: of what was measured, for people."""

import re

import pytest

from example_records import example_own_record, example_record, whole_own_record
from trivet.place import find, is_index, leaves, parse, pattern_of
from trivet.place_names import named_place
from trivet.record import as_json

#: Fields by which an item of a list is known to its readers.
NAMES = ("name", "title", "group", "label", "method", "attack", "family")


@pytest.fixture(scope="module")
def records():
    return [as_json(record) for record in (example_record(), example_own_record(), whole_own_record()[0])]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("security.scan.verdict", "verdict of poisened_model_4.pth"),
        (
            "security.repair.attempts.0.asr.after",
            "attack success rate after the repair by unlearn of poisened_model_4.pth",
        ),
        ("privacy.mechanisms.1.epsilon_lower", "least epsilon shown of shop.noise:noisy_count"),
        ("privacy.membership.attacks.0.auroc", "area under the ROC curve by lira-online of tree"),
        ("privacy.training.guarantees.1.epsilon", "epsilon with shuffled batches of the private training"),
        (
            "fairness.audit.attributes.0.groups.0.disparate_impact.value",
            "disparate impact of Female (gender) against Male",
        ),
        (
            "fairness.audit.attributes.0.groups.0.disparate_impact.low",
            "lower end of disparate impact of Female (gender) against Male",
        ),
        ("fairness.audit.attributes.0.groups.1.selection_rate.value", "selection rate of Male (gender)"),
        (
            "fairness.audit.attributes.0.measures[metric=false_positive_rate].groups.0.difference",
            "difference of false positive rate of Female (gender) against Male",
        ),
        ("fairness.published.baseline.disparate_impact", "disparate impact of the baseline, as published"),
        ("fairness.audit.cautions.0.kind", "caution of adult.csv"),
        ("fairness.comparison.models.1.disparate_impact", "disparate impact with massaging"),
        ("fairness.audit.attributes.*.groups.*.disparate_impact", "disparate impact of adult.csv"),
        ("effects.effects.1.change", "change of the {1.measurement} with {1.intervention}"),
    ],
)
def test_a_measurement_is_named_by_measure_and_subject(records, place, name):
    record = records[1]
    matrix = record["effects"]
    titles = {each["name"]: each["title"] for each in (*matrix["interventions"], *matrix["measurements"])}
    name = re.sub(r"\{(\d)\.(\w+)\}", lambda found: titles[matrix["effects"][int(found[1])][found[2]]], name)
    assert named_place(record, place) == name


def test_no_name_is_a_path_or_counts_what_has_a_name(records):
    looked = set()
    for record in records:
        for place, _ in leaves(record, ""):
            if pattern_of(place) in looked:
                continue
            looked.add(pattern_of(place))
            name = named_place(record, place)
            assert name.strip() == name
            assert name
            assert not re.search(r"\w\.\d+(\.|$)", name), (place, name)
            steps = [step.name for step in parse(place)]
            last = max((at for at, step in enumerate(steps) if is_index(step)), default=None)
            item = None if last is None else find(record, ".".join(steps[: last + 1]))
            if isinstance(item, dict) and any(isinstance(item.get(field), str) for field in NAMES):
                assert f"({int(steps[last]) + 1})" not in name, (place, name)
    assert len(looked) > 1_500
