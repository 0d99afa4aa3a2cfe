"""Print the extras of trivet that an audit.toml needs, with commas between; the action installs no others.

    python tools/action_extras.py audit.toml

It runs before trivet is installed, so it needs Python's own library alone. What it cannot read needs
nothing: the audit says then what is wrong with it.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LEGS = ("security", "privacy", "fairness")
#: By what stands in a text of [security], and of [fairness].
NETWORKS = {
    "keras": r"\.(h5|hdf5|keras)$",
    "onnx": r"\.onnx$",
    "timm": r"^timm:",
    "torchvision": r"^torchvision:",
    "transformers": r"^hf:",
}
TABLES = {"arrow": r"\.(feather|arrow|ipc)$", "excel": r"\.(xlsx|xlsm|xlsb|xls|ods)(:.*)?$"}


def extras_of(content: Mapping[str, Any]) -> list[str]:
    """Return the extras that an audit needs, in the order of the alphabet."""
    found: set[str] = set()
    if scans(content):
        found = {"security", *matching(NETWORKS, content.get("security"))}
    return sorted(found | matching(TABLES, content.get("fairness")))


def scans(content: Mapping[str, Any]) -> bool:
    """Tell whether a network is looked at: in the built-in study, or where one is described."""
    audit, security = (content.get(name) for name in ("audit", "security"))
    audit = audit if isinstance(audit, dict) else {}
    described = isinstance(security, dict) and "scan" in security
    usual = LEGS if audit.get("study", True) or described else ()
    legs = audit.get("legs", usual)
    return audit.get("effects") is True or (isinstance(legs, list | tuple) and "security" in legs)


def matching(patterns: Mapping[str, str], section: object) -> set[str]:
    """Return the extras of which the pattern is found in some text of a section."""
    texts = list(texts_in(section))
    return {
        extra
        for extra, pattern in patterns.items()
        if any(re.search(pattern, text, re.IGNORECASE) for text in texts)
    }


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)


def main(path: str) -> None:
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        print(",".join(extras_of(content)))
    except (OSError, ValueError, RecursionError) as error:
        print(f"{type(error).__name__}: no extras are installed for this configuration", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
