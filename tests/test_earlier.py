"""Finished audits that an audit takes in: whole, of this version, and nothing else."""

import hashlib

import pytest
from pydantic import TypeAdapter

from example_fairness import example_audit, example_comparison, hostile_audit
from example_privacy import HOSTILE, example_mechanism, example_membership
from trivet.errors import DataError
from trivet.fairness.auditing.results import FairnessAudit
from trivet.privacy.mechanism.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit
from trivet.record import EARLIER_MOST_BYTES as MOST_BYTES
from trivet.record import read_fairness_audits, read_privacy_audits


def write(path, audit):
    path.write_bytes(TypeAdapter(type(audit)).dump_json(audit))
    return path


def test_audits_come_back_as_they_were_written(tmp_path):
    one = write(tmp_path / "a.json", example_mechanism(text=HOSTILE))
    two = write(tmp_path / "b.json", example_mechanism(violates=True))
    model = write(tmp_path / "c.json", example_membership())
    found = read_privacy_audits([two, model, one])
    assert found.mechanisms == (example_mechanism(violates=True), example_mechanism(text=HOSTILE))
    assert found.membership == example_membership()
    assert found.inputs == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (two, model, one)
    }


def test_without_files_there_is_nothing():
    found = read_privacy_audits([])
    assert (found.mechanisms, found.membership, found.inputs) == ((), None, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b"\xff\xfe",
        b'{"name": NaN}',
        TypeAdapter(MechanismAudit).dump_json(example_mechanism())[:-1] + b', "more": 1}',
        TypeAdapter(MembershipAudit).dump_json(example_membership()).replace(b'"rows":48842', b'"rows":"x"'),
    ],
    ids=["empty", "object", "list", "no text", "NaN", "a key too many", "text for a number"],
)
def test_anything_else_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "audit.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"expected the mechanism\.json") as caught:
        read_privacy_audits([path])
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_huge_one_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_privacy_audits([tmp_path / "none.json"])
    huge = tmp_path / "huge.json"
    with huge.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(DataError, match="larger than 16 MiB"):
        read_privacy_audits([huge])


def test_two_models_are_refused(tmp_path):
    path = write(tmp_path / "m.json", example_membership())
    with pytest.raises(DataError, match="2 audits of models"):
        read_privacy_audits([path, path])


def test_audits_of_fairness_come_back_as_they_were_written(tmp_path):
    one = write(tmp_path / "a.json", hostile_audit())
    two = write(tmp_path / "b.json", example_comparison())
    found = read_fairness_audits([two, one])
    assert (found.audit, found.comparison) == (hostile_audit(), example_comparison())
    assert found.inputs == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (two, one)}
    nothing = read_fairness_audits([])
    assert (nothing.audit, nothing.comparison, nothing.inputs) == (None, None, {})


@pytest.mark.parametrize("make", [example_audit, example_comparison])
def test_there_is_room_for_one_of_each(tmp_path, make):
    path = write(tmp_path / "a.json", make())
    with pytest.raises(DataError, match=r"2 (audits|comparisons) of \w+ are named; .* leave one only"):
        read_fairness_audits([path, path])


def test_the_audits_of_another_leg_are_refused(tmp_path):
    membership = write(tmp_path / "m.json", example_membership())
    with pytest.raises(DataError, match=r"expected the fairness\.json of `trivet fairness` on predictions"):
        read_fairness_audits([membership])
    fairness = write(tmp_path / "f.json", example_audit())
    with pytest.raises(DataError, match=r"expected the mechanism\.json"):
        read_privacy_audits([fairness])
    more = tmp_path / "more.json"
    more.write_bytes(TypeAdapter(FairnessAudit).dump_json(example_audit())[:-1] + b', "more": 1}')
    with pytest.raises(DataError, match="finished audit"):
        read_fairness_audits([more])
