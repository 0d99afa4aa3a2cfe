"""The record: all results of one audit, and the only thing that the report reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.results import FairnessStudy
from trivet.privacy.results import PrivacyStudy
from trivet.security.results import SecurityStudy

#: Trigger arrays by name, float32 in [0, 1]: ``published.mask`` and ``published.pattern`` have shape
#: (labels, 1, height, width); ``corrected.mask`` and ``corrected.pattern`` have
#: (labels, channels, height, width), masks with one channel.
Triggers = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class AuditInfo:
    """What was asked for."""

    title: str
    seed: int


@dataclass(frozen=True)
class AuditRecord:
    """Everything an audit measured: ``metrics.json`` is this, as JSON."""

    schema_version: int
    audit: AuditInfo
    security: SecurityStudy | None
    privacy: PrivacyStudy | None
    fairness: FairnessStudy | None
