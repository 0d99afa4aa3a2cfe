"""What tests of the findings share: the example records of the report, as plain JSON values."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from example_scan import example_repair, example_scan
from trivet.security.scanning.results import SecurityAudit

REPORT_TESTS = str(Path(__file__).parent.parent / "report")
if REPORT_TESTS not in sys.path:
    sys.path.append(REPORT_TESTS)


@pytest.fixture(scope="session")
def study():
    """The record of the built-in study: a network from an archive, judged backdoored."""
    from example_records import example_record  # noqa: PLC0415 - the path to it is set above
    from trivet.record import as_json  # noqa: PLC0415

    return as_json(example_record())


@pytest.fixture(scope="session")
def own():
    """The same with a plan and finished audits of the user's own."""
    from example_records import example_own_record  # noqa: PLC0415
    from trivet.record import as_json  # noqa: PLC0415

    return {**as_json(example_own_record()), "effects": None}


@pytest.fixture(scope="session")
def alone(own):
    """A record of a system of one's own: no study, a network that a repair has cleaned."""
    security = SecurityAudit(scan=example_scan().result, strip=None, repair=example_repair())
    return {
        **own,
        "security": json.loads(json.dumps(dataclasses.asdict(security))),
        "privacy": {**own["privacy"], "published": None},
        "fairness": {**own["fairness"], "published": None},
    }
