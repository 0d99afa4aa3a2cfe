"""Figure of the corrected repair: held-out images with the suspected trigger, before and after it."""

import numpy as np
from matplotlib.figure import Figure

from trivet.errors import ReportError
from trivet.record import STRIP_PIXELS, Triggers
from trivet.report.figures.stamped import alt_stamped, draw_stamped
from trivet.security.results import SecurityStudy
from trivet.security.strip import StampedImages, Strip

__all__ = ["alt_corrected_strip", "corrected_strip", "has_strip"]


def has_strip(study: object) -> bool:
    """Tell whether there is anything to show: a label was suspected, and its repair recorded so."""
    return isinstance(study, SecurityStudy) and study.corrected.strip is not None


def corrected_strip(study: SecurityStudy, triggers: Triggers) -> Figure:
    """Show the strip of the corrected study (figure 14)."""
    stamped = _recorded(study)
    names = (STRIP_PIXELS, "corrected.mask", "corrected.pattern")
    if missing := [name for name in names if name not in triggers]:
        raise ReportError(f"The triggers have no array {missing[0]!r}. Run the security study again.")
    pixels, masks, patterns = (triggers[name] for name in names)
    mask, pattern = masks[stamped.target], patterns[stamped.target]
    strip = Strip(
        target=stamped.target,
        pixels=pixels,
        stamped=(1 - mask) * pixels + mask * pattern,
        labels=np.array(stamped.labels),
        clean_before=np.array(stamped.clean_before),
        stamped_before=np.array(stamped.stamped_before),
        clean_after=np.array(stamped.clean_after),
        stamped_after=np.array(stamped.stamped_after),
    )
    return draw_stamped(strip, _names(study))


def alt_corrected_strip(study: SecurityStudy) -> str:
    """Describe `corrected_strip` in words."""
    return alt_stamped(_recorded(study), _names(study))


def _recorded(study: SecurityStudy) -> StampedImages:
    if study.corrected.strip is None:
        raise ReportError("The record has no strip of stamped images. Run the security study again.")
    return study.corrected.strip


def _names(study: SecurityStudy) -> list[str]:
    return list(map(str, range(study.classes)))
