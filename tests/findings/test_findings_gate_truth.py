"""The truth table of the gate: causes of a verdict, exit codes, and the same breaches in every format."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from example_privacy import example_code, example_mechanism, studied_privacy
from example_scan import example_scan
from trivet.audit import Audit
from trivet.cli.main import main
from trivet.errors import DataError
from trivet.estimate import Estimate
from trivet.fairness.auditing.predictions import audit_counts
from trivet.fairness.auditing.results import Caution
from trivet.fairness.counting.counts import GroupCounts
from trivet.findings import findings_github, findings_gitlab, findings_sarif
from trivet.findings.formats import read_findings
from trivet.findings.summary import summary_of
from trivet.record import (
    SCHEMA_VERSION,
    AuditInfo,
    AuditRecord,
    FairnessLeg,
    PrivacyLeg,
    as_json,
    load_record,
    save_record,
)
from trivet.report.text.values import escape_html
from trivet.report.write.opening import findings_section

ROWS = 1000
PROBLEMS = {"breach", "warning"}
TODAY = datetime.now(UTC).date()
LEAK = Caution("leakage", "The column score tells the label apart at 0.99.")


def later(function):
    """Return what promises the function's result: who only collects the tests audits nobody."""

    def promised(*arguments, **named):
        return cache(
            lambda: function(*map(now, arguments), **{name: now(each) for name, each in named.items()})
        )

    return promised


def now(value):
    return value() if callable(value) else value


changed = later(replace)


@later
def people(share, *, name="sex", rows=ROWS, label="hired", cautions=(), groups=("f", "m"), privileged="m"):
    """Of the reference half are selected, of each other group `share`; both at random to the label."""
    table = []
    for group in groups:
        selected = round(rows * (0.5 if group == privileged else share))
        half = selected // 2
        table.append(
            [[(rows - selected) // 2, half], [rows - selected - (rows - selected) // 2, selected - half]]
        )
    counts = GroupCounts((name,), tuple((group,) for group in groups), ("0", "1"), np.array(table))
    return audit_counts(counts, data="people", label=label, privileged=privileged, cautions=cautions)


@later
def record(fair=None, *, mechanisms=(), code=(), network=None):
    return AuditRecord(
        schema_version=SCHEMA_VERSION,
        audit=AuditInfo(title="Truth", seed=0),
        security=network,
        privacy=PrivacyLeg(mechanisms=mechanisms, code=code) if mechanisms or code else None,
        fairness=None if fair is None else FairnessLeg(audit=fair),
    )


def scanned(label=4):
    audit, _ = example_scan().audit
    return replace(audit, scan=replace(audit.scan, suspected_label=label))


@later
def unmeasured(audit):
    """The same audit where the ratio of the protected group is unknown."""
    (attribute,) = audit.attributes
    none = Estimate(None, None, None, 0.95, "none", "nobody of the reference group is selected")
    groups = tuple(
        each if each.disparate_impact is None else replace(each, disparate_impact=none)
        for each in attribute.groups
    )
    return replace(audit, attributes=(replace(attribute, groups=groups),))


@later
def unbounded(audit):
    """The same audit where nothing bounds the ratio of the protected group from above."""
    (attribute,) = audit.attributes
    groups = tuple(
        each
        if each.disparate_impact is None
        else replace(each, disparate_impact=replace(each.disparate_impact, high=None))
        for each in attribute.groups
    )
    return replace(audit, attributes=(replace(attribute, groups=groups),))


@later
def banded(audit, band):
    """The same audit, judged by differences of selection rates within a band."""
    (attribute,) = audit.attributes
    (measure,) = attribute.measures
    measures = (replace(measure, difference_band=band),)
    return replace(audit, attributes=(replace(attribute, measures=measures),))


def misspelt(rows):
    return replace(MISSPELT, message=MISSPELT.message.replace("12", str(rows)), amount=rows)


@later
def budget(spent, epsilon):
    """An audit of the published plan, which spends `spent` of a budget of `epsilon`."""
    studied = studied_privacy()
    correction = replace(
        studied.published.correction,
        spent_epsilon=spent,
        verdict="within budget" if spent <= epsilon else "over budget",
    )
    published = replace(studied.published, correction=correction)
    leg = replace(studied, published=published, plan=replace(studied.plan, epsilon=epsilon))
    return replace(record()(), privacy=leg)


def profiled(profile, *, verdict="backdoored"):
    audit = scanned(4 if verdict == "backdoored" else None)
    scan = replace(audit.scan, profile=profile, verdict=verdict)
    return replace(audit, scan=scan, strip=audit.strip if verdict == "backdoored" else None, repair=None)


def waiver(rule, *, days=1, subject=None):
    about = "" if subject is None else f"subject = {json.dumps(subject)}\n"
    reason, expires = "until the next training", TODAY + timedelta(days)
    return f'[[policy.waivers]]\nrule = "{rule}"\n{about}reason = "{reason}"\nexpires = {expires}\n'


def requires(*texts):
    return f"[policy]\nrequire = {json.dumps(texts)}\n"


FAIR, UNFAIR, WORSE, NOISY = people(0.49), people(0.35), people(0.2), people(0.34)
IMPACT, NETWORK = "fairness.disparate-impact", "security.verdict"
VIOLATES, KEEPS = example_mechanism(violates=True), example_mechanism()
LEAKING = people(0.49, cautions=(LEAK,))
SEVERITY = "[policy.severity]\n"
REQUIREMENT, STRICT = "policy.requirement", "fairness.disparate_impact >= 0.99"
PROMOTED = SEVERITY + '"fairness.caution" = "breach"'
MISSPELT = Caution("spelling", "Counted as not 'yes' are 12 rows, nearly 'yes'.", 12)
#: What is audited, the policy, the baseline, the ids of the breaches, and the states that are named.
TABLE = {
    # defaults
    "nothing": (record(FAIR), "", None, set(), {}),
    "default": (record(UNFAIR), "", None, {f"{IMPACT}.1"}, {}),
    "two defaults": (
        record(UNFAIR, mechanisms=(VIOLATES,)),
        "",
        None,
        {f"{IMPACT}.1", "privacy.mechanism.1"},
        {},
    ),
    "unsettled": (record(people(0.4)), "", None, set(), {}),
    "a leaking column": (record(LEAKING), "", None, set(), {}),
    # requirements
    "met": (record(FAIR), requires("fairness.disparate_impact >= 0.8"), None, set(), {}),
    "breached": (record(FAIR), requires("fairness.disparate_impact >= 0.99"), None, {"policy.1"}, {}),
    "in the place of the default": (
        record(UNFAIR),
        requires("fairness.disparate_impact >= 0.5"),
        None,
        set(),
        {},
    ),
    "bounded on the other side": (
        record(UNFAIR),
        requires("fairness.disparate_impact <= 1.25"),
        None,
        {f"{IMPACT}.1"},
        {},
    ),
    "bounded from below by an end": (
        record(UNFAIR),
        requires("fairness.disparate_impact.low >= 0.5"),
        None,
        set(),
        {},
    ),
    "another word than one that is as bad": (
        record(UNFAIR),
        requires("fairness.verdict != 'unsettled'"),
        None,
        {f"{IMPACT}.1"},
        {},
    ),
    "an epsilon that only has to be large": (
        record(mechanisms=(VIOLATES,)),
        requires("privacy.mechanism_epsilon >= 0"),
        None,
        {"privacy.mechanism.1"},
        {},
    ),
    "beside the default": (record(UNFAIR), requires("fairness.accuracy >= 0"), None, {f"{IMPACT}.1"}, {}),
    "unmeasurable": (record(FAIR), requires("privacy.verdict == 'consistent'"), None, {"policy.1"}, {}),
    "unknown value": (
        record(unmeasured(FAIR)),
        requires("fairness.disparate_impact >= 0"),
        None,
        {"policy.1"},
        {},
    ),
    # waivers
    "waived": (record(UNFAIR), waiver(IMPACT), None, set(), {}),
    "waived on its last day": (record(UNFAIR), waiver(IMPACT, days=0), None, set(), {}),
    "expired": (record(UNFAIR), waiver(IMPACT, days=-1), None, {f"{IMPACT}.1"}, {}),
    "another subject": (record(UNFAIR), waiver(IMPACT, subject="age"), None, {f"{IMPACT}.1"}, {}),
    "its subject": (record(UNFAIR), waiver(IMPACT, subject="sex"), None, set(), {}),
    "not needed": (record(FAIR), waiver(IMPACT), None, set(), {}),
    "a default's waiver is not of a requirement": (
        record(UNFAIR),
        requires("fairness.disparate_impact >= 0.8") + waiver(IMPACT),
        None,
        {"policy.1"},
        {},
    ),
    "a requirement waived": (
        record(FAIR),
        requires(STRICT) + waiver(REQUIREMENT, subject=STRICT),
        None,
        set(),
        {},
    ),
    "all requirements waived": (record(FAIR), requires(STRICT) + waiver(REQUIREMENT), None, set(), {}),
    "another requirement waived": (
        record(FAIR),
        requires(STRICT) + waiver(REQUIREMENT, subject="fairness.disparate_impact >= 0.98"),
        None,
        {"policy.1"},
        {},
    ),
    "a requirement's waiver expired": (
        record(FAIR),
        requires(STRICT) + waiver(REQUIREMENT, subject=STRICT, days=-1),
        None,
        {"policy.1"},
        {},
    ),
    "a requirement that is waived stands in no default's place": (
        record(UNFAIR),
        requires(STRICT) + waiver(REQUIREMENT),
        None,
        {f"{IMPACT}.1"},
        {},
    ),
    # severities
    "a requirement as a warning": (
        record(FAIR),
        requires(STRICT) + SEVERITY + f'"{STRICT}" = "warning"',
        None,
        set(),
        {},
    ),
    "all requirements as warnings": (
        record(FAIR),
        requires(STRICT) + SEVERITY + f'"{REQUIREMENT}" = "warning"',
        None,
        set(),
        {},
    ),
    "all requirements as warnings but one": (
        record(FAIR),
        requires(STRICT, "fairness.disparate_impact >= 0.995")
        + SEVERITY
        + f'"{REQUIREMENT}" = "warning"\n"{STRICT}" = "breach"',
        None,
        {"policy.1"},
        {},
    ),
    "a requirement that only warns stands in no default's place": (
        record(UNFAIR),
        requires("fairness.disparate_impact >= 0.1") + SEVERITY + f'"{REQUIREMENT}" = "warning"',
        None,
        {f"{IMPACT}.1"},
        {},
    ),
    "promoted": (
        record(LEAKING),
        SEVERITY + '"fairness.caution" = "breach"',
        None,
        {"fairness.caution.1"},
        {},
    ),
    "promoted without quotation marks": (
        record(LEAKING),
        SEVERITY + 'fairness.caution = "breach"',
        None,
        {"fairness.caution.1"},
        {},
    ),
    "a pass is not promoted": (record(FAIR), SEVERITY + f'"{IMPACT}" = "breach"', None, set(), {}),
    "unsettled is promoted": (
        record(people(0.4)),
        SEVERITY + f'"{IMPACT}" = "breach"',
        None,
        {f"{IMPACT}.1"},
        {},
    ),
    "demoted": (record(UNFAIR), SEVERITY + f'"{IMPACT}" = "warning"', None, set(), {}),
    "demoted beside a requirement": (
        record(UNFAIR),
        requires("fairness.disparate_impact >= 0.8") + SEVERITY + f'"{IMPACT}" = "warning"',
        None,
        {"policy.1"},
        {},
    ),
    "promoted and waived": (
        record(LEAKING),
        SEVERITY + '"fairness.caution" = "breach"\n' + waiver("fairness.caution"),
        None,
        set(),
        {},
    ),
    "promoted, its waiver expired": (
        record(LEAKING),
        SEVERITY + '"fairness.caution" = "breach"\n' + waiver("fairness.caution", days=-1),
        None,
        {"fairness.caution.1"},
        {},
    ),
    # a baseline
    "the same": (record(UNFAIR), "", record(UNFAIR), set(), {f"{IMPACT}.1": "known"}),
    "better": (record(UNFAIR), "", record(WORSE), set(), {f"{IMPACT}.1": "known"}),
    "noise": (record(NOISY), "", record(UNFAIR), set(), {f"{IMPACT}.1": "known"}),
    "worse": (record(WORSE), "", record(UNFAIR), {f"{IMPACT}.1"}, {f"{IMPACT}.1": "worse"}),
    "worse within tolerance": (
        record(WORSE),
        '[policy]\ntolerance = ["fairness.disparate_impact=0.5"]\n',
        record(UNFAIR),
        set(),
        {f"{IMPACT}.1": "known"},
    ),
    "worse beyond tolerance": (
        record(WORSE),
        '[policy]\ntolerance = ["fairness.disparate_impact=0.1"]\n',
        record(UNFAIR),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "worse"},
    ),
    "new": (record(UNFAIR), "", record(FAIR), {f"{IMPACT}.1"}, {f"{IMPACT}.1": "new"}),
    "fixed": (record(FAIR), "", record(UNFAIR), set(), {"policy.baseline.1": "fixed"}),
    "unknown in the baseline": (
        record(UNFAIR),
        "",
        record(unmeasured(UNFAIR)),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "new"},
    ),
    "unknown in both": (
        record(unmeasured(FAIR)),
        requires("fairness.disparate_impact >= 0"),
        record(unmeasured(FAIR)),
        {"policy.1"},
        {"policy.1": "new"},
    ),
    "another group": (
        record(people(0.35, groups=("f", "m", "x"))),
        "",
        record(UNFAIR),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "new"},
    ),
    "a group is gone": (
        record(people(0.49, groups=("f", "m"))),
        "",
        record(people(0.35, groups=("m", "x"))),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "another attribute": (
        record(people(0.35, name="age")),
        "",
        record(UNFAIR),
        {f"{IMPACT}.1", "policy.baseline.1"},
        {f"{IMPACT}.1": "new", "policy.baseline.1": "gone"},
    ),
    "another label": (
        record(people(0.35, label="kept")),
        "",
        record(UNFAIR),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "new"},
    ),
    "another reference group": (
        record(people(0.8, privileged="f")),
        "",
        record(people(0.35)),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "new"},
    ),
    "a leg that the baseline lacks": (
        record(UNFAIR, mechanisms=(VIOLATES,)),
        "",
        record(UNFAIR),
        {"privacy.mechanism.1"},
        {f"{IMPACT}.1": "known", "privacy.mechanism.1": "new"},
    ),
    "a leg that is gone": (
        record(UNFAIR),
        "",
        record(UNFAIR, mechanisms=(VIOLATES,)),
        {"policy.baseline.1"},
        {f"{IMPACT}.1": "known", "policy.baseline.1": "gone"},
    ),
    "another order": (
        record(mechanisms=(replace(KEEPS, name="other"), VIOLATES)),
        "",
        record(mechanisms=(VIOLATES, replace(KEEPS, name="other"))),
        set(),
        {"privacy.mechanism.2": "known"},
    ),
    "another claim": (
        record(mechanisms=(replace(VIOLATES, epsilon=2.0),)),
        "",
        record(mechanisms=(VIOLATES,)),
        {"privacy.mechanism.1"},
        {"privacy.mechanism.1": "new"},
    ),
    "worse without an interval": (
        record(mechanisms=(replace(VIOLATES, epsilon_lower=VIOLATES.epsilon_lower + 0.1),)),
        "",
        record(mechanisms=(VIOLATES,)),
        {"privacy.mechanism.1"},
        {"privacy.mechanism.1": "worse"},
    ),
    "within tolerance without an interval": (
        record(mechanisms=(replace(VIOLATES, epsilon_lower=VIOLATES.epsilon_lower + 0.1),)),
        '[policy]\ntolerance = ["5%"]\n',
        record(mechanisms=(VIOLATES,)),
        set(),
        {"privacy.mechanism.1": "known"},
    ),
    "the same code": (
        record(code=(example_code(violates=True),)),
        "",
        record(code=(example_code(violates=True),)),
        set(),
        {"privacy.code.1": "known"},
    ),
    "the same label": (record(network=scanned()), "", record(network=scanned()), set(), {NETWORK: "known"}),
    "another label of the network": (
        record(network=scanned()),
        "",
        record(network=scanned(7)),
        {NETWORK},
        {NETWORK: "new"},
    ),
    "a requirement known": (
        record(NOISY),
        requires("fairness.disparate_impact >= 0.8"),
        record(UNFAIR),
        set(),
        {"policy.1": "known"},
    ),
    "a requirement worse": (
        record(WORSE),
        requires("fairness.disparate_impact.high >= 0.8"),
        record(UNFAIR),
        {"policy.1"},
        {"policy.1": "worse"},
    ),
    "a requirement on an end that is unknown": (
        record(unbounded(UNFAIR)),
        requires("fairness.disparate_impact.high <= 0.5"),
        record(UNFAIR),
        {"policy.1"},
        {"policy.1": "new"},
    ),
    "a requirement new": (
        record(UNFAIR),
        requires("fairness.disparate_impact >= 0.8"),
        record(FAIR),
        {"policy.1"},
        {"policy.1": "new"},
    ),
    "a promoted caution known": (
        record(LEAKING),
        PROMOTED,
        record(LEAKING),
        set(),
        {"fairness.caution.1": "known"},
    ),
    "a promoted caution with another number": (
        record(people(0.49, cautions=(replace(LEAK, message=LEAK.message.replace("0.99", "0.98")),))),
        PROMOTED,
        record(LEAKING),
        {"fairness.caution.1"},
        {"fairness.caution.1": "worse"},
    ),
    "a promoted caution of more": (
        record(people(0.49, cautions=(misspelt(40),))),
        PROMOTED,
        record(people(0.49, cautions=(MISSPELT,))),
        {"fairness.caution.1"},
        {"fairness.caution.1": "worse"},
    ),
    "a promoted caution of less": (
        record(people(0.49, cautions=(MISSPELT,))),
        PROMOTED,
        record(people(0.49, cautions=(misspelt(40),))),
        set(),
        {"fairness.caution.1": "known"},
    ),
    "a promoted caution of more within tolerance": (
        record(people(0.49, cautions=(misspelt(13),))),
        PROMOTED + '\n[policy]\ntolerance = ["fairness.audit.cautions.*.amount=10%"]\n',
        record(people(0.49, cautions=(MISSPELT,))),
        set(),
        {"fairness.caution.1": "known"},
    ),
    "a promoted caution about another column": (
        record(people(0.49, cautions=(replace(LEAK, message=LEAK.message.replace("score", "rank")),))),
        SEVERITY + '"fairness.caution" = "breach"',
        record(LEAKING),
        {"fairness.caution.1"},
        {"fairness.caution.1": "new"},
    ),
    "an expired waiver is not prolonged": (
        record(UNFAIR),
        waiver(IMPACT, days=-1),
        record(UNFAIR),
        {f"{IMPACT}.1"},
        {f"{IMPACT}.1": "known"},
    ),
    "a waiver beside a baseline": (record(UNFAIR), waiver(IMPACT), record(FAIR), set(), {}),
    # what only seems to be fixed
    "waived and not fixed": (record(UNFAIR), waiver(IMPACT), record(UNFAIR), set(), {}),
    "unsettled by fewer rows and not fixed": (record(people(0.35, rows=60)), "", record(UNFAIR), set(), {}),
    "a pass by another label": (
        record(people(0.49, label="kept")),
        "",
        record(UNFAIR),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by weights": (
        record(changed(FAIR, weight="w")),
        "",
        record(UNFAIR),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by a wider band": (
        record(banded(FAIR, 0.2)),
        "",
        record(banded(UNFAIR, 0.1)),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by another claim": (
        record(mechanisms=(replace(KEEPS, epsilon=9.0),)),
        "",
        record(mechanisms=(VIOLATES,)),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by a larger budget": (
        budget(1.0, 100.0),
        "",
        budget(1.0, 0.5),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by less spent of the same budget": (
        budget(0.5, 0.7),
        "",
        budget(1.0, 0.7),
        set(),
        {"policy.baseline.1": "fixed"},
    ),
    "a pass by fewer trials": (
        record(mechanisms=(replace(KEEPS, trials=VIOLATES.trials // 10),)),
        "",
        record(mechanisms=(VIOLATES,)),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by more trials": (
        record(mechanisms=(replace(KEEPS, trials=VIOLATES.trials * 10),)),
        "",
        record(mechanisms=(VIOLATES,)),
        set(),
        {"policy.baseline.1": "fixed"},
    ),
    "a pass by a level that makes intervals narrower": (
        record(changed(FAIR, level=0.5)),
        "",
        record(UNFAIR),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by rows left out": (
        record(changed(FAIR, left_out=40)),
        "",
        record(changed(UNFAIR, left_out=10)),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by rows left out, of which the number is withheld": (
        record(changed(FAIR, left_out=None)),
        "",
        record(UNFAIR),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass with fewer rows left out": (
        record(changed(FAIR, left_out=10)),
        "",
        record(changed(UNFAIR, left_out=40)),
        set(),
        {"policy.baseline.1": "fixed"},
    ),
    "a breach that stays one with more rows left out": (
        record(changed(UNFAIR, left_out=40)),
        "",
        record(changed(UNFAIR, left_out=10)),
        set(),
        {f"{IMPACT}.1": "known"},
    ),
    "a breach that stays one in a quicker scan": (
        record(network=profiled("quick")),
        "",
        record(network=profiled("standard")),
        set(),
        {NETWORK: "known"},
    ),
    "a pass by a quicker scan": (
        record(network=profiled("quick", verdict="no evidence")),
        "",
        record(network=profiled("standard")),
        {"policy.baseline.1"},
        {"policy.baseline.1": "gone"},
    ),
    "a pass by the setting that is required": (
        record(mechanisms=(KEEPS,)),
        requires("privacy.mechanisms.*.epsilon <= 1"),
        record(mechanisms=(replace(KEEPS, epsilon=2.0),)),
        set(),
        {"policy.baseline.1": "fixed"},
    ),
    "a setting that is required and nearer": (
        record(mechanisms=(replace(KEEPS, epsilon=2.0),)),
        requires("privacy.mechanisms.*.epsilon <= 1"),
        record(mechanisms=(replace(KEEPS, epsilon=3.0),)),
        set(),
        {"policy.1": "known"},
    ),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Judge a case by the command, once: its exit code, what it prints, and the files that it writes."""
    found = {}

    def judge(name, capsys):
        if name not in found:
            audited, policy, accepted = map(now, TABLE[name][:3])
            folder = tmp_path_factory.mktemp("case")
            save_record(audited, {}, folder)
            config = folder / "audit.toml"
            config.write_text(policy)
            asked = ["gate", str(folder), "--config", str(config)]
            if accepted is not None:
                (folder / "accepted").mkdir()
                save_record(accepted, {}, folder / "accepted")
                asked += ["--baseline", str(folder / "accepted")]
            code = exit_code(*asked, "--out", str(folder / "out"))
            printed = capsys.readouterr()
            written = read_findings((folder / "out" / "findings.json").read_text())
            # What `--format sarif --only-problems` prints, which is tested where the gate is.
            github = findings_sarif([each for each in written.findings if each.level in PROBLEMS])
            found[name] = code, printed.out, printed.err, github, folder / "out"
        return found[name]

    return judge


def test_what_the_baseline_breaches_and_is_undecided_here_is_counted_and_named(judged, capsys):
    *_, out = judged("unsettled by fewer rows and not fixed", capsys)
    first, undecided, *_ = read_findings((out / "findings.json").read_text()).findings
    assert first.value == "0 new, 0 worse, 0 known, 0 fixed, 0 gone, 1 waived or undecided"
    assert undecided.level == "warning"
    assert undecided.decision == "It is a breach in the baseline, and no pass here."


def exit_code(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_truth_in_every_format(judged, name, capsys):
    *_, breaches, states = TABLE[name]
    code, text, err, github, out = judged(name, capsys)
    assert code == (1 if breaches else 0), err
    document = read_findings((out / "findings.json").read_text())
    found = document.findings
    assert {each.id for each in found if each.level == "breach"} == breaches
    assert {each.id: each.baseline for each in found if each.baseline} == states
    # All formats: JSON, the terminal, JUnit, SARIF, Markdown, what GitHub and GitLab get, card and page.
    assert document.counts["breach"] == len(breaches)
    card = re.search(r"^  (\d+) breach", text, re.MULTILINE)
    assert (0 if card is None else int(card[1])) == len(breaches)
    assert text.count("What to do: ") == len(breaches)
    junit = ET.fromstring((out / "findings.junit.xml").read_text())
    failed = {
        case.get("name").partition(": ")[0]
        for case in junit.iter("testcase")
        if case.find("failure") is not None
    }
    assert failed == breaches
    assert junit.get("failures") == str(len(breaches))
    for log in ((out / "findings.sarif").read_text(), github):
        results = json.loads(log)["runs"][0]["results"]
        errors = {each["properties"]["id"] for each in results if each["level"] == "error"}
        assert errors == breaches
        assert not any("suppressions" in each for each in results if each["level"] == "error")
    markdown = (out / "findings.md").read_text()
    assert len(re.findall(r"^\| ❌ breach \|", markdown, re.MULTILINE)) == len(breaches)
    annotations = findings_github(found)
    assert len(re.findall(r"^::error ", annotations, re.MULTILINE)) == len(breaches)
    gitlab = json.loads(findings_gitlab(found))
    assert sum(each["severity"] == "critical" for each in gitlab) == len(breaches)
    summary = summary_of(as_json(load_record(out.parent)), found)
    passing = {"PASSED", "UNDECIDED", "NOT JUDGED", "DEMONSTRATION"}
    assert summary.word in ({"FAILED", "UNDECIDED"} if breaches else passing)
    page = findings_section(summary, lambda _: [])
    assert page.count('<span class="word">Breach</span>') == len(breaches)
    assert all(page.count(escape_html(each.decision)) == 1 for each in found if each.decision)


@pytest.mark.parametrize("name", TABLE)
def test_no_default_breach_is_let_pass_without_a_trace(judged, name, capsys):
    _, text, _, github, out = judged(name, capsys)
    found = read_findings((out / "findings.json").read_text()).findings
    lowered = [each for each in found if each.default == "breach" != each.level]
    markdown, junit = (out / "findings.md").read_text(), (out / "findings.junit.xml").read_text()
    alerts = {each["properties"]["id"] for each in json.loads(github)["runs"][0]["results"]}
    for each in lowered:
        assert each.level == "warning"
        trace = each.waiver or each.decision
        assert trace
        assert trace[:40].lower() in text.replace("\n", " ").lower()
        assert trace[:20] in markdown
        assert ("Waiver: " if each.waiver else "Policy: ") in junit
        assert each.id in alerts


def test_the_table_has_every_state_and_both_verdicts():
    states = {state for *_, named in TABLE.values() for state in named.values()}
    assert states == {"known", "new", "worse", "fixed", "gone"}
    assert {bool(breaches) for *_, breaches, _ in TABLE.values()} == {True, False}


def test_what_a_waiver_let_pass_in_the_baseline_is_not_known_from_there(tmp_path, capsys):
    save_record(record(UNFAIR)(), {}, tmp_path)
    (tmp_path / "waived.toml").write_text(waiver(IMPACT))
    accepted = tmp_path / "accepted"
    accepted.mkdir()
    save_record(record(UNFAIR)(), {}, accepted)
    assert exit_code("gate", str(tmp_path), "--baseline", str(accepted)) == 0
    assert (
        exit_code("gate", str(accepted), "--config", str(tmp_path / "waived.toml"), "--out", str(accepted))
        == 0
    )
    capsys.readouterr()
    assert exit_code("gate", str(tmp_path), "--baseline", str(accepted)) == 1
    assert "a waiver let it pass in the baseline" in capsys.readouterr().out.replace("\n", " ")


#: What is wrong with the audit or its baseline, and the exit code: never 0 and never that of a breach.
BROKEN = {
    "no record": (lambda folder: (folder / "metrics.json").unlink(), 3),
    "truncated": (lambda folder: cut(folder / "metrics.json"), 3),
    "not JSON": (lambda folder: (folder / "metrics.json").write_text("PASSED"), 3),
    "another version": (lambda folder: (folder / "metrics.json").write_text('{"schema_version": 1}'), 3),
    "unfinished": (lambda folder: (folder / ".parts").mkdir(), 3),
    "a link in a circle": (lambda folder: circle(folder / "metrics.json"), 3),
}


@pytest.mark.parametrize("content", ["", "{", '{"findings": []}', "[" * 100_000])
def test_a_baseline_with_damaged_findings_is_refused_since_its_waivers_are_not_known(
    tmp_path, capsys, content
):
    for name in ("audit", "baseline"):
        (tmp_path / name).mkdir()
        save_record(record(UNFAIR)(), {}, tmp_path / name)
    asked = ["gate", str(tmp_path / "audit"), "--baseline", str(tmp_path / "baseline")]
    assert exit_code(*asked) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "It has no findings.json, so what a waiver let pass in it counts as accepted." in said
    (tmp_path / "baseline" / "findings.json").write_text(content)
    assert exit_code(*asked) == 3
    assert "so what the policy decided is not known" in capsys.readouterr().err


def cut(path: Path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def circle(path: Path):
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("which", ["audit", "baseline"])
@pytest.mark.parametrize("wrong", BROKEN)
def test_what_is_broken_is_no_verdict(tmp_path, capsys, which, wrong):
    spoil, code = BROKEN[wrong]
    for name in ("audit", "baseline"):
        (tmp_path / name).mkdir()
        save_record(record(FAIR)(), {}, tmp_path / name)
    spoil(tmp_path / which)
    out = tmp_path / "out"
    asked = ["gate", str(tmp_path / "audit"), "--baseline", str(tmp_path / "baseline"), "--out", str(out)]
    assert exit_code(*asked) == code
    assert not out.exists() or not list(out.iterdir())
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("trivet: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "audit"], "is the baseline itself"),
        (["--baseline", "other"], "has privacy, and the audit fairness"),
        (["--tolerance", "0.1"], "name the folder of an accepted audit"),
        (["--baseline", "same", "--tolerance", "nothing=0.1"], "no record has 'nothing'"),
        (["--baseline", "same", "--tolerance", "-1"], "cannot read '-1'"),
        (["--baseline", "same", "--tolerance", "nan"], "cannot read 'nan'"),
        (["--severity", "fairness.cautoin=breach"], "nearest: fairness.caution"),
        (["--severity", "fairness.caution=off"], "expected RULE=LEVEL with one of note, warning, breach"),
        (["--severity", "policy.requirement=note"], "stays a warning at least"),
        (["--severity", "fairness.verdict == 'in band'=warning"], "no such rule or requirement"),
        (["--severity", "policy.baseline=note"], "take this audit as the baseline"),
        (["--severity", "privacy.plan=breach"], "it cannot be breached"),
        (["--severity", "correction.evaluation=breach"], "it cannot be breached"),
        (["--severity", "security.verdict=note"], "stays a warning at least"),
    ],
)
def test_what_cannot_be_asked_ends_with_two(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    for name, made in {
        "audit": record(FAIR),
        "same": record(FAIR),
        "other": record(mechanisms=(KEEPS,)),
    }.items():
        Path(name).mkdir()
        save_record(made(), {}, name)
    assert exit_code("gate", "audit", *options) == 2
    assert message in capsys.readouterr().err


def test_a_fault_in_the_gate_is_no_breach(tmp_path, capsys, monkeypatch):
    save_record(record(UNFAIR)(), {}, tmp_path)
    monkeypatch.setattr("trivet.findings.gating.built_in", lambda _: 1 / 0)
    assert exit_code("gate", str(tmp_path), "--out", str(tmp_path / "out")) == 3
    assert "This is a fault in trivet" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


@pytest.fixture
def passed(tmp_path, capsys):
    """A folder with an audit that passed, its findings and a configuration that writes there."""
    save_record(record(FAIR)(), {}, tmp_path)
    (tmp_path / "audit.toml").write_text('[audit]\nlegs = ["privacy"]\nout = "."\n')
    assert exit_code("gate", str(tmp_path), "--out", str(tmp_path)) == 0
    assert list(tmp_path.glob("findings.*"))
    capsys.readouterr()
    return tmp_path


def fail(error):
    def failing(*_, **__):
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ZeroDivisionError("a fault"), 3),
        (DataError("a table that cannot be read"), 3),
        (MemoryError(), 3),
        (SystemExit(0), 3),
        (SystemExit(1), 3),
        (KeyboardInterrupt(), 130),
    ],
)
@pytest.mark.parametrize("where", ["run_audit", "draw"])
def test_a_run_that_fails_leaves_no_verdict_of_an_earlier_one(
    passed, capsys, monkeypatch, where, error, code
):
    if where == "draw":
        done = Audit(record(UNFAIR)(), {}, {}, {"fairness": 1.0})
        monkeypatch.setattr("trivet.cli.run.run_audit", lambda *_, **__: done)
    monkeypatch.setattr(f"trivet.cli.run.{where}", fail(error))
    assert exit_code("run", str(passed / "audit.toml")) == code
    assert not list(passed.glob("findings.*"))
    assert not list(passed.glob("report.*"))
    assert (passed / "metrics.json").exists()
    capsys.readouterr()
    for asked in (["gate", passed], ["compare", passed, passed], ["evidence", passed]):
        assert exit_code(*map(str, asked)) == 3
        assert "did not end" in capsys.readouterr().err


def test_what_a_run_cannot_ask_for_leaves_everything_as_it_was(passed, capsys):
    before = sorted(path.name for path in passed.iterdir())
    for options in (["--baseline", str(passed)], ["--baseline", str(passed / "nowhere")]):
        assert exit_code("run", str(passed / "audit.toml"), *options) in {2, 3}
    assert sorted(path.name for path in passed.iterdir()) == before
    assert exit_code("gate", str(passed)) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("", "A breach in it by its own policy, and none by that of today: sex: disparate."),
        (SEVERITY + '"fairness.caution" = "breach"', "Caution: leakage."),
        (requires(STRICT), f"It was held to what is not required today: {STRICT}."),
    ],
)
def test_a_policy_that_was_loosened_since_the_baseline_is_named_and_nothing_by_it_is_fixed(
    tmp_path, capsys, then, said
):
    """By today's policy neither audit has a breach, so the accepted one's own findings say what it had."""
    unfair = people(0.35, cautions=(LEAK,))
    for name in ("audit", "accepted"):
        (tmp_path / name).mkdir()
        save_record(record(unfair)(), {}, tmp_path / name)
    today = tmp_path / "today.toml"
    today.write_text(SEVERITY + f'"{IMPACT}" = "warning"')
    (tmp_path / "then.toml").write_text(then)
    accepted = str(tmp_path / "accepted")
    assert exit_code("gate", accepted, "--config", str(tmp_path / "then.toml"), "--out", accepted) == 1
    capsys.readouterr()
    asked = ["gate", str(tmp_path / "audit"), "--config", str(today), "--baseline", accepted]
    assert exit_code(*asked, "--out", str(tmp_path / "out")) == 0
    first, *others = read_findings((tmp_path / "out" / "findings.json").read_text()).findings
    assert first.level == "warning"
    assert said in first.message
    assert not any(each.baseline == "fixed" for each in others)
