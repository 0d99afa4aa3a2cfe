"""Files that an audit reads, by place and digest, and its invocation: for the manifest and a second run."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from trivet.audit.by_leg import FOLDER, TABLE, path_digest
from trivet.config import AuditConfig
from trivet.errors import TrivetError
from trivet.fairness.auditing.settings import ADULT
from trivet.record import METRICS
from trivet.work.own_code import OWN_CODE

__all__ = ["changed_since", "invocation_of"]

#: Endings of settings that name a file or an algorithm.
_SETTING_FILES: Final = (".json", ".toml")
#: Folders above that of audit.toml from which places can start.
ABOVE: Final = 2
IDX_IMAGES, IDX_LABELS = "-images-idx3-", "-labels-idx1-"


def invocation_of(
    config: AuditConfig, path: Path | None, options: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return ``invocation`` and ``files`` of a manifest.

    ``invocation`` has the command, the place of audit.toml with its digest, and the options that were laid
    over it. ``files`` has the SHA-256 of everything that was read, by place. Places start at the folder of
    audit.toml, or at one of the two above it that holds more of the files; without an audit.toml at the
    working folder. What lies outside has its name alone.
    """
    read = [(file, digest) for file in _files(config) if (digest := path_digest(file)) is not None]
    root = Path.cwd() if path is None else _root(path, [file for file, _ in read])
    given = _plain_options(options, root)
    files: dict[str, str] = {}
    for file, digest in read:
        place = _place(file, root)
        if files.get(place, digest) != digest:
            place = f"{_whole(file).parent.name}/{place}"
        files[place] = digest
    named = None if path is None else {"name": _place(path, root), "sha256": path_digest(path)}
    command = _command(None if named is None else str(named["name"]), given)
    return {
        "invocation": {"command": command, "config": named, "options": given},
        "files": dict(sorted(files.items())),
    }


def changed_since(config: AuditConfig, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the files of a configuration that are not what an audit read, by its manifest.

    A file that is not here, and one of an audit whose manifest has no digests, shows nothing.
    """
    read = manifest.get("files")
    if not isinstance(read, Mapping):
        return ()
    known = {each for each in read.values() if isinstance(each, str)}
    here: list[Path] = []
    with suppress(TrivetError, OSError):  # weights in several parts, of which one is not here
        here += _audited(config)
    digests = {file: path_digest(file) for file in here}
    return tuple(str(file) for file, digest in digests.items() if digest is not None and digest not in known)


def _files(config: AuditConfig) -> Iterator[Path]:
    """Yield every path that an audit reads; some of them may be names of what is embedded."""
    yield from _audited(config)
    if (accepted := config.policy.baseline) is not None:
        from trivet.findings.baseline import FINDINGS  # noqa: PLC0415 - SciPy, and only a baseline needs it

        yield from (accepted / name for name in (METRICS, FINDINGS) if (accepted / name).is_file())


def _audited(config: AuditConfig) -> Iterator[Path]:
    """Yield the paths of what is audited."""
    security, fairness = config.security, config.fairness
    yield from (path for path in (security.checkpoint, security.archive) if path is not None)
    if (scan := security.scan) is not None:
        from trivet.security.reading.parts import find_parts  # noqa: PLC0415

        if not scan.is_demo:
            yield from find_parts(scan.checkpoint)
        yield from _images(scan.images)
        named = (scan.layers, scan.reference, scan.contract, scan.class_order)
        yield from (Path(each) for each in named if each is not None and _is_file(each))
        yield from _code(scan.arch)
    if fairness.table is not None and fairness.table.table != ADULT:
        table = Path(fairness.table.table)
        yield table if table.exists() else Path(fairness.table.table.rpartition(TABLE)[0] or table)
        yield from _code(fairness.table.estimator)
    if (model := config.privacy.model) is not None:
        if model.table is not None and model.table != ADULT:
            yield Path(model.table)
        yield from _images(model.images)
        yield from _code(model.model)
    yield from _images(config.effects.members)
    yield from (*config.privacy.audits, *fairness.audits)


def _images(named: str | None) -> Iterator[Path]:
    """Yield the files of labelled images that are not embedded."""
    from trivet.datasets.source import EMBEDDED  # noqa: PLC0415 - loads the data's libraries

    if named is None or named in EMBEDDED:
        return
    yield Path(named)
    if IDX_IMAGES in named:
        yield Path(named.replace(IDX_IMAGES, IDX_LABELS))


def _is_file(named: Path | str) -> bool:
    """Tell the path of a setting from a name such as ``auto``."""
    return isinstance(named, Path) or named.lower().endswith(_SETTING_FILES)


def _code(named: str | None) -> Iterator[Path]:
    """Yield the module of own code in the working folder, or the description in ``hf:FOLDER``."""
    if named is not None and named.startswith(FOLDER):
        yield Path(named.removeprefix(FOLDER), "config.json")
    elif named is not None and OWN_CODE.fullmatch(named):
        yield Path(*named.partition(":")[0].split(".")).with_suffix(".py")


def _root(path: Path, files: Sequence[Path]) -> Path:
    """Return the folder of audit.toml, or the nearest of those above it that holds more of the files."""
    folder = _whole(path).parent
    above = [each for each in folder.parents[:ABOVE] if each != Path(each.anchor)]
    return max((folder, *above), key=lambda root: sum(_whole(file).is_relative_to(root) for file in files))


def _place(file: Path, root: Path) -> str:
    """Return a path from the root; the name alone of a file outside of it."""
    whole = _whole(file)
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else whole.name


def _whole(path: Path) -> Path:
    """Return an absolute path without following a link."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve follows links


def _plain_options(options: Mapping[str, Mapping[str, Any]], root: Path) -> dict[str, dict[str, Any]]:
    """Return what was given on the command line and decides on a result, with places for paths."""
    found: dict[str, dict[str, Any]] = {}
    for section, values in options.items():
        for key, value in values.items():
            if value is None or (section, key) == ("audit", "out"):
                continue
            kept: Any = _place(value, root) if isinstance(value, Path) else value
            if key == "student_id":  # a person's; the model that it chooses says enough
                from trivet.security import index_from_student_id  # noqa: PLC0415 - PyTorch

                key, kept = "model_index", index_from_student_id(str(value))  # noqa: PLW2901
            found.setdefault(section, {})[key] = kept
    return found


def _command(place: str | None, options: Mapping[str, Mapping[str, Any]]) -> str:
    words = ["trivet", "run", *([] if place is None else [place])]
    for values in options.values():
        for key, value in values.items():
            option = f"--{key.replace('_', '-')}"
            words += [option] if value is True else [option, str(value)]
    return shlex.join(words)
