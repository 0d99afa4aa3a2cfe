"""Inline SVG of a figure, without references to anything outside it."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from trivet.errors import ReportError
from trivet.report.escape import escape_html

_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#)", re.IGNORECASE)
_LEFT_OUT = {"metadata", "style", "title", "desc"}
_FORBIDDEN = {"script", "foreignObject", "iframe", "a"}
_LENGTH = re.compile(r"([\d.]+)(?:pt)?")
#: What matplotlib's style element says of every element; it would reach the whole page there.
_LINES = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
#: What a style can say as an attribute as well; a page whose policy allows no styles in place needs that.
_PRESENTATION = {
    "clip-path",
    "fill",
    "fill-opacity",
    "fill-rule",
    "image-rendering",
    "opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
}
#: How much wider than on paper a figure may be on a page.
_ENLARGED = {False: 1.55, True: 1.3}


def inline_svg(path: Path, *, prefix: str, alt: str, wide: bool = False) -> str:
    """Read a figure's SVG for use inside HTML, with no style in it."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 (drawn by this program a moment ago)
    except (OSError, ET.ParseError) as error:
        raise ReportError(f"The figure {path.name} cannot be read as SVG: {error}. Draw it again.") from error
    _clean(root, prefix, path.name)
    width, height = (_LENGTH.match(root.get(side, "")) for side in ("width", "height"))
    if width is None or height is None:
        raise ReportError(f"The figure {path.name} does not say how large it is. Draw it again.")
    root.attrib.setdefault("viewBox", f"0 0 {width[1]} {height[1]}")
    for name in ("height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"width": f"{float(width[1]) / 72 * _ENLARGED[wide]:.4g}in", **_LINES}
    root.set("role", "img")
    content = ET.tostring(root, encoding="unicode")
    return content.replace("<svg ", f'<svg aria-label="{escape_html(alt)}" ', 1)


def _clean(element: ET.Element, prefix: str, name: str) -> None:
    """Take namespaces, metadata and style sheets away, and make identifiers the figure's own."""
    element.tag = _local(element.tag)
    style = element.attrib.pop("style", "")
    element.attrib = {
        _local(key): _attribute(_local(key), value, prefix, name) for key, value in element.attrib.items()
    }
    element.attrib |= _as_attributes(style, prefix, name)
    for child in list(element):
        tag = _local(child.tag)
        if tag in _FORBIDDEN:
            raise ReportError(
                f"The figure {name} holds a <{tag}>, which a page must not show. Draw it again."
            )
        if tag in _LEFT_OUT:
            element.remove(child)
        else:
            _clean(child, prefix, name)


def _as_attributes(style: str, prefix: str, name: str) -> dict[str, str]:
    """Write the declarations of a style as attributes; of two of one name the last holds."""
    attributes: dict[str, str] = {}
    for declaration in filter(str.strip, style.split(";")):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key not in _PRESENTATION:
            raise ReportError(
                f"The figure {name} has the style “{key}”, which is not an attribute. Draw it again."
            )
        attributes[key] = _attribute(key, value, prefix, name)
    return attributes


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _attribute(key: str, value: str, prefix: str, name: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        if value.startswith("#"):
            return f"#{prefix}{value[1:]}"
        if not value.startswith("data:image/"):
            raise ReportError(f"The figure {name} refers to “{value}”, outside itself. Draw it again.")
    if key.lower().startswith("on") or _OUTSIDE.search(value):
        raise ReportError(f"The figure {name} has the attribute {key}=“{value}”, which a page must not show.")
    return _REFERENCE.sub(rf"url(#{prefix}\1)", value)
