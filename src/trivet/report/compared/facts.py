"""Values that the prose of a comparison's page can name."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from trivet.comparison import (
    Change,
    Compared,
    Comparison,
    difference_text,
    interval_text,
    outcome_text,
    sides_text,
)

__all__ = ["page_facts"]

#: Rows of what is not in the headline; ``comparison.json`` has all.
MOST_ROWS: Final = 400
MARKS: Final = {"better": "✓ ", "worse": "! "}


def page_facts(comparison: Comparison) -> dict[str, Any]:
    """Return the rows of every table as texts, and under ``page`` what there is."""
    rows = {name: _rows(getattr(comparison, name)) for name in ("asked", "verdicts", "headline", "changed")}
    left_out = max(len(rows["changed"]) - MOST_ROWS, 0)
    rows["changed"] = rows["changed"][:MOST_ROWS]
    before, after = _audit(comparison.before), _audit(comparison.after)
    return {
        "audit": {"title": f"{before['folder']} and {after['folder']}: what changed"},
        "before": before,
        "after": after,
        **rows,
        "regressions": [{"text": text} for text in comparison.regressions],
        "cautions": [{"text": text} for text in comparison.cautions],
        "statement": comparison.statement,
        "limits": comparison.limits,
        "page": {
            "version": version("trivet"),
            "left_out": left_out or None,
            "intervals": any(change.level is not None for change in comparison.headline),
            "level": next((c.level for c in comparison.headline if c.level is not None), None),
        },
    }


def _audit(audit: Compared) -> dict[str, Any]:
    return {
        "folder": audit.folder,
        "title": audit.title,
        "legs": list(audit.legs),
        "started": audit.started,
        "trivet": audit.trivet,
    }


def _rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "title": change.title,
            "before": _signed(sides_text(change)[0]),
            "after": _signed(sides_text(change)[1]),
            "before_interval": _signed(interval_text(change.before_low, change.before_high)),
            "after_interval": _signed(interval_text(change.after_low, change.after_high)),
            "difference": _signed(change.detail or difference_text(change)),
            "outcome": f"{MARKS.get(change.judged or '', '')}{outcome_text(change)}",
        }
        for change in changes
    ]


def _signed(text: str) -> str:
    """Put a minus sign in the place of the hyphen before a number."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\N{MINUS SIGN}", text)
