"""Sections for the user's system, and checks that they fit the built-in study."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from trivet.fairness.auditing.settings import ADULT
from trivet.security.scan_settings import DEMO

if TYPE_CHECKING:
    from trivet.config.sections import AuditConfig

__all__ = ["LEGS", "Leg", "complaint_about", "describes", "own_paths"]

Leg = Literal["security", "privacy", "fairness"]
LEGS: Final[tuple[Leg, ...]] = ("security", "privacy", "fairness")

#: Keys of each section that describe the user's system.
_OWN: Final[Mapping[Leg, tuple[str, ...]]] = {
    "security": ("scan",),
    "privacy": ("plan", "audits"),
    "fairness": ("table", "audits"),
}
#: What of it the study cannot take in.
_OWN_ONLY: Final[Mapping[Leg, str]] = {"security": "scan", "fairness": "table"}
#: Where to begin.
_BEGINNING: Final[Mapping[Leg, str]] = {
    "security": "[security.scan]",
    "privacy": "[privacy.plan] or [privacy] audits",
    "fairness": "[fairness.table] or [fairness] audits",
}
_CONTRACT_FILES: Final = {".json", ".toml"}


def describes(leg: Leg, section: Mapping[str, Any]) -> bool:
    """Return True if a section has keys that describe the user's system."""
    return any(section.get(key) for key in _OWN[leg])


def complaint_about(config: "AuditConfig") -> str | None:
    """Say what of a configuration does not go together with ``study``; None where all does."""
    sections: dict[Leg, dict[str, Any]] = {leg: vars(getattr(config, leg)) for leg in LEGS}
    if config.audit.study:
        return next(
            (
                f"[{leg}.{key}] describes a system of your own; set study = false in [audit] to audit it "
                "without the built-in study"
                for leg, key in _OWN_ONLY.items()
                if sections[leg][key] is not None
            ),
            None,
        )
    if not any(describes(leg, section) for leg, section in sections.items()):
        return (
            "study = false, and no section describes a system of your own; add one of "
            f"{', '.join(_BEGINNING.values())}"
        )
    if config.audit.effects:
        return (
            "effects are measured on what the built-in study finds, which study = false leaves out; leave "
            "--effects, or effects in [audit], out"
        )
    for leg in config.audit.legs:
        if not describes(leg, sections[leg]):
            return f"legs names {leg}, and nothing describes it; add {_BEGINNING[leg]}, or leave it out"
    for leg in LEGS:
        own = {*_OWN[leg], "seed"}
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
    if "images" in scan:
        from trivet.datasets.source import EMBEDDED  # noqa: PLC0415 - loads the data's libraries

        _start(scan, "images", folder, unless=EMBEDDED.keys())
    if Path(str(scan.get("contract", ""))).suffix.lower() in _CONTRACT_FILES:
        _start(scan, "contract", folder, unless=())
    _start(_table(content, "fairness", "table"), "table", folder, unless={ADULT})


def _table(content: Mapping[str, Any], section: str, key: str) -> dict[str, Any]:
    table = content.get(section)
    found = table.get(key) if isinstance(table, dict) else None
    return found if isinstance(found, dict) else {}


def _start(table: dict[str, Any], key: str, folder: Path, *, unless: Any) -> None:
    value = table.get(key)
    if isinstance(value, str) and value and value not in unless:
        table[key] = str(folder / value)
