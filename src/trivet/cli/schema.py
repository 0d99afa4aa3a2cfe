"""``trivet schema``: what metrics.json looks like, for other tools."""

from typing import Annotated

from cyclopts import Parameter

from trivet.cli.terminal import print_json
from trivet.record import json_schema


def schema(*, json: Annotated[bool, Parameter(negative="")] = False) -> int:  # noqa: ARG001 - always JSON
    """Print the JSON Schema of metrics.json.

    Parameters
    ----------
    json
        Accepted by every command; the schema is JSON anyway.
    """
    print_json(json_schema())
    return 0
