import dataclasses
import json

import pytest

from example_audits import write_audit
from example_fairness import example_comparison, undefined_audit
from example_privacy import example_mechanism, example_membership, example_plan, example_training
from example_records import example_record
from example_scan import example_repair, example_scan
from trivet.cli.main import main
from trivet.cli.outputs import refuse_foreign
from trivet.errors import UsageError
from trivet.security.scanning.scan import scan_document

PLAN = [
    "privacy",
    "plan",
    "--epsilon",
    "1",
    "--delta",
    "1e-6",
    "--queries",
    "3",
    "--sensitivity",
    "1",
    "--out",
    "out",
]
COMMANDS = {
    "run": (
        ["run", "--out", "out"],
        ["metrics.json", "report.html", "report.pdf", "findings.md", "manifest.json"],
    ),
    "report": (["report", "audit"], []),
    "gate": (["gate", "audit", "--out", "out"], ["findings.json", "findings.sarif", "findings.junit.xml"]),
    "compare": (["compare", "audit", "audit", "--out", "out"], ["comparison.json", "compare.html"]),
    "card": (["card", "audit", "--out", "out/README.md"], ["README.md"]),
    "view": (["view", "audits", "--no-browser", "--out", "out"], ["index.html"]),
    "init": (["init", "out/audit.toml"], ["audit.toml"]),
    "plan": (PLAN, ["plan.json", "plan.html"]),
    "scan": (["scan", "demo", "--out", "out"], ["scan.json", "scan.html", "scan-triggers.safetensors"]),
    "zoo": (["zoo", "train", "--out", "out"], ["mnist-cnn-none-0.json", "mnist-cnn-none-0.safetensors"]),
}
FOREIGN = [(name, part) for name, (_, parts) in COMMANDS.items() for part in parts]
TEXT = '<p>A quarterly report on trivets, with "schema_version".</p>'


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audit(tmp_path / "audit", example_record(), page=None)
    write_audit(tmp_path / "audits" / "one", example_record())
    (tmp_path / "out").mkdir()
    return tmp_path


def call(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize(("name", "part"), FOREIGN)
def test_no_command_replaces_a_file_that_trivet_did_not_write(name, part, place, capsys):
    (place / "out" / part).write_text("precious", encoding="utf-8")
    code, said = call(COMMANDS[name][0], capsys)
    assert code == 2
    assert part in said
    assert said.splitlines()[-1].startswith("trivet: ")
    assert (place / "out" / part).read_text(encoding="utf-8") == "precious"
    assert [path.name for path in (place / "out").iterdir()] == [part]


def test_a_report_is_not_drawn_over_a_page_of_another(place, capsys):
    (place / "audit" / "report.html").write_text(TEXT, encoding="utf-8")
    assert call(["report", "audit"], capsys)[0] in {2, 3}
    assert (place / "audit" / "report.html").read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize("name", ["gate", "card", "view"])
def test_what_trivet_wrote_is_written_again(name, place, capsys):
    command = COMMANDS[name][0]
    assert call(command, capsys)[0] in {0, 1}
    first = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
    assert first
    assert call(command, capsys)[0] in {0, 1}
    assert {path.name: path.read_bytes() for path in (place / "out").iterdir()} == first


def test_what_cannot_show_who_wrote_it_is_shown_by_what_is_beside_it(tmp_path):
    places = [tmp_path / "metrics.json", tmp_path / "report.pdf"]
    refuse_foreign(places)
    places[1].write_bytes(b"%PDF")
    with pytest.raises(UsageError, match="trivet did not write it"):
        refuse_foreign(places)
    places[0].write_text('{"schema_version": 1}')
    refuse_foreign(places)
    places[0].write_text("{}")
    with pytest.raises(UsageError, match=r"metrics\.json is there"):
        refuse_foreign(places)


def test_other_files_of_the_folder_are_nobody_s_business(place, capsys):
    (place / "out" / "notes.txt").write_text("mine")
    assert call(COMMANDS["gate"][0], capsys)[0] in {0, 1}
    assert (place / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("fairness.json", lambda: dataclasses.asdict(undefined_audit())),
        ("fairness.json", lambda: dataclasses.asdict(example_comparison())),
        ("plan.json", lambda: dataclasses.asdict(example_plan())),
        ("training.json", lambda: dataclasses.asdict(example_training())),
        ("mechanism.json", lambda: dataclasses.asdict(example_mechanism())),
        ("membership.json", lambda: dataclasses.asdict(example_membership())),
        ("repair.json", lambda: dataclasses.asdict(example_repair())),
        ("scan.json", lambda: scan_document(example_scan().result)),
    ],
)
def test_each_result_shows_that_trivet_wrote_it(name, make, tmp_path):
    (tmp_path / name).write_text(json.dumps(make(), default=str))
    refuse_foreign([tmp_path / name])
