"""Reports of audits of one's own system: whole for any part that is there, and with nothing of the study."""

import re

import pytest
from pypdf import PdfReader

from example_fairness import example_audit, lonely_comparison, many_groups_audit, undefined_audit
from example_privacy import example_mechanism, example_membership, example_plan, example_training
from example_records import own_record, whole_own_record
from example_scan import example_scan
from trivet.record import FairnessLeg, PrivacyLeg, as_json
from trivet.report import verdicts, write_report
from trivet.report.figures import available, pictures, save_figures
from trivet.report.text.document import check_macros
from trivet.verdict import LEGS
from trivet.wording import noise_name


def scanned(**settings):
    security, triggers = example_scan(**settings).audit
    return own_record(security=security), triggers


CASES = {
    "all": whole_own_record,
    "repaired": lambda: scanned(repaired=True),
    "no evidence": lambda: scanned(suspected=False),
    "many labels": lambda: scanned(classes=60),
    "plan": lambda: (own_record(privacy=PrivacyLeg(plan=example_plan(pure=True))), {}),
    "training": lambda: (own_record(privacy=PrivacyLeg(training=example_training())), {}),
    "mechanism": lambda: (own_record(privacy=PrivacyLeg(mechanisms=(example_mechanism(),))), {}),
    "model": lambda: (own_record(privacy=PrivacyLeg(membership=example_membership())), {}),
    "predictions": lambda: (own_record(fairness=FairnessLeg(example_audit())), {}),
    "many groups": lambda: (own_record(fairness=FairnessLeg(many_groups_audit())), {}),
    "undefined": lambda: (own_record(fairness=FairnessLeg(undefined_audit(), lonely_comparison())), {}),
}


#: Parts of a leg, and the section of each.
SECTIONS = (
    ("privacy", "plan", "own-plan"),
    ("privacy", "mechanisms", "own-mechanisms"),
    ("privacy", "membership", "own-membership"),
    ("fairness", "audit", "own-fairness"),
    ("fairness", "comparison", "own-mitigations"),
)
QUICK = {"no evidence"}
PARAMS = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CASES]


@pytest.fixture(scope="module", params=[*PARAMS, "hostile"])
def written(request, tmp_path_factory):
    if request.param == "hostile":
        return "hostile", *request.getfixturevalue("hostile_report")
    record, triggers = CASES[request.param]()
    out = tmp_path_factory.mktemp("own")
    save_figures(record, triggers, out / "figures")
    files = write_report(as_json(record), out / "figures", out, engine="typst", pictures=pictures(record))
    return request.param, record, files


def test_nothing_is_empty_and_nothing_is_of_the_study(written):
    _, record, files = written
    source = files.html.read_text(encoding="utf-8")
    tex = files.tex.read_text(encoding="utf-8")
    assert "Corrections" not in source
    assert not re.search(r"\\section\{[^}]*\}(\\label\{[^}]*\})?\s*\\section", tex)
    assert source.count("<h1") == 1
    for row in available(record):
        assert f"{row.name}.pdf" in tex, row.name
    assert len(PdfReader(files.pdf).pages) >= 1
    assert source.count("<script") == 1
    assert not check_macros(tex, files.macros.read_text(encoding="utf-8"))
    for leg, part, section in SECTIONS:
        there = getattr(getattr(record, leg), part, None)
        assert (f'id="sec:{section}"' in source) == bool(there)


def test_every_section_of_a_hostile_report_is_printed(hostile_report):
    told = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(hostile_report[1].pdf).pages)
    for heading in ("THE QUERY PLAN", "AUDITED MECHANISMS", "THE AUDITED MODEL", "THE AUDITED PREDICTIONS"):
        assert heading in told.upper()


def test_the_card_has_each_leg_and_what_was_audited(written):
    _, record, files = written
    source = files.html.read_text(encoding="utf-8")
    legs = source[source.index('<ul class="legs">') : source.index("</section>")]
    words = re.findall(r'<strong class="word">([^<]+)</strong>', legs)
    assert len(words) == 3
    assert [word == "not audited" for word in words] == [getattr(record, leg) is None for leg in LEGS]
    parts = len(verdicts(as_json(record)))
    named = legs.count('<span class="name">')
    more = sum(int(number) for number in re.findall(r"<li>and (\d+) more</li>", legs))
    assert named + more == parts > 0
    assert r"\textbf{Security: " in files.tex.read_text(encoding="utf-8")


def test_verdicts_say_what_the_record_says():
    record, _ = whole_own_record()
    told = [(each.leg, each.tone, each.word) for each in verdicts(as_json(record))]
    assert told[:5] == [
        ("security", "bad", "backdoored, label 4"),
        ("security", "good", f"removed by {record.security.repair.chosen}"),
        ("privacy", "note", f"{noise_name(record.privacy.plan.best_mechanism)} noise"),
        ("privacy", "note", "Gaussian noise"),
        ("privacy", "good", "consistent"),
    ]
    assert told[5][:2] == ("privacy", "bad")
    clean, _ = scanned(suspected=False)
    assert [(each.tone, each.word) for each in verdicts(as_json(clean))] == [("good", "no evidence")]
