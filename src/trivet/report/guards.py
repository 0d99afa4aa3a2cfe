"""Guards on the prose, the macros, the figures and the references.

Each returns its complaints as lines for people, none when all is well. Building a report runs those
that it can; the tests run all of them, and see each fail on a mutant.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trivet.report import tree

_UNSEEN = ("Math", "Code", "CodeBlock", "Cite")
_DEFINED = re.compile(r"\\newcommand\{\\(trivet[A-Za-z]+)\}")
_USED = re.compile(r"\\(trivet[A-Za-z]+)")
_LABELLED = re.compile(r"\\newlabel\{([^}]*)\}\{\{((?:[^{}]|\{[^{}]*\})*)\}")
_BLANK = 1e-3


def check_prose(parsed: Mapping[str, Any]) -> list[str]:
    """Find typed digits, raw TeX or HTML, and values with a text of their own."""
    complaints: list[str] = []
    for node in tree.nodes_of(parsed["blocks"], skip=_is_references):
        match tree.kind(node):
            case "Para" | "Plain" | "Header":
                complaints += _digits(node["c"][-1] if tree.kind(node) == "Header" else node["c"])
                complaints += _pictures(node) if tree.kind(node) == "Para" else []
            case "RawBlock" | "RawInline" if not node["c"][1].startswith("<!--"):
                complaints.append(
                    f"“{node['c'][1].strip()}” is raw {node['c'][0]}: use the prose's own markup."
                )
            case "Code" if "{v=" in node["c"][1]:
                complaints.append(f"“{node['c'][1]}” is a value in code: write []{{.code v=...}} instead.")
            case "Span" if dict(tree.attributes(node)).get("v") and node["c"][1]:
                path = dict(tree.attributes(node))["v"]
                complaints.append(f"“{path}” is a value with a text of its own: leave the brackets empty.")
            case _:
                pass
    return complaints


def check_macros(tex: str, macros: str) -> list[str]:
    """Find macros that `tex` uses and `macros` does not define, and the other way round."""
    used, defined = set(_USED.findall(tex)), _DEFINED.findall(macros)
    return [
        *(f"\\{name} is used and not defined." for name in sorted(used - set(defined))),
        *(f"\\{name} is defined and not used." for name in sorted(set(defined) - used)),
        *(f"\\{name} is defined twice." for name in sorted({n for n in defined if defined.count(n) > 1})),
    ]


def check_equations(targets: Iterable[tree.Target], expected: int) -> list[str]:
    """Find out whether as many equations as expected are numbered."""
    found = [target.number for target in targets if target.kind == "equation"]
    return [] if len(found) == expected else [f"Expected {expected} equations and found {len(found)}."]


def check_figures(folder: Path, names: Iterable[str]) -> list[str]:
    """Find figures of which the SVG, PDF or PNG is missing, or that are blank."""
    complaints: list[str] = []
    for name in names:
        missing = [end for end in ("svg", "pdf", "png") if not (folder / f"{name}.{end}").is_file()]
        if missing:
            complaints.append(f"The figure {name} has no {', '.join(missing)} in {folder}; draw it again.")
        elif _is_blank(folder / f"{name}.png"):
            complaints.append(f"The figure {name} in {folder} is blank; draw it again.")
    return complaints


def check_aux(aux: str, targets: Iterable[tree.Target]) -> list[str]:
    """Find numbers that LaTeX gives (in its .aux file) and that differ from this document's."""
    given = {name: re.sub(r"\\mbox|[{}\s]", "", shown) for name, shown in _LABELLED.findall(aux)}
    return [
        f"#{target.identifier} is {target.number} here and {given.get(target.identifier)} in LaTeX."
        for target in targets
        if given.get(target.identifier) != target.number
    ]


def _is_references(node: tree.Node) -> bool:
    return "references" in tree.classes(node)


def _digits(inlines: tree.Nodes) -> list[str]:
    seen = "".join(
        str(node["c"]) if tree.kind(node) == "Str" else " "
        for node in tree.nodes_of(inlines, skip=lambda node: tree.kind(node) in _UNSEEN)
    )
    return [
        f"“{word}” has a typed digit: name its place in the record, or spell it out."
        for word in seen.split()
        if any(character.isnumeric() for character in word)
    ]


def _pictures(paragraph: tree.Node) -> list[str]:
    return [
        f"“{node['c'][2][0]}” is a picture without a caption, or not alone in its paragraph."
        for node in tree.nodes_of(paragraph["c"])
        if tree.kind(node) == "Image"
    ]


def _is_blank(png: Path) -> bool:
    from matplotlib.image import imread  # noqa: PLC0415 (heavy, and only a report needs it)

    pixels = imread(png)[..., :3]
    background = pixels[0, 0]
    return bool((abs(pixels - background).max(axis=-1) > 0.1).mean() < _BLANK)  # noqa: PLR2004
