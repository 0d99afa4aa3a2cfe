"""Exceptions for users in one small tree, and libraries that are not installed.

::

    TrivetError           exit 3: the audit could not be done
    ├── UsageError        exit 2: the command line or audit.toml asks for what cannot be
    ├── CheckpointError   exit 3: a checkpoint or archive is missing, unsafe or of another shape
    ├── DataError         exit 3: a dataset or table is missing or not what it should be
    ├── RecordError       exit 3: a record cannot be read, or holds what JSON cannot
    └── ReportError       exit 3: the report could not be written

A message says what was expected, what was found, and what to do.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from trivet.wording import describe_error

__all__ = [
    "CheckpointError",
    "DataError",
    "RecordError",
    "ReportError",
    "TrivetError",
    "UsageError",
    "import_extra",
    "missing_extra",
]

#: Optional libraries, and the extra of trivet that installs each.
EXTRAS: Final = {
    "cryptography": "evidence",
    "distributed": "dask",
    "h5py": "keras",
    "mlflow": "mlflow",
    "onnx": "onnx",
    "opendp": "release",
    "onnx2torch": "onnx",
    "timm": "timm",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "pandas": "pandas",
    "pyarrow": "arrow",
    "python_calamine": "excel",
    "torch": "security",
    "wandb": "wandb",
}


class TrivetError(Exception):
    """Root of every error that trivet raises on purpose."""

    exit_code = 3


class UsageError(TrivetError):
    """The command line or the configuration asks for what cannot be."""

    exit_code = 2


class CheckpointError(TrivetError):
    """A checkpoint or archive is missing, unsafe, or not of the declared architecture."""


class DataError(TrivetError):
    """A dataset or table is missing, damaged, or not what it should be."""


class RecordError(TrivetError):
    """A record cannot be read, or holds what JSON cannot."""


class ReportError(TrivetError):
    """A figure, a template or a page of the report could not be written."""


def import_extra(module: str, what: str) -> Any:
    """Import an optional library; a UsageError says that `what` needs its extra, or that it is broken."""
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except Exception as error:  # a library that does not fit the others can fail in any way
        absent = isinstance(error, ImportError) and not _is_installed(library)
        raise _needed(module, what) if absent else _broken(library, what, error) from error


def missing_extra(error: ImportError, what: str) -> UsageError | None:
    """Name in one line the extra of the library that was not found; None where it belongs to none."""
    module = error.name or ""
    return _needed(module, what) if module.partition(".")[0] in EXTRAS else None


def _is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ValueError:  # something without a description stands in its place
        return True


def _broken(library: str, what: str, error: Exception) -> UsageError:
    return UsageError(
        f"{what} needs {library}, which is installed and cannot be imported: {describe_error(error)}. "
        f"Install versions that belong together: pip install --upgrade 'trivet[{EXTRAS[library]}]'."
    )


def _needed(module: str, what: str) -> UsageError:
    library = module.partition(".")[0]
    extra = EXTRAS[library]
    return UsageError(f"{what} needs {library}, of the extra {extra}: pip install 'trivet[{extra}]'.")
