"""Inputs of an audit (data, checkpoint, settings, versions), as opposed to its measurements."""

from collections.abc import Iterator, Mapping
from typing import Final

from trivet.audited import network_of
from trivet.comparison.audits import ReadAudit
from trivet.comparison.results import ADDED, EXACT, REMOVED, Change

__all__ = ["is_asked", "is_exact", "manifest_changes"]

_AUDIT: Final = "data rows label positive negative prediction cut four_fifths level"
_COMPARISON: Final = "estimator features columns reference train_rows test_rows validation repeats kept seed"
_STUDY: Final = (
    "dataset rows train_rows test_rows test_protected test_privileged features sensitive_feature "
    "protected_group privileged_group positive_class"
)
_MECHANISM: Final = "epsilon delta input_a input_b trials error_rate seed"
_MEMBERSHIP: Final = "data rows features classes model shadows members non_members seed"
#: Names of the inputs, by their place.
_ASKED: Final = {
    ("audit",): "seed",
    ("security", "published"): "expected_label",
    ("security", "scan"): "seed threads",
    ("security", "scan", "checkpoint"): "source name sha256 architecture parameters expected_label",
    ("security", "scan", "images"): "name count classes shape",
    ("security", "scan", "contract", "best"): "name",
    ("security", "repair"): "requested working_images held_out_images seed",
    ("privacy", "plan"): "epsilon delta adjacency group answers value threshold",
    ("privacy", "plan", "queries"): "count share cells touches l1 l2 scale",
    ("privacy", "mechanisms"): _MECHANISM,
    ("privacy", "membership"): _MEMBERSHIP,
    ("fairness",): _STUDY,
    ("fairness", "audit"): _AUDIT,
    ("fairness", "audit", "attributes"): "reference",
    ("fairness", "comparison"): _COMPARISON,
    ("fairness", "comparison", "baseline"): _AUDIT,
}
_NAMES: Final[Mapping[tuple[str, ...], frozenset[str]]] = {
    place: frozenset(names.split()) for place, names in _ASKED.items()
}
#: Parts of the privacy leg that were sampled; the rest of it is computed, without error.
_SAMPLED: Final = ("mechanisms", "membership")
#: What a manifest says of the machinery, one value each and several by name.
_NOTED: Final = ("trivet", "python", "platform")
_LIBRARIES: Final = "libraries"
_INPUTS: Final = "inputs"


def is_asked(names: tuple[str, ...]) -> bool:
    """Return True if a place, given by its names without items of lists, holds an input."""
    return "settings" in names[:-1] or names[-1] in _NAMES.get(names[:-1], ())


def is_exact(names: tuple[str, ...]) -> bool:
    """Return True if the value at a place has no error: an input, or computed from inputs."""
    return is_asked(names) or (names[0] == "privacy" and names[1:2] not in {(part,) for part in _SAMPLED})


def manifest_changes(before: ReadAudit, after: ReadAudit) -> Iterator[Change]:
    """Yield what two manifests say differently: versions, the machine, and inputs by their digests.

    Nothing where an audit has no manifest. Of the checkpoint the record itself has the digest.
    """
    if not before.manifest or not after.manifest:
        return
    for name in _NOTED:
        yield from _change(name, before.noted(name), after.noted(name))
    for group in (_LIBRARIES, _INPUTS):
        old, new = before.notes(group), after.notes(group)
        if group == _INPUTS:
            old, new = _others(old, before), _others(new, after)
        for name in dict.fromkeys((*old, *new)):
            yield from _change(f"{group}.{name}", old.get(name), new.get(name))


def _others(inputs: dict[str, str], audit: ReadAudit) -> dict[str, str]:
    network = network_of(audit.record)
    known = None if network is None else network.checkpoint["sha256"]
    return {name: digest for name, digest in inputs.items() if digest != known}


def _change(name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before != after:
        outcome = ADDED if before is None else REMOVED if after is None else EXACT
        yield Change(f"manifest.{name}", name.replace(".", ": ", 1), before, after, outcome)
