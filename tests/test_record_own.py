"""A record of one's own system without the study: the same places, file and schema."""

import json

import jsonschema
import numpy as np
import pytest

from example_privacy import example_plan
from example_records import own_record, whole_own_record
from trivet.errors import RecordError
from trivet.place import find
from trivet.record import PrivacyLeg, as_json, json_schema, load_record, load_triggers, save_record


@pytest.fixture(scope="module")
def whole():
    return whole_own_record()


def test_it_survives_the_file_with_its_triggers(whole, tmp_path):
    record, triggers = whole
    save_record(record, triggers, tmp_path)
    assert load_record(tmp_path) == record
    loaded = load_triggers(tmp_path)
    assert loaded.keys() == triggers.keys()
    for name, array in triggers.items():
        np.testing.assert_array_equal(loaded[name], array.astype(loaded[name].dtype))


def test_a_record_of_before_scores_and_references_is_read(whole, tmp_path):
    record, triggers = whole
    save_record(record, triggers, tmp_path)
    path = tmp_path / "metrics.json"
    content = json.loads(path.read_text())
    scan = content["security"]["scan"]
    del scan["calibration"], scan["images"]["sha256"]
    for search in scan["searches"]:
        del search["strength"], search["benchmark"]
    path.write_text(json.dumps(content))
    read = load_record(tmp_path).security.scan
    assert (read.calibration, read.images.sha256) == (None, None)
    assert {(search.strength, search.benchmark) for search in read.searches} == {(None, None)}
    assert read.verdict == record.security.scan.verdict


def test_empty_legs_come_back_as_what_they_are(tmp_path):
    record = own_record(privacy=PrivacyLeg(plan=example_plan()))
    save_record(record, {}, tmp_path)
    assert load_record(tmp_path) == record


def test_the_places_are_those_of_the_study(whole):
    plain = as_json(whole[0])
    for place in (
        "security.scan.verdict",
        "security.repair.removed",
        "privacy.plan.epsilon",
        "privacy.mechanisms.0.verdict",
        "privacy.membership.verdict",
        "fairness.audit.verdict",
        "fairness.comparison.models.0.name",
    ):
        assert find(plain, place) is not None, place
    assert plain["effects"] is None


def test_the_schema_describes_it_and_refuses_what_is_wrong(whole):
    plain = as_json(whole[0])
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(plain)
    for leg, key in (("security", "scan"), ("privacy", "plan"), ("fairness", "comparison")):
        alone = plain | dict.fromkeys(("security", "privacy", "fairness")) | {leg: plain[leg]}
        assert validator.is_valid(alone)
        for wrong in ({"more": 1}, {key: "text"}):
            assert not validator.is_valid(alone | {leg: plain[leg] | wrong})


def test_triggers_that_lack_an_array(whole, tmp_path):
    record, triggers = whole
    save_record(record, {"scan.mask": triggers["scan.mask"]}, tmp_path)
    with pytest.raises(RecordError, match=r"lacks scan\.pattern"):
        load_triggers(tmp_path)
