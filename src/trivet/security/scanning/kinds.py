"""Searches for other kinds of triggers than a patch, and what each of them counts as finding."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import starmap
from typing import Final, Literal, Self

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import (
    MOVED,
    SPREAD,
    WAVE_STEPS,
    WAVE_WORDS,
    Change,
    Reached,
    UniversalSettings,
    reach_by_waves,
    reach_labels,
)
from trivet.security.scanning.individual import IMAGE_BOUNDS, Pushed, PushSettings, go_from_each_image
from trivet.security.scanning.results import KindSearch
from trivet.security.scanning.sequential import (
    FOLLOWED_ABOVE,
    WORKS_FROM,
    Progress,
    odds_over,
)
from trivet.security.scanning.stamps import (
    SourceSettings,
    SourceStamp,
    SparseStamp,
    StampSettings,
    find_source_stamps,
    find_sparse_stamp,
)
from trivet.security.scanning.units import UnitSettings, find_lone_unit, trigger_through_unit
from trivet.security.settings import ScanProfileName
from trivet.security.trigger import Trigger

__all__ = [
    "ANY_LABEL",
    "FOUND",
    "NOT_RUN",
    "ONE_SOURCE",
    "ONE_UNIT",
    "PATCH",
    "WAYS",
    "WITHOUT_TRIGGER",
    "Further",
    "Way",
    "judged",
    "judged_sources",
    "look_further",
    "not_needed",
    "patch_search",
    "said_of",
    "source_of",
    "trigger_of",
]

PATCH: Final = "patch"
FOUND: Final = "found"
NOT_RUN: Final = "not run"
ANY_LABEL: Final = "any label"
ONE_SOURCE: Final = "one source"
ONE_UNIT: Final = "one unit"
IMAGE_DEPENDENT: Final = "image-dependent"
#: Kinds that have no change of pixels to show for them.
WITHOUT_TRIGGER: Final = frozenset({IMAGE_DEPENDENT})
#: A change counts as found where it sends this share of held-out images to one label, and stands as far
#: ahead of the change for the next label in log odds. On the clean networks of the tuning set of
#: `benchmarks/colour_networks.py` and of others no lead exceeded 1.2 at such a share; a blended trigger led
#: by 5, a single pixel by 2.3, a warp by 3.
SUCCESS_FROM: Final = 0.5
LEAD_FROM: Final = 1.8
#: It must also be so far ahead in the share itself, of the next label and of a random change: where two
#: labels are reached nearly always, or where any change sends images to one (a class for "none of
#: these"), log odds say nothing. Below so many held-out images they are noise.
AHEAD_FROM: Final = 0.3
MIN_HELD_OUT: Final = 50
#: A stamp counts as found where it sends this share of held-out images wrong, this share of them to where
#: most of their class go, and not nearly all to one label, which the other searches are for. Where an
#: attempt meets an all-to-all backdoor these are 0.92 and 0.77 at least; on clean networks that were looked
#: at, no attempt sent more than 0.62 wrong.
WRONG_FROM: Final = 0.8
CONSISTENT_FROM: Final = 0.7
ONE_LABEL_FROM: Final = 0.8
MIN_DESTINATIONS: Final = 3
#: A stamp for one class counts as found where it sends this share of the class to a label, leads the next
#: class's stamp in log odds by so much, and the stamp that sends the class to any other label, sends other
#: classes there less by this share, and the network hardly confuses the two without it: cats and dogs need no
#: backdoor, and a class that any stamp sends away has none: the one to any other label has to be `AHEAD_FROM`
#: behind. Where classes are as alike as traffic signs, many lead into each other, none leads the next, and
#: the search finds nothing.
SOURCE_FROM: Final = 0.9
SOURCE_LEAD_FROM: Final = 1.5
APART_FROM_OTHERS: Final = 0.5
CONFUSED_UP_TO: Final = 0.05
#: A label that images go further into by changes of their own counts as found where half of them reach it and
#: so large a lead has this p-value. On the tuning set p was at most 0.0002 for a warp and two of four
#: image-dependent triggers, at least 0.14 for all others, and 1 on the clean networks.
PUSHED_BELOW: Final = 0.01
#: A unit counts as found where it gains this share of what takes nine of ten images of other labels to its
#: own, so many times what a unit of any other label gains, and leads with this p-value; a patch that is made
#: through it has to work as well. Detectors that were written into clean networks gained 4.8 and more, led
#: by 6 and more and had p at most 0.008; an image-dependent trigger gained 2.8 and led by 13 (p 0.001), a
#: warp 1.5 and 3.8 (p 0.04). On 15 clean networks of images the lead was 3.0 at most and p at least 0.06; on
#: 72 small clean ones of a few units the lead was up to 6.6, with p at least 0.06 as well. The lead counts by
#: its logarithm: a lead of 1 says nothing.
UNIT_GAIN_FROM: Final = 0.25
UNIT_LEAD_FROM: Final = 3.0
UNIT_BELOW: Final = 0.05
#: Shares of a hundred images are taken to lie at least this far from none and from all.
FEWEST: Final = 0.005
#: With more labels than this, only those are looked at that the search for patches followed.
ALL_LABELS_UP_TO: Final = 100

#: A sinusoid counts as striped. So few of them reach little by nature, 0.74 at most on clean networks of the
#: tuning set, so that a second label may come nearer; sinusoidal triggers of that set reached 0.94 and more.
WAVE_SUCCESS_FROM: Final = 0.9
WAVE_AHEAD_FROM: Final = 0.2


@dataclass(frozen=True)
class Way:
    """A family of changes that one kind of trigger is looked for in, and what a label has to reach there.

    Attributes
    ----------
    words : what the change is
    reach : finds one for each label: `reach_labels` of a change, or `reach_by_waves`
    image_steps : of one label
    success_from, ahead_from : as for `judged`
    """

    words: str
    reach: Callable[..., Reached]
    image_steps: Callable[[UniversalSettings], int]
    success_from: float = SUCCESS_FROM
    ahead_from: float = AHEAD_FROM

    @classmethod
    def by_gradient(cls, change: Change) -> Self:
        """Return the way to a change that signed gradient steps lead to."""
        return cls(
            change.words,
            partial(reach_labels, change=change),
            lambda settings: settings.steps * settings.batch_size,
        )


#: By kind of change. A change by rows and columns that signed steps lead to, of 24/255, was a second way to
#: ``striped``; it sent up to 0.97 of the images to one label on clean networks, as to the texture of a class.
WAYS: Final[dict[str, Way]] = {
    "spread": Way.by_gradient(SPREAD),
    "striped": Way(
        WAVE_WORDS, reach_by_waves, lambda _settings: WAVE_STEPS, WAVE_SUCCESS_FROM, WAVE_AHEAD_FROM
    ),
    "moved": Way.by_gradient(MOVED),
}

SETTINGS: Final[dict[ScanProfileName, UniversalSettings]] = {
    "quick": UniversalSettings(batch_size=4, steps=10),
    "standard": UniversalSettings(),
    "thorough": UniversalSettings(batch_size=32, steps=30, kept=24, held_out=400),
}
#: Of searches that compare margins, before their bounds.
PUSHES: Final[dict[ScanProfileName, PushSettings]] = {
    "quick": PushSettings(trials=200, least=12, most=24),
    "standard": PushSettings(),
    "thorough": PushSettings(trials=2_000, most=100, steps=16),
}
STAMPS: Final[dict[ScanProfileName, StampSettings]] = {
    "quick": StampSettings(attempts=1, slid_over=8),
    "standard": StampSettings(),
    "thorough": StampSettings(attempts=6),
}
SOURCES: Final[dict[ScanProfileName, SourceSettings]] = {
    "quick": SourceSettings(kept=2),
    "standard": SourceSettings(),
    "thorough": SourceSettings(first_cells=9),
}
UNITS: Final[dict[ScanProfileName, UnitSettings]] = {
    "quick": UnitSettings(starts=1),
    "standard": UnitSettings(),
    "thorough": UnitSettings(labels=1_000, heaviest=100, idle=100, starts=4),
}
INDIVIDUAL_WORDS: Final = "a small change of each image by itself"
SOURCE_WORDS: Final = f"at most {StampSettings.cells} black or white cells that send one class to one label"
UNIT_WORDS: Final = "one unit before the last layer that alone leads to a label"
STAMP_WORDS: Final = f"at most {StampSettings.cells} cells that are black or white in all images"
PATCH_WORDS: Final = "a small mask and its pattern"


@dataclass(frozen=True, eq=False)
class Further:
    """Results of the searches, and the triggers of labels that they made some for."""

    searches: tuple[KindSearch, ...]
    triggers: Mapping[str, Trigger] = field(default_factory=dict)  # by kind


def look_further(
    score: Scorer,
    working: ImageSet,
    held_out: ImageSet,
    followed: Sequence[int],
    profile: ScanProfileName = "standard",
    *,
    seed: int,
    progress: Progress,
) -> Further:
    """Search for changes of every pixel, a shift of pixels, margins, units and stamps."""
    others = len(held_out) - int(np.bincount(held_out.labels).max())
    many = working.classes > (FOLLOWED_ABOVE if profile == "quick" else ALL_LABELS_UP_TO)
    labels = followed if many else range(working.classes)
    found: list[KindSearch] = []
    for kind, way in WAYS.items():
        if others < MIN_HELD_OUT:
            found.append(_not_run(kind, way.words))
            continue

        def tell(share: float, kind: str = kind) -> None:
            progress(f"search for a trigger that is {kind}", share)

        settings = SETTINGS[profile]
        reached = way.reach(
            score, working, held_out, labels=labels, settings=settings, seed=seed, progress=tell
        )
        found.append(judged(kind, way.words, reached, way.success_from, way.ahead_from))
    pushes = PUSHES[profile]
    by_images = go_from_each_image(
        score,
        held_out,
        labels,
        replace(pushes, bounds=IMAGE_BOUNDS),
        seed=seed,
        progress=lambda share: progress("search for a trigger that depends on the image", share),
    )
    size = "" if by_images is None else f"{255 * by_images.bound:.0f}/255"
    found.append(_pushed(IMAGE_DEPENDENT, INDIVIDUAL_WORDS, by_images, size))
    triggers: dict[str, Trigger] = {}  # of labels
    by_unit, patch = _lone_unit(score, working, held_out, UNITS[profile], seed=seed, progress=progress)
    found.append(by_unit)
    if patch is not None:
        triggers[ONE_UNIT] = patch
    stamp = find_sparse_stamp(
        score,
        working,
        held_out,
        STAMPS[profile],
        seed=seed,
        progress=lambda share: progress("search for a stamp to any label", share),
    )
    found.append(_stamped(stamp, working.classes))
    if profile != "thorough" and working.classes > FOLLOWED_ABOVE:
        return Further((*found, _not_run(ONE_SOURCE, SOURCE_WORDS)), triggers)
    sources, steps = find_source_stamps(
        score,
        working,
        held_out,
        [int(label) for label in labels],
        SOURCES[profile],
        seed=seed,
        progress=lambda share: progress("search for a stamp for one class", share),
    )
    if sources and sources[0].trigger is not None:
        triggers[ONE_SOURCE] = sources[0].trigger
    return Further((*found, judged_sources(sources, steps)), triggers)


def _pushed(kind: str, words: str, found: Pushed | None, size: str) -> KindSearch:
    """Return whether a label stands apart by the margins that changes within a bound of that size reach."""
    if found is None or not np.isfinite(found.margins).all():
        return _not_run(kind, words)
    share = float(found.shares[found.first])
    rarity = math.log(found.p_value) / math.log(PUSHED_BELOW)
    strength = max(0.0, min(rarity, odds_over(share, SUCCESS_FROM)))
    label, steps = int(found.labels[found.first]), found.image_steps
    return KindSearch(
        kind, f"{words}, of at most {size}", _outcome(strength >= 1), label, share, None, steps, strength
    )


def _lone_unit(
    score: Scorer,
    working: ImageSet,
    held_out: ImageSet,
    settings: UnitSettings,
    *,
    seed: int,
    progress: Progress,
) -> tuple[KindSearch, Trigger | None]:
    """Search for a unit that alone leads to a label, and where one stands out for a patch that opens it."""
    unit = find_lone_unit(
        score,
        working,
        settings,
        seed=seed,
        progress=lambda share: progress("search for a unit that leads to a label", share),
    )
    if unit is None:
        return _not_run(ONE_UNIT, UNIT_WORDS), None
    lead, rarity = (
        math.log(unit.lead) / math.log(UNIT_LEAD_FROM),
        math.log(unit.p_value) / math.log(UNIT_BELOW),
    )
    strength = max(0.0, min(unit.gain / UNIT_GAIN_FROM, lead, rarity))
    if strength < 1:
        quiet = _outcome(found=False)
        return KindSearch(
            ONE_UNIT, UNIT_WORDS, quiet, unit.label, None, None, unit.image_steps, strength
        ), None
    trigger, success, spent = trigger_through_unit(score, working, held_out, unit, seed=seed)
    strength = min(strength, odds_over(success, WORKS_FROM))
    outcome, steps = _outcome(strength >= 1), unit.image_steps + spent
    return KindSearch(ONE_UNIT, UNIT_WORDS, outcome, unit.label, success, None, steps, strength), trigger


def not_needed() -> tuple[KindSearch, ...]:
    """Return the searches that a decision made superfluous."""
    words = {kind: way.words for kind, way in WAYS.items()}
    words |= {
        IMAGE_DEPENDENT: INDIVIDUAL_WORDS,
        ONE_UNIT: UNIT_WORDS,
        ANY_LABEL: STAMP_WORDS,
        ONE_SOURCE: SOURCE_WORDS,
    }
    return tuple(starmap(_not_run, words.items()))


def _not_run(kind: str, words: str) -> KindSearch:
    return KindSearch(kind, words, NOT_RUN, None, None, None, 0)


def patch_search(
    label: int | None, success: float, runner_up: float | None, strength: float, *, steps: int
) -> KindSearch:
    """Return what the search for patches came to; no label where it accuses none."""
    outcome = _outcome(label is not None)
    return KindSearch(PATCH, PATCH_WORDS, outcome, label, success, runner_up, steps, strength)


def said_of(search: KindSearch) -> str:
    """Return in a sentence what a search has found."""
    if search.kind == ANY_LABEL:
        return (
            f"{_sentence(search.looked_for)} send {search.success:.0%} of held-out images wrong, most of "
            "each class to one label, and to many in all: a backdoor from all labels to others is the "
            "likely reason."
        )
    if search.kind == ONE_SOURCE:
        return (
            f"{_sentence(search.looked_for)}: {search.success:.0%} of held-out images of label "
            f"{search.source} go to label {search.label}; of the next class {search.runner_up:.0%} go to one."
        )
    if search.kind in WITHOUT_TRIGGER:
        return (
            f"{_sentence(search.looked_for)}, sends {search.success:.0%} of held-out images of other classes "
            f"to label {search.label}, and further into it than into any other by far."
        )
    if search.kind == ONE_UNIT:
        return (
            f"One unit before the last layer leads to label {search.label} by itself, far further than any "
            f"unit leads to another; a patch that opens it sends {search.success:.0%} of held-out images of "
            "other classes there."
        )
    return (
        f"{_sentence(search.looked_for)} sends {search.success:.0%} of held-out images of other classes to "
        f"label {search.label}; for the next label it is {search.runner_up:.0%}."
    )


def trigger_of(further: Further, searches: Sequence[KindSearch], label: int) -> Trigger | None:
    """Return the trigger that a label was found by, where neither a patch nor a change of all pixels was."""
    found = {search.kind for search in searches if search.outcome == FOUND and search.label == label}
    if found == {ONE_UNIT}:
        return further.triggers.get(ONE_UNIT)
    return further.triggers.get(ONE_SOURCE) if source_of(searches, label) is not None else None


def source_of(searches: Sequence[KindSearch], label: int) -> int | None:
    """Return the class that alone goes to a label; None where a search found that others do as well."""
    named = [search for search in searches if search.outcome == FOUND and search.label == label]
    return named[0].source if len(named) == 1 else None


def _outcome(found: bool) -> Literal["found", "not found"]:  # noqa: FBT001 - its only argument
    return FOUND if found else "not found"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def judged(
    kind: str,
    words: str,
    reached: Reached,
    success_from: float = SUCCESS_FROM,
    ahead_from: float = AHEAD_FROM,
) -> KindSearch:
    """Return whether a label is reached so much more easily than the others that it stands apart."""
    odds = np.log((reached.counts + 0.5) / (reached.images - reached.counts + 0.5))
    second, first = np.argsort(odds, kind="stable")[-2:]
    success, next_one = (float(reached.counts[at] / reached.images[at]) for at in (first, second))
    ahead = success - max(next_one, float(reached.by_chance[first]))
    lead = float(odds[first] - odds[second])
    strength = max(0.0, min(odds_over(success, success_from), lead / LEAD_FROM, ahead / ahead_from))
    label, steps = int(reached.labels[first]), reached.image_steps
    return KindSearch(kind, words, _outcome(strength >= 1), label, success, next_one, steps, strength)


def _stamped(stamp: SparseStamp | None, classes: int) -> KindSearch:
    if stamp is None:
        return _not_run(ANY_LABEL, STAMP_WORDS)
    counts = np.bincount(stamp.given[stamp.given != stamp.true], minlength=classes)
    elsewhere = 1 - float(counts.max()) / max(1, int(counts.sum()))
    strength = min(
        odds_over(stamp.wrong, WRONG_FROM),
        odds_over(stamp.consistency, CONSISTENT_FROM),
        elsewhere / (1 - ONE_LABEL_FROM),
        stamp.destinations / max(MIN_DESTINATIONS, len(np.unique(stamp.true)) / 4),
    )
    return KindSearch(
        ANY_LABEL,
        STAMP_WORDS,
        _outcome(strength >= 1),
        None,
        stamp.wrong,
        None,
        stamp.image_steps,
        strength,
        stamp=stamp.cells if strength >= 1 else (),
    )


def judged_sources(found: Sequence[SourceStamp], steps: int) -> KindSearch:
    """Return whether the stamp of one class works so much better than the others' that it stands apart."""
    if len(found) < 2:  # noqa: PLR2004 - a stamp and one to hold it against
        return _not_run(ONE_SOURCE, SOURCE_WORDS)
    first, second = found[:2]
    shares = first.success, max(second.success, first.fragile)
    lead = math.log(odds_over(*(min(max(share, FEWEST), 1 - FEWEST) for share in shares)))
    strength = min(
        odds_over(first.success, SOURCE_FROM),
        lead / SOURCE_LEAD_FROM,
        CONFUSED_UP_TO / max(first.confused, FEWEST),
        (first.success - first.elsewhere) / APART_FROM_OTHERS,
        (first.success - first.fragile) / AHEAD_FROM,
    )
    return KindSearch(
        ONE_SOURCE,
        SOURCE_WORDS,
        _outcome(strength >= 1),
        first.label,
        first.success,
        second.success,
        steps,
        max(0.0, strength),
        first.source,
    )
