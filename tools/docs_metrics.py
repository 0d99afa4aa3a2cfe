"""Set the reference table of fairness metrics, from the specifications themselves, into the documentation.

mkdocs.yml names this file as a hook.
"""

import re
import sys
from pathlib import Path
from typing import Any

from trivet.fairness import metrics_markdown

sys.path.append(str(Path(__file__).parent))

from docs_mathematics import mathml

MARK = "<!-- the table of metrics -->"
FORMULA = re.compile(r"\$([^$]+)\$")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table in the place of the mark."""
    if MARK not in markdown:
        return markdown
    return markdown.replace(MARK, FORMULA.sub(lambda match: mathml(match[1]), metrics_markdown()))
