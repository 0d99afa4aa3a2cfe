"""Numbers of sections, equations, figures and tables.

The scheme is IEEE's: sections I, I-A and I-A1, appendices A and A-A, equations (1), figures 1 and
tables I, each counted through the document.
"""

from collections.abc import Callable

from trivet.errors import ReportError
from trivet.report import tree

_ROMAN = (
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)
_DEEPEST = 3


def number(nodes: tree.Nodes) -> dict[str, tree.Target]:
    """Assign a number to everything that a reference can point to, by identifier, in document order."""
    targets: dict[str, tree.Target] = {}
    counted = {"equation": 0, "figure": 0, "table": 0}
    sections = [0] * _DEEPEST
    appendix = False
    for node in tree.nodes_of(nodes):
        name = tree.identifier(node)
        match tree.kind(node):
            case "Header":
                level = node["c"][0]
                if "unnumbered" in tree.classes(node):
                    continue
                if level == 1 and "appendix" in tree.classes(node) and not appendix:
                    appendix, sections = True, [0] * _DEEPEST
                sections = _next(sections, level)
                what, label = ("appendix" if appendix else "section"), _section_label(sections, appendix)
            case "Span" if name.startswith("eq:"):
                what, label = "equation", _count(counted, "equation", str)
            case "Figure":
                what, label = "figure", _count(counted, "figure", str)
            case "Table":
                what, label = "table", _count(counted, "table", roman)
            case _:
                continue
        if not name:
            raise ReportError(f"The prose has a {what} (number {label}) without an identifier; give it one.")
        if name in targets:
            raise ReportError(f"The prose has the identifier #{name} twice; rename one of the two.")
        targets[name] = tree.Target(name, what, label)
    return targets


def roman(count: int) -> str:
    """Write a count from 1 to 399 in Roman numerals."""
    text = ""
    for value, sign in _ROMAN:
        repeats, count = divmod(count, value)
        text += sign * repeats
    return text


def _count(counted: dict[str, int], what: str, spell: Callable[[int], str]) -> str:
    counted[what] += 1
    return spell(counted[what])


def _next(sections: list[int], level: int) -> list[int]:
    if level > _DEEPEST:
        raise ReportError(f"The prose has a heading of level {level}; {_DEEPEST} levels are set.")
    return [*sections[: level - 1], sections[level - 1] + 1, *([0] * (_DEEPEST - level))]


def _section_label(sections: list[int], appendix: bool) -> str:  # noqa: FBT001 (a fact, not an option)
    first, second, third = sections
    label = _letter(first) if appendix else roman(first)
    if second:
        label += f"-{_letter(second)}"
    return f"{label}{third}" if third else label


def _letter(count: int) -> str:
    return chr(ord("A") + count - 1)
