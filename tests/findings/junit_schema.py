"""Does XML fit junit-10.xsd? As much of XML Schema as that file uses, read from the file itself."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

XSD = Path(__file__).parent / "schemas" / "junit-10.xsd"
XS = "{http://www.w3.org/2001/XMLSchema}"
SCHEMA = ET.parse(XSD).getroot()
ELEMENTS = {node.get("name"): node for node in SCHEMA.findall(f"{XS}element")}
TYPES = {node.get("name"): node for node in SCHEMA if node.tag in {f"{XS}complexType", f"{XS}simpleType"}}


def complaints(text):
    """Return what does not fit, in words; nothing where all does."""
    root = ET.fromstring(text)
    if root.tag not in ELEMENTS:
        return [f"no element {root.tag}"]
    return list(_check(root, ELEMENTS[root.tag]))


def _check(element, declaration):
    kind = _type_of(declaration)
    if kind is None:  # xs:string
        if len(element) or element.attrib:
            yield f"{element.tag} holds text only"
        return
    yield from _check_attributes(element, kind)
    texts = [element.text, *(child.tail for child in element)]
    if kind.get("mixed") != "true" and any((text or "").strip() for text in texts):
        yield f"{element.tag} holds text"
    names = "".join(f"<{child.tag}>" for child in element)
    model = "".join(_pattern(node) for node in kind if node.tag in {f"{XS}sequence", f"{XS}choice"})
    if not re.fullmatch(model, names):
        yield f"{element.tag} holds {names}"
    for child in element:
        if child.tag in ELEMENTS:
            yield from _check(child, ELEMENTS[child.tag])


def _check_attributes(element, kind):
    declared = {node.get("name"): node for node in kind.findall(f"{XS}attribute")}
    for name in set(element.attrib) - set(declared):
        yield f"{element.tag} has no attribute {name}"
    for name, node in declared.items():
        if name not in element.attrib:
            if node.get("use") == "required":
                yield f"{element.tag} lacks {name}"
        elif not _fits(element.get(name), node.get("type")):
            yield f"{element.tag} {name} is {element.get(name)!r}"


def _type_of(declaration):
    named = declaration.get("type")
    if named is None:
        return declaration.find(f"{XS}complexType")
    return TYPES.get(named)


def _fits(value, named):
    if named not in TYPES:
        return True
    return re.fullmatch(TYPES[named].find(f".//{XS}pattern").get("value"), value) is not None


def _pattern(node):
    """Write a content model as a regular expression over the names of the children."""
    if node.tag == f"{XS}element":
        inner = re.escape(f"<{node.get('ref') or node.get('name')}>")
    else:
        parts = [_pattern(child) for child in node]
        inner = "|".join(parts) if node.tag == f"{XS}choice" else "".join(parts)
    least, most = node.get("minOccurs", "1"), node.get("maxOccurs", "1")
    return f"(?:{inner}){{{least},{'' if most == 'unbounded' else most}}}"
