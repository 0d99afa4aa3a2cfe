"""The attacks by name, on what the audited model and the shadow models say of the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.membership.attacks import lira_scores, rmia_scores
from trivet.privacy.membership.likeness import Likeness, quantile_scores
from trivet.privacy.membership.shadows import Signals, resolution

__all__ = ["ATTACKS", "WITHOUT_SHADOWS", "Evidence"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Signals of the audited model and the shadow models on the rows of the data."""

    # `reference` are the rows that are known not to have trained the audited model.

    target: Signals
    shadows: Signals
    inside: NDArray[np.bool_]
    population: NDArray[np.int64]
    units: NDArray[np.int64]
    likeness: Likeness
    reference: NDArray[np.bool_]
    known: dict[bytes, NDArray[np.float64]] = field(default_factory=dict)

    def lira(self, *, online: bool) -> NDArray[np.float64]:
        """Return LiRA's scores, on logits that one clip holds apart from infinity for all models."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=online, expected=self._expected)

    def rmia(self) -> NDArray[np.float64]:
        """Return RMIA's scores."""
        target, shadows = self.target.probability[0], self.shadows.probability
        return rmia_scores(target, shadows, self.inside, self.population, units=self.units)

    def quantile(self) -> NDArray[np.float64]:
        """Return the scores of the quantile regression attack."""
        return quantile_scores(self._logits()[0], self.likeness, self.reference)

    def planted(self) -> NDArray[np.float64]:
        """Return scores of rows that no shadow model has seen: offline LiRA's, without shadows the logit."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=False) if len(shadows) else target

    def _expected(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is expected of each row by rows like it; online and offline LiRA ask the same."""
        key = means.tobytes()
        if key not in self.known:
            self.known[key] = self.likeness.expected(means)
        return self.known[key]

    def _logits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        said = (self.target, self.shadows)
        clip = resolution(*(each.probability for each in said), *(each.others for each in said))
        return self.target.logits(clip)[0], self.shadows.logits(clip)


#: From what the models say to one score a row, higher where it is more surely a member.
ATTACKS: Final[Mapping[str, Callable[[Evidence], NDArray[np.float64]]]] = {
    "lira-online": lambda e: e.lira(online=True),
    "lira-offline": lambda e: e.lira(online=False),
    "rmia": lambda e: e.rmia(),
    "quantile": lambda e: e.quantile(),
}
#: Attacks that need no shadow model.
WITHOUT_SHADOWS: Final = frozenset({"quantile"})
