"""Audit a machine-learning system on three legs: security, privacy and fairness."""

from typing import Any

import lazy_loader

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Only when wanted: whatever reads an untrusted file starts with this package, and metadata is slow.
        from importlib.metadata import version  # noqa: PLC0415

        return version("trivet")
    return _attached(name)
