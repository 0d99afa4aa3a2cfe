"""The fairness study on Adult: five models as published, and the same questions answered soundly."""

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from trivet.datasets import load_adult
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.results import FairnessStudy
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.adult import (
    POSITIVE_CLASS,
    PRIVILEGED_GROUP,
    PROTECTED_GROUP,
    SENSITIVE_COLUMN,
    adult_sample,
)
from trivet.fairness.study.corrected import corrected_fairness
from trivet.fairness.study.published import published_fairness
from trivet.fairness.study.workbench import set_up

__all__ = ["run"]


def run(settings: FairnessSettings, *, progress: Callable[[str], None] | None = None) -> FairnessStudy:
    """Fit and measure every model of the study.

    Parameters
    ----------
    settings
        Its constants; ``FairnessSettings()`` holds the published ones.
    progress
        Called with a few words before each step.

    Returns
    -------
    FairnessStudy
        The same for the same settings, on one thread whatever the machine offers.

    Raises
    ------
    DataError
        If the embedded table is damaged, or the settings leave a disparity undefined.
    """
    announce = progress or (lambda _step: None)
    with threadpool_limits(1):
        announce("load Adult and fit the baseline")
        bench = set_up(adult_sample(load_adult()), settings)
        published = published_fairness(bench, announce)
        corrected = corrected_fairness(bench, published, announce)
    train, test = bench.train, bench.test
    groups = np.bincount(test.sensitive, minlength=2).tolist()
    return FairnessStudy(
        dataset="Adult",
        rows=len(train) + len(test),
        train_rows=len(train),
        test_rows=len(test),
        test_protected=groups[PROTECTED],
        test_privileged=groups[PRIVILEGED],
        features=train.names,
        sensitive_feature=SENSITIVE_COLUMN,
        protected_group=PROTECTED_GROUP,
        privileged_group=PRIVILEGED_GROUP,
        positive_class=POSITIVE_CLASS,
        settings=settings,
        published=published,
        corrected=corrected,
    )
