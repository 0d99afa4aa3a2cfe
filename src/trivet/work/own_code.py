"""User code named as ``package.module:name``."""

import contextlib
import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Generator
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from trivet.errors import UsageError
from trivet.wording import describe_error, first_line

__all__ = ["OWN_CODE", "load_callable", "load_function", "name_of"]

#: A module's dotted path, a colon, and a dotted path within it.
OWN_CODE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def load_callable(name: str, *, role: str) -> Callable[..., Any]:
    """Import a module of user code, never one that a file names, and return the callable in it."""
    return _load(name, name, role)


def _load(name: str, said: str, role: str) -> Callable[..., Any]:
    if not OWN_CODE.fullmatch(name):
        raise UsageError(f"the {role} {said!r} is not a name; expected package.module:function.")
    module_name, _, path = name.partition(":")
    with _current_directory_importable():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the {role} {said!r} cannot be imported: {first_line(error)}. Run trivet in the folder that "
                "holds the module, or install it."
            ) from error
        except (Exception, SystemExit) as error:  # the user's code can fail in any way
            raise UsageError(f"the {role} {said!r} cannot be imported: {describe_error(error)}.") from error
        try:
            found = attrgetter(path)(module)
        except AttributeError as error:
            raise UsageError(
                f"the {role} {said!r} does not exist: the module {said.partition(':')[0]} has no {path}."
            ) from error
    if not callable(found):
        raise UsageError(f"the {role} {said!r} is a {type(found).__name__}; expected a class or function.")
    return found


def load_function(name: str, *, role: str) -> Callable[..., Any]:
    """Return user code named as ``package.module:name`` or ``script.py:name``; of a bare script its main."""
    path, colon, function = name.partition(".py:")
    if not (colon or name.endswith(".py")):
        return load_callable(name, role=role)
    script = Path(f"{path.removesuffix('.py')}.py")
    if not script.is_file():
        raise UsageError(f"the {role} {name!r} does not exist: there is no file {script}.")
    path = function or "main"
    return _load(f"{_load_script(script, role)}:{path}", f"{script}:{path}", role)


def _load_script(script: Path, role: str) -> str:
    """Run a script as a module, not as the main one, and return its name."""
    name = f"script_{hashlib.sha256(str(script.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, script.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _current_directory_importable():
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # the user's code can fail in any way
            del sys.modules[name]
            raise UsageError(f"the {role} {str(script)!r} cannot be run: {describe_error(error)}.") from error
    return name


def name_of(function: object) -> str:
    """Return ``package.module:name`` of a callable."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}:{name}"


@contextlib.contextmanager
def _current_directory_importable() -> Generator[None]:
    """Let modules of the current directory be found, behind all that is installed."""
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the user's code may have taken it out
            sys.path.remove(here)
