"""``trivet privacy plan``: the table as a user sees it, the documents, and what is refused."""

import json

import pytest

from trivet.cli.main import main
from trivet.privacy.releases.ledger import open_ledger

STUDY = ["--epsilon", "0.1", "--delta", "1e-5", "--queries", "92", "--sensitivity", "1"]

MIXED = """
[privacy.plan]
epsilon = 0.1
delta = 1e-5
[[privacy.plan.queries]]
name = "visits [bold]"
count = 92
sensitivity = 1
scale = 920
[[privacy.plan.queries]]
name = "ages"
cells = 92
scale = 30
"""


@pytest.fixture
def plan(capsys):
    """Run the command in this process; give exit code, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["privacy", "plan", *map(str, arguments)])
        captured = capsys.readouterr()
        return end.value.code, captured.out, captured.err

    return call


def test_the_published_table_is_printed_and_the_gaussian_is_named_best(trivet):
    done = trivet("privacy", "plan", *STUDY, "--value", "500", "--threshold", "505")
    assert done.code == 0, done.err
    for figure in ("920", "462.3", "461.3", "380.8", "321.7", "293.1", "292.9", "294.9"):
        assert f" {figure} " in done.out
    marked = [line for line in done.out.splitlines() if line.startswith("▸")]
    assert len(marked) == 1
    assert "294.9" in marked[0]
    assert "Gaussian noise, accounted for exactly, has the least standard deviation, 294.9" in done.out
    assert "P(> 505)" in done.out
    assert "Traceback" not in done.err


def test_a_line_fits_eighty_columns(plan, monkeypatch):
    _, out, _ = plan(*STUDY, "--value", "500", "--threshold", "505")
    table = out[: out.index("not applicable")]
    assert max(map(len, table.splitlines())) <= 80


def test_json_is_one_document_and_curves_come_when_asked(plan):
    code, out, _ = plan(*STUDY, "--json")
    bare = json.loads(out)
    assert code == 0
    assert bare["curves"] is None
    assert bare["best_method"] == "gaussian"
    _, out, _ = plan(*STUDY, "--json", "--curves", "--mechanism", "gaussian")
    assert json.loads(out)["curves"]["planned"] == 92


@pytest.mark.parametrize("names", [("a",), pytest.param(("a", "b"), marks=pytest.mark.slow)])
def test_the_folder_gets_the_same_bytes_each_time(plan, tmp_path, names):
    texts = set()
    for name in names:
        code, out, _ = plan(*STUDY, "--mechanism", "laplace", "--out", tmp_path / name)
        assert code == 0
        assert "plan.json" in out
        texts.add((tmp_path / name / "plan.json").read_bytes())
    (text,) = texts
    assert text.endswith(b"}\n")
    assert json.loads(text)["curves"]["repeats_are"] == "queries"


def test_a_table_of_different_queries_is_planned_line_by_line(plan, tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text(MIXED)
    code, out, _ = plan(path)
    assert code == 0
    assert "visits [bold]" in out
    assert "92 numbers for the price of 1 single query" in out
    code, out, _ = plan(path, "--inverse", "--mechanism", "laplace", "--epsilon", "0.2", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["rows"][0]["epsilon"] == pytest.approx(92 / 920 + 1 / 30)
    assert found["epsilon"] == 0.2
    code, out, _ = plan(path, "--inverse", "--mechanism", "laplace")
    assert "▸" in out


def test_a_long_name_is_folded_and_not_cut(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    path, name = (
        tmp_path / "audit.toml",
        "late parcels by depot and by day of the week, as the regulator wants them",
    )
    path.write_text(MIXED.replace('name = "ages"', f'name = "{name}"'), encoding="utf-8")
    code, out, _ = plan(path)
    assert code == 0
    table, _, after = out.partition("To release it")
    assert name in " ".join(after.split())
    column = [line[: line.find("  ")] for line in table.splitlines() if line[:1].isalpha()]
    assert {"late", "regulator", "wants", "them"} <= {word for line in column for word in line.split()}


def test_kinds_are_lists_and_one_count_is_one_a_query(plan):
    _, out, _ = plan("--epsilon", 1, "--queries", 3, "--sensitivity", "1,2,2.5", "--json")
    asked = json.loads(out)["queries"]
    assert [(query["count"], query["l1"]) for query in asked] == [(1, 1.0), (1, 2.0), (1, 2.5)]
    _, out, _ = plan("--epsilon", 1, "--queries", "90,2", "--sensitivity", 1, "--json")
    assert [query["count"] for query in json.loads(out)["queries"]] == [90, 2]
    _, out, _ = plan(
        "--inverse", "--mechanism", "laplace", "--scale", "4,8", "--queries", 2, "--sensitivity", 1, "--json"
    )
    assert json.loads(out)["rows"][0]["epsilon"] == pytest.approx(0.375)


ONE = ["--queries", "1", "--sensitivity", "1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --queries and --sensitivity, or an audit.toml"),
        (ONE, "give --epsilon"),
        (["--epsilon", "0", *ONE], "--epsilon is 0.0; expected above 0 and at most 1000"),
        (["--epsilon", "nan", *ONE], "--epsilon is nan; expected above 0 and at most 1000"),
        (["--epsilon", "1", "--delta", "1", *ONE], "--delta is 1.0; expected 0 or more and below 1"),
        (["--epsilon", "1", "--delta", "-1e-5", *ONE], "--delta is -1e-05; expected 0 or more and below 1"),
        (
            ["--epsilon", "1", "--queries", "0", "--sensitivity", "1"],
            "--queries is 0; expected 1 to 10000",
        ),
        (["--epsilon", "1", "--queries", "1.5", "--sensitivity", "1"], "expected whole numbers"),
        (
            ["--epsilon", "1", "--queries", "1", "--sensitivity", "0"],
            "--sensitivity is 0.0; expected above",
        ),
        (["--epsilon", "1", "--queries", "1", "--sensitivity", "a\x1b[1m"], "expected numbers"),
        (["--epsilon", "1", "--queries", "3", "--sensitivity", "1,2"], "there are 2 values of --sensitivity"),
        (["--epsilon", "1", "--queries", "1,2,3", "--sensitivity", "1,2"], "--sensitivity has 2 values"),
        (["--epsilon", "1", *ONE, "--threshold", "3"], "--threshold is compared with --value"),
        (["--epsilon", "1", *ONE, "--value", "3"], "--value is compared with --threshold"),
        (["--epsilon", "1", *ONE, "--group", "0"], "--group is 0; expected 1 to 1000000000"),
        (["--epsilon", "1", *ONE, "--mechanism", "staircase"], "staircase"),
        (["--epsilon", "1", *ONE, "--adjacency", "both"], "both"),
        (["--epsilon", "1", *ONE, "--scale", "3"], "--inverse"),
        (["--epsilon", "1", *ONE, "--curves"], "print them with --json, or give --out"),
        (["--inverse", *ONE, "--scale", "3", "--value", "3", "--threshold", "4"], "are about a plan"),
        (["--inverse", *ONE], "give it with --scale"),
        (["--inverse", *ONE, "--scale", "3"], "name it: laplace, discrete-laplace or gaussian"),
        (["--inverse", *ONE, "--scale", "0", "--mechanism", "laplace"], "--scale is 0.0; expected above 0"),
        (["--inverse", "--queries", "1,1", "--sensitivity", "1", "--scale", "1,2,3"], "--scale has 3 values"),
        (["--epsilon", "1", *ONE, "--mechanism", "gaussian"], "needs delta > 0"),
        (["missing.toml"], "there is no missing.toml"),
    ],
)
def test_bad_input_is_one_clear_line(plan, arguments, message):
    code, out, err = plan(*arguments)
    complaints = [line for line in err.splitlines() if not line.startswith("[")]
    assert code == 2
    assert out == ""
    assert len(complaints) == 1
    assert message in complaints[0]
    assert "\x1b" not in complaints[0]


def test_a_file_without_a_plan_or_without_queries_is_refused(plan, tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text("[privacy]\nepsilon = 1.0\n")
    code, _, err = plan(path)
    assert code == 2
    assert "audit.toml has no [privacy.plan] table" in err
    path.write_text("[privacy.plan]\nepsilon = 1.0\n")
    code, _, err = plan(path)
    assert code == 2
    assert "a plan needs at least one query" in err
    path.write_text(MIXED)
    code, _, err = plan(path, "--queries", "3")
    assert code == 2
    assert "the queries are those of the file" in err


@pytest.mark.parametrize("adjacency", ["add-remove", "replace-one"])
def test_the_ledger_to_make_has_the_adjacency_of_the_plan(plan, tmp_path, adjacency):
    _, out, _ = plan("--queries", 1, "--sensitivity", 1, "--epsilon", 1, "--adjacency", adjacency)
    _, _, options = out.partition("trivet privacy ledger FILE ")
    with pytest.raises(SystemExit):
        main(["privacy", "ledger", str(tmp_path / "ledger"), *options.splitlines()[0].split()])
    assert open_ledger(tmp_path / "ledger").adjacency == adjacency
