"""Sections of audit.toml and their keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from annotated_types import Ge, MinLen

from trivet.effects.settings import EffectSettings
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.privacy.membership.settings import ModelSettings
from trivet.privacy.planning.settings import PlanSettings
from trivet.privacy.planning.training import TrainingSettings
from trivet.privacy.releases.settings import ReleaseSettings
from trivet.security.settings import DEMO, ScanSettings, SecuritySettings
from trivet.settings import Seed, SettingError, Settings
from trivet.study.fairness_results import FairnessSettings
from trivet.study.privacy import PrivacySettings
from trivet.verdict import LEGS, Leg

__all__ = [
    "DEFAULT_TITLE",
    "OWN_TITLE",
    "AuditConfig",
    "AuditOptions",
    "AuditSection",
    "FairnessSection",
    "NetworkOptions",
    "PolicySection",
    "PrivacySection",
    "SecuritySection",
    "Severity",
    "Waiver",
    "describes",
    "own_paths",
]


#: Keys of each section that describe the user's system.
_OWN: Final[Mapping[Leg, tuple[str, ...]]] = {
    "security": ("scan",),
    "privacy": ("plan", "training", "model", "audits"),
    "fairness": ("table", "audits"),
}
#: Keys that are of neither: other commands read them.
_APART: Final[Mapping[Leg, tuple[str, ...]]] = {"privacy": ("release",)}
#: What of it the study cannot take in.
_OWN_ONLY: Final[Mapping[Leg, str]] = {"security": "scan", "fairness": "table"}
#: Where to begin.
_BEGINNING: Final[Mapping[Leg, str]] = {
    "security": "[security.scan]",
    "privacy": "[privacy.plan], [privacy.training], [privacy.model] or [privacy] audits",
    "fairness": "[fairness.table] or [fairness] audits",
}
#: Keys of ``[effects]`` that are of the user's network.
_OWN_EFFECTS: Final = ("repairs", "members")
_USUAL: Final = {each.name: each.default for each in fields(EffectSettings)}
_CONTRACT_FILES: Final = {".json", ".toml"}


def describes(leg: Leg, section: Mapping[str, Any]) -> bool:
    """Return True if a section has keys that describe the user's system."""
    return any(section.get(key) for key in _OWN[leg])


def complaint_about(config: "AuditConfig") -> str | None:
    """Say what of a configuration does not go together with ``study``; None where all does."""
    sections: dict[Leg, dict[str, Any]] = {leg: vars(getattr(config, leg)) for leg in LEGS}
    if config.audit.study:
        own = (f"{leg}.{key}" for leg, key in _OWN_ONLY.items() if sections[leg][key] is not None)
        effects = (f"effects.{key}" for key in _OWN_EFFECTS if getattr(config.effects, key) != _USUAL[key])
        found = next(chain(own, effects), None)
        return found and (
            f"[{found}] describes a system of your own; set study = false in [audit] to audit it "
            "without the built-in study"
        )
    if not any(describes(leg, section) for leg, section in sections.items()):
        return (
            "study = false, and no section describes a system of your own; add one of "
            f"{', '.join(_BEGINNING.values())}"
        )
    if config.audit.effects and config.security.scan is None and config.fairness.table is None:
        return (
            "effects are measured on a network or a table of your own; add [security.scan] or "
            "[fairness.table], or leave --effects, or effects in [audit], out"
        )
    for leg in config.audit.legs:
        if not describes(leg, sections[leg]):
            return f"legs names {leg}, and nothing describes it; add {_BEGINNING[leg]}, or leave it out"
    for leg in LEGS:
        own = {*_OWN[leg], *_APART.get(leg, ()), "seed"}
        first = type(getattr(config, leg))()
        study = [
            each.name
            for each in fields(first)
            if each.name not in own and sections[leg][each.name] != getattr(first, each.name)
        ]
        if study:
            return (
                f"[{leg}] {', '.join(study)}: of the built-in study, which study = false leaves out; leave "
                f"this out too, or describe your own system in {_BEGINNING[leg]}"
            )
    return None


def own_paths(content: Mapping[str, Any], folder: Path) -> None:
    """Resolve paths of the user's system against a folder; names of embedded data stay names."""
    scan = _table(content, "security", "scan")
    _start(scan, "checkpoint", folder, unless={DEMO})
    _start(scan, "reference", folder, unless=())
    _start(scan, "layers", folder, unless=())
    effects = content.get("effects")
    for table, key in ((scan, "images"), (effects if isinstance(effects, dict) else {}, "members")):
        if key in table:
            from trivet.datasets.source import EMBEDDED  # noqa: PLC0415 - loads the data's libraries

            _start(table, key, folder, unless=EMBEDDED.keys())
    if Path(str(scan.get("contract", ""))).suffix.lower() in _CONTRACT_FILES:
        _start(scan, "contract", folder, unless=())
    if Path(str(scan.get("class_order", ""))).suffix.lower() == ".json":
        _start(scan, "class_order", folder, unless=())
    _start(_table(content, "fairness", "table"), "table", folder, unless={ADULT})
    model = _table(content, "privacy", "model")
    _start(model, "table", folder, unless={ADULT})
    if "images" in model:
        from trivet.datasets.source import EMBEDDED  # noqa: PLC0415 - as above

        _start(model, "images", folder, unless=EMBEDDED.keys())


def _table(content: Mapping[str, Any], section: str, key: str) -> dict[str, Any]:
    table = content.get(section)
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def _start(table: dict[str, Any], key: str, folder: Path, *, unless: Any) -> None:
    value = table.get(key)
    if isinstance(value, str) and value and value not in unless:
        table[key] = str(folder / value)


OWN_TITLE = "Audit of a Machine-Learning System"
DEFAULT_TITLE = "Security, Privacy, and Fairness of a Machine-Learning System"


@dataclass(frozen=True, kw_only=True)
class AuditOptions(Settings):
    """Keys of ``[audit]`` that ``trivet run`` takes.

    Attributes
    ----------
    out
        Folder that receives everything.
    seed
        Seed of everything random.
    effects
        Measure what the remedies of each leg do to the other legs as well; [effects] says how much work.
    private_training
        With effects, of the built-in study: also train networks privately and measure them; takes minutes. On
        your own table this is done anyway.
    """

    out: Path = Path("trivet-out")
    seed: Seed = 0
    effects: bool = False
    private_training: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.private_training and not self.effects:
            raise SettingError("{private_training} is measured among {effects}; give both, or neither.")


@dataclass(frozen=True, kw_only=True)
class AuditSection(AuditOptions):
    """``[audit]``: title, seed, legs, and the folder that receives everything.

    With `study`, the legs are those of the built-in study, published beside corrected, and the audit of the
    user's system, where one is described, is added to it. Without, only the user's system is audited.
    """

    study: bool = True
    title: Annotated[str, MinLen(1)] = DEFAULT_TITLE
    legs: Annotated[tuple[Leg, ...], MinLen(1)] = LEGS


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Settings):
    """Keys of ``[security]`` that choose the network of the study.

    Attributes
    ----------
    checkpoint
        Weights to study instead of the embedded ones.
    archive
        A rar, zip or tar archive of the study's checkpoints.
    student_id
        Chooses the archive's model by the last digit.
    model_index
        Chooses the archive's model by its number.
    """

    checkpoint: Path | None = None
    archive: Path | None = None
    student_id: str | None = None
    model_index: Annotated[int, Ge(0)] | None = None


@dataclass(frozen=True, kw_only=True)
class SecuritySection(NetworkOptions, SecuritySettings):
    """``[security]``: which checkpoint, and the constants of the study.

    With neither `checkpoint` nor `archive` the embedded demonstration network is studied. `scan` is the
    user's network, for an audit without the study.
    """

    expected_label: Annotated[int, Ge(0)] | None = None
    scan: ScanSettings | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.checkpoint is not None and self.archive is not None:
            raise ValueError("give either checkpoint or archive, not both")
        named = (self.student_id is not None) + (self.model_index is not None)
        if self.archive is not None and named != 1:
            raise ValueError("an archive needs student_id or model_index (one of them) to choose a model")
        if self.archive is None and named:
            raise ValueError(
                "student_id and model_index choose a model of an archive, but no archive is given"
            )
        if self.expected_label is not None and self.checkpoint is None:
            raise ValueError("expected_label belongs to a checkpoint of your own; give checkpoint as well")


@dataclass(frozen=True, kw_only=True)
class PrivacySection(PrivacySettings):
    """``[privacy]``: the study's budget and exercises, plans of queries and training, and finished audits.

    `plan` is of the user's queries, for an audit without the study; `training` is of a private training;
    `model` is a model that the audit trains and attacks, with its shadow models;
    `release` is for ``trivet privacy release``, and no part of an audit. `audits` are files that ``trivet
    privacy audit-mechanism --out``, ``audit-model --out`` and ``audit-code --out`` wrote.
    """

    plan: PlanSettings | None = None
    training: TrainingSettings | None = None
    model: ModelSettings | None = None
    release: ReleaseSettings | None = None
    audits: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FairnessSection(FairnessSettings):
    """``[fairness]``: the constants of the study, and finished audits.

    `audits` are files that ``trivet fairness --out`` wrote. `table` is the user's table, for an audit
    without the study.
    """

    table: TableSettings | None = None
    audits: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """``[[policy.waivers]]``: a default of the gate that does not count for a while.

    Attributes
    ----------
    rule
        The rule of the finding, such as ``security.verdict``.
    subject
        The network, mechanism, model or attribute that it is about, or the text of a requirement; None for
        all of the rule.
    reason
        Why.
    expires
        The last day on which it counts, in UTC.
    decided_by
        Who decided it.
    """

    rule: Annotated[str, MinLen(1)]
    reason: Annotated[str, MinLen(1)]
    expires: date
    subject: str | None = None
    decided_by: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a waiver needs a reason")


#: What the findings of a rule can be by the policy.
Severity = Literal["note", "warning", "breach"]


@dataclass(frozen=True, kw_only=True)
class PolicySection:
    """``[policy]``: what must hold, and what does not count.

    Attributes
    ----------
    require
        What must hold, such as ``"fairness.disparate_impact >= 0.8"``.
    waivers
        Defaults that do not count for a while.
    severity
        Rule, or text of a requirement, -> what its findings are, such as ``"fairness.caution" = "breach"``.
    baseline
        The folder of an accepted audit: a breach that it has too, and that is not worse here, is a warning.
    tolerance
        By how much a measure may be worse than in the baseline: ``"0.01"``, ``"5%"``, or of one measure as
        ``"fairness.disparate_impact=0.02"``.
    """

    require: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    baseline: Path | None = None
    tolerance: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """Complete configuration of an audit."""

    audit: AuditSection = field(default_factory=AuditSection)
    security: SecuritySection = field(default_factory=SecuritySection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    fairness: FairnessSection = field(default_factory=FairnessSection)
    effects: EffectSettings = field(default_factory=EffectSettings)
    policy: PolicySection = field(default_factory=PolicySection)

    def __post_init__(self) -> None:
        if complaint := complaint_about(self):
            raise ValueError(complaint)
