"""One finished audit that all trackers are given."""

import pytest

from example_evidence import saved
from example_records import example_own_record


@pytest.fixture(scope="session")
def tracked(tmp_path_factory):
    """Folder of an audit of all legs, with a report."""
    place = tmp_path_factory.mktemp("tracked") / "audit"
    saved(example_own_record(), place, inputs={"poisened_model_4.pth": "5d" * 32})
    (place / "report.html").write_text("<p>A report.</p>", encoding="utf-8")
    (place / "rows.csv").write_text("name,age\n", encoding="utf-8")
    return place
