"""Devices that PyTorch has here, and its global generators on them."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch

from trivet.errors import UsageError
from trivet.wording import first_line, quote

__all__ = ["CPU", "find_device", "seeded"]

CPU = "cpu"
AUTO = "auto"
#: Kinds of accelerators, the first that is here is what ``auto`` takes.
ACCELERATORS = ("cuda", "mps")


def find_device(name: str) -> torch.device:
    """Return the device called ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or, for ``auto``, the fastest here.

    Raises
    ------
    UsageError
        If there is no such device, or this build of PyTorch cannot use it.
    """
    here = {kind: getattr(torch, kind).device_count() for kind in ACCELERATORS if _is_here(kind)}
    if name == AUTO:
        return torch.device(next(iter(here), CPU))
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"{quote(name)} names no device ({first_line(error)}); expected cpu, cuda, cuda:1, mps or auto."
        ) from error
    if device.type == CPU or (device.index or 0) < here.get(device.type, 0):
        return device
    found = ", ".join(f"{count} of {kind}" for kind, count in here.items()) or "none but the processor"
    raise UsageError(
        f"PyTorch {torch.__version__} finds no device {quote(name)} here, but {found}. Leave out --device, "
        "or install the build of PyTorch for it."
    )


def _is_here(kind: str) -> bool:
    module = torch.cuda if kind == "cuda" else torch.backends.mps
    return bool(module.is_available())


@contextmanager
def seeded(seed: int, device: torch.device | str = CPU) -> Generator[None]:
    """Seed PyTorch's global generators of the processor and of `device`, and leave them as they were.

    ``torch.manual_seed`` would seed those of every accelerator too, which ``fork_rng`` restores only
    where it has their names.
    """
    place = torch.device(device)
    with ExitStack() as kept:
        kept.enter_context(torch.random.fork_rng(devices=[]))
        torch.default_generator.manual_seed(seed)
        if place.type == "cuda":
            index = torch.cuda.current_device() if str(place) == "cuda" else place.index
            kept.callback(torch.cuda.set_rng_state, torch.cuda.get_rng_state(index), index)
            torch.cuda.default_generators[index].manual_seed(seed)
        elif place.type == "mps":
            kept.callback(torch.mps.set_rng_state, torch.mps.get_rng_state())
            torch.mps.manual_seed(seed)
        yield
