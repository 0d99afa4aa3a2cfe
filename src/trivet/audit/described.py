"""Parts of an audit that audit.toml describes, looked for in a record: what it lacks was not judged."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from trivet.config import AuditConfig
from trivet.fairness.auditing.settings import ADULT, TableSettings, given_settings
from trivet.fairness.measures.registry import measures_named
from trivet.place import spelling
from trivet.wording import quote

__all__ = ["lacking"]

Record = Mapping[str, Any]
#: Fields of an audit of a table -> what they have to be; `FairnessAudit.settings` are all others.
_HELD: Final[Mapping[str, Callable[[TableSettings], Any]]] = {
    "data": lambda table: Path(table.table).name,
    "label": lambda table: table.label or "",
    "prediction": lambda table: table.prediction or table.score or table.selected or "",
    "count": lambda table: table.count or table.total,
    "four_fifths": lambda table: table.four_fifths,
    "level": lambda table: table.level,
    "favourable": lambda table: table.favourable,
    "weight": lambda table: table.weight,
    "strata": lambda table: table.strata,
    "cluster": lambda table: table.cluster,
    "suppressed_below": lambda table: table.suppress,
}
#: Sections that judge an audit and describe none.
_JUDGING: Final = frozenset({"policy"})


def lacking(config: AuditConfig, sections: Collection[str], record: Record) -> tuple[str, ...]:
    """Say what of a configuration a record does not have, in a few words each."""
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
        comparison, audit = None, fairness["audit"]
    if audit is None:
        yield "no audit of the table ([fairness.table])"
        return
    if comparison is not None and comparison["estimator"] != table.estimator:
        yield _differs("estimator", _said(comparison["estimator"]), _said(table.estimator))
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
    """Yield what was audited, or which setting was taken, in the place of what is described."""
    # A model that is fitted makes its predictions, on a part of the rows; the embedded table has its labels.
    fitted = table.estimator is not None
    own = {"data": fitted, "prediction": fitted, "label": table.table == ADULT}
    for name, wanted in _HELD.items():
        if not own.get(name) and audit[name] != (described := wanted(table)):
            yield _differs(name, _said(audit[name]), _said(described))
    there = {each["name"]: each["value"] for each in audit["settings"]}
    here = {each.name: each.value for each in given_settings(table)}
    for name in dict.fromkeys((*here, *there)):
        if there.get(name) != here.get(name):
            sides = (quote(each[name]) if name in each else "the default" for each in (there, here))
            yield _differs(name, *sides)


def _differs(name: str, there: str, here: str) -> str:
    return f"{there} as its {name.replace('_', '-')} and not {here} ([fairness.table])"


def _said(value: Any) -> str:
    return quote(value) if isinstance(value, str) else "nothing" if value is None else spelling(value)


_PARTS: Final = {"security": _security, "privacy": _privacy, "fairness": _fairness}
