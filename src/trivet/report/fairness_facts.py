"""Rows of texts for the pages of fairness whose numbers can be withheld."""

from collections.abc import Sequence
from typing import Any, Final

from trivet.estimate import Estimate
from trivet.fairness.inferred.results import InferredAudit
from trivet.fairness.law.publishing import (
    NAME,
    beside_rows,
    category_rows,
    figure_text,
    rate_sentence,
    table_notes,
)
from trivet.fairness.law.results import BiasAudit
from trivet.fairness.monitoring.results import FairnessWatch
from trivet.verdict import DISPARATE
from trivet.wording import beside, one_line

__all__ = ["bias_audit_facts", "inferred_facts", "lowest_ratio", "watch_facts"]

NOT_STATED: Final = "not stated"
LAW: Final = "New York City's Local Law 144 of 2021 (6 RCNY 5-300 to 5-304)"
RULE: Final = "29 CFR 1607.4(D)"


def bias_audit_facts(audit: BiasAudit) -> dict[str, Any]:
    """Return the tables of a bias audit as texts, under ``page``."""
    names = ("sex", "race", "both")
    tables = {name: category_rows(table) for name, table in zip(names, audit.tables, strict=True)}
    notes = {
        f"{name}_notes": [{"text": note} for note in table_notes(table)]
        for name, table in zip(names, audit.tables, strict=True)
    }
    known = [{"text": note} for note in audit.notes]
    missing = [{"text": sentence.partition(": --")[0] + "."} for sentence in audit.missing]
    return {
        "page": {
            "law": LAW,
            "rule": RULE,
            "csv": "ll144.csv",
            "individuals": audit.applicants,
            "data_name": one_line(audit.data, limit=NAME),
            "rate": rate_sentence(audit),
            "audit_date": audit.audit_date or NOT_STATED,
            "distribution_date": audit.distribution_date or NOT_STATED,
            "data_source": audit.data_source or NOT_STATED,
            "unknown": figure_text(audit.unknown, ",d"),
            **tables,
            **notes,
            "beside": [row for table in audit.tables for row in beside_rows(table)],
            "level": f"{100 * audit.level:g}%",
            "four_fifths": audit.four_fifths,
            "missing": known + missing,
            "limits": audit.limits,
        }
    }


def lowest_ratio(audit: BiasAudit) -> tuple[str, tuple[str]]:
    """Return the lowest impact ratio, and of which category it is and how many lie below four fifths."""
    counted = f"{audit.applicants:,} individuals were assessed; the law sets no threshold."
    found = [
        (each.impact_ratio, each.name, table.most_selected, each.statistics)
        for table in audit.tables
        for each in table.categories
        if each.impact_ratio is not None and each.name != table.most_selected
    ]
    if not found:
        return "no impact ratio", (counted,)
    ratio, name, most_selected, _ = min(found, key=lambda each: each[0])
    below = sum(bool(statistics and statistics.below) for *_, statistics in found)
    shown = sum(bool(statistics and statistics.verdict == DISPARATE) for *_, statistics in found)
    told = (
        f"{one_line(name, limit=NAME)} against {one_line(most_selected, limit=NAME)}. Of {len(found)} "
        f"ratios {below} lie below {audit.four_fifths:g}, {shown} with the whole interval. {counted}"
    )
    return f"lowest impact ratio {ratio:.3f}", (told,)


#: Looks of a group that the page shows; the file has all.
MOST_LOOKS: Final = 60


def watch_facts(watch: FairnessWatch) -> dict[str, Any]:
    """Return the last looks of each group as texts, under ``page``."""
    ratios = watch.four_fifths, 1 / watch.four_fifths
    differences = () if watch.difference is None else (-watch.difference, watch.difference)
    rows = [
        {
            "group": one_line(group.group, limit=NAME),
            "look": one_line(look.look, limit=NAME),
            "rows": f"{look.rows:,}",
            "rate": _none(look.rate),
            "reference": _none(look.reference_rate),
            "ratio": _none(look.ratio.value, ratios),
            "ratio_ends": _ends(look.ratio, ratios),
            "difference": _none(look.difference.value, differences),
            "difference_ends": _ends(look.difference, differences),
            "alone": _ends(look.alone, ratios),
            "evidence": f"{look.log_e_band:.2f}".replace("-", "\N{MINUS SIGN}"),
            "alarm": "alarm" if look.alarm else "",
        }
        for group in watch.groups
        for look in group.looks[-MOST_LOOKS:]
    ]
    left_out = sum(max(0, len(group.looks) - MOST_LOOKS) for group in watch.groups)
    return {
        "page": {
            "rows": rows,
            "left_out": left_out or None,
            "count": len(watch.looks),
            "individuals": sum(watch.rows),
            "metric": watch.metric.replace("_", " "),
            "level": f"{100 * watch.level:g}%",
        }
    }


def _none(value: float | None, bounds: Sequence[float] = ()) -> str:
    return "none" if value is None else _shown(value, bounds)


def _shown(value: float, bounds: Sequence[float]) -> str:
    return beside(value, bounds, lambda number: f"{number:.3f}").replace("-", "\N{MINUS SIGN}")


def _ends(found: Estimate, bounds: Sequence[float]) -> str:
    return _between(found.low, found.high, bounds)


def inferred_facts(audit: InferredAudit) -> dict[str, Any]:
    """Return all that disparities can be as texts, under ``page``."""
    known = {
        "probabilities": "the probability of its group",
        "error rates": "an inferred group, and how often it is wrong,",
    }
    disparities = [
        {
            "metric": each.metric.replace("_", " "),
            "group": one_line(each.group, limit=NAME),
            "ratio": _between(each.ratio.low, each.ratio.high),
            "ratio_sampled": _between(each.ratio.sampled_low, each.ratio.sampled_high),
            "difference": _between(each.difference.low, each.difference.high),
            "difference_sampled": _between(each.difference.sampled_low, each.difference.sampled_high),
            "verdict": each.verdict,
        }
        for each in audit.disparities
    ]
    rates = [
        {
            "metric": each.metric.replace("_", " "),
            "group": one_line(each.group, limit=NAME),
            "rows": f"{each.rows:,.0f}",
            "span": _between(each.span.low, each.span.high),
            "weighted": _none(each.weighted),
            "thresholded": _none(each.thresholded),
            "adjusted": "" if each.adjusted is None else _none(each.adjusted),
        }
        for each in audit.rates
    ]
    return {
        "page": {
            "prediction": one_line(audit.prediction, limit=NAME),
            "count": audit.rows,
            "table": one_line(audit.data, limit=NAME),
            "known": known[audit.known],
            "reason": audit.reason,
            "reference": one_line(audit.reference, limit=NAME),
            "why": audit.reference_why,
            "level": f"{100 * audit.level:g}%",
            "disparities": disparities,
            "rates": rates,
            "limits": audit.limits,
        }
    }


def _between(low: float | None, high: float | None, bounds: Sequence[float] = ()) -> str:
    if low is None:
        return "unknown"
    shown = _shown(low, bounds)
    return f"{shown} or more" if high is None else f"{shown} to {_shown(high, bounds)}"
