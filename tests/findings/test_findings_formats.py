"""Every format is what its schema says, whatever strangers call their files, columns and groups."""

import dataclasses
import json
import re
from datetime import date
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hostile_findings import (
    LEVELS,
    TEXTS,
    hostile_card,
    hostile_finding,
    hostile_findings,
    hostile_origin,
)
from junit_schema import complaints
from markdown_it import MarkdownIt

from trivet.config import Waiver
from trivet.errors import UsageError
from trivet.findings import (
    CATALOGUE,
    FINDINGS_FILES,
    FORMATS,
    GATES,
    Origin,
    findings_github,
    findings_gitlab,
    findings_json,
    findings_junit,
    findings_markdown,
    findings_of,
    findings_sarif,
    findings_schema,
    write_findings,
)
from trivet.findings.formats import read_findings
from trivet.findings.markdown import plain
from trivet.findings.summary import Made, summary_of
from trivet.findings.taxonomies import FRAMEWORKS, REQUIREMENTS, bears_on
from trivet.policy import parse_requirements

SARIF = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
ASKED = ("fairness.verdict == 'in band'", "security.asr_after <= 0.05")
POLICY = f"""[audit]
title = "mine"
[policy]
# {ASKED[0]}
require = [
  "{ASKED[0]}",
]
"""
CONFIGURED = Origin(title="An audit", config="ci/audit.toml", config_text=POLICY)

WAIVED = [Waiver(rule=rule, reason="not of this test", expires=date.max) for rule in GATES]


@pytest.fixture(scope="module")
def sarif_validator():
    jsonschema.Draft4Validator.check_schema(SARIF)
    return jsonschema.Draft4Validator(SARIF, format_checker=jsonschema.FormatChecker())


@pytest.fixture(scope="module")
def judged(own):
    return findings_of(own, parse_requirements(ASKED), WAIVED)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("format_of", FORMATS.values(), ids=FORMATS)
def test_any_text_of_a_stranger_can_be_written_and_read(text, format_of):
    written = format_of([hostile_finding(text, level) for level in LEVELS], hostile_origin(text))
    assert written.encode().decode() == written
    assert all(c.isprintable() or c == "\n" for c in written)
    assert len(written) < 200_000


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_findings_write_the_same_bytes(name, judged, own):
    again = findings_of(own, parse_requirements(ASKED), WAIVED)
    assert FORMATS[name](judged, CONFIGURED) == FORMATS[name](again, CONFIGURED)


def test_json_comes_back_equal_and_follows_its_schema(judged):
    schema = findings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for findings in (judged, hostile_findings(), ()):
        text = findings_json(findings, CONFIGURED)
        document = read_findings(text)
        assert document.findings == tuple(findings)
        assert findings_json(document.findings, CONFIGURED) == text
        jsonschema.validate(json.loads(text), schema)
    assert json.loads(findings_json(judged))["counts"]["breach"] == 1


@pytest.mark.parametrize("origin", [None, CONFIGURED, *map(hostile_origin, TEXTS)])
def test_sarif_follows_its_schema(origin, judged, sarif_validator):
    for findings in (judged, hostile_findings(), ()):
        sarif_validator.validate(json.loads(findings_sarif(findings, origin)))


def test_the_schema_of_sarif_refuses_what_is_wrong(judged, sarif_validator):
    for harm in (
        lambda result: result.update(kind="failed"),
        lambda result: result.update(level="breach"),
        lambda result: result.pop("message"),
        lambda result: result["locations"][0]["physicalLocation"]["region"].update(startLine=0),
    ):
        log = json.loads(findings_sarif(judged))
        harm(log["runs"][0]["results"][0])
        with pytest.raises(jsonschema.ValidationError):
            sarif_validator.validate(log)


def test_sarif_says_what_failed_and_where(judged):
    (run,) = json.loads(findings_sarif(judged, CONFIGURED))["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(rules) == {finding.rule for finding in judged}
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules.values())
    for finding, result in zip(judged, run["results"], strict=True):
        assert (result["kind"] == "fail") == (finding.level in {"breach", "warning"})
        assert (result["level"] == "error") == (finding.level == "breach")
        assert result["kind"] == "fail" or result["level"] == "none"
        assert finding.message in result["message"]["text"]
        assert result["properties"]["place"] == finding.place
    first = run["results"][0]["locations"][0]["physicalLocation"]
    assert first["artifactLocation"]["uri"] == "ci/audit.toml"
    assert POLICY.splitlines()[first["region"]["startLine"] - 1].strip().startswith('"fairness.verdict')
    related = run["results"][0]["relatedLocations"][0]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "metrics.json"
    assert related["logicalLocations"] == [{"fullyQualifiedName": "fairness.audit.verdict"}]


def test_fingerprints_tell_findings_apart_and_follow_a_requirement_that_moves(own):
    def fingerprints(order):
        results = json.loads(findings_sarif(findings_of(own, parse_requirements(order))))["runs"][0][
            "results"
        ]
        return [result["partialFingerprints"]["trivetFinding/v1"] for result in results]

    one, other = fingerprints(ASKED), fingerprints(ASKED[::-1])
    assert len(set(one)) == len(one)
    assert one[:2] == other[:2][::-1]
    assert one[2:] == other[2:]


def test_a_fingerprint_does_not_change_with_what_is_found_before_it():
    def marks(*findings):
        return [
            result["partialFingerprints"]["trivetFinding/v1"]
            for result in json.loads(findings_sarif(findings))["runs"][0]["results"]
        ]

    first, second = (
        dataclasses.replace(
            hostile_finding("plain", "breach"),
            id=f"privacy.mechanism.{number}",
            rule="privacy.mechanism",
            subject=name,
            place=f"privacy.mechanisms.{number}.verdict",
        )
        for number, name in enumerate(("laplace", "gauss"))
    )
    moved = dataclasses.replace(second, id="privacy.mechanism.0", place="privacy.mechanisms.0.verdict")
    assert marks(first, second)[1] == marks(moved)[0]
    assert len(set(marks(first, first, second))) == 3
    assert json.loads(findings_gitlab((moved,)))[0]["fingerprint"] == marks(moved)[0]


@pytest.fixture(scope="module")
def one_of_each():
    """A breach of every rule."""
    return tuple(
        dataclasses.replace(hostile_finding("plain", "breach"), id=rule, rule=rule, place="audit.seed")
        for rule in CATALOGUE
    )


def test_each_rule_refers_to_taxa_that_the_log_holds(one_of_each, judged, sarif_validator):
    for findings in (one_of_each, judged):
        log = json.loads(findings_sarif(findings))
        sarif_validator.validate(log)
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        used = set()
        for descriptor in (*rules, *run["results"]):
            for each in (*descriptor.get("relationships", ()), *descriptor.get("taxa", ())):
                target = each.get("target", each)
                component = run["taxonomies"][target["toolComponent"]["index"]]
                assert (component["name"], component["guid"]) == (
                    target["toolComponent"]["name"],
                    target["toolComponent"]["guid"],
                )
                assert component["taxa"][target["index"]]["id"] == target["id"]
                used.add((component["name"], target["id"]))
        held = {(each["name"], taxon["id"]) for each in run["taxonomies"] for taxon in each["taxa"]}
        assert used == held
        assert [each["guid"] for each in run["tool"]["driver"]["supportedTaxonomies"]] == [
            each["guid"] for each in run["taxonomies"]
        ]
        assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])


def test_taxa_are_those_of_the_table_with_the_version_of_their_framework(one_of_each):
    (run,) = json.loads(findings_sarif(one_of_each))["runs"]
    known = {(item.framework, item.id): item.title for item in REQUIREMENTS.values()}
    for component, (key, framework) in zip(run["taxonomies"], FRAMEWORKS.items(), strict=True):
        assert component["version"] == framework.version
        assert component["guid"] == str(uuid5(NAMESPACE_URL, f"{framework.url}#{framework.version}"))
        for taxon in component["taxa"]:
            assert known[key, taxon["id"]] == taxon["shortDescription"]["text"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    kinds = {each["target"]["id"]: each["kinds"] for each in rules["security.verdict"]["relationships"]}
    assert kinds["AML.T0018.000"] == ["superset"]
    assert kinds["AML.T0010.003"] == ["relevant"]  # a backdoor need not come with the supply chain
    assert "T0058" not in json.dumps(run)  # withdrawn in the version of ATLAS that is named
    tags = rules["security.verdict"]["properties"]["tags"]
    assert tags == ["security", "AML.T0018", "AML.T0018.000", "ML10", "NISTAML.023"]


def test_a_requirement_bears_on_what_it_measures(judged):
    (run,) = json.loads(findings_sarif(judged))["runs"]
    first, second = run["results"][:2]
    assert [each["id"] for each in first["taxa"]] == [
        item.id for item in bears_on("fairness.disparate-impact")
    ]
    assert "AML.M0003" in [each["id"] for each in second["taxa"]]
    assert not any("taxa" in each for each in run["results"] if each["ruleId"] != "policy.requirement")


def test_help_names_a_page_that_is_not_on_this_machine_and_says_what_to_do(one_of_each):
    (run,) = json.loads(findings_sarif(one_of_each))["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        source = CATALOGUE[rule["id"]]
        assert ("helpUri" in rule) == bool(source.uri or bears_on(rule["id"]))
        assert rule.get("helpUri", "https://").startswith("https://")
        page = MarkdownIt().render(rule["help"]["markdown"])
        assert set(re.findall(r"</?(\w+)", page)) <= {"p", "strong", "code", "a"}
        assert "<strong>What to do:</strong>" in page
        assert not source.uri or not source.source or f'href="{source.uri}"' in page


@pytest.mark.parametrize(("level", "number"), [("breach", "8.0"), ("warning", "5.0"), ("note", None)])
def test_the_severity_of_a_rule_is_that_of_its_worst_finding(level, number, one_of_each):
    found = [dataclasses.replace(each, level=level) for each in one_of_each]
    passes = [dataclasses.replace(each, level="pass") for each in one_of_each]
    (run,) = json.loads(findings_sarif((*found, *passes)))["runs"]
    for rule in run["tool"]["driver"]["rules"]:
        attacked = rule["id"].startswith(("security.", "privacy."))
        assert rule["properties"].get("security-severity") == (number if attacked else None)
        assert ("security" in rule["properties"]["tags"]) == attacked


def test_the_default_level_of_what_gates_is_an_error(one_of_each):
    (run,) = json.loads(findings_sarif(one_of_each))["runs"]
    errors = {
        rule["id"]
        for rule in run["tool"]["driver"]["rules"]
        if rule["defaultConfiguration"]["level"] == "error"
    }
    assert errors == {*GATES, "policy.requirement"}


def rank(level, value, required):
    finding = dataclasses.replace(hostile_finding("plain", level), value=value, required=required)
    (result,) = json.loads(findings_sarif((finding,)))["runs"][0]["results"]
    return result["rank"]


def test_rank_follows_the_level_and_then_the_distance_from_the_bound():
    assert rank("breach", 3.0, "<= 1") == 68 + 32 * 0.5
    assert rank("breach", 0.5, "within 0.8 to 1.25") == round(68 + 32 * 0.3 / 1.3, 1)
    assert rank("breach", 1e6, "<= 1") > rank("breach", 2.0, "<= 1") > rank("breach", 1.0, "<= 1") == 68
    assert rank("breach", "backdoored", "no evidence") == rank("breach", None, "<= 1") == 84
    assert rank("breach", 0.0, "<= 0") == 68
    assert rank("warning", 1e9, "<= 1e-05") < rank("breach", 1.0, "<= 1")
    assert rank("note", 1e9, "<= 1") < rank("warning", 1.0, "<= 1")
    assert rank("pass", 0.5, "<= 1") == 0


def test_gitlab_takes_all_that_does_not_pass(judged):
    issues = json.loads(findings_gitlab(judged, CONFIGURED))
    shown = [each for each in judged if each.level != "pass"]
    assert [each["check_name"] for each in issues] == [each.rule for each in shown]
    assert {each["severity"] for each in issues} <= {"info", "minor", "critical"}
    assert [each["severity"] == "critical" for each in issues] == [each.level == "breach" for each in shown]
    assert len({each["fingerprint"] for each in issues}) == len(issues)
    assert issues[0]["location"] == {"path": "ci/audit.toml", "lines": {"begin": 6}}
    assert issues[0]["description"] == shown[0].sentence
    assert json.loads(findings_gitlab(())) == []
    assert json.loads(findings_gitlab(judged))[0]["location"]["path"] == "metrics.json"


def test_github_is_given_one_command_a_line_the_most_serious_first(judged):
    lines = findings_github(judged, CONFIGURED).splitlines()
    begin = "::error file=ci/audit.toml,line=6,title=trivet%3A policy.requirement::fairness.verdict"
    assert lines[0].startswith(begin)
    assert len(lines) == sum(each.level != "pass" for each in judged)
    order = [line[2:].split(" ", 1)[0] for line in lines]
    assert order == sorted(order, key=["error", "warning", "notice"].index)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_no_stranger_writes_a_command_for_github(text):
    found = [hostile_finding(f"{text}\n::error::no%0A::add-mask::x", level) for level in LEVELS]
    lines = findings_github(found, hostile_origin(f"a,line=9,title=x::{text}")).split("\n")
    assert lines.pop() == ""
    assert len(lines) == 3
    for line in lines:
        command, properties = line.split("::", 2)[1].split(" ", 1)
        assert command in {"error", "warning", "notice"}
        assert [each.partition("=")[0] for each in properties.split(",")] == ["file", "line", "title"]


def test_no_text_of_sarif_is_a_link():
    finding = hostile_finding("[free](javascript:alert(1)) ![a](b) [c][d]", "breach")
    for result in json.loads(findings_sarif((finding,)))["runs"][0]["results"]:
        assert "](" not in result["message"]["text"]
        assert "[free] (javascript" in result["message"]["text"]


def test_uris_are_relative_and_escaped(judged, sarif_validator):
    log = json.loads(findings_sarif(judged, Origin(record="out put/ü#?.json", config="a b\ud800%.toml")))
    sarif_validator.validate(log)
    uris = set(re.findall(r'"uri": "([^"]*)"', json.dumps(log)))
    assert uris == {"out%20put/%C3%BC%23%3F.json", "a%20b%ED%A0%80%25.toml"}


@pytest.mark.parametrize("origin", [None, CONFIGURED, *map(hostile_origin, TEXTS)])
def test_junit_follows_its_schema(origin, judged):
    for findings in (judged, hostile_findings(), ()):
        assert complaints(findings_junit(findings, origin)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("<testsuite name=", "<testsuite nome=", "testsuite lacks name"),
        ("<testcase name=", "<testcase id='1' name=", "testcase has no attribute id"),
        ("<failure ", "<fault ", "testcase holds <fault>"),
        ("<testsuites ", "<testsuites time='long' ", "testsuites time is 'long'"),
        ("<testsuite ", "text<testsuite ", "testsuites holds text"),
    ],
)
def test_the_schema_of_junit_refuses_what_is_wrong(judged, right, wrong, complaint):
    text = findings_junit(judged).replace(right, wrong, 1)
    if "fault" in wrong:
        text = text.replace("</failure>", "</fault>", 1)
    assert complaint in complaints(text)


def test_junit_fails_what_is_breached_and_nothing_else(judged):
    root = ET.fromstring(findings_junit(judged))
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["policy.1: fairness.verdict == 'in band'"]
    assert root.get("failures") == "1"
    assert root.get("tests") == str(len(judged)) == str(len(list(root.iter("testcase"))))
    for suite in root.iter("testsuite"):
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert "What to do: " in root.find(".//failure").text


@pytest.mark.parametrize("text", [text for text in TEXTS if text], ids=range(len(TEXTS) - 1))
def test_markdown_lets_no_stranger_out_of_a_cell(text):
    findings = [hostile_finding(text, level) for level in LEVELS]
    harmless = [hostile_finding("plain", level) for level in LEVELS]
    assert tags(findings, hostile_origin(text)) == tags(harmless, hostile_origin("plain"))
    assert tags(findings, hostile_card(text, findings)) == tags(harmless, hostile_card("plain", harmless))


def tags(findings, origin):
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return re.findall(r"<[^>]*>", page.render(findings_markdown(findings, origin)))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_markdown_shows_a_text_as_it_is(text):
    shown = MarkdownIt().render(plain(text)).strip().removeprefix("<p>").removesuffix("</p>")
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"), ("\u200b", "")):
        shown = shown.replace(entity, char)
    assert shown == hostile_finding(text, "note").title[:10_000].strip() or len(text) > 1_000
    assert not re.search(r"[@#]\w", plain(text).replace("&#", ""))


def test_markdown_puts_what_is_serious_first_and_folds_the_rest(judged):
    text = findings_markdown(judged, CONFIGURED)
    assert text.startswith("## trivet: An audit\n\n❌ 1 breach, ")
    table, folded = text.split("<details>", 1)
    assert "policy" not in folded or "&#60;= 0.05" in folded
    for finding in judged:
        part = table if finding.level in {"breach", "warning"} else folded
        assert f"**{plain(finding.title)}**" in part
    assert "compare the mitigations with `trivet fairness`, and ask" in table
    assert findings_markdown(()) == "## trivet: Findings\n\nNothing was looked at.\n"


def test_markdown_opens_with_the_card_and_repeats_none_of_its_lines(own, judged):
    summary = summary_of(own, judged, Made("1.2.3", "2026-11-30 UTC"))
    text = findings_markdown(judged, dataclasses.replace(CONFIGURED, summary=summary))
    assert text.startswith(f"## trivet: An audit\n\n### ❌ FAILED\n\nAgainst {len(ASKED)} requirement")
    assert "2026-11-30 UTC, trivet 1.2.3, seed 0" in text
    for leg in summary.legs:
        assert f"| {leg.heading} | " in text
    for line in summary.lines[:12]:
        assert f"| {plain(line.name)} | {plain(line.measured)} |" in text
    assert f"and {len(judged) - 12} more below" in text
    assert not re.search(r"[a-z]\.\d+\.", text.split("**")[0])
    for finding in judged:
        assert text.count(f".** {plain(finding.message)[:100]}") >= 1


def test_all_formats_are_written_and_written_anew(judged, tmp_path):
    files = write_findings(judged, tmp_path / "new", origin=CONFIGURED)
    assert [path.name for path in files] == list(FINDINGS_FILES)
    first = [path.read_bytes() for path in files]
    write_findings((), tmp_path / "new")
    assert all(path.read_bytes() != content for path, content in zip(files, first, strict=True))
    write_findings(judged, tmp_path / "new", origin=CONFIGURED)
    assert [path.read_bytes() for path in files] == first


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file cannot be written"):
        write_findings((), tmp_path / "file")


def test_every_rule_has_what_sarif_shows():
    for rule in CATALOGUE.values():
        assert all((rule.title, rule.why, rule.action, rule.heading))
