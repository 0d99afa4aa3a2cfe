"""Records of a system of one's own, without the study, that need no run."""

from example_fairness import example_audit, example_comparison
from example_privacy import example_mechanism, example_membership, example_plan
from example_scan import example_scan
from trivet.record import SCHEMA_VERSION, AuditInfo, AuditRecord, FairnessLeg, PrivacyLeg


def own_record(security=None, privacy=None, fairness=None):
    return AuditRecord(SCHEMA_VERSION, AuditInfo("Ours", 3), security, privacy, fairness)


def whole_own_record():
    """Everything that such a record can have, and its triggers."""
    security, triggers = example_scan(repaired=True).audit
    privacy = PrivacyLeg(
        example_plan(), (example_mechanism(), example_mechanism(violates=True)), example_membership()
    )
    return own_record(security, privacy, FairnessLeg(example_audit(), example_comparison())), triggers
