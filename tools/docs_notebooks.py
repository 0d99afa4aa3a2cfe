"""Set notebooks, with the text that their cells printed, into the documentation.

mkdocs.yml names this file as a hook. A page asks for a notebook by a line ``<!-- notebook: NAME.ipynb -->``.
"""

import json
import re
from pathlib import Path
from typing import Any

MARK = re.compile(r"^<!-- notebook: ([\w-]+\.ipynb) -->$", re.MULTILINE)
NOTEBOOKS = Path(__file__).parent.parent / "docs" / "notebooks"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each notebook in the place of its mark."""
    return MARK.sub(lambda match: notebook_markdown(NOTEBOOKS / match[1]), markdown)


def notebook_markdown(path: Path) -> str:
    """Return a notebook as Markdown: prose, code, and what the code printed."""
    parts: list[str] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # The page has a title of its own.
            parts.append(re.sub(r"\A# .*\n+", "", source).replace("](../", "]("))
            continue
        parts.append(f"```python\n{source}\n```")
        printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        if printed:
            parts.append(f"```text\n{printed.rstrip()}\n```")
    return "\n\n".join(parts)
