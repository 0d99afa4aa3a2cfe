"""Settings of the security study."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

__all__ = ["PROFILES", "Profile", "ProfileName", "SecuritySettings"]

ProfileName = Literal["smoke", "balanced", "high-fidelity"]
Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class Profile:
    """Cost profile of the published procedure: steps a label, and test images (None is all)."""

    steps: int
    images: int | None


PROFILES: dict[ProfileName, Profile] = {
    "smoke": Profile(steps=40, images=1_000),
    "balanced": Profile(steps=250, images=3_000),
    "high-fidelity": Profile(steps=500, images=None),
}


@dataclass(frozen=True, kw_only=True)
class SecuritySettings:
    """Constants of the security study; the defaults are the published ones.

    Attributes
    ----------
    profile
        Steps and images of the published procedure.
    contract
        The declared input contract: a name from `trivet.security.contract.CANDIDATES`.
    kappa
        Bound on the modified z-score, the study's equation 15.
    unlearning_fraction
        Share of stamped images in the repair.
    sweep_fractions, sweep_images
        Fractions that the repair is repeated with, and on how many images at most.
    """

    profile: ProfileName = "high-fidelity"
    contract: str = "[0,1]"
    kappa: Annotated[float, Gt(0)] = 3.5
    unlearning_fraction: Annotated[float, Gt(0), Le(1)] = 0.2
    sweep_fractions: Annotated[tuple[Share, ...], MinLen(2)] = (0.0, 0.1, 0.2, 0.3, 0.4)
    sweep_images: Annotated[int, Ge(100), Le(10_000)] = 3_000
