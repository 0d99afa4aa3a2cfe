"""The privacy leg of an audit: a plan, finished audits, and the published exercises beside them."""

from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import PrivacySection
from trivet.earlier import read_privacy_audits
from trivet.privacy.planning.results import Plan
from trivet.privacy.planning.settings import PlanSettings
from trivet.record import PrivacyLeg
from trivet.study.privacy import publish_privacy, study_plan

__all__ = ["audit_privacy"]


def audit_privacy(
    section: PrivacySection, *, study: bool, parts: Parts, progress: Progress
) -> LegDone[PrivacyLeg]:
    """Plan the queries of ``[privacy.plan]`` or of the study, and take in finished audits."""
    finished = read_privacy_audits(section.audits)  # first: it may be refused
    plan = published = None
    settings = study_plan(section) if study else section.plan
    if settings is not None:

        def ask() -> Made[Plan]:
            from trivet.privacy.planning.planner import plan_queries  # noqa: PLC0415 - SciPy is heavy

            progress("privacy", "the plan", None)
            return Made(plan_queries(settings, curves=True))

        decides = {"settings": plain_settings(PlanSettings, settings)}
        plan = parts.take_or_make("privacy-plan", Plan, decides, ask).value
        if study:
            progress("privacy", "the published exercises", None)
            published = publish_privacy(section, plan)
    return LegDone(PrivacyLeg(plan, finished.mechanisms, finished.membership, published), finished.inputs)
