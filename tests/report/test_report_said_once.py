"""Every sentence of a page stands in it once: of whole audits, with their findings, and of single results."""

from collections import Counter

import pandas as pd
import pytest
from page_elements import sentences_of
from undrawn_pages import DRAWING, write_undrawn

from example_fairness import example_audit, example_comparison
from example_privacy import (
    example_code,
    example_mechanism,
    example_membership,
    example_plan,
    example_training,
)
from example_records import example_own_record, whole_own_record
from example_scan import example_scan
from trivet.fairness.law.ll144 import bias_audit
from trivet.findings import findings_of
from trivet.findings.summary import summary_of
from trivet.record import as_json
from trivet.report import pages
from trivet.report.facts import run_page_facts
from trivet.report.figures import pictures
from trivet.report.report import OWN
from trivet.report.text import tree
from trivet.report.text.document import make_document, read_prose
from trivet.report.text.values import escape_html, escape_tex
from trivet.report.write.html import html_page
from trivet.report.write.tex import tex_source

WHOLE = {
    "own": lambda: whole_own_record()[0],
    "both": example_own_record,
}


def applicants():
    people = pd.DataFrame({"sex": ["Female", "Male", None] * 40, "race": ["White", "Black"] * 60})
    people["hired"] = [int(place % 7 < 3) for place in range(len(people))]
    return bias_audit(people, sex="sex", race="race", prediction="hired")


SINGLE = {
    "plan": lambda: (pages.PLAN, example_plan(mixed=True, group=3)),
    "training": lambda: (pages.TRAINING, example_training()),
    "mechanism": lambda: (pages.MECHANISM, example_mechanism(violates=True)),
    "membership": lambda: (pages.MEMBERSHIP, example_membership()),
    "code": lambda: (pages.CODE, example_code(violates=True)),
    "fairness": lambda: (pages.FAIRNESS, example_audit()),
    "mitigations": lambda: (pages.MITIGATIONS, example_comparison()),
    "scan": lambda: (pages.SCAN, example_scan().audit[0]),
    "repair": lambda: (pages.REPAIR, example_scan(repaired=True).audit[0]),
    "law": lambda: (pages.BIAS_AUDIT, applicants()),
}


def twice(page):
    return {sentence: times for sentence, times in Counter(sentences_of(page)).items() if times > 1}


@pytest.mark.parametrize("name", WHOLE)
def test_no_sentence_of_a_whole_audit_stands_twice(name, tmp_path):
    record = WHOLE[name]()
    plain = as_json(record)
    findings = findings_of(plain)
    facts = run_page_facts(plain, findings)
    prose = read_prose("study" if name != "own" else "own", *OWN)
    document = make_document(facts, prose, pictures=pictures(record), whole=False)
    for figure in tree.figures_of(document.blocks):
        (tmp_path / f"{figure.name}.svg").write_text(DRAWING)
    summary = summary_of(plain, findings)
    page = html_page(document, summary, tmp_path, record=facts)
    assert len(sentences_of(page)) > 100
    assert twice(page) == {}
    for line in summary.lines:
        assert page.count(escape_html(line.finding.message)) == 1
    paper = tex_source(document, "figures", summary)
    for caution in as_json(record)["fairness"]["audit"]["cautions"]:
        assert paper.count(escape_tex(caution["message"])) == 1


@pytest.mark.parametrize("name", SINGLE)
def test_no_sentence_of_a_single_result_stands_twice(name, tmp_path):
    written = write_undrawn(*SINGLE[name](), tmp_path)[0].read_text(encoding="utf-8")
    assert len(sentences_of(written)) > 3
    assert twice(written) == {}
