"""The attacks by name, on what the audited model and the shadow models say of the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.membership.attacks import lira_scores, rmia_scores
from trivet.privacy.membership.shadows import Signals, resolution

__all__ = ["ATTACKS", "Evidence"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Signals of the audited model and the shadow models on the rows of the data."""

    target: Signals
    shadows: Signals
    inside: NDArray[np.bool_]
    population: NDArray[np.int64]
    units: NDArray[np.int64]

    def lira(self, *, online: bool) -> NDArray[np.float64]:
        """Return LiRA's scores, on logits that one clip holds apart from infinity for all models."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=online)

    def rmia(self) -> NDArray[np.float64]:
        """Return RMIA's scores."""
        target, shadows = self.target.probability[0], self.shadows.probability
        return rmia_scores(target, shadows, self.inside, self.population, units=self.units)

    def planted(self) -> NDArray[np.float64]:
        """Return scores of rows that no shadow model has seen: offline LiRA's, or the logit without shadows."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=False) if len(shadows) else target

    def _logits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        said = (self.target, self.shadows)
        clip = resolution(*(each.probability for each in said), *(each.others for each in said))
        return self.target.logits(clip)[0], self.shadows.logits(clip)


#: From what the models say to one score a row, higher where it is more surely a member.
ATTACKS: Final[Mapping[str, Callable[[Evidence], NDArray[np.float64]]]] = {
    "lira-online": lambda e: e.lira(online=True),
    "lira-offline": lambda e: e.lira(online=False),
    "rmia": lambda e: e.rmia(),
}
