"""Records of a system of one's own, without the study, that need no run."""

from example_fairness import example_audit, example_comparison
from example_privacy import example_mechanism, example_membership, example_plan
from example_scan import example_scan
from trivet.fairness.own_results import OwnFairness
from trivet.record import SCHEMA_VERSION, STRIP_PIXELS, STRIP_STAMPED, AuditInfo, AuditRecord, PrivacyLeg
from trivet.security.own_results import OwnSecurity, OwnStrip


def own_security(scanned):
    """The leg of a record, and its triggers, of a scan."""
    strip, recorded = scanned.strip, None
    triggers = {"scan.mask": scanned.masks, "scan.pattern": scanned.patterns}
    if strip is not None:
        after = strip.stamped_after
        recorded = OwnStrip(
            target=strip.target,
            labels=tuple(map(int, strip.labels)),
            clean_before=tuple(map(int, strip.clean_before)),
            stamped_before=tuple(map(int, strip.stamped_before)),
            clean_after=None if strip.clean_after is None else tuple(map(int, strip.clean_after)),
            stamped_after=None if after is None else tuple(map(int, after)),
            images=len(strip),
            sent_before=int((strip.stamped_before == strip.target).sum()),
            sent_after=None if after is None else int((after == strip.target).sum()),
        )
        triggers |= {STRIP_PIXELS: strip.pixels, STRIP_STAMPED: strip.stamped}
    return OwnSecurity(scanned.result, recorded, scanned.repair), triggers


def own_record(security=None, privacy=None, fairness=None):
    return AuditRecord(SCHEMA_VERSION, AuditInfo("Ours", 3), security, privacy, fairness)


def whole_own_record():
    """Everything that such a record can have, and its triggers."""
    security, triggers = own_security(example_scan(repaired=True))
    privacy = PrivacyLeg(
        example_plan(), (example_mechanism(), example_mechanism(violates=True)), example_membership()
    )
    return own_record(security, privacy, OwnFairness(example_audit(), example_comparison())), triggers
