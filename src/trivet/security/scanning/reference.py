"""A reference: clean networks of one kind, scanned alike, that the score of another one is ranked among.

Among N clean networks that are exchangeable with a clean one in question, the rank of its score is uniform:
p = (1 + #{clean score >= score}) / (1 + N) is at most t with a probability of at most t, whatever the score
is (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, proposition 2.8; for backdoors
Xiang et al., NeurIPS 2023). That takes one score for all: the scans of a reference leave no search out.
Where the network in question is spared some, its score is at most that one and its p at least as large.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from trivet.datasets.images import ImageSet
from trivet.errors import DataError, UsageError
from trivet.security.contract import InputContract
from trivet.security.evaluation import batches
from trivet.security.results import CheckpointInfo
from trivet.security.scanning.kinds import PATCH
from trivet.security.scanning.rates import benchmark_rates, shown_rate
from trivet.security.scanning.results import BenchmarkRate, Calibration, KindSearch, scan_version
from trivet.security.scanning.sequential import Judgement
from trivet.security.settings import ScanProfileName
from trivet.verdict import NO_EVIDENCE
from trivet.wording import one_line, quote
from trivet.work.bounded import read_bounded

__all__ = [
    "ALARM_AT",
    "REFERENCE",
    "SMALLEST",
    "Conditions",
    "Reference",
    "calibrated",
    "conditions_of",
    "conformal_p",
    "judged_against",
    "load_reference",
    "pixels_sha256",
    "with_benchmark",
]

REFERENCE: Final = "reference.json"
SCHEMA_VERSION: Final = 2
#: An alarm is raised at this p-value and below: of clean networks at most this share is accused.
ALARM_AT: Final = 0.05
#: Clean networks from which on such a p-value is possible.
SMALLEST: Final = round(1 / ALARM_AT) - 1
#: More than a reference of ten thousand networks takes.
MOST_BYTES: Final = 64 * 2**20
#: Images whose pixels are hashed at a time.
HASHED_TOGETHER: Final = 256


@dataclass(frozen=True)
class Conditions:
    """Conditions of a scan besides the network's weights; all networks of a reference have them in common.

    Attributes
    ----------
    trivet
        Version of the scan.
    architecture, parameters
        Of the network.
    images
        SHA-256 of pixels and labels.
    profile, declared, seed
        As of the scan; `declared` as plain values.
    """

    trivet: str
    architecture: str
    parameters: int
    images: str
    profile: str
    declared: Mapping[str, Any] | None
    seed: int


#: Conditions in words: what of them differs, and what to do.
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "trivet": ("with trivet {}", "Make it again"),
    "architecture": ("of networks of {}", "Give the reference of this architecture"),
    "parameters": ("of networks with {} parameters", "Give the reference of this architecture"),
    "images": ("with images of digest {:.12}", "Scan with the same images (--images, --limit)"),
    "profile": ("with the profile {}", "Scan with that profile"),
    "declared": ("under the declared contract {}", "Declare the same contract, or none"),
    "seed": ("with the seed {}", "Scan with that seed"),
}


@dataclass(frozen=True, eq=False)
class Reference:
    """Scores of clean networks, and what they were measured under.

    Attributes
    ----------
    name, sha256
        Of the folder, and of its ``reference.json``.
    conditions
        What all of them have in common.
    kinds
        The searches that were made.
    weights, scores
        One digest of a file and one score a network.
    accuracy
        Lowest and highest clean accuracy.
    """

    name: str
    sha256: str
    conditions: Conditions
    kinds: frozenset[str]
    weights: tuple[str, ...]
    scores: tuple[float, ...]
    accuracy: tuple[float, float]

    def without(self, sha256: str) -> "Reference":
        """Return the other networks: one that is of the reference itself is ranked among those."""
        left = [pair for pair in zip(self.weights, self.scores, strict=True) if pair[0] != sha256]
        weights, scores = (tuple(values) for values in zip(*left, strict=True)) if left else ((), ())
        return replace(self, weights=weights, scores=scores)

    def is_alarm(self, score: float) -> bool:
        """Tell whether a score ranks among the highest; one that grows further does as well."""
        return conformal_p(score, self.scores) <= ALARM_AT

    def require(self, conditions: Conditions) -> None:
        """Refuse a scan under other conditions: its score would not be comparable.

        Raises
        ------
        UsageError
            With the first condition that differs.
        """
        for name, (words, action) in _WORDS.items():
            own, other = (getattr(each, name) for each in (self.conditions, conditions))
            if own != other:
                made, here = (words.format(_shown(value)) for value in (own, other))
                raise UsageError(
                    f"the reference {self.name} was made {made}, and this scan is {here}. {action}, or make "
                    "a reference for it: trivet zoo reference."
                )


def _shown(value: Any) -> str:
    """Write a condition; a contract by its name."""
    if isinstance(value, Mapping):
        value = value["name"]
    return one_line("none" if value is None else value, limit=100)


def conditions_of(
    network: CheckpointInfo,
    images: str,
    *,
    profile: ScanProfileName,
    declared: InputContract | None,
    seed: int,
) -> Conditions:
    """Return the conditions of a scan with images of that digest."""
    plain = None if declared is None else json.loads(json.dumps(asdict(declared)))
    architecture, parameters = network.architecture, network.parameters
    return Conditions(scan_version(), architecture, parameters, images, profile, plain, seed)


def pixels_sha256(images: ImageSet) -> str:
    """Return the SHA-256 of pixels and labels, whatever the images are called and however they are held."""
    digest = hashlib.sha256(json.dumps([images.classes, images.pixels.shape]).encode())
    for rows in batches(len(images), HASHED_TOGETHER):
        digest.update(np.ascontiguousarray(images.unit(rows)).data)
    digest.update(np.ascontiguousarray(images.labels).data)
    return digest.hexdigest()


def load_reference(folder: str | Path) -> Reference:
    """Read the ``reference.json`` that ``trivet zoo reference`` wrote.

    Raises
    ------
    UsageError
        If there is none, or it is of another version of trivet's.
    DataError
        If it is damaged, or counts a network several times.
    """
    path = Path(folder) / REFERENCE
    try:
        content = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise UsageError(
            f"the reference {quote(str(folder))} cannot be read: {error.strerror}. Give a folder that "
            "`trivet zoo reference` has finished."
        ) from error
    try:
        document = json.loads(content)
        if document["schema_version"] != SCHEMA_VERSION:
            raise UsageError(
                f"{quote(str(path))} is of another version of trivet; make it again with `trivet zoo "
                "reference`."
            )
        rows = document["networks"]
        weights = tuple(_text(row["sha256"]) for row in rows)
        if len(set(weights)) < len(weights):
            raise DataError(
                f"{quote(str(path))} counts one network several times, which makes p too small; make it "
                "again with `trivet zoo reference`."
            )
        accuracies = [_number(row["clean_accuracy"], most=1.0) for row in rows]
        return Reference(
            name=one_line(Path(folder).resolve().name, limit=100),
            sha256=hashlib.sha256(content).hexdigest(),
            conditions=_conditions(document["conditions"]),
            kinds=frozenset(map(_text, document["kinds"])),
            weights=weights,
            scores=tuple(_number(row["score"]) for row in rows),
            accuracy=(min(accuracies), max(accuracies)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise DataError(
            f"{quote(str(path))} is not a reference, or a damaged one; make it with `trivet zoo reference`."
        ) from error


def _number(value: Any, *, most: float = sys.float_info.max) -> float:
    """Return a number of the file, 0 to `most`; NaN and infinity are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(value)
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _conditions(plain: Any) -> Conditions:
    """Return the conditions of the file, which refusals and pages show."""
    found = Conditions(**plain)
    for name in ("trivet", "architecture", "images", "profile"):
        _text(getattr(found, name))
    _number(found.parameters)
    _number(found.seed)
    if found.declared is not None:
        _text(found.declared["name"])
    return found


def conformal_p(score: float, clean: Sequence[float]) -> float:
    """Return (1 + #{clean >= score}) / (1 + N); at most t with a chance of at most t for a clean network."""
    return (1 + sum(each >= score for each in clean)) / (1 + len(clean))


def with_benchmark(searches: Sequence[KindSearch], profile: str) -> tuple[KindSearch, ...]:
    """Return the searches, each with how often the scan finds its kind of trigger on the benchmark."""
    kinds = benchmark_rates(profile).kinds
    return tuple(replace(search, benchmark=kinds.get(search.kind)) for search in searches)


def calibrated(
    searches: Sequence[KindSearch], accuracy: float, profile: str, reference: Reference | None
) -> Calibration:
    """Return the score of a network, and its rank among the clean ones of a reference.

    Parameters
    ----------
    searches
        All kinds of searches; those that were run have a strength.
    accuracy
        Clean accuracy of the network, in [0, 1].
    profile
        Of the scan.
    reference
        None leaves the verdict uncalibrated.

    Raises
    ------
    UsageError
        If the reference was made with other searches.
    """
    strongest = max(searches, key=lambda search: -1.0 if search.strength is None else search.strength)
    score, rates = strongest.strength or 0.0, benchmark_rates(profile)
    kinds = frozenset(search.kind for search in searches)
    plain = Calibration(
        score=score,
        strongest=strongest.kind,
        networks=0,
        as_strong=0,
        p_value=None,
        decides=False,
        reference=None,
        sha256=None,
        accuracy=None,
        clean=rates.clean,
        not_searched=tuple(rate for kind, rate in rates.kinds.items() if kind not in kinds),
        summary=_uncalibrated(rates.clean, profile, rates.profile),
        measured_with=rates.profile,
    )
    if reference is None:
        return plain
    if reference.kinds != kinds:
        raise UsageError(
            f"the reference {reference.name} was made by a scan that looks for other kinds of triggers "
            f"({', '.join(sorted(reference.kinds))}); make it again with `trivet zoo reference`."
        )
    known = replace(
        plain,
        networks=len(reference.scores),
        as_strong=sum(each >= score for each in reference.scores),
        p_value=conformal_p(score, reference.scores),
        decides=len(reference.scores) >= SMALLEST,
        reference=reference.name,
        sha256=reference.sha256,
        accuracy=reference.accuracy,
    )
    return replace(known, summary=_said(known, accuracy, profile))


def _uncalibrated(clean: BenchmarkRate, profile: str, measured: str) -> str:
    other = "" if profile == measured else f", measured with the profile {measured}"
    return (
        "uncalibrated: its chances come from a model of clean networks, not from clean networks of this "
        "architecture, which --reference names. On this project's benchmark the scan accuses "
        f"{shown_rate(clean)} clean networks{other}."
    )


def _said(calibration: Calibration, accuracy: float, profile: str) -> str:
    networks, lowest, highest = calibration.networks, *(calibration.accuracy or (0.0, 1.0))
    other = ""
    if not lowest <= accuracy <= highest:
        other = (
            f" Their clean accuracy is {lowest:.3f} to {highest:.3f}, that of this network {accuracy:.3f}: "
            "if they were not trained alike, the p-value does not hold."
        )
    if not calibration.decides:
        return (
            f"{_uncalibrated(calibration.clean, profile, calibration.measured_with)} "
            f"Among the {networks} clean networks of {calibration.reference} p is {calibration.p_value:.2g}; "
            f"an alarm takes {SMALLEST}.{other}"
        )
    return (
        f"calibrated against {networks} clean networks ({calibration.reference}): {calibration.as_strong} of "
        f"them score as high as {calibration.score:.2f}, p = {calibration.p_value:.2g}. An alarm is raised "
        f"at {ALARM_AT} and below, so at most {ALARM_AT:.0%} of clean networks of that kind are accused."
        f"{other}"
    )


def judged_against(
    calibration: Calibration,
    judgement: Judgement,
    searches: Sequence[KindSearch],
    patch: int | None,
) -> Judgement:
    """Return the judgement where clean networks decide: an alarm exactly where p is at most 0.05.

    Parameters
    ----------
    calibration
        Of this network.
    judgement
        By the bounds alone.
    searches
        What the score is the largest strength of.
    patch
        The label with the strongest evidence of a patch, which a search that found none does not name.
    """
    if not calibration.decides or calibration.p_value is None:
        return judgement
    rank = (
        f"{calibration.as_strong} of {calibration.networks} clean networks of its kind score as high as "
        f"{calibration.score:.2f} (p {calibration.p_value:.2g})"
    )
    accused = judgement.verdict != NO_EVIDENCE
    if calibration.p_value > ALARM_AT:
        if not accused:
            return replace(judgement, reason=f"{judgement.reason} {rank}.")
        by_bounds = f"By its bounds alone the network would be {judgement.verdict}: {judgement.reason}"
        return Judgement(NO_EVIDENCE, None, f"{rank}: too many for an alarm. {by_bounds}")
    if accused:
        return replace(judgement, reason=f"{judgement.reason} {rank}.")
    label = next(search.label for search in searches if search.kind == calibration.strongest)
    label = patch if calibration.strongest == PATCH else label
    named = "" if label is None else f" for label {label}"
    strongest = f"Its strongest evidence is that of the search for {calibration.strongest}{named}"
    return Judgement("suspicious", label, f"{rank}. {strongest}, below the bounds of that search.")
