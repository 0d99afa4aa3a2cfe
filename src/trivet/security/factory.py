"""Which network does an architecture's name build? Built in, the user's own, or timm's."""

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Generator
from operator import attrgetter
from typing import Any

import torch
from torch import nn

from trivet.errors import UsageError
from trivet.security.architecture import ARCHITECTURES
from trivet.security.wording import one_line, quoted, reason

__all__ = ["build_network"]

TIMM = "timm:"
#: No scheme, no path: such names would make timm download.
TIMM_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
#: A module's dotted path, a colon, and a dotted path within it.
FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def build_network(
    architecture: str,
    *,
    seed: int = 0,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
) -> nn.Module:
    """Return the network that `architecture` names, its initial weights drawn from `seed`.

    The global generator is left as it was.

    Parameters
    ----------
    architecture
        A name in `ARCHITECTURES`; ``package.module:factory``, a callable of the user's own code that
        takes no argument and returns a module, looked for in the current directory too; or
        ``timm:NAME``.
    seed
        For the initial weights.
    input_shape, classes
        (channels, height, width) of the images at hand and the number of their classes. timm builds
        its networks to measure; the others are what they are.

    Raises
    ------
    UsageError
        If there is no such network, or it cannot be built.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if architecture in ARCHITECTURES:
            return ARCHITECTURES[architecture]()
        if architecture.startswith(TIMM):
            return _build_timm(architecture.removeprefix(TIMM), input_shape, classes)
        if FACTORY.fullmatch(architecture):
            return _build_own(architecture, seed)
    known = ", ".join(sorted(ARCHITECTURES))
    raise UsageError(
        f"no architecture is called {quoted(architecture)}; expected one of: {known}; or "
        "package.module:factory from your own code, or timm:NAME."
    )


def _build_own(architecture: str, seed: int) -> nn.Module:
    module_name, _, path = architecture.partition(":")
    with _current_directory_importable():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the architecture {architecture!r} cannot be imported: {reason(error)}. Run trivet in the "
                "folder that holds the module, or install it."
            ) from error
        except (Exception, SystemExit) as error:  # the user's code can fail in any way
            raise UsageError(
                f"the architecture {architecture!r} cannot be imported: {_told(error)}."
            ) from error
        try:
            factory = attrgetter(path)(module)
        except AttributeError as error:
            raise UsageError(
                f"the architecture {architecture!r} does not exist: the module {module_name} has no {path}."
            ) from error
        if not callable(factory) or isinstance(factory, nn.Module):
            raise UsageError(
                f"the architecture {architecture!r} is a {type(factory).__name__}; expected a class or "
                "function that takes no argument and returns a torch.nn.Module."
            )
        torch.manual_seed(seed)  # the import may have drawn numbers, and it happens but once
        try:
            network = factory()
        except (Exception, SystemExit) as error:  # likewise
            raise UsageError(
                f"the architecture {architecture!r} cannot be built without arguments: {_told(error)}. Write "
                "a function that takes none and returns the network."
            ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"the architecture {architecture!r} returned a {type(network).__name__}; expected a "
            "torch.nn.Module."
        )
    return network


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


def _build_timm(name: str, input_shape: tuple[int, int, int] | None, classes: int | None) -> nn.Module:
    try:
        library: Any = importlib.import_module("timm")
    except ImportError as error:
        raise UsageError(
            f"the architecture timm:{one_line(name)} needs the extra timm: pip install 'trivet[timm]'."
        ) from error
    if not TIMM_NAME.fullmatch(name) or not library.is_model(name):
        raise UsageError(
            f"timm has no network called {quoted(name)}; timm.list_models() names those that it has."
        )
    settings: dict[str, Any] = {"num_classes": classes} if classes is not None else {}
    if input_shape is not None:
        settings["in_chans"] = input_shape[0]
        configured = library.get_pretrained_cfg(name)
        if configured is not None and configured.fixed_input_size:
            settings["img_size"] = input_shape[1:]
    try:
        return library.create_model(name, pretrained=False, **settings)
    except Exception as error:  # the library's own complaints are of many kinds
        raise UsageError(f"timm cannot build {name} for these images: {_told(error)}.") from error


def _told(error: BaseException) -> str:
    said = reason(error)
    kind = type(error).__name__
    return said if said == kind else f"{kind}: {said}"
