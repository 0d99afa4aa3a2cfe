"""User code named as ``package.module:name``."""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Generator
from operator import attrgetter
from typing import Any, Final

from trivet.errors import UsageError
from trivet.wording import describe_error, first_line

__all__ = ["OWN_CODE", "load_callable"]

#: A module's dotted path, a colon, and a dotted path within it.
OWN_CODE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def load_callable(name: str, *, role: str) -> Callable[..., Any]:
    """Import a module of user code, never one that a file names, and return the callable in it."""
    if not OWN_CODE.fullmatch(name):
        raise UsageError(f"the {role} {name!r} is not a name; expected package.module:function.")
    module_name, _, path = name.partition(":")
    with _current_directory_importable():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the {role} {name!r} cannot be imported: {first_line(error)}. Run trivet in the folder that "
                "holds the module, or install it."
            ) from error
        except (Exception, SystemExit) as error:  # the user's code can fail in any way
            raise UsageError(f"the {role} {name!r} cannot be imported: {describe_error(error)}.") from error
        try:
            found = attrgetter(path)(module)
        except AttributeError as error:
            raise UsageError(
                f"the {role} {name!r} does not exist: the module {module_name} has no {path}."
            ) from error
    if not callable(found):
        raise UsageError(f"the {role} {name!r} is a {type(found).__name__}; expected a class or function.")
    return found


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
