"""Set what the benchmarks measured, as it was committed, into the documentation.

mkdocs.yml names this file as a hook.
"""

import json
from pathlib import Path
from typing import Any

MARK = "<!-- the table of speeds -->"
MITIGATIONS = "<!-- the table of mitigations -->"
DATA = Path(__file__).parent.parent / "docs" / "data" / "speed.json"
HEAD = "| What | Seconds | Against | Seconds | Times as fast | Benchmark |\n|---|--:|---|--:|--:|---|"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each table in the place of its mark."""
    for mark, table in ((MARK, speeds_markdown), (MITIGATIONS, mitigations_markdown)):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return markdown


def mitigations_markdown() -> str:
    """Return accuracies and seconds of mitigations beside Fairlearn's, as committed."""
    head = (
        "| Rows | Classifier | Constraint | By | Accuracy | Fairlearn's | Seconds | Fairlearn's | Times as "
        "fast |\n|---|---|---|---|--:|--:|--:|--:|--:|"
    )
    rows = [
        f"| {row['data']} | {row['learner']} | {row['constraint']} | {row['mitigation']} | "
        f"{row['ours_fitted_accuracy']:.4f} | {row['theirs_fitted_accuracy']:.4f} | "
        f"{row['ours_seconds']:.2f} | {row['theirs_seconds']:.2f} | "
        f"{row['theirs_seconds'] / row['ours_seconds']:.1f} |"
        for row in json.loads(DATA.with_name("mitigations.json").read_text(encoding="utf-8"))
    ]
    return "\n".join([head, *rows])


def speeds_markdown() -> str:
    """Return the committed measurements as a table."""
    rows = [
        f"| {row['what']} | {row['seconds']:.2g} | {row['against']} | {row['against_seconds']:.2g} | "
        f"{row['against_seconds'] / row['seconds']:,.0f} | `{row['benchmark']}` |"
        for row in json.loads(DATA.read_text(encoding="utf-8"))
    ]
    return "\n".join([HEAD, *rows])
