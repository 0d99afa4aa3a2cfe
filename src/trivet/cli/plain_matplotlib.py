"""matplotlib without a matplotlibrc: none of the working folder, and none of the user's.

matplotlib reads the working folder's matplotlibrc when it is imported, before any other. A command may be
called in a folder that others filled, and its figures have a style of their own.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__all__ = ["ignore_matplotlibrc"]


def ignore_matplotlibrc() -> None:
    """Let this process import matplotlib with its own defaults, now or later."""
    if "matplotlib" not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds matplotlib once, and lets it be executed where its own defaults are."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "matplotlib":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or not spec.submodule_search_locations:
            return spec
        execute, defaults = spec.loader.exec_module, Path(spec.submodule_search_locations[0]) / "mpl-data"

        def execute_there(module: ModuleType) -> None:
            here = None
            with suppress(OSError):  # the working folder is gone
                here = Path.cwd()
                os.chdir(defaults)
            try:
                execute(module)
            finally:
                if here is not None:
                    os.chdir(here)

        spec.loader.exec_module = execute_there
        return spec
