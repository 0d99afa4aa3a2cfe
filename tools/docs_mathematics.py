"""Set the mathematics of docstrings as MathML, for the documentation.

mkdocs.yml names this file as an extension of its reference generator. A browser sets MathML by itself:
no script is fetched from anywhere.
"""

import re
from functools import cache
from typing import Any

import griffe
import pypandoc

FORMULA = re.compile(r":math:`([^`]+)`")


@cache
def mathml(formula: str) -> str:
    """Return one inline formula of LaTeX as MathML."""
    paragraph = pypandoc.convert_text(f"${formula}$", "html", format="markdown", extra_args=["--mathml"])
    element = " ".join(paragraph.split()).removeprefix("<p>").removesuffix("</p>")
    # Markdown takes an element that it does not know for a block, unless it stands in one that it does.
    return f"<span>{element}</span>"


class Mathematics(griffe.Extension):
    """Put MathML in the place of the role ``:math:``."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            text = obj.docstring.value
            obj.docstring.value = FORMULA.sub(lambda match: mathml(" ".join(match[1].split())), text)
