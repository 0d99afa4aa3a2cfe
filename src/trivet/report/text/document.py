"""Document of a report: the prose with the record's values, before any output format."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from trivet.errors import ReportError
from trivet.report.text import tree
from trivet.report.text.places import keep_what_belongs, repeat_rows, shorten_tables, spell_estimates
from trivet.report.text.tree import read_markdown
from trivet.report.text.values import Value, make_value, refuse_collisions


def take_sources(nodes: tree.Nodes) -> tuple[tree.Nodes, dict[str, tree.Source]]:
    """Take the references out of the document and number those that are cited."""
    entries: dict[str, tree.Nodes] = {}

    def take(node: tree.Node) -> tree.Nodes | None:
        if tree.kind(node) != "Div" or "references" not in tree.classes(node):
            return None
        for block in node["c"][1]:
            for item in block["c"]:
                key, entry = _entry(item)
                entries[key] = entry
        return []

    rest = tree.walk(nodes, take)
    sources: dict[str, tree.Source] = {}
    for node in tree.nodes_of(rest):
        if tree.kind(node) != "Cite":
            continue
        for citation in node["c"][0]:
            key = citation["citationId"]
            if key not in entries:
                close = ", ".join(difflib.get_close_matches(key, entries, n=3)) or ", ".join(entries)
                raise ReportError(
                    f"The prose cites @{key}, which the references do not have. Nearest: {close}."
                )
            sources.setdefault(key, tree.Source(key, len(sources) + 1, entries[key]))
    return rest, sources


def resolve_citation(node: tree.Node, sources: dict[str, tree.Source]) -> tree.Citation:
    """Turn pandoc's citation into one that knows its sources."""
    return tree.Citation(
        tuple((sources[one["citationId"]], _locator(one["citationSuffix"])) for one in node["c"][0])
    )


def _entry(item: tree.Nodes) -> tuple[str, tree.Nodes]:
    inlines = item[0]["c"] if item else []
    if not inlines or tree.kind(inlines[0]) != "Span" or "key" not in tree.classes(inlines[0]):
        raise ReportError("An entry of the references has no key; begin it with [name2019]{.key}.")
    key = "".join(node["c"] for node in inlines[0]["c"][1])
    return key, inlines[2:]


def _locator(suffix: tree.Nodes) -> tree.Nodes:
    """Drop the comma and the space that pandoc leaves before "Thm. 3.3"."""
    rest = list(suffix)
    while rest and (tree.kind(rest[0]) == "Space" or rest[0].get("c") == ","):
        rest.pop(0)
    return rest


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


#: By name, what stands beside the files of a figure; None for one that this record does not have.
Pictures: TypeAlias = Mapping[str, tree.Picture | None]
#: Characters of 8 pt text that fit one column and both, less what stands between table columns.
_CAPACITY = {False: 62, True: 130}
_BETWEEN_COLUMNS = 3
_ALIGN = {"AlignLeft": "left", "AlignDefault": "left", "AlignRight": "right", "AlignCenter": "center"}


def make_figure(node: tree.Node, target: tree.Target, pictures: Pictures) -> tree.Figure:
    """Read a pandoc figure; without a picture of its name its caption stands for its description."""
    name = _picture_name(node)
    if name is None:
        raise ReportError(f"The figure #{target.identifier} of the prose holds no picture.")
    caption = _caption(node["c"][1], target)
    picture = pictures.get(name) or tree.Picture(words(caption))
    return tree.Figure(target, name, caption, picture.alt, picture.wide)


def _picture_name(figure: tree.Node) -> str | None:
    images = (node for node in tree.nodes_of(figure) if tree.kind(node) == "Image")
    return next((image["c"][2][0] for image in images), None)


def make_table(node: tree.Node, target: tree.Target) -> tree.Table:
    """Read a pandoc table and decide which of its columns wrap."""
    _, caption, columns, head, bodies, _ = node["c"]
    rows = tuple(_cells(row) for body in bodies for row in body[3])
    header = tuple(_cells(row) for row in head[1])
    wide = "wide" in tree.classes(node)
    return tree.Table(
        target=target,
        caption=_caption(caption, target),
        align=tuple(_ALIGN[column[0]["t"]] for column in columns),
        stretch=_stretch(header + rows, wide=wide),
        header=header[0] if header else (),
        rows=rows,
        wide=wide,
    )


def words(inlines: tree.Nodes) -> str:
    """Give the plain text of inline nodes, as a reader sees it."""
    return "".join(_word(node) for node in inlines)


def _word(node: tree.Node) -> str:
    match node:
        case tree.Shown():
            written = node.value.text
        case tree.Reference():
            written = node.target.text if node.text is None else words(node.text)
        case tree.Citation():
            written = ", ".join(f"[{source.number}]" for source, _ in node.cited)
        case {"c": str(content)} | {"c": [_, str(content)]}:  # text; mathematics and code
            written = content
        case {"c": [_, list(inner), *_]} | {"c": list(inner)}:  # quotations and links; emphasis
            written = words(inner)
        case _:
            written = " "
    return written


def _caption(caption: list[Any], target: tree.Target) -> tree.Nodes:
    inlines = caption[1][0]["c"] if caption[1] else []
    if not inlines:
        raise ReportError(f"#{target.identifier} of the prose has no caption; say there what to see.")
    return inlines


def _cells(row: list[Any]) -> tuple[tree.Nodes, ...]:
    return tuple(cell[4][0]["c"] if cell[4] else [] for cell in row[1])


def _stretch(rows: tuple[tuple[tree.Nodes, ...], ...], *, wide: bool) -> tuple[bool, ...]:
    lengths = [max(len(words(cell)) for cell in column) for column in zip(*rows, strict=True)]
    room = _CAPACITY[wide] - _BETWEEN_COLUMNS * (len(lengths) - 1)
    if sum(lengths) <= room:
        return (False,) * len(lengths)
    return tuple(length > room / len(lengths) for length in lengths)


_UNSEEN = ("Math", "Code", "CodeBlock", "Cite")
_DEFINED = re.compile(r"\\newcommand\{\\(trivet[A-Za-z]+)\}")
_USED = re.compile(r"\\(trivet[A-Za-z]+)")
_BLANK = 1e-3
#: Of 255, by which a colour differs from the background's.
_SEEN = 26


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
            case "Span" if not node["c"][1] and not dict(tree.attributes(node)).get("v"):
                given = ", ".join(name for name, _ in tree.attributes(node)) or "nothing"
                complaints.append(f"A pair of empty brackets names no value: expected v, and found {given}.")
            case _:
                pass
    return complaints


@lru_cache(maxsize=4)  # a run reads the same prose for several pages
def _complaints(text: str) -> list[str]:
    return check_prose(read_markdown(text))


def check_macros(tex: str, macros: str) -> list[str]:
    """Find macros that `tex` uses and `macros` does not define, and the other way round."""
    used, defined = set(_USED.findall(tex)), _DEFINED.findall(macros)
    return [
        *(f"\\{name} is used and not defined." for name in sorted(used - set(defined))),
        *(f"\\{name} is defined and not used." for name in sorted(set(defined) - used)),
        *(f"\\{name} is defined twice." for name in sorted({n for n in defined if defined.count(n) > 1})),
    ]


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
    from PIL import Image, ImageChops  # noqa: PLC0415 (only a report needs it)

    with Image.open(png) as picture:
        drawn = picture.convert("RGB")
    background = Image.new("RGB", drawn.size, drawn.getpixel((0, 0)))
    red, green, blue = ImageChops.difference(drawn, background).split()
    differing = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()[_SEEN:]
    return sum(differing) / (drawn.width * drawn.height) < _BLANK


@dataclass(frozen=True)
class Document:
    """A report that any writer can set."""

    api_version: list[int]
    title: str
    authors: tuple[str, ...]
    keywords: tuple[str, ...]
    abstract: tree.Nodes
    blocks: tree.Nodes
    sources: tuple[tree.Source, ...]
    targets: Mapping[str, tree.Target]
    values: Mapping[str, Value]


TEMPLATES: Final = Path(__file__).parents[1] / "templates"
REFERENCES: Final = "99-references.md"


def read_templates(*folders: Path) -> dict[str, str]:
    """Read the Markdown files of folders, by name and in the order of their names."""
    files: list[Path] = []
    for folder in folders:
        found = list(folder.glob("*.md"))
        if not found:
            raise ReportError(f"No prose found: expected Markdown files (*.md) in {folder}.")
        files += found
    files.sort(key=lambda file: file.name)
    return {file.name: spell_estimates(file.read_text(encoding="utf-8")) for file in files}


def read_prose(*folders: str) -> dict[str, str]:
    """Read folders of the templates, and the references that all have in common."""
    references = {REFERENCES: (TEMPLATES / "study" / REFERENCES).read_text(encoding="utf-8")}
    return {**read_templates(*(TEMPLATES / folder for folder in folders)), **references}


def make_document(
    record: Mapping[str, Any],
    prose: Mapping[str, str],
    *,
    pictures: Pictures | None = None,
    whole: bool = True,
) -> Document:
    """Fill the prose with the record's values and number it; a figure whose picture is None is left out."""
    pictures = pictures or {}
    absent = {name for name, picture in pictures.items() if picture is None}

    def drop(node: tree.Node) -> tree.Nodes | None:
        return [] if tree.kind(node) == "Figure" and _picture_name(node) in absent else None

    text = "\n\n".join(prose.values())
    parsed = read_markdown(text)
    if complaints := _complaints(text):
        raise ReportError("; ".join(_placed(prose, complaint) for complaint in complaints))
    values: dict[str, Value] = {}
    try:
        kept = keep_what_belongs(repeat_rows(tree.walk(parsed["blocks"], drop), record), record)
        kept, sources = take_sources(kept if whole else shorten_tables(kept))
        targets = number(kept)
        kept = _resolve(kept, record, targets=targets, sources=sources, values=values)
        blocks = _join_equations(_gather(kept, targets, pictures))
    except (LookupError, ReportError) as error:
        raise ReportError(_placed(prose, error.args[0])) from error
    abstract: tree.Nodes = []
    meta = parsed["meta"]
    return Document(
        api_version=parsed["pandoc-api-version"],
        title=record["audit"]["title"] or ", ".join(_texts(meta, "title")),
        authors=_texts(meta, "author"),
        keywords=_texts(meta, "keywords"),
        blocks=tree.walk(blocks, lambda node: _take_abstract(node, abstract)),
        abstract=abstract,
        sources=tuple(sources.values()),
        targets=targets,
        values=dict(sorted(values.items())),
    )


def _resolve(
    nodes: tree.Nodes,
    record: Mapping[str, Any],
    *,
    targets: Mapping[str, tree.Target],
    sources: dict[str, tree.Source],
    values: dict[str, Value],
) -> tree.Nodes:
    """Put values, references and citations in the place of their markup; `values` is filled."""

    def resolve(node: tree.Node) -> tree.Nodes | None:
        match tree.kind(node):
            case "Span" if path := dict(tree.attributes(node)).get("v"):
                value = make_value(record, path, dict(tree.attributes(node)).get("f"))
                refuse_collisions(values, value)
                values[value.macro] = value
                return [tree.Shown(value, code="code" in tree.classes(node))]
            case "Link" if node["c"][2][0].startswith("#"):
                target = _target(targets, node["c"][2][0][1:])
                return [tree.Reference(target, tree.walk(node["c"][1], resolve) or None)]
            case "Cite":
                return [resolve_citation(node, sources)]
            case "RawBlock" | "RawInline":  # a comment: check_prose lets no other pass
                return []
            case _:
                return None

    return tree.walk(nodes, resolve)


def _target(targets: Mapping[str, tree.Target], name: str) -> tree.Target:
    if name not in targets:
        close = ", ".join(difflib.get_close_matches(name, targets, n=3)) or "none is near it"
        raise ReportError(
            f"The prose refers to “#{name}”, which nothing in this report is. Nearest: {close}."
        )
    return targets[name]


def _gather(nodes: tree.Nodes, targets: Mapping[str, tree.Target], pictures: Pictures) -> tree.Nodes:
    """Put this project's nodes in the place of pandoc's headings, figures, tables and equations."""

    def gather(node: tree.Node) -> tree.Nodes | None:
        match tree.kind(node):
            case "Header":
                level, (name, _, _), title = node["c"]
                return [tree.Section(name, targets.get(name), level, title, _is_appendix(targets.get(name)))]
            case "Figure":
                return [make_figure(node, targets[tree.identifier(node)], pictures)]
            case "Table":
                return [make_table(node, targets[tree.identifier(node)])]
            case "Span" if tree.identifier(node).startswith("eq:"):
                return [_equation(node, targets[tree.identifier(node)])]
            case _:
                return None

    return tree.walk(nodes, gather)


def _is_appendix(target: tree.Target | None) -> bool:
    return target is not None and target.kind == "appendix"


def _equation(node: tree.Node, target: tree.Target) -> tree.Equation:
    content = [inner for inner in node["c"][1] if tree.kind(inner) not in {"Space", "SoftBreak"}]
    if len(content) != 1 or tree.kind(content[0]) != "Math":
        raise ReportError(f"“#{target.identifier}” is not an equation: expected [$$ ... $$]{{#eq:name}}.")
    return tree.Equation(target, content[0]["c"][1].strip())


def _join_equations(thing: Any) -> Any:
    """Join each equation to the paragraph before it, and to one after it that goes on in lower case."""
    if isinstance(thing, Mapping):
        return {key: _join_equations(child) for key, child in thing.items()}
    if not isinstance(thing, list):
        return thing
    joined: list[Any] = []
    for child in map(_join_equations, thing):
        before = (
            joined[-1]["c"] if joined and tree.is_node(joined[-1]) and tree.kind(joined[-1]) == "Para" else []
        )
        if before and tree.is_node(child) and tree.kind(child) == "Para":
            content = child["c"]
            goes_on = tree.kind(content[0]) == "Str" and content[0]["c"][0].islower()
            if _is_equation(content) or (goes_on and tree.kind(before[-1]) == "Equation"):
                joined[-1] = {"t": "Para", "c": [*before, {"t": "SoftBreak"}, *content]}
                continue
        joined.append(child)
    return joined


def _is_equation(inlines: tree.Nodes) -> bool:
    return len(inlines) == 1 and tree.kind(inlines[0]) == "Equation"


def _take_abstract(node: tree.Node, abstract: tree.Nodes) -> tree.Nodes | None:
    if tree.kind(node) != "Div" or "abstract" not in tree.classes(node):
        return None
    abstract.extend(node["c"][1])
    return []


def _texts(meta: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Give the metadata's entry as plain texts, one or a list of them."""
    entry = meta.get(name, {"t": "MetaList", "c": []})
    entries = entry["c"] if entry["t"] == "MetaList" else [entry]
    return tuple(words(one["c"]) for one in entries)


def _placed(prose: Mapping[str, str], complaint: str) -> str:
    """Begin a complaint with the file and line of the prose where what it quotes stands."""
    quoted = complaint.partition("“")[2].partition("”")[0]
    whole = re.compile(rf"(?<!\w){re.escape(quoted)}(?!\w)")
    for name, content in prose.items():
        for line, written in enumerate(content.splitlines(), start=1):
            if quoted and whole.search(written):
                return f"{name}:{line}: {complaint}"
    return complaint
