"""Prepare docstrings for the documentation: their mathematics as MathML, their attributes in numpydoc's form.

mkdocs.yml names this file as an extension of its reference generator. A browser sets MathML by itself:
no script is fetched from anywhere.
"""

import re
from functools import cache
from typing import Any

import griffe
import pypandoc

FORMULA = re.compile(r":math:`([^`]+)`")
#: Where attributes have a line each, ``name : what it is``, numpydoc takes that for the type.
ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*) : ?", re.MULTILINE)


@cache
def mathml(formula: str) -> str:
    """Return one inline formula of LaTeX as MathML."""
    paragraph = pypandoc.convert_text(f"${formula}$", "html", format="markdown", extra_args=["--mathml"])
    element = " ".join(paragraph.split()).removeprefix("<p>").removesuffix("</p>")
    # Markdown takes an element that it does not know for a block, unless it stands in one that it does.
    return f"<span>{element}</span>"


class Docstrings(griffe.Extension):
    """Put MathML in the place of the role ``:math:``, and what attributes are below their names."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            text, attributes, values = obj.docstring.value.partition("Attributes\n----------\n")
            text += attributes + ATTRIBUTE.sub(r"\1\n    ", values)
            obj.docstring.value = FORMULA.sub(lambda match: mathml(" ".join(match[1].split())), text)
