"""Registry of the families of events; a new one is a function and a row here."""

from dataclasses import dataclass
from typing import Final

from trivet.privacy.auditing.events import Proposer
from trivet.privacy.auditing.forms import form
from trivet.privacy.auditing.intervals import intervals, thresholds
from trivet.privacy.auditing.likelihood import likelihood
from trivet.privacy.auditing.low_bits import grid, significand
from trivet.privacy.auditing.ordering import order
from trivet.privacy.auditing.values import values

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """One row of the table."""

    key: str
    propose: Proposer


#: One event of each family is tested at most, and the level is divided among them. Where two show the
#: same, the first is named.
FAMILIES: Final[tuple[Family, ...]] = (
    Family("form", form),
    Family("thresholds", thresholds),
    Family("intervals", intervals),
    Family("values", values),
    Family("order", order),
    Family("likelihood", likelihood),
    Family("grid", grid),
    Family("significand", significand),
)
