"""What can go wrong, for people: one small tree of exceptions.

::

    TrivetError           exit 3: the audit could not be done
    ├── UsageError        exit 2: the command line or audit.toml asks for what cannot be
    ├── CheckpointError   exit 3: a checkpoint or archive is missing, unsafe or of another shape
    ├── DataError         exit 3: a dataset or table is missing or not what it should be
    ├── RecordError       exit 3: a record cannot be read, or holds what JSON cannot
    └── ReportError       exit 3: the report could not be written

A message says what was expected, what was found, and what to do.
"""

__all__ = [
    "CheckpointError",
    "DataError",
    "RecordError",
    "ReportError",
    "TrivetError",
    "UsageError",
]


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
