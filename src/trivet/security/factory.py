"""Construction of a network by its architecture's name: built in, from user code, or timm's."""

import re
from typing import Any

import torch
from torch import nn

from trivet.errors import UsageError, import_extra
from trivet.security.architecture import ARCHITECTURES
from trivet.wording import one_line, quoted, told
from trivet.work.own_code import OWN_CODE, load_callable

__all__ = ["build_network"]

TIMM = "timm:"
#: No scheme, no path: such names would make timm download.
TIMM_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")


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
        A name in `ARCHITECTURES`; ``package.module:factory``, a callable of user code that
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
        if OWN_CODE.fullmatch(architecture):
            return _build_own(architecture, seed)
    known = ", ".join(sorted(ARCHITECTURES))
    raise UsageError(
        f"no architecture is called {quoted(architecture)}; expected one of: {known}; or "
        "package.module:factory from your own code, or timm:NAME."
    )


def _build_own(architecture: str, seed: int) -> nn.Module:
    factory = load_callable(architecture, role="architecture")
    if isinstance(factory, nn.Module):
        raise UsageError(
            f"the architecture {architecture!r} is a {type(factory).__name__}; expected a class or "
            "function that takes no argument and returns a torch.nn.Module."
        )
    torch.manual_seed(seed)  # the import may have drawn numbers, and it happens but once
    try:
        network = factory()
    except (Exception, SystemExit) as error:  # the user's code can fail in any way
        raise UsageError(
            f"the architecture {architecture!r} cannot be built without arguments: {told(error)}. Write "
            "a function that takes none and returns the network."
        ) from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"the architecture {architecture!r} returned a {type(network).__name__}; expected a "
            "torch.nn.Module."
        )
    return network


def _build_timm(name: str, input_shape: tuple[int, int, int] | None, classes: int | None) -> nn.Module:
    library = import_extra("timm", f"the architecture timm:{one_line(name)}")
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
        raise UsageError(f"timm cannot build {name} for these images: {told(error)}.") from error
