"""Backdoor scan and repair of image classifiers."""

from typing import Any

import lazy_loader

from trivet.errors import missing_extra

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    try:
        return _attached(name)
    except ModuleNotFoundError as error:
        raise missing_extra(error, "the security leg") or error from error
