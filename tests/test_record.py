import dataclasses
import json

import jsonschema
import numpy as np
import pytest

from example_privacy import studied_privacy
from trivet.errors import RecordError
from trivet.place import find
from trivet.record import (
    SCHEMA_VERSION,
    TRIGGER_NAMES,
    AuditInfo,
    AuditRecord,
    as_json,
    json_schema,
    load_record,
    load_triggers,
    save_record,
    to_text,
)


@pytest.fixture(scope="module")
def record():
    return AuditRecord(SCHEMA_VERSION, AuditInfo("Ünïcode & <tags>", 0), None, studied_privacy(), None)


@pytest.fixture
def triggers():
    return {name: np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 1, 3, 4) for name in TRIGGER_NAMES}


def test_a_record_survives_the_file(record, triggers, tmp_path):
    files = save_record(record, triggers, tmp_path)
    assert [path.name for path in files] == ["metrics.json", "triggers.safetensors"]
    assert load_record(tmp_path) == record
    for name, array in load_triggers(tmp_path).items():
        np.testing.assert_array_equal(array, triggers[name])


def test_a_record_without_triggers_leaves_no_old_ones_behind(record, triggers, tmp_path):
    save_record(record, triggers, tmp_path)
    save_record(record, {}, tmp_path)
    assert load_triggers(tmp_path) == {}


def test_the_schema_is_valid_and_describes_the_record(record):
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(as_json(record), schema)
    broken = as_json(record)
    broken["privacy"]["plan"]["epsilon"] = "much"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_hold_are_refused(record, value):
    plan = dataclasses.replace(record.privacy.plan, epsilon=value)
    broken = dataclasses.replace(record, privacy=dataclasses.replace(record.privacy, plan=plan))
    with pytest.raises(RecordError, match="not finite"):
        to_text(broken)


def test_the_text_is_plain_json_with_readable_strings(record):
    text = to_text(record)
    assert "Ünïcode & <tags>" in text
    assert json.loads(text)["security"] is None
    assert text == to_text(record)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no metrics.json"),
        ("{", "cannot be read as JSON"),
        ('{"schema_version": 1, "x": NaN}', "NaN is not a JSON number"),
        ("[]", "has schema version None"),
        ('{"schema_version": 2}', "has schema version 2; this trivet reads version 3. Run the audit again."),
        ('{"schema_version": 99}', "has schema version 99; this trivet reads version 3"),
        ('{"schema_version": 3}', "is not a record: 4 places are wrong, the first is audit"),
    ],
)
def test_what_is_no_record(tmp_path, content, message):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(RecordError, match=message):
        load_record(tmp_path)


def test_damaged_triggers(tmp_path):
    (tmp_path / "triggers.safetensors").write_bytes(b"nonsense")
    with pytest.raises(RecordError, match="cannot be read"):
        load_triggers(tmp_path)


def test_the_record_is_a_frame_of_its_numbers(record):
    frame = record.to_frame().set_index("place")
    plain = as_json(record)
    for place in frame.index:
        value = find(plain, place)
        row = frame.loc[place]
        if isinstance(value, dict):
            assert (row.value, row.low, row.method) == (value["value"], value["low"], value["method"])
        else:
            assert row.value == value
    assert len(frame) > 50
