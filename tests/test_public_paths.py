"""Every public function takes a path as a text as well."""

import importlib
import inspect
import pkgutil
import re

import pytest

import trivet

PACKAGES = [
    "trivet",
    *(each.name for each in pkgutil.walk_packages(trivet.__path__, "trivet.") if each.ispkg),
]
#: Built from values of the configuration, or shown as a result.
INTERNAL = {"trivet.cli"}


def public_functions():
    for name in PACKAGES:
        if name.startswith(tuple(INTERNAL)):
            continue
        package = importlib.import_module(name)
        for public in getattr(package, "__all__", ()):
            found = getattr(package, public)
            if inspect.isfunction(found):
                yield found


def paths_of(function):
    """Give the parameters that take a path, with what they are declared to take."""
    for parameter in inspect.signature(function).parameters.values():
        declared = parameter.annotation
        shown = declared if isinstance(declared, str) else getattr(declared, "__name__", str(declared))
        shown = shown if shown == "Path" else str(declared)
        if "Path" in shown:
            yield parameter.name, shown


FUNCTIONS = {f"{each.__module__}.{each.__qualname__}": each for each in public_functions()}


def test_the_functions_are_found():
    assert len([name for name, each in FUNCTIONS.items() if list(paths_of(each))]) > 20


@pytest.mark.parametrize("name", sorted(name for name, each in FUNCTIONS.items() if list(paths_of(each))))
def test_a_path_may_be_a_text(name):
    for parameter, declared in paths_of(FUNCTIONS[name]):
        assert re.search(r"\bstr\b", declared), f"{name}({parameter}: {declared})"
