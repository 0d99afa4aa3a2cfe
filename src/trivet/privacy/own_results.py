"""Privacy results of the user's system: frozen values only."""

from dataclasses import dataclass
from typing import Any, ClassVar

from trivet.privacy.auditing.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit
from trivet.privacy.planning.results import Plan

__all__ = ["OwnPrivacy"]


@dataclass(frozen=True)
class OwnPrivacy:
    """An audit's privacy leg where one's own system is described, and not the built-in study.

    Attributes
    ----------
    plan
        The plan, with its curves; None where there is none.
    mechanisms, membership
        Finished audits of mechanisms and of a model, taken in; empty and None without.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    plan: Plan | None = None
    mechanisms: tuple[MechanismAudit, ...] = ()
    membership: MembershipAudit | None = None
