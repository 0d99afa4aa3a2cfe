"""Declared input contract: by name, by two numbers, or in a file."""

import errno
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trivet.datasets.names import printable
from trivet.errors import UsageError
from trivet.security.contract import CANDIDATES, COLOUR_CANDIDATES, InputContract
from trivet.wording import quoted, reason
from trivet.work.bounded_files import read_bounded
from trivet.work.toml_files import read_toml

__all__ = ["parse_contract"]

AUTO = "auto"
NUMBERS = re.compile(r"([-+.,\de\s]+)/([-+.,\de\s]+)", re.IGNORECASE | re.ASCII)
KEYS = ("scale", "mean", "std", "bgr", "name")
MAX_FILE_BYTES = 2**16
MAX_NAME_LETTERS = 100
#: Errors by which a text names no file.
NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}


def parse_contract(text: str) -> InputContract | None:
    """Return the contract that `text` declares; None stands for ``auto``, the best candidate.

    Parameters
    ----------
    text
        One of these:

        - ``auto``;
        - the name of a candidate, in any case, with or without its "mean and std": ``[0,1]``,
          ``imagenet``, ``ImageNet mean and std, BGR``;
        - mean and std for pixels in [0, 1], one for all channels or one a channel: ``0.5/0.5``,
          ``0.485,0.456,0.406/0.229,0.224,0.225``;
        - the path of a ``.json`` or ``.toml`` file with the keys scale, mean, std (a number or a
          list), bgr (true or false) and name, all optional; mean and std are in the order that the
          network sees, blue first with bgr.

    Raises
    ------
    UsageError
        If it is none of these, or a number is out of range.
    """
    stripped = text.strip()
    if stripped.casefold() == AUTO:
        return None
    for contract in (*CANDIDATES, *COLOUR_CANDIDATES):
        if _spoken(contract.name) == _spoken(stripped):
            return contract
    if match := NUMBERS.fullmatch(stripped):
        return _from_numbers(match[1], match[2], stripped)
    return _from_file(Path(stripped))


def _spoken(name: str) -> str:
    return "".join(name.casefold().replace("mean and std", "").split())


def _from_numbers(mean: str, std: str, text: str) -> InputContract:
    try:
        means, stds = (tuple(map(float, part.split(","))) for part in (mean, std))
    except ValueError as error:
        raise UsageError(
            f"the input contract {text!r} should be mean/std, such as 0.5/0.5 or "
            "0.485,0.456,0.406/0.229,0.224,0.225."
        ) from error
    if any(abs(value) > 1 for value in means):
        raise UsageError(
            f"the input contract {text!r} has a mean beyond the pixels, which lie in [0, 1]. Divide mean and "
            "std by 255, or declare a file with scale = 255."
        )
    return _known_or(InputContract(f"(x-{_group(means)})/{_group(stds)}", mean=means, std=stds))


def _group(values: tuple[float, ...]) -> str:
    joined = ",".join(f"{value:g}" for value in values)
    return joined if len(values) == 1 and values[0] >= 0 else f"({joined})"


def _from_file(path: Path) -> InputContract:
    content = _read(path)
    unknown = [key for key in content if key not in KEYS]
    if unknown:
        raise UsageError(
            f"the input contract {path.name!r} has the key {unknown[0]!r}; expected only {', '.join(KEYS)}."
        )
    name, bgr = content.get("name", path.stem), content.get("bgr", False)
    if (
        not isinstance(name, str)
        or not 0 < len(name.strip()) <= MAX_NAME_LETTERS
        or not isinstance(bgr, bool)
    ):
        raise UsageError(
            f"the input contract {path.name!r} should have a name of at most {MAX_NAME_LETTERS} letters, and "
            "bgr true or false."
        )
    name = printable(name.strip())
    if bgr and not name.endswith("BGR"):
        name += ", BGR"
    scale = _numbers(content.get("scale", 1.0), "scale", path)
    if len(scale) != 1:
        raise UsageError(f"the input contract {path.name!r} should have one scale for all channels.")
    return _known_or(
        InputContract(
            name,
            scale[0],
            _numbers(content.get("mean", 0.0), "mean", path),
            _numbers(content.get("std", 1.0), "std", path),
            bgr,
        )
    )


def _read(path: Path) -> Mapping[str, Any]:
    known = ", ".join(repr(contract.name) for contract in COLOUR_CANDIDATES)
    try:
        if path.suffix.lower() == ".toml":
            return read_toml(path, most=MAX_FILE_BYTES)
        parsed = json.loads(read_bounded(path, MAX_FILE_BYTES).decode("utf-8"))
    except OSError as error:
        if error.errno in NO_FILE:
            raise UsageError(
                f"{quoted(str(path))} declares no input contract: expected auto, mean/std such as 0.5/0.5, "
                f"a .json or .toml file that exists, or one of: {known}."
            ) from error
        raise UsageError(
            f"the input contract {quoted(path.name)} cannot be read: {error.strerror}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the input contract {quoted(path.name)} cannot be read ({reason(error)}); expected JSON, or "
            "TOML in a .toml file."
        ) from error
    if not isinstance(parsed, dict):
        raise UsageError(
            f"the input contract {path.name!r} should be a table with the keys {', '.join(KEYS)}."
        )
    return parsed


def _numbers(value: Any, key: str, path: Path) -> tuple[float, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in listed):
        raise UsageError(
            f"the input contract {path.name!r} should have a number or a list of numbers as {key}."
        )
    try:
        return tuple(map(float, listed))
    except OverflowError:
        return (math.inf,)  # which the contract itself refuses


def _known_or(contract: InputContract) -> InputContract:
    """Return the candidate that computes the same, or `contract`, whose name must be its own."""
    candidates = (*CANDIDATES, *COLOUR_CANDIDATES)
    for candidate in candidates:
        if candidate.numbers == contract.numbers:
            return candidate
    if any(candidate.name == contract.name for candidate in candidates):
        raise UsageError(
            f"the name {contract.name!r} belongs to an input contract with other numbers; give yours another."
        )
    return contract
