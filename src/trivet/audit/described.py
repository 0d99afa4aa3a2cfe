"""Parts of an audit that audit.toml describes, looked for in a record: what it lacks was not judged."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from trivet.config import AuditConfig
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.measures.registry import measures_named
from trivet.place import spelling
from trivet.wording import quote

__all__ = ["lacking"]

Record = Mapping[str, Any]
#: Settings of a table that stand in the record as they were given.
_YARDSTICKS: Final = ("four_fifths", "level", "favourable", "weight", "strata", "cluster")
#: Sections that judge an audit and describe none.
_JUDGING: Final = frozenset({"policy"})


def lacking(config: AuditConfig, sections: Collection[str], record: Record) -> tuple[str, ...]:
    """Say what of a configuration a record does not have, in a few words each.

    Parameters
    ----------
    config
        An audit.toml that was read.
    sections
        Those that the file has; one with a policy alone describes no audit.
    record
        As plain JSON values.
    """
    if _JUDGING.issuperset(sections):
        return ()
    legs = [leg for leg in config.audit.legs if record[leg] is None]
    found = [f"no {leg} leg" for leg in legs]
    for leg in config.audit.legs:
        if leg not in legs:
            found += _studied(leg, record[leg]) if config.audit.study else ()
            found += _PARTS[leg](config, record[leg])
    if config.audit.effects and record["effects"] is None:
        found.append("no effects")
    return tuple(found)


def _studied(leg: str, content: Record) -> Iterator[str]:
    if content["published"] is None:
        yield f"no built-in study in its {leg} leg (study = false leaves it out)"


def _security(config: AuditConfig, security: Record) -> Iterator[str]:
    if config.security.scan is None:
        return
    if (scan := security["scan"]) is None:
        yield "no scan ([security.scan])"
    elif scan["profile"] != (wanted := config.security.scan.profile):
        yield f"a scan by the profile {scan['profile']} and not {wanted} ([security.scan])"
    elif scan["suspected_label"] is not None and config.security.scan.repair and security["repair"] is None:
        yield "no repair (repair in [security.scan])"


def _privacy(config: AuditConfig, privacy: Record) -> Iterator[str]:
    section = config.privacy
    for name, part in (("plan", "plan"), ("training", "training"), ("model", "membership")):
        if getattr(section, name) is not None and privacy[part] is None:
            yield f"no {part} ([privacy.{name}])"
    if section.plan is not None and privacy["plan"] is not None:
        for name in ("epsilon", "delta"):
            if (found := privacy["plan"][name]) != (wanted := getattr(section.plan, name)):
                yield f"a plan with {name} {_said(found)} and not {_said(wanted)} ([privacy.plan])"
    there = len(privacy["mechanisms"]) + len(privacy["code"]) + (privacy["membership"] is not None)
    wanted = len(section.audits) + (section.model is not None)
    if section.audits and there < wanted:
        yield f"{there} of the {wanted} audits of mechanisms, code and a model ([privacy] audits)"


def _fairness(config: AuditConfig, fairness: Record) -> Iterator[str]:
    section = config.fairness
    if section.audits and fairness["audit"] is None and fairness["comparison"] is None:
        yield "no finished audit ([fairness] audits)"
    if (table := section.table) is None:
        return
    if table.estimator is not None:
        comparison = fairness["comparison"]
        audit = None if comparison is None else comparison["baseline"]
    else:
        audit = fairness["audit"]
    if audit is None:
        yield "no audit of the table ([fairness.table])"
        return
    if table.estimator is None:
        yield from _of_another(table, audit)
    alone = {each["columns"][0] for each in audit["attributes"] if len(each["columns"]) == 1}
    for name in table.sensitive:
        if name not in alone.union(audit["constant"]):
            yield f"no groups by {quote(name)} (sensitive in [fairness.table])"
    metrics = {each["metric"] for attribute in audit["attributes"] for each in attribute["measures"]}
    for each in measures_named(table.metric):
        if metrics and each.name not in metrics:
            yield f"no {quote(each.name)} (metric in [fairness.table])"


def _of_another(table: TableSettings, audit: Record) -> Iterator[str]:
    """Yield what was audited, or which yardstick was taken, in the place of what is described."""
    described: dict[str, Any] = {
        "data": Path(table.table).name,
        "label": table.label or "",
        "prediction": table.prediction or table.score or table.selected or "",
        "count": table.count or table.total,
        **{name: getattr(table, name) for name in _YARDSTICKS},
    }
    for name, wanted in described.items():
        if audit[name] != wanted:
            called = name.replace("_", "-")
            yield f"{_said(audit[name])} as its {called} and not {_said(wanted)} ([fairness.table])"


def _said(value: Any) -> str:
    return quote(value) if isinstance(value, str) else spelling(value)


_PARTS: Final = {"security": _security, "privacy": _privacy, "fairness": _fairness}
