"""Searches for other kinds of triggers than a patch, where that search alone has not decided."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.security.networks import Scorer
from trivet.security.scanning.results import KindSearch
from trivet.security.scanning.sequential import Progress
from trivet.security.scanning.stamp import SparseStamp, StampSettings, find_sparse_stamp
from trivet.security.scanning.universal import MOVED, SPREAD, Change, Reached, UniversalSettings, reach_labels
from trivet.security.settings import ScanProfileName

__all__ = ["ANY_LABEL", "FOUND", "PATCH", "look_further", "not_needed", "patch_search", "said_of"]

PATCH: Final = "patch"
FOUND: Final = "found"
NOT_RUN: Final = "not run"
ANY_LABEL: Final = "any label"
CHANGES: Final[dict[str, Change]] = {"spread": SPREAD, "moved": MOVED}

#: A change counts as found where it sends this share of held-out images to one label, and stands as far
#: ahead of the change for the next label in log odds. On the clean networks of the tuning set of
#: `benchmarks/colour_networks.py` and of others no lead exceeded 1.2 at such a share; a blended trigger led
#: by 5, a single pixel by 2.3, a warp by 3.
SUCCESS_FROM: Final = 0.5
LEAD_FROM: Final = 1.8
#: A stamp counts as found where it sends this share of held-out images wrong, this share of them to where
#: most of their class go, and not nearly all to one label, which the other searches are for. All-to-all
#: backdoors of the tuning set let it reach 0.92 and 0.77 at least; clean networks 0.52 and 0.65 at most.
WRONG_FROM: Final = 0.8
CONSISTENT_FROM: Final = 0.7
ONE_LABEL_FROM: Final = 0.8
#: With more labels than this, only those are looked at that the search for patches followed.
ALL_LABELS_UP_TO: Final = 100

SETTINGS: Final[dict[ScanProfileName, UniversalSettings]] = {
    "quick": UniversalSettings(batch_size=4, steps=10),
    "standard": UniversalSettings(),
    "thorough": UniversalSettings(batch_size=32, steps=30, held_out=400),
}
STAMP: Final = StampSettings()
STAMP_WORDS: Final = f"{STAMP.cells} cells that are black or white in all images"
PATCH_WORDS: Final = "a small mask and its pattern"


def look_further(
    score: Scorer,
    working: ImageSet,
    held_out: ImageSet,
    followed: Sequence[int],
    profile: ScanProfileName = "standard",
    *,
    seed: int,
    progress: Progress,
) -> tuple[KindSearch, ...]:
    """Search for a change of every pixel, a shift of pixels, and a stamp that sends images anywhere."""
    labels = range(working.classes) if working.classes <= ALL_LABELS_UP_TO else followed
    found: list[KindSearch] = []
    for kind, change in CHANGES.items():

        def tell(share: float, kind: str = kind) -> None:
            progress(f"search for a trigger that is {kind}", share)

        reached = reach_labels(
            score, working, held_out, change, list(labels), SETTINGS[profile], seed=seed, progress=tell
        )
        found.append(_judged(kind, change, reached))
    stamp = find_sparse_stamp(
        score,
        working,
        held_out,
        STAMP,
        seed=seed,
        progress=lambda share: progress("search for a stamp to any label", share),
    )
    return (*found, _stamped(stamp, working.classes))


def not_needed() -> tuple[KindSearch, ...]:
    """Return the searches that a decision made superfluous."""
    words = {**{kind: change.words for kind, change in CHANGES.items()}, ANY_LABEL: STAMP_WORDS}
    return tuple(KindSearch(kind, said, NOT_RUN, None, None, None, 0) for kind, said in words.items())


def patch_search(label: int | None, success: float, runner_up: float | None, *, steps: int) -> KindSearch:
    """Return what the search for patches came to; no label where it accuses none."""
    return KindSearch(PATCH, PATCH_WORDS, _outcome(label is not None), label, success, runner_up, steps)


def said_of(search: KindSearch) -> str:
    """Return in a sentence what a search has found."""
    if search.kind == ANY_LABEL:
        return (
            f"{_sentence(search.looked_for)} send {search.success:.0%} of held-out images wrong, each class "
            "to a label of its own: a backdoor from all labels to others is the likely reason."
        )
    return (
        f"{_sentence(search.looked_for)} sends {search.success:.0%} of held-out images of other classes to "
        f"label {search.label}; for the next label it is {search.runner_up:.0%}."
    )


def _outcome(found: bool) -> Literal["found", "not found"]:  # noqa: FBT001 - its only argument
    return FOUND if found else "not found"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _judged(kind: str, change: Change, reached: Reached) -> KindSearch:
    odds = np.log((reached.counts + 0.5) / (reached.images - reached.counts + 0.5))
    second, first = np.argsort(odds, kind="stable")[-2:]
    success, next_one = (float(reached.counts[at] / reached.images[at]) for at in (first, second))
    apart = success >= SUCCESS_FROM and odds[first] - odds[second] >= LEAD_FROM
    label = int(reached.labels[first])
    return KindSearch(
        kind, change.words, _outcome(bool(apart)), label, success, next_one, reached.image_steps
    )


def _stamped(stamp: SparseStamp | None, classes: int) -> KindSearch:
    if stamp is None:
        return KindSearch(ANY_LABEL, STAMP_WORDS, NOT_RUN, None, None, None, 0)
    counts = np.bincount(stamp.given[stamp.given != stamp.true], minlength=classes)
    found = (
        stamp.wrong >= WRONG_FROM
        and stamp.consistency >= CONSISTENT_FROM
        and counts.max() < ONE_LABEL_FROM * counts.sum()
    )
    return KindSearch(
        ANY_LABEL, STAMP_WORDS, _outcome(bool(found)), None, stamp.wrong, None, stamp.image_steps
    )
