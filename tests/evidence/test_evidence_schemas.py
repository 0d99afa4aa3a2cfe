"""Every document is valid by its official schema, whatever others call their files, columns and groups."""

import hashlib
import json
import re
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

from example_evidence import renamed, saved
from example_records import example_record, whole_own_record
from trivet.evidence import About, write
from trivet.findings import findings_of, write_findings
from trivet.record import as_json, load_record

SCHEMAS = Path(__file__).parent / "schemas"
BESIDE = ("spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json")
ABOUT = About("Acme Ltd.", "2.1", "2026-11-01", "https://models.example/loans")
HOSTILE = (
    "</script><script>alert(1)</script>",
    "a | b\n# c @octocat https://evil.example \x1b[31m \u202e ]]> $x$ `y`",
    "x" * 3_000,
    "\ud800",
)


@pytest.fixture(scope="module")
def cyclonedx():
    loaded = [(f"http://cyclonedx.org/schema/{name}", schema(name)) for name in BESIDE]
    registry = Registry().with_resources([(uri, Resource.from_contents(each)) for uri, each in loaded])
    return jsonschema.Draft7Validator(
        schema("bom-1.7.schema.json"), registry=registry, format_checker=jsonschema.FormatChecker()
    )


@pytest.fixture(scope="module")
def spdx():
    return jsonschema.Draft202012Validator(schema("spdx-3.0.1.schema.json"))


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = saved(example_record(), tmp_path_factory.mktemp("study"))
    write(folder)
    return folder / "evidence"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = saved(
        whole_own_record()[0],
        tmp_path_factory.mktemp("own"),
        origin={"invocation": {"command": "trivet run audit.toml"}, "files": {"data/loans.csv": "cd" * 32}},
    )
    write(folder, about=ABOUT)
    return folder / "evidence"


def schema(name):
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def load(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_schemas_are_those_that_the_table_names():
    table = (SCHEMAS / "README.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", table, re.MULTILINE))
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SCHEMAS.glob("*.json")}
    assert named == there


@pytest.mark.parametrize("which", ["studied", "own"])
def test_the_bill_of_materials_follows_its_schema(which, cyclonedx, request):
    document = load(request.getfixturevalue(which), "bom.cdx.json")
    cyclonedx.validate(document)
    refs = re.findall(r'"bom-ref": "([^"]*)"', json.dumps(document))
    assert len(refs) == len(set(refs))
    used = set(re.findall(r'"(?:ref|target|requirement|assessor)": "([^"]*)"', json.dumps(document)))
    listed = [ref for each in declared(document) for side in SIDES for ref in each.get(side, ())]
    assert used | set(listed) <= set(refs)


SIDES = ("claims", "counterClaims", "evidence", "counterEvidence")


def declared(document):
    declarations = document["declarations"]
    return [*declarations["attestations"][0]["map"], *declarations["claims"]]


def test_the_schemas_refuse_what_is_wrong(own, cyclonedx, spdx):
    bom, document = load(own, "bom.cdx.json"), load(own, "model.spdx3.json")
    bom["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    assert list(cyclonedx.iter_errors(bom))
    next(each for each in document["@graph"] if each["type"] == "ai_AIPackage")["ai_metric"] = "none"
    assert list(spdx.iter_errors(document))


@pytest.mark.parametrize("which", ["studied", "own"])
def test_the_spdx_document_follows_its_schema(which, spdx, request):
    document = load(request.getfixturevalue(which), "model.spdx3.json")
    spdx.validate(document)
    refs = {each["spdxId"] for each in document["@graph"] if "spdxId" in each}
    (whole,) = [each for each in document["@graph"] if each["type"] == "SpdxDocument"]
    assert {*whole["element"], whole["spdxId"]} == refs


def test_the_profile_ai_is_claimed_only_with_all_that_it_needs(studied, own):
    for folder, whole in ((studied, False), (own, True)):
        graph = {each["type"]: each for each in load(folder, "model.spdx3.json")["@graph"]}
        assert ("ai" in graph["SpdxDocument"]["profileConformance"]) is whole
        package = graph["ai_AIPackage"]
        assert package["software_primaryPurpose"] == "model"
        needed = {"software_downloadLocation", "software_packageVersion", "releaseTime", "suppliedBy"}
        assert (needed <= package.keys()) is whole
    assert package["releaseTime"] == "2026-11-01T00:00:00Z"
    assert graph["Organization"]["name"] == "Acme Ltd."


@pytest.mark.parametrize("which", ["studied", "own"])
def test_the_statement_has_the_fields_of_the_specification(which, request):
    statement = load(request.getfixturevalue(which), "test-result.json")
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["subject"]
    predicate = statement["predicate"]
    assert predicate.keys() <= {"result", "configuration", "url", "passedTests", "warnedTests", "failedTests"}
    assert predicate["result"] in {"PASSED", "WARNED", "FAILED"}
    for each in (*statement["subject"], *predicate["configuration"]):
        assert re.fullmatch("[0-9a-f]{64}", each["digest"]["sha256"])
    for name in ("passedTests", "warnedTests", "failedTests"):
        assert all(isinstance(each, str) for each in predicate[name])


@pytest.mark.parametrize("texts", [HOSTILE[:1] * 3, HOSTILE[1:]], ids=["markup", "others"])
def test_any_name_of_others_can_be_written(texts, tmp_path, cyclonedx, spdx):
    folder = saved(whole_own_record()[0], tmp_path)
    renamed(folder, dict(zip(("Female", "Ours", "network.safetensors"), texts, strict=True)))
    write_findings(findings_of(as_json(load_record(folder))), folder)
    write(folder)
    cyclonedx.validate(load(folder / "evidence", "bom.cdx.json"))
    spdx.validate(load(folder / "evidence", "model.spdx3.json"))
    for name in ("annex-iv.md", "annex-iv.html", "bom.cdx.json"):
        written = (folder / "evidence" / name).read_text(encoding="utf-8")
        assert all(character.isprintable() or character == "\n" for character in written)
    page = (folder / "evidence" / "annex-iv.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "src=" not in page
    markdown = (folder / "evidence" / "annex-iv.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<(?!!-- -->)", markdown)
    assert "@octocat" not in markdown
