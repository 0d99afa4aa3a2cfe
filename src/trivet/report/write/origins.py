"""Origin of a number: equations, papers and seed.

The tables name places by pattern, ``*`` standing for anything. The record adds what it says itself: the
nearest ``source`` or ``method`` beside a value, and the nearest ``seed``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from trivet.places import find, spelling
from trivet.report.text.document import Document, words
from trivet.wording import one_line

__all__ = ["NOT_RANDOM", "ORIGINS", "SEEDS", "Origin", "origin_lines"]

#: Characters of a paper's entry in the references.
ENTRY_CHARACTERS: Final = 160


@dataclass(frozen=True)
class Origin:
    """Origin of the values at some places."""

    pattern: str
    equations: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()


#: The first row whose pattern fits is the one that counts.
ORIGINS: Final = (
    Origin("*.settings.*"),
    Origin("security.published.confusion.*"),
    Origin("security.published.*asr*", ("asr",), ("wang2019",)),
    Origin("security.published.*norm*", ("inversion",), ("wang2019",)),
    Origin("security.published.mask_pixels", ("inversion",), ("wang2019",)),
    Origin("security.published.*z*", ("zscore",), ("iglewicz1993",)),
    Origin("security.scan.labels.*.l1", ("inversion",), ("wang2019",)),
    Origin("security.scan.labels.*.refined_l1", ("inversion",), ("wang2019",)),
    Origin("security.scan.labels.*.log_score", (), ("iglewicz1993",)),
    Origin("security.*asr*", (), ("wu2022",)),
    Origin("security.repair.*.robust_accuracy.*", (), ("wu2022",)),
    Origin("privacy.published.income.*", ("laplace",), ("dwork2014",)),
    Origin("privacy.published.counting.unbounded.sensitivity", ("unbounded", "sensitivity")),
    Origin("privacy.published.counting.unbounded.scale", ("laplace", "scale-unbounded")),
    Origin("privacy.published.counting.*.scale", ("laplace",), ("dwork2014",)),
    Origin("privacy.published.counting.*.exceedance", ("tail", "exceedance")),
    Origin("privacy.published.counting.*.epsilon", ("dp", "sequential"), ("dwork2014",)),
    Origin("privacy.published.counting.*.delta", ("sequential",), ("dwork2014",)),
    Origin("privacy.published.tail_curves.*", ("tail", "cdf")),
    Origin("privacy.published.epsilon_sweep.exceedance.*", ("tail", "exceedance")),
    Origin("privacy.published.epsilon_sweep.scale.*", ("laplace",)),
    Origin("privacy.published.correction.group_*", (), ("vadhan2017",)),
    Origin("privacy.published.correction.discrete_exceedance", (), ("ghosh2012",)),
    Origin("privacy.published.correction.gaussian_*", (), ("balle2018",)),
    Origin("privacy.published.correction.laplace.exceedance", ("tail",)),
    Origin("privacy.published.correction.laplace.*", (), ("koskela2020",)),
    Origin("privacy.published.correction.spent_epsilon", (), ("koskela2020",)),
    Origin("privacy.published.correction.noise_ratio", ("laplace",), ("koskela2020",)),
    Origin("privacy.plan.group_conversion.*", (), ("vadhan2017",)),
    Origin("privacy.mechanisms.*.epsilon_lower", ("dp",), ("clopper1934", "ding2018")),
    Origin("privacy.mechanisms.*.p_low", (), ("clopper1934",)),
    Origin("privacy.mechanisms.*.q_high", (), ("clopper1934",)),
    Origin("privacy.membership.*auroc*", (), ("delong1988",)),
    Origin("privacy.membership.canaries.*", (), ("steinke2023",)),
    Origin("privacy.membership.*tpr*", (), ("carlini2022", "clopper1934")),
    Origin("fairness.published.*accuracy*", ("accuracy",)),
    Origin("fairness.*disparate_impact_interval.*", ("di", "risk"), ("katz1978",)),
    Origin("fairness.*demographic_parity_interval.*", (), ("newcombe1998",)),
    Origin("fairness.published.*disparate_impact*", ("di",), ("feldman2015",)),
    Origin("fairness.published.*gap*", ("di",)),
    Origin("fairness.*zemel_proxy", (), ("zemel2013",)),
    Origin("fairness.published.swap*", ("cohorts",), ("kamiran2012",)),
    Origin("fairness.published.correction.massaging_s*", (), ("kamiran2012",)),
    Origin("fairness.*.thresholds.*", ("di-thresholds", "scalarised"), ("hardt2016",)),
    Origin("fairness.audit.*.disparate_impact.estimate", (), ("feldman2015",)),
    Origin("fairness.audit.*.disparate_impact.*", (), ("katz1978",)),
    Origin("fairness.audit.*.difference.*", (), ("newcombe1998",)),
    Origin("fairness.audit.*.simultaneous_*", (), ("katz1978",)),
    Origin("fairness.audit.*.p_adjusted", (), ("holm1979",)),
    Origin("fairness.audit.*.by_class.*", (), ("kitagawa1955",)),
    Origin("fairness.audit.*.by_feature.*", (), ("oaxaca1973", "blinder1973", "jann2008")),
    Origin("fairness.audit.*auc*", (), ("delong1988",)),
    Origin("fairness.comparison.*.disparate_impact*", (), ("feldman2015",)),
)

#: Inputs, counts and declared values, which do not depend on a seed.
NOT_RANDOM: Final = (
    "*seed*",
    "*.settings.*",
    "security.scan.contract.*",
    "*.trials",
    "*_trials",
    "*.error_rate",
    "*.level",
    "*.name",
    "*.data",
    "*.rows",
    "*_rows",
    "*.epsilon",
    "*.delta",
    "*.input_?",
    "*checkpoint.*",
    "images.*",
    "*.features*",
    "*.columns*",
    "*.repeats",
    "*.shadows",
    "*.folds",
    "*limits",
    "*.method",
    "*.source",
    "audit.*",
    "page.*",
)

#: Which seed the values at some places depend on, where none stands beside them.
SEEDS: Final = (
    ("security.published.*", "audit.seed"),
    ("security.strip.*", "audit.seed"),
    ("fairness.published.*", "fairness.published.settings.seed"),
)


def origin_lines(path: str, document: Document, record: Mapping[str, Any]) -> list[str]:
    """Say where the value at a place comes from, in lines without markup."""
    above = list(_above(record, path))
    found = (_defined(path, document), _told(above), _seed(path, record, above))
    return [line for line in found if line]


def _defined(path: str, document: Document) -> str:
    origin = next((row for row in ORIGINS if fnmatchcase(path, row.pattern)), None)
    if origin is None:
        return ""
    equations = [document.targets.get(f"eq:{name}") for name in origin.equations]
    named = [f"Equation {target.text}" for target in equations if target is not None]
    named += [
        f"[{source.number}] {one_line(words(source.entry), limit=ENTRY_CHARACTERS)}"
        for source in document.sources
        if source.key in origin.papers
    ]
    return "; ".join(named)


def _told(above: list[Mapping[str, Any]]) -> str:
    for group in above:
        for name in ("source", "method"):
            told = group.get(name)
            if isinstance(told, str) and " " in told.strip():  # a key such as “pld” says nothing
                return f"{name.capitalize()}: {one_line(told)}"
    return ""


def _seed(path: str, record: Mapping[str, Any], above: list[Mapping[str, Any]]) -> str:
    if any(fnmatchcase(path, pattern) for pattern in NOT_RANDOM):
        return ""
    for group in above:
        seeds = group.get("seeds", [group["seed"]] if "seed" in group else [])
        if isinstance(seeds, list | tuple) and seeds and all(isinstance(seed, int) for seed in seeds):
            return f"Seed {', '.join(map(spelling, seeds))}"
    place = next((place for pattern, place in SEEDS if fnmatchcase(path, pattern)), None)
    seed = None if place is None else _found(record, place)
    return "" if seed is None else f"Seed {spelling(seed)}"


def _above(record: Mapping[str, Any], path: str) -> Iterator[Mapping[str, Any]]:
    """Give the groups of values that a place lies in, the nearest first, the record last."""
    while path:
        path = path.rpartition(".")[0]
        here = _found(record, path) if path else record
        if isinstance(here, Mapping):
            yield here


def _found(record: Mapping[str, Any], path: str) -> Any:
    try:
        return find(record, path)
    except LookupError:
        return None
