"""Origin of a number: equations, papers and seed.

The tables name parts of the record (see `trivet.place`), and names in them. The record adds what it says
itself: the nearest ``source`` or ``method`` beside a value, and the nearest ``seed``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from trivet.place import find, matches, parent, parse, pattern_of, spelling
from trivet.report.text.document import Document, words
from trivet.wording import one_line

__all__ = ["NOT_RANDOM", "ORIGINS", "SEEDS", "Origin", "origin_lines", "seed_line"]

#: Characters of a paper's entry in the references.
ENTRY_CHARACTERS: Final = 160


@dataclass(frozen=True)
class Origin:
    """Origin of the values within a part of the record, or of those at and below some names there."""

    within: str
    names: str = ""
    equations: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()

    def fits(self, place: str) -> bool:
        """Return whether the value at a place is one of these."""
        if not matches(self.within, place):
            return False
        return not self.names or not set(self.names.split()).isdisjoint(
            pattern_of(place)[len(parse(self.within)) :]
        )


_GROUPS: Final = "fairness.audit.attributes.*.groups.*"
_COUNTING: Final = "privacy.published.counting"
_CORRECTION: Final = "privacy.published.correction"
#: The first row that fits is the one that counts.
ORIGINS: Final = (
    Origin("", "settings"),
    Origin("security.published.confusion"),
    Origin("security.published", "asr asr_fell best_asr", ("asr",), ("wang2019",)),
    Origin(
        "security.published",
        "norms detected_norm median_norm runner_up_norm norm_ratio mask_pixels",
        ("inversion",),
        ("wang2019",),
    ),
    Origin(
        "security.published",
        "modified_z detected_z z_floor z_floor_above_bound",
        ("zscore",),
        ("iglewicz1993",),
    ),
    Origin("security.scan.labels", "l1 refined_l1", ("inversion",), ("wang2019",)),
    Origin("security.scan.labels", "log_score", (), ("iglewicz1993",)),
    Origin("security", "asr true_trigger_asr", (), ("wu2022",)),
    Origin("security.repair.attempts", "robust_accuracy", (), ("wu2022",)),
    Origin("privacy.published.income", "", ("laplace",), ("dwork2014",)),
    Origin(f"{_COUNTING}.unbounded.sensitivity", "", ("unbounded", "sensitivity")),
    Origin(f"{_COUNTING}.unbounded.scale", "", ("laplace", "scale-unbounded")),
    Origin(_COUNTING, "scale", ("laplace",), ("dwork2014",)),
    Origin(_COUNTING, "exceedance", ("tail", "exceedance")),
    Origin(_COUNTING, "epsilon", ("dp", "sequential"), ("dwork2014",)),
    Origin(_COUNTING, "delta", ("sequential",), ("dwork2014",)),
    Origin("privacy.published.tail_curves", "", ("tail", "cdf")),
    Origin("privacy.published.epsilon_sweep", "exceedance", ("tail", "exceedance")),
    Origin("privacy.published.epsilon_sweep", "scale", ("laplace",)),
    Origin(_CORRECTION, "group_size group_epsilon group_delta", (), ("vadhan2017",)),
    Origin(_CORRECTION, "discrete_exceedance", (), ("ghosh2012",)),
    Origin(_CORRECTION, "gaussian_better gaussian_ratio", (), ("balle2018",)),
    Origin(f"{_CORRECTION}.laplace.exceedance", "", ("tail",)),
    Origin(_CORRECTION, "laplace spent_epsilon", (), ("koskela2020",)),
    Origin(_CORRECTION, "noise_ratio", ("laplace",), ("koskela2020",)),
    Origin("privacy.plan.group_conversion", "", (), ("vadhan2017",)),
    Origin("privacy.mechanisms", "epsilon_lower", ("dp",), ("clopper1934", "ding2018")),
    Origin("privacy.code", "epsilon_seen", ("dp",), ("cebere2026", "balle2018")),
    Origin("privacy.mechanisms", "p q", (), ("clopper1934",)),
    Origin("privacy.membership", "auroc", (), ("delong1988",)),
    Origin("privacy.membership.canaries", "", (), ("steinke2023",)),
    Origin("privacy.membership.claim", "epsilon_lower ceiling", (), ("steinke2023", "mahloujifar2025")),
    Origin("privacy.membership", "tpr", (), ("carlini2022", "clopper1934")),
    Origin("fairness.published", "accuracy best_accuracy", ("accuracy",)),
    Origin("fairness.published", "disparate_impact", ("di", "risk"), ("feldman2015", "katz1978")),
    Origin("fairness.published", "demographic_parity_difference", (), ("newcombe1998",)),
    Origin(
        "fairness.published", "gap best_gap best_by_gap promotion_widens_gap massaging_narrows_gap", ("di",)
    ),
    Origin("fairness", "zemel_proxy", (), ("zemel2013",)),
    Origin("fairness.published", "swaps swap_sweep", ("cohorts",), ("kamiran2012",)),
    Origin("fairness.published.correction", "massaging_swaps massaging_sweep", (), ("kamiran2012",)),
    Origin("fairness", "thresholds", ("di-thresholds", "scalarised"), ("hardt2016",)),
    Origin(f"{_GROUPS}.disparate_impact.value", "", (), ("feldman2015",)),
    Origin("fairness.audit", "disparate_impact simultaneous_low simultaneous_high", (), ("katz1978",)),
    Origin("fairness.audit", "ratio", (), ("katz1978",)),
    Origin("fairness.audit", "difference difference_low difference_high", (), ("newcombe1998",)),
    Origin("fairness.audit", "below_four_fifths", (), ("eeoc1978",)),
    Origin("fairness.audit", "p_adjusted", (), ("holm1979",)),
    Origin("fairness.audit", "by_class", (), ("kitagawa1955",)),
    Origin("fairness.audit", "by_feature", (), ("oaxaca1973", "blinder1973", "jann2008")),
    Origin("fairness.audit", "auc bnsp_auc bpsn_auc", (), ("delong1988",)),
    Origin("fairness.comparison", "disparate_impact disparate_impact_training", (), ("feldman2015",)),
)

#: Parts that hold inputs only, which do not depend on a seed.
INPUTS: Final = ("audit", "page", "security.scan.contract", "security.scan.images")
_NAMES: Final = (
    "checkpoint choosing_trials cluster_rows columns counted_rows data delta epsilon error_rate features "
    "fit_rows folds input_a input_b level limits method name p_trials proposing_trials q_trials repeats "
    "rows seed seeds settings shadows source test_rows testing_trials train_rows trials"
)
#: Names of inputs, counts and declared values.
NOT_RANDOM: Final = frozenset(_NAMES.split())

#: Which seed the values at some places depend on, where none stands beside them.
SEEDS: Final = (
    ("security.published", "audit.seed"),
    ("security.strip", "audit.seed"),
    ("fairness.published", "fairness.published.settings.seed"),
)


def origin_lines(path: str, document: Document, record: Mapping[str, Any]) -> list[str]:
    """Say where the value at a place comes from, in lines without markup; nothing where it names none."""
    try:
        parse(path)
    except LookupError:
        return []
    above = list(_above(record, path))
    found = (_defined(path, document), _told(above), _seed(path, record, above))
    return [line for line in found if line]


def seed_line(path: str, record: Mapping[str, Any]) -> str:
    """Return the seed that the value at a place depends on, such as ``Seed 7``; empty where it has none."""
    return _seed(path, record, list(_above(record, path)))


def _defined(path: str, document: Document) -> str:
    origin = next((row for row in ORIGINS if row.fits(path)), None)
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
    if not NOT_RANDOM.isdisjoint(pattern_of(path)) or any(matches(part, path) for part in INPUTS):
        return ""
    for group in above:
        seeds = group.get("seeds", [group["seed"]] if "seed" in group else [])
        if isinstance(seeds, list | tuple) and seeds and all(isinstance(seed, int) for seed in seeds):
            return f"Seed {', '.join(map(spelling, seeds))}"
    place = next((place for part, place in SEEDS if matches(part, path)), None)
    seed = None if place is None else _found(record, place)
    return "" if seed is None else f"Seed {spelling(seed)}"


def _above(record: Mapping[str, Any], path: str) -> Iterator[Mapping[str, Any]]:
    """Give the groups of values that a place lies in, the nearest first, the record last."""
    while path:
        path, _ = parent(path)
        here = _found(record, path)
        if isinstance(here, Mapping):
            yield here


def _found(record: Mapping[str, Any], path: str) -> Any:
    try:
        return find(record, path)
    except LookupError:
        return None
