"""What tests of the report share: the sample, and the whole study of the example record."""

import shutil

import pytest
from sample_report import SAMPLE_PICTURES, SAMPLE_PROSE, draw_sample_figures, sample_record, write_prose

from example_fairness import hostile_audit, hostile_comparison
from example_privacy import HOSTILE, example_code, example_mechanism, example_plan, hostile_membership
from example_records import example_own_record, example_record, example_triggers
from example_records import own_record as record_of
from example_scan import HOSTILE_NAMES, example_scan
from trivet.record import FairnessLeg, PrivacyLeg, as_json
from trivet.report import write_report
from trivet.report.facts import run_page_facts as page_facts
from trivet.report.figures import FORMATS, available, pictures, save_figures
from trivet.report.report import OWN
from trivet.report.text.document import make_document, read_prose


@pytest.fixture(scope="session")
def sample_document():
    return make_document(sample_record(), SAMPLE_PROSE, pictures=SAMPLE_PICTURES)


@pytest.fixture(scope="session")
def sample_figures(tmp_path_factory):
    return draw_sample_figures(tmp_path_factory.mktemp("sample") / "figures")


@pytest.fixture(scope="session")
def sample_prose(tmp_path_factory):
    return write_prose(tmp_path_factory.mktemp("prose"))


@pytest.fixture(scope="session")
def study_prose():
    return read_prose("study", *OWN)


@pytest.fixture(scope="session")
def study_record():
    return page_facts(as_json(example_record()))


@pytest.fixture(scope="session")
def study_document(study_record, study_prose):
    return make_document(study_record, study_prose, pictures=pictures(example_record()))


@pytest.fixture(scope="session")
def own_record():
    return page_facts(as_json(example_own_record()))


@pytest.fixture(scope="session")
def own_document(own_record, study_prose):
    """The study and the user's own plans and audits: everything that a report can have."""
    return make_document(own_record, study_prose, pictures=pictures(example_own_record()))


@pytest.fixture(scope="session")
def study_files(study_record, made_once):
    """The figures and the whole report of the example record, its PDF by Typst."""

    def make(out):
        drawn = save_figures(example_record(), example_triggers(), out / "figures")
        shown = pictures(example_record())
        return drawn, write_report(study_record, out / "figures", out, engine="typst", pictures=shown)

    return made_once("study", make)


@pytest.fixture(scope="session")
def study_figures(study_files):
    return study_files[0]


@pytest.fixture(scope="session")
def study_report(study_files):
    return study_files[1]


@pytest.fixture(scope="session")
def hostile_report(made_once, sample_figures):
    """A report of all that an audit without the study can have, its texts hostile: record and files.

    The figures of such texts are looked at with the page of each result; here a small one stands for them.
    """
    security, _ = example_scan(names=HOSTILE_NAMES, repaired=True).audit
    record = record_of(
        security=security,
        privacy=PrivacyLeg(
            example_plan(mixed=True, group=3, name=HOSTILE),
            (example_mechanism(violates=True, name=f"m:{HOSTILE}", text=HOSTILE),),
            hostile_membership(),
            code=(example_code(violates=True, name=f"m:{HOSTILE}", text=HOSTILE),),
        ),
        fairness=FairnessLeg(hostile_audit(), hostile_comparison()),
    )

    def make(out):
        (out / "figures").mkdir()
        for row in available(record):
            for suffix in FORMATS:
                shutil.copy(sample_figures / f"picture.{suffix}", out / "figures" / f"{row.name}.{suffix}")
        shown = pictures(record)
        return write_report(as_json(record), out / "figures", out, engine="typst", pictures=shown)

    return record, made_once("hostile", make)
